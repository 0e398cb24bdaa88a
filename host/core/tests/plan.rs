//! Plans for small worlds, each named for what must hold.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may panic")]

mod common;

use common::{World, person, policy, shown};
use rollcall_core::diag::Severity;
use rollcall_core::field::{Value, groups_of};
use rollcall_core::plan::Action;
use rollcall_core::policy::{NumberPrecedence, OnUpdate, WhenEmpty, WhenNoRule};
use rollcall_core::{Field, codes};

#[test]
fn a_joiner_is_made_and_the_second_plan_is_empty() {
    let mut world = World::new();
    let people =
        [person("1", &[("name", "Anna Berg"), ("extension", "2001"), ("group_membership", "Sales|Nowhere")])];
    let plan = world.sync(&people, &policy());
    assert_eq!(shown(&plan), ["create 1 Anna Berg 2001 [name extension group_membership]"]);
    assert!(plan.diagnostics.iter().any(|d| d.message.contains("`Nowhere`") && d.severity == Severity::Note));
    let again = world.plan(&people, &policy());
    assert_eq!(shown(&again), Vec::<String>::new());
    assert!(!again.applyable && again.complete);
    assert_eq!(again.unchanged.len(), 1);
}

#[test]
fn each_tick_alone_does_its_own_and_nothing_else() {
    let everybody = [person("1", &[("name", "Anna")]), person("2", &[("name", "Bert")])];
    let mut world = World::new();
    world.sync(&everybody, &policy());
    let changed =
        [person("1", &[("name", "Anna"), ("full_name", "Anna Berg")]), person("3", &[("name", "Cleo")])];
    world.let_grace_pass(&changed);
    let with = |new, update, delete| {
        shown(&world.plan(&changed, &rollcall_core::policy::Policy { new, update, delete, ..policy() }))
    };
    assert_eq!(with(true, false, false), ["create 3 Cleo - [name]"]);
    assert_eq!(with(false, true, false), ["update 1 Anna - [full_name]", "skip 3 Cleo - [E0508]"]);
    assert_eq!(with(false, false, true), ["delete 2 Bert - [name]", "skip 3 Cleo - [E0508]"]);
}

#[test]
fn new_only_fields_are_never_written_on_update() {
    let mut world = World::new();
    world.sync(
        &[person("1", &[("name", "Anna"), ("login_code", "4711"), ("voicemail_code", "0815")])],
        &policy(),
    );
    let plan = world
        .plan(&[person("1", &[("name", "Anna"), ("login_code", "9999"), ("voicemail_code", "")])], &policy());
    assert!(plan.changes.is_empty());
}

#[test]
fn a_user_made_by_hand_is_never_touched() {
    let mut world = World::new();
    world.by_hand("Reception", "2000");
    let people =
        [person("1", &[("name", "Reception")]), person("2", &[("name", "Bert"), ("extension", "2000")])];
    let plan = world.plan(&people, &policy());
    assert_eq!(shown(&plan), ["skip 1 Reception - [E0404]", "skip 2 Bert - [E0405]"]);
    assert!(plan.changes[1].reason.contains("`Reception`"), "the holder is named");
    assert!(plan.errored && !plan.applyable);
}

#[test]
fn two_users_swap_names_and_numbers() {
    let mut world = World::new();
    world.sync(
        &[
            person("1", &[("name", "Anna"), ("extension", "2001")]),
            person("2", &[("name", "Bert"), ("extension", "2002")]),
        ],
        &policy(),
    );
    let swapped = [
        person("1", &[("name", "Bert"), ("extension", "2002")]),
        person("2", &[("name", "Anna"), ("extension", "2001")]),
    ];
    let plan = world.sync(&swapped, &policy());
    assert_eq!(plan.count(Action::Update), 2);
    assert_eq!(world.user("Anna").extension(), Some("2001"));
    assert!(world.plan(&swapped, &policy()).changes.is_empty());
}

