//! The ledger's reads.

use std::collections::BTreeMap;

use rollcall_core::elapsed::Jump;
use rollcall_core::field::text_of;
use rollcall_core::memory::{Link, Unsure};
use rollcall_core::ops::Write;
use rollcall_core::{Field, Guid, Text};
use rollcall_edges::clock::Instant;
use rollcall_edges::state::{Held, Hold, JobState, KnownDirectory, Owner, StateError};
use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;

use crate::store::Store;
use crate::{passed, rows};

impl Store {
    pub(crate) async fn read_job(&self, job: &str) -> Result<JobState, StateError> {
        let select =
            "SELECT office, wall, boot, uptime, jump_at, jump_by, held_by, held FROM job WHERE name = $1";
        let row =
            sqlx::query(select).bind(job).fetch_optional(&self.pool).await.map_err(|e| self.broken(&e))?;
        let Some(row) = row else { return Ok(JobState::default()) };
        let jump = row.get::<Option<i64>, _>(4).zip(row.get::<Option<i64>, _>(5));
        Ok(JobState {
            directories: self.read_directories(job).await?,
            office: row.get::<Option<String>, _>(0).map(Text::from),
            parts: self.read_parts(job).await?,
            tick: passed::tick(&row, 1),
            jump: jump.map(|(at_ms, by_ms)| Jump { at_ms, by_ms }),
            held: row
                .get::<Option<String>, _>(6)
                .zip(row.get::<Option<String>, _>(7))
                .map(|(by, why)| Hold { by: by.into(), why: why.into() }),
        })
    }

    async fn read_directories(&self, job: &str) -> Result<BTreeMap<Text, KnownDirectory>, StateError> {
        let select = "SELECT name, identity, baseline FROM source WHERE job = $1";
        let rows = sqlx::query(select).bind(job).fetch_all(&self.pool).await.map_err(|e| self.broken(&e))?;
        let one = |row: &SqliteRow| {
            let baseline = row.get::<Option<i64>, _>(2).and_then(|users| u32::try_from(users).ok());
            let identity = row.get::<String, _>(1).into();
            (row.get::<String, _>(0).into(), KnownDirectory { identity, baseline })
        };
        Ok(rows.iter().map(one).collect())
    }

    pub(crate) async fn write_hold(&self, job: &str, hold: Option<&Hold>) -> Result<(), StateError> {
        let put = "INSERT INTO job (name, held_by, held) VALUES ($1, $2, $3) ON CONFLICT (name) DO UPDATE SET \
                   held_by = excluded.held_by, held = excluded.held";
        let query =
            sqlx::query(put).bind(job).bind(hold.map(|hold| &*hold.by)).bind(hold.map(|hold| &*hold.why));
        query.execute(&self.pool).await.map(drop).map_err(|e| self.broken(&e))
    }

    pub(crate) async fn read_links(&self, job: &str) -> Result<Vec<Link>, StateError> {
        let rows =
            sqlx::query(rows::LINK).bind(job).fetch_all(&self.pool).await.map_err(|e| self.broken(&e))?;
        rows.iter().map(|row| rows::link(&self.seal, job, row)).collect()
    }

    pub(crate) async fn read_owners(&self, office: &str) -> Result<BTreeMap<Guid, Owner>, StateError> {
        let select = "SELECT guid, link.job, key, link.directory, native, source.identity FROM link \
                      LEFT JOIN source ON source.job = link.job AND source.name = link.directory WHERE link.office = $1";
        let rows =
            sqlx::query(select).bind(office).fetch_all(&self.pool).await.map_err(|e| self.broken(&e))?;
        let text = |row: &SqliteRow, index: usize| Text::from(row.get::<String, _>(index));
        let owner = |row| Owner {
            job: text(row, 1),
            key: text(row, 2),
            id: rows::record_id(row.get(3), row.get(4)),
            directory: row.get::<Option<String>, _>(5).map(Text::from),
        };
        Ok(rows.iter().map(|row| (text(row, 0), owner(row))).collect())
    }

    pub(crate) async fn read_unsure(&self, office: &str) -> Result<Vec<Unsure>, StateError> {
        let select = "SELECT run, seq, change, op.directory, native, key, write, settled, why, sent FROM op \
                      JOIN run ON run.id = op.run WHERE run.office = $1 AND (settled = 'unknown' OR (sent IS NOT NULL AND settled IS NULL)) \
                      ORDER BY run, seq";
        let rows =
            sqlx::query(select).bind(office).fetch_all(&self.pool).await.map_err(|e| self.broken(&e))?;
        let mut unsure = Vec::new();
        for row in &rows {
            if let Write::CreateUser { fields, .. } = rows::op(&self.seal, row)?.intent.write {
                let value = |field| text_of(&fields, field).map(Text::from);
                let run = row.get::<String, _>(0).into();
                let (name, extension) = (value(Field::Name), value(Field::Extension));
                unsure.push(Unsure { run, name, extension });
            }
        }
        Ok(unsure)
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
