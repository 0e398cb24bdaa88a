//! The state's promises, on real files.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may panic")]

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use rollcall_core::elapsed::{Boot, Jump, Tick};
use rollcall_core::memory::{Link, MatchedBy};
use rollcall_core::ops::Write;
use rollcall_core::order::Move;
use rollcall_core::plan::{Action, Change, Plan};
use rollcall_core::script::ExtensionKind;
use rollcall_core::verify::Outcome;
use rollcall_core::{Diagnostic, Field, RecordId, Secret, Text, Value, codes};
use rollcall_edges::clock::Instant;
use rollcall_edges::state::{
    Intent, KnownDirectory, LinkChange, Mark, NewRun, Passed, Settled, Settlement, State as _, StateError,
};
use rollcall_state::Store;

const CODE: &str = "4711471147";

fn id(native: &str) -> RecordId {
    RecordId { directory: "test".into(), native: native.into() }
}

fn passed(missing: Vec<(RecordId, u32)>, present: Vec<(RecordId, Text)>, now: i64) -> Passed {
    Passed {
        directories: [("test".into(), KnownDirectory { identity: "D".into(), baseline: Some(3) })].into(),
        office: "O".into(),
        parts: [("directory.connector".into(), vec![1])].into(),
        tick: Tick { wall_ms: now, boot: Some(Boot { id: "b".into(), uptime_ms: now }) },
        jump_ms: 0,
        office_jump_ms: 0,
        missing,
        present,
    }
}

fn link(native: &str) -> Link {
    Link {
        id: id(native),
        key: native.into(),
        guid: format!("guid-{native}").into(),
        written: [(Field::Name, Value::from("Anna")), (Field::LoginCode, Value::Secret(Secret::new(CODE)))]
            .into(),
        kept: [(Field::FullName, Value::from("Anna Berg"))].into(),
        matched_by: Some(MatchedBy::Email),
        rule: Some("UK".into()),
        number_by_rule: true,
        user_template: Some("Sales".into()),
        record: Some("2001".into()),
        extension: Some(ExtensionKind::Template("J179".into())),
        missing: None,
    }
}

fn plan() -> Plan {
    let skip = Change {
        action: Action::Delete,
        id: id("9"),
        key: "9".into(),
        guid: Some("guid-9".into()),
        name: Some("Nina".into()),
        extension: Some("2009".into()),
        system: None,
        rule: None,
        reason: "left".into(),
        fields: Vec::new(),
        birth: None,
        adoption: None,
        unlinks: false,
        record: None,
        seen: Some([7; 16]),
        why: Vec::new(),
    };
    let park = Move::Park { change: 0, field: Field::Name, value: "moving 1".into() };
    Plan { changes: vec![skip], order: vec![park, Move::Do(0)], owned: 4, ..Plan::default() }
}

async fn begin(store: &Store, generation: i64) -> String {
    let accept = [("max_delete".into(), 1)].into();
    let run = NewRun {
        job: "J",
        office: "O",
        file: "/jobs/job.toml",
        started: Instant(5),
        kind: "sync",
        document: "{}",
        plan: &plan(),
        accept: &accept,
        known: b"known",
        generation,
        kept: None,
    };
    store.begin(&run).await.unwrap().to_string()
}

async fn settle(
    store: &Store,
    run: &str,
    seq: u32,
    settled: &Settled,
    link: Option<&LinkChange>,
    next: Option<u32>,
) -> Result<(), StateError> {
    let next: Vec<u32> = next.into_iter().collect();
    store.settle(run, &[Settlement { seq, settled, link, recovering: false }], &next, mark(400)).await
}

fn mark(at: i64) -> Mark {
    Mark { at: Instant(at), generation: 1 }
}

fn create(seq: u32, native: &str) -> Intent {
    let write = Write::CreateUser { fields: link(native).written, system: "Primary".into(), template: None };
    Intent { seq, change: 0, id: Some(id(native)), key: native.into(), write }
}

async fn run_with_link(store: &Store, native: &str) -> String {
    let run = begin(store, 0).await;
    store.intend(&run, &[create(0, native)], &[], mark(6)).await.unwrap();
    let change = LinkChange::Made(Box::new(link(native)));
    settle(store, &run, 0, &Settled::Applied, Some(&change), None).await.unwrap();
    run
}

