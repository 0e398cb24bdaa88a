//! Owned users that a complete reading lacks: who is deleted now, who waits, who stays.

use std::collections::BTreeSet;

use crate::adoption::Adoption;
use crate::codes;
use crate::diag::Diagnostic;
use crate::diff::FieldChange;
use crate::field::{Field, Fields, text_of};
use crate::map::Skip;
use crate::memory::{Link, Memory};
use crate::pair::Pairing;
use crate::phone::{Extension, PhoneUser};
use crate::plan::{Action, Change, Pending, Plan, skip};
use crate::policy::Policy;
use crate::provision::Birth;
use crate::records::Numbers;
use crate::script::{ExtensionKind, Script};
use crate::text::{Guid, Text, count};

/// Decides which leavers are deleted now and notes the others.
pub(crate) fn leavers(
    plan: &mut Plan,
    pairings: &[Pairing<'_>],
    memory: &Memory,
    script: &dyn Script,
    policy: &Policy,
) -> BTreeSet<Guid> {
    let mut deletes = BTreeSet::new();
    let (mut without_tick, mut held) = (0, 0);
    for pairing in pairings {
        let Pairing::Left(link, phone) = pairing else { continue };
        if !plan.complete {
            continue;
        }
        if !policy.delete {
            without_tick += 1;
            continue;
        }
        match phone
            .map_or(Ok(false), |phone| if phone.built_in() { Ok(true) } else { script.protects(phone) })
        {
            Ok(true) => {
                let why = Diagnostic::note(
                    codes::PROTECTED,
                    "left the directory, and is kept: protected by `[leavers] protect`, or a built-in user",
                );
                plan.changes.push(skip(left_skip(link, *phone, vec![why])));
            }
            Err(why) => plan.changes.push(skip(left_skip(link, *phone, why))),
            Ok(false) if memory.deletes_held.is_none() && memory.due.contains(&link.id) => {
                deletes.insert(link.guid.clone());
            }
            Ok(false) => {
                held += usize::from(memory.deletes_held.is_some());
                plan.pending.push(pending(link, *phone, memory));
            }
        }
    }
    plan.diagnostics.extend(memory.deletes_held.iter().filter(|_| held > 0).cloned());
    if without_tick > 0 {
        let (has, stay) = if without_tick == 1 { ("has", "stays") } else { ("have", "stay") };
        let message = format!(
            "{} {has} left the directory and {stay}, because the tick `delete` is off",
            count(without_tick, "owned user")
        );
        plan.diagnostics.push(Diagnostic::note(codes::TICK_OFF, message).path(&["synchronize", "delete"]));
    }
    deletes
}

fn pending(link: &Link, phone: Option<&PhoneUser>, memory: &Memory) -> Pending {
    let why = match (&memory.deletes_held, memory.due_from.get(&link.id)) {
        (Some(held), _) => format!("left the directory; {}", held.message),
        (None, Some(from)) => Pending::waits(link.missing.map_or(0, |missing| missing.reads), from),
        (None, None) => format!(
            "left the directory; the first sync that misses the user starts the grace of {}, and a complete read after it deletes",
            memory.grace
        ),
    };
    let name = phone.map(|phone| phone.name().into());
    let extension = phone.and_then(PhoneUser::extension).map(Text::from);
    Pending { key: link.key.clone(), name, extension, why }
}

fn left_skip(link: &Link, phone: Option<&PhoneUser>, why: Vec<Diagnostic>) -> Skip {
    let why = why.into_iter().map(|why| why.user(link.key.clone())).collect();
    Skip { id: link.id.clone(), key: link.key.clone(), name: phone.map(|phone| phone.name().into()), why }
}

/// Makes the change that deletes a leaver. `ended`: somebody has ended the grace by name.
pub(crate) fn delete(link: &Link, phone: Option<&PhoneUser>, numbers: &Numbers<'_>, ended: bool) -> Change {
    // Where the phone user is gone already, what this job wrote last says what it frees.
    let last = |field| text_of(&link.written, field);
    let (name, number) = match phone {
        Some(phone) => (Some(phone.name()), phone.extension()),
        None => (last(Field::Name), last(Field::Extension)),
    };
    // Only the record that this job made goes with the user, and only where nobody else has come to use it.
    let own = link.record.as_deref().filter(|number| !numbers.is_used(number, Some(&link.guid)));
    let record = own.and_then(|number| numbers.record(number));
    let record = record.filter(|record| !record.hardware);
    let kind = |record: &Extension| {
        let template = record.template.clone().map(ExtensionKind::Template);
        template.or(link.extension.clone()).or(record.kind.clone().map(ExtensionKind::Type))
    };
    let birth = Birth {
        rule: link.rule.clone(),
        number_by_rule: link.number_by_rule,
        user_template: phone.and_then(|phone| phone.user_template.clone()).or(link.user_template.clone()),
        extension: record.and_then(kind).filter(|_| phone.is_some()),
        written: Some(link.written.clone()),
    };
    Change {
        action: Action::Delete,
        id: link.id.clone(),
        key: link.key.clone(),
        guid: Some(link.guid.clone()),
        name: name.map(Text::from),
        extension: number.map(Text::from),
        system: phone.map(|phone| phone.system.clone()),
        rule: link.rule.clone(),
        reason: match phone {
            Some(_) if ended => "left the directory, and `--delete-now` has ended the grace".into(),
            Some(_) => "left the directory, and the grace has passed".into(),
            None => "left the directory; the phone user was already deleted by hand".into(),
        },
        fields: phone.map(|phone| lost(link, phone)).unwrap_or_default(),
        birth: phone.map(|_| birth),
        adoption: link.matched_by.map(|_| Adoption::of(link, phone)),
        record: record.map(|record| record.number.clone()),
        seen: phone.map(|phone| phone.fingerprint),
        unlinks: false,
        why: Vec::new(),
    }
}

/// Gives everything that goes with a user, also the codes that the phone system does not let be read.
fn lost(link: &Link, phone: &PhoneUser) -> Vec<FieldChange> {
    let unread = link.written.iter().filter(|(field, _)| field.secret() && !phone.fields.contains_key(field));
    let fields: Fields = phone.fields.iter().chain(unread).map(|(f, value)| (*f, value.clone())).collect();
    let gone = |(field, value)| FieldChange { field, from: Some(value), to: None, drift: false };
    fields.into_iter().map(gone).collect()
}
