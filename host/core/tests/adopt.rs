//! Users that stand already: who is taken over, who is not and why, and what is written of it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may panic")]

mod common;

use std::collections::{BTreeMap, BTreeSet};

use common::{World, person, policy, shown};
use rollcall_core::field::{Field, groups_of};
use rollcall_core::guard::guard;
use rollcall_core::memory::{Elsewhere, MatchedBy, Unsure};
use rollcall_core::plan::Action;
use rollcall_core::policy::{Adopt, Limit, Limits, Policy};
use rollcall_core::{Record, RecordId};

use Field::{Email, Extension, FullName, GroupMembership, Name};

fn adopting() -> Policy {
    Policy { adopt: Some(Adopt::default()), ..policy() }
}

fn keeping(keep: &[Field]) -> Policy {
    let adopt = Adopt { keep: keep.iter().copied().collect(), ..Adopt::default() };
    Policy { adopt: Some(adopt), ..policy() }
}

type Stands<'a> = &'a [&'a [(Field, &'a str)]];
type Read<'a> = &'a [(&'a str, &'a [(&'a str, &'a str)])];

fn world(stands: Stands<'_>) -> World {
    let mut world = World::new();
    for user in stands {
        world.stands(user);
    }
    world
}

fn people(rows: Read<'_>) -> Vec<Record> {
    rows.iter().map(|(id, attributes)| person(id, attributes)).collect()
}

/// Who is taken over, and by what; who is not, with the codes of the reasons.
fn check(what: &str, stands: Stands<'_>, read: Read<'_>, expect: &[&str]) {
    let plan = world(stands).plan(&people(read), &adopting());
    let lines: Vec<String> = plan
        .changes
        .iter()
        .map(|change| match &change.adoption {
            Some(adoption) => {
                format!("{} = {} by {}", change.key, change.guid.as_ref().unwrap(), adoption.by.word())
            }
            None => {
                let codes: Vec<&str> = change.why.iter().map(|why| why.code.0).collect();
                format!("{} {} [{}]", change.action.word(), change.key, codes.join(" "))
            }
        })
        .collect();
    assert_eq!(lines, expect, "{what}");
}

#[test]
fn users_are_matched_by_email_then_extension_then_name() {
    check(
        "the e-mail goes first, whatever name and number say",
        &[
            &[(Name, "Anna"), (Extension, "2001"), (Email, "other@x.example")],
            &[(Name, "Bert"), (Email, "Anna@x.example")],
        ],
        &[("1", &[("name", "Anna B"), ("extension", "2009"), ("email", "anna@X.example")])],
        &["1 = guid-2 by email"],
    );
    check(
        "then the extension",
        &[&[(Name, "Reception"), (Extension, "2001")], &[(Name, "Anna")]],
        &[("1", &[("name", "Anna"), ("extension", "2001"), ("email", "anna@x.example")])],
        &["1 = guid-1 by extension"],
    );
    check(
        "then the name, without regard to case",
        &[&[(Name, "anna berg")]],
        &[("1", &[("name", "Anna Berg"), ("extension", "2001")])],
        &["1 = guid-1 by name"],
    );
    check(
        "a further candidate of a name is likely to be somebody else's",
        &[&[(Name, "A Berg")]],
        &[("1", &[("name", "Anna Berg|A Berg")])],
        &["create 1 []"],
    );
    check("nobody fits", &[&[(Name, "Reception")]], &[("1", &[("name", "Anna")])], &["create 1 []"]);
}

