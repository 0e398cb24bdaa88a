//! What the state keeps of plan files: whether they were applied, and their codes.

use std::collections::BTreeMap;

use ring::hmac;
use rollcall_core::Text;
use rollcall_edges::clock::Instant;
use rollcall_edges::plans::{KeptPlan, PlanMark};
use rollcall_edges::state::{Identities, StateError};
use sqlx::{Row as _, Sqlite, Transaction};

use super::read::Codes;
use super::{code_row, hex};
use crate::limits::{PLAN_CODES_AT_ONCE, PLAN_KEPT_DAYS};
use crate::runs::run_id;
use crate::schema::WRITE;
use crate::shapes::json;
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
    pub(super) async fn keep_plan(&self, kept: &KeptPlan, sealed: &[String]) -> Result<(), StateError> {
        let broken = |error| self.broken(&error);
        let mut tx = self.pool.begin_with(WRITE).await.map_err(broken)?;
        sqlx::query("DELETE FROM plan WHERE created < $1")
            .bind(kept.created.0.saturating_sub(PLAN_KEPT_DAYS * DAY_MS))
            .execute(&mut *tx)
            .await
            .map_err(broken)?;
        sqlx::query("INSERT INTO plan (id, job, created) VALUES ($1, $2, $3)")
            .bind(&*kept.id)
            .bind(&*kept.job)
            .bind(kept.created.0)
            .execute(&mut *tx)
            .await
            .map_err(broken)?;
        // One statement for many codes: a plan may have a hundred thousand.
        for (chunk, first) in sealed.chunks(PLAN_CODES_AT_ONCE).zip((0i64..).step_by(PLAN_CODES_AT_ONCE)) {
            let insert =
                "INSERT INTO plan_code (plan, place, sealed) SELECT $1, $2 + key, value FROM json_each($3)";
            let query = sqlx::query(insert).bind(&*kept.id).bind(first).bind(json(&chunk)?);
            query.execute(&mut *tx).await.map_err(broken)?;
        }
        tx.commit().await.map_err(broken)
    }

    /// Gives a plan's codes by their numbers.
    pub(super) async fn plan_codes(&self, plan: &str) -> Result<Codes, StateError> {
        let select = "SELECT place, sealed FROM plan_code WHERE plan = $1 ORDER BY place";
        let rows = sqlx::query(select).bind(plan).fetch_all(&self.pool).await;
        let rows = rows.map_err(|error| self.broken(&error))?;
        rows.iter()
            .map(|row| {
                let place = u32::try_from(row.get::<i64, _>(0)).unwrap_or(u32::MAX);
                Ok((place, self.seal.unseal(row.get(1), &code_row(plan, place))?))
            })
            .collect()
    }

    pub(crate) async fn read_plan_mark(&self, id: &str) -> Result<Option<PlanMark>, StateError> {
        let query = sqlx::query("SELECT run, applied FROM plan WHERE id = $1").bind(id);
        let row = query.fetch_optional(&self.pool).await.map_err(|error| self.broken(&error))?;
        Ok(row.map(|row| match row.get::<Option<String>, _>(0) {
            None => PlanMark::Waiting,
            Some(run) => PlanMark::Applied {
                run: Text::from(run),
                at: Instant(row.get::<Option<i64>, _>(1).unwrap_or_default()),
            },
        }))
    }

    /// Marks a plan as applied by a run, once, and lets its codes go: the run has them in its own rows.
    pub(crate) async fn spend_plan(
        &self,
        tx: &mut Transaction<'_, Sqlite>,
        plan: &str,
        run: &str,
        at: Instant,
    ) -> Result<(), StateError> {
        let mark = "UPDATE plan SET run = $2, applied = $3 WHERE id = $1 AND run IS NULL";
        let query = sqlx::query(mark).bind(plan).bind(run).bind(at.0);
        let marked = query.execute(&mut **tx).await.map_err(|error| self.broken(&error))?;
        if marked.rows_affected() != 1 {
            return Err(StateError::PlanSpent);
        }
        let forget = sqlx::query("DELETE FROM plan_code WHERE plan = $1").bind(plan);
        forget.execute(&mut **tx).await.map(drop).map_err(|error| self.broken(&error))
    }

    pub(crate) async fn write_identity(
        &self,
        job: &str,
        directories: &Identities,
        office: &str,
    ) -> Result<(), StateError> {
        let written = async {
            let mut tx = self.pool.begin_with(WRITE).await?;
            let insert = "INSERT INTO job (name, office) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET \
                          office = COALESCE(office, excluded.office)";
            sqlx::query(insert).bind(job).bind(office).execute(&mut *tx).await?;
            for (name, identity) in directories {
                let insert =
                    "INSERT INTO source (job, name, identity) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING";
                sqlx::query(insert).bind(job).bind(&**name).bind(&**identity).execute(&mut *tx).await?;
            }
            tx.commit().await
        };
        written.await.map_err(|error| self.broken(&error))
    }
}
