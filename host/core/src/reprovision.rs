//! Movers: what a rule gives a new user only is changed by a delete and a create of the same person, in one plan.

use std::collections::BTreeSet;

use crate::claims::Claims;
use crate::codes;
use crate::diag::Diagnostic;
use crate::field::{Field, Value, groups_of};
use crate::groups::keep_known_groups;
use crate::leavers::delete;
use crate::map::{Draft, Mapped, Skip};
use crate::memory::{Link, Memory};
use crate::phone::{PhoneUser, Standing};
use crate::places::Places;
use crate::plan::{Change, Plan, Reading, create, skip};
use crate::policy::Policy;
use crate::provision::{Desired, birth};
use crate::records::Numbers;
use crate::script::{ExtensionKind, Rule, Script};
use crate::text::{Text, fold};
use crate::undo::finish;

/// Who is moved.
#[derive(Debug)]
pub struct Mover<'a> {
    /// The person as mapped for a new user.
    pub mapped: Mapped,
    /// The link.
    pub link: &'a Link,
    /// The phone user as it stands.
    pub phone: &'a PhoneUser,
    /// The numbers that the directory gives to others.
    pub promised: BTreeSet<Text>,
}

/// Plans the move of one user, or says why there is nothing to move.
pub fn reprovision(
    mover: Mover<'_>,
    reading: Reading,
    standing: &Standing,
    memory: &Memory,
    script: &dyn Script,
    policy: &Policy,
) -> Plan {
    let (link, phone) = (mover.link, mover.phone);
    let vanished = memory.links.values().filter(|link| !standing.users.contains_key(&link.guid)).count();
    let complete = reading.complete && standing.unreached.is_empty();
    let mut plan = Plan { owned: memory.links.len(), vanished, complete, reading, ..Plan::default() };
    let draft = match mover.mapped {
        Mapped::Draft(draft) => draft,
        Mapped::Skipped(found) => return without(plan, found),
    };
    let left =
        |why| Skip { id: link.id.clone(), key: link.key.clone(), name: Some(phone.name().into()), why };
    match script.protects(phone) {
        _ if phone.built_in() => {
            return without(plan, left(vec![kept("the phone user comes with the system")]));
        }
        Ok(false) => {}
        Ok(true) => {
            return without(plan, left(vec![kept("`[leavers] protect` keeps the user from being deleted")]));
        }
        Err(why) => return without(plan, left(why)),
    }
    let gone = delete(link, Some(phone), &Numbers::of(standing), false);
    let (cleared, remembered) = as_if_gone(&gone, phone, standing, memory);
    let rule = draft.rule.clone().unwrap_or_default();
    let draft = stay_yourself(draft, &rule, phone, policy);
    let numbers = cleared.users.values().filter_map(|user| user.extension().map(Text::from));
    let taken = mover.promised.into_iter().chain(numbers).collect();
    let none = BTreeSet::new();
    let mut claims = Claims::new(&cleared, &remembered, policy, taken, &none, &none);
    let desired = match birth(draft, &mut claims, &mut Places::new(&cleared, &none), policy) {
        Ok(desired) => desired,
        Err(found) => return without(plan, found),
    };
    let moves = differences(&desired, &rule, link, phone, standing);
    if moves.is_empty() {
        plan.unchanged.push((link.key.clone(), phone.name().into(), phone.extension().map(Text::from)));
        let message = "system, rule, templates and extension type are those that the user has, so there is nothing to move";
        plan.diagnostics.push(Diagnostic::note(codes::NOTHING_TO_MOVE, message).user(link.key.clone()));
        return plan;
    }
    let reason = format!("moves: {}", moves.join("; "));
    plan.diagnostics.append(&mut desired.draft.notes.clone());
    plan.diagnostics.append(&mut desired.notes.clone());
    let made = made(desired, link, phone, standing, policy);
    plan.diagnostics.extend(losses(&gone, &made, standing));
    plan.changes.push(Change { reason: reason.clone(), ..gone });
    plan.changes.push(Change { reason, ..made });
    finish(&mut plan, standing, &claims);
    plan
}

fn kept(message: &str) -> Diagnostic {
    Diagnostic::error(codes::PROTECTED, message)
}

/// Ends with a skip.
fn without(mut plan: Plan, found: Skip) -> Plan {
    plan.errored = found.is_error();
    plan.changes.push(skip(found));
    plan
}

/// Gives the phone system and the memory as they are between the delete and the create.
fn as_if_gone(gone: &Change, phone: &PhoneUser, standing: &Standing, memory: &Memory) -> (Standing, Memory) {
    let mut cleared = standing.clone();
    cleared.users.remove(&phone.guid);
    cleared.extensions.retain(|record| Some(&record.number) != gone.record.as_ref());
    let profile = fold(phone.profile.as_deref().unwrap_or_default());
    for licence in cleared.licences.iter_mut().filter(|licence| fold(&licence.profile) == profile) {
        licence.used = licence.used.saturating_sub(1);
    }
    let mut remembered = memory.clone();
    remembered.links.remove(&gone.id);
    remembered.held_names.insert(fold(phone.name()).into(), gone.id.clone());
    if let Some(number) = phone.extension() {
        remembered.held_numbers.insert(number.into(), gone.id.clone());
        remembered.former_numbers.insert(gone.id.clone(), number.into());
    }
    (cleared, remembered)
}

