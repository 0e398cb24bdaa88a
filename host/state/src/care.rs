//! Care of the history: what is too old is forgotten, and a job gets another name.

use rollcall_core::{RecordId, Text};
use rollcall_edges::clock::Instant;
use rollcall_edges::state::StateError;
use serde_json::{Value, json};
use sqlx::{Row as _, Sqlite, Transaction};

use crate::audit::Act;
use crate::files;
use crate::lease::short;
use crate::limits::RETENTION_MS;
use crate::rows::{self, link_row};
use crate::schema::WRITE;
use crate::shapes::Shaper;
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
    pub async fn prune(&self, older_than_ms: Option<u64>, now: Instant) -> Result<u64, StateError> {
        let broken = |error: sqlx::Error| self.broken(&error);
        let age = i64::try_from(older_than_ms.unwrap_or(RETENTION_MS)).unwrap_or(i64::MAX);
        let before = now.0.saturating_sub(age);
        // Most runs of a job find nothing to do here, and take no lock for it.
        let any = "SELECT EXISTS (SELECT 1 FROM run WHERE started < $1) OR EXISTS (SELECT 1 FROM audit WHERE at < $1 AND kind NOT IN ";
        let any = format!("{any}{KEPT} AND EXISTS (SELECT 1 FROM audit_leaf WHERE entry = seq))");
        let query = sqlx::query_scalar(sqlx::AssertSqlSafe(any)).bind(before);
        if !query.fetch_one(&self.pool).await.map_err(broken)? {
            return Ok(0);
        }
        let mut tx = self.pool.begin_with(WRITE).await.map_err(broken)?;
        let select = "SELECT id FROM run WHERE started < $1 AND COALESCE(ended, recovered, $1) < $1 AND (ended IS NOT NULL OR recovered IS NOT NULL) \
                      AND NOT EXISTS (SELECT 1 FROM op WHERE run = run.id AND sent IS NOT NULL AND settled IS NULL) \
                      AND NOT EXISTS (SELECT 1 FROM job WHERE job.name = run.job AND jump_by > 0 AND run.started < jump_at \
                      AND run.started + jump_by >= $1) \
                      AND EXISTS (SELECT 1 FROM run AS later WHERE later.job = run.job AND (later.started, later.rowid) > (run.started, run.rowid) \
                      AND (later.users >= 0 OR run.users < 0))";
        let runs: Vec<String> =
            sqlx::query_scalar(select).bind(before).fetch_all(&mut *tx).await.map_err(broken)?;
        for run in &runs {
            sqlx::query("DELETE FROM run WHERE id = $1").bind(run).execute(&mut *tx).await.map_err(broken)?;
        }
        // Entries of runs that are gone, and acts of that age: their records name people, so they go too.
        let delete = format!(
            "DELETE FROM audit_leaf WHERE entry IN (SELECT seq FROM audit WHERE at < $1 AND kind NOT IN {KEPT} \
             AND (run = '' OR NOT EXISTS (SELECT 1 FROM run WHERE id = audit.run))) RETURNING entry"
        );
        let query = sqlx::query_scalar(sqlx::AssertSqlSafe(delete)).bind(before);
        let entries: Vec<i64> = query.fetch_all(&mut *tx).await.map_err(broken)?;
        if runs.is_empty() && entries.is_empty() {
            return Ok(0);
        }
        let act = Act::new("prune", now).with("runs", runs.len()).with("entries", ranges(entries));
        self.audit_act(&mut tx, &act).await?;
        tx.commit().await.map_err(broken)?;
        Ok(runs.len() as u64)
    }

    /// Gives a job another name: its links, runs, clocks and mirrors go with it. The history keeps both names.
    ///
    /// The caller holds the job's lease.
    ///
    /// # Errors
    /// Where nothing is known of the job, something is known of the new name, or the file cannot be written.
    pub async fn rename_job(&self, old: &str, new: &str, now: Instant) -> Result<u64, StateError> {
        let broken = |error: sqlx::Error| self.broken(&error);
        let mut tx = self.pool.begin_with(WRITE).await.map_err(broken)?;
        if !self.is_known(&mut tx, old).await.map_err(broken)? {
            return Err(StateError::Unusable {
                message: format!("nothing is known of a job `{old}` here"),
                hint: Some("`rollcall runs` names the jobs; is `--state DIR` the right one?".into()),
            });
        }
        if self.is_taken(&mut tx, new).await.map_err(broken)? {
            return Err(StateError::Unusable {
                message: format!("there is a job `{new}` already"),
                hint: Some("take a name that no job has had; the links of two jobs are never mixed".into()),
            });
        }
        let named = "UPDATE run SET named = COALESCE(named, job) WHERE job = $1";
        sqlx::query(named).bind(old).execute(&mut *tx).await.map_err(broken)?;
        let links = self.reseal(&mut tx, old, new).await?;
        for table in self.tables_with(&mut tx, &["job"]).await.map_err(broken)? {
            // A `serve` that saw the new name first has begun its schedule; the old one's slots are the true ones.
            let update = format!("UPDATE OR REPLACE \"{table}\" SET job = $2 WHERE job = $1");
            let query = sqlx::query(sqlx::AssertSqlSafe(update)).bind(old).bind(new);
            query.execute(&mut *tx).await.map_err(broken)?;
        }
        let update = "UPDATE job SET name = $2 WHERE name = $1";
        sqlx::query(update).bind(old).bind(new).execute(&mut *tx).await.map_err(broken)?;
        self.audit_act(&mut tx, &Act::new("rename", now).with("from", old).with("to", new)).await?;
        tx.commit().await.map_err(broken)?;
        for path in self.mirror_files(old) {
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            let target = path.with_file_name(name.replacen(&short(old), &short(new), 1));
            std::fs::rename(&path, &target).map_err(|error| files::unusable(&path, &error))?;
        }
        Ok(links)
    }

    /// Gives the other name of a job: the one that it was renamed to, or under which its file was run the last time.
    pub(crate) async fn other_name(&self, job: &str, file: &str) -> Result<Option<Text>, StateError> {
        let select = "SELECT job FROM run WHERE job <> $1 AND users >= 0 AND (named = $1 OR (file = $2 AND file <> '')) \
                      ORDER BY rowid DESC LIMIT 1";
        let query = sqlx::query_scalar::<_, String>(select).bind(job).bind(file);
        let found = query.fetch_optional(&self.pool).await.map_err(|error| self.broken(&error))?;
        Ok(found.map(Text::from))
    }

    async fn is_known(&self, tx: &mut Transaction<'_, Sqlite>, job: &str) -> Result<bool, sqlx::Error> {
        let select = "SELECT EXISTS (SELECT 1 FROM job WHERE name = $1) OR EXISTS (SELECT 1 FROM link WHERE job = $1) \
                      OR EXISTS (SELECT 1 FROM run WHERE job = $1)";
        sqlx::query_scalar(select).bind(job).fetch_one(&mut **tx).await
    }

    /// Tells whether a job of that name has ever passed or owned anything. One whose runs were all refused, or came to no
    /// plan, is most likely the renamed one, which was tried before its links were moved.
    async fn is_taken(&self, tx: &mut Transaction<'_, Sqlite>, job: &str) -> Result<bool, sqlx::Error> {
        let select = "SELECT EXISTS (SELECT 1 FROM job WHERE name = $1) OR EXISTS (SELECT 1 FROM link WHERE job = $1) \
                      OR EXISTS (SELECT 1 FROM run WHERE job = $1 AND users >= 0 AND COALESCE(exit, 0) <> 5)";
        sqlx::query_scalar(select).bind(job).fetch_one(&mut **tx).await
    }

    /// Seals the codes of a job's links for their new rows: a sealed code opens in its own row only.
    async fn reseal(
        &self,
        tx: &mut Transaction<'_, Sqlite>,
        old: &str,
        new: &str,
    ) -> Result<u64, StateError> {
        let broken = |error: sqlx::Error| self.broken(&error);
        let select = "SELECT directory, native, written FROM link WHERE job = $1";
        let found = sqlx::query(select).bind(old).fetch_all(&mut **tx).await.map_err(broken)?;
        for row in &found {
            let id: RecordId = rows::record_id(row.get(0), row.get(1));
            let (from, to) = (link_row(old, &id), link_row(new, &id));
            let written = Shaper { seal: &self.seal, row: &from }.fields_back(row.get(2))?;
            let sealed = Shaper { seal: &self.seal, row: &to }.fields(&written)?;
            let update = "UPDATE link SET written = $4 WHERE job = $1 AND directory = $2 AND native = $3";
            let query = sqlx::query(update).bind(old).bind(&*id.directory).bind(&*id.native).bind(sealed);
            query.execute(&mut **tx).await.map_err(broken)?;
        }
        Ok(found.len() as u64)
    }
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