#[tokio::test]
async fn a_run_comes_back_with_its_plan_and_what_became_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let run = begin(&store, 0).await;
    assert_eq!(store.interrupted("O").await.unwrap(), [run.clone().into()]);
    assert!(store.interrupted("other").await.unwrap().is_empty());
    let stored = store.stored(&run).await.unwrap().unwrap();
    assert_eq!(stored.changes, [(plan().changes[0].clone(), Outcome::Planned)]);
    assert_eq!((stored.order, stored.figures), (plan().order, (0, 4)));
    assert_eq!((&*stored.file, &*stored.known, stored.superseded), ("/jobs/job.toml", &b"known"[..], false));
    assert_eq!(stored.accept.get("max_delete"), Some(&1));
    let why = Diagnostic::error(codes::OFFICE_REFUSED, "no").hint("ask");
    store.recovered(&run, &[Outcome::Planned], Instant(6)).await.unwrap();
    assert!(store.interrupted("O").await.unwrap().is_empty(), "it has been looked after");
    begin(&store, 0).await;
    assert!(store.stored(&run).await.unwrap().unwrap().superseded);
    store.finish(&run, Instant(9), 3, "{}", &[Outcome::Failed(why.clone())]).await.unwrap();
    let stored = store.stored(&run).await.unwrap().unwrap();
    assert_eq!((&stored.changes[0].1, stored.known.len()), (&Outcome::Failed(why), 0));
    assert!(store.stored("nothing").await.unwrap().is_none());
}

#[tokio::test]
async fn only_the_latest_lease_of_a_phone_system_sends() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let first = store.lease("J", "O", 0).await.unwrap();
    let run = begin(&store, first.generation()).await;
    store.intend(&run, &[create(0, "1"), create(1, "2"), create(2, "3")], &[0], mark(6)).await.unwrap();
    settle(&store, &run, 0, &Settled::Applied, None, Some(1)).await.unwrap();
    assert!(
        matches!(store.start(&run, &[7], mark(6)).await, Err(StateError::Unusable { .. })),
        "never intended"
    );
    let other = store.lease("K", "P", 0).await.unwrap();
    assert_eq!(other.generation(), 1, "another phone system counts for itself");
    store.withdraw(&run, &[1]).await.unwrap();
    store.start(&run, &[1], mark(7)).await.unwrap();
    // Somebody removes the lock file, and another run takes the phone system.
    for entry in std::fs::read_dir(folder.path().join("locks")).unwrap() {
        std::fs::remove_file(entry.unwrap().path()).unwrap();
    }
    let second = store.lease("J", "O", 0).await.unwrap();
    assert_eq!(second.generation(), first.generation() + 1);
    // The call in flight is settled all the same; nothing follows it.
    let put = LinkChange::Made(Box::new(link("2")));
    let lost = settle(&store, &run, 1, &Settled::Applied, Some(&put), Some(2)).await;
    assert!(matches!(lost, Err(StateError::Lost)));
    assert!(matches!(store.start(&run, &[2], mark(8)).await, Err(StateError::Lost)));
    assert!(matches!(store.intend(&run, &[create(3, "4")], &[3], mark(8)).await, Err(StateError::Lost)));
    let ops = store.operations(&run).await.unwrap();
    let shown: Vec<_> = ops.iter().map(|op| (op.sent.is_some(), op.settled.is_some())).collect();
    assert_eq!(shown, [(true, true), (true, true), (false, false)]);
    assert_eq!(store.links("J").await.unwrap(), [link("2")]);
    store.reopen(&run, second.generation(), Instant(9)).await.unwrap();
    // Somebody goes on with the run: that is no word for the process that had begun it.
    assert!(matches!(store.start(&run, &[1], mark(10)).await, Err(StateError::Lost)));
    assert_eq!(store.operations(&run).await.unwrap().len(), 2, "what was never sent is forgotten");
}

