//! The inverse of one change that a run made: what takes it back, or the reason why it stays.

use std::collections::BTreeSet;

use crate::adoption::{self, Adoption, seen};
use crate::codes;
use crate::constraint;
use crate::diag::Diagnostic;
use crate::diff::FieldChange;
use crate::field::{Field, Value, groups_of};
use crate::groups::group_moves;
use crate::leavers::delete;
use crate::memory::{Link, Memory};
use crate::phone::{PhoneUser, Standing};
use crate::plan::{Action, Change};
use crate::policy::Policy;
use crate::provision::Birth;
use crate::records::{self, Numbers};
use crate::script::Script;
use crate::text::Text;
use crate::verify::Outcome;

/// What there is to do about one change of a run.
pub(crate) enum Inverse {
    /// The change that takes it back, and what somebody should know of it.
    Do(Box<Change>, Vec<Diagnostic>),
    /// It stays, with the reason.
    Skip(Diagnostic),
    /// Nothing came of it, or it is back already.
    Nothing,
}

/// Gives the skip of a change that stays because something else stands by now.
pub(crate) fn moved(message: impl Into<String>) -> Inverse {
    Inverse::Skip(Diagnostic::error(codes::UNDO_MOVED, message))
}

/// What an inverse is made from.
pub(crate) struct Scene<'a> {
    /// The run that is undone.
    pub(crate) run: &'a str,
    /// What stands.
    pub(crate) standing: &'a Standing,
    /// Who and what has which number there.
    pub(crate) numbers: &'a Numbers<'a>,
    /// What is remembered.
    pub(crate) memory: &'a Memory,
    /// What the rules say.
    pub(crate) script: &'a dyn Script,
    /// What the job file decides.
    pub(crate) policy: &'a Policy,
}

