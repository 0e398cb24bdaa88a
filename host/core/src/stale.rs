//! Whether what a kept plan touches still stands as the plan saw it: every user, name and number that has moved, each
//! with its own reason.

use std::collections::{BTreeMap, BTreeSet};

use crate::codes;
use crate::constraint::Reserved;
use crate::diag::Diagnostic;
use crate::field::{Field, Value};
use crate::groups::group_moves;
use crate::memory::Memory;
use crate::order::{Move, goods};
use crate::phone::{Group, PhoneUser, Standing};
use crate::plan::{Action, Change, Plan};
use crate::record::RecordId;
use crate::script::ExtensionKind;
use crate::text::{Guid, Text, fold};

/// What a kept plan is held against.
#[derive(Clone, Copy, Debug)]
pub struct Present<'a> {
    /// The phone system as it stands.
    pub standing: &'a Standing,
    /// What the job remembers.
    pub memory: &'a Memory,
    /// Who owns which phone user: job and user identification, all jobs.
    pub owners: &'a BTreeMap<Guid, (Text, Text)>,
    /// Numbers that nobody gets.
    pub reserved: &'a Reserved,
    /// Leavers whose absence no sync had recorded when the plan was made, because somebody ended their grace by hand.
    pub ended: &'a BTreeSet<RecordId>,
    /// Records of the plan's leavers that the directory's last reading has.
    pub returned: &'a BTreeSet<RecordId>,
}

/// Gives every reason why a plan must not be applied any more; none: it still holds.
pub fn stale(plan: &Plan, present: &Present<'_>) -> Vec<Diagnostic> {
    let taken = Taken::new(plan, present);
    let mut why = Vec::new();
    for change in &plan.changes {
        let mut moved = Vec::new();
        match change.action {
            Action::Create => created(change, plan, present, &mut moved),
            Action::Adopt => adopted(change, present, &mut moved),
            Action::Update => updated(change, present, &mut moved),
            Action::Delete => deleted(change, plan, present, &mut moved),
            Action::Skip => {}
        }
        taken.check(change, &mut moved);
        why.extend(moved.into_iter().map(|found| found.user(change.key.clone())));
    }
    why.extend(taken.temporary(&plan.order));
    why
}

fn moved(message: impl Into<String>) -> Diagnostic {
    Diagnostic::error(codes::STALE, message).hint("make a new plan: it starts from what stands now")
}

/// Gives a user of a change as people know it.
fn called(change: &Change) -> &str {
    change.name.as_deref().unwrap_or(&change.key)
}

fn created(change: &Change, plan: &Plan, present: &Present<'_>, why: &mut Vec<Diagnostic>) {
    // A move makes the same person again whom it deletes.
    let moves = |other: &Change| other.action == Action::Delete && other.id == change.id;
    if present.memory.links.contains_key(&change.id) && !plan.changes.iter().any(moves) {
        why.push(moved(format!("`{}` has a phone user by now", change.key)));
    }
    let standing = present.standing;
    let gone = |what: &str, name: &str| moved(format!("the {what} `{name}` is gone from the phone system"));
    if let Some(system) = change.system.as_deref().filter(|name| standing.system(name).is_none()) {
        why.push(gone("system", system));
    }
    let birth = change.birth.as_ref();
    let template = birth.and_then(|birth| birth.user_template.as_ref());
    if let Some(name) = template.filter(|name| !standing.user_templates.contains_key(*name)) {
        why.push(gone("user template", name));
    }
    if let Some(ExtensionKind::Template(name)) = birth.and_then(|birth| birth.extension.as_ref())
        && !standing.extension_templates.contains_key(name)
    {
        why.push(gone("extension template", name));
    }
    groups(change, present, why);
}

fn adopted(change: &Change, present: &Present<'_>, why: &mut Vec<Diagnostic>) {
    if present.memory.links.contains_key(&change.id) {
        why.push(moved(format!("`{}` has a phone user by now", change.key)));
    }
    if let Some((job, _)) = change.guid.as_ref().and_then(|guid| present.owners.get(guid)) {
        why.push(moved(format!("the phone user `{}` belongs to the job `{job}` by now", called(change))));
    }
    same_user(change, present, why);
    groups(change, present, why);
}

fn updated(change: &Change, present: &Present<'_>, why: &mut Vec<Diagnostic>) {
    same_link(change, present, why);
    same_user(change, present, why);
    groups(change, present, why);
}

