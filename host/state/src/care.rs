//! Care of the history: what is too old is forgotten, and a job gets another name.

use rollcall_core::Text;
use rollcall_edges::clock::Instant;
use rollcall_edges::state::StateError;
use rollcall_sqlite::{Connection, params};
use serde_json::{Value, json};

use crate::audit::Act;
use crate::files;
use crate::lease::short;
use crate::limits::RETENTION_MS;
use crate::rows::{self, link_row};
use crate::shapes::Shaper;
use crate::sql::{self, Failed, Worked};
use crate::store::Store;

/// Kinds of the chain's entries that name nobody and are kept with it.
const KEPT: &str = "('begin', 'erase', 'prune', 'rename')";

impl Store {
    /// Forgets runs that ended longer ago than `older_than_ms` (180 days where it is not given), and gives how many.
    ///
    /// A run that is unfinished, that has open operations, or that is its job's latest with a plan stays, and so does one that is old
    /// only because the clock jumped. The audit chain keeps its
    /// entries; the records behind them go.
    ///
    /// # Errors
    /// Where the file cannot be written.
    pub fn prune(&self, older_than_ms: Option<u64>, now: Instant) -> Result<u64, StateError> {
        let age = i64::try_from(older_than_ms.unwrap_or(RETENTION_MS)).unwrap_or(i64::MAX);
        let before = now.0.saturating_sub(age);
        // Most runs of a job find nothing to do here, and take no lock for it.
        let any = "SELECT EXISTS (SELECT 1 FROM run WHERE started < ?1) OR EXISTS (SELECT 1 FROM audit WHERE at < ?1 AND kind NOT IN ";
        let any = format!("{any}{KEPT} AND EXISTS (SELECT 1 FROM audit_leaf WHERE entry = seq))");
        if !self.read(|state| sql::value::<bool>(state, &any, [before]))? {
            return Ok(0);
        }
        self.write(|state| self.forget(state, before, now))
    }

    /// Forgets what is older than `before`.
    fn forget(&self, state: &Connection, before: i64, now: Instant) -> Worked<u64> {
        let select = "SELECT id FROM run WHERE started < ?1 AND COALESCE(ended, recovered, ?1) < ?1 AND (ended IS NOT NULL OR recovered IS NOT NULL) \
                      AND NOT EXISTS (SELECT 1 FROM op WHERE run = run.id AND sent IS NOT NULL AND settled IS NULL) \
                      AND NOT EXISTS (SELECT 1 FROM job WHERE job.name = run.job AND jump_by > 0 AND run.started < jump_at \
                      AND run.started + jump_by >= ?1) \
                      AND EXISTS (SELECT 1 FROM run AS later WHERE later.job = run.job AND (later.started, later.rowid) > (run.started, run.rowid) \
                      AND (later.users >= 0 OR run.users < 0))";
        let runs: Vec<Text> = sql::all(state, select, [before], |row| Ok(row.get(0)?))?;
        for run in &runs {
            sql::run(state, "DELETE FROM run WHERE id = ?1", [run])?;
        }
        // Entries of runs that are gone, and acts of that age: their records name people, so they go too.
        let delete = format!(
            "DELETE FROM audit_leaf WHERE entry IN (SELECT seq FROM audit WHERE at < ?1 AND kind NOT IN {KEPT} \
             AND (run = '' OR NOT EXISTS (SELECT 1 FROM run WHERE id = audit.run))) RETURNING entry"
        );
        let entries: Vec<i64> = sql::all(state, &delete, [before], |row| Ok(row.get(0)?))?;
        if runs.is_empty() && entries.is_empty() {
            return Ok(0);
        }
        let act = Act::new("prune", now).with("runs", runs.len()).with("entries", ranges(entries));
        self.audit_act(state, &act)?;
        Ok(runs.len() as u64)
    }

    /// Gives a job another name: its links, runs, clocks and mirrors go with it. The history keeps both names.
    ///
    /// The caller holds the job's lease.
    ///
    /// # Errors
    /// Where nothing is known of the job, something is known of the new name, or the file cannot be written.
    pub fn rename_job(&self, old: &str, new: &str, now: Instant) -> Result<u64, StateError> {
        let links = self.write(|state| self.rename(state, old, new, now))?;
        for path in self.mirror_files(old) {
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            let target = path.with_file_name(name.replacen(&short(old), &short(new), 1));
            std::fs::rename(&path, &target).map_err(|error| files::unusable(&path, &error))?;
        }
        Ok(links)
    }

    /// Gives the other name of a job: the one that it was renamed to, or under which its file was run the last time.
    pub(crate) fn other_name(&self, job: &str, file: &str) -> Result<Option<Text>, StateError> {
        let select = "SELECT job FROM run WHERE job <> ?1 AND users >= 0 AND (named = ?1 OR (file = ?2 AND file <> '')) \
                      ORDER BY rowid DESC LIMIT 1";
        self.read(|state| sql::first(state, select, [job, file], |row| Ok(row.get(0)?)))
    }

