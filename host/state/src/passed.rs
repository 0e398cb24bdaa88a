//! What a run that passed the guard leaves behind besides its changes: baseline, parts, clock, leavers' clocks; and what
//! the guard asks of it later.

use std::collections::BTreeMap;

use rollcall_core::Text;
use rollcall_core::elapsed::{Boot, Tick};
use rollcall_core::guard::Spent;
use rollcall_edges::state::{Passed, StateError};
use rollcall_sqlite::{Connection, Row, params};

use crate::sql::{self, Worked};
use crate::store::Store;

/// Reads a look at the clock from three columns: wall, boot, uptime.
pub(crate) fn tick(row: &Row<'_>, first: usize) -> Worked<Option<Tick>> {
    let boot = row.get::<_, Option<Text>>(first + 1)?.zip(row.get::<_, Option<i64>>(first + 2)?);
    let boot = boot.map(|(id, uptime_ms)| Boot { id, uptime_ms });
    Ok(row.get::<_, Option<i64>>(first)?.map(|wall_ms| Tick { wall_ms, boot }))
}

/// Reads what a job was made of at its last run that passed.
pub(crate) fn parts(state: &Connection, job: &str) -> Worked<BTreeMap<Text, Vec<u8>>> {
    let select = "SELECT name, digest FROM part WHERE job = ?1";
    Ok(sql::all(state, select, [job], |row| Ok((row.get(0)?, row.get(1)?)))?.into_iter().collect())
}

impl Store {
    pub(crate) fn read_office_tick(&self, office: &str) -> Result<Option<Tick>, StateError> {
        let select = "SELECT wall, boot, uptime FROM tick WHERE office = ?1";
        let found = self.read(|state| sql::first(state, select, [office], |row| tick(row, 0)))?;
        Ok(found.flatten())
    }

    /// A change counts once its outcome is known to be, or may be, that it took place.
    pub(crate) fn read_spent(&self, job: &str, stretches: &[(i64, i64)]) -> Result<Spent, StateError> {
        let mut spent = Spent::default();
        let Some(first) = stretches.first() else { return Ok(spent) };
        let second = stretches.get(1).unwrap_or(first);
        let select = "SELECT action, COUNT(*), SUM(clears) FROM change JOIN run ON run.id = change.run \
                      WHERE run.job = ?1 AND outcome IN ('applied', 'unknown') \
                      AND (at BETWEEN ?2 AND ?3 OR at BETWEEN ?4 AND ?5) GROUP BY action";
        self.read(|state| {
            let params = params![job, first.0, first.1, second.0, second.1];
            sql::all(state, select, params, |row| {
                let count = |index| -> Worked<usize> {
                    Ok(usize::try_from(row.get::<_, i64>(index)?).unwrap_or_default())
                };
                match row.get_ref(0)?.as_str()? {
                    "create" => spent.creates += count(1)?,
                    "adopt" => spent.adopts += count(1)?,
                    "update" => spent.updates += count(1)?,
                    "delete" => spent.deletes += count(1)?,
                    _ => {}
                }
                spent.clears += count(2)?;
                Ok(())
            })
        })?;
        Ok(spent)
    }

    pub(crate) fn write_passed(&self, job: &str, passed: &Passed) -> Result<(), StateError> {
        self.write(|state| {
            put_job(state, job, passed)?;
            put_parts(state, job, passed)?;
            put_office(state, passed)?;
            put_leavers(state, job, passed)
        })
    }
}

fn put_job(state: &Connection, job: &str, passed: &Passed) -> Worked<()> {
    let upsert = "INSERT INTO job (name, office, wall, boot, uptime) VALUES (?1, ?2, ?3, ?4, ?5) \
                  ON CONFLICT (name) DO UPDATE SET office = excluded.office, wall = excluded.wall, boot = excluded.boot, uptime = excluded.uptime";
    let (wall, boot) = (passed.tick.wall_ms, passed.tick.boot.as_ref());
    let (boot, uptime) = (boot.map(|boot| &*boot.id), boot.map(|boot| boot.uptime_ms));
    sql::run(state, upsert, params![job, passed.office, wall, boot, uptime])?;
    for (name, known) in &passed.directories {
        let upsert = "INSERT INTO source (job, name, identity, baseline) VALUES (?1, ?2, ?3, ?4) ON CONFLICT (job, name) \
                      DO UPDATE SET identity = excluded.identity, baseline = excluded.baseline";
        sql::run(state, upsert, params![job, name, known.identity, known.baseline])?;
    }
    if passed.jump_ms == 0 {
        return Ok(());
    }
    let update = "UPDATE job SET jump_at = ?2, jump_by = ?3 WHERE name = ?1";
    sql::run(state, update, params![job, wall, passed.jump_ms])?;
    // Leavers' clocks go with the jump, so that grace is measured in the time that has truly passed.
    let shift =
        "UPDATE link SET missing_since = missing_since + ?2 WHERE job = ?1 AND missing_since IS NOT NULL";
    sql::run(state, shift, params![job, passed.jump_ms]).map(drop)
}

