//! Codes of new users: drawn, kept until they are handed over, and then forgotten; and names that somebody takes while
//! a run is under way.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may panic")]

#[path = "common/people.rs"]
mod people;

use std::sync::Arc;

use people::People;
use rollcall_core::phone::{Extension, PhoneUser, Standing, System};
use rollcall_core::script::{Candidates, ExtensionKind, NumberRange, Rule, Script};
use rollcall_core::verify::Outcome;
use rollcall_core::waves::AtOnce;
use rollcall_core::{Cell, Diagnostic, Field, Record, RecordId, Value, codes};
use rollcall_edges::clock::{FixedClock, Instant};
use rollcall_edges::directory::{Coverage, Page, RecordChange};
use rollcall_edges::draw::FixedDraw;
use rollcall_edges::handover::{Handover, MemoryHandover};
use rollcall_edges::office_memory::MemoryOffice;
use rollcall_edges::state::{Settled, State as _};
use rollcall_engine::observe::{Cancel, Silent};
use rollcall_engine::pull::Source;
use rollcall_engine::{Class, Codes, Options, Parts, Report, RunError, sync};
use rollcall_job::job::Job;
use rollcall_state::Store;

const JOB: &str = r#"
name = "Test"
[directory]
connector = "csv"
[phone_system]
path = "office.db"
[fields]
user_identification = "id"
name = "name"
login_code = { random = 6 }
voicemail_code = { random = 4 }
[handover]
file = "new.jsonl"
[synchronize]
new = true
"#;

/// Everybody is called by the id and gets a number from 2001 on with an extension record.
struct Plain;

impl Script for Plain {
    fn fields(&self, user: &Record) -> Result<Candidates, Vec<Diagnostic>> {
        let name = vec![Value::Text(user.id.native.clone())];
        Ok([(Field::UserIdentification, name.clone()), (Field::Name, name)].into())
    }
    fn rule(&self, _: &Record, _: Option<&str>) -> Result<Option<Rule>, Vec<Diagnostic>> {
        Ok(Some(Rule {
            name: "all".into(),
            range: Some(NumberRange { first: 2001, last: 2099, width: 4 }),
            extension: Some(ExtensionKind::Type("SIP".into())),
            ..Rule::default()
        }))
    }
    fn protects(&self, _: &PhoneUser) -> Result<bool, Vec<Diagnostic>> {
        Ok(false)
    }
    fn twinning_refusal(&self, _: &str) -> Option<String> {
        None
    }
}

fn people(names: &[&str]) -> People {
    let record = |name: &&str| {
        RecordChange::Whole(Record {
            id: RecordId { directory: "csv".into(), native: (*name).into() },
            columns: Arc::new(["id".into()]),
            cells: [Cell::Text((*name).into())].into(),
        })
    };
    let changes = names.iter().map(record).collect();
    People::of([Page { changes, token: None, end: Some(Coverage::Everything) }])
}

struct World {
    folder: tempfile::TempDir,
    job: Job,
    store: Store,
    office: MemoryOffice,
    handover: MemoryHandover,
    draw: FixedDraw,
}

