//! The journal: intents before effects, and what each effect does to the ledger, in one transaction.

use async_trait::async_trait;
use rollcall_core::elapsed::Tick;
use rollcall_core::guard::Spent;
use rollcall_core::memory::{Link, MatchedBy, Unsure};
use rollcall_core::script::ExtensionKind;
use rollcall_core::verify::Outcome;
use rollcall_core::{Guid, RecordId, Text};
use rollcall_edges::clock::Instant;
use rollcall_edges::plans::PlanMark;
use rollcall_edges::state::{
    Held, Hold, Identities, Intent, JobState, Journalled, Later, Lease, LinkChange, Mark, NewRun, Owner,
    Passed, RunRow, Settled, Settlement, State, StateError, Steady, StoredRun,
};
use rollcall_sqlite::{Connection, params};
use std::collections::{BTreeMap, BTreeSet};

use crate::rows::{self, link_row, op_row};
use crate::seal::damaged;
use crate::shapes::{DRAWN, Shaper};
use crate::sql::{self, Failed, Worked};
use crate::store::Store;

#[async_trait]
impl State for Store {
    async fn job(&self, job: &str) -> Result<JobState, StateError> {
        self.read_job(job)
    }

    async fn links(&self, job: &str) -> Result<Vec<Link>, StateError> {
        self.read_links(job)
    }

    async fn same_job(&self, job: &str, file: &str) -> Result<Option<Text>, StateError> {
        self.other_name(job, file)
    }

    async fn owners(&self, office: &str, but: Option<&str>) -> Result<BTreeMap<Guid, Owner>, StateError> {
        self.read_owners(office, but)
    }

    async fn unsure(&self, office: &str) -> Result<Vec<Unsure>, StateError> {
        self.read_unsure(office)
    }

    async fn held(&self, office: &str, since: Instant) -> Result<Vec<Held>, StateError> {
        self.read_held(office, since)
    }

    async fn office_tick(&self, office: &str) -> Result<Option<Tick>, StateError> {
        self.read_office_tick(office)
    }

    async fn spent(&self, job: &str, stretches: &[(i64, i64)]) -> Result<Spent, StateError> {
        self.read_spent(job, stretches)
    }

    async fn passed(&self, job: &str, passed: &Passed) -> Result<(), StateError> {
        self.write_passed(job, passed)
    }

    async fn hold(&self, job: &str, hold: Option<&Hold>) -> Result<(), StateError> {
        self.write_hold(job, hold)
    }

    async fn version(&self, job: &str, office: &str) -> Result<Option<Text>, StateError> {
        self.read_version(job, office)
    }

    async fn steady(&self, job: &str) -> Result<Option<Steady>, StateError> {
        self.read_steady(job)
    }

    async fn settle_down(&self, job: &str, steady: Option<&Steady>) -> Result<(), StateError> {
        self.write_steady(job, steady)
    }

    async fn lease(&self, job: &str, office: &str, wait_ms: u64) -> Result<Box<dyn Lease>, StateError> {
        self.take_lease(job, office, wait_ms).await
    }

    async fn identify(&self, job: &str, directories: &Identities, office: &str) -> Result<(), StateError> {
        self.write_identity(job, directories, office)
    }

    async fn plan_mark(&self, id: &str) -> Result<Option<PlanMark>, StateError> {
        self.read_plan_mark(id)
    }

    async fn begin(&self, run: &NewRun<'_>) -> Result<Text, StateError> {
        self.begin_run(run)
    }

    async fn stored(&self, run: &str) -> Result<Option<StoredRun>, StateError> {
        self.stored_run(run)
    }

    async fn later(&self, run: &str) -> Result<Vec<Later>, StateError> {
        self.later_changes(run)
    }

    async fn reopen(&self, run: &str, generation: i64, now: Instant) -> Result<(), StateError> {
        self.reopen_run(run, generation, now)
    }

    async fn intend(
        &self,
        run: &str,
        intents: &[Intent],
        send: &[u32],
        mark: Mark,
    ) -> Result<(), StateError> {
        self.write(|state| {
            may_send(state, run, send, mark)?;
            let mut unmarked: BTreeSet<u32> = send.iter().copied().collect();
            for intent in intents {
                let row = op_row(run, i64::from(intent.seq));
                let write = Shaper { seal: &self.seal, row: &row }.write(&intent.write)?;
                let (directory, native) = intent.id.as_ref().map(|id| (&id.directory, &id.native)).unzip();
                let sent = unmarked.remove(&intent.seq).then_some(mark.at.0);
                let insert = "INSERT INTO op (run, seq, change, directory, native, key, write, sent) \
                              VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
                let params =
                    params![run, intent.seq, intent.change, directory, native, intent.key, write, sent];
                sql::run(state, insert, params)?;
            }
            put_sent(state, run, unmarked, mark)
        })
    }

