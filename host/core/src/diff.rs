//! Step 5, diff: what is desired, what stands, and what this job wrote last.
//!
//! Three snapshots, never two: a value that the directory did not change and the phone system did is drift, and shown so.

use std::collections::BTreeSet;

use crate::field::{Field, Fields, Value, groups_of};
use crate::memory::Link;
use crate::phone::PhoneUser;
use crate::policy::{FieldPolicy, OnUpdate, Policy, WhenEmpty};
use crate::provision::Desired;
use crate::text::Text;

/// One field that is to change.
#[derive(Clone, Debug, PartialEq)]
pub struct FieldChange {
    /// Which field.
    pub field: Field,
    /// What stands.
    pub from: Option<Value>,
    /// What shall stand; `None` clears.
    pub to: Option<Value>,
    /// Whether what stands was changed by hand on the phone system after this job wrote it.
    pub drift: bool,
}

/// Compares a user that stands with what it should be. Fields that are New only never appear.
pub fn diff(desired: &Desired, stands: &PhoneUser, link: &Link, policy: &Policy) -> Vec<FieldChange> {
    let written = &link.written;
    let mut changes = Vec::new();
    for (&field, &field_policy) in &policy.fields {
        if !field.updatable() || !policy.abilities.writes(field) {
            continue;
        }
        let (from, to) = (stands.fields.get(&field), desired.fields.get(&field));
        let given = desired.draft.fields.get(&field).and_then(|values| values.first());
        let change = match field {
            // Provisioning has decided these two already: whatever it gives is to stand.
            Field::Name | Field::Extension if from != to => Some((from.cloned(), to.cloned())),
            Field::Name | Field::Extension => None,
            _ if link.keeps(field, given) => None,
            Field::GroupMembership => groups(desired, stands, written, field_policy),
            _ => scalar(from, to, written.get(&field), field_policy),
        };
        if let Some((from, to)) = change {
            let drift = by_hand(field, from.as_ref(), to.as_ref(), written);
            changes.push(FieldChange { field, from, to, drift });
        }
    }
    changes
}

/// Tells whether somebody changed by hand what is written now: it is not what this job wrote last. Of memberships those
/// count that this job had made, that somebody has ended, and that are made again.
fn by_hand(field: Field, from: Option<&Value>, to: Option<&Value>, written: &Fields) -> bool {
    if field != Field::GroupMembership {
        return written.get(&field).is_some_and(|last| from != Some(last));
    }
    let (from, to) = (from.map(Value::list).unwrap_or_default(), to.map(Value::list).unwrap_or_default());
    to.iter().any(|group| !from.contains(group) && groups_of(written).contains(group))
}

type FromTo = (Option<Value>, Option<Value>);

fn scalar(
    from: Option<&Value>,
    to: Option<&Value>,
    written: Option<&Value>,
    policy: FieldPolicy,
) -> Option<FromTo> {
    let wanted = match (policy.on_update, to) {
        (OnUpdate::Never, _) => return None,
        (OnUpdate::Once, _) if from.is_some() => return None,
        (_, Some(to)) => Some(to),
        (_, None) if policy.when_empty == WhenEmpty::Keep => return None,
        // Only what this job wrote, and what still stands as it wrote it, is cleared.
        (_, None) if from.is_some() && from == written => None,
        (_, None) => return None,
    };
    (from != wanted).then(|| (from.cloned(), wanted.cloned()))
}

/// Adds memberships that the directory wants; takes away only those that this job wrote and it no longer wants.
fn groups(desired: &Desired, stands: &PhoneUser, written: &Fields, policy: FieldPolicy) -> Option<FromTo> {
    let wanted: BTreeSet<&Text> = groups_of(&desired.fields).iter().collect();
    let standing: BTreeSet<&Text> = groups_of(&stands.fields).iter().collect();
    let ours: BTreeSet<&Text> = groups_of(written).iter().collect();
    match policy.on_update {
        OnUpdate::Never => return None,
        OnUpdate::Once if !standing.is_empty() => return None,
        OnUpdate::Once | OnUpdate::Always => {}
    }
    if wanted.is_empty() && policy.when_empty == WhenEmpty::Keep {
        return None;
    }
    let result: BTreeSet<&Text> = standing
        .iter()
        .filter(|group| wanted.contains(**group) || !ours.contains(**group))
        .chain(&wanted)
        .copied()
        .collect();
    (result != standing).then(|| {
        let list = |set: &BTreeSet<&Text>| Value::list_of(set.iter().map(|group| (*group).clone()));
        (list(&standing), list(&result))
    })
}