#[test]
fn one_to_one_or_not_at_all() {
    check(
        "two phone users of one e-mail address",
        &[&[(Name, "Anna"), (Email, "anna@x.example")], &[(Name, "Anna 2"), (Email, "anna@x.example")]],
        &[("1", &[("name", "Anna"), ("email", "anna@x.example")])],
        &["skip 1 [E0430]"],
    );
    check(
        "two directory users of one phone user",
        &[&[(Name, "Team"), (Email, "team@x.example")]],
        &[
            ("1", &[("name", "Anna"), ("email", "team@x.example")]),
            ("2", &[("name", "Bert"), ("email", "team@x.example")]),
        ],
        &["skip 1 [E0430]", "skip 2 [E0430]"],
    );
    check(
        "a user in dispute goes to no third one either",
        &[
            &[(Name, "Team"), (Extension, "2001"), (Email, "t@x.example")],
            &[(Name, "Team 2"), (Email, "t@x.example")],
        ],
        &[
            ("1", &[("name", "Anna"), ("email", "t@x.example")]),
            ("2", &[("name", "Bert"), ("extension", "2001")]),
        ],
        &["skip 1 [E0430]", "skip 2 [E0430]"],
    );
    check(
        "who is matched by e-mail is no candidate by name, and another Anna gets no name",
        &[&[(Name, "Anna"), (Email, "anna@x.example")]],
        &[("1", &[("name", "Anna"), ("email", "anna@x.example")]), ("2", &[("name", "Anna")])],
        &["1 = guid-1 by email", "skip 2 [E0404 E0431]"],
    );
}

#[test]
fn all_candidates_are_listed() {
    let world = world(&[
        &[(Name, "Anna"), (Extension, "2001"), (Email, "a@x.example")],
        &[(Name, "Anna 2"), (Email, "a@x.example")],
    ]);
    let plan = world.plan(&people(&[("1", &[("name", "Anna"), ("email", "a@x.example")])]), &adopting());
    let why = &plan.changes[0].why[0];
    assert!(why.message.contains("`Anna` (2001)") && why.message.contains("`Anna 2`"), "{}", why.message);
    assert!(why.hint.as_deref().unwrap().contains("rollcall link"));
    assert!(plan.errored && !plan.applyable);
}

#[test]
fn what_never_matches() {
    check(
        "two e-mail addresses that differ are two people",
        &[&[(Name, "Anna"), (Extension, "2001"), (Email, "anna.ek@x.example")]],
        &[("1", &[("name", "Anna"), ("extension", "2001"), ("email", "anna.berg@x.example")])],
        &["skip 1 [E0404 E0405 E0431]"],
    );
    check(
        "one that has none can be anybody",
        &[&[(Name, "Anna"), (Email, "anna.ek@x.example")]],
        &[("1", &[("name", "Anna")])],
        &["1 = guid-1 by name"],
    );
    check(
        "users that come with the system",
        &[&[(Name, "NoUser"), (Email, "a@x.example")], &[(Name, "ADMIN"), (Extension, "2001")]],
        &[
            ("1", &[("name", "Anna"), ("email", "a@x.example")]),
            ("2", &[("name", "Bert"), ("extension", "2001")]),
        ],
        &["create 1 []", "skip 2 [E0405 E0431]"],
    );
}

#[test]
fn owned_users_never_match() {
    let mut world = world(&[&[(Name, "Anna"), (Email, "a@x.example")]]);
    let mine = people(&[("1", &[("name", "Anna"), ("email", "a@x.example")])]);
    world.sync(&mine, &adopting());
    let both = people(&[
        ("1", &[("name", "Anna"), ("email", "a@x.example")]),
        ("2", &[("name", "Bert"), ("email", "a@x.example")]),
    ]);
    let plan = world.plan(&both, &adopting());
    assert_eq!(shown(&plan), ["create 2 Bert - [name email]"]);
    let note = plan.diagnostics.iter().find(|d| d.code.0 == "E0431").unwrap();
    assert!(note.message.contains("this job's own, for `1`"), "{}", note.message);

    let mut other = World::new();
    let guid = other.stands(&[(Name, "Anna"), (Email, "a@x.example")]);
    other.memory.elsewhere.insert(guid, Elsewhere { job: "Other".into(), key: "x".into() });
    let plan = other.plan(&mine, &adopting());
    assert_eq!(shown(&plan), ["skip 1 Anna - [E0404 E0431]"]);
    assert!(plan.changes[0].reason.contains("of the job `Other`"), "{}", plan.changes[0].reason);
}

