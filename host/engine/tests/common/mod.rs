//! The world of whole runs: a state, an in-memory phone system that fails on demand, a directory of written pages.

#![allow(dead_code, unreachable_pub, reason = "each test binary uses its own part")]

pub mod people;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use rollcall_core::ops::Write;
use rollcall_core::phone::{Abilities, Extension, PhoneUser, Standing, System};
use rollcall_core::script::{Candidates, Rule, Script};
use rollcall_core::waves::AtOnce;
use rollcall_core::{Cell, Diagnostic, Field, Record, RecordId, Text};
use rollcall_edges::clock::{FixedClock, Instant};
use rollcall_edges::directory::{Coverage, Directory, Page, RecordChange};
use rollcall_edges::draw::FixedDraw;
use rollcall_edges::office::{Locator, Office, OfficeError};
use rollcall_edges::office_memory::MemoryOffice;
use rollcall_edges::state::State as _;
use rollcall_engine::observe::{Cancel, Observer, Silent};
use rollcall_engine::pull::Source;
use rollcall_engine::resume::JobNow;
use rollcall_engine::{Codes, Options, Parts, Report, RunError, Writer, resume, sync};
use rollcall_job::job::Job;
use rollcall_script::{Expression, Rules};
use rollcall_state::Store;

use self::people::People;

pub const JOB: &str = r#"
name = "Test"
[directory]
connector = "csv"
[directory.settings]
path = "people.csv"
[phone_system]
kind = "embedded"
path = "office.db"
[fields]
user_identification = "id"
name = "name"
extension = "number"
[synchronize]
new = true
update = true
delete = true
[leavers]
grace = "0s"
[guard]
max_delete = "100%"
max_clear = "100%"
min_directory = "10%"
"#;

/// What goes wrong with a write.
#[derive(Clone, Copy)]
pub enum Fault {
    /// It takes place, and the answer is lost.
    LostAnswer,
    /// It is refused.
    Refused,
    /// The phone system is gone before it is sent.
    Unreachable,
    /// The process is killed before it takes place.
    KilledBefore,
    /// The process is killed after it took place, before the answer is seen.
    KilledAfter,
    /// A signal arrives while it is under way.
    Signal,
}

/// A phone system whose n-th write fails.
pub struct Faulty {
    pub inner: MemoryOffice,
    pub fault: Mutex<Option<(usize, Fault)>>,
    pub cancel: Mutex<Cancel>,
    /// Told once the process is as good as killed.
    pub died: tokio::sync::Notify,
    /// How much it takes at once.
    pub at_once: AtOnce,
    /// A field that it does not take.
    pub without: Option<Field>,
}

/// As much at once as there is.
pub const MANY: AtOnce = AtOnce { calls: 64, updates: 64 };

#[async_trait]
impl Office for Faulty {
    async fn identity(&self) -> Result<Text, OfficeError> {
        self.inner.identity().await
    }
    async fn abilities(&self) -> Result<Abilities, OfficeError> {
        let mut abilities = self.inner.abilities().await?;
        abilities.fields.retain(|field| Some(*field) != self.without);
        Ok(abilities)
    }
    async fn read(&self) -> Result<Standing, OfficeError> {
        self.inner.read().await
    }
    async fn find(&self, who: &Locator) -> Result<Option<PhoneUser>, OfficeError> {
        self.inner.find(who).await
    }
    fn at_once(&self) -> AtOnce {
        self.at_once
    }
    async fn extension(&self, number: &str) -> Result<Option<Extension>, OfficeError> {
        self.inner.extension(number).await
    }
    async fn taken(
        &self,
        name: &str,
        number: Option<&str>,
    ) -> Result<Option<rollcall_edges::office::Taken>, OfficeError> {
        self.inner.taken(name, number).await
    }
    async fn write(&self, write: &Write) -> Result<Option<PhoneUser>, OfficeError> {
        let fault = {
            let mut fault = self.fault.lock().unwrap();
            match &mut *fault {
                Some((0, kind)) => Some(*kind).inspect(|_| *fault = None),
                Some((left, _)) => {
                    *left -= 1;
                    None
                }
                None => None,
            }
        };
        match fault {
            None => self.inner.write(write).await,
            Some(Fault::Refused) => Err(OfficeError::Refused("on purpose".into())),
            Some(Fault::Unreachable) => {
                Err(OfficeError::Unreachable { message: "on purpose".into(), hint: None })
            }
            Some(Fault::LostAnswer) => {
                self.inner.write(write).await?;
                Err(OfficeError::Unsure("on purpose".into()))
            }
            // The test drops the run while it hangs here: nothing of it goes on, as if it had been killed.
            Some(Fault::KilledBefore) => {
                self.died.notify_one();
                std::future::pending().await
            }
            Some(Fault::KilledAfter) => {
                self.inner.write(write).await?;
                self.died.notify_one();
                std::future::pending().await
            }
            Some(Fault::Signal) => {
                self.cancel.lock().unwrap().cancel(15);
                self.inner.write(write).await
            }
        }
    }
}

