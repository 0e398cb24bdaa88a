//! What the chain says of a run: its rows in one fixed form, whether they are committed to or checked.

use std::collections::BTreeMap;

use rollcall_sqlite::{Connection, Row};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::{Leaf, RunStep};
use crate::sql::{self, Worked};

/// What a run is and is to do: nothing of it changes once the run has begun.
const PLAN: &str = "plan";
/// How a run ended.
const END: &str = "end";
/// The run's JSON.
pub(crate) const DOCUMENT: &str = "document";

/// Gives what an entry says of a run: its plan, or everything else.
pub(super) fn leaves(state: &Connection, run: &str, step: RunStep) -> Worked<Vec<Leaf>> {
    let mut all = head(state, run)?;
    if step.is_end() {
        all.extend(changes(state, run)?);
    }
    Ok(all.into_iter().filter(|(what, _)| (what == PLAN) != step.is_end()).map(leaf).collect())
}

fn leaf((what, record): (String, String)) -> Leaf {
    Leaf { what, record, kept: false }
}

/// Tells whether a leaf is about what a run is and is to do.
pub(super) fn is_plan(what: &str) -> bool {
    what == PLAN
}

/// Names the leaf of one change of a run.
pub(crate) fn change(idx: i64) -> String {
    format!("change {idx}")
}

/// Gives everything that the chain may have said of a run, as it stands now. Empty where the run is gone.
pub(super) fn of_run(state: &Connection, run: &str) -> Worked<BTreeMap<String, String>> {
    let mut all = head(state, run)?;
    all.extend(changes(state, run)?);
    Ok(all)
}

/// Gives what the run's own row says.
fn head(state: &Connection, run: &str) -> Worked<BTreeMap<String, String>> {
    let select = "SELECT id, COALESCE(named, job), office, kind, started, file, accept, moves, users, owned, ended, exit, document \
                  FROM run WHERE id = ?1";
    let found = sql::first(state, select, [run], |row| {
        let text = |index| row.get::<_, String>(index);
        let number = |index| row.get::<_, Option<i64>>(index);
        let plan = json!([
            text(0)?,
            text(1)?,
            text(2)?,
            text(3)?,
            number(4)?,
            text(5)?,
            text(6)?,
            text(7)?,
            number(8)?,
            number(9)?
        ]);
        let end = json!([number(10)?, number(11)?]);
        let digest = Sha256::digest(row.get_ref(12)?.as_str()?.as_bytes());
        let document: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        let leaves = [(PLAN, plan.to_string()), (END, end.to_string()), (DOCUMENT, document)];
        Ok(leaves.map(|(what, record)| (what.to_owned(), record)))
    })?;
    Ok(found.into_iter().flatten().collect())
}

/// Gives each change of a run with its operations.
fn changes(state: &Connection, run: &str) -> Worked<BTreeMap<String, String>> {
    let mut ops = operations(state, run)?;
    let select = "SELECT idx, action, directory, native, key, clears, body, outcome, why, at FROM change WHERE run = ?1";
    let changes = sql::all(state, select, [run], |row| {
        let idx: i64 = row.get(0)?;
        let columns = texts(row, &[1, 2, 3, 4, 6, 7, 8])?;
        let numbers = [row.get::<_, Option<i64>>(5)?, row.get::<_, Option<i64>>(9)?];
        let record = json!([columns, numbers, ops.remove(&idx).unwrap_or_default()]);
        Ok((change(idx), record.to_string()))
    })?;
    Ok(changes.into_iter().collect())
}

/// Gives the operations of each change of a run.
fn operations(state: &Connection, run: &str) -> Worked<BTreeMap<i64, Vec<Value>>> {
    let select = "SELECT change, seq, key, write, settled, why, at FROM op WHERE run = ?1 ORDER BY seq";
    let mut ops: BTreeMap<i64, Vec<Value>> = BTreeMap::new();
    sql::all(state, select, [run], |row| {
        let (seq, at) = (row.get::<_, i64>(1)?, row.get::<_, Option<i64>>(6)?);
        ops.entry(row.get(0)?).or_default().push(json!([seq, texts(row, &[2, 3, 4, 5])?, at]));
        Ok(())
    })?;
    Ok(ops)
}

fn texts(row: &Row<'_>, columns: &[usize]) -> Worked<Vec<Option<String>>> {
    columns.iter().map(|index| Ok(row.get(*index)?)).collect()
}
