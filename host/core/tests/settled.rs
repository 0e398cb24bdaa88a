//! A plan that maps only whoever is not settled is the plan that maps everybody.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may panic")]

mod common;

use std::collections::BTreeMap;
use std::sync::Arc;

use common::{World, person, policy};
use proptest::prelude::*;
use rollcall_core::memory::{Link, Missing};
use rollcall_core::phone::{Group, PhoneUser, System};
use rollcall_core::plan::Plan;
use rollcall_core::policy::{Adopt, FieldPolicy, NumberPrecedence, OnUpdate, Policy};
use rollcall_core::settled::{Settled, disturbed};
use rollcall_core::{Field, Record, RecordId, Text, Value};

/// A person of the directory, from pools so small that user identifications, names and numbers clash.
#[derive(Clone, Debug)]
struct Row {
    id: u8,
    key: u8,
    name: u8,
    number: Option<u8>,
    spare: bool,
    rule: bool,
    groups: &'static str,
    broken: bool,
    home: &'static str,
    other: bool,
}

fn row() -> impl Strategy<Value = Row> {
    let groups =
        prop_oneof![3 => Just(""), 3 => Just("Sales"), 1 => Just("Sales|Support"), 1 => Just("Nowhere")];
    let home = prop_oneof![6 => Just(""), 1 => Just("London")];
    let number = (proptest::option::of(0u8..8), proptest::bool::weighted(0.2), any::<bool>());
    (
        0u8..10,
        proptest::option::weighted(0.2, 0u8..10),
        0u8..8,
        number,
        groups,
        proptest::bool::weighted(0.1),
        home,
        proptest::bool::weighted(0.2),
    )
        .prop_map(|(id, key, name, (number, spare, rule), groups, broken, home, other)| Row {
            id,
            key: key.unwrap_or(id),
            name,
            number,
            spare,
            rule,
            groups,
            broken,
            home,
            other,
        })
}

impl Row {
    fn record(&self) -> Record {
        let names = format!("Name {}|Name {}|Spare {}", self.name, (self.name + 1) % 8, self.id);
        let spare = if self.spare { format!("|20{}1", self.id) } else { String::new() };
        let number = self.number.map(|n| format!("20{n}0{spare}")).unwrap_or_default();
        let mut person = person(
            &format!("{:02}", self.id),
            &[
                ("user_identification", &format!("k{}", self.key)),
                ("name", &names),
                ("full_name", &format!("Full {}", self.name)),
                ("extension", &number),
                ("range", if self.rule { "2000-2090" } else { "" }),
                ("group_membership", self.groups),
                ("broken", if self.broken { "yes" } else { "" }),
                ("home", self.home),
            ],
        );
        if self.other {
            person.id.directory = "other".into();
        }
        person
    }
}

/// What somebody does between two runs to one of those who stand.
#[derive(Clone, Copy, Debug)]
enum Meanwhile {
    Renames(u8),
    SetsFullName,
    Deletes,
    Joins,
    Unlinks,
    Misses,
    MovesRecord,
    MakesUser(u8),
    MakesGroup,
}

fn meanwhile() -> impl Strategy<Value = (usize, Meanwhile)> {
    let what = prop_oneof![
        (0u8..8).prop_map(Meanwhile::Renames),
        Just(Meanwhile::SetsFullName),
        Just(Meanwhile::Deletes),
        Just(Meanwhile::Joins),
        Just(Meanwhile::Unlinks),
        Just(Meanwhile::Misses),
        Just(Meanwhile::MovesRecord),
        (0u8..8).prop_map(Meanwhile::MakesUser),
        Just(Meanwhile::MakesGroup),
    ];
    (0usize..10, what)
}

