//! Step 3, the part for a state that does not know what it did: whoever stands on the phone system already is not made
//! a second time.
//!
//! A state that was restored from an earlier day lacks the links of later syncs. Its people look new, and a name with a
//! number behind it would be free for them. So a new user whom nobody owns and who stands there by all that can be seen
//! is left alone, with the ways to tie the two together.

use std::collections::{BTreeMap, BTreeSet};

use crate::codes;
use crate::diag::Diagnostic;
use crate::field::{Field, Value, text_of};
use crate::map::Draft;
use crate::memory::Memory;
use crate::pair::{Pairing, skip};
use crate::phone::{PhoneUser, Standing};
use crate::text::{Guid, fold};

/// Skips new users who stand on the phone system already.
pub(crate) fn leave_alone<'a>(
    pairings: Vec<Pairing<'a>>,
    memory: &Memory,
    standing: &'a Standing,
) -> Vec<Pairing<'a>> {
    // Whoever is taken over in this very plan is somebody's: that it stood unowned says nothing any more.
    let adopted: BTreeSet<Guid> = pairings
        .iter()
        .filter_map(|pairing| match pairing {
            Pairing::Adopted(_, phone, _) => Some(phone.guid.clone()),
            _ => None,
        })
        .collect();
    let sight = Sight::of(memory, standing, &adopted);
    let one = |pairing| match pairing {
        Pairing::New(draft) => match sight.of_draft(&draft) {
            Some((phone, by)) => {
                let why = told(phone, by, memory).user(draft.key.clone());
                Pairing::Skipped(skip(draft, vec![why]))
            }
            None => Pairing::New(draft),
        },
        other => other,
    };
    pairings.into_iter().map(one).collect()
}

/// The phone users whom nobody owns, by what they are recognised by.
struct Sight<'a> {
    emails: BTreeMap<String, &'a PhoneUser>,
    names: BTreeMap<String, &'a PhoneUser>,
}

impl<'a> Sight<'a> {
    fn of(memory: &Memory, standing: &'a Standing, adopted: &BTreeSet<Guid>) -> Self {
        let owned: BTreeSet<&Guid> = memory.links.values().map(|link| &link.guid).collect();
        let free = |phone: &&PhoneUser| {
            !phone.built_in()
                && !owned.contains(&phone.guid)
                && !adopted.contains(&phone.guid)
                && !memory.elsewhere.contains_key(&phone.guid)
        };
        let mut sight = Self { emails: BTreeMap::new(), names: BTreeMap::new() };
        for phone in standing.users.values().filter(free) {
            if let Some(email) = text_of(&phone.fields, Field::Email) {
                sight.emails.insert(fold(email), phone);
            }
            sight.names.insert(fold(phone.name()), phone);
        }
        sight
    }

    /// Finds the phone user that is a directory user's by its e-mail, or by its name and one thing more. The name alone
    /// is no proof: two people may share it, and the second one is given another.
    fn of_draft(&self, draft: &Draft) -> Option<(&'a PhoneUser, &'static str)> {
        let email = first(draft, Field::Email);
        if let Some(phone) = email.as_ref().and_then(|email| self.emails.get(email)) {
            return Some((phone, "e-mail address"));
        }
        let phone = self.names.get(&first(draft, Field::Name)?)?;
        // Another address is another person.
        if email.is_some() && text_of(&phone.fields, Field::Email).is_some() {
            return None;
        }
        let same = |field| {
            let theirs = text_of(&phone.fields, field).map(fold);
            theirs.is_some() && theirs == first(draft, field)
        };
        if same(Field::FullName) {
            return Some((phone, "name and full name"));
        }
        if same(Field::Extension) {
            return Some((phone, "name and extension"));
        }
        let differs =
            text_of(&phone.fields, Field::FullName).is_some() && first(draft, Field::FullName).is_some();
        let in_range = draft.rule.as_ref().and_then(|rule| rule.range).is_some_and(|range| {
            let number = |text: &str| text.parse::<u64>().ok().filter(|_| text.len() == range.width);
            phone
                .extension()
                .and_then(number)
                .is_some_and(|number| (range.first..=range.last).contains(&number))
        });
        (in_range && !differs).then_some((*phone, "name and a number of its rule"))
    }
}

/// Gives the value that the directory prefers, case-folded.
fn first(draft: &Draft, field: Field) -> Option<String> {
    draft.fields.get(&field)?.first().and_then(Value::text).map(fold)
}

fn told(phone: &PhoneUser, by: &str, memory: &Memory) -> Diagnostic {
    let number = phone.extension().map(|number| format!(" ({number})")).unwrap_or_default();
    // A job that has never run has lost no link.
    let (lacks, restore) = match memory.baseline.is_empty() {
        false => {
            (", not in this state", "; if the state was restored from an earlier day, restore the latest one")
        }
        true => (" already, and no job owns it", ""),
    };
    let message = format!("`{}`{number}, the same by {by}, stands on the phone system{lacks}", phone.name());
    Diagnostic::error(codes::STANDS_UNLINKED, message).hint(format!(
        "take it over with `[adopt]`, or tie the two together with `rollcall link JOB USER PHONE_USER`{restore}"
    ))
}