    async fn start(&self, run: &str, seqs: &[u32], mark: Mark) -> Result<(), StateError> {
        self.write(|state| marked(state, run, seqs, mark))
    }

    async fn withdraw(&self, run: &str, seqs: &[u32]) -> Result<(), StateError> {
        let update = "UPDATE op SET sent = NULL WHERE run = ?1 AND seq = ?2 AND settled IS NULL";
        self.write(|state| {
            seqs.iter().try_for_each(|seq| sql::run(state, update, params![run, seq]).map(drop))
        })
    }

    async fn settle(
        &self,
        run: &str,
        settlements: &[Settlement<'_>],
        next: &[u32],
        mark: Mark,
    ) -> Result<(), StateError> {
        self.write(|state| {
            let links = settlements.iter().any(|settlement| settlement.link.is_some());
            let owner = if links { Some(owner(state, run, mark.generation)?) } else { None };
            for settlement in settlements {
                let before = self.put_settled(state, run, settlement, mark.at)?;
                if let (Some(change), Some(owner)) = (settlement.link, &owner)
                    && before.open()
                {
                    let late = !settlement.recovering && before == Before::Unknown || !owner.latest;
                    self.change_link(state, owner, change, late, mark.at)?;
                }
            }
            match marked(state, run, next, mark) {
                // What took place stays settled, also where nothing more may be sent.
                Err(Failed::State(lost @ StateError::Lost)) => Ok(Err(lost)),
                marked => marked.map(Ok),
            }
        })?
    }

    async fn finish(
        &self,
        run: &str,
        ended: Instant,
        exit: i32,
        report: &str,
        outcomes: &[Outcome],
    ) -> Result<(), StateError> {
        self.finish_run(run, ended, exit, report, outcomes)?;
        // What is too old goes at the end of a run. The run itself has ended well: where this fails, the next one does it.
        let _ = self.prune(None, ended);
        Ok(())
    }

    async fn interrupted(&self, office: &str) -> Result<Vec<Text>, StateError> {
        let select = "SELECT id FROM run WHERE office = ?1 AND recovered IS NULL AND (ended IS NULL OR \
                      exit IN (1, 4, 14, 130, 143) OR EXISTS (SELECT 1 FROM op WHERE op.run = run.id AND sent IS NOT NULL AND \
                      (settled IS NULL OR settled = 'unknown'))) ORDER BY started, rowid";
        self.read(|state| sql::all(state, select, [office], |row| Ok(row.get(0)?)))
    }

    async fn recovered(&self, run: &str, outcomes: &[Outcome], now: Instant) -> Result<(), StateError> {
        self.recovered_run(run, outcomes, now)
    }

    async fn runs(&self, job: Option<&str>, limit: u32) -> Result<Vec<RunRow>, StateError> {
        let select =
            format!("{} WHERE ?1 IS NULL OR job = ?1 ORDER BY started DESC, rowid DESC LIMIT ?2", rows::RUN);
        self.read(|state| sql::all(state, &select, params![job, limit], rows::run))
    }

    async fn run(&self, id: &str) -> Result<Option<RunRow>, StateError> {
        if id.is_empty() || !id.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return Ok(None);
        }
        let select = format!("{} WHERE substr(id, 1, length(?1)) = ?1 LIMIT 2", rows::RUN);
        let mut found = self.read(|state| sql::all(state, &select, [id], rows::run))?;
        // An ambiguous beginning names no run.
        Ok(found.pop().filter(|_| found.is_empty()))
    }

    async fn operations(&self, run: &str) -> Result<Vec<Journalled>, StateError> {
        let select = "SELECT run, seq, change, directory, native, key, write, settled, why, sent FROM op WHERE run = ?1 ORDER BY seq";
        self.read(|state| sql::all(state, select, [run], |row| rows::op(&self.seal, row)))
    }

    async fn history(
        &self,
        job: &str,
        id: &RecordId,
    ) -> Result<Vec<(Text, Instant, Journalled)>, StateError> {
        let select = "SELECT op.run, seq, change, directory, native, key, write, settled, why, sent, COALESCE(at, started) \
                      FROM op JOIN run ON run.id = op.run WHERE run.job = ?1 AND directory = ?2 AND native = ?3 \
                      ORDER BY started DESC, run.rowid DESC, seq";
        self.read(|state| {
            sql::all(state, select, [job, &*id.directory, &*id.native], |row| {
                Ok((row.get(0)?, Instant(row.get(10)?), rows::op(&self.seal, row)?))
            })
        })
    }
}

