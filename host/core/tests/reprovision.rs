//! A move: a delete and a create of the same person in one plan, and whatever keeps it from being planned.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may panic")]

mod common;

use std::collections::BTreeSet;

use common::{Rows, World, person, policy, shown};
use rollcall_core::map::map;
use rollcall_core::phone::{ExtensionTemplate, Group, System, UserTemplate};
use rollcall_core::plan::{Action, Plan, Reading};
use rollcall_core::reprovision::{Mover, reprovision};
use rollcall_core::{Field, Record, Text, Value, codes};

fn world() -> World {
    let mut world = World::new();
    world.quarantine = true;
    world.standing.systems.push(System { name: "Leeds".into(), ..System::default() });
    for name in ["Desk", "Field"] {
        let template = UserTemplate { name: name.into(), ..UserTemplate::default() };
        world.standing.user_templates.insert(name.into(), template);
    }
    let phone = ExtensionTemplate { name: "J179".into(), ..ExtensionTemplate::default() };
    world.standing.extension_templates.insert("J179".into(), phone);
    world
}

fn anna(more: &[(&str, &str)]) -> Record {
    let plain = [
        ("name", "Anna|Anna 2"),
        ("full_name", "Anna Berg"),
        ("range", "2000-2009"),
        ("group_membership", "Sales"),
        ("login_code", "4711"),
        ("template", "Desk"),
    ];
    let kept = plain.iter().filter(|(name, _)| !more.iter().any(|(other, _)| other == name));
    person("a", &kept.chain(more).copied().collect::<Vec<_>>())
}

fn plan(world: &World, person: &Record, promised: &[&str]) -> Plan {
    let link = &world.memory.links[&person.id];
    let mover = Mover {
        mapped: map(person, &Rows, &policy(), false),
        link,
        phone: &world.standing.users[&link.guid],
        promised: promised.iter().map(|number| Text::from(*number)).collect::<BTreeSet<_>>(),
    };
    let reading = Reading { complete: true, users: [("test".into(), 1)].into() };
    reprovision(mover, reading, &world.standing, &world.memory, &Rows, &policy())
}

