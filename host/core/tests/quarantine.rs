//! What leavers and movers free is held for them: whatever happens, nobody else is given it by allocation before its time.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may panic")]

mod common;

use std::collections::BTreeMap;

use common::{World, person, policy};
use proptest::prelude::*;
use rollcall_core::plan::{Action, Change, Plan};
use rollcall_core::policy::{NumberPrecedence, Policy};
use rollcall_core::text::fold;
use rollcall_core::{Field, Record, RecordId, Text, Value};

/// A person: who, which name of a small pool, perhaps a number of the directory, else one by rule.
fn row() -> impl Strategy<Value = (u8, u8, Option<u8>)> {
    (0u8..10, 0u8..6, proptest::option::weighted(0.3, 0u8..6))
}

fn people(rows: &[(u8, u8, Option<u8>)]) -> Vec<Record> {
    let rows: BTreeMap<u8, _> = rows.iter().map(|(id, name, number)| (*id, (name, number))).collect();
    rows.iter()
        .map(|(id, (name, number))| {
            let number = number.map(|n| format!("200{n}")).unwrap_or_default();
            let names = format!("Name {name}|Spare {id}");
            person(&format!("{id:02}"), &[("name", &names), ("extension", &number), ("range", "2000-2019")])
        })
        .collect()
}

/// Gives the name and the number that a change gives up.
fn freed(change: &Change) -> (Option<Text>, Option<Text>) {
    let given_up = |field| {
        let planned = change.field(field)?;
        let from = planned.from.as_ref().and_then(Value::text)?;
        let to = planned.to.as_ref().and_then(Value::text);
        (Some(fold(from)) != to.map(fold)).then(|| Text::from(from))
    };
    match change.action {
        Action::Delete => (change.name.clone(), change.extension.clone()),
        Action::Update => (given_up(Field::Name), given_up(Field::Extension)),
        _ => (None, None),
    }
}

fn nobody_gets_what_is_held(world: &World, plan: &Plan) -> Result<(), TestCaseError> {
    let freed_now: BTreeMap<String, &RecordId> =
        plan.changes.iter().filter_map(|change| Some((fold(&freed(change).0?), &change.id))).collect();
    for change in plan.changes.iter().filter(|change| change.field(Field::Name).is_some()) {
        if !matches!(change.action, Action::Create | Action::Update) {
            continue;
        }
        let name = fold(change.name.as_deref().unwrap_or_default());
        let holder = world.memory.held_names.get(name.as_str());
        prop_assert!(holder.is_none_or(|id| *id == change.id), "`{name}` is held for {holder:?}");
        let freed_by = freed_now.get(&name).filter(|_| change.action == Action::Create);
        prop_assert!(freed_by.is_none(), "`{name}` was freed by {freed_by:?} a moment ago");
    }
    for change in plan.changes.iter().filter(|change| change.action == Action::Create) {
        let by_rule = change.birth.as_ref().is_some_and(|birth| birth.number_by_rule);
        let Some(number) = change.extension.as_ref().filter(|_| by_rule) else { continue };
        let holder = world.memory.held_numbers.get(number);
        prop_assert!(holder.is_none_or(|id| *id == change.id), "{number} is held for {holder:?}");
        let freed_now = plan.changes.iter().any(|other| freed(other).1.as_ref() == Some(number));
        prop_assert!(!freed_now, "{number} was freed a moment ago");
    }
    Ok(())
}

fn hold(world: &mut World, plan: &Plan) {
    for change in &plan.changes {
        let (name, number) = freed(change);
        if let Some(name) = name {
            world.memory.held_names.insert(fold(&name).into(), change.id.clone());
        }
        if let Some(number) = number {
            world.memory.held_numbers.insert(number.clone(), change.id.clone());
            world.memory.former_numbers.insert(change.id.clone(), number);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn what_is_held_is_given_to_nobody_else(
        histories in proptest::collection::vec((proptest::collection::vec(row(), 1..10), any::<bool>()), 1..6),
        precedence in prop_oneof![Just(NumberPrecedence::Rule), Just(NumberPrecedence::Directory)],
    ) {
        let mut world = World::new();
        let policy = Policy { number_precedence: precedence, ..policy() };
        for (rows, quarantine_over) in &histories {
            if *quarantine_over {
                world.memory.held_names.clear();
                world.memory.held_numbers.clear();
                world.memory.former_numbers.clear();
            }
            let people = people(rows);
            world.let_grace_pass(&people);
            let plan = world.plan(&people, &policy);
            nobody_gets_what_is_held(&world, &plan)?;
            // Applying asserts that no name or number is ever held twice.
            world.apply(&plan);
            hold(&mut world, &plan);
            world.memory.due.clear();
            let after = world.plan(&people, &policy);
            prop_assert!(after.order.is_empty(), "still to do: {:?}", common::shown(&after));
        }
    }
}