#[test]
fn extension_records_are_swapped_with_their_numbers() {
    let mut world = World::new();
    let before = [
        person("1", &[("name", "Anna"), ("range", "2001-2001")]),
        person("2", &[("name", "Bert"), ("range", "2002-2002")]),
    ];
    world.sync(&before, &policy());
    let directory =
        rollcall_core::policy::Policy { number_precedence: NumberPrecedence::Directory, ..policy() };
    let swapped = [
        person("1", &[("name", "Anna"), ("extension", "2002")]),
        person("2", &[("name", "Bert"), ("extension", "2001")]),
    ];
    world.sync(&swapped, &directory);
    let mut records: Vec<_> = world.standing.extensions.iter().map(|record| &*record.number).collect();
    records.sort_unstable();
    assert_eq!(records, ["2001", "2002"]);
    assert!(world.plan(&swapped, &directory).changes.is_empty());
}

#[test]
fn what_frees_a_number_comes_before_what_takes_it() {
    let mut world = World::new();
    world.sync(&[person("1", &[("name", "Anna"), ("extension", "2001")])], &policy());
    let people = [
        person("0", &[("name", "Aaron"), ("extension", "2001")]),
        person("1", &[("name", "Anna"), ("extension", "2005")]),
    ];
    world.sync(&people, &policy());
    assert_eq!(world.user("Aaron").extension(), Some("2001"));
}

#[test]
fn whoever_finds_no_new_name_keeps_the_old_one_and_nobody_else_gets_it() {
    let mut world = World::new();
    world.by_hand("Reception", "");
    world.sync(&[person("1", &[("name", "Anna")])], &policy());
    let people = [person("1", &[("name", "Reception")]), person("2", &[("name", "Anna")])];
    assert_eq!(
        shown(&world.plan(&people, &policy())),
        ["skip 1 Reception - [E0404]", "skip 2 Anna - [E0404]"]
    );
}

#[test]
fn rules_allocate_in_the_order_of_the_identification_and_skip_what_is_taken() {
    let mut world = World::new();
    world.by_hand("Reception", "2001");
    let people = [
        person("c", &[("name", "C"), ("range", "2000-2003")]),
        person("a", &[("name", "A"), ("range", "2000-2003")]),
        person("b", &[("name", "B"), ("extension", "2002")]),
        person("d", &[("name", "D"), ("range", "2000-2003")]),
    ];
    let plan = world.plan(&people, &policy());
    let numbers: Vec<_> = plan.changes.iter().map(|c| (&*c.key, c.extension.as_deref())).collect();
    assert_eq!(numbers, [("a", Some("2000")), ("b", Some("2002")), ("c", Some("2003")), ("d", None)]);
    assert_eq!(plan.changes[3].why[0].code, codes::RANGE_EXHAUSTED);
}

#[test]
fn a_range_over_emergency_numbers_gives_none() {
    let people: Vec<_> = (0..13)
        .map(|n| person(&format!("{n:02}"), &[("name", &format!("User {n}")), ("range", "108-120")]))
        .collect();
    let plan = World::new().plan(&people, &policy());
    let numbers: Vec<_> = plan.changes.iter().filter_map(|c| c.extension.as_deref()).collect();
    assert_eq!(numbers, ["108", "109", "111", "114", "116", "120"]);
}

#[test]
fn a_rules_number_stays_unless_the_directory_has_precedence() {
    let mut world = World::new();
    let person = [person("1", &[("name", "Anna"), ("range", "2000-2009"), ("extension", "3000")])];
    world.sync(&person, &policy());
    assert_eq!(world.user("Anna").extension(), Some("2000"));
    assert!(world.plan(&person, &policy()).changes.is_empty());
    let directory =
        rollcall_core::policy::Policy { number_precedence: NumberPrecedence::Directory, ..policy() };
    assert_eq!(shown(&world.plan(&person, &directory)), ["update 1 Anna 3000 [extension]"]);
}

#[test]
fn the_extension_record_moves_with_the_number_and_goes_with_the_user() {
    let mut world = World::new();
    world.sync(&[person("1", &[("name", "Anna"), ("range", "2000-2009")])], &policy());
    let directory =
        rollcall_core::policy::Policy { number_precedence: NumberPrecedence::Directory, ..policy() };
    world.sync(&[person("1", &[("name", "Anna"), ("extension", "3000")])], &directory);
    assert_eq!(&*world.standing.extensions[0].number, "3000");
    world.let_grace_pass(&[]);
    let mut deleting = world.clone();
    deleting.sync(&[person("2", &[("name", "Bert")])], &directory);
    assert!(deleting.standing.extensions.is_empty());
}

