//! The history's promises, on real files: what is asked of it, what it forgets, and a chain that tells.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may panic")]

use std::collections::BTreeMap;
use std::path::Path;

use rollcall_core::diff::FieldChange;
use rollcall_core::field::Fields;
use rollcall_core::memory::Link;
use rollcall_core::ops::Write;
use rollcall_core::plan::{Action, Change, Plan, Reading};
use rollcall_core::verify::Outcome;
use rollcall_core::{Diagnostic, Field, RecordId, Secret, Value, codes};
use rollcall_edges::clock::Instant;
use rollcall_edges::directory::FindingState;
use rollcall_edges::state::{Intent, LinkChange, Mark, NewRun, Settled, Settlement, State as _};
use rollcall_sqlite::Connection;
use rollcall_state::{Act, ERASED, RunFilter, RunState, Store};

const DAY: i64 = 24 * 60 * 60 * 1000;

fn id(native: &str) -> RecordId {
    RecordId { directory: "test".into(), native: native.into() }
}

/// A person whose every value would be found again in a file.
fn person(n: usize) -> (String, String, String) {
    (format!("id-{n:04}-native"), format!("Anna Zebra{n}"), format!("anna.zebra{n}@contoso.example"))
}

fn change(n: usize, action: Action) -> Change {
    let (native, name, email) = person(n);
    let field = |field, to: Value| FieldChange { field, from: None, to: Some(to), drift: false };
    Change {
        action,
        id: id(&native),
        key: email.as_str().into(),
        guid: None,
        name: Some(name.as_str().into()),
        extension: Some(format!("20{n:02}").into()),
        system: Some("Primary".into()),
        rule: None,
        reason: "new in the directory".into(),
        fields: vec![
            field(Field::Name, Value::from(name.as_str())),
            field(Field::Email, Value::from(email.as_str())),
            field(Field::LoginCode, Value::Secret(Secret::new("47114711"))),
        ],
        birth: None,
        adoption: None,
        unlinks: false,
        record: None,
        seen: None,
        why: Vec::new(),
    }
}

fn link(n: usize) -> Link {
    let change = change(n, Action::Create);
    Link {
        id: change.id,
        key: change.key,
        guid: format!("guid-{n}").into(),
        written: change.fields.into_iter().filter_map(|field| Some((field.field, field.to?))).collect(),
        kept: Fields::new(),
        matched_by: None,
        rule: None,
        number_by_rule: false,
        user_template: None,
        extension: None,
        record: None,
        missing: None,
    }
}

/// Runs a plan of these changes to its end: each is one operation, and a create leaves its link.
async fn run(store: &Store, job: &str, at: i64, changes: Vec<Change>) -> String {
    let document = serde_json::json!({
        "summary": { "applied": changes.len() },
        "changes": changes.iter().map(|change| serde_json::json!({
            "action": change.action.word(), "user_identification": &*change.key, "name": change.name.as_deref(),
            "status": "applied", "reason": change.reason, "fields": {} })).collect::<Vec<_>>(),
    })
    .to_string();
    let plan = Plan {
        reading: Reading { complete: true, users: [("d".into(), 3)].into() },
        changes,
        ..Plan::default()
    };
    let lease = store.lease(job, "O", 0).await.unwrap();
    let new = NewRun {
        job,
        office: "O",
        file: "job.toml",
        started: Instant(at),
        kind: "sync",
        document: &document,
        plan: &plan,
        accept: &BTreeMap::from([("max_delete".into(), 3)]),
        known: &[1],
        generation: lease.generation(),
        kept: None,
    };
    let run = store.begin(&new).await.unwrap();
    for (seq, change) in (0u32..).zip(&plan.changes) {
        let write = match change.action {
            Action::Create => Write::CreateUser {
                fields: change
                    .fields
                    .iter()
                    .filter_map(|field| Some((field.field, field.to.clone()?)))
                    .collect(),
                system: "Primary".into(),
                template: None,
            },
            _ => Write::DeleteUser { guid: format!("guid-{seq}").into() },
        };
        let intent = Intent { seq, change: seq, id: Some(change.id.clone()), key: change.key.clone(), write };
        store
            .intend(&run, &[intent], &[seq], Mark { at: Instant(at), generation: new.generation })
            .await
            .unwrap();
        let effect = match change.action {
            Action::Create => {
                let n = change.id.native[3..7].parse().unwrap();
                LinkChange::Made(Box::new(link(n)))
            }
            _ => LinkChange::Remove {
                id: change.id.clone(),
                guid: None,
                name: change.name.clone(),
                number: change.extension.clone(),
            },
        };
        let settlement =
            Settlement { seq, settled: &Settled::Applied, link: Some(&effect), recovering: false };
        let mark = Mark { at: Instant(at + 1), generation: new.generation };
        store.settle(&run, &[settlement], &[], mark).await.unwrap();
    }
    let outcomes = vec![Outcome::Applied; plan.changes.len()];
    store.finish(&run, Instant(at + 2), 0, &document, &outcomes).await.unwrap();
    run.to_string()
}