fn deleted(change: &Change, plan: &Plan, present: &Present<'_>, why: &mut Vec<Diagnostic>) {
    same_link(change, present, why);
    match (change.seen, phone(change, present)) {
        (Some(_), _) => same_user(change, present, why),
        // The plan found the phone user deleted by hand and only lets the link go.
        (None, Some(_)) => {
            why.push(moved(format!("the phone user `{}` stands on the phone system again", called(change))));
        }
        (None, None) => {}
    }
    let ended = present.ended.contains(&change.id);
    let missing = present.memory.links.get(&change.id).is_some_and(|link| link.missing.is_some());
    // Nobody looks for a leaver in a user that an undo or a move deletes.
    let leaver = plan.missing.contains(&change.id);
    if leaver && (present.returned.contains(&change.id) || !(missing || ended)) {
        why.push(moved(format!(
            "the leaver `{}` has been read from the directory again since the plan was made",
            called(change)
        )));
    } else if let Some(held) = present.memory.deletes_held.as_ref().filter(|_| leaver) {
        why.push(moved(format!("`{}` is not deleted: {}", called(change), held.message)));
    }
    let used = |number: &str| {
        let mut users = present.standing.users.values();
        users.find(|user| Some(&user.guid) != change.guid.as_ref() && user.extension() == Some(number))
    };
    if let Some((number, user)) = change.record.as_deref().and_then(|number| Some((number, used(number)?))) {
        why.push(moved(format!(
            "the extension record `{number}` that goes with the user serves `{}` by now",
            user.name()
        )));
    }
}

fn phone<'a>(change: &Change, present: &Present<'a>) -> Option<&'a PhoneUser> {
    present.standing.users.get(change.guid.as_ref()?)
}

fn same_link(change: &Change, present: &Present<'_>, why: &mut Vec<Diagnostic>) {
    let link = present.memory.links.get(&change.id);
    if link.map(|link| &link.guid) != change.guid.as_ref() {
        let owner = change.guid.as_ref().and_then(|guid| present.owners.get(guid));
        why.push(moved(match (link, owner) {
            (_, Some((job, key))) => {
                format!("the phone user `{}` belongs to `{key}` of the job `{job}` by now", called(change))
            }
            (Some(_), None) => format!("`{}` is linked to another phone user by now", change.key),
            (None, None) => format!("`{}` is linked to no phone user any more", change.key),
        }));
    }
}

fn same_user(change: &Change, present: &Present<'_>, why: &mut Vec<Diagnostic>) {
    let Some(user) = phone(change, present) else {
        why.push(moved(format!("the phone user `{}` is gone from the phone system", called(change))));
        return;
    };
    if change.seen == Some(user.fingerprint) {
        return;
    }
    let differs = |field: &Field, from: &Option<Value>| user.fields.get(field) != from.as_ref();
    let fields: Vec<&str> = change
        .fields
        .iter()
        .filter(|planned| differs(&planned.field, &planned.from))
        .map(|planned| planned.field.key())
        .collect();
    let what = if fields.is_empty() {
        "in something that the plan leaves alone".to_owned()
    } else {
        fields.join(", ")
    };
    why.push(moved(format!("the phone user `{}` was changed since the plan was made: {what}", user.name())));
}

fn groups(change: &Change, present: &Present<'_>, why: &mut Vec<Diagnostic>) {
    for name in group_moves(change).0 {
        if present.standing.group(&name).is_none() {
            why.push(moved(format!("the hunt group `{name}` is gone from the phone system")));
        }
    }
}

/// Who has a name or a number.
enum Holder<'a> {
    User(&'a PhoneUser),
    Group(&'a Group),
}

/// Who has which name and number, less what the plan itself frees.
struct Taken<'a> {
    present: &'a Present<'a>,
    /// The holders of names, folded.
    names: BTreeMap<String, Vec<Holder<'a>>>,
    /// The holders of numbers.
    numbers: BTreeMap<&'a str, Vec<Holder<'a>>>,
    /// Numbers with an extension record that stays.
    records: BTreeSet<&'a str>,
}