fn messages(plan: &Plan) -> String {
    plan.diagnostics.iter().map(|found| found.message.as_str()).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_user_moves_with_everything_that_can_move() {
    let mut world = world();
    world.sync(&[anna(&[])], &policy());
    // By hand: a third group, an address, and a code that nobody mapped.
    world.standing.groups.push(Group { name: "Choir".into(), extension: None, system: "Leeds".into() });
    let guid = world.user("Anna").guid.clone();
    let fields = &mut world.standing.users.get_mut(&guid).unwrap().fields;
    let groups = Value::list_of(["Sales", "Choir"].map(Text::from)).unwrap();
    fields.insert(Field::GroupMembership, groups);
    fields.insert(Field::MobileTwinningNumber, Value::from("+441234567890"));
    let moved = anna(&[("home", "Leeds"), ("template", "Field"), ("phone", "J179"), ("login_code", "1379")]);
    let plan = plan(&world, &moved, &[]);
    assert_eq!(plan.changes.iter().map(|c| c.action).collect::<Vec<_>>(), [Action::Create, Action::Delete]);
    assert_eq!(
        plan.changes[0].reason,
        "moves: system Primary -> Leeds; user template Desk -> Field; extension template (none) -> J179"
    );
    assert!(messages(&plan).contains("voicemail messages"), "{}", messages(&plan));
    world.apply(&plan);
    let user = world.user("Anna");
    assert_ne!(user.guid, guid);
    assert_eq!((&*user.system, user.user_template.as_deref()), ("Leeds", Some("Field")));
    // The number is kept, because the rule's range allows it; the code is as mapped now.
    assert_eq!(user.extension(), Some("2000"));
    assert_eq!(user.fields[&Field::LoginCode], Value::Secret(rollcall_core::Secret::new("1379")));
    assert_eq!(user.fields[&Field::GroupMembership].list(), ["Choir".into(), "Sales".into()]);
    assert_eq!(user.fields[&Field::MobileTwinningNumber], Value::from("+441234567890"));
    assert_eq!(world.standing.extension("2000").unwrap().template.as_deref(), Some("J179"));
    // What was set by hand is still nobody's: the next sync changes nothing.
    assert!(!world.plan(&[moved], &policy()).applyable);
}

#[test]
fn a_number_outside_the_new_range_is_given_up() {
    let mut world = world();
    world.sync(&[anna(&[])], &policy());
    let moved = anna(&[("range", "3000-3009")]);
    let promised = plan(&world, &moved, &["3000"]);
    assert_eq!(promised.changes[0].extension.as_deref(), Some("3001"), "{:?}", shown(&promised));
    assert!(messages(&promised).contains("from 2000 to 3001; 2000 goes into quarantine"));
    world.apply(&promised);
    assert_eq!(world.user("Anna").extension(), Some("3001"));
    assert!(world.standing.extension("2000").is_none());
    assert_eq!(world.memory.held_numbers.get("2000"), Some(&moved.id));
}

#[test]
fn a_name_is_kept_although_a_better_one_is_free() {
    let mut world = world();
    let other = world.by_hand("Anna", "");
    world.sync(&[anna(&[])], &policy());
    world.standing.users.remove(&other);
    let plan = plan(&world, &anna(&[("home", "Leeds")]), &[]);
    assert_eq!(plan.changes[0].name.as_deref(), Some("Anna 2"));
}

#[test]
fn nothing_to_move_is_no_change() {
    let mut world = world();
    world.sync(&[anna(&[])], &policy());
    let plan = plan(&world, &anna(&[("full_name", "Anna Carr")]), &[]);
    assert!(plan.changes.is_empty() && !plan.applyable);
    assert_eq!(plan.diagnostics[0].code, codes::NOTHING_TO_MOVE);
}

#[test]
fn a_move_that_cannot_end_well_does_not_begin() {
    let mut world = world();
    world.sync(&[anna(&[("name", "Ops Anna")])], &policy());
    let check = |person: Record, code: &str| {
        let plan = plan(&world, &person, &[]);
        assert_eq!(
            (plan.changes.len(), plan.applyable, plan.errored),
            (1, false, true),
            "{:?}",
            shown(&plan)
        );
        assert_eq!(plan.changes[0].why[0].code.0, code);
    };
    // Protected users are not deleted, whoever asks.
    check(anna(&[("home", "Leeds")]), "E0420");
    let mut world = world_of_anna();
    let plan = |world: &World, person: Record| plan(world, &person, &[]).changes[0].why[0].code.0;
    assert_eq!(plan(&world, anna(&[("home", "Nowhere")])), "E0407");
    assert_eq!(plan(&world, anna(&[("home", "Leeds"), ("template", "Gone")])), "E0408");
    assert_eq!(plan(&world, anna(&[("home", "Leeds"), ("login_code", "x")])), "E0402");
    world.by_hand("Full", "3000");
    assert_eq!(plan(&world, anna(&[("range", "3000-3000")])), "E0406");
}

fn world_of_anna() -> World {
    let mut world = world();
    world.sync(&[anna(&[])], &policy());
    world
}

#[test]
fn a_move_that_stopped_half_way_is_finished_by_the_next_sync() {
    let mut world = world_of_anna();
    let moved = anna(&[("home", "Leeds"), ("template", "Field")]);
    let mut plan = plan(&world, &moved, &[]);
    // The delete takes place, and the machine goes down before the create.
    plan.order.truncate(1);
    world.apply(&plan);
    assert!(world.standing.users.is_empty() && world.memory.links.is_empty());
    let next = world.sync(std::slice::from_ref(&moved), &policy());
    assert_eq!(next.count(Action::Create), 1);
    let user = world.user("Anna");
    // Name and number are the person's own, whatever the quarantine.
    assert_eq!(
        (user.extension(), &*user.system, user.user_template.as_deref()),
        (Some("2000"), "Leeds", Some("Field"))
    );
    assert_eq!(world.standing.users.len(), 1);
    assert!(!world.plan(&[moved], &policy()).applyable);
}

#[test]
fn a_move_is_undone_by_the_way_back() {
    let mut world = world_of_anna();
    let before =
        (world.user("Anna").fields.clone(), world.memory.links.values().next().unwrap().written.clone());
    let plan = plan(&world, &anna(&[("home", "Leeds"), ("range", "3000-3009")]), &[]);
    world.apply(&plan);
    let back = world.undo(&plan, &policy());
    assert_eq!((back.count(Action::Create), back.count(Action::Delete)), (1, 1), "{:?}", shown(&back));
    world.apply(&back);
    let user = world.user("Anna");
    assert_eq!(&*user.system, "Primary");
    assert_eq!((user.fields.clone(), world.memory.links.values().next().unwrap().written.clone()), before);
    assert!(world.standing.extension("2000").is_some() && world.standing.extension("3000").is_none());
    assert_eq!(world.standing.users.len(), 1);
    let edited = {
        let mut world = world_of_anna();
        let plan = self::plan(&world, &anna(&[("home", "Leeds")]), &[]);
        world.apply(&plan);
        let guid = world.user("Anna").guid.clone();
        world.standing.users.get_mut(&guid).unwrap().fields.insert(Field::FullName, Value::from("By hand"));
        world.undo(&plan, &policy())
    };
    // Where the moved user was changed since, nobody is deleted and nobody is doubled.
    assert_eq!((edited.count(Action::Skip), edited.applyable), (2, false), "{:?}", shown(&edited));
}
