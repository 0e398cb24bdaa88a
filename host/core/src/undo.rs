//! Undo: the inverse of a run, made from what the run changed and what stands now.
//!
//! Nothing is put back that somebody has changed since: a value goes back only where the office still holds what the
//! run wrote, a user goes only where it still holds everything, and whatever stays as it is says why.

use std::collections::{BTreeMap, BTreeSet};

use crate::claims::Claims;
use crate::diag::{Diagnostic, Severity};
use crate::field::{Field, Value};
use crate::inverse::{Inverse, Scene};
use crate::map::Skip;
use crate::memory::Memory;
use crate::order::order;
use crate::phone::Standing;
use crate::places::Places;
use crate::plan::{Action, Change, Plan, Reading, skip};
use crate::policy::Policy;
use crate::record::RecordId;
use crate::records::{self, Numbers};
use crate::script::Script;
use crate::text::{Guid, Text};
use crate::verify::Outcome;
use crate::{codes, constraint};

/// A run that is to be undone, and what came after it.
#[derive(Debug)]
pub struct Past<'a> {
    /// The run's id.
    pub run: &'a Text,
    /// Its changes with what became of each.
    pub done: &'a [(Change, Outcome)],
    /// Users whom a later run changed, with that run's id.
    pub touched: &'a BTreeMap<RecordId, Text>,
    /// Users for whom the run has been undone already, with the undo's id.
    pub undone: &'a BTreeMap<RecordId, Text>,
}

/// Plans the inverse of a run.
pub fn undo(
    past: &Past<'_>,
    standing: &Standing,
    memory: &Memory,
    script: &dyn Script,
    policy: &Policy,
) -> Plan {
    let vanished = memory.links.values().filter(|link| !standing.users.contains_key(&link.guid)).count();
    let mut plan = Plan {
        owned: memory.links.len(),
        vanished,
        complete: standing.unreached.is_empty(),
        reading: Reading { complete: true, ..Reading::default() },
        undoes: Some(past.run.clone()),
        ..Plan::default()
    };
    // A name that a leaver freed who has a phone user again is held for nobody any more.
    let mut free = memory.clone();
    free.held_names.retain(|_, whose| !memory.links.contains_key(whose));
    let numbers = Numbers::of(standing);
    let scene = Scene { run: past.run, standing, numbers: &numbers, memory, script, policy };
    let mut skips = Vec::new();
    let mut note = |plan: &mut Plan, change: &Change, found: Inverse| match found {
        Inverse::Do(back, notes) => {
            plan.diagnostics.extend(notes.into_iter().map(|note| note.user(back.key.clone())));
            plan.changes.push(*back);
        }
        Inverse::Skip(why) => skips.push(skipped(change, why)),
        Inverse::Nothing => {}
    };
    let done = past
        .done
        .iter()
        .filter(|(change, outcome)| change.action != Action::Skip && *outcome != Outcome::Planned);
    // Users are made again last: whether a person has a phone user depends on the deletes of the same plan.
    let (deletes, others): (Vec<_>, Vec<_>) = done.partition(|(change, _)| change.action == Action::Delete);
    for (change, outcome) in others {
        let found = since(change, past).map_or_else(|| scene.inverse(change, outcome), Inverse::Skip);
        note(&mut plan, change, found);
    }
    let gone: BTreeSet<Guid> = plan
        .changes
        .iter()
        .filter(|change| change.action == Action::Delete)
        .filter_map(|change| change.guid.clone())
        .collect();
    let mut places = Places::new(standing, &gone);
    for (change, _) in deletes {
        let found =
            since(change, past).map_or_else(|| scene.made_again(change, &gone, &mut places), Inverse::Skip);
        note(&mut plan, change, found);
    }
    plan.changes.sort_by(|a, b| (a.action, &a.key, &a.id).cmp(&(b.action, &b.key, &b.id)));
    let claims = claim(&mut plan.changes, &mut skips, standing, &free, policy);
    plan.changes.extend(skips);
    finish(&mut plan, standing, &claims);
    once(&mut plan.diagnostics);
    plan
}

/// Says once of all users together what does not come back with any of them.
fn once(diagnostics: &mut Vec<Diagnostic>) {
    let lost = |found: &Diagnostic| found.code == codes::UNDO_LOST;
    let users = diagnostics.iter().filter(|found| lost(found)).count();
    let Some(first) = diagnostics.iter().position(lost).filter(|_| users > 1) else { return };
    let message = format!(
        "{users} users come back without their voicemail messages and their telephones' settings: nobody keeps those"
    );
    diagnostics.retain(|found| !lost(found));
    diagnostics.insert(first, Diagnostic::warning(codes::UNDO_LOST, message));
}

