//! The inverse of every kind of change, and whatever keeps one from being taken back.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may panic")]

mod common;

use std::collections::{BTreeMap, BTreeSet};

use common::{Rows, World, person, policy, shown};
use proptest::prelude::*;
use rollcall_core::memory::Link;
use rollcall_core::phone::{ExtensionTemplate, Licence, System, UserTemplate};
use rollcall_core::plan::{Action, Change, Plan};
use rollcall_core::policy::{Adopt, NumberPrecedence, Policy};
use rollcall_core::undo::{Past, undo};
use rollcall_core::verify::Outcome;
use rollcall_core::{Diagnostic, Field, Record, Secret, Text, Value, codes};

/// What stands, without the names that a phone system gives its objects.
fn office(world: &World) -> (BTreeSet<String>, BTreeSet<String>) {
    let users = &world.standing.users;
    let user = |user: &rollcall_core::phone::PhoneUser| {
        format!("{:?} on {} from {:?}", user.fields, user.system, user.user_template)
    };
    let used = |number: &Text| users.values().any(|user| user.extension() == Some(number));
    let records = world.standing.extensions.iter().filter(|record| used(&record.number));
    let record = |r: &rollcall_core::phone::Extension| {
        format!("{} {:?} {:?} {}", r.number, r.kind, r.template, r.system)
    };
    (users.values().map(user).collect(), records.map(record).collect())
}

fn links(world: &World) -> Vec<Link> {
    let plain = |link: &Link| Link { guid: "".into(), missing: None, ..link.clone() };
    world.memory.links.values().map(plain).collect()
}

fn world() -> World {
    let mut world = World::new();
    world.quarantine = true;
    world.standing.systems.push(System { name: "Leeds".into(), ..System::default() });
    let template =
        UserTemplate { name: "Desk".into(), profile: Some("Power User".into()), ..UserTemplate::default() };
    world.standing.user_templates.insert("Desk".into(), template);
    let phone = ExtensionTemplate { name: "J179".into(), ..ExtensionTemplate::default() };
    world.standing.extension_templates.insert("J179".into(), phone);
    world
}

/// Anna with everything that a user can have.
fn anna() -> Record {
    person(
        "a",
        &[
            ("name", "Anna"),
            ("full_name", "Anna Berg"),
            ("email", "anna@corp.example"),
            ("range", "2000-2009"),
            ("group_membership", "Sales|Support"),
            ("login_code", "4711"),
            ("voicemail_code", "0815"),
            ("mobile_twinning_number", "+441234567890"),
            ("home", "Leeds"),
            ("template", "Desk"),
            ("phone", "J179"),
        ],
    )
}

fn set(world: &mut World, name: &str, field: Field, value: Option<&str>) {
    let guid = world.user(name).guid.clone();
    let fields = &mut world.standing.users.get_mut(&guid).unwrap().fields;
    match value {
        Some(value) => _ = fields.insert(field, Value::from(value)),
        None => _ = fields.remove(&field),
    }
}

/// The code of the one skip.
fn refused(plan: &Plan) -> &str {
    assert_eq!(plan.changes.len(), 1, "{:?}", shown(plan));
    assert_eq!((plan.changes[0].action, plan.applyable), (Action::Skip, false));
    &plan.changes[0].reason
}

#[test]
fn a_created_user_goes_with_its_record() {
    let mut world = world();
    let before = office(&world);
    let run = world.sync(&[anna()], &policy());
    let back = world.undo(&run, &policy());
    assert_eq!(
        shown(&back)[0],
        "delete a Anna 2000 [name full_name email extension mobile_twinning_number group_membership login_code voicemail_code]"
    );
    world.apply(&back);
    assert_eq!(office(&world), before);
    assert!(world.memory.links.is_empty() && world.standing.extensions.is_empty());
}

#[test]
fn an_undone_undo_stands_again() {
    let mut world = world();
    let run = world.sync(&[anna()], &policy());
    let (stood, linked) = (office(&world), links(&world));
    let back = world.undo(&run, &policy());
    world.apply(&back);
    let again = world.undo(&back, &policy());
    assert!(again.applyable, "{:?}", shown(&again));
    world.apply(&again);
    assert_eq!(office(&world), stood);
    assert_eq!(links(&world), linked);
}

