//! Every way in which what a kept plan touches can move, and none where nothing has.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may panic")]

mod common;

use std::collections::{BTreeMap, BTreeSet};

use common::{World, person, policy};
use rollcall_core::constraint::Reserved;
use rollcall_core::memory::Missing;
use rollcall_core::order::Move;
use rollcall_core::phone::{Extension, Group};
use rollcall_core::plan::{Action, Plan};
use rollcall_core::stale::{Present, stale};
use rollcall_core::{Diagnostic, Field, Record, RecordId, Value, codes};

fn id(native: &str) -> RecordId {
    RecordId { directory: "test".into(), native: native.into() }
}

fn found(plan: &Plan, world: &World, reserved: &Reserved, returned: &[&str]) -> Vec<Diagnostic> {
    let owners = world
        .memory
        .links
        .values()
        .map(|link| (link.guid.clone(), ("J".into(), link.key.clone())))
        .collect::<BTreeMap<_, _>>();
    let returned: BTreeSet<RecordId> = returned.iter().map(|native| id(native)).collect();
    let present = Present {
        standing: &world.standing,
        memory: &world.memory,
        owners: &owners,
        reserved,
        ended: &BTreeSet::new(),
        returned: &returned,
    };
    stale(plan, &present)
}

fn reasons(plan: &Plan, world: &World) -> Vec<String> {
    let found = found(plan, world, &Reserved::default(), &[]);
    assert!(found.iter().all(|why| why.code == codes::STALE), "{found:?}");
    found.into_iter().map(|why| why.message).collect()
}

/// Three users who stand: one that the plan leaves, one that it updates, one that it deletes; and one that it creates.
fn world() -> (World, Vec<Record>, Plan) {
    let mut world = World::new();
    let rows = |email: &str| {
        vec![
            person("1", &[("name", "Anna"), ("extension", "2001")]),
            person("2", &[("name", "Bert"), ("extension", "2002"), ("email", email)]),
        ]
    };
    let mut before = rows("old@example");
    before.push(person("3", &[("name", "Carl"), ("range", "2003-2003")]));
    world.sync(&before, &policy());
    let mut after = rows("new@example");
    after.push(person(
        "4",
        &[("name", "Dora"), ("range", "2004-2009"), ("group_membership", "Sales|Support")],
    ));
    world.let_grace_pass(&after);
    world.memory.links.get_mut(&id("3")).unwrap().missing = Some(Missing { since_ms: 0, reads: 2 });
    let plan = world.plan(&after, &policy());
    let counts = [Action::Create, Action::Update, Action::Delete].map(|action| plan.count(action));
    assert_eq!(counts, [1, 1, 1]);
    (world, after, plan)
}

#[test]
fn a_plan_holds_while_nothing_moves_and_when_others_do() {
    let (mut world, _, plan) = world();
    assert_eq!(reasons(&plan, &world), Vec::<String>::new());
    world.by_hand("Emil", "2500");
    let anna = world.user("Anna").guid.clone();
    world.standing.users.get_mut(&anna).unwrap().fingerprint = [1; 16];
    assert_eq!(reasons(&plan, &world), Vec::<String>::new(), "nobody whom the plan touches");
}

/// Moves one thing and demands the reasons.
fn check(move_it: impl Fn(&mut World), expected: &[&str]) {
    let (mut world, _, plan) = world();
    move_it(&mut world);
    assert_eq!(reasons(&plan, &world), expected);
}

fn edit(world: &mut World, name: &str, field: Field, value: &str) {
    let guid = world.user(name).guid.clone();
    let user = world.standing.users.get_mut(&guid).unwrap();
    user.fields.insert(field, Value::from(value));
    user.fingerprint = [9; 16];
}

#[test]
fn a_user_that_was_edited_renamed_or_deleted_by_hand() {
    check(
        |world| edit(world, "Bert", Field::Email, "hand@example"),
        &["the phone user `Bert` was changed since the plan was made: email"],
    );
    check(
        |world| edit(world, "Bert", Field::Name, "Berta"),
        &[
            "the phone user `Berta` was changed since the plan was made: in something that the plan leaves alone",
        ],
    );
    check(
        |world| edit(world, "Carl", Field::Name, "Karl"),
        &["the phone user `Karl` was changed since the plan was made: name"],
    );
    check(
        |world| {
            let guid = world.user("Bert").guid.clone();
            world.standing.users.remove(&guid);
        },
        &["the phone user `Bert` is gone from the phone system"],
    );
}