pub fn people(rows: &[(&str, &str, &str)], whole: bool) -> People {
    People::of([page(rows, whole)])
}

pub fn page(rows: &[(&str, &str, &str)], whole: bool) -> Page {
    let columns: Arc<[Text]> = ["id".into(), "name".into(), "number".into()].into();
    let record = |(id, name, number): &(&str, &str, &str)| {
        let cell = |text: &str| if text.is_empty() { Cell::None } else { Cell::Text(text.into()) };
        RecordChange::Whole(Record {
            id: RecordId { directory: "csv".into(), native: (*id).into() },
            columns: columns.clone(),
            cells: [cell(id), cell(name), cell(number)].into(),
        })
    };
    Page {
        changes: rows.iter().map(record).collect(),
        token: None,
        end: whole.then_some(Coverage::Everything),
    }
}

/// Rules that count whom they are asked for.
struct Counting {
    rules: Arc<Rules>,
    mapped: Arc<AtomicUsize>,
}

impl Script for Counting {
    fn fields(&self, user: &Record) -> Result<Candidates, Vec<Diagnostic>> {
        self.mapped.fetch_add(1, Ordering::Relaxed);
        self.rules.fields(user)
    }
    fn rule(&self, user: &Record, wanted: Option<&str>) -> Result<Option<Rule>, Vec<Diagnostic>> {
        self.rules.rule(user, wanted)
    }
    fn protects(&self, phone: &PhoneUser) -> Result<bool, Vec<Diagnostic>> {
        self.rules.protects(phone)
    }
    fn twinning_refusal(&self, number: &str) -> Option<String> {
        self.rules.twinning_refusal(number)
    }
}

/// A job, its state and its phone system.
pub struct World {
    pub _folder: tempfile::TempDir,
    pub job: Job,
    pub store: Store,
    pub office: Faulty,
    pub rules: Arc<Rules>,
    /// How many records were mapped so far.
    pub mapped: Arc<AtomicUsize>,
    /// The time of the runs to come, in milliseconds since 1970.
    pub now: i64,
    /// Who watches the runs to come.
    pub observer: Box<dyn Observer>,
}