/// How an operation stood before it was settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Before {
    /// Not settled.
    Open,
    /// Settled as `unknown`.
    Unknown,
    /// Settled for good.
    Closed,
}

impl Before {
    fn open(self) -> bool {
        self != Before::Closed
    }
}

/// Marks operations as sent, unless the sender's lease is no longer the latest: then none is.
fn marked(state: &Connection, run: &str, seqs: &[u32], mark: Mark) -> Worked<()> {
    may_send(state, run, seqs, mark)?;
    put_sent(state, run, seqs.iter().copied(), mark)
}

/// Refuses operations whose sender's lease is no longer the latest.
fn may_send(state: &Connection, run: &str, seqs: &[u32], mark: Mark) -> Worked<()> {
    if !seqs.is_empty() && !sends(state, run, mark.generation)? {
        return Err(Failed::State(StateError::Lost));
    }
    Ok(())
}

/// Writes marks that are allowed.
fn put_sent(state: &Connection, run: &str, seqs: impl IntoIterator<Item = u32>, mark: Mark) -> Worked<()> {
    for seq in seqs {
        let update = "UPDATE op SET sent = ?3 WHERE run = ?1 AND seq = ?2";
        if sql::run(state, update, params![run, seq, mark.at.0])? != 1 {
            return Err(damaged("an operation that was not intended").into());
        }
    }
    Ok(())
}

/// Tells whether a lease of this generation is the latest one of the run's phone system.
fn sends(state: &Connection, run: &str, generation: i64) -> Worked<bool> {
    let select = "SELECT EXISTS (SELECT 1 FROM run JOIN lease USING (office) WHERE run.id = ?1 AND lease.generation = ?2)";
    sql::value(state, select, params![run, generation])
}

/// Whose links a run changes.
struct RunOwner {
    job: Text,
    office: Text,
    /// Whether nobody has taken the phone system since the lease of whoever settles.
    latest: bool,
}

/// Gives whose links a run changes, for whoever settles under a lease of this generation.
fn owner(state: &Connection, run: &str, generation: i64) -> Worked<RunOwner> {
    let select = "SELECT job, run.office, COALESCE(lease.generation = ?2, 1) FROM run LEFT JOIN lease \
                  ON lease.office = run.office WHERE run.id = ?1";
    let found = sql::first(state, select, params![run, generation], |row| {
        Ok(RunOwner { job: row.get(0)?, office: row.get(1)?, latest: row.get(2)? })
    })?;
    Ok(found.ok_or_else(|| damaged("an operation of no run"))?)
}

/// Tells whether a phone user is linked to somebody else than a link says.
fn is_anothers(state: &Connection, job: &str, office: &str, link: &Link) -> Worked<bool> {
    let select = "SELECT EXISTS (SELECT 1 FROM link WHERE office = ?1 AND guid = ?2 AND NOT (job = ?3 AND directory = ?4 AND native = ?5))";
    let RecordId { directory, native } = &link.id;
    sql::value(state, select, [office, &*link.guid, job, &**directory, &**native])
}

/// Puts what somebody has freed into quarantine: a name, a number.
fn hold(
    state: &Connection,
    office: &str,
    id: &RecordId,
    [name, number]: [&Option<Text>; 2],
    now: Instant,
) -> Worked<()> {
    for (value, is_name) in [(name, true), (number, false)] {
        let Some(value) = value else { continue };
        let hold = "INSERT INTO held (office, value, is_name, directory, native, since) VALUES (?1, ?2, ?3, ?4, ?5, ?6) \
                    ON CONFLICT (office, is_name, value) DO UPDATE SET directory = excluded.directory, \
                    native = excluded.native, since = excluded.since";
        sql::run(state, hold, params![office, value, is_name, id.directory, id.native, now.0])?;
    }
    Ok(())
}

fn has_link(state: &Connection, job: &str, id: &RecordId) -> Worked<bool> {
    let select = "SELECT EXISTS (SELECT 1 FROM link WHERE job = ?1 AND directory = ?2 AND native = ?3)";
    sql::value(state, select, [job, &*id.directory, &*id.native])
}

