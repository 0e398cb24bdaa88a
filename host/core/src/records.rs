//! Extension records: they are objects apart from their users, so a plan says of each whether it is made, moves, goes,
//! or is met where it stands.

use std::collections::BTreeSet;

use crate::diff::FieldChange;
use crate::field::Field;
use crate::memory::Link;
use crate::phone::{PhoneUser, Standing};
use crate::plan::{Action, Change};
use crate::text::Text;

/// Gives the number of the record that an update moves to the user's number: the one that it uses, or one that an
/// interrupted run left behind on the number that the user had before.
pub(crate) fn of_update(
    fields: &[FieldChange],
    link: &Link,
    phone: &PhoneUser,
    standing: &Standing,
) -> Option<Text> {
    let moves = fields.iter().any(|change| change.field == Field::Extension);
    if moves && !fields.iter().any(|change| change.field == Field::Extension && change.to.is_some()) {
        return None;
    }
    // The usual case: the number stays, and no record was left behind. Nothing need be looked for among all of them.
    if !moves && link.record.as_deref().is_none_or(|number| Some(number) == phone.extension()) {
        return None;
    }
    let used = phone.extension().and_then(|number| standing.extension(number));
    let behind = || {
        let number = link.record.as_deref().filter(|number| Some(*number) != phone.extension())?;
        let unused = !standing.users.values().any(|user| user.extension() == Some(number));
        standing.extension(number).filter(|_| unused && phone.extension().is_some())
    };
    let record = match used {
        Some(record) => moves.then_some(record),
        None => behind(),
    };
    record.filter(|record| !record.hardware).map(|record| record.number.clone())
}

/// Decides, once all changes are known, which records are made and which move: none onto a number whose record stays.
pub(crate) fn settle(changes: &mut [Change], standing: &Standing) {
    loop {
        let leaving = leaving(changes);
        let blocked = changes
            .iter_mut()
            .filter(|change| {
                matches!(change.action, Action::Update | Action::Adopt) && change.record.is_some()
            })
            .filter(|change| {
                change.extension.as_deref().is_some_and(|number| stays(number, standing, &leaving))
            });
        // A user who comes to a record that stays leaves its own behind, which then stays too.
        if blocked.map(|change| change.record = None).count() == 0 {
            break;
        }
    }
    let leaving = leaving(changes);
    for change in changes.iter_mut().filter(|change| change.action == Action::Create) {
        let met = change.extension.as_deref().is_some_and(|number| stays(number, standing, &leaving));
        if let Some(birth) = change.birth.as_mut().filter(|_| met) {
            birth.extension = None;
        }
    }
}

/// Gives the numbers whose records move away or are deleted.
fn leaving(changes: &[Change]) -> BTreeSet<Text> {
    changes.iter().filter_map(|change| change.record.clone()).collect()
}

fn stays(number: &str, standing: &Standing, leaving: &BTreeSet<Text>) -> bool {
    standing.extension(number).is_some() && !leaving.contains(number)
}