impl Meanwhile {
    fn happens(self, world: &mut World, whom: usize) {
        let stands =
            |world: &World, name: &str| world.standing.users.values().any(|user| user.name() == name);
        let guid = world.standing.users.keys().nth(whom).cloned();
        let link = world.memory.links.keys().nth(whom).cloned();
        let set = |world: &mut World, field, value: Value| {
            if let Some(user) = guid.as_ref().and_then(|guid| world.standing.users.get_mut(guid)) {
                user.fields.insert(field, value);
            }
        };
        match self {
            Self::Renames(name) => {
                let name = format!("Name {name}");
                if !stands(world, &name) {
                    set(world, Field::Name, Value::from(&*name));
                }
            }
            Self::SetsFullName => set(world, Field::FullName, Value::from("By hand")),
            Self::Joins => set(world, Field::GroupMembership, Value::List(["Support".into()].into())),
            Self::Deletes => _ = guid.and_then(|guid| world.standing.users.remove(&guid)),
            Self::Unlinks => _ = link.and_then(|id| world.memory.links.remove(&id)),
            Self::Misses => {
                if let Some(link) = link.and_then(|id| world.memory.links.get_mut(&id)) {
                    link.missing = Some(Missing { since_ms: 1, reads: 1 });
                }
            }
            Self::MovesRecord => {
                if let Some(record) = world.standing.extensions.get_mut(whom) {
                    record.number = format!("29{whom}0").into();
                }
            }
            Self::MakesGroup if world.standing.group("Nowhere").is_some() => {
                world.standing.groups.retain(|group| &*group.name != "Nowhere");
            }
            Self::MakesGroup => {
                let group = Group { name: "Nowhere".into(), extension: None, system: "Primary".into() };
                world.standing.groups.push(group);
            }
            Self::MakesUser(name) => {
                let name = format!("Name {name}");
                if !stands(world, &name) {
                    world.by_hand(&name, "");
                }
            }
        }
    }
}

/// What stands of a user on all three sides.
type Sides = (Record, Link, PhoneUser);

/// What was noted of settled users: how they stood, and what is left out for them.
type Noted = BTreeMap<RecordId, (Sides, Arc<[Text]>)>;

fn sides(world: &World, people: &[Record], id: &RecordId) -> Option<Sides> {
    let link = world.memory.links.get(id)?;
    let record = people.iter().find(|person| person.id == *id)?;
    Some((record.clone(), link.clone(), world.standing.users.get(&link.guid)?.clone()))
}

/// Plans as a run does that maps only whoever is not settled; gives whom it took as settled too.
fn partly(world: &World, people: &[Record], noted: &Noted, policy: &Policy) -> (Plan, Settled) {
    let mut world = world.clone();
    let as_noted = |id: &RecordId, was: &Sides| sides(&world, people, id).as_ref() == Some(was);
    let settled = noted.iter().filter(|(id, (was, _))| as_noted(id, was));
    world.memory.settled = settled.map(|(id, (_, left_out))| (id.clone(), left_out.clone())).collect();
    for id in disturbed(&world.mapped(people, policy), &world.memory) {
        world.memory.settled.remove(&id);
    }
    (world.plan_of(people, world.mapped(people, policy), policy), world.memory.settled)
}