impl Store {
    /// Settles an operation that is open, or that somebody did not know about.
    fn put_settled(
        &self,
        state: &Connection,
        run: &str,
        settlement: &Settlement<'_>,
        now: Instant,
    ) -> Worked<Before> {
        let seq = settlement.seq;
        let (word, why) = match settlement.settled {
            Settled::Applied => ("applied", None),
            Settled::Failed(why) => ("failed", Some(why)),
            Settled::Unknown(why) => ("unknown", Some(why)),
        };
        let unknown = matches!(settlement.settled, Settled::Unknown(_));
        // Nearly every one is open and has no codes to be forgotten: it is settled without being read.
        let update = "UPDATE op SET settled = ?3, why = ?4, at = ?5 \
                      WHERE run = ?1 AND seq = ?2 AND settled IS NULL AND (?6 OR instr(write, ?7) = 0)";
        if sql::run(state, update, params![run, seq, word, why, now.0, unknown, DRAWN])? == 1 {
            return Ok(Before::Open);
        }
        let select = "SELECT settled, write FROM op WHERE run = ?1 AND seq = ?2";
        let found = sql::first(state, select, params![run, seq], |row| {
            let before = match row.get_ref(0)?.as_str_or_null()? {
                None => Before::Open,
                Some("unknown") => Before::Unknown,
                Some(_) => Before::Closed,
            };
            let name = op_row(run, i64::from(seq));
            // Handed over, or never in force: nobody needs the codes here any more.
            let forgotten = match before.open() && !unknown {
                true => Shaper { seal: &self.seal, row: &name }.forgotten(row.get_ref(1)?.as_str()?)?,
                false => None,
            };
            Ok((before, forgotten))
        })?;
        let (before, forgotten) = found.ok_or_else(|| damaged("an operation that was not intended"))?;
        if before.open() {
            let update = "UPDATE op SET settled = ?3, why = ?4, at = ?5, write = COALESCE(?6, write) WHERE run = ?1 AND seq = ?2";
            sql::run(state, update, params![run, seq, word, why, now.0, forgotten])?;
        }
        Ok(before)
    }

    /// `late`: others may have made, changed or ended links in the meantime, and what they did stays.
    fn change_link(
        &self,
        state: &Connection,
        RunOwner { job, office, .. }: &RunOwner,
        change: &LinkChange,
        late: bool,
        now: Instant,
    ) -> Worked<()> {
        match change {
            LinkChange::Put(_) | LinkChange::Moved { .. } if late => Ok(()),
            LinkChange::Made(link) if late && has_link(state, job, &link.id)? => Ok(()),
            LinkChange::Made(link) | LinkChange::Put(link) => {
                self.put_link(state, job, office, link).map(drop)
            }
            LinkChange::Moved { link, name, number } => {
                if self.put_link(state, job, office, link)? {
                    hold(state, office, &link.id, [name, number], now)?;
                }
                Ok(())
            }
            LinkChange::Remove { id, guid, name, number } => {
                let delete = "DELETE FROM link WHERE job = ?1 AND directory = ?2 AND native = ?3 AND guid = COALESCE(?4, guid)";
                sql::run(state, delete, params![job, id.directory, id.native, guid])?;
                hold(state, office, id, [name, number], now)
            }
        }
    }

    /// Writes a link, unless another job or person has come to own the phone user: the call took place then, and the
    /// user stays theirs. Tells whether it was written.
    fn put_link(&self, state: &Connection, job: &str, office: &str, link: &Link) -> Worked<bool> {
        if is_anothers(state, job, office, link)? {
            return Ok(false);
        }
        let row = link_row(job, &link.id);
        let written = Shaper { seal: &self.seal, row: &row }.fields(&link.written)?;
        let kept = Shaper { seal: &self.seal, row: &row }.fields(&link.kept)?;
        let (template, kind) = match &link.extension {
            Some(ExtensionKind::Template(name)) => (Some(name), None),
            Some(ExtensionKind::Type(name)) => (None, Some(name)),
            None => (None, None),
        };
        let put = "INSERT INTO link (job, directory, native, office, key, guid, written, rule, number_by_rule, record, kept, \
                   matched_by, user_template, extension_template, extension_type) \
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15) \
                   ON CONFLICT (job, directory, native) DO UPDATE SET \
                   office = excluded.office, key = excluded.key, guid = excluded.guid, written = excluded.written, \
                   rule = excluded.rule, number_by_rule = excluded.number_by_rule, record = excluded.record, \
                   kept = excluded.kept, matched_by = excluded.matched_by, user_template = excluded.user_template, \
                   extension_template = excluded.extension_template, extension_type = excluded.extension_type";
        let params = params![
            job,
            link.id.directory,
            link.id.native,
            office,
            link.key,
            link.guid,
            written,
            link.rule,
            link.number_by_rule,
            link.record,
            kept,
            link.matched_by.map(MatchedBy::word),
            link.user_template,
            template,
            kind
        ];
        sql::run(state, put, params).map(|_| true)
    }
}
