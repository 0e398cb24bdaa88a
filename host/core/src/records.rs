//! Extension records: they are objects apart from their users, so a plan says of each whether it is made, moves, goes,
//! or is met where it stands.

use std::collections::BTreeSet;

use crate::phone::Standing;
use crate::plan::{Action, Change};
use crate::text::Text;

/// Decides, once all changes are known, which records are made and which move: none onto a number whose record stays.
pub(crate) fn settle(changes: &mut [Change], standing: &Standing) {
    loop {
        let leaving = leaving(changes);
        let blocked = changes
            .iter_mut()
            .filter(|change| change.action == Action::Update && change.record.is_some())
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
