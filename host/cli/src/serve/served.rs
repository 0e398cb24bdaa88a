//! A job file that is served: read, looked at for who can write it, compiled, and read again when it changes.

use std::path::PathBuf;
use std::sync::Arc;

use rollcall_core::{Diagnostic, Text, codes};
use rollcall_edges::clock::Instant;
use rollcall_engine::schedule;
use rollcall_job::notify::Notify;
use rollcall_job::schedule::Schedule;
use rollcall_state::Store;

use crate::failure::Failure;
use crate::serve::board::interrupted;
use crate::serve::folder::{Found, Stamp};
use crate::serve::{gates, trust};
use crate::wiring::{Session, Shared};

/// How far the last slot may lie ahead of the clock before the clock counts as set back, in milliseconds.
const AHEAD_MS: i64 = 60 * 60 * 1000;

/// A job file that is served.
pub(crate) struct Served {
    /// Where it is.
    pub(crate) found: Found,
    /// The job's name, as far as it is known.
    pub(crate) name: Text,
    /// Who is told.
    pub(crate) notify: Option<Notify>,
    /// What runs and when, or why it cannot.
    pub(crate) ready: Result<Ready, Vec<Diagnostic>>,
    files: Vec<(PathBuf, Stamp)>,
    /// The last slot that was taken.
    pub(crate) taken: Instant,
    /// A slot whose run was cut off, to be run once more.
    pub(crate) again: Option<Instant>,
    /// Whether a run goes on.
    pub(crate) running: bool,
    /// Whether it has been said that the job is held.
    pub(crate) told_held: bool,
    /// Whether it is read again soon although nothing of it changed.
    pub(crate) again_soon: bool,
    /// Whether it is served no more once its run has ended.
    pub(crate) leaving: bool,
    /// When it has to be looked at next.
    pub(crate) wake: Option<Instant>,
}

/// A job that can run.
pub(crate) struct Ready {
    /// When.
    pub(crate) schedule: Schedule,
    /// Its phone system, by where it is.
    pub(crate) office: String,
    /// The job with its compiled rules, where there is room to keep it: else it is read again for each run.
    pub(crate) session: Option<Arc<Session>>,
}

impl Served {
    /// Reads a job file. `None`: it lies in a folder and has no schedule, so it is not meant.
    pub(crate) fn load(shared: &Shared, found: &Found) -> Option<Self> {
        // Stamps first: what changes while it is read is then read again.
        let own = (found.path.clone(), Stamp::of(&found.path));
        let (job, _) = rollcall_job::read(&found.path);
        let Some(job) = job else {
            let wrong = Session::among(shared, &found.path).err().map(|why| why.diagnostics);
            let name = found.path.display().to_string().into();
            return Some(Self::new(found, name, None, Err(wrong.unwrap_or_default()), vec![own]));
        };
        let files = trust::files(&job);
        // What is trusted and revoked decides about a partner's connector, too.
        let stamped = files.iter().cloned().chain([shared.register_file()]);
        let stamped = stamped.map(|file| (file.clone(), Stamp::of(&file))).collect();
        let writable = trust::check(&files);
        let session = match writable.is_empty() {
            false => Err(writable),
            true => Session::among(shared, &found.path).map(Arc::new).map_err(|why| why.diagnostics),
        };
        let ready = match session.map(|session| (session.job.schedule.clone(), session)) {
            Ok((Some(schedule), session)) => {
                Ok(Ready { schedule, office: gates::name(&session.job.phone_system), session: Some(session) })
            }
            Ok((None, _)) if !found.named => return None,
            Ok((None, session)) => {
                let message = format!("the job `{}` has no [schedule]", session.job.name);
                let hint = "write `[schedule]` with `cron = \"0 */2 * * *\"`";
                let why = Diagnostic::error(codes::JOB_UNSCHEDULED, message).hint(hint);
                Err(vec![why.at(session.job.place(&["name"]).unwrap_or(rollcall_core::Place::Nowhere))])
            }
            Err(wrong) => Err(wrong),
        };
        let name = if job.name.is_empty() { found.path.display().to_string().into() } else { job.name };
        Some(Self::new(found, name, job.notify, ready, stamped))
    }

