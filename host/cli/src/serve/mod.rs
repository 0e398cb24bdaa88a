//! `serve`: every job on its schedule, in one process.
//!
//! One loop looks at the time and at the files; each run is a task of its own. A slot is marked as taken before its run
//! begins, and its outcome is kept after, so that a crash runs nothing twice and forgets nothing.

pub(crate) mod board;
mod folder;
mod gates;
pub(crate) mod listen;
mod roster;
mod served;
pub(crate) mod tell;
mod trust;
pub(crate) mod turn;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rollcall_core::{Diagnostic, Text, codes};
use rollcall_edges::clock::Instant;
use rollcall_edges::state::State as _;
use rollcall_engine::schedule;
use rollcall_job::expiry;
use rollcall_job::notify::Notify;
use rollcall_state::Store;
use serde_json::json;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinSet;

use crate::args::{Global, ServeJobsArgs};
use crate::exit;
use crate::failure::Failure;
use crate::output::Output;
use crate::serve::board::{Board, interrupted, well};
use crate::serve::gates::Gates;
use crate::serve::served::{Served, key};
use crate::serve::tell::troubles;
use crate::serve::turn::{Turn, turn};
use crate::time;
use crate::view::text::shown;
use crate::wiring::{Session, Shared};

/// How long the loop sleeps at most, on the machine's clock: a signal is noticed within this.
const TICK: Duration = Duration::from_millis(250);
/// How often the files are looked at, on the machine's clock.
const LOOK: Duration = Duration::from_secs(2);

/// How late a run is when its slot counts as missed, in milliseconds.
const LATE_MS: u64 = 60_000;

/// What the loop works with.
struct Service<'a> {
    output: &'a Output,
    shared: Arc<Shared>,
    store: Store,
    board: Arc<Mutex<Board>>,
    named: Vec<PathBuf>,
    jobs: Vec<Served>,
    running: JoinSet<Ended>,
    gates: Arc<Gates>,
    looked: std::time::Instant,
}

/// A run that has ended.
struct Ended {
    job: Text,
    slot: Instant,
    /// `None`: it did not begin, because the process is to end or the job is held.
    turn: Option<Turn>,
    /// Why the job is held.
    held: Option<Text>,
    /// Who is told, and of which credentials that expire.
    notify: Option<Notify>,
    expiring: Vec<Diagnostic>,
    /// How many users the job owns now.
    owned: u64,
}

/// Runs the command.
pub(crate) async fn run(global: &Global, output: &Output, args: &ServeJobsArgs) -> Result<u8, Failure> {
    let shared = Arc::new(Shared::new(global, true)?);
    if shared.clock.pause(1).is_none() {
        let message = "ROLLCALL_NOW stands still, and a schedule needs a clock that runs";
        return Err(Failure::new(exit::USAGE, codes::USAGE, message)
            .hint("write `+running` behind it, or `+60x` for a fast one"));
    }
    let store = shared.store().await?;
    let board = Arc::new(Mutex::new(Board::new(args.unhealthy_after)));
    let mut service = Service {
        output,
        shared,
        store,
        board: board.clone(),
        named: args.jobs.clone(),
        jobs: Vec::new(),
        running: JoinSet::new(),
        gates: Arc::default(),
        looked: std::time::Instant::now(),
    };
    let wrong = service.scan(true).await?;
    if !service.jobs.iter().any(|job| job.ready.is_ok()) {
        let none = || {
            let hint = "a folder's jobs are its `*.toml` with `name` and `[schedule]`, and the `job.toml` of each folder below";
            vec![Diagnostic::error(codes::JOB_UNSCHEDULED, "there is no job to serve").hint(hint)]
        };
        return Err(Failure::invalid(if wrong.is_empty() { none() } else { wrong }));
    }
    let address = match args.listen {
        Some(address) => Some(listen::start(address, board).await?),
        None => None,
    };
    if output.json || address.is_some() {
        let first = json!({ "address": address.map(|at| at.to_string()), "jobs": service.jobs.len() });
        output.payload(&format!("{first}\n"));
    }
    service.run().await
}