fn policies() -> impl Strategy<Value = Policy> {
    (any::<[bool; 5]>(), proptest::bool::weighted(0.8)).prop_map(
        |([rule, once, adopt, update, first], new)| {
            let mut policy = policy();
            (policy.update, policy.new) = (update || once, new);
            policy.number_precedence =
                if rule { NumberPrecedence::Rule } else { NumberPrecedence::Directory };
            policy.adopt = adopt.then(Adopt::default);
            policy.precedence = [(Text::from("other"), 1)].into_iter().filter(|_| first).collect();
            if once {
                let always = FieldPolicy::default_of(Field::FullName);
                policy.fields.insert(Field::FullName, FieldPolicy { on_update: OnUpdate::Once, ..always });
            }
            policy
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, ..ProptestConfig::default() })]

    #[test]
    fn what_is_settled_need_not_be_mapped(
        steps in proptest::collection::vec(
            (proptest::collection::vec(row(), 1..4), proptest::collection::vec(meanwhile(), 0..3)), 2..7),
        first in proptest::collection::vec(row(), 4..10),
        leaves in proptest::collection::vec(0u8..40, 0..6),
        policy in policies(),
    ) {
        let mut world = World::new();
        world.quarantine = true;
        world.by_hand("Name 3", "2030");
        let mut directory: BTreeMap<u8, Row> = first.into_iter().map(|row| (row.id, row)).collect();
        let mut noted = Noted::new();
        for (step, (rows, events)) in steps.into_iter().enumerate() {
            directory.extend(rows.into_iter().filter(|_| step > 0).map(|row| (row.id, row)));
            if let Some(id) = leaves.get(step) {
                directory.remove(id);
            }
            let groups = world.standing.groups.clone();
            for (whom, event) in events {
                event.happens(&mut world, whom);
            }
            // Groups are the same for everybody, and a part of every mark.
            if world.standing.groups != groups {
                noted.clear();
            }
            let people: Vec<Record> = directory.values().map(Row::record).collect();
            world.let_grace_pass(&people);

            let whole = world.plan(&people, &policy);
            let (plan, settled) = partly(&world, &people, &noted, &policy);
            prop_assert_eq!(&plan.changes, &whole.changes);
            prop_assert_eq!(&plan.order, &whole.order);
            prop_assert_eq!(&plan.pending, &whole.pending);
            prop_assert_eq!(&plan.diagnostics, &whole.diagnostics);
            prop_assert_eq!(&plan.missing, &whole.missing);
            let figures = |plan: &Plan| (plan.owned, plan.vanished, plan.unchanged_users(), plan.applyable, plan.errored);
            prop_assert_eq!(figures(&plan), figures(&whole));
            // Of whoever is settled there is nothing new to note.
            let news = |plan: &Plan| -> Vec<_> {
                let known = |(id, key): &&(RecordId, _)| {
                    world.memory.links.get(id).is_some_and(|link| link.missing.is_none() && link.key == *key)
                };
                plan.present.iter().filter(|entry| !known(entry)).cloned().collect()
            };
            prop_assert_eq!(news(&plan), news(&whole));
            // Both find the same users settled.
            let found: Settled = plan.settled.clone().into_iter().chain(settled).collect();
            prop_assert_eq!(&found, &whole.settled);

            let known = |(id, left_out): (RecordId, _)| (id.clone(), (sides(&world, &people, &id).unwrap(), left_out));
            noted = found.into_iter().map(known).collect();
            // A plan that was refused leaves what is settled as it was.
            if step % 3 != 2 {
                world.apply(&whole);
            }
            for (id, key) in &whole.present {
                if let Some(link) = world.memory.links.get_mut(id) {
                    (link.key, link.missing) = (key.clone(), None);
                }
            }
            world.memory.due.clear();
        }
    }
}

#[test]
fn whoever_has_nothing_to_be_done_or_said_is_settled() {
    let check = |attributes: &[(&str, &str)], edit: fn(&mut World), expect: usize| {
        let mut world = World::new();
        let people = [person("anna", attributes)];
        world.sync(&people, &policy());
        edit(&mut world);
        let plan = world.plan(&people, &policy());
        assert_eq!(
            (plan.changes.len(), plan.unchanged.len(), plan.settled.len()),
            (0, 1, expect),
            "{attributes:?}"
        );
    };
    check(&[("name", "Anna|A Berg"), ("extension", "2001"), ("group_membership", "Sales")], |_| {}, 1);
    // Another number is promised to her, and no rule may give it to somebody else.
    check(&[("name", "Anna"), ("extension", "2001|2002")], |_| {}, 0);
    // A plan says each time that this group does not exist, and that is known with her.
    check(&[("name", "Anna"), ("group_membership", "Nowhere")], |_| {}, 1);
    // Her clock as a leaver is to be stopped.
    let missing = |world: &mut World| {
        let missing = Some(Missing { since_ms: 1, reads: 1 });
        world.memory.links.values_mut().for_each(|link| link.missing = missing);
    };
    check(&[("name", "Anna")], missing, 0);
    // The extension record of her number would be found on another number as soon as nobody has that.
    let strayed = |world: &mut World| {
        world.by_hand("Bert", "2009");
        world.standing.extensions.iter_mut().for_each(|record| record.number = "2009".into());
        world.memory.links.values_mut().for_each(|link| link.record = Some("2009".into()));
    };
    check(&[("name", "Anna"), ("range", "2000-2000")], strayed, 0);
    // Her rule would put her on another system than the one where she is.
    let london = |world: &mut World| {
        let london = System { name: "London".into(), ..System::default() };
        world.standing.systems.push(london);
        world.standing.users.values_mut().for_each(|user| user.system = "London".into());
    };
    check(&[("name", "Anna"), ("range", "2000-2009"), ("home", "Primary")], london, 0);
}
