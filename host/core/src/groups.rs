//! Hunt groups in a plan: those that do not exist are left out, and a change says which it adds and takes away.

use crate::field::{Field, Value};
use crate::phone::Standing;
use crate::plan::Change;
use crate::provision::Desired;
use crate::text::Text;

/// Drops hunt groups that do not exist, gives them the spelling of those that do, and returns the dropped ones.
pub(crate) fn keep_known_groups(desired: &mut Desired, standing: &Standing) -> Vec<Text> {
    let Some(Value::List(names)) = desired.fields.remove(&Field::GroupMembership) else { return Vec::new() };
    let (known, unknown): (Vec<_>, Vec<_>) = names
        .iter()
        .map(|name| standing.group(name).map(|group| group.name.clone()).ok_or(name.clone()))
        .partition(Result::is_ok);
    if let Some(known) = Value::list_of(known.into_iter().flatten()) {
        desired.fields.insert(Field::GroupMembership, known);
    }
    unknown.into_iter().filter_map(Result::err).collect()
}

/// Gives the hunt groups that a change adds and takes away.
pub fn group_moves(change: &Change) -> (Vec<Text>, Vec<Text>) {
    let Some(groups) = change.field(Field::GroupMembership) else { return (Vec::new(), Vec::new()) };
    let list = |value: &Option<Value>| value.as_ref().map(Value::list).unwrap_or_default().to_vec();
    let (from, to) = (list(&groups.from), list(&groups.to));
    let added = to.iter().filter(|group| !from.contains(group)).cloned().collect();
    let removed = from.iter().filter(|group| !to.contains(group)).cloned().collect();
    (added, removed)
}
