//! The inverse of a delete: the user is made again from what the delete remembered of it.

use std::collections::BTreeSet;

use crate::codes;
use crate::diag::Diagnostic;
use crate::diff::FieldChange;
use crate::field::{Field, Value};
use crate::inverse::{Inverse, Scene, moved};
use crate::phone::PhoneUser;
use crate::places::Places;
use crate::plan::{Action, Change};
use crate::provision::Birth;
use crate::script::{ExtensionKind, Rule};
use crate::text::{Guid, Text};

impl Scene<'_> {
    /// Gives the inverse of a delete. `gone` are the users that the same plan deletes, and `places` has what is left of
    /// room and licences.
    pub(crate) fn made_again(
        &self,
        change: &Change,
        gone: &BTreeSet<Guid>,
        places: &mut Places<'_>,
    ) -> Inverse {
        if let Some(still) = self.still_there(change, gone) {
            return still;
        }
        let Some(birth) = change.birth.clone() else {
            let message =
                "the phone user had been deleted by hand before the run, so there is nothing to bring back";
            return Inverse::Skip(Diagnostic::note(codes::UNDO_MOVED, message));
        };
        let rule = Rule { user_template: birth.user_template.clone(), ..Rule::default() };
        let system = match self.home(change, &birth) {
            Ok(system) => system,
            Err(why) => return Inverse::Skip(why),
        };
        if let Err(why) = places.room(system, &rule) {
            return Inverse::Skip(why);
        }
        places.settle(system, &rule);
        let mut lost = Vec::new();
        let fields = self.fields_again(change, &mut lost);
        let what =
            "comes back without its voicemail messages and its telephone's settings: nobody keeps those";
        let mut notes = vec![Diagnostic::warning(codes::UNDO_LOST, what)];
        if !lost.is_empty() {
            let message = format!("hunt groups that no longer exist are left out: {}", lost.join(", "));
            notes.push(Diagnostic::warning(codes::GROUP_UNKNOWN, message));
        }
        let extension = birth.extension.clone().filter(|_| self.policy.abilities.extensions);
        let back = Change {
            action: Action::Create,
            guid: None,
            reason: format!("deleted by the run {}", self.run),
            fields,
            birth: Some(Birth { extension, ..birth }),
            record: None,
            seen: None,
            ..change.clone()
        };
        Inverse::Do(Box::new(back), notes)
    }

    /// Tells what there is to do where the person has a phone user.
    fn still_there(&self, change: &Change, gone: &BTreeSet<Guid>) -> Option<Inverse> {
        let stands = |guid: &Guid| self.standing.users.get(guid).filter(|user| !gone.contains(&user.guid));
        if change.guid.as_ref().and_then(stands).is_some() {
            // The delete did not take place.
            return Some(Inverse::Nothing);
        }
        if let Some(owner) = self.memory.others_records.get(&change.id) {
            return Some(moved(format!("the person belongs to the job `{}` by now", owner.job)));
        }
        let user = self.memory.links.get(&change.id).and_then(|link| stands(&link.guid))?;
        Some(moved(format!("the person has a phone user again: `{}`", PhoneUser::name(user))))
    }

    /// Gives the place of the system that the user was on, if it and the templates are still there.
    fn home(&self, change: &Change, birth: &Birth) -> Result<usize, Diagnostic> {
        let gone = |code, what: &str, name: &str| {
            let message = format!("the {what} `{name}` that the user had does not exist any more");
            Err(Diagnostic::error(code, message).hint("make it again on the phone system, then undo again"))
        };
        let (standing, name) = (self.standing, change.system.as_deref().unwrap_or_default());
        let Some(place) = standing.systems.iter().position(|system| *system.name == *name) else {
            return gone(codes::SYSTEM_UNKNOWN, "system", name);
        };
        match (&birth.user_template, &birth.extension) {
            (Some(name), _) if !standing.user_templates.contains_key(name) => {
                gone(codes::TEMPLATE_UNKNOWN, "user template", name)
            }
            (_, Some(ExtensionKind::Template(name))) if !standing.extension_templates.contains_key(name) => {
                gone(codes::TEMPLATE_UNKNOWN, "extension template", name)
            }
            _ => Ok(place),
        }
    }

    fn fields_again(&self, change: &Change, lost: &mut Vec<Text>) -> Vec<FieldChange> {
        let mut known = |groups: &[Text]| {
            let (there, gone): (Vec<Text>, Vec<Text>) =
                groups.iter().cloned().partition(|group| self.standing.group(group).is_some());
            lost.extend(gone);
            Value::list_of(there)
        };
        let back = |field: &FieldChange| {
            let to = match field.from.as_ref()? {
                Value::List(groups) => known(groups)?,
                value => value.clone(),
            };
            Some(FieldChange { field: field.field, from: None, to: Some(to), drift: false })
        };
        let writable = |field: Field| self.policy.abilities.writes(field);
        change.fields.iter().filter(|field| writable(field.field)).filter_map(back).collect()
    }
}
