//! What was changed by hand on the phone system: told apart from what the directory changed, whether it is written back
//! or kept.

use std::collections::{BTreeMap, BTreeSet};

use crate::codes;
use crate::diag::Diagnostic;
use crate::diff::FieldChange;
use crate::field::{Field, Fields, Value, groups_of};
use crate::memory::{Link, MatchedBy, Memory};
use crate::phone::PhoneUser;
use crate::policy::{NumberPrecedence, OnUpdate, Policy, WhenEmpty};
use crate::provision::{Desired, texts};
use crate::text::count;

/// Values that were changed by hand, counted over a plan.
#[derive(Debug, Default)]
pub(crate) struct Drift {
    /// Of so many users the field is written back.
    back: BTreeMap<Field, usize>,
    /// Of so many users the field is kept, for this reason.
    kept: BTreeMap<(Field, &'static str), usize>,
    /// The fields that the job makes otherwise than at its last run that passed.
    remade: BTreeSet<Field>,
}

impl Drift {
    /// Begins with what is remembered of the job.
    pub(crate) fn of(memory: &Memory) -> Self {
        let remade = memory.changed.iter().filter_map(|part| Field::by_key(part.strip_prefix("fields.")?));
        Self { remade: remade.collect(), ..Self::default() }
    }

    /// Counts what an update writes back.
    pub(crate) fn written_back(&mut self, fields: &[FieldChange]) {
        for change in fields.iter().filter(|change| change.drift) {
            *self.back.entry(change.field).or_default() += 1;
        }
    }

    /// Counts what stays as somebody changed it, although the directory says otherwise.
    pub(crate) fn kept(
        &mut self,
        desired: &Desired,
        phone: &PhoneUser,
        link: &Link,
        changes: &[FieldChange],
        policy: &Policy,
    ) {
        for &field in policy.fields.keys() {
            let writable = field.updatable() && policy.abilities.writes(field);
            if writable
                && !changes.iter().any(|change| change.field == field)
                && let Some(why) = why_kept(field, desired, phone, link, policy)
            {
                *self.kept.entry((field, why)).or_default() += 1;
            }
        }
    }

    /// Tells of how many values there is to be said that they stay.
    pub(crate) fn stays(&self) -> usize {
        self.kept.values().sum()
    }

    /// Says why a user is updated: what the directory changed, what the job makes otherwise now, what somebody changed by
    /// hand, what came together, and what this job never wrote to a user that somebody else made.
    pub(crate) fn reason(&self, fields: &[FieldChange], link: &Link) -> String {
        let written = &link.written;
        let taken = match link.matched_by {
            Some(MatchedBy::Hand) => "linked by hand, and the phone user differs from the directory",
            Some(MatchedBy::Import) => "imported, and the phone user differs from the directory",
            _ => "changed in the directory",
        };
        let mut parts: [(&str, Vec<&str>); 6] = [
            (taken, Vec::new()),
            ("changed in the directory", Vec::new()),
            ("made otherwise by the job now", Vec::new()),
            ("changed by hand on the phone system, written back", Vec::new()),
            ("changed by hand on the phone system and in the directory", Vec::new()),
            ("changed by hand on the phone system, and made otherwise by the job now", Vec::new()),
        ];
        for change in fields {
            // What a link by hand holds of a field is what both agreed on, or the value that the directory gave then.
            let known = written.contains_key(&change.field) || link.kept.contains_key(&change.field);
            let remade = self.remade.contains(&change.field);
            let place = match (change.drift, in_directory(change, written)) {
                (false, _) if link.matched_by.is_some() && !known => 0,
                (false, _) if remade => 2,
                (false, _) => 1,
                (true, false) => 3,
                (true, true) if remade => 5,
                (true, true) => 4,
            };
            parts[place].1.push(change.field.key());
        }
        let parts = parts.iter().filter(|(_, names)| !names.is_empty());
        parts.map(|(what, names)| format!("{what}: {}", names.join(", "))).collect::<Vec<_>>().join("; ")
    }