fn raw(folder: &Path) -> Connection {
    Connection::open(folder.join("state.db")).unwrap()
}

/// Gives the files that hold a text anywhere.
fn files_with(folder: &Path, needle: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if std::fs::read(&path)
                .unwrap()
                .windows(needle.len())
                .any(|part| part == needle.as_bytes())
            {
                found.push(path.display().to_string());
            }
        }
    }
    found
}

#[tokio::test]
async fn runs_are_found_by_job_time_and_exit_and_by_the_beginning_of_their_id() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let first = run(&store, "J", DAY, vec![change(1, Action::Create)]).await;
    let second = run(&store, "J", 2 * DAY, Vec::new()).await;
    let other = run(&store, "K", 3 * DAY, vec![change(2, Action::Create)]).await;
    let ids = async |filter: RunFilter<'_>| {
        let runs = store.past_runs(&filter).unwrap();
        runs.iter().map(|run| run.id.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(ids(RunFilter::default()).await, [&other, &second, &first].map(Clone::clone));
    let of_j = RunFilter { job: Some("J"), ..RunFilter::default() };
    assert_eq!(ids(of_j.clone()).await, [&second, &first].map(Clone::clone));
    let since = ids(RunFilter { since: Some(Instant(2 * DAY)), ..of_j.clone() }).await;
    let until = ids(RunFilter { until: Some(Instant(2 * DAY)), ..of_j.clone() }).await;
    assert_eq!(
        (since.as_slice(), until.as_slice()),
        (std::slice::from_ref(&second), std::slice::from_ref(&first))
    );
    assert!(ids(RunFilter { exit: Some(3), ..of_j }).await.is_empty());
    assert_eq!(store.runs_beginning(&first[..3]).unwrap().len(), 3, "days apart, so alike at first");
    let one = store.runs_beginning(&first).unwrap().remove(0);
    assert_eq!((one.state, one.accepted.as_str()), (RunState::Ended, r#"{"max_delete":3}"#));
    let changes = store.past_changes(&first).unwrap();
    let fields = changes[0].fields();
    assert!(fields.iter().any(|field| field.name == "login_code" && field.to == "(sensitive)"), "{fields:?}");
    assert_eq!((&*changes[0].outcome, changes[0].text("name")), ("applied", Some("Anna Zebra1")));
}

#[tokio::test]
async fn people_are_found_by_every_name_also_after_their_delete() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    run(&store, "J", DAY, vec![change(1, Action::Create), change(2, Action::Create)]).await;
    let mut gone = change(1, Action::Delete);
    gone.fields.clear();
    run(&store, "J", 2 * DAY, vec![gone]).await;
    let (native, name, email) = person(1);
    for wanted in [&native, &name, &email, &name.to_uppercase(), &"2001".to_owned()] {
        let found = store.people(Some("J"), wanted).unwrap();
        assert_eq!(found.len(), 1, "{wanted}");
        assert_eq!((&*found[0].id.native, found[0].linked), (native.as_str(), false));
    }
    assert!(store.people(Some("J"), &person(2).1).unwrap()[0].linked);
    assert!(store.people(Some("K"), &name).unwrap().is_empty());
    let past = store.past_of("J", &id(&native)).unwrap();
    assert_eq!(past.iter().map(|change| &*change.action).collect::<Vec<_>>(), ["delete", "create"]);
}

#[tokio::test]
async fn an_erased_person_is_in_no_file_and_the_chain_still_holds() {
    let folder = tempfile::tempdir().unwrap();
    let (native, name, email) = person(1);
    {
        let store = Store::open(folder.path()).unwrap();
        let mut neighbour = change(2, Action::Create);
        neighbour.reason = format!("the name `{name}` of {email} is taken");
        run(&store, "J", DAY, vec![change(1, Action::Create), neighbour]).await;
        let mut gone = change(1, Action::Delete);
        gone.fields.clear();
        let act = Act::new("accept", Instant(DAY)).with("job", "J").with("directory", "test");
        store.audit(&act.with("native", native.as_str()).with("key", email.as_str())).unwrap();
        assert!(store.erase(&["J"], &id(&native), Instant(DAY)).is_err(), "still linked");
        run(&store, "J", 2 * DAY, vec![gone]).await;
        drop(store.mirror("J", "run").unwrap());
        assert!(!files_with(folder.path(), &email).is_empty());
        let done = store.erase(&["J"], &id(&native), Instant(3 * DAY)).unwrap();
        assert_eq!((done.changes, done.operations), (2, 2));
        for needle in [&native, &name, &email] {
            // While it is open, log and shared memory included.
            assert_eq!(files_with(folder.path(), needle), Vec::<String>::new(), "{needle}");
        }
        let chain = store.audit_chain().unwrap();
        assert_eq!(chain.breaks, Vec::<String>::new());
        assert!(chain.erased >= 3, "{chain:?}");
        assert!(store.people(None, &email).unwrap().is_empty());
        let runs = store.past_runs(&RunFilter::default()).unwrap();
        let changes = store.past_changes(&runs[1].id).unwrap();
        assert_eq!((&*changes[0].key, &*changes[0].outcome), (ERASED, "applied"));
        assert_eq!(changes[1].text("name"), Some("Anna Zebra2"), "the neighbour stays");
        assert_eq!(changes[1].text("reason"), Some("the name `(erased)` of (erased) is taken"));
        // The run can still be read as it was begun: a later undo must not stumble.
        assert_eq!(store.stored(&runs[1].id).await.unwrap().unwrap().changes.len(), 2);
        let held = store.held("O", Instant(0)).await.unwrap();
        assert_eq!(
            held.iter().map(|one| (&*one.value, one.is_name, &*one.id.native)).collect::<Vec<_>>(),
            [("2001", false, "")]
        );
    }
    assert_eq!(files_with(folder.path(), &email), Vec::<String>::new());
}

#[tokio::test]
async fn a_chain_that_was_tampered_with_is_found_out() {
    let tamper: [(&str, &str); 11] = [
        ("UPDATE audit SET at = at + 1 WHERE seq = 2", "entry 2: it was changed"),
        ("DELETE FROM audit_leaf WHERE entry = 2; DELETE FROM audit WHERE seq = 2", "entry 2: missing"),
        ("DELETE FROM audit_leaf WHERE entry = 4; DELETE FROM audit WHERE seq = 4", "its tail was cut off"),
        ("DELETE FROM audit_leaf WHERE entry = 4", "entry 4: its records are missing"),
        (
            "UPDATE audit_leaf SET salt = NULL WHERE entry = 4 AND what = 'end'",
            "no entry says that it was erased",
        ),
        ("DELETE FROM audit_head", "the head is missing"),
        ("UPDATE audit_head SET mac = zeroblob(32)", "the head is not this state's own"),
        ("UPDATE run SET exit = 3 WHERE started = 172800000", "entry 4: its end was changed afterwards"),
        ("UPDATE run SET document = '{}' WHERE started = 172800000", "entry 4: its document was changed"),
        ("UPDATE change SET outcome = 'failed'", "its change 0 was changed afterwards"),
        ("DELETE FROM change", "its change 0 is missing"),
    ];
    for (sql, expect) in tamper {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        run(&store, "J", DAY, vec![change(1, Action::Create)]).await;
        run(&store, "J", 2 * DAY, vec![change(2, Action::Create)]).await;
        let whole = store.audit_chain().unwrap();
        assert_eq!((whole.entries, whole.breaks.len()), (5, 0), "{whole:?}");
        raw(folder.path()).execute_batch(&format!("PRAGMA foreign_keys = OFF; {sql}")).unwrap();
        let broken = store.audit_chain().unwrap();
        assert!(broken.breaks.iter().any(|why| why.contains(expect)), "{sql}: {:?}", broken.breaks);
        let found = rollcall_state::examine(folder.path(), Instant(5 * DAY));
        assert!(
            found.iter().any(|one| one.subject == "audit" && one.state == FindingState::Failed),
            "{found:?}"
        );
    }
}

#[tokio::test]
async fn old_runs_are_forgotten_and_the_chain_keeps_their_entries() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let old = run(&store, "J", DAY, vec![change(1, Action::Create)]).await;
    let last_of_k = run(&store, "K", DAY, vec![change(3, Action::Create)]).await;
    let young = run(&store, "J", 100 * DAY, vec![change(2, Action::Create)]).await;
    assert_eq!(store.prune(None, Instant(181 * DAY)).unwrap(), 0, "180 days are kept");
    assert_eq!(store.prune(None, Instant(182 * DAY)).unwrap(), 1);
    assert_eq!(store.prune(None, Instant(182 * DAY)).unwrap(), 0, "nothing is left to forget");
    let left: Vec<String> =
        store.past_runs(&RunFilter::default()).unwrap().iter().map(|run| run.id.to_string()).collect();
    assert_eq!(left, [young, last_of_k], "a job's latest run stays, whatever its age");
    assert!(store.runs_beginning(&old).unwrap().is_empty());
    assert!(store.operations(&old).await.unwrap().is_empty());
    let chain = store.audit_chain().unwrap();
    assert_eq!((chain.entries, chain.breaks), (8, Vec::new()));
    assert_eq!(store.links("J").await.unwrap().len(), 2, "links are no history");
}