#[test]
fn a_created_user_that_somebody_changed_is_kept() {
    for (field, value) in
        [(Field::FullName, Some("A. Berg")), (Field::Email, None), (Field::Name, Some("Anne"))]
    {
        let mut world = world();
        let run = world.sync(&[anna()], &policy());
        set(&mut world, "Anna", field, value);
        let back = world.undo(&run, &policy());
        assert!(refused(&back).contains(field.key()), "{}", refused(&back));
        assert!(back.errored);
    }
    // A group that somebody added is a change too; what no run wrote is not.
    let mut world = world();
    let run = world.sync(&[person("b", &[("name", "Bob")])], &policy());
    set(&mut world, "Bob", Field::Email, Some("bob@corp.example"));
    assert!(world.undo(&run, &policy()).applyable);
}

#[test]
fn a_user_that_is_gone_or_let_go_is_no_ones_to_take_back() {
    let mut world = world();
    let run = world.sync(&[anna()], &policy());
    let mut unlinked = world.clone();
    unlinked.memory.links.clear();
    assert!(refused(&unlinked.undo(&run, &policy())).contains("no longer linked"));
    world.standing.users.clear();
    assert!(refused(&world.undo(&run, &policy())).contains("deleted by hand"));
}

#[test]
fn fields_go_back_one_by_one_and_a_manual_edit_stays() {
    let mut world = world();
    world.sync(&[anna()], &policy());
    let before = office(&world);
    let changed = person(
        "a",
        &[
            ("name", "Anne"),
            ("full_name", "Anne Berg"),
            ("email", "anne@corp.example"),
            ("range", "2000-2009"),
            ("group_membership", "Support"),
        ],
    );
    let run = world.sync(&[changed], &policy());
    let back = world.undo(&run, &policy());
    assert_eq!(
        shown(&back),
        ["update a Anna 2000 [name full_name email mobile_twinning_number group_membership]"]
    );
    let mut clean = world.clone();
    clean.apply(&back);
    assert_eq!(office(&clean), before);

    set(&mut world, "Anne", Field::Email, Some("reception@corp.example"));
    let back = world.undo(&run, &policy());
    assert_eq!(shown(&back), ["update a Anna 2000 [name full_name mobile_twinning_number group_membership]"]);
    assert!(back.diagnostics.iter().any(|d| d.code == codes::UNDO_MOVED && d.message.contains("`email`")));
    world.apply(&back);
    assert_eq!(world.user("Anna").fields[&Field::Email], Value::from("reception@corp.example"));
}

#[test]
fn only_the_runs_own_memberships_move() {
    let mut world = world();
    let member = |groups: &str| person("b", &[("name", "Bob"), ("group_membership", groups)]);
    world.sync(&[member("Sales")], &policy());
    let run = world.sync(&[member("Support")], &policy());
    // Somebody makes Bob a member of Sales again, so nothing is given back, and only Support is taken away.
    let guid = world.user("Bob").guid.clone();
    let groups = Value::list_of(["Sales".into(), "Support".into()]).unwrap();
    world.standing.users.get_mut(&guid).unwrap().fields.insert(Field::GroupMembership, groups);
    world.apply(&world.clone().undo(&run, &policy()));
    assert_eq!(world.user("Bob").fields[&Field::GroupMembership].list(), ["Sales".into()]);
}

#[test]
fn a_hunt_group_that_is_gone_is_named() {
    let mut world = world();
    let member = |groups: &str| person("b", &[("name", "Bob"), ("group_membership", groups)]);
    world.sync(&[member("Sales")], &policy());
    let run = world.sync(&[member("Support")], &policy());
    world.standing.groups.retain(|group| &*group.name != "Sales");
    let back = world.undo(&run, &policy());
    assert!(back.diagnostics.iter().any(|d| d.message.contains("`Sales` no longer exists")));
    world.apply(&back);
    assert!(!world.user("Bob").fields.contains_key(&Field::GroupMembership));
}

#[test]
fn swaps_and_rings_turn_back() {
    let mut world = world();
    let numbers = |a: &str, b: &str, c: &str| {
        vec![
            person("a", &[("name", "Anna"), ("extension", a)]),
            person("b", &[("name", "Bob"), ("extension", b)]),
            person("c", &[("name", "Cleo"), ("extension", c)]),
        ]
    };
    world.sync(&numbers("2001", "2002", "2003"), &policy());
    let before = office(&world);
    let run = world.sync(&numbers("2002", "2003", "2001"), &policy());
    world.apply(&world.clone().undo(&run, &policy()));
    assert_eq!(office(&world), before);
}

