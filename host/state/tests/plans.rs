//! Plan files: they come back as they were written, carry no code, and any other byte is refused.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may panic")]

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use rollcall_core::diff::FieldChange;
use rollcall_core::order::Move;
use rollcall_core::plan::{Action, Change, Pending, Plan, Reading};
use rollcall_core::{Code, Diagnostic, Field, RecordId, Secret, Value, codes};
use rollcall_edges::clock::Instant;
use rollcall_edges::plans::{KeptPlan, PlanFileError, PlanMark};
use rollcall_edges::state::{NewRun, State as _, StateError};
use rollcall_state::Store;

const CODE: &str = "4711471147";

fn change(native: &str) -> Change {
    let id = RecordId { directory: "test".into(), native: native.into() };
    let set = |field, value| FieldChange { field, from: None, to: Some(value), drift: false };
    Change {
        action: Action::Create,
        key: native.into(),
        name: Some("Anna".into()),
        reason: "new".into(),
        fields: vec![
            set(Field::Name, Value::from("Anna")),
            set(Field::LoginCode, Value::Secret(Secret::new(CODE))),
        ],
        ..empty(id)
    }
}

fn empty(id: RecordId) -> Change {
    Change {
        action: Action::Skip,
        key: id.native.clone(),
        id,
        guid: None,
        name: None,
        extension: None,
        system: None,
        rule: None,
        reason: String::new(),
        fields: Vec::new(),
        birth: None,
        adoption: None,
        unlinks: false,
        record: None,
        seen: None,
        why: Vec::new(),
    }
}

fn kept(changes: usize) -> KeptPlan {
    let changes: Vec<Change> = (0..changes).map(|n| change(&n.to_string())).collect();
    let leaver = changes[0].id.clone();
    KeptPlan {
        id: Store::plan_id(Instant(5)).unwrap(),
        created: Instant(5),
        job: "J".into(),
        file: "/jobs/job.toml".into(),
        decided_by: [("job.toml".into(), "aa".into())].into(),
        directories: [("d".into(), "D".into())].into(),
        office: Some("O".into()),
        accepted: [("max_delete".into(), 3)].into(),
        plan: Plan {
            order: (0..changes.len()).map(Move::Do).collect(),
            unchanged: vec![("u".into(), "Uta".into(), Some("2000".into()))],
            pending: vec![Pending { key: "p".into(), name: None, extension: None, why: "waits".into() }],
            diagnostics: vec![Diagnostic::note(codes::TICK_OFF, "a tick").hint("a hint")],
            reading: Reading { complete: true, users: [("d".into(), 7)].into() },
            complete: true,
            applyable: true,
            owned: 4,
            changes,
            ..Plan::default()
        },
        refusals: vec![Diagnostic::error(codes::GUARD_DELETE, "too many")],
        ended: [leaver].into(),
    }
}

fn told(plan: &KeptPlan) -> String {
    format!("{plan:?}")
}

fn refusal(result: Result<KeptPlan, PlanFileError>) -> (Code, String) {
    match result {
        Err(PlanFileError::Refused(why)) => (why.code, why.message),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_plan_comes_back_with_its_codes_and_the_file_has_none() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("state")).unwrap();
    let path = folder.path().join("plan");
    let plan = kept(3);
    store.write_plan(&path, &plan).unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(!text.contains(CODE));
    let back = store.read_plan(&path, true).unwrap();
    assert_eq!(told(&back), told(&plan));
    assert_eq!(back.plan.changes, plan.plan.changes, "codes included");
    let shown = store.read_plan(&path, false).unwrap();
    assert_ne!(shown.plan.changes, plan.plan.changes);
    assert_eq!(told(&shown), told(&plan));
    let names: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(names.len(), 2, "nothing is left beside it: {names:?}");
}

#[tokio::test]
async fn a_large_plan_comes_back_too() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("state")).unwrap();
    let path = folder.path().join("plan");
    let plan = kept(25_000);
    store.write_plan(&path, &plan).unwrap();
    let back = store.read_plan(&path, true).unwrap();
    assert!(back.plan.changes == plan.plan.changes && back.plan.order == plan.plan.order);
}

