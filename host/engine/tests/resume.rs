//! Runs that were interrupted and go on with their own plan.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may panic")]

mod common;

use common::{AFTER, BEFORE, Fault, World, changed_world, expected, people};
use rollcall_edges::state::State as _;
use rollcall_engine::Class;

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
async fn a_resumed_run_deletes_nobody_who_has_returned() {
    for (returns, deleted) in [(false, 1), (true, 0)] {
        let world = World::new().await;
        let rows = [("1", "Anna", "2001"), ("2", "Bert", "2002")];
        world.sync(&rows, None).await;
        world.sync(&rows[..1], None).await;
        assert!(world.killed(&rows[..1], 0, Fault::KilledBefore).await);
        if returns {
            // A run reads the directory, and somebody says no to its plan.
            let rows = [rows[0], rows[1], ("3", "Cleo", "2003")];
            assert!(world.asked(people(&rows, true), None, false).await.unwrap().is_none());
        }
        let resumed = world.resume().await;
        assert_eq!(world.standing().len(), 2 - deleted);
        match resumed {
            Ok(report) => assert_eq!((report.applied(), returns), (1, false)),
            Err(error) => assert_eq!((error.class(), returns), (Class::Stale, true), "{error}"),
        }
    }
}

#[tokio::test]
async fn a_plan_older_than_a_day_is_not_resumed() {
    let day = 24 * 3_600_000;
    let world = changed_world().await;
    assert!(world.killed(&AFTER, 1, Fault::KilledBefore).await);
    let error = world.resume_at(1_000 + day + 1).await.unwrap_err();
    assert_eq!(error.class(), Class::Stale);
    assert_eq!(world.resume_at(1_000 + day).await.unwrap().failed(), 0);
}

#[tokio::test]
async fn a_run_that_a_later_one_has_overtaken_is_not_resumed() {
    let world = changed_world().await;
    assert!(world.killed(&AFTER, 1, Fault::KilledBefore).await);
    let first = world.store.runs(None, 1).await.unwrap().remove(0).id;
    world.sync(&BEFORE, None).await;
    assert!(world.store.stored(&first).await.unwrap().unwrap().superseded);
}
