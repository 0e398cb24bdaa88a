//! Whole runs over the in-memory twin of a phone system that fails on demand, with a real state.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may panic")]

mod common;

use common::{AFTER, Fault, World, changed_world, expected, pair, people};
use rollcall_core::phone::PhoneUser;
use rollcall_core::plan::Action;
use rollcall_core::{Field, Value, codes};
use rollcall_edges::state::{Settled, State as _};
use rollcall_engine::Class;

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