#[test]
fn a_leavers_number_given_at_once_gets_a_record_of_its_own() {
    let mut world = World::new();
    let directory =
        rollcall_core::policy::Policy { number_precedence: NumberPrecedence::Directory, ..policy() };
    world.sync(&[person("1", &[("name", "Anna"), ("range", "2000-2009")])], &directory);
    let joiner = [person("2", &[("name", "Bert"), ("range", "2000-2009"), ("extension", "2000")])];
    world.let_grace_pass(&joiner);
    world.sync(&joiner, &directory);
    assert_eq!(world.user("Bert").extension(), Some("2000"));
    assert_eq!(world.standing.extensions.len(), 1);
}

#[test]
fn a_record_that_stands_without_a_user_is_met_and_not_overwritten() {
    let mut world = World::new();
    let directory =
        rollcall_core::policy::Policy { number_precedence: NumberPrecedence::Directory, ..policy() };
    world.sync(&[person("1", &[("name", "Anna"), ("range", "2000-2009")])], &directory);
    let mut orphan = world.standing.extensions[0].clone();
    orphan.number = "3000".into();
    world.standing.extensions.push(orphan);
    world.sync(&[person("1", &[("name", "Anna"), ("extension", "3000")])], &directory);
    assert_eq!(world.user("Anna").extension(), Some("3000"));
    assert_eq!(world.standing.extensions.len(), 2);
}

#[test]
fn a_rule_does_not_allocate_a_number_that_the_same_plan_frees() {
    let mut world = World::new();
    world.sync(&[person("1", &[("name", "Anna"), ("range", "2000-2009")])], &policy());
    let joiner = [person("2", &[("name", "Bert"), ("range", "2000-2009")])];
    world.let_grace_pass(&joiner);
    world.sync(&joiner, &policy());
    assert_eq!(world.user("Bert").extension(), Some("2001"));
}

#[test]
fn a_rule_does_not_allocate_a_number_that_somebody_moves_away_from() {
    let mut world = World::new();
    let directory =
        rollcall_core::policy::Policy { number_precedence: NumberPrecedence::Directory, ..policy() };
    world.sync(&[person("1", &[("name", "Bob"), ("extension", "2005")])], &directory);
    let people = [
        person("1", &[("name", "Bob"), ("extension", "3001")]),
        person("2", &[("name", "Carl"), ("range", "2005-2006")]),
    ];
    world.sync(&people, &directory);
    assert_eq!(world.user("Carl").extension(), Some("2006"));
}

#[test]
fn a_record_that_an_interrupted_run_left_behind_follows_its_user() {
    let mut world = World::new();
    let people = [person("1", &[("name", "Anna"), ("range", "2000-2009")])];
    world.sync(&people, &policy());
    let guid = world.user("Anna").guid.clone();
    world.standing.users.get_mut(&guid).unwrap().fields.insert(Field::Extension, Value::from("2005"));
    let plan = world.sync(&people, &policy());
    assert!(plan.changes[0].reason.contains("left behind"), "{}", plan.changes[0].reason);
    assert_eq!(&*world.standing.extensions[0].number, "2005");
    assert!(world.plan(&people, &policy()).changes.is_empty());
}

#[test]
fn a_leavers_record_that_somebody_else_uses_by_now_stays() {
    let mut world = World::new();
    world.sync(&[person("1", &[("name", "Anna"), ("range", "2000-2009")])], &policy());
    world.standing.users.clear();
    world.by_hand("Bob", "2000");
    world.let_grace_pass(&[]);
    let plan = world.plan(&[person("2", &[("name", "Cleo")])], &policy());
    let delete = plan.changes.iter().find(|change| change.action == Action::Delete).unwrap();
    assert_eq!(delete.record, None);
    assert_eq!(delete.name.as_deref(), Some("Anna"), "the name goes into quarantine");
}