#[tokio::test]
async fn what_was_unknown_may_be_known_later_and_what_was_known_stays() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let run = begin(&store, 0).await;
    store.intend(&run, &[create(0, "1"), create(1, "2")], &[], mark(6)).await.unwrap();
    for seq in [0, 1] {
        settle(&store, &run, seq, &Settled::Unknown("lost".into()), None, None).await.unwrap();
    }
    let put = |native: &str| LinkChange::Made(Box::new(link(native)));
    settle(&store, &run, 0, &Settled::Applied, Some(&put("1")), None).await.unwrap();
    settle(&store, &run, 0, &Settled::Failed("no".into()), None, None).await.unwrap();
    assert_eq!(store.operations(&run).await.unwrap()[0].settled, Some(Settled::Applied));
    // Somebody has linked the person in the meantime: that link stays.
    let other = LinkChange::Made(Box::new(Link { guid: "guid-1b".into(), ..link("2") }));
    let second = begin(&store, 0).await;
    store.intend(&second, &[create(0, "2")], &[], mark(6)).await.unwrap();
    settle(&store, &second, 0, &Settled::Applied, Some(&other), None).await.unwrap();
    settle(&store, &run, 1, &Settled::Applied, Some(&put("2")), None).await.unwrap();
    // What changes a link, and comes late, makes none again that has ended; and it ends none with another phone user.
    store.intend(&run, &[create(2, "3"), create(3, "2")], &[], mark(6)).await.unwrap();
    for seq in [2, 3] {
        settle(&store, &run, seq, &Settled::Unknown("lost".into()), None, None).await.unwrap();
    }
    let moved = LinkChange::Moved { link: Box::new(link("3")), name: None, number: None };
    settle(&store, &run, 2, &Settled::Applied, Some(&moved), None).await.unwrap();
    let guid = Some("guid-2".into());
    let remove = LinkChange::Remove { id: id("2"), guid, name: None, number: None };
    settle(&store, &run, 3, &Settled::Applied, Some(&remove), None).await.unwrap();
    let guids: Vec<_> = store.links("J").await.unwrap().into_iter().map(|link| link.guid).collect();
    assert_eq!(guids, ["guid-1".into(), "guid-1b".into()] as [rollcall_core::Guid; 2]);
}

#[tokio::test]
async fn a_link_and_its_operation_come_back_and_no_file_holds_the_code() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let run = run_with_link(&store, "1").await;
    drop(store);
    let store = Store::open(folder.path()).unwrap();
    assert_eq!(store.links("J").await.unwrap(), [link("1")]);
    let ops = store.operations(&run).await.unwrap();
    let Write::CreateUser { fields, .. } = &ops[0].intent.write else { panic!("another operation") };
    assert_eq!(*fields, link("1").written);
    assert_eq!(ops[0].settled, Some(Settled::Applied));
    assert_eq!(store.owners("O", None).await.unwrap()["guid-1"].key, "1".into());
    assert!(store.owners("O", Some("J")).await.unwrap().is_empty());
    assert_eq!(store.history("J", &id("1")).await.unwrap().len(), 1);
    for file in walk(folder.path()) {
        let bytes = std::fs::read(&file).unwrap();
        assert!(
            !bytes.windows(CODE.len()).any(|window| window == CODE.as_bytes()),
            "{} holds the code",
            file.display()
        );
        let mode = std::fs::metadata(&file).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{} is open to others", file.display());
    }
}

fn walk(folder: &Path) -> Vec<std::path::PathBuf> {
    std::fs::read_dir(folder)
        .unwrap()
        .flat_map(|entry| {
            let path = entry.unwrap().path();
            if path.is_dir() { walk(&path) } else { vec![path] }
        })
        .collect()
}