#[tokio::test]
async fn a_job_takes_its_links_and_runs_to_its_new_name() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    run(&store, "J", DAY, vec![change(1, Action::Create)]).await;
    run(&store, "K", DAY, vec![change(2, Action::Create)]).await;
    drop(store.mirror("J", "run").unwrap());
    assert!(store.rename_job("J", "K", Instant(2 * DAY)).is_err(), "two jobs are never mixed");
    assert!(store.rename_job("none", "N", Instant(2 * DAY)).is_err());
    assert_eq!(store.rename_job("J", "N", Instant(2 * DAY)).unwrap(), 1);
    assert!(store.links("J").await.unwrap().is_empty());
    assert_eq!(store.links("N").await.unwrap(), [link(1)], "codes open under the new name");
    for name in ["J", "N"] {
        let runs = store.past_runs(&RunFilter { job: Some(name), ..RunFilter::default() }).unwrap();
        assert_eq!((&*runs[0].job, runs[0].named.as_deref()), ("N", Some("J")), "found by {name}");
    }
    assert_eq!(store.audit_chain().unwrap().breaks, Vec::<String>::new());
    let mirrors = || -> Vec<_> {
        let all =
            std::fs::read_dir(folder.path().join("mirrors")).unwrap().map(|entry| entry.unwrap().path());
        all.filter(|path| path.extension().is_some_and(|end| end == "db")).collect()
    };
    let moved = mirrors();
    drop(store.mirror("N", "run").unwrap());
    assert_eq!((moved.len(), mirrors()), (1, moved.clone()), "the mirror came along");
}

