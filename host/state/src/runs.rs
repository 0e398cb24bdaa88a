//! Runs as they were begun and as they ended: the plan, one row a change, and what became of each.

use rollcall_core::Text;
use rollcall_core::verify::Outcome;
use rollcall_edges::clock::Instant;
use rollcall_edges::state::{Later, NewRun, StateError, StoredRun};
use sqlx::{Row as _, Sqlite, Transaction};

use crate::audit::RunStep;
use crate::changes::{read_diagnostics, read_order, write_diagnostics, write_order};
use crate::rows;
use crate::schema::WRITE;
use crate::seal::damaged;
use crate::shapes::{Shaper, json, parse};
use crate::store::Store;

/// Whether a later run of the job has made a plan: one that was refused is as if it had not been, and one that came to
/// no plan has none.
pub(crate) const SUPERSEDED: &str = "EXISTS (SELECT 1 FROM run AS later WHERE later.job = run.job AND \
    later.rowid > run.rowid AND COALESCE(later.exit, 0) <> 5 AND later.users >= 0)";

impl Store {
    pub(crate) async fn begin_run(&self, run: &NewRun<'_>) -> Result<Text, StateError> {
        let id = run_id(run.started)?;
        let mut tx = self.pool.begin_with(WRITE).await.map_err(|error| self.broken(&error))?;
        let insert = "INSERT INTO run (id, job, office, kind, started, document, file, generation, accept, moves, users, \
                      owned, known, undoes) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)";
        sqlx::query(insert)
            .bind(&id)
            .bind(run.job)
            .bind(run.office)
            .bind(run.kind)
            .bind(run.started.0)
            .bind(run.document)
            .bind(run.file)
            .bind(run.generation)
            .bind(json(run.accept)?)
            .bind(write_order(&run.plan.order)?)
            .bind(count(run.plan.reading.total()))
            .bind(count(run.plan.owned))
            .bind(run.known)
            .bind(run.plan.undoes.as_deref())
            .execute(&mut *tx)
            .await
            .map_err(|error| self.broken(&error))?;
        for (index, change) in run.plan.changes.iter().enumerate() {
            let row = change_row(&id, index);
            let body = Shaper { seal: &self.seal, row: &row }.change(change)?;
            let insert = "INSERT INTO change (run, idx, action, directory, native, key, clears, body) \
                          VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
            sqlx::query(insert)
                .bind(&id)
                .bind(count(index))
                .bind(change.action.word())
                .bind(&*change.id.directory)
                .bind(&*change.id.native)
                .bind(&*change.key)
                .bind(change.clears())
                .bind(body)
                .execute(&mut *tx)
                .await
                .map_err(|error| self.broken(&error))?;
        }
        if let Some(plan) = run.kept {
            self.spend_plan(&mut tx, plan, &id, run.started).await?;
        }
        self.audit_run(&mut tx, &id, RunStep::Begun, run.started).await?;
        tx.commit().await.map_err(|error| self.broken(&error))?;
        Ok(id.into())
    }

    pub(crate) async fn stored_run(&self, id: &str) -> Result<Option<StoredRun>, StateError> {
        let select = format!(
            "SELECT id, job, kind, started, ended, exit, document, file, office, accept, moves, users, owned, known, \
             {SUPERSEDED}, undoes FROM run WHERE id = $1"
        );
        let row = sqlx::query(sqlx::AssertSqlSafe(select)).bind(id).fetch_optional(&self.pool).await;
        let Some(row) = row.map_err(|error| self.broken(&error))? else { return Ok(None) };
        let changes = self.changes_of(id).await?;
        let figure = |index: usize| usize::try_from(row.get::<i64, _>(index)).unwrap_or_default();
        Ok(Some(StoredRun {
            file: row.get::<String, _>(7).into(),
            office: row.get::<String, _>(8).into(),
            accept: parse(row.get(9))?,
            order: read_order(row.get(10), changes.len())?,
            figures: (figure(11), figure(12)),
            known: row.get::<Option<Vec<u8>>, _>(13).unwrap_or_default(),
            superseded: row.get(14),
            undoes: row.get::<Option<String>, _>(15).map(Text::from),
            changes,
            row: rows::run(&row),
        }))
    }

    async fn changes_of(&self, run: &str) -> Result<Vec<(rollcall_core::plan::Change, Outcome)>, StateError> {
        let select = "SELECT idx, body, outcome, why FROM change WHERE run = $1 ORDER BY idx";
        let rows = sqlx::query(select).bind(run).fetch_all(&self.pool).await;
        let rows = rows.map_err(|error| self.broken(&error))?;
        let one = |row: &sqlx::sqlite::SqliteRow| {
            let name = change_row(run, usize::try_from(row.get::<i64, _>(0)).unwrap_or_default());
            let change = Shaper { seal: &self.seal, row: &name }.change_back(row.get(1))?;
            Ok((change, outcome_back(row.get(2), row.get::<Option<&str>, _>(3))?))
        };
        rows.iter().map(one).collect()
    }

    pub(crate) async fn later_changes(&self, run: &str) -> Result<Vec<Later>, sqlx::Error> {
        let select = "SELECT change.run, run.undoes, change.directory, change.native FROM run AS this \
                      JOIN run ON run.job = this.job AND run.rowid > this.rowid JOIN change ON change.run = run.id \
                      WHERE this.id = $1 AND change.action <> 'skip' AND change.outcome IN ('applied', 'unknown') \
                      ORDER BY run.rowid DESC, change.idx";
        let rows = sqlx::query(select).bind(run).fetch_all(&self.pool).await?;
        let one = |row: &sqlx::sqlite::SqliteRow| Later {
            run: row.get::<String, _>(0).into(),
            undoes: row.get::<Option<String>, _>(1).map(Text::from),
            id: rows::record_id(row.get(2), row.get(3)),
        };
        Ok(rows.iter().map(one).collect())
    }

