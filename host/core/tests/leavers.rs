//! Leavers, and what they and movers free.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may panic")]

mod common;

use common::{World, person, policy, shown};
use rollcall_core::plan::Action;
use rollcall_core::{Diagnostic, RecordId, codes};

#[test]
fn nothing_is_deleted_while_deletes_are_held() {
    let mut world = World::new();
    world.sync(&[person("1", &[("name", "Anna")])], &policy());
    let rest = [person("2", &[("name", "Bert")])];
    world.let_grace_pass(&rest);
    let held = Diagnostic::note(codes::SCOPE_CHANGED, "scope changed");
    world.memory.deletes_held = Some(held.clone());
    let plan = world.plan(&rest, &policy());
    assert_eq!((plan.count(Action::Delete), plan.pending.len()), (0, 1));
    assert_eq!(plan.pending[0].why, "left the directory; scope changed");
    assert!(plan.diagnostics.contains(&held));
    let everybody = [person("1", &[("name", "Anna")]), person("2", &[("name", "Bert")])];
    assert!(!world.plan(&everybody, &policy()).diagnostics.contains(&held), "nobody is concerned");
}

#[test]
fn a_protected_user_is_not_taken_back_by_an_undo() {
    let mut world = World::new();
    let run = world.sync(&[person("o", &[("name", "Ops desk")])], &policy());
    let back = world.undo(&run, &policy());
    assert_eq!((back.changes[0].action, back.applyable, back.errored), (Action::Skip, false, false));
    assert!(back.changes[0].reason.contains("protect"), "{}", back.changes[0].reason);
}

/// Puts what somebody freed into quarantine, as a run leaves it there.
fn hold(world: &mut World, native: &str, name: &str, number: &str) {
    let id = RecordId { directory: "test".into(), native: native.into() };
    world.memory.held_names.insert(name.to_lowercase().into(), id.clone());
    world.memory.held_numbers.insert(number.into(), id.clone());
    world.memory.former_numbers.insert(id, number.into());
}

#[test]
fn a_freed_name_and_number_wait_for_their_former_owner() {
    let mut world = World::new();
    hold(&mut world, "1", "A Berg", "2003");
    let joiner = [person("2", &[("name", "A Berg|Spare"), ("range", "2003-2009")])];
    assert_eq!(shown(&world.plan(&joiner, &policy())), ["create 2 Spare 2004 [name extension]"]);
    let given = [person("2", &[("name", "Spare"), ("extension", "2003")])];
    assert_eq!(
        shown(&world.plan(&given, &policy())),
        ["create 2 Spare 2003 [name extension]"],
        "the directory may give a number at once"
    );
    let back = [person("1", &[("name", "Anna Berg|A Berg"), ("range", "2000-2009")])];
    assert_eq!(shown(&world.plan(&back, &policy())), ["create 1 A Berg 2003 [name extension]"]);
    world.by_hand("a berg", "2003");
    assert_eq!(
        shown(&world.plan(&back, &policy())),
        ["create 1 Anna Berg 2000 [name extension]"],
        "only where they are free"
    );
}

#[test]
fn many_joiners_step_over_held_numbers_and_the_last_one_comes_back() {
    let mut world = World::new();
    hold(&mut world, "z", "Zoe", "2001");
    let people: Vec<_> = ["a", "b", "c", "z"]
        .iter()
        .map(|key| person(key, &[("name", &format!("User {key}")), ("range", "2000-2009")]))
        .collect();
    let plan = world.plan(&people, &policy());
    let numbers: Vec<_> = plan.changes.iter().filter_map(|change| change.extension.as_deref()).collect();
    assert_eq!(numbers, ["2000", "2002", "2003", "2001"]);
}

#[test]
fn a_name_that_somebody_gives_up_goes_to_no_new_user_in_the_same_plan() {
    let mut world = World::new();
    world.sync(&[person("1", &[("name", "Anna")]), person("2", &[("name", "Bert")])], &policy());
    let people = [
        person("1", &[("name", "Anna B")]),
        person("2", &[("name", "Bert")]),
        person("3", &[("name", "Anna")]),
    ];
    let plan = world.plan(&people, &policy());
    assert_eq!(shown(&plan), ["update 1 Anna B - [name]", "skip 3 Anna - [E0404]"]);
    assert!(plan.changes[1].reason.contains("quarantine"), "{}", plan.changes[1].reason);
    // Whoever is owned already may have it: both stay, and the directory says so of both.
    let people = [person("1", &[("name", "Anna B")]), person("2", &[("name", "Anna")])];
    assert_eq!(
        shown(&world.plan(&people, &policy())),
        ["update 1 Anna B - [name]", "update 2 Anna - [name]"]
    );
}

#[test]
fn a_grace_that_was_ended_by_name_is_said_to_be_so() {
    let mut world = World::new();
    world.sync(&[person("1", &[("name", "Anna")])], &policy());
    let rest = [person("2", &[("name", "Bert")])];
    world.let_grace_pass(&rest);
    world.memory.delete_now = world.memory.due.first().cloned();
    let plan = world.plan(&rest, &policy());
    assert!(plan.changes[1].reason.contains("--delete-now"), "{}", plan.changes[1].reason);
}
