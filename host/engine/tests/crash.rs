//! A run that is broken off anywhere, as if its process had been killed: at every place where it waits, whatever it
//! waits for (the journal, the ledger, the mirror, the phone system), and in any order with changes of the directory.
//! The next run converges by itself.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may panic")]

#[path = "common/people.rs"]
mod people;
mod waiting;

use std::collections::BTreeMap;
use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use people::People;
use proptest::prelude::*;
use rollcall_core::field::groups_of;
use rollcall_core::phone::{Group, Standing, System};
use rollcall_core::waves::AtOnce;
use rollcall_core::{Cell, Record, RecordId, Text};
use rollcall_edges::clock::{FixedClock, Instant};
use rollcall_edges::directory::{Coverage, Page, RecordChange};
use rollcall_edges::draw::FixedDraw;
use rollcall_edges::office_memory::MemoryOffice;
use rollcall_edges::state::State as _;
use rollcall_engine::observe::{Cancel, Silent};
use rollcall_engine::pull::Source;
use rollcall_engine::{Codes, Options, Parts, Report, RunError, sync};
use rollcall_job::job::Job;
use rollcall_script::{Expression, RuleFile, Rules};
use rollcall_state::Store;
use waiting::{WaitingMirror, WaitingOffice, WaitingState};

// The settle time is none: what did not take effect before the crash never will.
const JOB: &str = r#"
name = "Test"
[directory]
connector = "csv"
[directory.settings]
path = "people.csv"
[phone_system]
kind = "ip-office"
address = "192.0.2.1"
username = "nobody"
credentials.password = { env = "NONE" }
settle = "0s"
[fields]
user_identification = "id"
name = "name"
full_name = "full"
extension = "number"
group_membership = "[team]"
[rules]
number_precedence = "directory"
[synchronize]
new = true
update = true
delete = true
[leavers]
grace = "0d"
quarantine = "QUARANTINE"
[guard]
max_delete = "100%"
max_clear = "100%"
min_directory = 0
"#;

const RULES: &str = r#"rule("All", #{ start_extension: 3000, end_extension: 3099, extension_type: "SIP" });"#;

/// One person: id, name, full name, number (empty: the rule's), team.
type Row = (String, String, String, String, String);

fn people(rows: &[Row]) -> People {
    let columns: Arc<[Text]> = ["id", "name", "full", "number", "team"].map(Text::from).into();
    let record = |(id, name, full, number, team): &Row| {
        let cell =
            |text: &String| if text.is_empty() { Cell::None } else { Cell::Text(text.as_str().into()) };
        RecordChange::Whole(Record {
            id: RecordId { directory: "csv".into(), native: id.as_str().into() },
            columns: columns.clone(),
            cells: [id, name, full, number, team].map(cell).into(),
        })
    };
    let changes = rows.iter().map(record).collect();
    People::of([Page { changes, token: None, end: Some(Coverage::Everything) }])
}

/// The phone system, which no crash harms, and the folder of the state.
struct World {
    folder: tempfile::TempDir,
    job: Job,
    rules: Arc<Rules>,
    office: MemoryOffice,
    at_once: AtOnce,
}

