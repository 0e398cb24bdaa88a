//! Which moves of a plan may be under way together: those of which none touches what another does.

use std::collections::BTreeSet;

use crate::field::Field;
use crate::order::{Good, Move, goods};
use crate::plan::{Action, Change};
use crate::record::RecordId;
use crate::text::fold;

/// How much a phone system takes at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AtOnce {
    /// How many calls.
    pub calls: usize,
    /// How many of them may be about users that stand already.
    pub updates: usize,
}

impl AtOnce {
    /// One call after another.
    pub const ONE: Self = Self { calls: 1, updates: 1 };
}

/// Cuts moves, in their order, into waves. No two moves of a wave are about one person, or touch one name or number, and
/// nobody is made beside somebody who is deleted, whose room or licence may be meant for the new one: it does not matter
/// which of them is done first. Each waits for everything in the waves before its own.
pub fn waves<'m>(changes: &[Change], moves: &'m [Move], at_once: AtOnce) -> Vec<&'m [Move]> {
    let mut waves = Vec::new();
    let (mut begin, mut wave) = (0, Wave::default());
    for (place, step) in moves.iter().enumerate() {
        let change = &changes[step.change()];
        let touched = touched(change, step);
        if !wave.takes(change, &touched, at_once) {
            waves.push(&moves[begin..place]);
            (begin, wave) = (place, Wave::default());
        }
        wave.add(change, touched);
    }
    if begin < moves.len() {
        waves.push(&moves[begin..]);
    }
    waves
}

/// What the moves of a wave touch.
#[derive(Default)]
struct Wave<'c> {
    people: BTreeSet<&'c RecordId>,
    goods: BTreeSet<Good>,
    actions: BTreeSet<Action>,
    calls: usize,
    updates: usize,
}

impl<'c> Wave<'c> {
    fn takes(&self, change: &Change, touched: &[Good], at_once: AtOnce) -> bool {
        let updates = self.updates + usize::from(stands(change));
        let replaces = match change.action {
            Action::Create => self.actions.contains(&Action::Delete),
            Action::Delete => self.actions.contains(&Action::Create),
            Action::Adopt | Action::Update | Action::Skip => false,
        };
        self.calls == 0
            || self.calls < at_once.calls
                && updates <= at_once.updates
                && !replaces
                && !self.people.contains(&change.id)
                && !touched.iter().any(|good| self.goods.contains(good))
    }

    fn add(&mut self, change: &'c Change, touched: Vec<Good>) {
        self.people.insert(&change.id);
        self.goods.extend(touched);
        self.actions.insert(change.action);
        self.calls += 1;
        self.updates += usize::from(stands(change));
    }
}

/// Tells whether the user stands before and after the change.
fn stands(change: &Change) -> bool {
    matches!(change.action, Action::Update | Action::Adopt)
}