#[test]
fn an_owned_user_that_is_called_like_a_built_in_one_is_left_alone() {
    let mut world = World::new();
    let people = [person("1", &[("name", "Anna"), ("full_name", "Anna Berg")])];
    world.sync(&people, &policy());
    let guid = world.user("Anna").guid.clone();
    world.standing.users.get_mut(&guid).unwrap().fields.insert(Field::Name, Value::from("Admin"));
    assert_eq!(shown(&world.plan(&people, &policy())), ["skip 1 Anna - [E0402]"]);
    world.let_grace_pass(&[]);
    assert_eq!(world.plan(&[person("2", &[("name", "Cleo")])], &policy()).count(Action::Delete), 0);
}

#[test]
fn duplicates_are_all_skipped_and_named() {
    let people = [
        person("1", &[("user_identification", "a@x"), ("name", "Anna")]),
        person("2", &[("user_identification", "A@x"), ("name", "Bert")]),
        person("3", &[("user_identification", "c@x"), ("name", "Cleo")]),
    ];
    let plan = World::new().plan(&people, &policy());
    assert_eq!(plan.count(Action::Skip), 2);
    assert_eq!(plan.count(Action::Create), 1);
    assert!(plan.changes[1].reason.contains("`1`") && plan.changes[1].reason.contains("`2`"));
}

#[test]
fn bad_data_is_skipped_with_a_code_and_the_rest_goes_on() {
    let people = [
        person("1", &[("name", "A name that is far too long")]),
        person("2", &[("name", "Bert"), ("login_code", "12a4")]),
        person("3", &[("name", "")]),
        person("4", &[("name", "remotemanager")]),
        person("5", &[("name", "Eve"), ("email", "no address")]),
        person("6", &[("name", "Fay"), ("mobile_twinning_number", "+449001234")]),
        person("7", &[("name", "Gus"), ("extension", "112")]),
        person("8", &[("name", "Hal"), ("broken", "yes")]),
        person("9", &[("name", "Ida"), ("system", "Nowhere")]),
        person("good", &[("name", "Zoe")]),
    ];
    let plan = World::new().plan(&people, &policy());
    let codes: Vec<_> = plan.changes.iter().map(|c| c.why.first().map_or("-", |why| why.code.0)).collect();
    assert_eq!(codes, ["-", "E0402", "E0402", "E0401", "E0402", "E0402", "E0402", "E0402", "E0400", "E0407"]);
    assert!(plan.errored && plan.applyable);
}

#[test]
fn candidates_fall_through_to_the_first_that_is_free_and_stay() {
    let mut world = World::new();
    world.by_hand("Anna Berg", "");
    let people = [person("1", &[("name", "Anna Berg|A Berg|Anna Berg 2")])];
    world.sync(&people, &policy());
    world.user("A Berg");
    world.standing.users.remove("guid-1");
    assert!(world.plan(&people, &policy()).changes.is_empty(), "a linked user keeps what it has");
}

#[test]
fn a_record_that_was_read_is_never_missing() {
    let mut world = World::new();
    world.sync(&[person("1", &[("name", "Anna")])], &policy());
    let blank = [person("1", &[("name", ""), ("user_identification", "")])];
    world.memory.due = world.memory.links.keys().cloned().collect();
    let plan = world.plan(&blank, &policy());
    assert_eq!((plan.count(Action::Delete), plan.count(Action::Skip)), (0, 1));
    assert!(plan.missing.is_empty());
}

#[test]
fn a_leaver_waits_and_a_protected_one_stays() {
    let mut world = World::new();
    world.sync(&[person("1", &[("name", "Anna")]), person("2", &[("name", "Ops desk")])], &policy());
    let rest = [person("3", &[("name", "Cleo")])];
    assert_eq!(world.plan(&rest, &policy()).pending.len(), 1);
    world.let_grace_pass(&rest);
    let plan = world.plan(&rest, &policy());
    assert_eq!(
        shown(&plan),
        ["create 3 Cleo - [name]", "delete 1 Anna - [name]", "skip 2 Ops desk - [E0420]"]
    );
    assert!(!plan.errored, "a skip by choice is no error");
}

