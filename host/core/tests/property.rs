//! What must hold for any directory: a plan applied leaves nothing to do, no name or number is given twice, and the
//! same inputs give the same plan.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may panic")]

mod common;

use std::collections::BTreeSet;

use common::{World, person, policy, with};
use proptest::prelude::*;
use rollcall_core::plan::Action;
use rollcall_core::policy::{Adopt, NumberPrecedence, Policy};
use rollcall_core::{Field, Record};

/// One person: a number from a small pool, so that clashes, swaps and rings are common.
fn row() -> impl Strategy<Value = (u8, u8, Option<u8>, bool)> {
    (0u8..12, 0u8..8, proptest::option::of(0u8..8), any::<bool>())
}

fn people(rows: &[(u8, u8, Option<u8>, bool)]) -> Vec<Record> {
    let mut seen = BTreeSet::new();
    rows.iter()
        .filter(|row| seen.insert(row.0))
        .map(|(id, name, extension, rule)| {
            let names = format!("Name {name}|Name {}|Spare {id}", (name + 1) % 8);
            let extension = extension.map(|n| format!("20{n}0")).unwrap_or_default();
            let range = if *rule { "2000-2090" } else { "" };
            person(&format!("{id:02}"), &[("name", &names), ("extension", &extension), ("range", range)])
        })
        .collect()
}

/// A user that stands already: name, number and e-mail from the same small pools.
fn stands() -> impl Strategy<Value = (u8, Option<u8>, Option<u8>)> {
    (0u8..8, proptest::option::of(0u8..8), proptest::option::of(0u8..6))
}

fn keep() -> impl Strategy<Value = BTreeSet<Field>> {
    let fields = vec![Field::Name, Field::Extension, Field::Email, Field::GroupMembership];
    proptest::sample::subsequence(fields, 0..=4).prop_map(|fields| fields.into_iter().collect())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn any_history_converges(histories in proptest::collection::vec(proptest::collection::vec(row(), 1..12), 1..5),
        precedence in prop_oneof![Just(NumberPrecedence::Rule), Just(NumberPrecedence::Directory)],
    ) {
        let mut world = World::new();
        world.by_hand("Name 3", "2030");
        // With the directory's numbers first, users move off the numbers that rules gave them, records and all.
        let policy = || Policy { number_precedence: precedence, ..policy() };
        for rows in &histories {
            let people = people(rows);
            world.let_grace_pass(&people);
            let plan = world.plan(&people, &policy());
            let again = world.plan(&people, &policy());
            prop_assert_eq!(&plan.changes, &again.changes);
            prop_assert_eq!(&plan.order, &again.order);
            // Applying asserts that no name or number is ever held twice and that nothing is stale.
            world.apply(&plan);
            world.memory.due.clear();
            let after = world.plan(&people, &policy());
            prop_assert!(after.order.is_empty(), "still to do: {:?}", common::shown(&after));
        }
        world.user("Name 3");
    }

    #[test]
    fn any_office_is_taken_over_one_to_one(standing in proptest::collection::vec(stands(), 0..8),
        histories in proptest::collection::vec(proptest::collection::vec((row(), proptest::option::of(0u8..6)), 1..10), 1..4),
        keep in keep(),
    ) {
        let mut world = World::new();
        let (mut names, mut numbers) = (BTreeSet::new(), BTreeSet::new());
        for (name, number, email) in standing.iter().filter(|user| names.insert(user.0)) {
            let (name, email) = (format!("Name {name}"), email.map(|n| format!("p{n}@x.example")));
            let number = number.filter(|number| numbers.insert(*number)).map(|n| format!("20{n}0"));
            let mut fields = vec![(Field::Name, name.as_str())];
            fields.extend(number.as_deref().map(|number| (Field::Extension, number)));
            fields.extend(email.as_deref().map(|email| (Field::Email, email)));
            world.stands(&fields);
        }
        let adopting = || Policy {
            adopt: Some(Adopt { keep: keep.clone(), ..Adopt::default() }),
            number_precedence: NumberPrecedence::Directory,
            ..policy()
        };
        for rows in &histories {
            let plain: Vec<_> = rows.iter().map(|(row, _)| *row).collect();
            let mut people = people(&plain);
            for person in &mut people {
                let row = rows.iter().find(|(row, _)| *format!("{:02}", row.0) == *person.id.native).unwrap();
                let email = row.1.map(|n| format!("p{n}@x.example")).unwrap_or_default();
                *person = with(person, "email", &email);
            }
            let before = world.clone();
            let plan = world.plan(&people, &adopting());
            world.apply(&plan);
            // Whoever is not owned afterwards is as before, and nobody lost anything by being adopted.
            for (guid, user) in &before.standing.users {
                let owned = world.memory.links.values().any(|link| link.guid == *guid);
                prop_assert!(owned || world.standing.users.get(guid) == Some(user));
            }
            for change in plan.changes.iter().filter(|change| change.action == Action::Adopt) {
                prop_assert!(!change.clears(), "{change:?}");
            }
            let after = world.plan(&people, &adopting());
            prop_assert!(after.order.is_empty(), "still to do: {:?}", common::shown(&after));
        }
    }
}