#[test]
fn a_person_whom_another_job_owns_is_left_to_it_by_choice() {
    let mut world = World::new();
    let owner = Elsewhere { job: "Other".into(), key: "1".into() };
    world.memory.others_records.insert(RecordId { directory: "test".into(), native: "1".into() }, owner);
    let plan = world.plan(&people(&[("1", &[("name", "Anna|A Berg")])]), &policy());
    assert_eq!(shown(&plan), ["skip 1 Anna - [E0418]"]);
    assert!(!plan.errored);
}

#[test]
fn a_user_that_an_interrupted_run_may_have_made_is_not_taken_over() {
    let mut world = world(&[&[(Name, "Anna"), (Email, "a@x.example")]]);
    world.memory.unsure.push(Unsure { run: "r1".into(), name: Some("anna".into()), extension: None });
    let plan = world.plan(&people(&[("1", &[("name", "A Berg"), ("email", "a@x.example")])]), &adopting());
    assert_eq!(shown(&plan), ["skip 1 A Berg - [E0431]"]);
    assert!(plan.errored && plan.changes[0].reason.contains("r1"));
}

#[test]
fn without_the_table_a_clash_names_it() {
    let world = world(&[&[(Name, "Anna"), (Extension, "2001"), (Email, "a@x.example")]]);
    let clash = people(&[("1", &[("name", "Anna")]), ("2", &[("name", "Bert"), ("extension", "2001")])]);
    let plan = world.plan(&clash, &policy());
    assert_eq!(shown(&plan), ["skip 1 Anna - [E0404]", "skip 2 Bert - [E0405]"]);
    for change in &plan.changes {
        assert!(change.why[0].hint.as_deref().unwrap().contains("`[adopt]`"), "{:?}", change.why[0].hint);
    }
}

#[test]
fn an_adopted_user_is_linked_written_and_quiet_the_next_time() {
    let mut world = world(&[&[
        (Name, "ABerg"),
        (Extension, "2001"),
        (Email, "a@x.example"),
        (FullName, "A. Berg"),
        (GroupMembership, "Support"),
    ]]);
    let read = people(&[(
        "1",
        &[
            ("name", "Anna Berg"),
            ("extension", "2999"),
            ("email", "a@x.example"),
            ("full_name", "Anna Berg"),
            ("group_membership", "Sales"),
        ],
    )]);
    let plan = world.sync(&read, &adopting());
    assert_eq!(shown(&plan), ["adopt 1 ABerg 2001 [full_name group_membership]"]);
    let change = &plan.changes[0];
    assert!(change.reason.contains("name (the directory gives `Anna Berg`)"), "{}", change.reason);
    assert_eq!(groups_of(&world.user("ABerg").fields), ["Sales".into(), "Support".into()]);
    assert!(world.plan(&read, &adopting()).changes.is_empty());
    assert!(world.plan(&read, &policy()).changes.is_empty(), "also once the table is gone");

    // The directory's values change: e-mail and, now, the kept name.
    let changed = people(&[(
        "1",
        &[
            ("name", "Anna Ek"),
            ("extension", "2999"),
            ("email", "ek@x.example"),
            ("full_name", "Anna Berg"),
            ("group_membership", "Sales"),
        ],
    )]);
    let plan = world.sync(&changed, &adopting());
    assert_eq!(shown(&plan), ["update 1 Anna Ek 2001 [name email]"]);
    assert!(plan.changes[0].fields.iter().all(|field| !field.drift));
    assert!(world.plan(&changed, &adopting()).changes.is_empty());

    // Back to what it gave at the adoption: that is a change too.
    assert_eq!(shown(&world.plan(&read, &adopting())), ["update 1 Anna Berg 2001 [name email]"]);
}