    /// Tells of both, one note each.
    pub(crate) fn notes(self) -> impl Iterator<Item = Diagnostic> {
        let back = self.back.into_iter().map(|(field, users)| (users, of_users(field, users))).collect();
        let kept = self
            .kept
            .into_iter()
            .map(|((field, why), users)| (users, format!("{} ({why})", of_users(field, users))))
            .collect();
        let note = |code, [one, many]: [&str; 2], parts: Vec<(usize, String)>| {
            let count: usize = parts.iter().map(|(users, _)| users).sum();
            let lines: Vec<String> = parts.into_iter().map(|(_, line)| line).collect();
            let what = if count == 1 { one.to_owned() } else { format!("{count} {many}") };
            let message = format!("changed by hand on the phone system: {what}: {}", lines.join(", "));
            (count > 0).then(|| Diagnostic::note(code, message))
        };
        let is = ["1 value is written back", "values are written back"];
        let stays = ["1 value stays", "values stay"];
        [note(codes::DRIFT_WRITTEN_BACK, is, back), note(codes::DRIFT_KEPT, stays, kept)]
            .into_iter()
            .flatten()
    }
}

fn of_users(field: Field, users: usize) -> String {
    format!("`{}` of {}", field.key(), count(users, "user"))
}

/// Tells why a value that was changed by hand stays, where it was and the directory says otherwise.
fn why_kept(
    field: Field,
    desired: &Desired,
    phone: &PhoneUser,
    link: &Link,
    policy: &Policy,
) -> Option<&'static str> {
    let treatment = policy.fields.get(&field)?;
    if field == Field::GroupMembership {
        let standing = groups_of(&phone.fields);
        let ended = |group| groups_of(&link.written).contains(group) && !standing.contains(group);
        let wanted = groups_of(&desired.fields).iter().any(ended);
        return wanted.then(|| by_treatment(treatment.on_update)).flatten();
    }
    let (stands, last) = (phone.fields.get(&field), link.written.get(&field)?);
    if stands == Some(last) {
        return None;
    }
    let (agrees, gives) = match field {
        // Names and numbers are decided among candidates: what stands is right while it is one of them.
        Field::Name | Field::Extension => {
            let candidates = texts(&desired.draft, field);
            let agrees = match stands.and_then(Value::text) {
                Some(text) => candidates.contains(&text),
                None => candidates.is_empty(),
            };
            (agrees, !candidates.is_empty())
        }
        _ => (stands == desired.fields.get(&field), desired.fields.contains_key(&field)),
    };
    if agrees {
        return None;
    }
    if field == Field::Extension && link.number_by_rule && policy.number_precedence == NumberPrecedence::Rule
    {
        return Some("a rule gave the number");
    }
    by_treatment(treatment.on_update).or_else(|| {
        (!gives).then_some(match treatment.when_empty {
            WhenEmpty::Keep => "`when_empty = \"keep\"`",
            WhenEmpty::Clear => "the directory gives none now, and only what this job wrote is cleared",
        })
    })
}

fn by_treatment(on_update: OnUpdate) -> Option<&'static str> {
    match on_update {
        OnUpdate::Always => None,
        OnUpdate::Once => Some("`on_update = \"once\"`"),
        OnUpdate::Never => Some("`on_update = \"never\"`"),
    }
}

/// Tells whether the directory now says something else than this job wrote last.
fn in_directory(change: &FieldChange, written: &Fields) -> bool {
    let list = |value: &Option<Value>| value.as_ref().map(Value::list).unwrap_or_default().to_vec();
    match change.field {
        Field::GroupMembership => {
            let (from, to) = (list(&change.from), list(&change.to));
            to.iter().any(|group| !from.contains(group) && !groups_of(written).contains(group))
                || from.iter().any(|group| !to.contains(group))
        }
        field => change.to.as_ref() != written.get(&field),
    }
}
