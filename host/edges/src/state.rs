//! What is kept between runs: the ledger of links and the journal of operations.

use std::collections::BTreeMap;

use async_trait::async_trait;
use rollcall_core::elapsed::{Jump, Tick};
use rollcall_core::guard::Spent;
use rollcall_core::memory::{Link, Unsure};
use rollcall_core::ops::Write;
use rollcall_core::order::Move;
use rollcall_core::plan::{Change, Plan};
use rollcall_core::verify::Outcome;
use rollcall_core::{Diagnostic, Guid, RecordId, Text};

use crate::clock::Instant;
use crate::plans::PlanMark;

/// Why the state could not do its part.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// The files cannot be opened, read or written: permissions, a full disk, damage, a newer version.
    #[error("{message}")]
    Unusable {
        /// What happened.
        message: String,
        /// What to do.
        hint: Option<String>,
    },
    /// Another run holds the job or its phone system.
    #[error("{what} is held by another run (process {holder})")]
    Held {
        /// What is held, for people: `job TeamsUsers`, `phone system office.db`.
        what: String,
        /// Who holds it.
        holder: String,
    },
    /// Another run has taken the phone system over, although this one had its lock: nothing more is sent.
    #[error("another run has taken the phone system over; nothing more was sent")]
    Lost,
    /// Another run has begun to apply the plan, or the plan is not known any more.
    #[error("the plan was applied already, or is known no longer")]
    PlanSpent,
}

/// What is known of a job before a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JobState {
    /// What is known of each directory, by its name within the job; nothing before the first sync.
    pub directories: BTreeMap<Text, KnownDirectory>,
    /// The phone system's identity at the first sync.
    pub office: Option<Text>,
    /// What the job was made of at the last sync that passed: the digests of its parts by name.
    pub parts: BTreeMap<Text, Vec<u8>>,
    /// The clock at the last sync that passed.
    pub tick: Option<Tick>,
    /// The last jump of the clock that a sync has noticed.
    pub jump: Option<Jump>,
    /// Why the schedule leaves the job alone; a sync by hand ends it.
    pub held: Option<Hold>,
}

impl JobState {
    /// Gives the identity of each directory.
    pub fn identities(&self) -> Identities {
        self.directories.iter().map(|(name, known)| (name.clone(), known.identity.clone())).collect()
    }

    /// Gives how many users the last reading of each directory had that passed.
    pub fn baseline(&self) -> BTreeMap<Text, u32> {
        self.directories.iter().filter_map(|(name, known)| Some((name.clone(), known.baseline?))).collect()
    }
}

/// The identity of each directory of a job, by its name within the job.
pub type Identities = BTreeMap<Text, Text>;

/// What is known of one directory of a job.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KnownDirectory {
    /// Which directory it is, as its connector tells.
    pub identity: Text,
    /// How many users the last reading that passed had; `None` before the first.
    pub baseline: Option<u32>,
}

/// A run that had nothing to do: another one that comes from the same has nothing to do either.
#[derive(Clone, Debug, PartialEq)]
pub struct Steady {
    /// A digest of everything that its plan came from.
    pub inputs: Vec<u8>,
    /// How many users each directory had.
    pub users: BTreeMap<Text, usize>,
    /// How many users the job owned.
    pub owned: usize,
    /// How many of them nothing was to be changed of.
    pub unchanged: usize,
    /// What there was to say.
    pub diagnostics: Vec<Diagnostic>,
}

/// Why a job waits for a sync by hand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    /// The run that is the reason: an undo, after which the next sync would make again what was undone.
    pub by: Text,
    /// The reason, for people.
    pub why: Text,
}

/// Who owns a phone user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// The job.
    pub job: Text,
    /// The user identification.
    pub key: Text,
    /// Whose record it is, as that job names its directory.
    pub id: RecordId,
    /// The identity of the directory that the record is of.
    pub directory: Option<Text>,
}