#[tokio::test]
async fn a_run_that_failed_is_told_with_its_reason() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let plan = Plan { changes: vec![change(1, Action::Create)], ..Plan::default() };
    let lease = store.lease("J", "O", 0).await.unwrap();
    let accept = BTreeMap::new();
    let new = NewRun {
        job: "J",
        office: "O",
        file: "job.toml",
        started: Instant(DAY),
        kind: "sync",
        document: "{}",
        plan: &plan,
        accept: &accept,
        known: &[1],
        generation: lease.generation(),
        kept: None,
    };
    let run = store.begin(&new).await.unwrap();
    let state = async || store.runs_beginning(&run).unwrap().remove(0).state;
    assert!(matches!(state().await, RunState::Running(_)));
    drop(lease);
    assert_eq!(state().await, RunState::Resumable);
    let found = rollcall_state::examine(folder.path(), Instant(2 * DAY));
    assert!(
        found.iter().any(|one| one.subject == "run" && one.message.contains("was interrupted")),
        "{found:?}"
    );
    let why = Diagnostic::error(codes::OFFICE_REFUSED, "no licence is left");
    store.finish(&run, Instant(DAY + 1), 3, "{}", &[Outcome::Failed(why)]).await.unwrap();
    assert_eq!(state().await, RunState::Ended);
    assert_eq!(store.past_changes(&run).unwrap()[0].why.as_deref(), Some("no licence is left"));
    assert_eq!(store.audit_chain().unwrap().breaks, Vec::<String>::new());
}

