//! `--delete-now USER`: finds the one leaver whose grace somebody ends.

use std::collections::BTreeSet;

use rollcall_core::field::text_of;
use rollcall_core::map::Mapped;
use rollcall_core::memory::{Link, Memory};
use rollcall_core::phone::Standing;
use rollcall_core::text::fold;
use rollcall_core::{Diagnostic, Field, RecordId, Text, codes};

use crate::error::RunError;

/// Ends the grace of the leaver that `wanted` names: by user identification, name, extension or e-mail.
///
/// # Errors
/// [`RunError::NotFound`] where nobody or more than one fits; [`RunError::Refused`] where the user is still in the
/// reading, is not owned, or the tick `delete` is off.
pub(crate) fn end_grace(
    wanted: &str,
    mapped: &[Mapped],
    standing: &Standing,
    memory: &mut Memory,
    tick: bool,
) -> Result<(), RunError> {
    if !tick {
        let message = "`--delete-now` deletes nobody, because the tick `delete` is off";
        return Err(refused(Diagnostic::error(codes::TICK_OFF, message).path(&["synchronize", "delete"])));
    }
    let folded = fold(wanted.trim());
    let read: BTreeSet<&RecordId> = mapped.iter().map(Mapped::id).collect();
    let (by_key, by_phone): (Vec<&Link>, Vec<&Link>) = memory
        .links
        .values()
        .filter(|link| is_key(link, &folded) || is_phone(link, standing, &folded))
        .partition(|link| is_key(link, &folded));
    // The identification says it exactly; a name or number may be somebody else's by now.
    let exact = !by_key.is_empty();
    let hits = if exact { by_key } else { by_phone };
    let left: Vec<&Link> = hits.iter().copied().filter(|link| !read.contains(&link.id)).collect();
    let id = match (hits.as_slice(), left.as_slice()) {
        ([], _) => return Err(stranger(wanted, &folded, mapped, standing)),
        ([_], [one]) => one.id.clone(),
        (_, [one]) if exact => one.id.clone(),
        ([one], []) => {
            let message = format!("`{}` is in the directory, so it is no leaver and is not deleted", one.key);
            let hint = "take the person out of the directory or of the job's scope first";
            return Err(refused(Diagnostic::error(codes::NO_LEAVER, message).hint(hint)));
        }
        _ => {
            let list: Vec<String> = hits.iter().map(|link| told(link, standing, &read)).collect();
            let message = format!("several users fit `{wanted}`: {}", list.join(", "));
            let found =
                Diagnostic::error(codes::USER_NOT_FOUND, message).hint("give the user identification");
            return Err(RunError::NotFound(vec![found]));
        }
    };
    memory.due.insert(id.clone());
    memory.delete_now = Some(id);
    Ok(())
}

fn refused(why: Diagnostic) -> RunError {
    RunError::Refused(vec![why])
}

/// Tells whether somebody named the link's user by its identification.
pub(crate) fn is_key(link: &Link, wanted: &str) -> bool {
    fold(&link.key) == wanted || link.id.is_called(wanted)
}

/// Tells whether somebody named the link's user as it is called on the phone system.
pub(crate) fn is_phone(link: &Link, standing: &Standing, wanted: &str) -> bool {
    // Of a phone user that was deleted by hand, what this job wrote last is known.
    let fields = standing.users.get(&link.guid).map_or(&link.written, |phone| &phone.fields);
    is_called(fields, wanted)
}

fn is_called(fields: &rollcall_core::Fields, wanted: &str) -> bool {
    [Field::Name, Field::FullName, Field::Email, Field::Extension]
        .into_iter()
        .any(|field| text_of(fields, field).is_some_and(|text| fold(text) == wanted))
}

fn told(link: &Link, standing: &Standing, read: &BTreeSet<&RecordId>) -> String {
    let name = standing.users.get(&link.guid).map(|phone| format!(" ({})", phone.name())).unwrap_or_default();
    let here = if read.contains(&link.id) { ", in the directory" } else { ", left the directory" };
    format!("`{}`{name}{here}", link.key)
}

/// Says of somebody whom this job does not own what is known.
fn stranger(wanted: &str, folded: &str, mapped: &[Mapped], standing: &Standing) -> RunError {
    let key = |mapped: &Mapped| -> Text {
        match mapped {
            Mapped::Draft(draft) => draft.key.clone(),
            Mapped::Skipped(skip) => skip.key.clone(),
        }
    };
    if mapped.iter().any(|mapped| fold(&key(mapped)) == folded || mapped.id().is_called(folded)) {
        let message = format!("`{wanted}` is in the directory, and this job owns no phone user for it");
        return refused(Diagnostic::error(codes::NO_LEAVER, message));
    }
    if let Some(phone) = standing.users.values().find(|phone| is_called(&phone.fields, folded)) {
        let message = format!("the phone user `{}` is not this job's, and is not deleted", phone.name());
        let hint = "`rollcall office users JOB` tells whose it is; delete a user that nobody owns by hand";
        return refused(Diagnostic::error(codes::NO_LEAVER, message).hint(hint));
    }
    let message = format!("no user of this job fits `{wanted}`");
    let hint = "give user identification, name, extension or e-mail; `rollcall preview` lists the leavers";
    RunError::NotFound(vec![Diagnostic::error(codes::USER_NOT_FOUND, message).hint(hint)])
}