/// What a sync that passed the guard records of its reading, in one transaction.
#[derive(Clone, Debug)]
pub struct Passed {
    /// Each directory that was read, with how many users it gave.
    pub directories: BTreeMap<Text, KnownDirectory>,
    /// The phone system's identity.
    pub office: Text,
    /// What the job was made of.
    pub parts: BTreeMap<Text, Vec<u8>>,
    /// The clock; new leavers are missing since then.
    pub tick: Tick,
    /// By how much the clock has jumped since the job's last sync that passed, in milliseconds: leavers' clocks go with
    /// it.
    pub jump_ms: i64,
    /// By how much it has jumped since any job's last sync that passed on this phone system: quarantine goes with it.
    pub office_jump_ms: i64,
    /// Owned records that this complete reading lacks, each with how many have: their clocks start or count on.
    pub missing: Vec<(RecordId, u32)>,
    /// Owned records that it has and that were missing, or have another user identification: their clocks stop. The user
    /// identification goes with the id, for relinking.
    pub present: Vec<(RecordId, Text)>,
}

/// A name or number that a leaver or mover has freed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// The name (as it stood) or the number.
    pub value: Text,
    /// Whether it is a name.
    pub is_name: bool,
    /// Whose it was.
    pub id: RecordId,
    /// When it was freed.
    pub since: Instant,
}

/// A run that begins, with everything that a later `resume` or `undo` needs of it.
#[derive(Clone, Copy, Debug)]
pub struct NewRun<'a> {
    /// The job's name.
    pub job: &'a str,
    /// The phone system's identity.
    pub office: &'a str,
    /// The job file's absolute path.
    pub file: &'a str,
    /// When.
    pub started: Instant,
    /// `sync`, `undo`, …
    pub kind: &'a str,
    /// The plan as the contract's JSON, without its changes.
    pub document: &'a str,
    /// The plan: its changes and their order are kept until the history forgets the run.
    pub plan: &'a Plan,
    /// The guards that the run may pass, each with the exact figure.
    pub accept: &'a BTreeMap<Text, usize>,
    /// Which users stood when the plan was made, in the engine's own form; forgotten when the run has ended well.
    pub known: &'a [u8],
    /// The generation of the lease that the run writes under.
    pub generation: i64,
    /// The id of the kept plan that it applies; the plan counts as applied from then on.
    pub kept: Option<&'a str>,
}

/// A run as it was begun: what `resume` carries on and `undo` turns round.
#[derive(Clone, Debug)]
pub struct StoredRun {
    /// What `runs` lists of it.
    pub row: RunRow,
    /// The job file's absolute path.
    pub file: Text,
    /// The phone system's identity.
    pub office: Text,
    /// Its changes, each with what became of it; `Outcome::Planned` where it was not begun or not finished.
    pub changes: Vec<(Change, Outcome)>,
    /// In which order they are written.
    pub order: Vec<Move>,
    /// The guards that it may pass.
    pub accept: BTreeMap<Text, usize>,
    /// How many users its readings had, and how many the job owned.
    pub figures: (usize, usize),
    /// Which users stood when the plan was made, in the engine's own form; empty once it has ended well.
    pub known: Vec<u8>,
    /// The run that it is the inverse of.
    pub undoes: Option<Text>,
    /// Whether a later run of the job has been begun, so that this one's plan is no longer the latest.
    pub superseded: bool,
}

/// A run as `runs` lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunRow {
    /// Its id.
    pub id: Text,
    /// Its job.
    pub job: Text,
    /// `sync`, `undo`, `resume`.
    pub kind: Text,
    /// When it began.
    pub started: Instant,
    /// When it ended; `None` while it runs or where it was interrupted.
    pub ended: Option<Instant>,
    /// Its exit code, once it has ended.
    pub exit: Option<i32>,
}

/// An operation before it is sent.
#[derive(Clone, Debug)]
pub struct Intent {
    /// Its place in the run, from 0.
    pub seq: u32,
    /// The place of its change in the plan.
    pub change: u32,
    /// Whose record it is, where it is about one.
    pub id: Option<RecordId>,
    /// The user identification.
    pub key: Text,
    /// The call.
    pub write: Write,
}

/// How an operation went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Settled {
    /// It took place.
    Applied,
    /// It did not take place.
    Failed(String),
    /// It is not known whether it took place.
    Unknown(String),
}

