//! Runs that came to no plan: they are listed, and count for nothing else.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may panic")]

use std::collections::BTreeMap;

use rollcall_core::plan::Plan;
use rollcall_edges::clock::Instant;
use rollcall_edges::state::{NewRun, State as _};
use rollcall_state::{Planless, RunFilter, RunState, Store};

const DAY: i64 = 24 * 60 * 60 * 1000;

/// Begins a run with an empty plan, and ends it where a code is given.
async fn begin(store: &Store, job: &str, at: i64, exit: Option<i32>) -> String {
    let lease = store.lease(job, "O", 0).await.unwrap();
    let new = NewRun {
        job,
        office: "O",
        file: "/jobs/job.toml",
        started: Instant(at),
        kind: "sync",
        document: "{}",
        plan: &Plan::default(),
        accept: &BTreeMap::new(),
        known: &[1],
        generation: lease.generation(),
        kept: None,
    };
    let run = store.begin(&new).await.unwrap().to_string();
    if let Some(exit) = exit {
        store.finish(&run, Instant(at + 1), exit, "{}", &[]).await.unwrap();
    }
    run
}

async fn failed(store: &Store, job: &str, at: i64, exit: u8) -> String {
    let run = Planless {
        job,
        file: "/jobs/job.toml",
        kind: "sync",
        started: Instant(at),
        ended: Instant(at + 1),
        exit,
        document: "{\"summary\":{\"applied\":0}}",
    };
    store.note_planless(&run).unwrap().to_string()
}

async fn listed(store: &Store) -> Vec<String> {
    let runs = store.past_runs(&RunFilter::default()).unwrap();
    runs.iter().map(|run| run.id.to_string()).collect()
}

#[tokio::test]
async fn they_are_listed_and_make_no_run_older() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let open = begin(&store, "J", DAY, None).await;
    let night = failed(&store, "J", 2 * DAY, 14).await;
    assert_eq!(listed(&store).await, [night.clone(), open.clone()]);
    let runs = store.past_runs(&RunFilter { exit: Some(14), ..RunFilter::default() }).unwrap();
    assert_eq!((runs.len(), &runs[0].state, &*runs[0].kind), (1, &RunState::Ended, "sync"));
    assert_eq!(store.document(&night).unwrap(), "{\"summary\":{\"applied\":0}}");
    // The open one is still the latest that has a plan, and the only one that anybody has to look after.
    assert!(!store.stored(&open).await.unwrap().unwrap().superseded);
    assert_eq!(store.runs_beginning(&open).unwrap()[0].state, RunState::Resumable);
    assert_eq!(store.interrupted("O").await.unwrap(), [open.as_str().into()]);
    let stored = store.stored(&night).await.unwrap().unwrap();
    assert!(stored.office.is_empty() && stored.changes.is_empty() && stored.order.is_empty());
    assert_eq!(store.job("J").await.unwrap(), rollcall_edges::state::JobState::default());
    let chain = store.audit_chain().unwrap();
    assert_eq!((chain.entries, chain.breaks), (4, Vec::new()));
}

#[tokio::test]
async fn they_are_forgotten_with_age_and_keep_no_other_from_staying() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let last = begin(&store, "J", DAY, Some(0)).await;
    for night in 2..6 {
        failed(&store, "J", night * DAY, 13).await;
    }
    // Half a year of nights later: each forgets what is too old, and the latest with a plan stays.
    let late = failed(&store, "J", 400 * DAY, 13).await;
    assert_eq!(listed(&store).await, [late, last]);
    assert!(store.audit_chain().unwrap().breaks.is_empty());
}

#[tokio::test]
async fn a_job_may_take_a_name_under_which_nothing_passed() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    begin(&store, "Old", DAY, Some(0)).await;
    failed(&store, "New", 2 * DAY, 13).await;
    begin(&store, "New", 3 * DAY, Some(5)).await;
    assert_eq!(store.same_job("New", "/jobs/job.toml").await.unwrap().as_deref(), Some("Old"));
    assert_eq!(store.same_job("New", "/jobs/other.toml").await.unwrap(), None);
    store.rename_job("Old", "New", Instant(4 * DAY)).unwrap();
    assert_eq!(store.same_job("Old", "/jobs/other.toml").await.unwrap().as_deref(), Some("New"));
    begin(&store, "Other", 5 * DAY, Some(0)).await;
    assert!(store.rename_job("New", "Other", Instant(6 * DAY)).is_err(), "that one has passed");
    assert!(store.audit_chain().unwrap().breaks.is_empty());
}
