//! The ledger's reads.

use std::collections::BTreeMap;

use rollcall_core::elapsed::Jump;
use rollcall_core::memory::Link;
use rollcall_core::{Guid, Text};
use rollcall_edges::clock::Instant;
use rollcall_edges::state::{Held, JobState, StateError};
use sqlx::Row as _;

use crate::store::Store;
use crate::{passed, rows};

impl Store {
    pub(crate) async fn read_job(&self, job: &str) -> Result<JobState, StateError> {
        let select = "SELECT directory, office, baseline, wall, boot, uptime, jump_at, jump_by FROM job WHERE name = $1";
        let row =
            sqlx::query(select).bind(job).fetch_optional(&self.pool).await.map_err(|e| self.broken(&e))?;
        let Some(row) = row else { return Ok(JobState::default()) };
        let jump = row.get::<Option<i64>, _>(6).zip(row.get::<Option<i64>, _>(7));
        Ok(JobState {
            directory: row.get::<Option<String>, _>(0).map(Text::from),
            office: row.get::<Option<String>, _>(1).map(Text::from),
            baseline: row.get::<Option<i64>, _>(2).and_then(|users| u32::try_from(users).ok()),
            parts: self.read_parts(job).await?,
            tick: passed::tick(&row, 3),
            jump: jump.map(|(at_ms, by_ms)| Jump { at_ms, by_ms }),
        })
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
}