impl World {
    pub async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("job.toml");
        std::fs::write(&file, JOB).unwrap();
        let job = rollcall_job::load(&file).unwrap();
        let fields = job.fields.iter().map(|map| Expression {
            field: map.field,
            text: map.expression.clone(),
            origin: None,
        });
        let source = rollcall_script::Source { fields: fields.collect(), ..Default::default() };
        let (rules, _) = Rules::compile(&source).unwrap();
        let primary = System { name: "Primary".into(), primary: true, ..System::default() };
        let office = MemoryOffice::new(Standing { systems: vec![primary], ..Standing::default() });
        let store = Store::open(&folder.path().join("state")).unwrap();
        Self {
            _folder: folder,
            job,
            store,
            office: Faulty {
                inner: office,
                fault: Mutex::default(),
                cancel: Mutex::default(),
                died: tokio::sync::Notify::new(),
                at_once: AtOnce::ONE,
                without: None,
            },
            rules: Arc::new(rules),
            mapped: Arc::default(),
            now: 1_000,
            observer: Box::new(Silent),
        }
    }

    /// Gives the folder of the state.
    pub fn state(&self) -> std::path::PathBuf {
        self._folder.path().join("state")
    }

    /// Gives the job file another text.
    pub fn reword(&mut self, text: &str) {
        let file = self._folder.path().join("job.toml");
        std::fs::write(&file, text).unwrap();
        self.job = rollcall_job::load(&file).unwrap();
    }

    /// Gives the job's mirror as a file.
    pub fn mirror(&self) -> std::path::PathBuf {
        let mut files = std::fs::read_dir(self._folder.path().join("state/mirrors")).unwrap();
        files.next().unwrap().unwrap().path()
    }

    pub async fn sync(&self, rows: &[(&str, &str, &str)], fault: Option<(usize, Fault)>) -> Report {
        self.run(people(rows, true), fault).await.unwrap().unwrap()
    }

    pub async fn run(
        &self,
        directory: impl Directory,
        fault: Option<(usize, Fault)>,
    ) -> Result<Option<Report>, RunError> {
        self.asked(directory, fault, true).await
    }

    /// Runs, and answers the question whether the plan shall be applied.
    pub async fn asked(
        &self,
        mut directory: impl Directory,
        fault: Option<(usize, Fault)>,
        answer: bool,
    ) -> Result<Option<Report>, RunError> {
        *self.office.fault.lock().unwrap() = fault;
        let mut mirror = self.store.mirror(&self.job.name, "run").unwrap();
        let references = self.rules.attributes().clone();
        let (clock, cancel) = (FixedClock(Instant(self.now)), Cancel::default());
        *self.office.cancel.lock().unwrap() = cancel.clone();
        let parts = Parts {
            job: &self.job,
            script: Arc::new(Counting { rules: self.rules.clone(), mapped: self.mapped.clone() }),
            references: &references,
            rule_files: &[],
            directories: vec![Source {
                name: "csv".into(),
                directory: &mut directory,
                connector: "digest".into(),
                scope: b"scope".to_vec(),
                full_every_ms: 24 * 3_600_000,
            }],
            office: &self.office,
            mirror: &mut mirror,
            state: &self.store,
            clock: &clock,
            observer: &*self.observer,
            cancel: &cancel,
            codes: Codes { draw: &FixedDraw::new(1), handover: None },
        };
        sync(parts, &Options::default(), &|_| answer, &|_| ("{}".into(), 0)).await
    }

    /// Runs until the process is killed in the middle of a write; `false`: it came to its end before.
    pub async fn killed(&self, rows: &[(&str, &str, &str)], at: usize, fault: Fault) -> bool {
        tokio::select! {
            _ = self.run(people(rows, true), Some((at, fault))) => false,
            () = self.office.died.notified() => true,
        }
    }

    /// Resumes the latest run.
    pub async fn resume(&self) -> Result<Report, RunError> {
        self.resume_at(1_000).await
    }

    pub async fn resume_at(&self, now: i64) -> Result<Report, RunError> {
        let id = self.store.runs(None, 1).await.unwrap().remove(0).id;
        let (clock, cancel) = (FixedClock(Instant(now)), Cancel::default());
        let writer = Writer {
            job: &self.job,
            office: &self.office,
            state: &self.store,
            clock: &clock,
            observer: &Silent,
            cancel: &cancel,
            codes: Codes { draw: &FixedDraw::new(1), handover: None },
            render: &|_| ("{}".into(), 0),
        };
        let mut mirror = self.store.mirror(&self.job.name, "run").unwrap();
        let digests = rollcall_engine::scope::digests(&self.job, ["digest"], &[]);
        let now = JobNow { script: &*self.rules, digests };
        resume(&writer, &now, &mut mirror, &id, 0, &|_| true).await.map(Option::unwrap)
    }

    pub fn standing(&self) -> Vec<(String, String)> {
        let standing = self.office.inner.standing();
        let mut users: Vec<_> = standing
            .users
            .values()
            .map(|user| (user.name().to_owned(), user.extension().unwrap_or("-").to_owned()))
            .collect();
        users.sort();
        users
    }
}

pub fn pair(name: &str, number: &str) -> (String, String) {
    (name.into(), number.into())
}

pub const BEFORE: [(&str, &str, &str); 3] =
    [("1", "Anna", "2001"), ("2", "Bert", "2002"), ("3", "Cleo", "2003")];
/// Anna and Bert swap their numbers, Cleo is renamed, Dora and Emil come.
pub const AFTER: [(&str, &str, &str); 5] = [
    ("1", "Anna", "2002"),
    ("2", "Bert", "2001"),
    ("3", "Clea", "2003"),
    ("4", "Dora", "2004"),
    ("5", "Emil", "2005"),
];

pub async fn changed_world() -> World {
    let world = World::new().await;
    assert_eq!(world.sync(&BEFORE, None).await.applied(), 3);
    world
}

pub fn expected() -> Vec<(String, String)> {
    AFTER
        .iter()
        .map(|(_, name, number)| pair(name, number))
        .collect::<std::collections::BTreeSet<_>>()
        .into_iter()
        .collect()
}
