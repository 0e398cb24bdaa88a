//! Several calls under way at once, and what goes wrong among them.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may panic")]

mod common;

use common::{Fault, MANY, World, pair};
use rollcall_edges::state::{Settled, State as _};
use rollcall_engine::{Class, Report};

const ROWS: [(&str, &str, &str); 4] =
    [("1", "Anna", "2001"), ("2", "Bert", "2002"), ("3", "Cleo", "2003"), ("4", "Dora", "2004")];

async fn world() -> World {
    let mut world = World::new().await;
    world.office.at_once = MANY;
    world
}

/// How the operations of a run stand: settled as what, and whether they are marked as sent.
async fn journal(world: &World, report: &Report) -> Vec<(&'static str, bool)> {
    let run = report.run.clone().unwrap();
    let ops = world.store.operations(&run).await.unwrap();
    let word = |settled: &Option<Settled>| match settled {
        None => "open",
        Some(Settled::Applied) => "applied",
        Some(Settled::Failed(_)) => "failed",
        Some(Settled::Unknown(_)) => "unknown",
    };
    ops.iter().map(|op| (word(&op.settled), op.sent.is_some())).collect()
}

/// The next run finds everything in order, or puts it so.
async fn mended(world: &World) {
    let report = world.sync(&ROWS, None).await;
    assert_eq!(report.failed(), 0, "{:?}", report.outcomes);
    assert_eq!(world.standing(), ROWS.map(|(_, name, number)| pair(name, number)));
    assert_eq!(world.store.links("Test").await.unwrap().len(), ROWS.len());
    assert_eq!(world.office.inner.writes().len(), ROWS.len(), "nobody is made twice");
    assert!(world.sync(&ROWS, None).await.plan.changes.is_empty());
}

#[tokio::test]
async fn one_that_is_refused_concerns_no_other() {
    for at in 0..ROWS.len() {
        let world = world().await;
        let report = world.sync(&ROWS, Some((at, Fault::Refused))).await;
        assert_eq!((report.applied(), report.failed()), (3, 1));
        mended(&world).await;
    }
}

#[tokio::test]
async fn an_answer_that_is_lost_is_looked_for_and_those_behind_it_are_sent_then() {
    for at in 0..ROWS.len() {
        let world = world().await;
        let report = world.sync(&ROWS, Some((at, Fault::LostAnswer))).await;
        assert_eq!((report.applied(), report.failed()), (4, 0), "lost at {at}");
        assert_eq!(journal(&world, &report).await, [("applied", true); 4]);
        mended(&world).await;
    }
}

#[tokio::test]
async fn what_was_not_sent_is_not_marked_as_sent() {
    for at in 0..ROWS.len() {
        let world = world().await;
        let report = world.sync(&ROWS, Some((at, Fault::Unreachable))).await;
        assert_eq!(report.stopped.as_ref().map(|(class, _)| *class), Some(Class::Office));
        assert_eq!((report.applied(), report.failed()), (at, 1));
        let expected = (0..ROWS.len()).map(|place| match place.cmp(&at) {
            std::cmp::Ordering::Less => ("applied", true),
            std::cmp::Ordering::Equal => ("failed", true),
            std::cmp::Ordering::Greater => ("open", false),
        });
        assert_eq!(journal(&world, &report).await, expected.collect::<Vec<_>>());
        mended(&world).await;
    }
}

#[tokio::test]
async fn a_signal_lets_the_calls_in_flight_be_settled() {
    let world = world().await;
    let report = world.sync(&ROWS, Some((1, Fault::Signal))).await;
    assert_eq!(journal(&world, &report).await, [("applied", true); 4]);
    assert_eq!(report.applied(), 4);
    mended(&world).await;
}

#[tokio::test]
async fn a_kill_in_the_middle_loses_nothing_and_doubles_nothing() {
    for at in 0..ROWS.len() {
        for fault in [Fault::KilledBefore, Fault::KilledAfter] {
            let world = world().await;
            assert!(world.killed(&ROWS, at, fault).await);
            mended(&world).await;
        }
    }
}
