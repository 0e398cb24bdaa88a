//! What must hold for any directory: a plan applied leaves nothing to do, no name or number is given twice, and the
//! same inputs give the same plan.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may panic")]

mod common;

use common::{World, person, policy};
use proptest::prelude::*;
use rollcall_core::Record;
use rollcall_core::policy::{NumberPrecedence, Policy};

/// One person: a number from a small pool, so that clashes, swaps and rings are common.
fn row() -> impl Strategy<Value = (u8, u8, Option<u8>, bool)> {
    (0u8..12, 0u8..8, proptest::option::of(0u8..8), any::<bool>())
}

fn people(rows: &[(u8, u8, Option<u8>, bool)]) -> Vec<Record> {
    let mut seen = std::collections::BTreeSet::new();
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
}
