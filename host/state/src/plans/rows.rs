//! What the state keeps of plan files: whether they were applied, and their codes.

use std::collections::BTreeMap;

use ring::hmac;
use rollcall_core::Text;
use rollcall_edges::clock::Instant;
use rollcall_edges::plans::{KeptPlan, PlanMark};
use rollcall_edges::state::{Identities, StateError};
use rollcall_sqlite::{Connection, params};

use super::read::Codes;
use super::{code_row, hex};
use crate::limits::PLAN_KEPT_DAYS;
use crate::runs::run_id;
use crate::sql::{self, Failed, Worked};
use crate::store::Store;

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

impl Store {
    /// Draws an id for a plan.
    ///
    /// # Errors
    /// Where the machine has no random numbers.
    pub fn plan_id(created: Instant) -> Result<Text, StateError> {
        run_id(created).map(Text::from)
    }

    /// Gives digests that say nothing to whoever lacks the state's key: a job may hold a code that is short enough to be
    /// guessed from a plain digest.
    pub fn keyed(&self, digests: BTreeMap<Text, Text>) -> BTreeMap<Text, Text> {
        let key = self.seal.derived("plan digests");
        let keyed = |digest: &Text| Text::from(hex(hmac::sign(&key, digest.as_bytes()).as_ref()));
        digests.into_iter().map(|(name, digest)| (name, keyed(&digest))).collect()
    }

    /// Keeps a plan's row and its sealed codes, and forgets plans that are too old to be applied.
    pub(super) fn keep_plan(&self, kept: &KeptPlan, sealed: &[String]) -> Result<(), StateError> {
        let too_old = kept.created.0.saturating_sub(PLAN_KEPT_DAYS * DAY_MS);
        self.write(|state| {
            sql::run(state, "DELETE FROM plan WHERE created < ?1", [too_old])?;
            let insert = "INSERT INTO plan (id, job, created) VALUES (?1, ?2, ?3)";
            sql::run(state, insert, params![kept.id, kept.job, kept.created.0])?;
            for (place, code) in (0i64..).zip(sealed) {
                let insert = "INSERT INTO plan_code (plan, place, sealed) VALUES (?1, ?2, ?3)";
                sql::run(state, insert, params![kept.id, place, code])?;
            }
            Ok(())
        })
    }

    /// Gives a plan's codes by their numbers.
    pub(super) fn plan_codes(&self, plan: &str) -> Result<Codes, StateError> {
        let select = "SELECT place, sealed FROM plan_code WHERE plan = ?1 ORDER BY place";
        let codes = self.read(|state| {
            sql::all(state, select, [plan], |row| {
                let place = u32::try_from(row.get::<_, i64>(0)?).unwrap_or(u32::MAX);
                let code = self.seal.unseal(row.get_ref(1)?.as_str()?, &code_row(plan, place))?;
                Ok((place, code))
            })
        })?;
        Ok(codes.into_iter().collect())
    }

    pub(crate) fn read_plan_mark(&self, id: &str) -> Result<Option<PlanMark>, StateError> {
        self.read(|state| {
            sql::first(state, "SELECT run, applied FROM plan WHERE id = ?1", [id], |row| {
                let at = Instant(row.get::<_, Option<i64>>(1)?.unwrap_or_default());
                Ok(match row.get(0)? {
                    None => PlanMark::Waiting,
                    Some(run) => PlanMark::Applied { run, at },
                })
            })
        })
    }

    pub(crate) fn write_identity(
        &self,
        job: &str,
        directories: &Identities,
        office: &str,
    ) -> Result<(), StateError> {
        self.write(|state| {
            let insert = "INSERT INTO job (name, office) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET \
                          office = COALESCE(office, excluded.office)";
            sql::run(state, insert, [job, office])?;
            for (name, identity) in directories {
                let insert =
                    "INSERT INTO source (job, name, identity) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING";
                sql::run(state, insert, params![job, name, identity])?;
            }
            Ok(())
        })
    }
}

/// Marks a plan as applied by a run, once, and lets its codes go: the run has them in its own rows.
pub(crate) fn spend_plan(state: &Connection, plan: &str, run: &str, at: Instant) -> Worked<()> {
    let mark = "UPDATE plan SET run = ?2, applied = ?3 WHERE id = ?1 AND run IS NULL";
    if sql::run(state, mark, params![plan, run, at.0])? != 1 {
        return Err(Failed::State(StateError::PlanSpent));
    }
    sql::run(state, "DELETE FROM plan_code WHERE plan = ?1", [plan]).map(drop)
}