fn put_parts(state: &Connection, job: &str, passed: &Passed) -> Worked<()> {
    sql::run(state, "DELETE FROM part WHERE job = ?1", [job])?;
    for (name, digest) in &passed.parts {
        let insert = "INSERT INTO part (job, name, digest) VALUES (?1, ?2, ?3)";
        sql::run(state, insert, params![job, name, digest])?;
    }
    Ok(())
}

fn put_office(state: &Connection, passed: &Passed) -> Worked<()> {
    let upsert = "INSERT INTO tick (office, wall, boot, uptime) VALUES (?1, ?2, ?3, ?4) ON CONFLICT (office) DO UPDATE SET \
                  wall = excluded.wall, boot = excluded.boot, uptime = excluded.uptime";
    let (wall, boot) = (passed.tick.wall_ms, passed.tick.boot.as_ref());
    let (boot, uptime) = (boot.map(|boot| &*boot.id), boot.map(|boot| boot.uptime_ms));
    sql::run(state, upsert, params![passed.office, wall, boot, uptime])?;
    if passed.office_jump_ms == 0 {
        return Ok(());
    }
    let shift = "UPDATE held SET since = since + ?2 WHERE office = ?1";
    sql::run(state, shift, params![passed.office, passed.office_jump_ms]).map(drop)
}

fn put_leavers(state: &Connection, job: &str, passed: &Passed) -> Worked<()> {
    for (id, reads) in &passed.missing {
        let update = "UPDATE link SET missing_since = COALESCE(missing_since, ?4), missing_reads = ?5 \
                      WHERE job = ?1 AND directory = ?2 AND native = ?3";
        sql::run(state, update, params![job, id.directory, id.native, passed.tick.wall_ms, reads])?;
    }
    for (id, key) in &passed.present {
        let update = "UPDATE link SET missing_since = NULL, missing_reads = NULL, key = ?4 \
                      WHERE job = ?1 AND directory = ?2 AND native = ?3 AND (missing_since IS NOT NULL OR key <> ?4)";
        sql::run(state, update, params![job, id.directory, id.native, key])?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_applied_is_counted_by_kind_within_its_time_and_for_its_job_alone() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        for job in ["J", "other"] {
            let run = "INSERT INTO run (id, job, office, kind, started, document) VALUES (?1, ?1, 'O', 'sync', 1, '{}')";
            store.write(|state| sql::run(state, run, [job])).unwrap();
        }
        let rows = [
            ("J", "delete", 0, "applied", 100),
            ("J", "delete", 0, "unknown", 150),
            ("J", "delete", 0, "failed", 150),
            ("J", "delete", 0, "planned", 150),
            ("J", "delete", 0, "applied", 99),
            ("J", "delete", 0, "applied", 201),
            ("J", "create", 0, "applied", 200),
            ("J", "update", 1, "applied", 200),
            ("J", "update", 0, "applied", 200),
            ("J", "adopt", 1, "applied", 200),
            ("other", "delete", 0, "applied", 150),
            ("J", "delete", 0, "applied", 1_500),
        ];
        for (index, (run, action, clears, outcome, at)) in (0i64..).zip(rows) {
            let insert = "INSERT INTO change (run, idx, action, directory, native, key, clears, body, outcome, at) \
                          VALUES (?1, ?2, ?3, 'd', 'n', 'k', ?4, '{}', ?5, ?6)";
            let params = params![run, index, action, clears, outcome, at];
            store.write(|state| sql::run(state, insert, params)).unwrap();
        }
        let spent = Spent { creates: 1, adopts: 1, updates: 2, deletes: 2, clears: 2 };
        assert_eq!(store.read_spent("J", &[(100, 200)]).unwrap(), spent);
        let with = store.read_spent("J", &[(100, 200), (1_000, 2_000)]).unwrap();
        assert_eq!(with, Spent { deletes: 3, ..spent });
        assert_eq!(store.read_spent("J", &[(100, 200), (150, 200)]).unwrap(), spent, "each once");
        assert_eq!(store.read_spent("nobody", &[(0, 9_999)]).unwrap(), Spent::default());
    }
}
