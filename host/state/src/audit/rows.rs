//! What the chain says of a run: its rows in one fixed form, whether they are committed to or checked.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use sqlx::sqlite::SqliteRow;
use sqlx::{Row as _, SqliteConnection};

use super::{Leaf, RunStep};

/// What a run is and is to do: nothing of it changes once the run has begun.
const PLAN: &str = "plan";
/// How a run ended.
const END: &str = "end";
/// The run's JSON.
pub(crate) const DOCUMENT: &str = "document";

/// Gives what an entry says of a run: its plan, or everything else.
pub(super) async fn leaves(
    conn: &mut SqliteConnection,
    run: &str,
    step: RunStep,
) -> Result<Vec<Leaf>, sqlx::Error> {
    let mut all = head(conn, run).await?;
    if step.is_end() {
        all.extend(changes(conn, run).await?);
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
pub(super) async fn of_run(
    conn: &mut SqliteConnection,
    run: &str,
) -> Result<BTreeMap<String, String>, sqlx::Error> {
    let mut all = head(conn, run).await?;
    all.extend(changes(conn, run).await?);
    Ok(all)
}

/// Gives what the run's own row says.
async fn head(conn: &mut SqliteConnection, run: &str) -> Result<BTreeMap<String, String>, sqlx::Error> {
    let mut all = BTreeMap::new();
    let select = "SELECT id, COALESCE(named, job), office, kind, started, file, accept, moves, users, owned, ended, exit, document \
                  FROM run WHERE id = $1";
    let Some(row) = sqlx::query(select).bind(run).fetch_optional(&mut *conn).await? else { return Ok(all) };
    let text = |index: usize| row.get::<String, _>(index);
    let number = |index: usize| row.get::<Option<i64>, _>(index);
    let plan = json!([
        text(0),
        text(1),
        text(2),
        text(3),
        number(4),
        text(5),
        text(6),
        text(7),
        number(8),
        number(9)
    ]);
    all.insert(PLAN.to_owned(), plan.to_string());
    all.insert(END.to_owned(), json!([number(10), number(11)]).to_string());
    let document: String =
        Sha256::digest(text(12).as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect();
    all.insert(DOCUMENT.to_owned(), document);
    Ok(all)
}

/// Gives each change of a run with its operations.
async fn changes(conn: &mut SqliteConnection, run: &str) -> Result<BTreeMap<String, String>, sqlx::Error> {
    let mut all = BTreeMap::new();
    let mut ops = operations(conn, run).await?;
    let select = "SELECT idx, action, directory, native, key, clears, body, outcome, why, at FROM change WHERE run = $1";
    for row in sqlx::query(select).bind(run).fetch_all(&mut *conn).await? {
        let idx: i64 = row.get(0);
        let columns = texts(&row, &[1, 2, 3, 4, 6, 7, 8]);
        let numbers = [row.get::<Option<i64>, _>(5), row.get::<Option<i64>, _>(9)];
        let record = json!([columns, numbers, ops.remove(&idx).unwrap_or_default()]);
        all.insert(change(idx), record.to_string());
    }
    Ok(all)
}

/// Gives the operations of each change of a run.
async fn operations(
    conn: &mut SqliteConnection,
    run: &str,
) -> Result<BTreeMap<i64, Vec<Value>>, sqlx::Error> {
    let select = "SELECT change, seq, key, write, settled, why, at FROM op WHERE run = $1 ORDER BY seq";
    let mut ops: BTreeMap<i64, Vec<Value>> = BTreeMap::new();
    for row in sqlx::query(select).bind(run).fetch_all(&mut *conn).await? {
        let record = json!([row.get::<i64, _>(1), texts(&row, &[2, 3, 4, 5]), row.get::<Option<i64>, _>(6)]);
        ops.entry(row.get(0)).or_default().push(record);
    }
    Ok(ops)
}

fn texts(row: &SqliteRow, columns: &[usize]) -> Vec<Option<String>> {
    columns.iter().map(|index| row.get::<Option<String>, _>(*index)).collect()
}
