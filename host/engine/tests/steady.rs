//! A run that comes from the same as one that had nothing to do maps nobody, one after changes only those whom they concern;
//! whatever has changed is noticed.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may panic")]

mod common;

use std::sync::atomic::Ordering;

use common::{World, changed_world, people};
use rollcall_core::phone::{Group, System};
use rollcall_core::plan::Action;
use rollcall_core::{Field, Value};
use rollcall_engine::Report;

const ROWS: [(&str, &str, &str); 3] = [("1", "Anna", "2001"), ("2", "Bert", "2002"), ("3", "Cleo", "2003")];

/// Syncs, and tells how many records were mapped for it.
async fn counted(world: &World, rows: &[(&str, &str, &str)]) -> (Report, usize) {
    let before = world.mapped.load(Ordering::Relaxed);
    let report = world.sync(rows, None).await;
    (report, world.mapped.load(Ordering::Relaxed) - before)
}

/// A world whose last run had nothing to do and is known to.
async fn steady() -> World {
    let world = World::new().await;
    assert_eq!(counted(&world, &ROWS).await.0.applied(), 3);
    assert_eq!(counted(&world, &ROWS).await.1, 3, "the first run after changes makes sure");
    let (report, mapped) = counted(&world, &ROWS).await;
    assert_eq!((mapped, report.plan.unchanged_users(), report.plan.reading.total()), (0, 3, 3));
    assert!(!report.plan.applyable && report.refusals.is_empty());
    world
}

#[tokio::test]
async fn nothing_is_mapped_where_nothing_has_changed() {
    let world = steady().await;
    // The order of the rows is no change, and a reading that breaks off is none either.
    let turned = [ROWS[2], ROWS[0], ROWS[1]];
    assert_eq!(counted(&world, &turned).await.1, 0);
    world.run(people(&ROWS[..1], false), None).await.unwrap_err();
    assert_eq!(counted(&world, &ROWS).await.1, 0);
}

#[tokio::test]
async fn whatever_changes_is_noticed() {
    let world = steady().await;
    let renamed = [ROWS[0], ROWS[1], ("3", "Cleopatra", "2003")];
    let (report, mapped) = counted(&world, &renamed).await;
    assert_eq!((report.applied(), mapped), (1, 1));
    // She was written to, so the next run makes sure of her.
    assert_eq!(counted(&world, &renamed).await.1, 1);
    assert_eq!(counted(&world, &renamed).await.1, 0);

    let world = steady().await;
    world.office.inner.edit(|standing| {
        let anna = standing.users.values_mut().find(|user| user.name() == "Anna").unwrap();
        anna.fields.insert(Field::Name, Value::from("Anne"));
        anna.fingerprint = [9; 16];
    });
    let (report, mapped) = counted(&world, &ROWS).await;
    assert_eq!((report.applied(), mapped), (1, 1), "written back");

    let world = steady().await;
    let (report, _) = counted(&world, &ROWS[..2]).await;
    assert_eq!((report.plan.missing.len(), report.plan.pending.len()), (1, 1));
    // While a clock runs, time alone changes the plan.
    let (report, mapped) = counted(&world, &ROWS[..2]).await;
    assert_eq!((report.plan.count(Action::Delete), report.plan.unchanged_users(), mapped), (1, 2, 0));

    let world = steady().await;
    let (report, mapped) = counted(&world, &[ROWS[0], ROWS[1], ROWS[2], ("4", "Dora", "2004")]).await;
    assert_eq!((report.applied(), mapped), (1, 1));
}

#[tokio::test]
async fn whoever_is_concerned_by_others_is_mapped_with_them() {
    let world = steady().await;
    let (report, mapped) = counted(&world, &[ROWS[0], ROWS[1], ROWS[2], ("4", "Anna", "2002")]).await;
    let skips: Vec<_> = report.plan.changes.iter().map(|change| (change.action, &*change.key)).collect();
    assert_eq!((skips, mapped), (vec![(Action::Skip, "4")], 1), "{:?}", report.plan.diagnostics);
    // A skip is no peace: it is said again each time, of whom it is.
    let (report, mapped) = counted(&world, &[ROWS[0], ROWS[1], ROWS[2], ("4", "Anna", "2002")]).await;
    assert_eq!((report.plan.changes.len(), report.plan.unchanged_users(), mapped), (1, 3, 1));
}

/// What somebody does between two runs.
type Edit = fn(&mut World);

#[tokio::test]
async fn whatever_decides_for_everybody_has_everybody_mapped() {
    let group = |world: &mut World| {
        let group = Group { name: "Sales".into(), extension: None, system: "Primary".into() };
        world.office.inner.edit(|standing| standing.groups.push(group));
    };
    let system = |world: &mut World| {
        let system = System { name: "London".into(), ..System::default() };
        world.office.inner.edit(|standing| standing.systems.push(system));
    };
    let edits: [(&str, Edit); 5] = [
        ("a group", group),
        ("a system", system),
        ("what the phone system takes", |world| world.office.without = Some(Field::Email)),
        ("the job's text", |world| world.reword(&common::JOB.replace("\"number\"", " \"number\""))),
        ("a lost mirror, which is a cache", |world| std::fs::remove_file(world.mirror()).unwrap()),
    ];
    for (what, edit) in edits {
        let mut world = steady().await;
        edit(&mut world);
        assert_eq!(counted(&world, &ROWS).await.1, 3, "{what}");
        // It is looked at once; what the edit itself changed is new to the run after it at most.
        let _ = counted(&world, &ROWS).await;
        assert_eq!(counted(&world, &ROWS).await.1, 0, "{what}");
    }
}

#[tokio::test]
async fn a_mark_is_of_contents_and_not_of_a_time() {
    let world = steady().await;
    let before = std::fs::read(world.mirror()).unwrap();
    let renamed = [ROWS[0], ROWS[1], ("3", "Cleopatra", "2003")];
    assert_eq!(counted(&world, &renamed).await.0.applied(), 1);
    // A mirror from before the change: Cleo has another mark by now, and what the others have is still true.
    std::fs::write(world.mirror(), before).unwrap();
    let (report, mapped) = counted(&world, &renamed).await;
    assert_eq!((report.plan.unchanged_users(), mapped), (3, 1));
    // A leaver who is back: her clock is in the link.
    let _ = counted(&world, &renamed[..2]).await;
    assert_eq!(counted(&world, &renamed).await.1, 1);
}

#[tokio::test]
async fn everybody_is_mapped_at_least_as_often_as_everything_is_read() {
    let mut world = steady().await;
    world.now += 23 * 3_600_000;
    let day = [ROWS[0], ROWS[1], ("3", "Cleopatra", "2003")];
    assert_eq!(counted(&world, &day).await.1, 1);
    world.now += 3_600_000;
    let night = [ROWS[0], ROWS[1], ("3", "Clio", "2003")];
    assert_eq!(counted(&world, &night).await.1, 3);
    assert_eq!(counted(&world, &night).await.1, 1);
}

#[tokio::test]
async fn a_run_that_was_interrupted_leaves_no_short_way() {
    let world = changed_world().await;
    let _ = world.sync(&common::AFTER, Some((1, common::Fault::Refused))).await;
    let (report, mapped) = counted(&world, &common::AFTER).await;
    assert!(mapped > 0 && report.failed() == 0);
}