#[test]
fn a_value_that_somebody_took_makes_its_user_a_skip_and_whoever_waits_for_it() {
    let mut world = world();
    let numbers = |a: &str, b: &str| {
        vec![
            person("a", &[("name", "Anna"), ("extension", a)]),
            person("b", &[("name", "Bob"), ("extension", b)]),
        ]
    };
    world.sync(&numbers("2001", "2002"), &policy());
    let run = world.sync(&numbers("2002", "2003"), &policy());
    world.by_hand("Reception", "2001");
    let back = world.undo(&run, &policy());
    // Anna's former number is taken, so she keeps Bob's, so Bob keeps his.
    assert_eq!(shown(&back), ["skip a Anna - [E0405]", "skip b Bob - [E0405]"]);
    assert!(back.errored);
}

#[test]
fn a_deleted_user_comes_back_whole() {
    let mut world = world();
    world.sync(&[anna()], &policy());
    // Somebody made her a member of a third group by hand.
    world.standing.groups.push(rollcall_core::phone::Group {
        name: "Choir".into(),
        extension: None,
        system: "Leeds".into(),
    });
    let guid = world.user("Anna").guid.clone();
    let groups = Value::list_of(["Sales", "Support", "Choir"].map(Text::from)).unwrap();
    world.standing.users.get_mut(&guid).unwrap().fields.insert(Field::GroupMembership, groups);
    let (stood, linked) = (office(&world), links(&world));
    world.let_grace_pass(&[]);
    let run = world.sync(&[], &policy());
    assert_eq!(run.count(Action::Delete), 1);
    assert!(world.standing.users.is_empty() && world.standing.extensions.is_empty());
    let back = world.undo(&run, &policy());
    assert_eq!(back.diagnostics[0].code, codes::UNDO_LOST);
    world.apply(&back);
    assert_eq!(office(&world), stood);
    // The link says what it said: the third group is still nobody's but hers.
    assert_eq!(links(&world), linked);
    assert_ne!(world.user("Anna").guid, guid);
    let after = world.plan(&[anna()], &policy());
    assert!(!after.applyable, "{:?}", shown(&after));
}

#[test]
fn codes_that_cannot_be_read_come_back_as_last_written() {
    let mut world = world();
    world.sync(&[anna()], &policy());
    let guid = world.user("Anna").guid.clone();
    let fields = &mut world.standing.users.get_mut(&guid).unwrap().fields;
    fields.remove(&Field::LoginCode);
    fields.insert(Field::VoicemailCode, Value::Secret(Secret::new("9999")));
    world.let_grace_pass(&[]);
    let run = world.sync(&[], &policy());
    world.apply(&world.clone().undo(&run, &policy()));
    let fields = &world.user("Anna").fields;
    assert_eq!(fields[&Field::LoginCode], Value::Secret(Secret::new("4711")));
    assert_eq!(fields[&Field::VoicemailCode], Value::Secret(Secret::new("9999")));
}