impl Service<'_> {
    async fn run(mut self) -> Result<u8, Failure> {
        let mut hangup = signal(SignalKind::hangup()).map_err(|why| {
            Failure::new(exit::ERROR, codes::USAGE, format!("signals cannot be listened to: {why}"))
        })?;
        loop {
            if let Some(signal) = self.shared.cancel.signal() {
                return self.end(signal).await;
            }
            self.board().beat();
            if self.looked.elapsed() >= LOOK {
                self.looked = std::time::Instant::now();
                self.look().await;
            }
            self.begin_due().await;
            let pause = self.pause();
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                Some(ended) = self.running.join_next(), if !self.running.is_empty() => {
                    if let Ok(ended) = ended {
                        self.ended(ended).await;
                    }
                }
                Some(()) = hangup.recv() => {
                    // What was served before goes on where the list cannot be read.
                    let read = self.scan(false).await;
                    self.output.diagnostics(&read.err().map(|failure| failure.diagnostics).unwrap_or_default());
                }
            }
        }
    }

    fn board(&self) -> MutexGuard<'_, Board> {
        self.board.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives how long to sleep: until the next run begins, and never long.
    fn pause(&self) -> Duration {
        let now = self.shared.clock.now();
        let waiting = self.jobs.iter().filter(|job| !job.running).filter_map(|job| job.wake);
        let next = waiting.min().and_then(|wake| self.shared.clock.pause(wake.since(now)));
        next.map_or(TICK, |next| next.clamp(Duration::from_millis(1), TICK))
    }

    /// Begins every run whose time has come.
    async fn begin_due(&mut self) {
        let now = self.shared.clock.now();
        for at in 0..self.jobs.len() {
            let Some(job) = self.jobs.get(at) else { break };
            let Some((slot, tries)) = job.due(now) else { continue };
            // Files are read again at each run: what decides about telephones is what stands there now.
            let writable = job.writable();
            if !writable.is_empty() || job.changed() {
                let before = self.jobs.remove(at);
                let Some(mut again) = Served::load(&self.shared, &before.found) else { return };
                again.notify = again.notify.or(before.notify);
                self.admit(again, false).await;
                // The list has another order now; the rest has its turn at once.
                return;
            }
            self.begin(at, slot, tries, now);
        }
    }

    fn begin(&mut self, at: usize, slot: Instant, tries: u32, now: Instant) {
        let Some(job) = self.jobs.get_mut(at) else { return };
        let Ok(ready) = &job.ready else { return };
        let (session, office) = (ready.session.clone(), ready.office.clone());
        let schedule = ready.schedule.clone();
        (job.taken, job.again, job.running) = (job.taken.max(slot), None, true);
        job.plan();
        let late = now.since(schedule::begin(&schedule, &job.name, slot));
        let key = key(&schedule);
        let (name, wake) = (job.name.clone(), job.wake);
        let (path, notify) = (job.found.path.clone(), job.notify.clone());
        if late > LATE_MS {
            let slot = time::shown(slot);
            self.output.say(&format!("{}: its slot at {slot} was missed and runs now", shown(&name)));
        }
        {
            let mut board = self.board();
            let line = board.line(&name);
            (line.running, line.next) = (true, wake);
        }
        let (store, gates, shared) = (self.store.clone(), self.gates.clone(), self.shared.clone());
        self.running.spawn(async move {
            let _passed = gates.pass(office).await;
            let (expiring, held) = (Vec::new(), None);
            let mut ended = Ended { job: name, slot, turn: None, held, notify, expiring, owned: 0 };
            if shared.cancel.signal().is_some() {
                return ended;
            }
            let session = session.map_or_else(|| Session::among(&shared, &path).map(Arc::new), Ok);
            // A slot that cannot be marked must not run: it would run again after a crash.
            let taken = taken(&store, &ended.job, &key, slot, tries).await;
            ended.turn = match (session, taken) {
                (_, Ok(Some(why))) => {
                    ended.held = Some(why);
                    None
                }
                (Ok(session), Ok(None)) => {
                    ended.expiring = expiry::expiring(&session.job, shared.clock.now().0);
                    Some(guarded(session).await)
                }
                (Err(failure), _) | (Ok(_), Err(failure)) => Some(Turn::nothing(&ended.job, failure)),
            };
            ended.owned = store.owned(&ended.job).unwrap_or(0);
            ended
        });
    }

    /// Keeps what a run came to, and tells of it.
    async fn ended(&mut self, ended: Ended) {
        let Ended { job: name, slot, turn, held, notify, expiring, owned } = ended;
        let now = self.shared.clock.now();
        self.held(&name, slot, held);
        let job = self.jobs.iter_mut().find(|job| job.name == name);
        let Some(turn) = turn else { return };
        let mut passed = slot;
        let mut wake = None;
        if let Some(job) = job {
            job.running = false;
            if !interrupted(turn.exit)
                && let Some(last) = job.schedule().and_then(|schedule| schedule::last(schedule, now))
            {
                // No job runs beside itself, and what it would have done is done.
                passed = passed.max(last);
                job.taken = job.taken.max(last);
            }
            job.plan();
            wake = job.wake;
        }
        let succeeded = well(turn.exit).then_some(now);
        let kept = self.store.end_slot(&name, turn.exit, succeeded, passed);
        if let Err(error) = kept {
            self.output.diagnostics(&Failure::from(error).diagnostics);
        }
        {
            let mut board = self.board();
            let line = board.line(&name);
            line.ended(turn.exit, &turn.figures, now);
            (line.next, line.owned) = (wake, owned);
        }
        self.jobs.retain(|job| job.running || !job.leaving);
        self.log(&name, slot, &turn, wake);
        if let Some(notify) = notify {
            let mut troubles = troubles(&turn);
            tell::expiring(&mut troubles, &expiring);
            let told = tell::tell(&self.store, &notify, &name, &turn, &troubles, &*self.shared.clock).await;
            self.output.diagnostics(told.err().as_slice());
        }
    }

    /// Notes whether a job is held; a slot that is passed over for it is told once.
    fn held(&mut self, name: &Text, slot: Instant, held: Option<Text>) {
        let Some(job) = self.jobs.iter_mut().find(|job| job.name == *name) else { return };
        let told = std::mem::replace(&mut job.told_held, held.is_some());
        if let Some(why) = &held {
            job.running = false;
            if !told {
                let slot = time::shown(slot);
                let message =
                    format!("the job `{name}` is held, because {why}: its slot at {slot} is passed over");
                let hint = "look at what was undone, then run `rollcall sync` by hand; the schedule goes on from there";
                self.output.diagnostics(&[Diagnostic::warning(codes::SLOT_PASSED, message).hint(hint)]);
            }
        }
        let mut board = self.board();
        let line = board.line(name);
        line.held = held.is_some();
        line.running &= held.is_none();
    }

    /// Says what a run came to, without a name of anybody.
    fn log(&self, job: &Text, slot: Instant, turn: &Turn, wake: Option<Instant>) {
        let next = wake.map_or("never".to_owned(), time::shown);
        if self.output.json {
            let line = json!({
                "job": &**job, "run": turn.run.as_deref(), "slot": time::shown(slot), "exit": turn.exit,
                "summary": turn.document["summary"], "duration_ms": turn.figures.duration_ms,
                "next_run": wake.map(time::shown),
            });
            self.output.payload(&format!("{line}\n"));
        }
        let summary = &turn.document["summary"];
        self.output.say(&format!(
            "{}: run {} for the slot at {} ended with {} after {} ms: {} users read, {} applied, {} failed, {} skipped; \
             next at {next}",
            shown(job),
            turn.run.as_deref().unwrap_or("-"),
            time::shown(slot),
            turn.exit,
            turn.figures.duration_ms,
            summary["directory_users"],
            summary["applied"],
            summary["failed"],
            summary["skipped"],
        ));
        self.output.diagnostics(&turn.loggable());
    }

    /// Ends: what runs has been asked to finish the operation in flight, and nothing else begins.
    async fn end(mut self, signal: i32) -> Result<u8, Failure> {
        self.output.say("a signal: what is in flight is finished");
        while let Some(ended) = self.running.join_next().await {
            if let Ok(ended) = ended {
                self.ended(ended).await;
            }
        }
        Ok(exit::of_class(rollcall_engine::Class::Interrupted, Some(signal)))
    }
}

/// Marks a slot as taken, or gives why the job is held: then the slot is passed over.
async fn taken(
    store: &Store,
    job: &str,
    key: &str,
    slot: Instant,
    tries: u32,
) -> Result<Option<Text>, Failure> {
    let held = store.job(job).await?.held.map(|hold| hold.why);
    // A run that was not begun is no try.
    store.take_slot(job, key, slot, if held.is_some() { 0 } else { tries })?;
    Ok(held)
}

/// Runs a job once. Whatever breaks in there must not stop the others.
async fn guarded(session: Arc<Session>) -> Turn {
    let name = session.job.name.clone();
    let run = tokio::spawn(async move { turn(&session).await });
    run.await.unwrap_or_else(|_| {
        let message = "the run broke off; please report this with what stands above".to_owned();
        Turn::nothing(&name, rollcall_engine::RunError::Internal(message).into())
    })
}