impl World {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("job.toml");
        std::fs::write(&file, JOB).unwrap();
        let primary = System { name: "Primary".into(), primary: true, ..System::default() };
        Self {
            job: rollcall_job::load(&file).unwrap(),
            store: Store::open(&folder.path().join("state")).unwrap(),
            office: MemoryOffice::new(Standing { systems: vec![primary], ..Standing::default() })
                .taking(AtOnce { calls: 64, updates: 64 }),
            handover: MemoryHandover::default(),
            draw: FixedDraw::new(3),
            folder,
        }
    }

    /// Syncs; `meanwhile` happens between the plan and the first write.
    async fn run(
        &self,
        names: &[&str],
        handover: Option<&dyn Handover>,
        meanwhile: &(dyn Fn() + Send + Sync),
    ) -> Result<Report, RunError> {
        let mut mirror = self.store.mirror(&self.job.name, "run").unwrap();
        let (clock, cancel) = (FixedClock(Instant(1_000)), Cancel::default());
        let mut directory = people(names);
        let parts = Parts {
            job: &self.job,
            script: Arc::new(Plain),
            references: &std::collections::BTreeMap::new(),
            rule_files: &[],
            directories: vec![Source {
                name: "csv".into(),
                directory: &mut directory,
                connector: "digest".into(),
                scope: b"scope".to_vec(),
                full_every_ms: 0,
            }],
            office: &self.office,
            mirror: &mut mirror,
            state: &self.store,
            clock: &clock,
            observer: &Silent,
            cancel: &cancel,
            codes: Codes { draw: &self.draw, handover },
        };
        let confirm = |_: &Report| {
            meanwhile();
            true
        };
        sync(parts, &Options::default(), &confirm, &|_| ("{}".into(), 0)).await.map(Option::unwrap)
    }

    async fn sync(&self, names: &[&str]) -> Result<Report, RunError> {
        self.run(names, Some(&self.handover), &|| {}).await
    }

    fn user(&self, name: &str) -> PhoneUser {
        self.office.standing().users.into_values().find(|user| user.name() == name).unwrap()
    }

    /// The codes that a phone user has.
    fn codes(&self, name: &str) -> [String; 2] {
        let user = self.user(name);
        [Field::LoginCode, Field::VoicemailCode].map(|field| match user.fields.get(&field) {
            Some(Value::Secret(code)) => code.expose().to_owned(),
            other => panic!("{other:?}"),
        })
    }

    /// Holds that each of these was handed over, once, with the codes that it has.
    fn handed_over(&self, names: &[&str]) {
        let given = self.handover.given();
        let mut who: Vec<&str> = given.iter().map(|user| user.text(Field::Name).unwrap()).collect();
        who.sort_unstable();
        assert_eq!(who, names);
        for user in &given {
            let codes =
                [Field::LoginCode, Field::VoicemailCode].map(|f| user.code(f).unwrap().expose().to_owned());
            assert_eq!(codes, self.codes(user.text(Field::Name).unwrap()));
            assert_eq!(user.text(Field::Extension), self.user(user.text(Field::Name).unwrap()).extension());
        }
    }

    /// Holds that neither a link nor the journal knows a code any more.
    async fn forgotten(&self) {
        for link in self.store.links("Test").await.unwrap() {
            assert_eq!(link.written.get(&Field::LoginCode), Some(&Value::Random(6)));
            assert_eq!(link.written.get(&Field::VoicemailCode), Some(&Value::Random(4)));
        }
        for run in self.store.runs(None, 9).await.unwrap() {
            for op in self.store.operations(&run.id).await.unwrap() {
                let settled = matches!(op.settled, Some(Settled::Applied | Settled::Failed(_)));
                let held = format!("{:?}", op.intent.write).contains("Drawn");
                assert!(!(settled && held), "{op:?}");
            }
        }
    }
}

#[tokio::test]
async fn drawn_codes_are_handed_over_once_and_forgotten() {
    let world = World::new().await;
    let report = world.sync(&["Anna", "Bo"]).await.unwrap();
    assert_eq!(report.applied(), 2);
    world.handed_over(&["Anna", "Bo"]);
    world.forgotten().await;
    let again = world.sync(&["Anna", "Bo"]).await.unwrap();
    assert_eq!((again.plan.changes.len(), again.plan.unchanged.len()), (0, 2));
    world.handed_over(&["Anna", "Bo"]);
    assert_ne!(world.codes("Anna"), world.codes("Bo"));
    drop(world.folder);
}

#[tokio::test]
async fn a_plan_with_random_codes_needs_a_handover_that_works_before_anything_is_written() {
    let world = World::new().await;
    let none = world.run(&["Anna"], None, &|| {}).await.unwrap_err();
    world.handover.fail_after(Some(0));
    let broken = world.sync(&["Anna"]).await.unwrap_err();
    for error in [none, broken] {
        assert_eq!(error.class(), Class::Error);
        let RunError::Handover(_) = error else { panic!("{error:?}") };
    }
    assert!(world.office.writes().is_empty());
    assert!(world.store.runs(None, 9).await.unwrap().is_empty());
    // What makes nobody needs no handover.
    world.run(&[], None, &|| {}).await.unwrap();
}

