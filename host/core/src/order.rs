//! The order in which a plan is written: what frees a name or number comes before what takes it.
//!
//! Where users want one another's values in a ring, one of them moves to a temporary value first.

use std::collections::{BTreeMap, BTreeSet};

use crate::claims::Claims;
use crate::codes;
use crate::diag::Diagnostic;
use crate::field::{Field, Value};
use crate::plan::{Action, Change};
use crate::text::{Text, fold};

/// One move of the apply.
#[derive(Clone, Debug, PartialEq)]
pub enum Move {
    /// Writes a change; the place of it in the plan.
    Do(usize),
    /// Gives a user a temporary name or number, because others wait for the one it has.
    Park {
        /// The place of the change in the plan.
        change: usize,
        /// `Name` or `Extension`.
        field: Field,
        /// The temporary value.
        value: Text,
    },
}

impl Move {
    /// Gives the place of its change in the plan.
    pub const fn change(&self) -> usize {
        match self {
            Move::Do(change) | Move::Park { change, .. } => *change,
        }
    }
}

/// How far down from the top of its digits a temporary number is looked for.
const TEMPORARY_TRIES: u64 = 10_000;

/// A name or a number that somebody has and somebody else wants.
pub type Good = (Field, String);

/// Orders the changes. Changes that no order can serve become skips.
pub(crate) fn order(changes: &mut [Change], claims: &Claims<'_>) -> Vec<Move> {
    loop {
        match try_order(changes, claims) {
            Ok(moves) => return moves,
            Err(ring) => skip_ring(changes, &ring),
        }
    }
}

fn rank(action: Action) -> u8 {
    match action {
        Action::Delete => 0,
        Action::Update => 1,
        Action::Adopt => 2,
        Action::Create => 3,
        Action::Skip => 4,
    }
}

struct Graph<'c> {
    changes: &'c [Change],
    /// Who frees a good.
    freed_by: BTreeMap<Good, usize>,
    /// For each change: the goods that it still waits for.
    waits: BTreeMap<usize, BTreeSet<Good>>,
    parked: BTreeSet<Good>,
}

fn try_order(changes: &[Change], claims: &Claims<'_>) -> Result<Vec<Move>, Vec<usize>> {
    let mut graph = graph(changes);
    let mut left: BTreeSet<(u8, usize)> = changes
        .iter()
        .enumerate()
        .filter(|(_, change)| change.action != Action::Skip)
        .map(|(index, change)| (rank(change.action), index))
        .collect();
    let mut ready: BTreeSet<(u8, usize)> =
        left.iter().filter(|(_, index)| !graph.waits.contains_key(index)).copied().collect();
    let mut temporary = Temporary { used: BTreeSet::new() };
    let mut moves = Vec::new();
    while let Some(&first) = left.first() {
        if let Some(next) = ready.pop_first() {
            left.remove(&next);
            moves.push(Move::Do(next.1));
            let (freed, _) = goods(&graph.changes[next.1]);
            release(&mut graph, &freed, &mut ready);
            continue;
        }
        let ring = ring(&graph, first.1);
        // Somebody who is being adopted is not moved about before the job owns it.
        let owned = ring.iter().filter(|index| changes[**index].action != Action::Adopt);
        let Some(&member) = owned.min() else { return Err(ring) };
        let wanted: BTreeSet<Good> = graph.waits.values().flatten().cloned().collect();
        let freed: Vec<Good> = goods(&changes[member])
            .0
            .into_iter()
            .filter(|good| wanted.contains(good) && !graph.parked.contains(good))
            .collect();
        for (field, value) in &freed {
            let Some(value) = temporary.find(*field, value, claims) else { return Err(ring) };
            moves.push(Move::Park { change: member, field: *field, value });
        }
        if freed.is_empty() {
            return Err(ring);
        }
        graph.parked.extend(freed.iter().cloned());
        release(&mut graph, &freed, &mut ready);
    }
    Ok(moves)
}

