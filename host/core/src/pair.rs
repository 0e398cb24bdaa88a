//! Step 3, match: drafts meet the links of earlier runs and the users that stand on the phone system.

use std::collections::{BTreeMap, BTreeSet};

use crate::adopt::adopt;
use crate::codes;
use crate::diag::Diagnostic;
use crate::map::{Draft, Mapped, Skip};
use crate::memory::{Link, MatchedBy, Memory};
use crate::phone::{PhoneUser, Standing};
use crate::policy::Policy;
use crate::record::RecordId;
use crate::restored::leave_alone;
use crate::text::{Text, fold};

/// What a draft or a link turned out to be.
#[derive(Debug)]
pub enum Pairing<'a> {
    /// Nobody of this job yet.
    New(Draft),
    /// A phone user that stands already and that nobody owns.
    Adopted(Draft, &'a PhoneUser, MatchedBy),
    /// The phone user that this job owns.
    Linked(Draft, &'a Link, &'a PhoneUser),
    /// An owned user that this reading lacks; the phone user may be gone too.
    Left(&'a Link, Option<&'a PhoneUser>),
    /// Left alone.
    Skipped(Skip),
}

/// Pairs everything that was read with everything that is linked, in the order of the user identification.
pub fn pair<'a>(
    mapped: Vec<Mapped>,
    memory: &'a Memory,
    standing: &'a Standing,
    policy: &Policy,
) -> Vec<Pairing<'a>> {
    let mapped_ids: BTreeSet<RecordId> = mapped.iter().map(|mapped| mapped.id().clone()).collect();
    let unread: Vec<&Link> = memory
        .links
        .values()
        .filter(|link| !mapped_ids.contains(&link.id) && !memory.settled.contains_key(&link.id))
        .collect();
    let shared = shared_keys(&mapped);
    // Who has the phone user keeps it: an order decides where nobody has one yet.
    let winner = |ids: &[RecordId]| {
        let mut linked = ids.iter().filter(|id| memory.links.contains_key(id));
        let first = policy.winner(ids)?;
        let only = linked.next().filter(|_| linked.next().is_none());
        Some(only.unwrap_or(first).clone())
    };
    let overruled = |draft: &Draft, ids: &[RecordId]| winner(ids).map(|winner| winner != draft.id);
    let owned = owned_keys(&mapped, memory);
    let left_keys: BTreeMap<String, &Link> = unread.iter().map(|link| (fold(&link.key), *link)).collect();
    let mut pairings = Vec::with_capacity(mapped.len());
    for mapped in mapped {
        pairings.push(match mapped {
            Mapped::Skipped(skip) => Pairing::Skipped(skip),
            Mapped::Draft(draft) => match shared.get(&fold(&draft.key)) {
                Some(ids) if overruled(&draft, ids) == Some(true) => Pairing::Skipped(outranked(draft, ids)),
                Some(ids) if overruled(&draft, ids).is_none() => Pairing::Skipped(duplicate(draft, ids)),
                _ => match owned.get(&fold(&draft.key)).filter(|owner| **owner != draft.id) {
                    Some(owner) if !memory.links.contains_key(&draft.id) => {
                        Pairing::Skipped(owned_already(draft, owner))
                    }
                    _ => one(draft, memory, standing, &left_keys),
                },
            },
        });
    }
    for link in unread {
        pairings.push(Pairing::Left(link, standing.users.get(&link.guid)));
    }
    pairings.sort_by(|a, b| key_of(a).cmp(&key_of(b)));
    let pairings = adopt(pairings, memory, standing, policy);
    // Without the tick nobody is made, so nobody can be made twice.
    if policy.new { leave_alone(pairings, memory, standing) } else { pairings }
}

fn key_of<'p>(pairing: &'p Pairing<'_>) -> (&'p Text, &'p RecordId) {
    match pairing {
        Pairing::New(draft) | Pairing::Linked(draft, _, _) | Pairing::Adopted(draft, _, _) => {
            (&draft.key, &draft.id)
        }
        Pairing::Left(link, _) => (&link.key, &link.id),
        Pairing::Skipped(skip) => (&skip.key, &skip.id),
    }
}

/// Gives the present user identifications of the records that were read and whose phone users the job owns. Of one that
/// could not be mapped it is the one that it had.
fn owned_keys(mapped: &[Mapped], memory: &Memory) -> BTreeMap<String, RecordId> {
    let mut owned = BTreeMap::new();
    for mapped in mapped {
        if let Some(link) = memory.links.get(mapped.id()) {
            let key = match mapped {
                Mapped::Draft(draft) => &draft.key,
                Mapped::Skipped(_) => &link.key,
            };
            owned.insert(fold(key), link.id.clone());
        }
    }
    owned
}

