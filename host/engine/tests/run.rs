//! Whole runs over the in-memory twin of a phone system that fails on demand, with a real state.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may panic")]

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use rollcall_core::ops::Write;
use rollcall_core::phone::{Abilities, Extension, PhoneUser, Standing, System};
use rollcall_core::plan::Action;
use rollcall_core::{Cell, Field, Record, RecordId, Text, Value, codes};
use rollcall_edges::clock::{FixedClock, Instant};
use rollcall_edges::directory::{
    Attributes, Connection, Coverage, Directory, DirectoryError, Listing, Page, RecordChange, Token,
};
use rollcall_edges::draw::FixedDraw;
use rollcall_edges::office::{Locator, Office, OfficeError};
use rollcall_edges::office_memory::MemoryOffice;
use rollcall_edges::state::{Settled, State as _};
use rollcall_engine::observe::{Cancel, Silent};
use rollcall_engine::{Class, Codes, Options, Parts, Report, RunError, Writer, resume, sync};
use rollcall_job::job::Job;
use rollcall_script::{Expression, Rules, Source};
use rollcall_state::Store;

const JOB: &str = r#"
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
[guard]
max_delete = "100%"
max_clear = "100%"
"#;

/// What goes wrong with a write.
#[derive(Clone, Copy)]
enum Fault {
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
struct Faulty {
    inner: MemoryOffice,
    fault: Mutex<Option<(usize, Fault)>>,
    cancel: Mutex<Cancel>,
}

#[async_trait]
impl Office for Faulty {
    async fn identity(&self) -> Result<Text, OfficeError> {
        self.inner.identity().await
    }
    async fn abilities(&self) -> Result<Abilities, OfficeError> {
        self.inner.abilities().await
    }
    async fn read(&self) -> Result<Standing, OfficeError> {
        self.inner.read().await
    }
    async fn find(&self, who: &Locator) -> Result<Option<PhoneUser>, OfficeError> {
        self.inner.find(who).await
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
            Some(Fault::KilledBefore) => std::future::pending().await,
            Some(Fault::KilledAfter) => {
                self.inner.write(write).await?;
                std::future::pending().await
            }
            Some(Fault::Signal) => {
                self.cancel.lock().unwrap().cancel(15);
                self.inner.write(write).await
            }
        }
    }
}

/// A directory of written pages; without an end after them where it breaks off.
struct People {
    pages: VecDeque<Page>,
}

#[async_trait]
impl Directory for People {
    async fn identity(&mut self) -> Result<Text, DirectoryError> {
        Ok("people".into())
    }
    async fn check(&mut self) -> Result<Connection, DirectoryError> {
        Ok(Connection::default())
    }
    async fn attributes(&mut self) -> Result<Attributes, DirectoryError> {
        Ok(Attributes { known: Vec::new(), open: true })
    }
    async fn open(&mut self, _: Option<Token>) -> Result<Box<dyn Listing>, DirectoryError> {
        Ok(Box::new(People { pages: std::mem::take(&mut self.pages) }))
    }
}

#[async_trait]
impl Listing for People {
    async fn next(&mut self) -> Result<Page, DirectoryError> {
        self.pages.pop_front().ok_or_else(|| DirectoryError::Incomplete("broke off".into()))
    }
}

fn people(rows: &[(&str, &str, &str)], whole: bool) -> People {
    let columns: Arc<[Text]> = ["id".into(), "name".into(), "number".into()].into();
    let record = |(id, name, number): &(&str, &str, &str)| {
        let cell = |text: &str| if text.is_empty() { Cell::None } else { Cell::Text(text.into()) };
        RecordChange::Whole(Record {
            id: RecordId { directory: "csv".into(), native: (*id).into() },
            columns: columns.clone(),
            cells: [cell(id), cell(name), cell(number)].into(),
        })
    };
    let page = Page {
        changes: rows.iter().map(record).collect(),
        token: None,
        end: whole.then_some(Coverage::Everything),
    };
    People { pages: [page].into() }
}

/// A job, its state and its phone system.
struct World {
    _folder: tempfile::TempDir,
    job: Job,
    store: Store,
    office: Faulty,
    rules: Arc<Rules>,
}