#[test]
fn a_hand_made_membership_of_an_adopted_user_is_never_taken_away() {
    let mut world = world(&[&[(Name, "Anna"), (GroupMembership, "Sales|Support")]]);
    let with = |groups: &'static str| people(&[("1", &[("name", "Anna"), ("group_membership", groups)])]);
    assert_eq!(shown(&world.sync(&with("Sales"), &adopting())), ["adopt 1 Anna - []"]);
    assert!(world.plan(&with(""), &adopting()).changes.is_empty());
}

#[test]
fn nothing_is_cleared_by_an_adoption_and_only_what_agreed_is_cleared_later() {
    let mut world = world(&[&[(Name, "Anna"), (Email, "a@x.example"), (FullName, "Anna Berg")]]);
    let plan = world.sync(&people(&[("1", &[("name", "Anna"), ("email", "a@x.example")])]), &adopting());
    assert_eq!(shown(&plan), ["adopt 1 Anna - []"]);
    let plan = world.plan(&people(&[("1", &[("name", "Anna")])]), &adopting());
    assert_eq!(shown(&plan), ["update 1 Anna - [email]"]);
}

#[test]
fn keep_decides_what_stays_and_for_how_long() {
    let stands: Stands<'_> =
        &[&[(Name, "ABerg"), (Extension, "2001"), (Email, "a@x.example"), (FullName, "A.")]];
    let read = people(&[(
        "1",
        &[("name", "Anna"), ("extension", "2002"), ("email", "a@x.example"), ("full_name", "Anna")],
    )]);
    let fields = |keep: &[Field]| shown(&world(stands).plan(&read, &keeping(keep)));
    assert_eq!(fields(&[]), ["adopt 1 Anna 2002 [name full_name extension]"]);
    assert_eq!(fields(&[Name]), ["adopt 1 ABerg 2002 [full_name extension]"]);
    assert_eq!(fields(&[Name, Extension, FullName]), ["adopt 1 ABerg 2001 []"]);

    let mut kept = world(stands);
    kept.sync(&read, &keeping(&[Name, Extension, FullName]));
    assert!(kept.plan(&read, &keeping(&[])).changes.is_empty(), "what was kept stays kept");
}

#[test]
fn kept_groups_are_not_taken_for_our_own() {
    let mut world = world(&[&[(Name, "Anna"), (GroupMembership, "Support")]]);
    let with = |groups: &'static str| people(&[("1", &[("name", "Anna"), ("group_membership", groups)])]);
    let policy = keeping(&[GroupMembership]);
    assert_eq!(shown(&world.sync(&with("Sales"), &policy)), ["adopt 1 Anna - []"]);
    assert_eq!(groups_of(&world.user("Anna").fields), ["Support".into()]);
    world.sync(&with("Sales|Support"), &policy);
    assert_eq!(groups_of(&world.user("Anna").fields), ["Sales".into(), "Support".into()]);
}

#[test]
fn the_ticks_hold_for_adoptions() {
    let stands: Stands<'_> = &[&[(Name, "Anna"), (FullName, "A."), (Email, "a@x.example")]];
    let read = people(&[("1", &[("name", "Anna"), ("full_name", "Anna Berg"), ("email", "a@x.example")])]);
    let with = |new, update| shown(&world(stands).plan(&read, &Policy { new, update, ..adopting() }));
    assert_eq!(with(true, true), ["adopt 1 Anna - [full_name]"]);
    assert_eq!(with(true, false), ["adopt 1 Anna - []"]);
    assert_eq!(with(false, true), ["skip 1 Anna - [E0508]"]);
}