/// When operations are sent or settled, under the lease of the process that does it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// When.
    pub at: Instant,
    /// The generation of the lease.
    pub generation: i64,
}

/// What settling an operation does to the ledger, in the same transaction.
#[derive(Clone, Debug)]
pub enum LinkChange {
    /// The link is made.
    Made(Box<Link>),
    /// The link is replaced.
    Put(Box<Link>),
    /// The link is replaced, and the name or number that its user gave up goes into quarantine.
    Moved {
        /// The link.
        link: Box<Link>,
        /// The freed name.
        name: Option<Text>,
        /// The freed number.
        number: Option<Text>,
    },
    /// The link is removed, and the name and number that it freed go into quarantine.
    Remove {
        /// Whose link.
        id: RecordId,
        /// The phone user that it is with; a link with another one stays. `None`: whichever it is.
        guid: Option<Guid>,
        /// The freed name.
        name: Option<Text>,
        /// The freed number.
        number: Option<Text>,
    },
}

/// How an operation went, with everything that changes in the same transaction.
#[derive(Clone, Copy, Debug)]
pub struct Settlement<'a> {
    /// Its place in the run.
    pub seq: u32,
    /// How it went.
    pub settled: &'a Settled,
    /// What it does to the ledger.
    pub link: Option<&'a LinkChange>,
    /// Whether it looks after the run of another process.
    pub recovering: bool,
}

/// An operation as the journal holds it.
#[derive(Clone, Debug)]
pub struct Journalled {
    /// What was intended.
    pub intent: Intent,
    /// When it was about to be sent; `None`: it never was.
    pub sent: Option<Instant>,
    /// How it went; `None`: it was never settled.
    pub settled: Option<Settled>,
}

/// A change that a later run of the same job made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Later {
    /// The later run.
    pub run: Text,
    /// The run that it is the inverse of.
    pub undoes: Option<Text>,
    /// Whose record it is.
    pub id: RecordId,
}

/// What one run may touch; it ends when this is dropped.
pub trait Lease: Send + Sync {
    /// Gives the phone system's generation: it grows with every lease, and every operation checks it.
    fn generation(&self) -> i64;
}

/// Everything durable but the mirror. A write that returns has reached the disk.
#[async_trait]
pub trait State: Send + Sync {
    /// Gives what is known of a job.
    async fn job(&self, job: &str) -> Result<JobState, StateError>;

    /// Gives the job's links.
    async fn links(&self, job: &str) -> Result<Vec<Link>, StateError>;

    /// Gives the job that a job is or was by another name: it had this name before it was renamed, or its latest run came
    /// from the same job file, by its absolute path.
    async fn same_job(&self, job: &str, file: &str) -> Result<Option<Text>, StateError>;

    /// Gives who owns which phone user of a phone system, by GUID: all jobs, or all but one.
    async fn owners(&self, office: &str, but: Option<&str>) -> Result<BTreeMap<Guid, Owner>, StateError>;

    /// Gives the users of which it is not known whether a run of any job made them on a phone system.
    async fn unsure(&self, office: &str) -> Result<Vec<Unsure>, StateError>;

    /// Gives the names and numbers that were freed on a phone system after `since`.
    async fn held(&self, office: &str, since: Instant) -> Result<Vec<Held>, StateError>;

    /// Gives the clock at the last sync of any job that passed on a phone system.
    async fn office_tick(&self, office: &str) -> Result<Option<Tick>, StateError>;

    /// Counts what a job's runs applied, or may have applied, within stretches of time: first and last millisecond.
    async fn spent(&self, job: &str, stretches: &[(i64, i64)]) -> Result<Spent, StateError>;

    /// Records a reading that passed the guard.
    async fn passed(&self, job: &str, passed: &Passed) -> Result<(), StateError>;

    /// Records which directories and phone system the job is for, where that is not known yet.
    async fn identify(&self, job: &str, directories: &Identities, office: &str) -> Result<(), StateError>;

    /// Gives what is known of a kept plan; `None`: nothing, or nothing any more.
    async fn plan_mark(&self, id: &str) -> Result<Option<PlanMark>, StateError>;
    /// Holds a job until a sync by hand, or lets it go.
    async fn hold(&self, job: &str, hold: Option<&Hold>) -> Result<(), StateError>;