/// Sorts a plan whose changes are known, decides about extension records, and orders the writes.
pub(crate) fn finish(plan: &mut Plan, standing: &Standing, claims: &Claims<'_>) {
    plan.changes.sort_by(|a, b| (a.action, &a.key, &a.id).cmp(&(b.action, &b.key, &b.id)));
    records::settle(&mut plan.changes, &Numbers::of(standing));
    plan.order = order(&mut plan.changes, claims);
    let kept: BTreeSet<&Text> = plan
        .changes
        .iter()
        .filter(|change| change.action != Action::Skip)
        .map(|change| &change.key)
        .collect();
    plan.diagnostics.retain(|note| note.user.as_ref().is_none_or(|user| kept.contains(user)));
    plan.diagnostics.sort_by(|a, b| {
        (a.severity, a.code, &a.user, &a.message).cmp(&(b.severity, b.code, &b.user, &b.message))
    });
    let wrong = |change: &Change| change.why.iter().any(|why| why.severity == Severity::Error);
    plan.errored = plan.changes.iter().any(|change| change.action == Action::Skip && wrong(change));
    if !plan.complete {
        plan.order.clear();
    }
    plan.applyable = !plan.order.is_empty();
}

/// Tells why what came after a change leaves nothing to undo of it.
fn since(change: &Change, past: &Past<'_>) -> Option<Diagnostic> {
    if let Some(by) = past.undone.get(&change.id) {
        let message = format!("undone already by the run {by}");
        let why = Diagnostic::note(codes::UNDO_DONE, message);
        return Some(why.hint(format!("`rollcall undo {by}` makes it again")));
    }
    let by = past.touched.get(&change.id)?;
    let message = format!("the later run {by} changed this user too");
    Some(
        Diagnostic::error(codes::UNDO_LATER, message)
            .hint(format!("undo that one first: `rollcall undo {by}`")),
    )
}

/// Makes the skip of a change that is not undone.
fn skipped(change: &Change, why: Diagnostic) -> Change {
    skip(Skip {
        id: change.id.clone(),
        key: change.key.clone(),
        name: change.name.clone(),
        why: vec![why.user(change.key.clone())],
    })
}

/// Takes the names and numbers that the changes put back; a change whose values somebody else has by now is skipped,
/// which may leave others without theirs, until the rest fits together.
fn claim<'a>(
    changes: &mut Vec<Change>,
    skips: &mut Vec<Change>,
    standing: &'a Standing,
    memory: &'a Memory,
    policy: &'a Policy,
) -> Claims<'a> {
    loop {
        let frees = |field: Field| -> BTreeSet<Guid> {
            let gives_up = |change: &&Change| change.field(field).is_some_and(|found| found.from != found.to);
            changes.iter().filter(gives_up).filter_map(|change| change.guid.clone()).collect()
        };
        // No temporary value may be a number that stands, also none that this plan frees.
        let standing_numbers =
            standing.users.values().filter_map(|user| user.extension()).map(Text::from).collect();
        let mut claims = Claims::new(
            standing,
            memory,
            policy,
            standing_numbers,
            &frees(Field::Name),
            &frees(Field::Extension),
        );
        let mut fits = Vec::with_capacity(changes.len());
        let mut again = false;
        for change in changes.drain(..) {
            match take(&change, &mut claims) {
                Ok(()) => fits.push(change),
                Err(why) => {
                    skips.push(skipped(&change, why));
                    again = true;
                }
            }
        }
        *changes = fits;
        if !again {
            return claims;
        }
    }
}

fn take(change: &Change, claims: &mut Claims<'_>) -> Result<(), Diagnostic> {
    let wanted = |field| {
        let found = change.field(field).filter(|found| found.from != found.to)?;
        found.to.as_ref().and_then(Value::text)
    };
    let taken = |why: Diagnostic| Diagnostic {
        hint: Some("free it on the phone system, then undo again".into()),
        ..why
    };
    if let Some(name) = wanted(Field::Name) {
        claims.take_name(&[name], &change.id, &change.key).map_err(taken)?;
    }
    let Some(number) = wanted(Field::Extension) else { return Ok(()) };
    constraint::extension(number).map_err(|why| Diagnostic::error(codes::USER_INVALID, why))?;
    // As for the directory, quarantine does not bind: the number goes back to who had it.
    claims.take_given(&[number], &change.key).map(drop).map_err(taken)
}
