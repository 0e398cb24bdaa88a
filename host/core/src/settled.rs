//! Owned users who need not be mapped again: a plan had nothing to do about them and nothing to say of them, and their
//! record, their link and their phone user are as they were then.
//!
//! What such a plan came to must depend on nothing but these three, and on what is the same for everybody: the job, its
//! rules, the systems and groups of the phone system. Then it comes to the same again, whatever becomes of others. One
//! thing about others is left, and is looked at each time: that somebody comes to the same user identification.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::field::Field;
use crate::map::Mapped;
use crate::memory::{Link, Memory};
use crate::phone::PhoneUser;
use crate::provision::{Desired, texts};
use crate::record::RecordId;
use crate::text::{Text, fold};

/// Settled users, each with the hunt groups that do not exist and that a plan leaves out for it: it says so of all in one.
pub type Settled = BTreeMap<RecordId, Arc<[Text]>>;

/// Tells whether it depends on nobody else that there is nothing to do about a user: no number is promised to it beside the
/// one that it has, and no extension record of it stands elsewhere. Its link has nothing to be brought up to date.
pub(crate) fn alone(desired: &Desired, link: &Link, phone: &PhoneUser) -> bool {
    let number = phone.extension();
    let promised = texts(&desired.draft, Field::Extension);
    promised.iter().all(|promised| Some(*promised) == number)
        && link.record.as_deref().is_none_or(|record| Some(record) == number)
        && link.key == desired.draft.key
        && link.missing.is_none()
}

/// Gives the settled users whose user identification somebody who was mapped has: they have to be mapped as well.
pub fn disturbed(mapped: &[Mapped], memory: &Memory) -> Vec<RecordId> {
    let keys: BTreeSet<String> = mapped
        .iter()
        .filter_map(|mapped| match mapped {
            Mapped::Draft(draft) => Some(fold(&draft.key)),
            Mapped::Skipped(_) => None,
        })
        .collect();
    if keys.is_empty() {
        return Vec::new();
    }
    let key = |id: &RecordId| memory.links.get(id).map(|link| fold(&link.key));
    memory.settled.keys().filter(|id| key(id).is_some_and(|key| keys.contains(&key))).cloned().collect()
}