#[test]
fn a_changed_identification_is_the_same_person_and_a_reused_one_is_not() {
    let mut world = World::new();
    world.sync(&[person("1", &[("user_identification", "anna@x"), ("name", "Anna")])], &policy());
    let moved = [person("1", &[("user_identification", "anna.berg@x"), ("name", "Anna")])];
    let plan = world.plan(&moved, &policy());
    assert!(plan.changes.is_empty() && plan.present[0].1 == "anna.berg@x".into());
    let reused = [person("2", &[("user_identification", "anna@x"), ("name", "Other")])];
    let plan = world.plan(&reused, &policy());
    assert_eq!(shown(&plan), ["create anna@x Other - [name]"]);
    assert!(plan.diagnostics.iter().any(|d| d.code == codes::IDENTITY_REUSED));
}

#[test]
fn drift_is_told_apart_and_only_own_values_are_cleared() {
    let mut world = World::new();
    let full = person("1", &[("name", "Anna"), ("full_name", "Anna Berg"), ("email", "a@x.example")]);
    world.sync(std::slice::from_ref(&full), &policy());
    let guid = world.user("Anna").guid.clone();
    world.standing.users.get_mut(&guid).unwrap().fields.insert(Field::FullName, Value::from("By hand"));
    let plan = world.plan(&[full], &policy());
    assert!(plan.changes[0].fields[0].drift && plan.changes[0].reason.contains("by hand"));
    let plan = world.plan(&[person("1", &[("name", "Anna")])], &policy());
    assert_eq!(shown(&plan), ["update 1 Anna - [email]"], "the full name was changed by hand and stays");
    assert!(plan.changes[0].clears());
}

#[test]
fn on_update_once_and_never_and_keep() {
    let mut world = World::new();
    world.sync(&[person("1", &[("name", "Anna"), ("email", "a@x.example")])], &policy());
    let mut policy = policy();
    let people = [person("1", &[("name", "Anna"), ("email", "new@x.example")])];
    for on_update in [OnUpdate::Once, OnUpdate::Never] {
        policy.fields.get_mut(&Field::Email).unwrap().on_update = on_update;
        assert!(world.plan(&people, &policy).changes.is_empty());
    }
    policy.fields.get_mut(&Field::Email).unwrap().on_update = OnUpdate::Always;
    policy.fields.get_mut(&Field::Email).unwrap().when_empty = WhenEmpty::Keep;
    assert!(world.plan(&[person("1", &[("name", "Anna")])], &policy).changes.is_empty());
}

#[test]
fn only_memberships_that_this_job_wrote_are_taken_away() {
    let mut world = World::new();
    world.sync(&[person("1", &[("name", "Anna"), ("group_membership", "Sales")])], &policy());
    let guid = world.user("Anna").guid.clone();
    let both = Value::list_of(["Sales".into(), "Support".into()]).unwrap();
    world.standing.users.get_mut(&guid).unwrap().fields.insert(Field::GroupMembership, both);
    world.sync(&[person("1", &[("name", "Anna")])], &policy());
    assert_eq!(groups_of(&world.user("Anna").fields), ["Support".into()]);
}

#[test]
fn when_no_rule_decides() {
    let people = [person("1", &[("name", "Anna")])];
    for (when, expect) in [(WhenNoRule::Skip, false), (WhenNoRule::Error, true)] {
        let plan =
            World::new().plan(&people, &rollcall_core::policy::Policy { when_no_rule: when, ..policy() });
        assert_eq!((plan.count(Action::Skip), plan.errored), (1, expect));
    }
}

#[test]
fn an_owned_user_that_was_deleted_by_hand_is_reported_and_not_made_again() {
    let mut world = World::new();
    let people = [person("1", &[("name", "Anna")])];
    world.sync(&people, &policy());
    world.standing.users.clear();
    let plan = world.plan(&people, &policy());
    assert_eq!(shown(&plan), ["skip 1 Anna - [E0413]"]);
    assert_eq!(plan.vanished, 1);
}
