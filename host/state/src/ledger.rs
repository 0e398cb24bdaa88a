//! The ledger's reads and the one write that a passed reading makes.

use std::collections::BTreeMap;

use rollcall_core::memory::Link;
use rollcall_core::{Guid, Text};
use rollcall_edges::clock::Instant;
use rollcall_edges::state::{Held, JobState, Passed, StateError};
use sqlx::Row as _;

use crate::rows;
use crate::store::Store;

impl Store {
    pub(crate) async fn read_job(&self, job: &str) -> Result<JobState, StateError> {
        let select = "SELECT directory, office, baseline, scope FROM job WHERE name = $1";
        let row =
            sqlx::query(select).bind(job).fetch_optional(&self.pool).await.map_err(|e| self.broken(&e))?;
        Ok(row.map_or_else(JobState::default, |row| JobState {
            directory: row.get::<Option<String>, _>(0).map(Text::from),
            office: row.get::<Option<String>, _>(1).map(Text::from),
            baseline: row.get::<Option<i64>, _>(2).and_then(|users| u32::try_from(users).ok()),
            scope: row.get(3),
        }))
    }

    pub(crate) async fn read_links(&self, job: &str) -> Result<Vec<Link>, StateError> {
        let rows =
            sqlx::query(rows::LINK).bind(job).fetch_all(&self.pool).await.map_err(|e| self.broken(&e))?;
        rows.iter().map(|row| rows::link(&self.seal, job, row)).collect()
    }

    pub(crate) async fn read_owners(&self, office: &str) -> Result<BTreeMap<Guid, (Text, Text)>, StateError> {
        let select = "SELECT guid, job, key FROM link WHERE office = $1";
        let rows =
            sqlx::query(select).bind(office).fetch_all(&self.pool).await.map_err(|e| self.broken(&e))?;
        let text = |row: &sqlx::sqlite::SqliteRow, index: usize| Text::from(row.get::<String, _>(index));
        Ok(rows.iter().map(|row| (text(row, 0), (text(row, 1), text(row, 2)))).collect())
    }

    pub(crate) async fn read_held(&self, office: &str, since: Instant) -> Result<Vec<Held>, StateError> {
        let select =
            "SELECT value, is_name, directory, native, since FROM held WHERE office = $1 AND since > $2";
        let query = sqlx::query(select).bind(office).bind(since.0);
        let rows = query.fetch_all(&self.pool).await.map_err(|e| self.broken(&e))?;
        Ok(rows
            .iter()
            .map(|row| Held {
                value: row.get::<String, _>(0).into(),
                is_name: row.get(1),
                id: rows::record_id(row.get(2), row.get(3)),
                since: Instant(row.get(4)),
            })
            .collect())
    }

    pub(crate) async fn write_passed(&self, job: &str, passed: &Passed) -> Result<(), sqlx::Error> {
        let mut tx = self.pool.begin().await?;
        let upsert = "INSERT INTO job (name, directory, office, baseline, scope) VALUES ($1, $2, $3, $4, $5) ON CONFLICT (name) \
                      DO UPDATE SET directory = excluded.directory, office = excluded.office, \
                      baseline = excluded.baseline, scope = excluded.scope";
        sqlx::query(upsert)
            .bind(job)
            .bind(&*passed.directory)
            .bind(&*passed.office)
            .bind(i64::from(passed.baseline))
            .bind(&passed.scope)
            .execute(&mut *tx)
            .await?;
        for id in &passed.missing {
            let update = "UPDATE link SET missing_since = COALESCE(missing_since, $4), missing_reads = COALESCE(missing_reads, 0) + 1 \
                          WHERE job = $1 AND directory = $2 AND native = $3";
            sqlx::query(update)
                .bind(job)
                .bind(&*id.directory)
                .bind(&*id.native)
                .bind(passed.now.0)
                .execute(&mut *tx)
                .await?;
        }
        for (id, key) in &passed.present {
            let update = "UPDATE link SET missing_since = NULL, missing_reads = NULL, key = $4 \
                          WHERE job = $1 AND directory = $2 AND native = $3 AND (missing_since IS NOT NULL OR key <> $4)";
            sqlx::query(update)
                .bind(job)
                .bind(&*id.directory)
                .bind(&*id.native)
                .bind(&**key)
                .execute(&mut *tx)
                .await?;
        }
        tx.commit().await
    }
}