#[test]
fn a_run_that_nobody_watches_adopts_only_where_it_may() {
    let stands: Stands<'_> = &[&[(Name, "Anna"), (Email, "a@x.example")]];
    let read = people(&[("1", &[("name", "Anna|A Berg"), ("email", "a@x.example")])]);
    let with = |attended, unattended| {
        let adopt = Some(Adopt { unattended, ..Adopt::default() });
        world(stands).plan(&read, &Policy { adopt, attended, ..policy() })
    };
    assert_eq!(shown(&with(true, false)), ["adopt 1 Anna - []"]);
    assert_eq!(shown(&with(false, true)), ["adopt 1 Anna - []"]);
    let held = with(false, false);
    assert_eq!(shown(&held), ["skip 1 Anna - [E0432]"], "and it is not made a second time");
    assert!(!held.errored);
}

#[test]
fn the_guard_counts_what_adoptions_change() {
    let mut world = World::new();
    let mut rows = Vec::new();
    for n in 0..6 {
        let (name, email) = (format!("User {n}"), format!("u{n}@x.example"));
        world.stands(&[(Name, &name), (Email, &email), (FullName, "Somebody")]);
        let full_name = if n < 4 { "Another" } else { "Somebody" };
        rows.push(person(&n.to_string(), &[("name", &name), ("email", &email), ("full_name", full_name)]));
    }
    let plan = world.plan(&rows, &adopting());
    assert_eq!((plan.count(Action::Adopt), plan.updates()), (6, 4));
    assert!(plan.changes.iter().all(|change| !change.clears()));
    let limits = |max| Limits { max_update: Some(Limit::Count(max)), ..Limits::default() };
    assert!(guard(&plan, &limits(4), &world.memory, &BTreeMap::new()).is_ok());
    assert!(guard(&plan, &limits(3), &world.memory, &BTreeMap::new()).is_err());
}

#[test]
fn a_record_of_an_adopted_user_moves_with_the_number_and_stays_when_the_user_goes() {
    let mut world = world(&[&[(Name, "Anna"), (Extension, "2001"), (Email, "a@x.example")]]);
    world.standing.extensions.push(rollcall_core::phone::Extension {
        guid: "record".into(),
        number: "2001".into(),
        system: "Primary".into(),
        kind: Some("SIP".into()),
        template: None,
        hardware: false,
    });
    let read = people(&[("1", &[("name", "Anna"), ("extension", "2005"), ("email", "a@x.example")])]);
    world.sync(&read, &keeping(&[]));
    assert_eq!(&*world.standing.extensions[0].number, "2005");
    let rest = people(&[("2", &[("name", "Bert")])]);
    world.let_grace_pass(&rest);
    assert_eq!(world.sync(&rest, &adopting()).count(Action::Delete), 1);
    assert_eq!(world.standing.extensions.len(), 1, "this job did not make the record");
}

#[test]
fn nobody_is_moved_about_before_the_job_owns_it() {
    let ring: Stands<'_> =
        &[&[(Name, "Anna"), (Email, "b@x.example")], &[(Name, "Bert"), (Email, "a@x.example")]];
    let read = people(&[
        ("1", &[("name", "Anna"), ("email", "a@x.example")]),
        ("2", &[("name", "Bert"), ("email", "b@x.example")]),
    ]);
    let plan = world(ring).plan(&read, &keeping(&[]));
    assert_eq!(plan.count(Action::Adopt), 0);
    assert_eq!(plan.count(Action::Skip), 2);
    let plan = world(ring).plan(&read, &adopting());
    assert_eq!(plan.count(Action::Adopt), 2, "names are kept by default");
}

#[test]
fn ways_of_matching_have_words() {
    let words: BTreeSet<&str> = MatchedBy::ALL.iter().map(|by| by.word()).collect();
    assert_eq!(words.len(), MatchedBy::ALL.len());
    for by in MatchedBy::ALL {
        assert_eq!(MatchedBy::by_word(by.word()), Some(by));
    }
    assert_eq!(MatchedBy::by_word("e-mail"), None);
}
