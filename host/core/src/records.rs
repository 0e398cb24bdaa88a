//! Extension records: they are objects apart from their users, so a plan says of each whether it is made, moves, goes,
//! or is met where it stands.

use std::cell::OnceCell;
use std::collections::{BTreeSet, HashMap};

use crate::diff::FieldChange;
use crate::field::Field;
use crate::memory::Link;
use crate::phone::{Extension, PhoneUser, Standing};
use crate::plan::{Action, Change};
use crate::text::{Guid, Text};

/// Which record lies on a number, and who uses it. All of them are gone through once, and only where somebody asks.
pub(crate) struct Numbers<'s> {
    pub(crate) standing: &'s Standing,
    records: OnceCell<HashMap<&'s str, &'s Extension>>,
    users: OnceCell<HashMap<&'s str, Vec<&'s Guid>>>,
}

impl<'s> Numbers<'s> {
    pub(crate) const fn of(standing: &'s Standing) -> Self {
        Self { standing, records: OnceCell::new(), users: OnceCell::new() }
    }

    /// Gives the record that lies on a number.
    pub(crate) fn record(&self, number: &str) -> Option<&'s Extension> {
        let records = self.records.get_or_init(|| {
            // Of two on one number the first counts.
            self.standing.extensions.iter().rev().map(|record| (&*record.number, record)).collect()
        });
        records.get(number).copied()
    }

    /// Tells whether a number is some user's; `but` does not count.
    pub(crate) fn is_used(&self, number: &str, but: Option<&Guid>) -> bool {
        let users = self.users.get_or_init(|| {
            let mut users: HashMap<&str, Vec<&Guid>> = HashMap::new();
            for user in self.standing.users.values() {
                if let Some(number) = user.extension() {
                    users.entry(number).or_default().push(&user.guid);
                }
            }
            users
        });
        users.get(number).is_some_and(|guids| guids.iter().any(|guid| Some(*guid) != but))
    }
}

/// Gives the number of the record that an update moves to the user's number: the one that it uses, or one that an
/// interrupted run left behind on the number that the user had before.
pub(crate) fn of_update(
    fields: &[FieldChange],
    link: &Link,
    phone: &PhoneUser,
    numbers: &Numbers<'_>,
) -> Option<Text> {
    let moves = fields.iter().any(|change| change.field == Field::Extension);
    if moves && !fields.iter().any(|change| change.field == Field::Extension && change.to.is_some()) {
        return None;
    }
    // The usual case: the number stays, and no record was left behind. Nothing need be looked for among all of them.
    if !moves && link.record.as_deref().is_none_or(|number| Some(number) == phone.extension()) {
        return None;
    }
    let used = phone.extension().and_then(|number| numbers.record(number));
    let behind = || {
        let number = link.record.as_deref().filter(|number| Some(*number) != phone.extension())?;
        let unused = !numbers.is_used(number, None);
        numbers.record(number).filter(|_| unused && phone.extension().is_some())
    };
    let record = match used {
        Some(record) => moves.then_some(record),
        None => behind(),
    };
    record.filter(|record| !record.hardware).map(|record| record.number.clone())
}

/// Decides, once all changes are known, which records are made and which move: none onto a number whose record stays.
pub(crate) fn settle(changes: &mut [Change], numbers: &Numbers<'_>) {
    loop {
        let leaving = leaving(changes);
        let blocked = changes
            .iter_mut()
            .filter(|change| {
                matches!(change.action, Action::Update | Action::Adopt) && change.record.is_some()
            })
            .filter(|change| {
                change.extension.as_deref().is_some_and(|number| stays(number, numbers, &leaving))
            });
        // A user who comes to a record that stays leaves its own behind, which then stays too.
        if blocked.map(|change| change.record = None).count() == 0 {
            break;
        }
    }
    let leaving = leaving(changes);
    for change in changes.iter_mut().filter(|change| change.action == Action::Create) {
        let met = change.extension.as_deref().is_some_and(|number| stays(number, numbers, &leaving));
        if let Some(birth) = change.birth.as_mut().filter(|_| met) {
            birth.extension = None;
        }
    }
}

/// Gives the numbers whose records move away or are deleted.
fn leaving(changes: &[Change]) -> BTreeSet<Text> {
    changes.iter().filter_map(|change| change.record.clone()).collect()
}

fn stays(number: &str, numbers: &Numbers<'_>, leaving: &BTreeSet<Text>) -> bool {
    numbers.record(number).is_some() && !leaving.contains(number)
}
