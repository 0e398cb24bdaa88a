//! What must hold over months of joiners, leavers and returns: nobody is deleted before the grace is over, no name or
//! number is given inside its quarantine to anybody but its former owner, and who comes back has what he had.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may panic")]

mod common;

use std::collections::BTreeMap;

use common::{World, person, policy};
use proptest::prelude::*;
use rollcall_core::memory::Missing;
use rollcall_core::plan::{Action, Plan};
use rollcall_core::text::fold;
use rollcall_core::{Cell, Record, RecordId, Text};

const GRACE_DAYS: i64 = 7;
const QUARANTINE_DAYS: i64 = 90;

/// One reading: who is in the directory, with name, number of the directory and whether a rule gives one, and how many
/// days pass before it.
#[derive(Clone, Debug)]
struct Reading {
    days: i64,
    rows: Vec<(u8, u8, Option<u8>, bool)>,
}

fn reading() -> impl Strategy<Value = Reading> {
    let row = (0u8..9, 0u8..6, proptest::option::weighted(0.2, 0u8..6), proptest::bool::weighted(0.8));
    let days = prop_oneof![0i64..3, 5i64..9, 80i64..100];
    (days, proptest::collection::vec(row, 1..9)).prop_map(|(days, rows)| Reading { days, rows })
}

fn people(rows: &[(u8, u8, Option<u8>, bool)]) -> Vec<Record> {
    let mut seen = std::collections::BTreeSet::new();
    rows.iter()
        .filter(|row| seen.insert(row.0))
        .map(|(id, name, number, rule)| {
            let names = format!("Name {name}|NAME {name} b|Spare {id}");
            let number = number.map(|n| format!("200{n}")).unwrap_or_default();
            // A range of ten numbers, of which the directory gives some, so that it runs out at times.
            let range = if *rule { "2000-2009" } else { "" };
            person(&format!("{id:02}"), &[("name", &names), ("extension", &number), ("range", range)])
        })
        .collect()
}

/// What a leaver has freed: a name (folded) or a number, whose it was, and when.
type Freed = BTreeMap<(bool, Text), (RecordId, i64)>;

struct Life {
    world: World,
    freed: Freed,
    today: i64,
}

impl Life {
    /// Turns what is remembered into facts of today, as the engine does.
    fn recall(&mut self) {
        let memory = &mut self.world.memory;
        let due = |missing: &Missing| missing.reads >= 1 && self.today - missing.since_ms >= GRACE_DAYS;
        memory.due = memory
            .links
            .values()
            .filter(|link| link.missing.as_ref().is_some_and(due))
            .map(|link| link.id.clone())
            .collect();
        let held = self.freed.iter().filter(|(_, (_, since))| self.today - since < QUARANTINE_DAYS);
        let (names, numbers): (Vec<_>, Vec<_>) = held
            .map(|((is_name, value), (id, _))| (*is_name, value.clone(), id.clone()))
            .partition(|held| held.0);
        let mut last: BTreeMap<&RecordId, (i64, &Text)> = BTreeMap::new();
        for ((is_name, value), (id, since)) in &self.freed {
            let held = !is_name && self.today - since < QUARANTINE_DAYS;
            if held && last.get(id).is_none_or(|(before, _)| before <= since) {
                last.insert(id, (*since, value));
            }
        }
        memory.former_numbers =
            last.into_iter().map(|(id, (_, value))| (id.clone(), value.clone())).collect();
        memory.held_names = names.into_iter().map(|(_, value, id)| (value, id)).collect();
        memory.held_numbers = numbers.into_iter().map(|(_, value, id)| (value, id)).collect();
    }