fn graph<'c>(changes: &'c [Change]) -> Graph<'c> {
    let mut freed_by = BTreeMap::new();
    for (index, change) in changes.iter().enumerate() {
        for good in goods(change).0 {
            freed_by.insert(good, index);
        }
    }
    let mut waits: BTreeMap<usize, BTreeSet<Good>> = BTreeMap::new();
    for (index, change) in changes.iter().enumerate() {
        let needed: BTreeSet<Good> = goods(change)
            .1
            .into_iter()
            .filter(|good| freed_by.get(good).is_some_and(|other| *other != index))
            .collect();
        if !needed.is_empty() {
            waits.insert(index, needed);
        }
    }
    Graph { changes, freed_by, waits, parked: BTreeSet::new() }
}

/// Gives the names and numbers that a change frees, and those that it takes.
pub fn goods(change: &Change) -> (Vec<Good>, Vec<Good>) {
    let (mut frees, mut takes) = (Vec::new(), Vec::new());
    if change.action == Action::Skip {
        return (frees, takes);
    }
    for field in [Field::Name, Field::Extension] {
        let Some(change) = change.field(field) else { continue };
        let good = |value: &Option<Value>| {
            let text = value.as_ref().and_then(Value::text)?;
            Some((field, if field == Field::Name { fold(text) } else { text.to_owned() }))
        };
        let (from, to) = (good(&change.from), good(&change.to));
        if from != to {
            frees.extend(from);
            takes.extend(to);
        }
    }
    // An extension record that moves or goes frees its own number too, where that is another one.
    let record = change.record.as_ref().map(|number| (Field::Extension, number.to_string()));
    frees.extend(record.filter(|good| !frees.contains(good)));
    (frees, takes)
}

fn release(graph: &mut Graph<'_>, freed: &[Good], ready: &mut BTreeSet<(u8, usize)>) {
    let mut done = Vec::new();
    for (&index, needed) in &mut graph.waits {
        needed.retain(|good| !freed.contains(good));
        if needed.is_empty() {
            done.push(index);
        }
    }
    for index in done {
        graph.waits.remove(&index);
        ready.insert((rank(graph.changes[index].action), index));
    }
}

/// Follows who waits for whom from `start` until it comes round, and gives the ring.
fn ring(graph: &Graph<'_>, start: usize) -> Vec<usize> {
    let mut path = vec![start];
    let mut at = start;
    loop {
        let Some(next) =
            graph.waits.get(&at).and_then(|needed| needed.first()).and_then(|good| graph.freed_by.get(good))
        else {
            return path;
        };
        if let Some(begin) = path.iter().position(|index| index == next) {
            return path.split_off(begin);
        }
        path.push(*next);
        at = *next;
    }
}

struct Temporary {
    used: BTreeSet<Text>,
}

impl Temporary {
    fn find(&mut self, field: Field, value: &str, claims: &Claims<'_>) -> Option<Text> {
        let found: Text = match field {
            Field::Name => (1..=TEMPORARY_TRIES)
                .map(|n| Text::from(format!("moving {n}")))
                .find(|name| claims.name_unknown(name) && !self.used.contains(name))?,
            _ => {
                let top = 10u64.checked_pow(u32::try_from(value.len()).ok()?)? - 1;
                (0..TEMPORARY_TRIES.min(top))
                    .map(|down| Text::from((top - down).to_string()))
                    .filter(|number| number.len() == value.len())
                    .find(|number| claims.number_unknown(number) && !self.used.contains(number))?
            }
        };
        self.used.insert(found.clone());
        Some(found)
    }
}

fn skip_ring(changes: &mut [Change], ring: &[usize]) {
    let members: Vec<String> = ring.iter().map(|&index| format!("`{}`", changes[index].key)).collect();
    let message = format!(
        "these users want one another's names or numbers, and no temporary one is free: {}",
        members.join(", ")
    );
    for &index in ring {
        let change = &mut changes[index];
        change.action = Action::Skip;
        change.fields.clear();
        change.adoption = None;
        change.reason.clone_from(&message);
        change.why = vec![Diagnostic::error(codes::NUMBER_TAKEN, message.clone()).user(change.key.clone())];
    }
}
