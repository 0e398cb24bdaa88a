//! The ledger's reads.

use std::collections::BTreeMap;

use rollcall_core::elapsed::Jump;
use rollcall_core::field::text_of;
use rollcall_core::memory::{Link, Unsure};
use rollcall_core::ops::Write;
use rollcall_core::{Field, Guid, Text};
use rollcall_edges::clock::Instant;
use rollcall_edges::state::{Held, Hold, JobState, KnownDirectory, Owner, StateError};
use rollcall_sqlite::{Connection, params};

use crate::sql::{self, Worked};
use crate::store::Store;
use crate::{passed, rows};

impl Store {
    pub(crate) fn read_job(&self, job: &str) -> Result<JobState, StateError> {
        let select =
            "SELECT office, wall, boot, uptime, jump_at, jump_by, held_by, held FROM job WHERE name = ?1";
        self.read(|state| {
            let known = sql::first(state, select, [job], |row| {
                let jump = row.get::<_, Option<i64>>(4)?.zip(row.get::<_, Option<i64>>(5)?);
                let hold = row.get::<_, Option<Text>>(6)?.zip(row.get::<_, Option<Text>>(7)?);
                Ok(JobState {
                    office: row.get(0)?,
                    tick: passed::tick(row, 1)?,
                    jump: jump.map(|(at_ms, by_ms)| Jump { at_ms, by_ms }),
                    held: hold.map(|(by, why)| Hold { by, why }),
                    ..JobState::default()
                })
            })?;
            let Some(known) = known else { return Ok(JobState::default()) };
            let parts = passed::parts(state, job)?;
            Ok(JobState { directories: directories(state, job)?, parts, ..known })
        })
    }

    pub(crate) fn write_hold(&self, job: &str, hold: Option<&Hold>) -> Result<(), StateError> {
        let put = "INSERT INTO job (name, held_by, held) VALUES (?1, ?2, ?3) ON CONFLICT (name) DO UPDATE SET \
                   held_by = excluded.held_by, held = excluded.held";
        let (by, why) = (hold.map(|hold| &*hold.by), hold.map(|hold| &*hold.why));
        self.write(|state| sql::run(state, put, params![job, by, why]).map(drop))
    }

    pub(crate) fn read_links(&self, job: &str) -> Result<Vec<Link>, StateError> {
        self.read(|state| sql::all(state, rows::LINK, [job], |row| rows::link(&self.seal, job, row)))
    }

    pub(crate) fn read_owners(
        &self,
        office: &str,
        but: Option<&str>,
    ) -> Result<BTreeMap<Guid, Owner>, StateError> {
        let select = "SELECT guid, link.job, key, link.directory, native, source.identity FROM link \
                      LEFT JOIN source ON source.job = link.job AND source.name = link.directory \
                      WHERE link.office = ?1 AND link.job IS NOT ?2";
        let owners = self.read(|state| {
            sql::all(state, select, params![office, but], |row| {
                let owner = Owner {
                    job: row.get(1)?,
                    key: row.get(2)?,
                    id: rows::record_id(row, 3)?,
                    directory: row.get(5)?,
                };
                Ok((row.get(0)?, owner))
            })
        })?;
        Ok(owners.into_iter().collect())
    }

    pub(crate) fn read_unsure(&self, office: &str) -> Result<Vec<Unsure>, StateError> {
        let select = "SELECT run, seq, change, op.directory, native, key, write, settled, why, sent FROM op \
                      JOIN run ON run.id = op.run WHERE run.office = ?1 AND sent IS NOT NULL AND (settled IS NULL OR settled = 'unknown') \
                      ORDER BY run, seq";
        let found = self.read(|state| {
            sql::all(state, select, [office], |row| {
                let Write::CreateUser { fields, .. } = rows::op(&self.seal, row)?.intent.write else {
                    return Ok(None);
                };
                let value = |field| text_of(&fields, field).map(Text::from);
                let (name, extension) = (value(Field::Name), value(Field::Extension));
                Ok(Some(Unsure { run: row.get(0)?, name, extension }))
            })
        })?;
        Ok(found.into_iter().flatten().collect())
    }

    pub(crate) fn read_held(&self, office: &str, since: Instant) -> Result<Vec<Held>, StateError> {
        let select =
            "SELECT value, is_name, directory, native, since FROM held WHERE office = ?1 AND since > ?2";
        self.read(|state| {
            sql::all(state, select, params![office, since.0], |row| {
                Ok(Held {
                    value: row.get(0)?,
                    is_name: row.get(1)?,
                    id: rows::record_id(row, 2)?,
                    since: Instant(row.get(4)?),
                })
            })
        })
    }
}

fn directories(state: &Connection, job: &str) -> Worked<BTreeMap<Text, KnownDirectory>> {
    let select = "SELECT name, identity, baseline FROM source WHERE job = ?1";
    let known = sql::all(state, select, [job], |row| {
        let baseline = row.get::<_, Option<i64>>(2)?.and_then(|users| u32::try_from(users).ok());
        Ok((row.get(0)?, KnownDirectory { identity: row.get(1)?, baseline }))
    })?;
    Ok(known.into_iter().collect())
}