#[tokio::test]
async fn a_user_that_was_not_handed_over_is_the_last_and_is_caught_up() {
    let world = World::new().await;
    world.handover.fail_after(Some(1));
    let report = world.sync(&["Anna", "Bo", "Cleo"]).await.unwrap();
    let (class, why) = report.stopped.clone().unwrap();
    assert_eq!((class, why[0].code), (Class::Error, codes::HANDOVER));
    assert_eq!(report.outcomes, [Outcome::Applied, Outcome::Planned, Outcome::Planned]);
    assert_eq!(world.office.standing().users.len(), 2, "nobody is made after the one that is kept");
    world.handed_over(&["Anna"]);
    let kept = world.codes("Bo");
    // The journal has them, and nothing new begins before they are handed over.
    let error = world.sync(&["Anna", "Bo", "Cleo"]).await.unwrap_err();
    assert!(matches!(error, RunError::Handover(_)), "{error:?}");
    let error = world.run(&["Anna", "Bo", "Cleo"], None, &|| {}).await.unwrap_err();
    assert!(matches!(error, RunError::Handover(_)), "{error:?}");
    world.handover.fail_after(None);
    let report = world.sync(&["Anna", "Bo", "Cleo"]).await.unwrap();
    assert_eq!((report.applied(), report.plan.unchanged.len()), (1, 2));
    assert_eq!(world.codes("Bo"), kept);
    world.handed_over(&["Anna", "Bo", "Cleo"]);
    world.forgotten().await;
}

fn by_hand(standing: &mut Standing, name: &str, number: &str) {
    let fields = [(Field::Name, Value::from(name)), (Field::Extension, Value::from(number))];
    let user = PhoneUser {
        guid: format!("hand-{name}").into(),
        fields: fields.into(),
        system: "Primary".into(),
        profile: None,
        user_template: None,
        fingerprint: [0; 16],
    };
    standing.users.insert(user.guid.clone(), user);
}

fn record(standing: &mut Standing, number: &str) {
    standing.extensions.push(Extension {
        guid: format!("record-{number}").into(),
        number: number.into(),
        system: "Primary".into(),
        kind: None,
        template: None,
        hardware: false,
    });
}

#[tokio::test]
async fn a_name_or_number_that_was_taken_since_the_plan_makes_that_create_stale() {
    type Meanwhile = fn(&mut Standing);
    let cases: [(Meanwhile, &str); 4] = [
        (|standing| by_hand(standing, "BO", "3000"), "the name `Bo` belongs to the user `BO` by now"),
        (|standing| by_hand(standing, "Hand", "2002"), "the number `2002` belongs to the user `Hand` by now"),
        (|standing| record(standing, "2002"), "the number `2002` has an extension record by now"),
        (
            |standing| {
                by_hand(standing, "bo", "2002");
                record(standing, "2002");
            },
            "the name `Bo` belongs to the user `bo` by now",
        ),
    ];
    for (meanwhile, expect) in cases {
        let world = World::new().await;
        let report = world
            .run(&["Anna", "Bo", "Cleo"], Some(&world.handover), &|| world.office.edit(meanwhile))
            .await
            .unwrap();
        let Outcome::Failed(why) = &report.outcomes[1] else { panic!("{:?}", report.outcomes) };
        assert_eq!((why.code, why.message.as_str()), (codes::STALE, expect));
        assert_eq!((report.applied(), report.failed()), (2, 1));
        // Nobody got another number than the plan said, and no code of the one that failed is left.
        assert_eq!(world.user("Cleo").extension(), Some("2003"));
        world.handed_over(&["Anna", "Cleo"]);
        world.forgotten().await;
        assert_eq!(
            world.office.standing().extensions.len(),
            2 + usize::from(expect.contains("record") || expect.contains("`bo`"))
        );
    }
}