    /// Gives what is another one after every change of what a plan of the job remembers. `None`: time alone may change its
    /// plan, because a leaver's clock is running or a run is not sure of a call.
    async fn version(&self, job: &str, office: &str) -> Result<Option<Text>, StateError>;

    /// Gives the job's last run, if that had nothing to do.
    async fn steady(&self, job: &str) -> Result<Option<Steady>, StateError>;

    /// Notes that the job's last run had nothing to do, or that it had.
    async fn settle_down(&self, job: &str, steady: Option<&Steady>) -> Result<(), StateError>;

    /// Takes the job and its phone system for writing, waiting up to `wait_ms` milliseconds.
    async fn lease(&self, job: &str, office: &str, wait_ms: u64) -> Result<Box<dyn Lease>, StateError>;

    /// Begins a run and gives its id. A kept plan is marked as applied in the same transaction.
    async fn begin(&self, run: &NewRun<'_>) -> Result<Text, StateError>;

    /// Gives a run as it was begun.
    async fn stored(&self, run: &str) -> Result<Option<StoredRun>, StateError>;

    /// Gives what runs of the same job have changed, or may have changed, after a run; the latest first.
    async fn later(&self, run: &str) -> Result<Vec<Later>, StateError>;

    /// Goes on with a run that did not come to its end: it writes under a new lease, and what it intended and never
    /// sent is forgotten.
    async fn reopen(&self, run: &str, generation: i64, now: Instant) -> Result<(), StateError>;

    /// Journals operations before they are sent. `send` are the places of those that are sent now; see [`State::start`].
    async fn intend(&self, run: &str, intents: &[Intent], send: &[u32], mark: Mark)
    -> Result<(), StateError>;

    /// Marks operations as sent, just before they are. [`StateError::Lost`] where the sender's lease is no longer the
    /// latest of the run's phone system: then none of them may be sent.
    async fn start(&self, run: &str, seqs: &[u32], mark: Mark) -> Result<(), StateError>;

    /// Takes the mark of [`State::start`] back from operations that were not sent after all.
    async fn withdraw(&self, run: &str, seqs: &[u32]) -> Result<(), StateError>;

    /// Journals how operations went, changes the ledger with them, and marks those that are sent `next`, in one
    /// transaction.
    ///
    /// An operation that is settled already stays as it is, but for one that was `unknown`: whoever knows better may
    /// say so. A process whose lease is no longer the latest, or that comes to know later, makes a link where there is
    /// none and changes none. [`StateError::Lost`] as for [`State::start`]; the settlements stand then all the same.
    async fn settle(
        &self,
        run: &str,
        settlements: &[Settlement<'_>],
        next: &[u32],
        mark: Mark,
    ) -> Result<(), StateError>;

    /// Ends a run, with one outcome for each of its changes.
    async fn finish(
        &self,
        run: &str,
        ended: Instant,
        exit: i32,
        report: &str,
        outcomes: &[Outcome],
    ) -> Result<(), StateError>;

    /// Gives the ids of a phone system's runs that nobody has looked after since, and that did not come to their end,
    /// stopped because of the phone system, or left a call of which it is not known whether it took place; the oldest
    /// first.
    async fn interrupted(&self, office: &str) -> Result<Vec<Text>, StateError>;

    /// Notes that an interrupted run has been looked after, with what became of each of its changes.
    async fn recovered(&self, run: &str, outcomes: &[Outcome], now: Instant) -> Result<(), StateError>;

    /// Lists runs, the latest first.
    async fn runs(&self, job: Option<&str>, limit: u32) -> Result<Vec<RunRow>, StateError>;

    /// Gives a run by its id or an unambiguous beginning of it.
    async fn run(&self, id: &str) -> Result<Option<RunRow>, StateError>;

    /// Gives the operations of a run in order.
    async fn operations(&self, run: &str) -> Result<Vec<Journalled>, StateError>;

    /// Gives the operations of the job's runs that concern one user, the latest run first: run id, when, operation.
    async fn history(&self, job: &str, id: &RecordId)
    -> Result<Vec<(Text, Instant, Journalled)>, StateError>;
}