impl<'a> Taken<'a> {
    fn new(plan: &'a Plan, present: &'a Present<'a>) -> Self {
        let mut freed: BTreeSet<(&Guid, Field, String)> = BTreeSet::new();
        let mut leaving: BTreeSet<&str> = BTreeSet::new();
        for change in &plan.changes {
            leaving.extend(change.record.as_deref());
            let Some(guid) = &change.guid else { continue };
            freed.extend(goods(change).0.into_iter().map(|(field, value)| (guid, field, value)));
        }
        let mut taken = Self {
            present,
            names: BTreeMap::new(),
            numbers: BTreeMap::new(),
            records: present.standing.extensions.iter().map(|record| &*record.number).collect(),
        };
        taken.records.retain(|number| !leaving.contains(number));
        for user in present.standing.users.values() {
            let name = fold(user.name());
            if !freed.contains(&(&user.guid, Field::Name, name.clone())) {
                taken.names.entry(name).or_default().push(Holder::User(user));
            }
            if let Some(number) = user.extension()
                && !freed.contains(&(&user.guid, Field::Extension, number.to_owned()))
            {
                taken.numbers.entry(number).or_default().push(Holder::User(user));
            }
        }
        for group in &present.standing.groups {
            taken.names.entry(fold(&group.name)).or_default().push(Holder::Group(group));
            if let Some(number) = &group.extension {
                taken.numbers.entry(number).or_default().push(Holder::Group(group));
            }
        }
        taken
    }

    /// Notes every name and number of a change that somebody else has by now.
    fn check(&self, change: &Change, why: &mut Vec<Diagnostic>) {
        for (field, value) in goods(change).1 {
            let reason = match field {
                Field::Name => self.name(&value, Some(change)),
                _ => self.number(&value, Some(change)),
            };
            let Some(reason) = reason else { continue };
            let (what, shown) = match field {
                Field::Name => ("name", change.name.as_deref().unwrap_or(&value)),
                _ => ("extension", &*value),
            };
            why.push(moved(format!("the {what} `{shown}` is not free any more: {reason}")));
        }
    }

    /// Notes every temporary name and number of the order that is not free any more.
    fn temporary(&self, order: &[Move]) -> Vec<Diagnostic> {
        let mut why = Vec::new();
        for step in order {
            let Move::Park { field, value, .. } = step else { continue };
            let (what, reason) = match field {
                Field::Name => ("name", self.name(&fold(value), None)),
                _ => ("extension", self.number(value, None)),
            };
            if let Some(reason) = reason {
                why.push(moved(format!("the temporary {what} `{value}` is not free any more: {reason}")));
            }
        }
        why
    }

    fn name(&self, folded: &str, change: Option<&Change>) -> Option<String> {
        holder(self.names.get(folded), change).or_else(|| {
            let whose = self.present.memory.held_names.get(folded)?;
            (change.map(|change| &change.id) != Some(whose))
                .then(|| format!("`{}` freed it, and it is in quarantine", whose.native))
        })
    }

    fn number(&self, number: &str, change: Option<&Change>) -> Option<String> {
        if let Some(holder) = holder(self.numbers.get(number), change) {
            return Some(holder);
        }
        if self.present.reserved.contains(number) {
            return Some("it is reserved by `[numbers] reserved`".into());
        }
        // A record of its own stands in the way only of what brings another one along.
        let brings = change.is_none_or(|change| {
            let made = change.birth.as_ref().is_some_and(|birth| birth.extension.is_some());
            made || change.record.as_deref().is_some_and(|record| record != number)
        });
        if brings && self.records.contains(number) {
            return Some("an extension record has it".into());
        }
        // Quarantine binds what rules allocate, and never the directory.
        let allocated = change.is_none_or(|c| c.birth.as_ref().is_some_and(|birth| birth.number_by_rule));
        let whose = self.present.memory.held_numbers.get(number).filter(|_| allocated)?;
        (change.map(|change| &change.id) != Some(whose))
            .then(|| format!("`{}` freed it, and it is in quarantine", whose.native))
    }
}

/// Says who has a value, if that is anybody but the change's own phone user.
fn holder(holders: Option<&Vec<Holder<'_>>>, change: Option<&Change>) -> Option<String> {
    let own = change.and_then(|change| change.guid.as_ref());
    holders?.iter().find_map(|holder| match holder {
        Holder::User(user) => (Some(&user.guid) != own).then(|| format!("the user `{}` has it", user.name())),
        Holder::Group(group) => Some(format!("the hunt group `{}` has it", group.name)),
    })
}
