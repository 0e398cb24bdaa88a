//! Runs as they were begun and as they ended: the plan, one row a change, and what became of each.

use rollcall_core::plan::Change;
use rollcall_core::verify::Outcome;
use rollcall_core::{RecordId, Text};
use rollcall_edges::clock::Instant;
use rollcall_edges::state::{Later, NewRun, StateError, StoredRun};
use rollcall_sqlite::{Connection, params};

use crate::audit::RunStep;
use crate::changes::{read_diagnostics, read_order, write_diagnostics, write_order};
use crate::plans::spend_plan;
use crate::rows;
use crate::seal::damaged;
use crate::shapes::{Shaper, json, parse};
use crate::sql::{self, Worked};
use crate::store::Store;

/// Whether a later run of the job has made a plan: one that was refused is as if it had not been, and one that came to
/// no plan has none.
pub(crate) const SUPERSEDED: &str = "EXISTS (SELECT 1 FROM run AS later WHERE later.job = run.job AND \
    later.rowid > run.rowid AND COALESCE(later.exit, 0) <> 5 AND later.users >= 0)";

impl Store {
    pub(crate) fn begin_run(&self, run: &NewRun<'_>) -> Result<Text, StateError> {
        let id = run_id(run.started)?;
        let insert = "INSERT INTO run (id, job, office, kind, started, document, file, generation, accept, moves, users, \
                      owned, known, undoes) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)";
        let (accept, order) = (json(run.accept)?, write_order(&run.plan.order)?);
        self.write(|state| {
            let params = params![
                id,
                run.job,
                run.office,
                run.kind,
                run.started.0,
                run.document,
                run.file,
                run.generation,
                accept,
                order,
                count(run.plan.reading.total()),
                count(run.plan.owned),
                run.known,
                run.plan.undoes
            ];
            sql::run(state, insert, params)?;
            for (index, change) in run.plan.changes.iter().enumerate() {
                let row = change_row(&id, index);
                let body = Shaper { seal: &self.seal, row: &row }.change(change)?;
                let insert = "INSERT INTO change (run, idx, action, directory, native, key, clears, body) \
                              VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
                let RecordId { directory, native } = &change.id;
                let action = change.action.word();
                let params =
                    params![id, count(index), action, directory, native, change.key, change.clears(), body];
                sql::run(state, insert, params)?;
            }
            if let Some(plan) = run.kept {
                spend_plan(state, plan, &id, run.started)?;
            }
            self.audit_run(state, &id, RunStep::Begun, run.started)
        })?;
        Ok(id.into())
    }

    pub(crate) fn stored_run(&self, id: &str) -> Result<Option<StoredRun>, StateError> {
        let select = format!(
            "SELECT id, job, kind, started, ended, exit, file, office, accept, moves, users, owned, known, \
             {SUPERSEDED}, undoes FROM run WHERE id = ?1"
        );
        self.read(|state| {
            let changes = self.changes_of(state, id)?;
            sql::first(state, &select, [id], |row| {
                let figure = |index| -> Worked<usize> {
                    Ok(usize::try_from(row.get::<_, i64>(index)?).unwrap_or_default())
                };
                Ok(StoredRun {
                    file: row.get(6)?,
                    office: row.get(7)?,
                    accept: parse(row.get_ref(8)?.as_str()?)?,
                    order: read_order(row.get_ref(9)?.as_str()?, changes.len())?,
                    figures: (figure(10)?, figure(11)?),
                    known: row.get::<_, Option<Vec<u8>>>(12)?.unwrap_or_default(),
                    superseded: row.get(13)?,
                    undoes: row.get(14)?,
                    changes,
                    row: rows::run(row)?,
                })
            })
        })
    }

    fn changes_of(&self, state: &Connection, run: &str) -> Worked<Vec<(Change, Outcome)>> {
        let select = "SELECT idx, body, outcome, why FROM change WHERE run = ?1 ORDER BY idx";
        sql::all(state, select, [run], |row| {
            let name = change_row(run, usize::try_from(row.get::<_, i64>(0)?).unwrap_or_default());
            let change = Shaper { seal: &self.seal, row: &name }.change_back(row.get_ref(1)?.as_str()?)?;
            let outcome = outcome_back(row.get_ref(2)?.as_str()?, row.get_ref(3)?.as_str_or_null()?)?;
            Ok((change, outcome))
        })
    }

    pub(crate) fn later_changes(&self, run: &str) -> Result<Vec<Later>, StateError> {
        let select = "SELECT change.run, run.undoes, change.directory, change.native FROM run AS this \
                      JOIN run ON run.job = this.job AND run.rowid > this.rowid JOIN change ON change.run = run.id \
                      WHERE this.id = ?1 AND change.action <> 'skip' AND change.outcome IN ('applied', 'unknown') \
                      ORDER BY run.rowid DESC, change.idx";
        self.read(|state| {
            sql::all(state, select, [run], |row| {
                Ok(Later { run: row.get(0)?, undoes: row.get(1)?, id: rows::record_id(row, 2)? })
            })
        })
    }

    pub(crate) fn reopen_run(&self, run: &str, generation: i64, now: Instant) -> Result<(), StateError> {
        let update =
            "UPDATE run SET generation = ?2, ended = NULL, exit = NULL, recovered = NULL WHERE id = ?1";
        let delete = "DELETE FROM op WHERE run = ?1 AND sent IS NULL AND settled IS NULL";
        self.write(|state| {
            sql::run(state, update, params![run, generation])?;
            sql::run(state, delete, [run])?;
            self.audit_run(state, run, RunStep::Resumed, now)
        })
    }

    pub(crate) fn finish_run(
        &self,
        run: &str,
        ended: Instant,
        exit: i32,
        report: &str,
        outcomes: &[Outcome],
    ) -> Result<(), StateError> {
        // Who stood before is still needed where it is not known of a call whether it took place.
        let update = "UPDATE run SET ended = ?2, exit = ?3, document = ?4, known = CASE WHEN ?3 IN (0, 3, 5) AND NOT EXISTS \
                      (SELECT 1 FROM op WHERE op.run = ?1 AND settled = 'unknown') THEN NULL ELSE known END WHERE id = ?1";
        self.write(|state| {
            sql::run(state, update, params![run, ended.0, exit, report])?;
            put_outcomes(state, run, outcomes, ended)?;
            self.audit_run(state, run, RunStep::Ended, ended)
        })
    }

    pub(crate) fn recovered_run(
        &self,
        run: &str,
        outcomes: &[Outcome],
        now: Instant,
    ) -> Result<(), StateError> {
        self.write(|state| {
            sql::run(state, "UPDATE run SET recovered = ?2 WHERE id = ?1", params![run, now.0])?;
            put_outcomes(state, run, outcomes, now)?;
            self.audit_run(state, run, RunStep::Recovered, now)
        })
    }
}

fn put_outcomes(state: &Connection, run: &str, outcomes: &[Outcome], at: Instant) -> Worked<()> {
    for (index, outcome) in outcomes.iter().enumerate() {
        let why = match outcome {
            // A planned one may have been begun; the row says `planned` from the start.
            Outcome::Planned => continue,
            Outcome::Applied => None,
            Outcome::Failed(why) | Outcome::Unknown(why) => write_diagnostics(std::slice::from_ref(why)).ok(),
        };
        let update = "UPDATE change SET outcome = ?3, why = ?4, at = ?5 WHERE run = ?1 AND idx = ?2";
        sql::run(state, update, params![run, count(index), outcome.word(), why, at.0])?;
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