#[tokio::test]
async fn a_leavers_clock_starts_counts_and_stops_and_a_delete_holds_name_and_number() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let run = run_with_link(&store, "1").await;
    for (reads, now) in [(1, 100), (2, 200)] {
        store.passed("J", &passed(vec![(id("1"), reads)], Vec::new(), now)).await.unwrap();
    }
    let missing = store.links("J").await.unwrap()[0].missing.unwrap();
    assert_eq!((missing.since_ms, missing.reads), (100, 2));
    store.passed("J", &passed(Vec::new(), vec![(id("1"), "new key".into())], 300)).await.unwrap();
    let link = store.links("J").await.unwrap().remove(0);
    assert_eq!((link.missing, &*link.key), (None, "new key"));
    let known = store.job("J").await.unwrap();
    assert_eq!(
        (known.identities(), known.baseline()),
        ([("test".into(), "D".into())].into(), [("test".into(), 3)].into())
    );
    let intent = Intent {
        seq: 1,
        change: 0,
        id: Some(id("1")),
        key: "1".into(),
        write: Write::DeleteUser { guid: "guid-1".into() },
    };
    store.intend(&run, &[intent], &[], mark(6)).await.unwrap();
    let remove = LinkChange::Remove {
        id: id("1"),
        guid: None,
        name: Some("Anna".into()),
        number: Some("2001".into()),
    };
    settle(&store, &run, 1, &Settled::Applied, Some(&remove), None).await.unwrap();
    assert!(store.links("J").await.unwrap().is_empty());
    assert_eq!(store.held("O", Instant(399)).await.unwrap().len(), 2);
    assert!(store.held("O", Instant(400)).await.unwrap().is_empty(), "the quarantine has passed");
    assert!(store.held("other", Instant(0)).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_run_is_found_by_an_unambiguous_beginning() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let first = run_with_link(&store, "1").await;
    assert_eq!(&*store.run(&first[..12]).await.unwrap().unwrap().id, first);
    run_with_link(&store, "2").await;
    assert!(store.run("0").await.unwrap().is_none(), "ambiguous");
    assert!(store.run("%").await.unwrap().is_none());
    assert_eq!(store.runs(Some("J"), 10).await.unwrap().len(), 2);
    store.finish(&first, Instant(9), 0, "{\"done\":true}", &[]).await.unwrap();
    assert_eq!(store.run(&first).await.unwrap().unwrap().exit, Some(0));
}

#[tokio::test]
async fn a_second_run_waits_for_the_lease() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let lease = store.lease("J", "O", 0).await.unwrap();
    for (job, office) in [("J", "other"), ("other", "O")] {
        let refused = store.lease(job, office, 150).await.err();
        assert!(
            matches!(refused, Some(StateError::Held { ref holder, .. }) if *holder == std::process::id().to_string())
        );
    }
    drop(lease);
    store.lease("J", "O", 0).await.unwrap();
}

#[tokio::test]
async fn a_damaged_a_newer_and_a_foreign_state_are_refused_clearly() {
    let folder = tempfile::tempdir().unwrap();
    drop(Store::open(folder.path()).unwrap());
    std::fs::remove_file(folder.path().join("key")).unwrap();
    let error = Store::open(folder.path()).err().unwrap().to_string();
    assert!(error.contains("is gone"), "{error}");
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("key"), [7; 32]).unwrap();
    std::fs::write(folder.path().join("state.db"), "this is no database, not at all, not even nearly")
        .unwrap();
    let error = Store::open(folder.path()).err().unwrap().to_string();
    assert!(error.contains("not a database"), "{error}");
    std::fs::write(folder.path().join("key"), "short").unwrap();
    let error = Store::open(folder.path()).err().unwrap().to_string();
    assert!(error.contains("5 bytes"), "{error}");
    let file = folder.path().join("a file");
    std::fs::write(&file, "").unwrap();
    assert!(Store::open(&file).is_err());
}

#[tokio::test]
async fn runs_of_one_instant_are_listed_in_the_order_of_their_beginning() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let mut begun = Vec::new();
    for _ in 0..8 {
        begun.insert(0, run_with_link(&store, "1").await);
    }
    let listed: Vec<String> =
        store.runs(None, 8).await.unwrap().into_iter().map(|run| run.id.to_string()).collect();
    assert_eq!(listed, begun);
}

#[tokio::test]
async fn the_clock_and_the_parts_of_the_last_run_that_passed_come_back() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    assert_eq!(store.office_tick("O").await.unwrap(), None);
    let first = passed(Vec::new(), Vec::new(), 100);
    store.passed("J", &first).await.unwrap();
    let mut second = passed(Vec::new(), Vec::new(), 200);
    second.parts = [("provisioning.rhai".into(), vec![2])].into();
    second.tick.boot = None;
    store.passed("other", &second).await.unwrap();
    let known = store.job("J").await.unwrap();
    assert_eq!((known.tick, known.parts, known.jump), (Some(first.tick), first.parts, None));
    assert_eq!(
        store.office_tick("O").await.unwrap(),
        Some(second.tick.clone()),
        "the phone system's clock is any job's"
    );
    store.passed("J", &second).await.unwrap();
    assert_eq!(store.job("J").await.unwrap().parts, second.parts, "what is gone is forgotten");
}