    fn rename(&self, state: &Connection, old: &str, new: &str, now: Instant) -> Worked<u64> {
        let refuse = |message: String, hint: &str| {
            Err(Failed::State(StateError::Unusable { message, hint: Some(hint.into()) }))
        };
        if !is_known(state, old)? {
            let hint = "`rollcall runs` names the jobs; is `--state DIR` the right one?";
            return refuse(format!("nothing is known of a job `{old}` here"), hint);
        }
        if is_taken(state, new)? {
            let hint = "take a name that no job has had; the links of two jobs are never mixed";
            return refuse(format!("there is a job `{new}` already"), hint);
        }
        sql::run(state, "UPDATE run SET named = COALESCE(named, job) WHERE job = ?1", [old])?;
        let links = self.reseal(state, old, new)?;
        for table in tables_with(state, &["job"])? {
            // A `serve` that saw the new name first has begun its schedule; the old one's slots are the true ones.
            let update = format!("UPDATE OR REPLACE \"{table}\" SET job = ?2 WHERE job = ?1");
            sql::run(state, &update, [old, new])?;
        }
        sql::run(state, "UPDATE job SET name = ?2 WHERE name = ?1", [old, new])?;
        self.audit_act(state, &Act::new("rename", now).with("from", old).with("to", new))?;
        Ok(links)
    }

    /// Seals the codes of a job's links for their new rows: a sealed code opens in its own row only.
    fn reseal(&self, state: &Connection, old: &str, new: &str) -> Worked<u64> {
        let select = "SELECT directory, native, written FROM link WHERE job = ?1";
        let found =
            sql::all(state, select, [old], |row| Ok((rows::record_id(row, 0)?, row.get::<_, String>(2)?)))?;
        for (id, written) in &found {
            let (from, to) = (link_row(old, id), link_row(new, id));
            let written = Shaper { seal: &self.seal, row: &from }.fields_back(written)?;
            let sealed = Shaper { seal: &self.seal, row: &to }.fields(&written)?;
            let update = "UPDATE link SET written = ?4 WHERE job = ?1 AND directory = ?2 AND native = ?3";
            sql::run(state, update, params![old, id.directory, id.native, sealed])?;
        }
        Ok(found.len() as u64)
    }
}

fn is_known(state: &Connection, job: &str) -> Worked<bool> {
    let select = "SELECT EXISTS (SELECT 1 FROM job WHERE name = ?1) OR EXISTS (SELECT 1 FROM link WHERE job = ?1) \
                  OR EXISTS (SELECT 1 FROM run WHERE job = ?1)";
    sql::value(state, select, [job])
}

/// Tells whether a job of that name has ever passed or owned anything. One whose runs were all refused, or came to no
/// plan, is most likely the renamed one, which was tried before its links were moved.
fn is_taken(state: &Connection, job: &str) -> Worked<bool> {
    let select = "SELECT EXISTS (SELECT 1 FROM job WHERE name = ?1) OR EXISTS (SELECT 1 FROM link WHERE job = ?1) \
                  OR EXISTS (SELECT 1 FROM run WHERE job = ?1 AND users >= 0 AND COALESCE(exit, 0) <> 5)";
    sql::value(state, select, [job])
}

/// Names the tables that have all these columns.
pub(crate) fn tables_with(state: &Connection, columns: &[&str]) -> Worked<Vec<String>> {
    let select = "SELECT name, (SELECT group_concat('|' || columns.name || '|') FROM pragma_table_info(sqlite_master.name) AS columns) \
                  FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name";
    let has = |all: &str| columns.iter().all(|column| all.contains(&format!("|{column}|")));
    let mut tables = sql::all(state, select, [], |row| {
        Ok((row.get::<_, String>(0)?, row.get::<_, Option<String>>(1)?.unwrap_or_default()))
    })?;
    tables.retain(|(_, all)| has(all));
    Ok(tables.into_iter().map(|(name, _)| name).collect())
}

/// Writes numbers as the ranges that they make up.
fn ranges(mut numbers: Vec<i64>) -> Vec<Value> {
    numbers.sort_unstable();
    numbers.dedup();
    let mut ranges: Vec<(i64, i64)> = Vec::new();
    for number in numbers {
        match ranges.last_mut() {
            Some((_, last)) if *last + 1 == number => *last = number,
            _ => ranges.push((number, number)),
        }
    }
    ranges.into_iter().map(|(first, last)| json!([first, last])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_become_ranges() {
        assert_eq!(ranges(vec![3, 1, 2, 7, 2]), [json!([1, 3]), json!([7, 7])]);
        assert!(ranges(Vec::new()).is_empty());
    }
}
