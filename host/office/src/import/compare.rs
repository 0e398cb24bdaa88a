//! `rollcall office compare BEFORE.xml AFTER.xml`: what an update of a real phone system changed, element by element.
//!
//! One public client warns that an element left out of a PUT is cleared, another leaves elements out without harm, and
//! reads hide some (ipoffice.md 3.1). Two exports of Web Manager, taken before and after rollcall updated one user that
//! has a hidden element set, settle it for that phone system.

use std::collections::{BTreeMap, BTreeSet};

use rollcall_core::Text;

use super::web_manager::ExportedUser;
use crate::model::element;

/// Elements that an update by rollcall may change: those that it writes, and the phone system's own bookkeeping.
const WRITTEN: [&str; 8] = [
    element::NAME,
    element::FULL_NAME,
    element::EXTENSION,
    element::EMAIL,
    element::LOGIN_CODE,
    element::VOICEMAIL_CODE,
    "Etag",
    "Last-Modified",
];

/// Elements that reads through the Management API were seen to hide (P2): a proof needs one of them to be set.
const HIDDEN: [&str; 2] = ["ForwardNumber", element::TWINNED_NUMBER];

/// Elements whose content is never shown.
const SECRET: [&str; 3] = [element::LOGIN_CODE, element::VOICEMAIL_CODE, "Password"];

/// One element of one user that differs. The contents of codes are `***`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The element.
    pub element: Text,
    /// What it held; `None`: it was not there.
    pub from: Option<Text>,
    /// What it holds; `None`: it is gone.
    pub to: Option<Text>,
    /// Whether rollcall writes this element, or the phone system keeps books in it.
    pub expected: bool,
}

/// One user that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserComparison {
    /// The user's Name before.
    pub name: Text,
    /// The elements that differ, by name.
    pub changes: Vec<Change>,
}

/// What differs between two exports.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Comparison {
    /// How many users stand in both.
    pub users_compared: usize,
    /// The users that differ, in the order of their names.
    pub changed: Vec<UserComparison>,
    /// Users that stand in the first export only.
    pub only_before: Vec<Text>,
    /// Users that stand in the second export only.
    pub only_after: Vec<Text>,
    /// Elements that rollcall does not write and that were emptied or disappeared.
    pub lost_elements: BTreeSet<Text>,
    /// Elements that rollcall does not write and that hold something else now.
    pub other_elements: BTreeSet<Text>,
    /// Elements hidden from reads that a changed user had set before: without one there is nothing to be lost.
    pub at_stake: BTreeSet<Text>,
    /// Whether this proves that an update keeps hidden elements: a user was updated that had one, and nothing but what
    /// rollcall writes has changed.
    pub kept: bool,
}

/// Compares two exports, user by user: by GUID, else by Name.
pub fn compare(before: &[ExportedUser], after: &[ExportedUser]) -> Comparison {
    let by_guid: BTreeMap<&str, &ExportedUser> =
        after.iter().filter_map(|user| Some((user.guid.as_deref()?, user))).collect();
    let by_name: BTreeMap<&str, &ExportedUser> = after.iter().map(|user| (user.name(), user)).collect();
    let mut found: BTreeSet<&str> = BTreeSet::new();
    let mut all = Comparison::default();
    for user in before {
        let same = user.guid.as_deref().and_then(|guid| by_guid.get(guid));
        let twin = same
            .or_else(|| by_name.get(user.name()).filter(|twin| user.guid.is_none() || twin.guid.is_none()));
        let Some(twin) = twin else {
            all.only_before.push(user.name().into());
            continue;
        };
        found.insert(twin.name());
        all.users_compared += 1;
        one(&mut all, user, twin);
    }
    all.only_after =
        after.iter().map(ExportedUser::name).filter(|name| !found.contains(name)).map(Text::from).collect();
    all.only_before.sort();
    all.only_after.sort();
    all.changed.sort_by(|a, b| a.name.cmp(&b.name));
    all.kept = !all.at_stake.is_empty() && all.lost_elements.is_empty() && all.other_elements.is_empty();
    all
}

fn one(all: &mut Comparison, before: &ExportedUser, after: &ExportedUser) {
    let names: BTreeSet<&Text> = before.elements.keys().chain(after.elements.keys()).collect();
    let mut changes = Vec::new();
    for name in names {
        let (from, to) = (before.elements.get(name), after.elements.get(name));
        if from == to {
            continue;
        }
        let expected = WRITTEN.contains(&&**name);
        if !expected {
            let lost = to.is_none_or(|text| text.is_empty());
            let into = if lost { &mut all.lost_elements } else { &mut all.other_elements };
            into.insert(name.clone());
        }
        let shown = |text: Option<&Text>| {
            text.map(|text| if SECRET.contains(&&**name) { "***".into() } else { text.clone() })
        };
        changes.push(Change { element: name.clone(), from: shown(from), to: shown(to), expected });
    }
    if changes.is_empty() {
        return;
    }
    let set = |name: &&str| before.elements.get(*name).is_some_and(|text| !text.is_empty());
    all.at_stake.extend(HIDDEN.iter().filter(|name| set(name)).map(|name| Text::from(*name)));
    all.changed.push(UserComparison { name: before.name().into(), changes });
}