impl World {
    fn new(quarantine: &str, at_once: AtOnce) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("job.toml");
        std::fs::write(&file, JOB.replace("QUARANTINE", quarantine)).unwrap();
        let job = rollcall_job::load(&file).unwrap();
        let fields = job.fields.iter().map(|map| Expression {
            field: map.field,
            text: map.expression.clone(),
            origin: None,
        });
        let rule_files = vec![RuleFile { name: "provisioning.rhai".into(), source: RULES.into() }];
        let (rules, _) = Rules::compile(&rollcall_script::Source {
            fields: fields.collect(),
            rule_files,
            ..Default::default()
        })
        .unwrap();
        let group = |name: &str| Group { name: name.into(), extension: None, system: "Primary".into() };
        let standing = Standing {
            systems: vec![System { name: "Primary".into(), primary: true, ..System::default() }],
            groups: vec![group("Sales"), group("Support")],
            ..Standing::default()
        };
        Self { folder, job, rules: Arc::new(rules), office: MemoryOffice::new(standing), at_once }
    }

    fn state(&self) -> std::path::PathBuf {
        self.folder.path().join("state")
    }

    /// Syncs as a process of its own would: the state is opened, and closed however it ends. With `polls` the run is
    /// dropped when it has waited so often; `None`: it was.
    async fn process(
        &self,
        rows: &[Row],
        now: i64,
        polls: Option<usize>,
    ) -> Option<Result<Report, RunError>> {
        let store = Store::open(&self.state()).unwrap();
        let mut mirror = store.mirror(&self.job.name, "run").unwrap();
        let references = self.rules.attributes().clone();
        let (clock, cancel) = (FixedClock(Instant(now)), Cancel::default());
        let mut directory = people(rows);
        let parts = Parts {
            job: &self.job,
            script: self.rules.clone(),
            references: &references,
            rule_files: &[],
            directories: vec![Source {
                name: "csv".into(),
                directory: &mut directory,
                connector: "digest".into(),
                scope: b"scope".to_vec(),
                full_every_ms: 0,
            }],
            office: &WaitingOffice(&self.office, self.at_once),
            mirror: &mut WaitingMirror(&mut mirror),
            state: &WaitingState(&store),
            clock: &clock,
            observer: &Silent,
            cancel: &cancel,
            codes: Codes { draw: &FixedDraw::new(1), handover: None },
        };
        let options = Options::default();
        let run = sync(parts, &options, &|_| true, &|_| ("{}".into(), 0));
        let ended = until(run, polls.unwrap_or(usize::MAX)).await;
        ended.map(|ended| ended.map(Option::unwrap))
    }

    async fn sync(&self, rows: &[Row], now: i64) -> Report {
        self.process(rows, now, None).await.unwrap().unwrap()
    }

    /// What stands, without what differs from one phone system to the next: users, extension records.
    fn stands(&self) -> (BTreeMap<String, String>, Vec<String>) {
        let standing = self.office.standing();
        let line = |user: &rollcall_core::phone::PhoneUser| {
            let fields = user.fields.iter().map(|(field, value)| format!("{}={value:?}", field.key()));
            (user.name().to_owned(), fields.collect::<Vec<_>>().join(" "))
        };
        let users: BTreeMap<_, _> = standing.users.values().map(line).collect();
        assert_eq!(users.len(), standing.users.len(), "a name is there twice");
        let mut numbers: Vec<_> = standing.users.values().filter_map(|user| user.extension()).collect();
        numbers.sort_unstable();
        assert!(numbers.windows(2).all(|two| two[0] != two[1]), "a number is there twice: {numbers:?}");
        (users, standing.extensions.iter().map(|record| record.number.to_string()).collect())
    }

    /// Demands that everything that stands is what `rows` say, linked, and that nothing is left to do.
    async fn settled(&self, rows: &[Row], now: i64) {
        let again = self.sync(rows, now).await;
        assert!(again.plan.order.is_empty(), "still to do: {:?}", again.plan.changes);
        let standing = self.office.standing();
        for (_, name, full, number, team) in rows {
            let user = standing.users.values().find(|user| user.name() == name);
            let user = user.unwrap_or_else(|| panic!("`{name}` is not there: {:?}", self.stands()));
            assert_eq!(
                rollcall_core::field::text_of(&user.fields, rollcall_core::Field::FullName).unwrap_or(""),
                full
            );
            if !number.is_empty() {
                assert_eq!(user.extension(), Some(number.as_str()), "{name}");
            }
            let team: Vec<Text> = Some(team)
                .filter(|team| !team.is_empty())
                .map(|team| team.as_str().into())
                .into_iter()
                .collect();
            assert_eq!(groups_of(&user.fields), team, "{name}");
        }
        assert_eq!(standing.users.len(), rows.len());
        // Every user has its extension record, and there is no other.
        let mut numbers: Vec<_> = standing.users.values().filter_map(|user| user.extension()).collect();
        numbers.sort_unstable();
        assert_eq!(self.stands().1, numbers);
        assert_eq!(links(&self.state()).await, rows.len());
    }
}

async fn links(state: &Path) -> usize {
    Store::open(state).unwrap().links("Test").await.unwrap().len()
}

/// Polls a future so often at most.
async fn until<T>(run: impl Future<Output = T>, polls: usize) -> Option<T> {
    let mut run = pin!(run);
    let mut left = polls;
    std::future::poll_fn(|context| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        run.as_mut().poll(context).map(Some)
    })
    .await
}

fn row(id: &str, name: &str, full: &str, number: &str, team: &str) -> Row {
    [id, name, full, number, team].map(str::to_owned).into()
}

fn before() -> Vec<Row> {
    vec![
        row("1", "Anna", "Anna A", "3001", "Sales"),
        row("2", "Bert", "Bert B", "3002", "Sales"),
        row("3", "Cleo", "Cleo C", "", ""),
        row("4", "Dora", "Dora D", "", "Support"),
    ]
}

/// Anna and Bert swap their numbers, Cleo is renamed and joins a group, Dora leaves, Emil and Fay come.
fn after() -> Vec<Row> {
    vec![
        row("1", "Anna", "Anna A", "3002", "Sales"),
        row("2", "Bert", "Bert B", "3001", "Support"),
        row("3", "Clea", "Clea C", "", "Sales"),
        row("5", "Emil", "Emil E", "", "Sales"),
        row("6", "Fay", "Fay F", "3010", ""),
    ]
}