    fn new(
        found: &Found,
        name: Text,
        notify: Option<Notify>,
        ready: Result<Ready, Vec<Diagnostic>>,
        files: Vec<(PathBuf, Stamp)>,
    ) -> Self {
        Self {
            found: found.clone(),
            name,
            notify,
            ready,
            files,
            taken: Instant::default(),
            again: None,
            running: false,
            told_held: false,
            again_soon: false,
            leaving: false,
            wake: None,
        }
    }

    /// Gives its schedule, where it can be used.
    pub(crate) fn schedule(&self) -> Option<&Schedule> {
        Some(&self.ready.as_ref().ok()?.schedule)
    }

    /// Tells whether it has to be read again: one of its files has changed, or the state could not be read.
    pub(crate) fn changed(&self) -> bool {
        self.again_soon || self.files.iter().any(|(file, stamp)| Stamp::of(file) != *stamp)
    }

    /// Tells who can write its files by now.
    pub(crate) fn writable(&self) -> Vec<Diagnostic> {
        let files: Vec<PathBuf> = self.files.iter().map(|(file, _)| file.clone()).collect();
        trust::check(&files)
    }

    /// Makes it unusable.
    pub(crate) fn refuse(&mut self, why: Vec<Diagnostic>) {
        self.ready = Err(why);
        self.wake = None;
    }

    /// Takes over what the state knows of its slots, and gives when it last ended well. A schedule that is new begins
    /// now; one that was there before has perhaps missed some.
    pub(crate) async fn remember(
        &mut self,
        store: &Store,
        now: Instant,
        starting: bool,
    ) -> Result<(Option<Instant>, Option<Diagnostic>), Failure> {
        let Some(schedule) = self.schedule() else { return Ok((None, None)) };
        let key = key(schedule);
        let known = store.slot(&self.name)?;
        let succeeded = known.as_ref().and_then(|known| known.succeeded);
        let mut told = None;
        match known.filter(|known| known.schedule == key) {
            Some(known) if known.taken.0 > now.0.saturating_add(AHEAD_MS) => {
                let message = format!(
                    "the last slot of `{}` lies ahead of the clock, which was set back; its schedule begins anew",
                    self.name
                );
                told = Some(Diagnostic::warning(codes::SLOT_PASSED, message));
                store.take_slot(&self.name, &key, now, 0)?;
                self.taken = now;
            }
            Some(known) => {
                self.taken = known.taken;
                // Once more and no more than that: a run that ends the process must not end it again and again.
                let cut_off = known.tries == 1 && known.exit.is_none_or(interrupted);
                self.again = (starting && cut_off).then_some(known.taken);
            }
            None => {
                store.take_slot(&self.name, &key, now, 0)?;
                self.taken = now;
            }
        }
        self.plan();
        Ok((succeeded, told))
    }

    /// Finds out when it has to be looked at next.
    pub(crate) fn plan(&mut self) {
        let next = self.schedule().and_then(|schedule| {
            Some(schedule::begin(schedule, &self.name, schedule::next(schedule, self.taken)?))
        });
        self.wake = next;
    }

    /// Gives the slot whose run should begin now, and which attempt at it that is.
    pub(crate) fn due(&self, now: Instant) -> Option<(Instant, u32)> {
        if self.running {
            return None;
        }
        let schedule = self.schedule()?;
        let due = self.wake.filter(|wake| *wake <= now);
        match due.and_then(|_| schedule::due(schedule, &self.name, self.taken, now)) {
            Some(slot) => Some((slot, 1)),
            None => self.again.map(|slot| (slot, 2)),
        }
    }
}

/// Names a schedule: slots of one are none of another.
pub(crate) fn key(schedule: &Schedule) -> String {
    format!("{} {}", schedule.text, schedule.zone_name)
}