#[tokio::test]
async fn doctor_tells_what_is_wrong_with_the_files() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    let failed = async |now: i64| -> Vec<String> {
        let found = rollcall_state::examine(&state, Instant(now));
        let bad = found.iter().filter(|one| one.state == FindingState::Failed);
        bad.map(|one| format!("{}: {}", one.subject, one.message)).collect()
    };
    assert!(failed(0).await.is_empty(), "there is nothing yet");
    let store = Store::open(&state).unwrap();
    run(&store, "J", DAY, vec![change(1, Action::Create)]).await;
    drop(store);
    assert_eq!(failed(2 * DAY).await, Vec::<String>::new());
    assert!(failed(0).await[0].starts_with("clock: it stands"));
    std::fs::set_permissions(state.join("state.db"), std::fs::Permissions::from_mode(0o644)).unwrap();
    assert!(failed(2 * DAY).await[0].starts_with("permissions: others may read"));
    std::fs::set_permissions(state.join("state.db"), std::fs::Permissions::from_mode(0o600)).unwrap();
    let key = std::fs::read(state.join("key")).unwrap();
    std::fs::write(state.join("key"), [7u8; 32]).unwrap();
    let wrong = failed(2 * DAY).await;
    assert!(wrong.iter().any(|one| one.starts_with("key: ")), "{wrong:?}");
    assert!(wrong.iter().any(|one| one.contains("the head is not this state's own")), "{wrong:?}");
    std::fs::write(state.join("key"), key).unwrap();
    let mut bytes = std::fs::read(state.join("state.db")).unwrap();
    let len = bytes.len();
    bytes[len / 2..].fill(0x5a);
    std::fs::write(state.join("state.db"), bytes).unwrap();
    let broken = failed(2 * DAY).await;
    assert!(broken.iter().any(|one| one.starts_with("database: ")), "{broken:?}");
}

#[tokio::test]
async fn what_is_not_settled_is_found_without_a_look_at_the_whole_history() {
    let folder = tempfile::tempdir().unwrap();
    drop(Store::open(folder.path()).unwrap());
    let state = raw(folder.path());
    let by_run = "sent IS NOT NULL AND (settled IS NULL OR settled = 'unknown')";
    for query in [
        format!("SELECT id FROM run WHERE EXISTS (SELECT 1 FROM op WHERE op.run = run.id AND {by_run})"),
        format!("SELECT 1 FROM op JOIN run ON run.id = op.run WHERE run.office = 'O' AND {by_run}"),
    ] {
        let mut plan = state.prepare(&format!("EXPLAIN QUERY PLAN {query}")).unwrap();
        let steps: Vec<String> = plan.query_map([], |row| row.get(3)).unwrap().map(Result::unwrap).collect();
        assert!(steps.iter().any(|step| step.contains("op_unsure")), "{query}: {steps:?}");
    }
}