#[test]
fn a_link_that_went_or_moved() {
    check(|world| _ = world.memory.links.remove(&id("2")), &["`2` is linked to no phone user any more"]);
    check(
        |world| world.memory.links.get_mut(&id("2")).unwrap().guid = "guid-9".into(),
        &["`2` is linked to another phone user by now"],
    );
    check(
        |world| {
            let mut link = world.memory.links[&id("1")].clone();
            link.id = id("4");
            link.guid = "guid-9".into();
            world.memory.links.insert(id("4"), link);
        },
        &["`4` has a phone user by now"],
    );
}

#[test]
fn a_leaver_that_came_back_and_a_delete_that_is_held() {
    let (mut world, _, plan) = world();
    let back = found(&plan, &world, &Reserved::default(), &["3"]);
    let expected = "the leaver `Carl` has been read from the directory again since the plan was made";
    assert_eq!(back.iter().map(|why| why.message.as_str()).collect::<Vec<_>>(), [expected]);
    assert_eq!(back[0].user.as_deref(), Some("3"));
    world.memory.links.get_mut(&id("3")).unwrap().missing = None;
    assert_eq!(reasons(&plan, &world), [expected]);
    check(
        |world| {
            world.memory.deletes_held = Some(Diagnostic::note(codes::SCOPE_CHANGED, "scope changed: it was"));
        },
        &["`Carl` is not deleted: scope changed: it was"],
    );
    check(
        |world| _ = world.by_hand("Emil", "2003"),
        &["the extension record `2003` that goes with the user serves `Emil` by now"],
    );
}

#[test]
fn a_name_or_a_number_that_was_taken() {
    check(
        |world| _ = world.by_hand("DORA", ""),
        &["the name `Dora` is not free any more: the user `DORA` has it"],
    );
    check(
        |world| _ = world.by_hand("Emil", "2004"),
        &["the extension `2004` is not free any more: the user `Emil` has it"],
    );
    let group = |name: &str, number: Option<&str>| Group {
        name: name.into(),
        extension: number.map(Into::into),
        system: "Primary".into(),
    };
    check(
        |world| world.standing.groups.push(group("dora", Some("2004"))),
        &[
            "the name `Dora` is not free any more: the hunt group `dora` has it",
            "the extension `2004` is not free any more: the hunt group `dora` has it",
        ],
    );
    check(
        |world| {
            world.standing.extensions.push(Extension {
                guid: "e".into(),
                number: "2004".into(),
                system: "Primary".into(),
                kind: None,
                template: None,
                hardware: true,
            });
        },
        &["the extension `2004` is not free any more: an extension record has it"],
    );
    check(
        |world| {
            world.memory.held_names.insert("dora".into(), id("7"));
            world.memory.held_numbers.insert("2004".into(), id("7"));
        },
        &[
            "the name `Dora` is not free any more: `7` freed it, and it is in quarantine",
            "the extension `2004` is not free any more: `7` freed it, and it is in quarantine",
        ],
    );
    let (world, _, plan) = world();
    let reserved = Reserved(vec![("2004".into(), "2004".into())]);
    let why = found(&plan, &world, &reserved, &[]);
    assert_eq!(
        why[0].message,
        "the extension `2004` is not free any more: it is reserved by `[numbers] reserved`"
    );
}

#[test]
fn a_group_or_a_system_that_went() {
    check(
        |world| world.standing.groups.retain(|group| &*group.name != "Support"),
        &["the hunt group `Support` is gone from the phone system"],
    );
    check(
        |world| world.standing.systems[0].name = "Other".into(),
        &["the system `Primary` is gone from the phone system"],
    );
}

#[test]
fn what_the_plan_itself_frees_and_parks_is_no_reason() {
    let mut world = World::new();
    let rows = |a: &str, b: &str| {
        [
            person("1", &[("name", "Anna"), ("extension", a)]),
            person("2", &[("name", "Bert"), ("extension", b)]),
        ]
    };
    world.sync(&rows("2001", "2002"), &policy());
    let swap = world.plan(&rows("2002", "2001"), &policy());
    assert_eq!(swap.order.len(), 3, "{:?}", swap.order);
    assert_eq!(reasons(&swap, &world), Vec::<String>::new());
    let parked = swap.order.iter().find_map(|step| match step {
        Move::Park { value, .. } => Some(value.clone()),
        Move::Do(_) => None,
    });
    let parked = parked.unwrap();
    world.by_hand("Emil", &parked);
    assert_eq!(
        reasons(&swap, &world),
        [format!("the temporary extension `{parked}` is not free any more: the user `Emil` has it")]
    );
}
