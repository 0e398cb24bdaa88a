//! Steps 5 and 6 for users that are taken over: what an adoption writes, what counts as written, what is kept.

use crate::diff::diff;
use crate::field::{Field, Fields, Value, text_of};
use crate::map::Draft;
use crate::memory::{Link, MatchedBy};
use crate::phone::PhoneUser;
use crate::plan::{Action, Change};
use crate::policy::{Adopt, Policy};
use crate::provision::{Birth, Desired};
use crate::record::RecordId;
use crate::records::{self, Numbers};
use crate::text::Text;

/// How a user that stood already is taken over.
#[derive(Clone, Debug, PartialEq)]
pub struct Adoption {
    /// By what it was matched.
    pub by: MatchedBy,
    /// Name, extension and e-mail as they stood when the plan was made.
    pub seen: Vec<(Field, Option<Value>)>,
    /// What stands as the directory gives it; it counts as written by this job.
    pub written: Fields,
    /// Fields that stay as they stand, each with what the directory gives now.
    pub kept: Fields,
}

impl Adoption {
    /// Gives what it takes to tie a user again whose link ends. `by` is told where the job had made the user itself.
    pub(crate) fn of(link: &Link, phone: Option<&PhoneUser>) -> Self {
        Self {
            by: link.matched_by.unwrap_or(MatchedBy::Hand),
            seen: phone.map(seen).unwrap_or_default(),
            written: link.written.clone(),
            kept: link.kept.clone(),
        }
    }
}

/// Gives the link that an adoption makes.
pub fn link(change: &Change) -> Option<Link> {
    let adoption = change.adoption.clone()?;
    // Of a user that is tied again it is known how it was made.
    let birth = change.birth.clone().unwrap_or_default();
    Some(Link {
        id: change.id.clone(),
        key: change.key.clone(),
        guid: change.guid.clone()?,
        written: adoption.written,
        kept: adoption.kept,
        matched_by: Some(adoption.by),
        rule: birth.rule,
        number_by_rule: birth.number_by_rule,
        user_template: birth.user_template,
        record: birth.extension.as_ref().and(change.extension.clone()),
        extension: birth.extension,
        missing: None,
    })
}

/// Makes the change that ties a directory user to a phone user by somebody's decision. Nothing is written to the phone
/// user; what differs is left to the next sync, but for the fields that an adoption keeps.
pub fn tie(draft: &Draft, phone: &PhoneUser, by: MatchedBy, policy: &Policy) -> Change {
    let kept = kept(draft, phone, policy);
    Change {
        reason: format!("tied to `{}` by {}", phone.name(), by.word()),
        adoption: Some(Adoption {
            by,
            seen: seen(phone),
            written: agreed(draft, &kept, phone, policy),
            kept,
        }),
        ..of_user(Action::Adopt, &draft.id, &draft.key, phone)
    }
}

/// Makes the change that lets a user go. Nothing is written to the phone user, which may be gone already.
pub fn release(link: &Link, phone: Option<&PhoneUser>) -> Change {
    let written = |field| text_of(&link.written, field).map(Text::from);
    let change = match phone {
        Some(phone) => of_user(Action::Update, &link.id, &link.key, phone),
        None => Change {
            action: Action::Update,
            id: link.id.clone(),
            key: link.key.clone(),
            guid: Some(link.guid.clone()),
            name: written(Field::Name),
            extension: written(Field::Extension),
            ..Change::default()
        },
    };
    let reason = match phone {
        Some(phone) => format!("`{}` was let go; no job owns it now", phone.name()),
        None => "was let go; the phone user had been deleted by hand".to_owned(),
    };
    let (birth, adoption) = (Some(Birth::of(link)), Some(Adoption::of(link, phone)));
    Change { unlinks: true, reason, birth, adoption, ..change }
}

fn of_user(action: Action, id: &RecordId, key: &Text, phone: &PhoneUser) -> Change {
    Change {
        action,
        id: id.clone(),
        key: key.clone(),
        guid: Some(phone.guid.clone()),
        name: Some(phone.name().into()),
        extension: phone.extension().map(Text::from),
        system: Some(phone.system.clone()),
        seen: Some(phone.fingerprint),
        ..Change::default()
    }
}

/// Gives the fields that an adoption keeps: what the directory gives now and the phone system holds otherwise.
pub(crate) fn kept(draft: &Draft, phone: &PhoneUser, policy: &Policy) -> Fields {
    let standard = Adopt::default();
    let keep = &policy.adopt.as_ref().unwrap_or(&standard).keep;
    let kept = keep.iter().filter_map(|field| {
        let candidates = draft.fields.get(field)?;
        let stands = phone.fields.get(field).is_some_and(|stands| candidates.contains(stands));
        let given = candidates.first().filter(|_| !stands && policy.fields.contains_key(field))?;
        Some((*field, given.clone()))
    });
    kept.collect()
}

/// Gives what a plan holds of a phone user so that an adoption finds it as it was.
pub fn seen(phone: &PhoneUser) -> Vec<(Field, Option<Value>)> {
    [Field::Name, Field::Extension, Field::Email]
        .into_iter()
        .map(|field| (field, phone.fields.get(&field).cloned()))
        .collect()
}

/// Makes the change that takes a user over. `link` is the one that the adoption makes, with nothing written yet, so
/// that nothing is cleared and no membership is taken away.
pub(crate) fn change(
    desired: &Desired,
    by: MatchedBy,
    link: &Link,
    phone: &PhoneUser,
    policy: &Policy,
    numbers: &Numbers<'_>,
) -> Change {
    let fields = if policy.update { diff(desired, phone, link, policy) } else { Vec::new() };
    let record = records::of_update(&fields, link, phone, numbers).filter(|_| policy.abilities.extensions);
    let text = |field| text_of(&desired.fields, field).map(Text::from);
    Change {
        name: text(Field::Name),
        extension: text(Field::Extension),
        reason: reason(by, link, phone),
        fields,
        adoption: Some(Adoption {
            by,
            seen: seen(phone),
            written: agreed(&desired.draft, &link.kept, phone, policy),
            kept: link.kept.clone(),
        }),
        record,
        ..of_user(Action::Adopt, &desired.draft.id, &desired.draft.key, phone)
    }
}

/// Gives what the phone system holds just as the directory gives it. Memberships are not among it: only those that the
/// job makes are its own.
fn agreed(draft: &Draft, kept: &Fields, phone: &PhoneUser, policy: &Policy) -> Fields {
    let fields = phone.fields.iter().filter(|(field, value)| {
        let given = draft.fields.get(field).map(Vec::as_slice).unwrap_or_default();
        // Of names and numbers a linked user keeps the one it has while that is among the candidates.
        let equal = match field {
            Field::Name | Field::Extension => given.contains(value),
            _ => given.first() == Some(value),
        };
        let own = field.updatable() && **field != Field::GroupMembership;
        equal && own && policy.fields.contains_key(field) && !kept.contains_key(field)
    });
    fields.map(|(field, value)| (*field, value.clone())).collect()
}

fn reason(by: MatchedBy, link: &Link, phone: &PhoneUser) -> String {
    let mut reason = format!("stands already as `{}`; matched by {}", phone.name(), by.word());
    if !link.kept.is_empty() {
        let kept: Vec<String> = link
            .kept
            .iter()
            .map(|(field, given)| match given.text() {
                Some(given) => format!("{} (the directory gives `{given}`)", field.key()),
                None => field.key().to_owned(),
            })
            .collect();
        reason.push_str(&format!("; kept as it stands: {}", kept.join(", ")));
    }
    reason
}