impl World {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("job.toml");
        std::fs::write(&file, JOB).unwrap();
        let job = rollcall_job::load(&file).unwrap();
        let fields = job.fields.iter().map(|map| Expression {
            field: map.field,
            text: map.expression.clone(),
            origin: None,
        });
        let source = Source { fields: fields.collect(), ..Source::default() };
        let (rules, _) = Rules::compile(&source).unwrap();
        let primary = System { name: "Primary".into(), primary: true, ..System::default() };
        let office = MemoryOffice::new(Standing { systems: vec![primary], ..Standing::default() });
        let store = Store::open(&folder.path().join("state")).await.unwrap();
        Self {
            _folder: folder,
            job,
            store,
            office: Faulty { inner: office, fault: Mutex::default(), cancel: Mutex::default() },
            rules: Arc::new(rules),
        }
    }

    async fn sync(&self, rows: &[(&str, &str, &str)], fault: Option<(usize, Fault)>) -> Report {
        self.run(people(rows, true), fault).await.unwrap().unwrap()
    }

    async fn run(
        &self,
        mut directory: People,
        fault: Option<(usize, Fault)>,
    ) -> Result<Option<Report>, RunError> {
        *self.office.fault.lock().unwrap() = fault;
        let mut mirror = self.store.mirror(&self.job.name, "run").await.unwrap();
        let references = self.rules.attributes().clone();
        let (clock, cancel) = (FixedClock(Instant(1_000)), Cancel::default());
        *self.office.cancel.lock().unwrap() = cancel.clone();
        let parts = Parts {
            job: &self.job,
            script: self.rules.clone(),
            references: &references,
            rule_files: &[],
            connector: "digest".into(),
            directory: &mut directory,
            office: &self.office,
            mirror: &mut mirror,
            mirror_scope: b"scope".to_vec(),
            state: &self.store,
            clock: &clock,
            observer: &Silent,
            cancel: &cancel,
            codes: Codes { draw: &FixedDraw::new(1), handover: None },
        };
        sync(parts, &Options::default(), &|_| true, &|_| ("{}".into(), 0)).await
    }

    /// Runs until the process is killed in the middle of a write; `false`: it came to its end before.
    async fn killed(&self, rows: &[(&str, &str, &str)], at: usize, fault: Fault) -> bool {
        let run = self.run(people(rows, true), Some((at, fault)));
        tokio::time::timeout(std::time::Duration::from_millis(300), run).await.is_err()
    }

    /// Resumes the latest run.
    async fn resume(&self) -> Result<Report, RunError> {
        let id = self.store.runs(None, 1).await.unwrap().remove(0).id;
        let (clock, cancel) = (FixedClock(Instant(1_000)), Cancel::default());
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
        resume(&writer, &id, 0, &|_| true).await.map(Option::unwrap)
    }

    fn standing(&self) -> Vec<(String, String)> {
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

fn pair(name: &str, number: &str) -> (String, String) {
    (name.into(), number.into())
}

#[tokio::test]
async fn a_second_run_has_nothing_to_do() {
    let world = World::new().await;
    let rows = [("1", "Anna", "2001"), ("2", "Bert", "2002")];
    assert_eq!(world.sync(&rows, None).await.applied(), 2);
    let again = world.sync(&rows, None).await;
    assert!(again.plan.changes.is_empty() && again.plan.unchanged.len() == 2);
    assert_eq!(world.office.inner.writes().len(), 2);
}

#[tokio::test]
async fn what_a_failed_change_still_holds_is_not_given() {
    let world = World::new().await;
    world.sync(&[("1", "Anna", "2001")], None).await;
    let rows = [("1", "Anna", "3001"), ("2", "Bert", "2001")];
    let report = world.sync(&rows, Some((0, Fault::Refused))).await;
    assert_eq!((report.applied(), report.failed()), (0, 2));
    assert_eq!(world.standing(), [pair("Anna", "2001")]);
    world.sync(&rows, None).await;
    assert_eq!(world.standing(), [pair("Anna", "3001"), pair("Bert", "2001")]);
}

#[tokio::test]
async fn a_lost_answer_is_looked_for_and_the_write_is_not_sent_again() {
    let world = World::new().await;
    let rows = [("1", "Anna", "2001")];
    let report = world.sync(&rows, Some((0, Fault::LostAnswer))).await;
    assert_eq!(report.applied(), 1);
    assert_eq!(world.office.inner.writes().len(), 1);
    assert_eq!(world.store.links("Test").await.unwrap().len(), 1);
    assert!(world.sync(&rows, None).await.plan.changes.is_empty());
}

const BEFORE: [(&str, &str, &str); 3] = [("1", "Anna", "2001"), ("2", "Bert", "2002"), ("3", "Cleo", "2003")];
/// Anna and Bert swap their numbers, Cleo is renamed, Dora and Emil come.
const AFTER: [(&str, &str, &str); 5] = [
    ("1", "Anna", "2002"),
    ("2", "Bert", "2001"),
    ("3", "Clea", "2003"),
    ("4", "Dora", "2004"),
    ("5", "Emil", "2005"),
];

async fn changed_world() -> World {
    let world = World::new().await;
    assert_eq!(world.sync(&BEFORE, None).await.applied(), 3);
    world
}

fn expected() -> Vec<(String, String)> {
    AFTER
        .iter()
        .map(|(_, name, number)| pair(name, number))
        .collect::<std::collections::BTreeSet<_>>()
        .into_iter()
        .collect()
}

#[tokio::test]
async fn a_kill_at_any_write_loses_nothing_and_doubles_nothing() {
    for fault in [Fault::KilledBefore, Fault::KilledAfter] {
        let mut kills = 0;
        loop {
            let world = changed_world().await;
            if !world.killed(&AFTER, kills, fault).await {
                break;
            }
            let report = world.sync(&AFTER, None).await;
            assert_eq!((report.failed(), world.standing()), (0, expected()), "killed at {kills}");
            assert_eq!(world.store.links("Test").await.unwrap().len(), 5);
            assert!(world.sync(&AFTER, None).await.plan.changes.is_empty(), "killed at {kills}");
            kills += 1;
        }
        assert_eq!(kills, 6, "a parking, three updates, two creates");
    }
}

#[tokio::test]
async fn a_killed_run_is_resumed_with_its_own_plan() {
    for fault in [Fault::KilledBefore, Fault::KilledAfter] {
        for at in 0..6 {
            let world = changed_world().await;
            assert!(world.killed(&AFTER, at, fault).await);
            let report = world.resume().await.unwrap();
            assert_eq!((report.applied(), report.failed()), (5, 0), "killed at {at}: {:?}", report.outcomes);
            assert_eq!(world.standing(), expected());
            assert!(world.sync(&AFTER, None).await.plan.changes.is_empty(), "killed at {at}");
            let error = world.resume().await.unwrap_err();
            assert_eq!(error.class(), Class::Stale, "it has come to its end");
        }
    }
}

#[tokio::test]
async fn a_signal_finishes_the_operation_in_flight_and_leaves_the_rest_to_resume() {
    let world = changed_world().await;
    let report = world.sync(&AFTER, Some((2, Fault::Signal))).await;
    assert_eq!((report.signal, report.applied(), report.failed()), (Some(15), 3, 0));
    let writes = world.office.inner.writes().len();
    assert_eq!(writes, 3 + 3, "the one in flight was the last");
    let run = report.run.clone().unwrap();
    let open = world.store.operations(&run).await.unwrap();
    assert!(open.iter().all(|op| op.settled.is_some() || op.sent.is_none()), "nothing hangs in the air");
    let report = world.resume().await.unwrap();
    assert_eq!((report.run.clone(), report.applied()), (Some(run), 5));
    assert_eq!(world.standing(), expected());
}

#[tokio::test]
async fn a_run_that_a_later_one_has_overtaken_is_not_resumed() {
    let world = changed_world().await;
    assert!(world.killed(&AFTER, 1, Fault::KilledBefore).await);
    let first = world.store.runs(None, 1).await.unwrap().remove(0).id;
    world.sync(&BEFORE, None).await;
    assert!(world.store.stored(&first).await.unwrap().unwrap().superseded);
}

#[tokio::test]
async fn a_person_who_stands_where_a_lost_create_should_is_nobodys() {
    let world = World::new().await;
    let rows = [("1", "Anna", "2001")];
    assert!(world.killed(&rows, 0, Fault::KilledBefore).await);
    world.office.inner.edit(|standing| {
        let fields = [(Field::Name, Value::from("Anna")), (Field::Extension, Value::from("2999"))].into();
        let user = PhoneUser {
            guid: "by hand".into(),
            fields,
            system: "Primary".into(),
            profile: None,
            user_template: None,
            fingerprint: [0; 16],
        };
        standing.users.insert(user.guid.clone(), user);
    });
    let report = world.sync(&rows, None).await;
    assert_eq!((report.plan.count(Action::Skip), report.applied()), (1, 0));
    assert!(report.plan.diagnostics.iter().any(|found| found.code == codes::RUN_RECOVERED));
    assert_eq!(world.standing(), [pair("Anna", "2999")]);
    assert!(world.store.links("Test").await.unwrap().is_empty());
}

#[tokio::test]
async fn a_run_that_stops_leaves_what_it_did_not_send() {
    let world = World::new().await;
    let rows = [("1", "Anna", "2001"), ("2", "Bert", "2002"), ("3", "Cleo", "2003")];
    let report = world.sync(&rows, Some((1, Fault::Unreachable))).await;
    assert_eq!(report.stopped.as_ref().map(|(class, _)| *class), Some(Class::Office));
    assert_eq!((report.applied(), report.failed()), (1, 1));
    let run = report.run.unwrap();
    let settled: Vec<_> =
        world.store.operations(&run).await.unwrap().into_iter().map(|op| op.settled).collect();
    assert!(matches!(&settled[..], [Some(Settled::Applied), Some(Settled::Failed(_)), None]), "{settled:?}");
    assert_eq!(world.sync(&rows, None).await.applied(), 2);
}

#[tokio::test]
async fn a_listing_that_breaks_off_changes_nothing_and_starts_no_grace() {
    let world = World::new().await;
    world.sync(&[("1", "Anna", "2001"), ("2", "Bert", "2002")], None).await;
    for _ in 0..3 {
        let error = world.run(people(&[("1", "Anna", "2001")], false), None).await.err().unwrap();
        assert_eq!(error.class(), Class::Directory);
    }
    assert!(world.store.links("Test").await.unwrap().iter().all(|link| link.missing.is_none()));
    let report = world.sync(&[("1", "Anna", "2001")], None).await;
    assert_eq!((report.plan.count(Action::Delete), report.plan.pending.len()), (0, 1));
}