/// Puts what the user has before other candidates, so that a move changes no more than it must; a user that neither
/// rule nor directory gives a number keeps its own.
fn stay_yourself(mut draft: Draft, rule: &Rule, phone: &PhoneUser, policy: &Policy) -> Draft {
    for field in [Field::Name, Field::Extension] {
        let (Some(has), Some(values)) = (phone.fields.get(&field), draft.fields.get_mut(&field)) else {
            continue;
        };
        if let Some(place) = values.iter().position(|value| value == has) {
            values[..=place].rotate_right(1);
        }
    }
    let given = draft.fields.get(&Field::Extension).is_some_and(|values| !values.is_empty());
    if let Some(number) = phone.fields.get(&Field::Extension)
        && !given
        && rule.range.is_none()
        && policy.abilities.writes(Field::Extension)
    {
        draft.fields.insert(Field::Extension, vec![number.clone()]);
    }
    draft
}

/// Names what a new user would get otherwise than this one has it.
fn differences(
    desired: &Desired,
    rule: &Rule,
    link: &Link,
    phone: &PhoneUser,
    standing: &Standing,
) -> Vec<String> {
    let mut moves = Vec::new();
    let mut differs = |what: &str, has: Option<&str>, gets: Option<&str>| {
        if has != gets {
            moves.push(format!("{what} {} -> {}", has.unwrap_or("(none)"), gets.unwrap_or("(none)")));
        }
    };
    differs("system", Some(&phone.system), Some(&desired.system));
    let named = (!rule.name.is_empty()).then_some(&*rule.name);
    differs("rule", link.rule.as_deref(), named);
    let template = phone.user_template.as_ref().or(link.user_template.as_ref());
    differs("user template", template.map(|name| &**name), rule.user_template.as_deref());
    let record = phone.extension().and_then(|number| standing.extension(number));
    match (&rule.extension, record) {
        (Some(ExtensionKind::Template(gets)), Some(record)) => {
            let made = match &link.extension {
                Some(ExtensionKind::Template(name)) => Some(name),
                Some(ExtensionKind::Type(_)) | None => None,
            };
            differs("extension template", record.template.as_ref().or(made).map(|name| &**name), Some(gets));
        }
        (Some(ExtensionKind::Type(gets)), Some(record)) => {
            differs("extension type", record.kind.as_deref(), Some(gets));
        }
        _ => {}
    }
    moves
}

/// Makes the create: as the directory and the rule have it, and what was set by hand carried over.
fn made(
    mut desired: Desired,
    link: &Link,
    phone: &PhoneUser,
    standing: &Standing,
    policy: &Policy,
) -> Change {
    keep_known_groups(&mut desired, standing);
    let last = |field: Field| phone.fields.get(&field).or(link.written.get(&field)).cloned();
    let mut written = desired.fields.clone();
    for field in Field::ALL.into_iter().filter(|field| policy.abilities.writes(*field)) {
        let Some(had) = last(field) else { continue };
        if field == Field::GroupMembership {
            // Memberships that somebody gave by hand go along; those that this job gave follow the directory.
            let ours = groups_of(&link.written);
            let by_hand = had.list().iter().filter(|group| !ours.contains(group));
            let all = groups_of(&desired.fields).iter().chain(by_hand).cloned();
            desired.fields.extend(Value::list_of(all).map(|groups| (field, groups)));
            continue;
        }
        let mapped = desired.fields.get(&field);
        // A random code is not drawn again where the old one is known.
        let fresh = mapped.is_some_and(|value| !field.secret() || matches!(value, Value::Secret(_)));
        if !fresh && field != Field::Extension {
            if mapped.is_some() || link.written.get(&field) == Some(&had) {
                written.insert(field, had.clone());
            }
            desired.fields.insert(field, had);
        }
    }
    let mut change = create(desired, policy);
    if let Some(birth) = &mut change.birth {
        birth.written = Some(written);
    }
    change
}

/// Says what the person loses on the way.
fn losses(gone: &Change, made: &Change, standing: &Standing) -> Vec<Diagnostic> {
    let mut out = Vec::new();
    let mut warn = |message: String| {
        out.push(Diagnostic::warning(codes::MOVE_LOSES, message).user(gone.key.clone()));
    };
    warn("the move loses the voicemail messages, and the settings of the user and its telephone that neither directory nor templates give".into());
    if gone.name != made.name {
        let text = |name: &Option<Text>| name.clone().unwrap_or_default();
        warn(format!(
            "the name changes from `{}` to `{}`, and the voicemail box with it",
            text(&gone.name),
            text(&made.name)
        ));
    }
    match (&gone.extension, &made.extension) {
        (Some(from), Some(to)) if from != to => {
            warn(format!("the extension changes from {from} to {to}; {from} goes into quarantine"));
        }
        (Some(from), None) => warn(format!("the extension {from} is given up and goes into quarantine")),
        _ => {}
    }
    for field in [Field::LoginCode, Field::VoicemailCode] {
        if gone.field(field).is_none() && made.field(field).is_none() {
            continue;
        }
        if made.field(field).is_some_and(|code| !matches!(code.to, Some(Value::Secret(_)))) {
            warn(format!("the `{}` is drawn anew, because the present one is not known", field.key()));
        }
    }
    let stays =
        |number: &&Text| gone.record.as_ref() != Some(*number) && standing.extension(number).is_some();
    if let Some(number) = gone.extension.as_ref().filter(stays) {
        warn(format!("the extension record {number} was not made by this job, and stays where it is"));
    }
    out
}