/// Skips a record whose user identification is that of another one that was read and has a phone user: one person would
/// get a second one.
fn owned_already(draft: Draft, owner: &RecordId) -> Skip {
    let ids = [owner.clone(), draft.id.clone()];
    let message = format!(
        "{} share the user identification `{}`, and the first has a phone user of this job",
        named(&ids),
        draft.key
    );
    let why = Diagnostic::error(codes::USER_DUPLICATE, message)
        .path(&["fields", "user_identification"])
        .hint("mend the directory; or let the phone user go with `rollcall unlink`, and tie it to the other with `rollcall link`")
        .user(draft.key.clone());
    skip(draft, vec![why])
}

/// Gives the user identifications that several records share, with the records.
fn shared_keys(mapped: &[Mapped]) -> BTreeMap<String, Vec<RecordId>> {
    let mut by_key: BTreeMap<String, Vec<RecordId>> = BTreeMap::new();
    for mapped in mapped {
        if let Mapped::Draft(draft) = mapped {
            by_key.entry(fold(&draft.key)).or_default().push(draft.id.clone());
        }
    }
    by_key.retain(|_, ids| ids.len() > 1);
    by_key
}

/// Names records, each with its directory where they come from several.
fn named(ids: &[RecordId]) -> String {
    let several = ids.iter().any(|id| id.directory != ids[0].directory);
    let name = |id: &RecordId| match several {
        true => format!("`{}` of `{}`", id.native, id.directory),
        false => format!("`{}`", id.native),
    };
    ids.iter().map(name).collect::<Vec<_>>().join(", ")
}

/// Skips a record whose user identification one of a directory that comes first has too.
fn outranked(draft: Draft, ids: &[RecordId]) -> Skip {
    let message = format!(
        "{} share the user identification `{}`, and another directory counts before `{}`",
        named(ids),
        draft.key,
        draft.id.directory
    );
    let why = Diagnostic::note(codes::USER_OUTRANKED, message)
        .hint("`precedence` of each [[directory]] decides, and who has a phone user keeps it")
        .user(draft.key.clone());
    skip(draft, vec![why])
}

fn duplicate(draft: Draft, ids: &[RecordId]) -> Skip {
    let why = Diagnostic::error(
        codes::USER_DUPLICATE,
        format!("{} records share the user identification `{}`: {}", ids.len(), draft.key, named(ids)),
    )
    .path(&["fields", "user_identification"])
    .hint("the user identification must be unique: mend the directory or map another attribute")
    .user(draft.key.clone());
    skip(draft, vec![why])
}

fn one<'a>(
    mut draft: Draft,
    memory: &'a Memory,
    standing: &'a Standing,
    left_keys: &BTreeMap<String, &Link>,
) -> Pairing<'a> {
    let Some(link) = memory.links.get(&draft.id) else {
        if let Some(owner) = memory.others_records.get(&draft.id) {
            let message = format!("the phone user of this person belongs to the job `{}`", owner.job);
            let why = Diagnostic::note(codes::OWNED_ELSEWHERE, message)
                .hint("a phone user belongs to one job; narrow the scope of one of the two")
                .user(draft.key.clone());
            return Pairing::Skipped(skip(draft, vec![why]));
        }
        if let Some(other) = left_keys.get(&fold(&draft.key)) {
            let note = format!(
                "the user identification `{}` belonged to another person, `{}`",
                draft.key, other.id.native
            );
            draft.notes.push(
                Diagnostic::warning(codes::IDENTITY_REUSED, note)
                    .hint("nothing is taken over: name, number and codes stay with the former user until it is deleted")
                    .user(draft.key.clone()),
            );
        }
        return Pairing::New(draft);
    };
    let Some(phone) = standing.users.get(&link.guid) else {
        let why =
            Diagnostic::warning(codes::USER_GONE, "the phone user was deleted by hand; it is not made again")
                .hint("`rollcall unlink JOB USER` lets the link go; the next sync then makes the user anew")
                .user(draft.key.clone());
        return Pairing::Skipped(skip(draft, vec![why]));
    };
    if phone.built_in() {
        let message = format!(
            "the phone user is now called `{}`, like a built-in user, and is left alone",
            phone.name()
        );
        let why = Diagnostic::error(codes::USER_INVALID, message)
            .hint("give it another name on the phone system")
            .user(draft.key.clone());
        return Pairing::Skipped(skip(draft, vec![why]));
    }
    if link.key != draft.key {
        let note = format!("the user identification of the same person changed from `{}`", link.key);
        draft.notes.push(Diagnostic::note(codes::IDENTITY_CHANGED, note).user(draft.key.clone()));
    }
    Pairing::Linked(draft, link, phone)
}

/// Turns a draft into a skip.
pub(crate) fn skip(draft: Draft, why: Vec<Diagnostic>) -> Skip {
    let name = draft.fields.get(&crate::Field::Name).and_then(|names| names.first());
    let name = name.and_then(|name| name.text()).map(Text::from);
    // What is known of the user besides belongs to the reasons: a plan lists them in one place.
    let why = why.into_iter().chain(draft.notes).collect();
    Skip { name, id: draft.id, key: draft.key, why }
}