/// A code that is told, and what happens to the world before.
type Trouble = (&'static str, fn(&mut World));

#[test]
fn a_deleted_user_stays_away_where_its_place_is_gone() {
    let cases: [Trouble; 6] = [
        ("E0404", |world| _ = world.by_hand("ANNA", "")),
        ("E0405", |world| _ = world.by_hand("Reception", "2000")),
        ("E0407", |world| world.standing.systems.retain(|system| system.primary)),
        ("E0408", |world| world.standing.user_templates.clear()),
        ("E0408", |world| world.standing.extension_templates.clear()),
        ("E0419", |world| {
            world.standing.licences.push(Licence { profile: "Power User".into(), quantity: 1, used: 1 });
        }),
    ];
    for (code, spoil) in cases {
        let mut world = world();
        world.sync(&[anna()], &policy());
        world.let_grace_pass(&[]);
        let run = world.sync(&[], &policy());
        spoil(&mut world);
        let back = world.undo(&run, &policy());
        refused(&back);
        assert_eq!(back.changes[0].why[0].code.0, code, "{}", refused(&back));
    }
}

#[test]
fn a_person_who_has_a_phone_user_again_gets_no_second_one() {
    let mut world = world();
    world.sync(&[anna()], &policy());
    world.let_grace_pass(&[]);
    let run = world.sync(&[], &policy());
    world.memory.due.clear();
    world.sync(&[anna()], &policy());
    assert!(refused(&world.undo(&run, &policy())).contains("has a phone user again"));
}

#[test]
fn what_was_gone_before_the_run_is_not_brought_back() {
    let mut world = world();
    world.sync(&[anna()], &policy());
    world.standing.users.clear();
    world.let_grace_pass(&[]);
    let run = world.sync(&[], &policy());
    let back = world.undo(&run, &policy());
    assert!(refused(&back).contains("before the run"));
    assert!(!back.errored);
}

#[test]
fn an_adoption_ends_and_can_be_made_again() {
    let adopting = || Policy { adopt: Some(Adopt::default()), ..policy() };
    let berg = person("a", &[("name", "Anna Berg"), ("extension", "2001"), ("email", "anna@corp.example")]);
    let mut world = world();
    world.by_hand("Anna", "2001");
    set(&mut world, "Anna", Field::Email, Some("anna@corp.example"));
    set(&mut world, "Anna", Field::FullName, Some("By hand"));
    let before = office(&world);
    let full = person(
        "a",
        &[
            ("name", "Anna Berg"),
            ("extension", "2001"),
            ("email", "anna@corp.example"),
            ("full_name", "Anna Berg"),
        ],
    );
    let run = world.sync(std::slice::from_ref(&full), &adopting());
    assert_eq!(shown(&run), ["adopt a Anna 2001 [full_name]"]);
    let (adopted, linked) = (office(&world), links(&world));
    let back = world.undo(&run, &adopting());
    assert_eq!(shown(&back), ["update a Anna 2001 [full_name]"]);
    assert!(back.changes[0].unlinks);
    world.apply(&back);
    assert!(world.memory.links.is_empty());
    assert_eq!(office(&world), before);
    // The undo of the undo ties the user again, with what the adoption had kept.
    let again = world.undo(&back, &adopting());
    assert_eq!(shown(&again), ["adopt a Anna 2001 [full_name]"]);
    world.apply(&again);
    assert_eq!((office(&world), links(&world)), (adopted, linked));
    assert!(!world.plan(&[full], &adopting()).applyable);
    // Where the field was changed by hand the link ends all the same.
    set(&mut world, "Anna", Field::FullName, Some("By another hand"));
    let back = world.undo(&run, &adopting());
    assert_eq!(shown(&back), ["update a Anna 2001 []"]);
    assert!(back.changes[0].unlinks && back.applyable);
    world.apply(&back);
    assert!(world.memory.links.is_empty());
    assert_eq!(world.plan(&[berg], &adopting()).count(Action::Adopt), 1);
}

#[test]
fn an_adopted_user_that_was_deleted_comes_back_as_adopted() {
    let adopting = || Policy { adopt: Some(Adopt::default()), ..policy() };
    let berg = person("a", &[("name", "Anna Berg"), ("extension", "2001")]);
    let mut world = world();
    world.by_hand("Anna", "2001");
    world.sync(std::slice::from_ref(&berg), &adopting());
    let (stood, linked) = (office(&world), links(&world));
    world.let_grace_pass(&[]);
    let run = world.sync(&[], &adopting());
    world.apply(&world.clone().undo(&run, &adopting()));
    assert_eq!((office(&world), links(&world)), (stood, linked));
    // Her name is still left as it stands.
    assert!(!world.plan(&[berg], &adopting()).applyable);
}

#[test]
fn what_was_not_done_is_not_undone() {
    let mut world = world();
    let empty = world.clone();
    let run = world.sync(&[anna()], &policy());
    let failed = || Outcome::Failed(Diagnostic::error(codes::OFFICE_REFUSED, "on purpose"));
    let of = |outcome: Outcome| run.changes.iter().map(|c| (c.clone(), outcome.clone())).collect::<Vec<_>>();
    // Not begun, or refused without a trace: nothing to say.
    assert!(empty.undo_of(&of(Outcome::Planned), &policy()).changes.is_empty());
    assert!(empty.undo_of(&of(failed()), &policy()).changes.is_empty());
    // Half done: the user was made and a group refused. What stands is taken back.
    set(&mut world, "Anna", Field::GroupMembership, None);
    let half: Vec<_> = of(failed())
        .into_iter()
        .map(|(mut change, outcome)| {
            change.fields.retain(|field| field.field != Field::GroupMembership);
            (change, outcome)
        })
        .collect();
    assert_eq!(world.undo_of(&half, &policy()).count(Action::Delete), 1);
}

#[test]
fn later_runs_and_earlier_undos_are_named() {
    let mut world = world();
    let run = world.sync(&[anna()], &policy());
    let done: Vec<(Change, Outcome)> = run.changes.iter().map(|c| (c.clone(), Outcome::Applied)).collect();
    let whose = BTreeMap::from([(run.changes[0].id.clone(), Text::from("R2"))]);
    let none = BTreeMap::new();
    let name = Text::from("R1");
    let later = Past { run: &name, done: &done, touched: &whose, undone: &none };
    let back = undo(&later, &world.standing, &world.memory, &Rows, &policy());
    assert!(refused(&back).contains("R2") && back.errored);
    let twice = Past { run: &name, done: &done, touched: &none, undone: &whose };
    let back = undo(&twice, &world.standing, &world.memory, &Rows, &policy());
    assert!(refused(&back).contains("undone already") && !back.errored);
}

/// One person: a number from a small pool, so that clashes, swaps and rings are common.
fn row() -> impl Strategy<Value = (u8, u8, Option<u8>, bool, u8)> {
    (0u8..12, 0u8..8, proptest::option::of(0u8..8), any::<bool>(), 0u8..4)
}

fn people(rows: &[(u8, u8, Option<u8>, bool, u8)]) -> Vec<Record> {
    let mut seen = BTreeSet::new();
    let one = |(id, name, extension, rule, groups): &(u8, u8, Option<u8>, bool, u8)| {
        let names = format!("Name {name}|Name {}|Spare {id}", (name + 1) % 8);
        let extension = extension.map(|n| format!("20{n}0")).unwrap_or_default();
        let range = if *rule { "2000-2090" } else { "" };
        let groups = ["", "Sales", "Support", "Sales|Support"][usize::from(*groups)];
        let code = format!("47{id:02}");
        person(
            &format!("{id:02}"),
            &[
                ("name", &names),
                ("extension", &extension),
                ("range", range),
                ("group_membership", groups),
                ("login_code", &code),
                ("template", "Desk"),
                ("phone", "J179"),
                ("home", "Leeds"),
            ],
        )
    };
    rows.iter().filter(|row| seen.insert(row.0)).map(one).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn a_run_and_its_undo_leave_the_office_as_it_was(
        histories in proptest::collection::vec(proptest::collection::vec(row(), 0..12), 1..4),
        precedence in prop_oneof![Just(NumberPrecedence::Rule), Just(NumberPrecedence::Directory)],
        quarantine in any::<bool>(),
    ) {
        let mut world = world();
        world.quarantine = quarantine;
        world.by_hand("Name 3", "2030");
        let policy = || Policy { number_precedence: precedence, ..policy() };
        for rows in &histories {
            let people = people(rows);
            world.let_grace_pass(&people);
            let (stood, linked) = (office(&world), links(&world));
            let run = world.sync(&people, &policy());
            let (after, linked_after) = (office(&world), links(&world));
            // Applying asserts that no name or number is ever held twice and that nothing is stale.
            let back = world.undo(&run, &policy());
            let skips: Vec<_> = shown(&back).into_iter().filter(|line| line.starts_with("skip")).collect();
            prop_assert!(skips.is_empty(), "{:?} of {:?}", skips, shown(&run));
            world.apply(&back);
            prop_assert_eq!(office(&world), stood, "undone: {:?}", shown(&run));
            let keyed = |links: Vec<Link>| links.into_iter().map(|l| (l.id, l.written, l.rule, l.record)).collect::<Vec<_>>();
            prop_assert_eq!(keyed(links(&world)), keyed(linked));
            // The undo of the undo is the run.
            world.apply(&world.clone().undo(&back, &policy()));
            prop_assert_eq!(office(&world), after, "made again: {:?}", shown(&run));
            prop_assert_eq!(keyed(links(&world)), keyed(linked_after));
            world.memory.due.clear();
        }
        world.user("Name 3");
    }
}
