//! What a schedule has come to: the last slot of each job with its outcome, and the trouble that was told last.

use std::collections::BTreeMap;

use rollcall_edges::clock::Instant;
use rollcall_edges::state::StateError;
use rollcall_sqlite::{Row, params};

use crate::sql;
use crate::store::Store;

/// The last slot of a job that was taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slot {
    /// The slot; before the first one the instant at which the schedule was seen first.
    pub taken: Instant,
    /// The schedule that it was a slot of. Another schedule begins anew.
    pub schedule: String,
    /// How often a run of it was begun; 0 before the first slot.
    pub tries: u32,
    /// The exit code of its run; `None` while it runs, or where the process ended in the middle of it.
    pub exit: Option<u8>,
    /// When a run of the job last ended well.
    pub succeeded: Option<Instant>,
}

impl Store {
    /// Gives the last slot of a job that was taken.
    ///
    /// # Errors
    /// Where the file cannot be read.
    pub fn slot(&self, job: &str) -> Result<Option<Slot>, StateError> {
        let select = "SELECT taken, schedule, tries, exit, succeeded FROM slot WHERE job = ?1";
        let slot = |row: &Row<'_>| {
            Ok(Slot {
                taken: Instant(row.get(0)?),
                schedule: row.get(1)?,
                tries: u32::try_from(row.get::<_, i64>(2)?).unwrap_or(u32::MAX),
                exit: row.get::<_, Option<i64>>(3)?.and_then(|exit| u8::try_from(exit).ok()),
                succeeded: row.get::<_, Option<i64>>(4)?.map(Instant),
            })
        };
        self.read(|state| sql::first(state, select, [job], slot))
    }

    /// Marks a slot as taken, before its run begins. What is known of earlier successes stays.
    ///
    /// # Errors
    /// Where the file cannot be written: then the run must not begin.
    pub fn take_slot(&self, job: &str, schedule: &str, slot: Instant, tries: u32) -> Result<(), StateError> {
        let put = "INSERT INTO slot (job, taken, schedule, tries) VALUES (?1, ?2, ?3, ?4) ON CONFLICT (job) DO UPDATE \
                   SET taken = excluded.taken, schedule = excluded.schedule, tries = excluded.tries, exit = NULL";
        self.write(|state| sql::run(state, put, params![job, slot.0, schedule, tries]).map(drop))
    }

    /// Records what became of the slot that was taken. `succeeded` is when, if it ended well; `passed` is the last slot
    /// that its run has passed over.
    ///
    /// # Errors
    /// Where the file cannot be written.
    pub fn end_slot(
        &self,
        job: &str,
        exit: u8,
        succeeded: Option<Instant>,
        passed: Instant,
    ) -> Result<(), StateError> {
        let update = "UPDATE slot SET exit = ?2, succeeded = COALESCE(?3, succeeded), taken = MAX(taken, ?4) WHERE job = ?1";
        let succeeded = succeeded.map(|at| at.0);
        self.write(|state| sql::run(state, update, params![job, exit, succeeded, passed.0]).map(drop))
    }

    /// Counts the users that a job owns.
    ///
    /// # Errors
    /// Where the file cannot be read.
    pub fn owned(&self, job: &str) -> Result<u64, StateError> {
        let count: i64 =
            self.read(|state| sql::value(state, "SELECT COUNT(*) FROM link WHERE job = ?1", [job]))?;
        Ok(u64::try_from(count).unwrap_or(0))
    }

    /// Gives the trouble of a job that was told and has not cleared: a digest for each kind.
    ///
    /// # Errors
    /// Where the file cannot be read.
    pub fn told(&self, job: &str) -> Result<BTreeMap<String, String>, StateError> {
        let select = "SELECT kind, digest FROM told WHERE job = ?1";
        let told = self.read(|state| sql::all(state, select, [job], |row| Ok((row.get(0)?, row.get(1)?))))?;
        Ok(told.into_iter().collect())
    }

    /// Keeps the digest of a trouble that was told, or forgets the kind because it has cleared.
    ///
    /// # Errors
    /// Where the file cannot be written.
    pub fn put_told(&self, job: &str, kind: &str, digest: Option<&str>) -> Result<(), StateError> {
        let put = "INSERT INTO told (job, kind, digest) VALUES (?1, ?2, ?3) \
                   ON CONFLICT (job, kind) DO UPDATE SET digest = excluded.digest";
        let forget = "DELETE FROM told WHERE job = ?1 AND kind = ?2";
        self.write(|state| match digest {
            None => sql::run(state, forget, [job, kind]).map(drop),
            Some(digest) => sql::run(state, put, [job, kind, digest]).map(drop),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_is_taken_then_ended_and_trouble_is_kept_until_it_clears() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        assert_eq!(store.slot("T").unwrap(), None);
        let mut slot =
            Slot { taken: Instant(5), schedule: "x".into(), tries: 1, exit: None, succeeded: None };
        store.take_slot("T", "x", Instant(5), 1).unwrap();
        assert_eq!(store.slot("T").unwrap().as_ref(), Some(&slot));
        store.end_slot("T", 0, Some(Instant(6)), Instant(5)).unwrap();
        (slot.exit, slot.succeeded) = (Some(0), Some(Instant(6)));
        assert_eq!(store.slot("T").unwrap().as_ref(), Some(&slot));
        // The next slot: no outcome yet, and the last success stays known.
        store.take_slot("T", "x", Instant(9), 1).unwrap();
        (slot.taken, slot.exit) = (Instant(9), None);
        assert_eq!(store.slot("T").unwrap().as_ref(), Some(&slot));
        store.end_slot("T", 13, None, Instant(11)).unwrap();
        (slot.taken, slot.exit) = (Instant(11), Some(13));
        assert_eq!(store.slot("T").unwrap(), Some(slot));

        store.put_told("T", "failed", Some("a")).unwrap();
        store.put_told("T", "failed", Some("b")).unwrap();
        store.put_told("T", "skipped", Some("c")).unwrap();
        store.put_told("T", "skipped", None).unwrap();
        assert_eq!(store.told("T").unwrap(), BTreeMap::from([("failed".into(), "b".into())]));
        assert_eq!(store.told("U").unwrap(), BTreeMap::new());
        assert_eq!(store.owned("T").unwrap(), 0);
    }
}