#[tokio::test]
async fn grace_and_quarantine_go_with_a_clock_that_jumps() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    run_with_link(&store, "1").await;
    let run = run_with_link(&store, "2").await;
    store.passed("J", &passed(vec![(id("1"), 1)], vec![(id("2"), "2".into())], 100)).await.unwrap();
    let write = Write::DeleteUser { guid: "guid-2".into() };
    store
        .intend(
            &run,
            &[Intent { seq: 1, change: 0, id: Some(id("2")), key: "2".into(), write }],
            &[],
            mark(6),
        )
        .await
        .unwrap();
    let remove = LinkChange::Remove { id: id("2"), guid: None, name: Some("Anna".into()), number: None };
    let settlement =
        Settlement { seq: 1, settled: &Settled::Applied, link: Some(&remove), recovering: false };
    store.settle(&run, &[settlement], &[], mark(150)).await.unwrap();
    let jumped =
        Passed { jump_ms: 1_000, office_jump_ms: 500, ..passed(vec![(id("1"), 2)], Vec::new(), 1_200) };
    store.passed("J", &jumped).await.unwrap();
    let missing = store.links("J").await.unwrap()[0].missing.unwrap();
    assert_eq!((missing.since_ms, missing.reads), (1_100, 2));
    assert_eq!(store.held("O", Instant(0)).await.unwrap()[0].since, Instant(650));
    assert_eq!(store.job("J").await.unwrap().jump, Some(Jump { at_ms: 1_200, by_ms: 1_000 }));
    store.passed("J", &passed(vec![(id("1"), 3)], Vec::new(), 1_300)).await.unwrap();
    assert_eq!(store.links("J").await.unwrap()[0].missing.unwrap().since_ms, 1_100, "once");
    assert!(store.job("J").await.unwrap().jump.is_some(), "the window still has to know of it");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn several_that_write_at_once_wait_for_each_other() {
    let folder = tempfile::tempdir().unwrap();
    let mut tasks = Vec::new();
    for one in 0..4 {
        let store = Store::open(folder.path()).unwrap();
        tasks.push(tokio::spawn(async move {
            for round in 0..25 {
                run_with_link(&store, &format!("{one}-{round}")).await;
            }
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(Store::open(folder.path()).unwrap().links("J").await.unwrap().len(), 100);
}

#[tokio::test]
async fn a_drawn_code_is_sealed_until_its_operation_is_settled_and_forgotten_then() {
    for (settled, kept) in [
        (Settled::Applied, false),
        (Settled::Failed("no".into()), false),
        (Settled::Unknown("perhaps".into()), true),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let run = begin(&store, 0).await;
        let (drawn, mapped) = (Value::Drawn(Secret::new(CODE)), Value::Secret(Secret::new("81818181")));
        // A text that looks like a drawn code is none.
        let fields = [
            (Field::Name, Value::from("{\"d\":1}")),
            (Field::LoginCode, drawn.clone()),
            (Field::VoicemailCode, mapped.clone()),
        ];
        let write = Write::CreateUser { fields: fields.clone().into(), system: "S".into(), template: None };
        store.intend(&run, &[Intent { write: write.clone(), ..create(0, "1") }], &[], mark(6)).await.unwrap();
        let journalled = async || store.operations(&run).await.unwrap().remove(0).intent.write;
        assert_eq!(journalled().await, write);
        settle(&store, &run, 0, &settled, None, None).await.unwrap();
        let Write::CreateUser { fields: left, .. } = journalled().await else { panic!() };
        let expect = if kept { drawn } else { Value::Random(10) };
        assert_eq!(left.get(&Field::LoginCode), Some(&expect), "{settled:?}");
        assert_eq!(
            (left.get(&Field::Name), left.get(&Field::VoicemailCode)),
            (Some(&fields[0].1), Some(&mapped))
        );
        // Whoever knows better later says so, and then it is forgotten too.
        settle(&store, &run, 0, &Settled::Applied, None, None).await.unwrap();
        let Write::CreateUser { fields: left, .. } = journalled().await else { panic!() };
        assert_eq!(left.get(&Field::LoginCode), Some(&Value::Random(10)));
        drop(store);
        for entry in std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path()) {
            let held = if entry.is_file() { std::fs::read(&entry).unwrap() } else { Vec::new() };
            assert!(!held.windows(CODE.len()).any(|part| part == CODE.as_bytes()), "{}", entry.display());
        }
    }
}