impl Scene<'_> {
    /// Gives the inverse of a change that is no delete.
    pub(crate) fn inverse(&self, change: &Change, outcome: &Outcome) -> Inverse {
        let applied = *outcome == Outcome::Applied;
        if change.unlinks && applied {
            return self.linked_again(change);
        }
        // A change that failed may have left nothing behind.
        let gone = |message: &str| if applied { moved(message) } else { Inverse::Nothing };
        let Some(link) = self.memory.links.get(&change.id) else {
            return gone("the user is no longer linked to this job, and is kept as it is");
        };
        let Some(phone) = self.standing.users.get(&link.guid) else {
            return gone("the phone user was deleted by hand");
        };
        if change.guid.as_ref().is_some_and(|guid| *guid != link.guid) {
            return gone("the person has another phone user by now, which is kept as it is");
        }
        if phone.built_in() {
            return gone("the phone user is now called like a built-in user, and is left alone");
        }
        match change.action {
            Action::Create => self.unmade(change, link, phone),
            Action::Update | Action::Adopt => self.put_back(change, applied, link, phone),
            Action::Delete | Action::Skip => Inverse::Nothing,
        }
    }

    /// A user that the run made goes again, if it still holds everything that the run wrote.
    fn unmade(&self, change: &Change, link: &Link, phone: &PhoneUser) -> Inverse {
        let differs = |written: &&FieldChange| match phone.fields.get(&written.field) {
            None if written.field.secret() => false,
            // What was drawn at random is in no plan.
            Some(Value::Secret(_)) if !matches!(written.to, Some(Value::Secret(_))) => false,
            found => found != written.to.as_ref(),
        };
        let others: Vec<&str> =
            change.fields.iter().filter(differs).map(|written| written.field.key()).collect();
        if !others.is_empty() {
            let message = format!("changed since the run made it, and so kept: {}", others.join(", "));
            let hint = "a user goes only while it stands as the run made it; delete it on the phone system if it is to go";
            return Inverse::Skip(Diagnostic::error(codes::UNDO_MOVED, message).hint(hint));
        }
        match self.script.protects(phone) {
            Ok(false) => {}
            Ok(true) => {
                let message = "`[leavers] protect` keeps the user from being deleted";
                return Inverse::Skip(Diagnostic::note(codes::PROTECTED, message));
            }
            Err(why) => {
                let told: Vec<&str> = why.iter().map(|why| why.message.as_str()).collect();
                return moved(format!("kept, because `[leavers] protect` fails: {}", told.join("; ")));
            }
        }
        let reason = format!("made by the run {}", self.run);
        let back = Change { reason, ..delete(link, Some(phone), self.numbers, false) };
        Inverse::Do(Box::new(back), Vec::new())
    }

    /// Fields go back to the values from before, where the phone system still holds what the run wrote.
    fn put_back(&self, change: &Change, applied: bool, link: &Link, phone: &PhoneUser) -> Inverse {
        let (fields, kept) = self.fields_back(change, applied, link, phone);
        let unlinks = change.action == Action::Adopt;
        let mut notes = Vec::new();
        if !kept.is_empty() {
            let message = format!("kept as it stands: {}", kept.join("; "));
            if fields.is_empty() && !unlinks {
                return moved(message);
            }
            notes.push(Diagnostic::warning(codes::UNDO_MOVED, message));
        }
        if fields.is_empty() && !unlinks {
            return Inverse::Nothing;
        }
        if fields.iter().any(|field| field.field == Field::Name) {
            let message = format!("the voicemail box follows the name: `{}` gets a new one", phone.name());
            notes.push(Diagnostic::warning(codes::RENAME, message));
        }
        let after = |field, stands: Option<&str>| {
            let back = fields.iter().find(|change| change.field == field);
            back.map_or(stands, |change| change.to.as_ref().and_then(Value::text)).map(Text::from)
        };
        let record = records::of_update(&fields, link, phone, self.numbers);
        let back = Change {
            action: Action::Update,
            id: link.id.clone(),
            key: link.key.clone(),
            guid: Some(phone.guid.clone()),
            name: after(Field::Name, Some(phone.name())),
            extension: after(Field::Extension, phone.extension()),
            system: Some(phone.system.clone()),
            rule: link.rule.clone(),
            reason: self.reason(&fields, unlinks),
            birth: unlinks.then(|| Birth::of(link)),
            adoption: unlinks.then(|| Adoption::of(link, Some(phone))),
            record: record.filter(|_| self.policy.abilities.extensions),
            seen: Some(phone.fingerprint),
            unlinks,
            why: Vec::new(),
            fields,
        };
        Inverse::Do(Box::new(back), notes)
    }

    fn reason(&self, fields: &[FieldChange], unlinks: bool) -> String {
        let names: Vec<&str> = fields.iter().map(|change| change.field.key()).collect();
        let (run, names) = (self.run, names.join(", "));
        match (unlinks, names.is_empty()) {
            (false, _) => format!("back to what stood before the run {run}: {names}"),
            (true, true) => format!("adopted by the run {run}: the link ends, and the user stays"),
            (true, false) => format!("adopted by the run {run}: the link ends, and these go back: {names}"),
        }
    }

    /// Gives the fields that go back, and why others stay as they are.
    fn fields_back(
        &self,
        change: &Change,
        applied: bool,
        link: &Link,
        phone: &PhoneUser,
    ) -> (Vec<FieldChange>, Vec<String>) {
        let (mut fields, mut kept) = (Vec::new(), Vec::new());
        for done in change.fields.iter().filter(|done| done.field != Field::GroupMembership) {
            let stands = phone.fields.get(&done.field);
            // Of a change that failed, only what the link says was written is this run's.
            let ours = applied || link.written.get(&done.field) == done.to.as_ref();
            if stands == done.from.as_ref() || !ours {
                continue;
            }
            if stands != done.to.as_ref() {
                kept.push(format!("`{}` was changed since", done.field.key()));
            } else if let Err(why) = done.from.as_ref().map_or(Ok(()), |value| valid(done.field, value)) {
                kept.push(why);
            } else {
                let (from, to) = (done.to.clone(), done.from.clone());
                fields.push(FieldChange { field: done.field, from, to, drift: false });
            }
        }
        fields.extend(self.groups_back(change, phone, &mut kept));
        (fields, kept)
    }

    /// Takes away the memberships that the run added and gives back those that it took; all others stay.
    fn groups_back(&self, change: &Change, phone: &PhoneUser, kept: &mut Vec<String>) -> Option<FieldChange> {
        let (added, removed) = group_moves(change);
        let now: BTreeSet<&Text> = groups_of(&phone.fields).iter().collect();
        let (there, lost): (Vec<&Text>, Vec<&Text>) =
            removed.iter().partition(|group| self.standing.group(group).is_some());
        kept.extend(lost.into_iter().map(|group| format!("the hunt group `{group}` no longer exists")));
        let back: BTreeSet<&Text> =
            now.iter().copied().filter(|group| !added.contains(group)).chain(there).collect();
        (back != now).then(|| {
            let list = |set: &BTreeSet<&Text>| Value::list_of(set.iter().map(|group| (*group).clone()));
            FieldChange { field: Field::GroupMembership, from: list(&now), to: list(&back), drift: false }
        })
    }

    /// A user whose adoption was undone is adopted again.
    fn linked_again(&self, change: &Change) -> Inverse {
        let Some(phone) = change.guid.as_ref().and_then(|guid| self.standing.users.get(guid)) else {
            return moved("the phone user was deleted by hand");
        };
        if self.memory.links.contains_key(&change.id) {
            return moved("the person is linked again already");
        }
        let elsewhere = self.memory.elsewhere.get(&phone.guid).or(self.memory.others_records.get(&change.id));
        if let Some(owner) = elsewhere {
            return moved(format!("the phone user or the person belongs to the job `{}` by now", owner.job));
        }
        let reason = format!("let go by the run {}", self.run);
        let adoption = change.adoption.clone().map(|adoption| Adoption { seen: seen(phone), ..adoption });
        let plain = Change {
            action: Action::Adopt,
            fields: Vec::new(),
            record: None,
            unlinks: false,
            reason: reason.clone(),
            adoption: adoption.clone(),
            ..change.clone()
        };
        let Some(link) = adoption::link(&plain) else {
            return moved("nobody knows how it was linked");
        };
        let (back, notes) = match self.put_back(change, true, &link, phone) {
            Inverse::Do(back, notes) => (Change { birth: plain.birth, adoption, reason, ..*back }, notes),
            Inverse::Nothing => (plain, Vec::new()),
            Inverse::Skip(why) => (plain, vec![why]),
        };
        Inverse::Do(Box::new(Change { action: Action::Adopt, ..back }), notes)
    }
}

impl Birth {
    /// Gives what a link remembers of its user's making.
    pub(crate) fn of(link: &Link) -> Self {
        Self {
            rule: link.rule.clone(),
            number_by_rule: link.number_by_rule,
            user_template: link.user_template.clone(),
            extension: link.record.as_ref().and(link.extension.clone()),
            written: Some(link.written.clone()),
        }
    }
}

/// Tells whether a value from before may be written at all.
fn valid(field: Field, value: &Value) -> Result<(), String> {
    match (field, value.text()) {
        (Field::Name, Some(text)) => constraint::name(text),
        (Field::FullName, Some(text)) => constraint::full_name(text),
        (Field::Email, Some(text)) => constraint::email(text),
        (Field::Extension, Some(text)) => constraint::extension(text),
        (Field::MobileTwinningNumber, Some(text)) => constraint::external_number(text),
        _ => Ok(()),
    }
}