    pub(crate) async fn reopen_run(
        &self,
        run: &str,
        generation: i64,
        now: Instant,
    ) -> Result<(), StateError> {
        let broken = |error: sqlx::Error| self.broken(&error);
        let mut tx = self.pool.begin_with(WRITE).await.map_err(broken)?;
        let update =
            "UPDATE run SET generation = $2, ended = NULL, exit = NULL, recovered = NULL WHERE id = $1";
        sqlx::query(update).bind(run).bind(generation).execute(&mut *tx).await.map_err(broken)?;
        let delete = "DELETE FROM op WHERE run = $1 AND sent IS NULL AND settled IS NULL";
        sqlx::query(delete).bind(run).execute(&mut *tx).await.map_err(broken)?;
        self.audit_run(&mut tx, run, RunStep::Resumed, now).await?;
        tx.commit().await.map_err(broken)
    }

    pub(crate) async fn finish_run(
        &self,
        run: &str,
        ended: Instant,
        exit: i32,
        report: &str,
        outcomes: &[Outcome],
    ) -> Result<(), StateError> {
        let broken = |error: sqlx::Error| self.broken(&error);
        let mut tx = self.pool.begin_with(WRITE).await.map_err(broken)?;
        // Who stood before is still needed where it is not known of a call whether it took place.
        let update = "UPDATE run SET ended = $2, exit = $3, document = $4, known = CASE WHEN $3 IN (0, 3, 5) AND NOT EXISTS \
                      (SELECT 1 FROM op WHERE op.run = $1 AND settled = 'unknown') THEN NULL ELSE known END WHERE id = $1";
        let query = sqlx::query(update).bind(run).bind(ended.0).bind(exit).bind(report);
        query.execute(&mut *tx).await.map_err(broken)?;
        put_outcomes(&mut tx, run, outcomes, ended).await.map_err(broken)?;
        self.audit_run(&mut tx, run, RunStep::Ended, ended).await?;
        tx.commit().await.map_err(broken)
    }

    pub(crate) async fn recovered_run(
        &self,
        run: &str,
        outcomes: &[Outcome],
        now: Instant,
    ) -> Result<(), StateError> {
        let broken = |error: sqlx::Error| self.broken(&error);
        let mut tx = self.pool.begin_with(WRITE).await.map_err(broken)?;
        let update = "UPDATE run SET recovered = $2 WHERE id = $1";
        sqlx::query(update).bind(run).bind(now.0).execute(&mut *tx).await.map_err(broken)?;
        put_outcomes(&mut tx, run, outcomes, now).await.map_err(broken)?;
        self.audit_run(&mut tx, run, RunStep::Recovered, now).await?;
        tx.commit().await.map_err(broken)
    }
}

async fn put_outcomes(
    tx: &mut Transaction<'_, Sqlite>,
    run: &str,
    outcomes: &[Outcome],
    at: Instant,
) -> Result<(), sqlx::Error> {
    for (index, outcome) in outcomes.iter().enumerate() {
        let why = match outcome {
            // A planned one may have been begun; the row says `planned` from the start.
            Outcome::Planned => continue,
            Outcome::Applied => None,
            Outcome::Failed(why) | Outcome::Unknown(why) => write_diagnostics(std::slice::from_ref(why)).ok(),
        };
        let update = "UPDATE change SET outcome = $3, why = $4, at = $5 WHERE run = $1 AND idx = $2";
        let query =
            sqlx::query(update).bind(run).bind(count(index)).bind(outcome.word()).bind(why).bind(at.0);
        query.execute(&mut **tx).await?;
    }
    Ok(())
}

fn outcome_back(word: &str, why: Option<&str>) -> Result<Outcome, StateError> {
    let why = || {
        let found = read_diagnostics(why.unwrap_or("[]"))?.pop();
        found.ok_or_else(|| damaged("an outcome without its reason"))
    };
    match word {
        "planned" => Ok(Outcome::Planned),
        "applied" => Ok(Outcome::Applied),
        "failed" => Ok(Outcome::Failed(why()?)),
        "unknown" => Ok(Outcome::Unknown(why()?)),
        other => Err(damaged(&format!("`{other}` is no outcome"))),
    }
}

/// What a change's row is called: its codes are bound to it.
pub(crate) fn change_row(run: &str, index: usize) -> String {
    format!("change|{run}|{index}")
}

fn count(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// Draws a run's id: it sorts by time, and eight letters of chance keep two apart.
pub(crate) fn run_id(started: Instant) -> Result<String, StateError> {
    const LETTERS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
    let mut random = [0u8; 8];
    getrandom::fill(&mut random).map_err(|error| damaged(&format!("no random numbers: {error}")))?;
    let time = u64::try_from(started.0).unwrap_or(0);
    let letter = |value: u64| char::from(LETTERS[usize::try_from(value % 32).unwrap_or(0)]);
    let clock = (0..9).rev().map(|place| letter(time >> (place * 5)));
    Ok(clock.chain(random.iter().map(|byte| letter(u64::from(*byte)))).collect())
}