    /// Notes which clocks run and what was freed.
    fn remember(&mut self, plan: &Plan) {
        for id in &plan.missing {
            if let Some(link) = self.world.memory.links.get_mut(id) {
                let missing = link.missing.get_or_insert(Missing { since_ms: self.today, reads: 0 });
                missing.reads += 1;
            }
        }
        for (id, _) in &plan.present {
            if let Some(link) = self.world.memory.links.get_mut(id) {
                link.missing = None;
            }
        }
        for change in plan.changes.iter().filter(|change| change.action == Action::Delete) {
            let name = change.name.as_ref().map(|name| (true, Text::from(fold(name))));
            let number = change.extension.clone().map(|number| (false, number));
            for freed in name.into_iter().chain(number) {
                self.freed.insert(freed, (change.id.clone(), self.today));
            }
        }
    }

    /// Demands that a plan breaks no promise.
    fn judge(&self, plan: &Plan, people: &[Record]) {
        let held = |is_name: bool, value: &str| {
            let (id, since) = self.freed.get(&(is_name, value.into()))?;
            (self.today - since < QUARANTINE_DAYS).then_some(id)
        };
        for change in &plan.changes {
            match change.action {
                Action::Delete => {
                    let missing = self.world.memory.links[&change.id].missing.unwrap();
                    assert!(missing.reads >= 1 && self.today - missing.since_ms >= GRACE_DAYS, "too early");
                }
                Action::Create => {
                    let name = fold(change.name.as_ref().unwrap());
                    let whose = held(true, &name);
                    assert!(whose.is_none_or(|id| *id == change.id), "the name `{name}` is in quarantine");
                    let (Some(number), true) =
                        (&change.extension, change.birth.as_ref().unwrap().number_by_rule)
                    else {
                        continue;
                    };
                    let whose = held(false, number);
                    assert!(whose.is_none_or(|id| *id == change.id), "the number {number} is in quarantine");
                    self.came_back(plan, people, &change.id, number);
                }
                Action::Adopt | Action::Update | Action::Skip => {}
            }
        }
    }

    /// Who comes back gets the former number where nobody has come to have it.
    fn came_back(&self, plan: &Plan, people: &[Record], id: &RecordId, number: &Text) {
        let mut own = self.freed.iter().filter(|((is_name, _), (whose, since))| {
            !is_name && whose == id && self.today - since < QUARANTINE_DAYS
        });
        let Some(((_, former), _)) = own.next().filter(|_| own.next().is_none()) else { return };
        let stands = self.world.standing.users.values().any(|user| user.extension() == Some(former))
            || self.world.standing.extension(former).is_some();
        let given =
            plan.changes.iter().any(|other| other.id != *id && other.extension.as_ref() == Some(former));
        // What the directory gives anybody in this reading, no rule gives.
        let promised = people.iter().any(|person| *person.get("extension") == Cell::Text(former.clone()));
        assert!(
            number == former || stands || given || promised,
            "{former} is free, and {number} was given instead"
        );
    }
}

/// How many plans more it may take until everybody who waits for a freed number has it.
const ROUNDS: usize = 3;

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, ..ProptestConfig::default() })]

    #[test]
    fn months_of_joiners_leavers_and_returns(readings in proptest::collection::vec(reading(), 2..14)) {
        let mut life = Life { world: World::new(), freed: Freed::new(), today: 0 };
        life.world.by_hand("Name 3", "2003");
        for reading in &readings {
            life.today += reading.days;
            life.recall();
            let people = people(&reading.rows);
            let plan = life.world.plan(&people, &policy());
            life.judge(&plan, &people);
            // Applying asserts that no name or number is ever held twice and that nothing is stale.
            life.world.apply(&plan);
            life.remember(&plan);
            life.recall();
            let mut after = life.world.plan(&people, &policy());
            // No rule allocates what its own plan frees, so that who waits for a former number follows with a later one.
            for _ in 0..ROUNDS {
                let only_joiners =
                    after.changes.iter().all(|change| matches!(change.action, Action::Create | Action::Skip));
                prop_assert!(only_joiners, "not settled: {:?}", common::shown(&after));
                life.judge(&after, &people);
                life.world.apply(&after);
                life.remember(&after);
                life.recall();
                after = life.world.plan(&people, &policy());
            }
            prop_assert!(after.order.is_empty(), "still to do: {:?}", common::shown(&after));
        }
        life.world.user("Name 3");
    }
}