/// The same people a day later: everybody in another group or in none.
fn moved() -> Vec<Row> {
    let other = |team: &str| if team == "Sales" { "Support" } else { "" };
    let move_on = |(id, name, full, number, team): Row| (id, name, full, number, other(&team).to_owned());
    after().into_iter().map(move_on).collect()
}

/// A world in which Dora is due to be deleted.
async fn changed_world(at_once: AtOnce) -> World {
    // A freed number stays out of play, so that it does not matter before or after which change the run was broken off.
    let world = World::new("90d", at_once);
    world.sync(&before(), 0).await;
    world.sync(&before()[..3], 1_000).await;
    world
}

/// As much at once as there is.
const MANY: AtOnce = AtOnce { calls: 64, updates: 64 };

/// Gives at how many places the run was broken off.
async fn broken_off_everywhere(at_once: AtOnce) -> usize {
    let expected = changed_world(at_once).await;
    expected.sync(&after(), 2_000).await;
    expected.settled(&after(), 3_000).await;
    let expected = expected.stands();
    // The first crashes come one place after the other; `ROLLCALL_KILLS` plays every place, otherwise some are left out.
    let stride = if std::env::var_os("ROLLCALL_KILLS").is_some() { 1 } else { 3 };
    let (mut crashes, mut polls) = (0, 0);
    loop {
        let world = changed_world(at_once).await;
        if world.process(&after(), 2_000, Some(polls)).await.is_some() {
            break;
        }
        crashes += 1;
        let _ = world.stands();
        let next = world.process(&after(), 3_000, None).await.unwrap();
        let next = next.unwrap_or_else(|error| panic!("after {polls} polls: {error:?}"));
        assert_eq!(next.failed(), 0, "after {polls} polls: {:?} {:?}", next.plan.changes, next.outcomes);
        assert_eq!(world.stands(), expected, "after {polls} polls");
        world.settled(&after(), 4_000).await;
        // What the broken run wrote is known to be this job's own, memberships too.
        world.sync(&moved(), 5_000).await;
        world.settled(&moved(), 6_000).await;
        polls += stride;
    }
    assert!(crashes * stride > 60, "the run waited only {} times", crashes * stride);
    crashes
}

#[tokio::test]
async fn a_run_that_is_broken_off_wherever_it_waits_is_finished_by_the_next() {
    println!("broken off at {} places", broken_off_everywhere(AtOnce::ONE).await);
}

#[tokio::test]
async fn a_run_of_many_calls_at_once_that_is_broken_off_is_finished_by_the_next() {
    println!("broken off at {} places", broken_off_everywhere(MANY).await);
}

/// A step of a history: who is there, and after how many waits the run is broken off.
fn step() -> impl Strategy<Value = (Vec<Row>, Option<usize>)> {
    let person = (0u8..6, 0u8..6, 0u8..3, 0u8..6, 0u8..3);
    let rows = proptest::collection::vec(person, 1..6).prop_map(|people| {
        // One person an id, one id a name and a number.
        let mut taken = std::collections::BTreeSet::new();
        let mut rows = Vec::new();
        for (id, name, full, number, team) in people {
            let keys = [("id", id), ("name", name), ("number", number)];
            if keys.iter().any(|key| taken.contains(key)) {
                continue;
            }
            taken.extend(keys);
            let team = ["", "Sales", "Support"][usize::from(team)];
            let (name, full, number) =
                (format!("Name {name}"), format!("Full {full}"), format!("300{number}"));
            rows.push(row(&id.to_string(), &name, &full, &number, team));
        }
        rows
    });
    (rows, proptest::option::weighted(0.6, 0usize..250))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, max_shrink_iters: 60, ..ProptestConfig::default() })]

    #[test]
    fn any_interleaving_of_changes_and_crashes_converges(
        steps in proptest::collection::vec(step(), 1..6),
        calls in 1usize..5,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let world = World::new("0d", AtOnce { calls, updates: calls.min(2) });
            let mut now = 0;
            for (rows, polls) in &steps {
                now += 1_000;
                // However it ends, nobody is there twice.
                let _ = world.process(rows, now, *polls).await;
                let _ = world.stands();
            }
            // The last directory for good: two readings until leavers are due, one that deletes them, and then their
            // names pass on, one person after the other.
            let rows = &steps.last().unwrap().0;
            for _ in 0..8 {
                now += 1_000;
                world.sync(rows, now).await;
            }
            world.settled(rows, now + 1_000).await;
        });
    }
}