/// Gives every name and number that a move has to do with.
fn touched(change: &Change, step: &Move) -> Vec<Good> {
    let (mut all, takes) = goods(change);
    all.extend(takes);
    let name = change.name.as_ref().map(|name| (Field::Name, fold(name)));
    let number = change.extension.as_ref().map(|number| (Field::Extension, number.to_string()));
    all.extend(name.into_iter().chain(number));
    if let Move::Park { field, value, .. } = step {
        all.push((*field, if *field == Field::Name { fold(value) } else { value.to_string() }));
    }
    all
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::diff::FieldChange;
    use crate::field::Value;
    use crate::text::Text;

    const MANY: AtOnce = AtOnce { calls: 100, updates: 100 };

    fn change(action: Action, native: u8, from: Option<u8>, to: Option<u8>) -> Change {
        let number = |n: u8| Text::from(format!("{}", 1000 + u32::from(n)));
        let value = |n: Option<u8>| n.map(|n| Value::Text(number(n)));
        let fields =
            vec![FieldChange { field: Field::Extension, from: value(from), to: value(to), drift: false }];
        Change {
            action,
            id: RecordId { directory: "test".into(), native: native.to_string().into() },
            key: native.to_string().into(),
            extension: to.map(number),
            fields,
            ..Change::default()
        }
    }

    fn sizes(changes: &[Change], at_once: AtOnce) -> Vec<usize> {
        let moves: Vec<Move> = (0..changes.len()).map(Move::Do).collect();
        waves(changes, &moves, at_once).iter().map(|wave| wave.len()).collect()
    }

    #[test]
    fn moves_that_meet_are_kept_apart() {
        let creates: Vec<Change> = (0..5).map(|n| change(Action::Create, n, None, Some(n))).collect();
        assert_eq!(sizes(&creates, MANY), [5]);
        assert_eq!(sizes(&creates, AtOnce::ONE), [1; 5]);
        assert_eq!(sizes(&creates, AtOnce { calls: 2, updates: 1 }), [2, 2, 1]);
        let updates: Vec<Change> = (0..3).map(|n| change(Action::Update, n, Some(n), Some(n + 9))).collect();
        assert_eq!(sizes(&updates, AtOnce { calls: 8, updates: 1 }), [1, 1, 1]);
        // The second takes what the first frees.
        let handed_on = [change(Action::Delete, 0, Some(7), None), change(Action::Create, 1, None, Some(7))];
        assert_eq!(sizes(&handed_on, MANY), [1, 1]);
        // The second takes the room that the first frees.
        let room = [change(Action::Delete, 0, Some(7), None), change(Action::Create, 1, None, Some(8))];
        assert_eq!(sizes(&room, MANY), [1, 1]);
        // A person who goes and comes again.
        let again = [change(Action::Delete, 0, Some(7), None), change(Action::Create, 0, None, Some(8))];
        assert_eq!(sizes(&again, MANY), [1, 1]);
        // A temporary value is a value like any other.
        let changes = [change(Action::Update, 0, Some(1), Some(2)), change(Action::Create, 1, None, Some(9))];
        let park = Move::Park { change: 0, field: Field::Extension, value: "1009".into() };
        let moves = [park, Move::Do(1), Move::Do(0)];
        let lengths: Vec<usize> = waves(&changes, &moves, MANY).iter().map(|wave| wave.len()).collect();
        assert_eq!(lengths, [1, 2]);
        assert!(waves(&changes, &[], MANY).is_empty());
    }

    proptest! {
        #[test]
        fn waves_are_the_moves_in_their_order_and_no_two_of_one_meet(
            parts in proptest::collection::vec((0u8..4, 0u8..9, 0u8..9, 0u8..9), 0..40),
            calls in 1usize..9,
            updates in 1usize..4,
        ) {
            let changes: Vec<Change> = parts
                .into_iter()
                .map(|(kind, native, from, to)| match kind {
                    0 => change(Action::Create, native, None, Some(to)),
                    1 => change(Action::Delete, native, Some(from), None),
                    2 => change(Action::Adopt, native, Some(from), Some(from)),
                    _ => change(Action::Update, native, Some(from), Some(to)),
                })
                .collect();
            let moves: Vec<Move> = (0..changes.len()).map(Move::Do).collect();
            let cut = waves(&changes, &moves, AtOnce { calls, updates });
            prop_assert_eq!(cut.concat(), moves.clone());
            for wave in cut {
                prop_assert!(!wave.is_empty() && wave.len() <= calls);
                prop_assert!(wave.iter().filter(|step| stands(&changes[step.change()])).count() <= updates);
                let has = |action| wave.iter().any(|step| changes[step.change()].action == action);
                prop_assert!(!(has(Action::Create) && has(Action::Delete)));
                for (place, one) in wave.iter().enumerate() {
                    for other in &wave[..place] {
                        let (a, b) = (&changes[one.change()], &changes[other.change()]);
                        prop_assert_ne!(&a.id, &b.id);
                        let theirs = touched(b, other);
                        prop_assert!(touched(a, one).iter().all(|good| !theirs.contains(good)));
                    }
                }
            }
        }
    }
}
