//! What an interrupted run has done already, read from its journal.

use std::collections::BTreeMap;

use rollcall_core::groups::group_moves;
use rollcall_core::ops::{self, Write};
use rollcall_core::order::Move;
use rollcall_core::plan::{Action, Change};
use rollcall_core::verify::Outcome;
use rollcall_core::{Diagnostic, Field, Text, Value, codes};
use rollcall_edges::state::{Journalled, Settled};

/// The settled operations of each change.
#[derive(Debug, Default)]
pub struct Before {
    ops: BTreeMap<usize, Vec<(Write, Settled)>>,
    next_seq: u32,
}

impl Before {
    /// Reads a journal; what is not settled is left out.
    pub fn of(journal: Vec<Journalled>) -> Self {
        let mut before = Self::default();
        for Journalled { intent, settled, .. } in journal {
            before.next_seq = before.next_seq.max(intent.seq + 1);
            if let Some(settled) = settled {
                before.ops.entry(intent.change as usize).or_default().push((intent.write, settled));
            }
        }
        before
    }

    /// Gives the first place in the journal that is free.
    pub const fn next_seq(&self) -> u32 {
        self.next_seq
    }

    /// Tells whether anything of a change was settled.
    pub fn begun(&self, change: usize) -> bool {
        self.ops.contains_key(&change)
    }

    /// Tells whether an operation of a change took place.
    pub fn took_place(&self, change: usize, write: &Write) -> bool {
        self.applied(change).any(|done| same(done, write))
    }

    /// Gives the number of the extension record that a change has made.
    pub fn made_record(&self, change: usize) -> Option<Text> {
        self.applied(change).find_map(|write| match write {
            Write::CreateExtension { number, .. } => Some(number.clone()),
            _ => None,
        })
    }

    /// Tells whether a change has made its user, or whether that is not known.
    pub fn may_have_user(&self, change: usize) -> bool {
        let ops = self.ops.get(&change).map(Vec::as_slice).unwrap_or_default();
        ops.iter().any(|(write, settled)| {
            matches!(write, Write::CreateUser { .. }) && !matches!(settled, Settled::Failed(_))
        })
    }

    /// Gives the outcome of a change that failed, or of which it is not known.
    pub fn broken(&self, change: usize) -> Option<Outcome> {
        let ops = self.ops.get(&change)?;
        let unknown = ops.iter().find_map(|(_, settled)| match settled {
            Settled::Unknown(why) => Some(Outcome::Unknown(Diagnostic::error(codes::OFFICE_UNSURE, why))),
            Settled::Applied | Settled::Failed(_) => None,
        });
        unknown.or_else(|| {
            ops.iter().find_map(|(_, settled)| match settled {
                Settled::Failed(why) => Some(Outcome::Failed(Diagnostic::error(codes::OFFICE_REFUSED, why))),
                Settled::Applied | Settled::Unknown(_) => None,
            })
        })
    }

    /// Gives what became of each change, as far as the journal tells.
    pub fn outcomes(&self, changes: &[Change], order: &[Move]) -> Vec<Outcome> {
        let outcome = |(index, change): (usize, &Change)| {
            self.broken(index).unwrap_or_else(|| {
                if self.complete(index, change, order) { Outcome::Applied } else { Outcome::Planned }
            })
        };
        changes.iter().enumerate().map(outcome).collect()
    }

    fn complete(&self, index: usize, change: &Change, order: &[Move]) -> bool {
        let parked: Vec<(Field, Value)> = order
            .iter()
            .filter_map(|step| match step {
                Move::Park { change, field, value } if *change == index => {
                    Some((*field, Value::Text(value.clone())))
                }
                Move::Park { .. } | Move::Do(_) => None,
            })
            .collect();
        let writes = ops::writes(change, &parked);
        let joined = |group: &Text| {
            self.applied(index)
                .any(|write| matches!(write, Write::AddMember { group: other, .. } if other == group))
        };
        !writes.is_empty()
            && writes.iter().all(|write| self.took_place(index, write))
            && (change.action != Action::Create || group_moves(change).0.iter().all(joined))
    }

    fn applied(&self, change: usize) -> impl Iterator<Item = &Write> {
        let ops = self.ops.get(&change).map(Vec::as_slice).unwrap_or_default();
        ops.iter().filter(|(_, settled)| *settled == Settled::Applied).map(|(write, _)| write)
    }
}

/// Tells whether two operations of one change are the same call. A change makes one user and one record at the most,
/// and what an update expects to find may have been a temporary value.
fn same(a: &Write, b: &Write) -> bool {
    match (a, b) {
        (Write::CreateUser { .. }, Write::CreateUser { .. })
        | (Write::CreateExtension { .. }, Write::CreateExtension { .. }) => true,
        (Write::UpdateUser { guid, set, .. }, Write::UpdateUser { guid: other, set: planned, .. }) => {
            guid == other && set == planned
        }
        (a, b) => a == b,
    }
}