#[tokio::test]
async fn any_other_byte_and_any_shorter_file_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("state")).unwrap();
    let path = folder.path().join("plan");
    store.write_plan(&path, &kept(2)).unwrap();
    let whole = std::fs::read(&path).unwrap();
    let mut refused = 0;
    for at in 0..whole.len() {
        let mut other = whole.clone();
        other[at] ^= 1;
        std::fs::write(&path, &other).unwrap();
        let (code, message) = refusal(store.read_plan(&path, true));
        assert!([codes::PLAN_ALTERED, codes::PLAN_ELSEWHERE].contains(&code), "byte {at}: {message}");
        refused += 1;
    }
    assert_eq!(refused, whole.len());
    for length in (0..whole.len()).step_by(7) {
        std::fs::write(&path, &whole[..length]).unwrap();
        assert_eq!(refusal(store.read_plan(&path, true)).0, codes::PLAN_ALTERED, "{length}");
    }
    let lines: Vec<&[u8]> = whole.split_inclusive(|byte| *byte == b'\n').collect();
    let twice = [lines[0], lines[1], &lines[1..].concat()].concat();
    let longer = [&whole[..], b"\n"].concat();
    let swapped = [lines[0], lines[2], lines[1], &lines[3..].concat()].concat();
    for (what, other) in [("a line twice", twice), ("one more", longer), ("another order", swapped)] {
        std::fs::write(&path, &other).unwrap();
        assert_eq!(refusal(store.read_plan(&path, true)).0, codes::PLAN_ALTERED, "{what}");
    }
    std::fs::write(&path, &whole).unwrap();
    assert!(store.read_plan(&path, true).is_ok());
}

#[tokio::test]
async fn a_plan_of_another_state_or_a_newer_version_and_what_is_no_plan() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("state")).unwrap();
    let other = Store::open(&folder.path().join("other")).unwrap();
    let path = folder.path().join("plan");
    store.write_plan(&path, &kept(1)).unwrap();
    assert_eq!(refusal(other.read_plan(&path, true)).0, codes::PLAN_ELSEWHERE);
    let text = std::fs::read_to_string(&path).unwrap();
    for (version, age) in [(1, "an older rollcall"), (3, "a newer rollcall")] {
        let other = format!("{{\"rollcall_plan\":{version}");
        std::fs::write(&path, text.replacen("{\"rollcall_plan\":2", &other, 1)).unwrap();
        let (code, message) = refusal(store.read_plan(&path, true));
        assert!(code == codes::PLAN_ALTERED && message.contains(age), "{message}");
    }
    for (what, content) in [("text", "name = \"J\"\n"), ("nothing", ""), ("zeros", "\0\0\0\0")] {
        std::fs::write(&path, content).unwrap();
        let (code, message) = refusal(store.read_plan(&path, true));
        assert!(code == codes::PLAN_ALTERED && message.contains("is no plan file"), "{what}: {message}");
    }
    let file = |result: Result<KeptPlan, PlanFileError>| match result {
        Err(PlanFileError::File { message, .. }) => message,
        other => panic!("{other:?}"),
    };
    assert!(file(store.read_plan(folder.path(), true)).contains("it is a folder"));
    assert!(file(store.read_plan(Path::new("/nowhere/plan"), true)).contains("no such file"));
}

#[tokio::test]
async fn only_nothing_or_a_plan_is_written_over() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("state")).unwrap();
    let path = folder.path().join("plan");
    std::fs::write(&path, "precious").unwrap();
    for wrong in [&path, folder.path(), &folder.path().join("no/plan")] {
        let error = store.write_plan(wrong, &kept(1)).unwrap_err();
        assert!(matches!(error, PlanFileError::File { .. }), "{wrong:?}: {error:?}");
    }
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "precious");
    std::fs::remove_file(&path).unwrap();
    store.write_plan(&path, &kept(1)).unwrap();
    let second = kept(2);
    store.write_plan(&path, &second).unwrap();
    assert_eq!(told(&store.read_plan(&path, true).unwrap()), told(&second));
}

#[tokio::test]
async fn a_plan_begins_one_run_and_loses_its_codes_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("state")).unwrap();
    let path = folder.path().join("plan");
    let plan = kept(1);
    assert_eq!(store.plan_mark(&plan.id).await.unwrap(), None);
    store.write_plan(&path, &plan).unwrap();
    assert_eq!(store.plan_mark(&plan.id).await.unwrap(), Some(PlanMark::Waiting));
    let accept = BTreeMap::new();
    let run = NewRun {
        job: "J",
        office: "O",
        file: "/jobs/job.toml",
        started: Instant(9),
        kind: "sync",
        document: "{}",
        plan: &plan.plan,
        accept: &accept,
        known: b"",
        generation: 0,
        kept: Some(&plan.id),
    };
    let first = store.begin(&run).await.unwrap();
    assert_eq!(
        store.plan_mark(&plan.id).await.unwrap(),
        Some(PlanMark::Applied { run: first, at: Instant(9) })
    );
    assert!(matches!(store.begin(&run).await, Err(StateError::PlanSpent)));
    assert_eq!(store.runs(None, 9).await.unwrap().len(), 1, "a refused run leaves no trace");
    assert_eq!(told(&store.read_plan(&path, true).unwrap()), told(&plan), "it can still be shown");
    assert_ne!(store.read_plan(&path, true).unwrap().plan.changes, plan.plan.changes);
    // A later plan lets those go that are too old to be applied.
    let later = KeptPlan { created: Instant(40 * 86_400_000), ..kept(1) };
    store.write_plan(&path, &later).unwrap();
    assert_eq!(store.plan_mark(&plan.id).await.unwrap(), None);
}
