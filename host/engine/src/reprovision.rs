//! `reprovision`: moves one user to where its rule would put it today, by a delete and a create in one run.

use std::collections::BTreeSet;
use std::sync::Arc;

use rollcall_core::guard::guard;
use rollcall_core::map::map;
use rollcall_core::policy::Policy;
use rollcall_core::reprovision::{Mover, reprovision as plan_move};
use rollcall_core::script::Script;
use rollcall_core::text::fold;
use rollcall_core::witness::{Step, Witness};
use rollcall_core::{Diagnostic, Field, RecordId, Text, Value, codes};

use crate::delete_now::{is_key, is_phone};
use crate::error::RunError;
use crate::execute::{Begun, Behind, Confirm, Order, Render};
use crate::explain::is_record;
use crate::mapping::Interest;
use crate::named;
use crate::prepare::{Prepared, prepare};
use crate::report::Report;
use crate::run::{Options, Parts, Previewed};

/// Plans the move of the user that `wanted` names, and shows what the guard says of it; nothing is changed.
///
/// # Errors
/// As for a preview; [`RunError::NotFound`] where nobody or more than one of the job's users fits.
pub async fn preview_reprovision(
    parts: Parts<'_>,
    wanted: &str,
    options: &Options,
) -> Result<Previewed, RunError> {
    let job = parts.job.name.clone();
    let prepared = planned(parts, wanted, options).await?;
    let refusals = guard(&prepared.plan, &prepared.policy.limits, &prepared.memory, &options.accept).err();
    Ok(Previewed {
        partly: Vec::new(),
        report: Report::new(job, prepared.plan, refusals.unwrap_or_default()),
        directories: prepared.directories,
        office: prepared.office,
        ended: BTreeSet::new(),
    })
}

/// Plans the move, asks `confirm`, and applies it. The reading that it is made from counts as a preview's: it starts
/// and ends no grace.
///
/// # Errors
/// As for [`preview_reprovision`], and where the journal cannot be written.
pub async fn reprovision<'a>(
    parts: Parts<'a>,
    wanted: &str,
    options: &Options,
    confirm: Confirm<'_>,
    render: Render<'a>,
) -> Result<Option<Report>, RunError> {
    let writer = parts.writer(render);
    let Begun { lease, found, .. } = writer.begin(options.wait_ms).await?;
    let mut prepared = planned(parts, wanted, options).await?;
    prepared.plan.diagnostics.extend(found);
    let order = Order {
        kind: "reprovision",
        plan: prepared.plan,
        standing: &prepared.standing,
        memory: prepared.memory,
        limits: &prepared.policy.limits,
        accept: &options.accept,
        reading: Behind::Nothing,
        durations: prepared.durations,
    };
    writer.execute(&*lease, order, confirm).await
}

/// Reads both ends and replaces the plan of a sync by the plan of the move.
async fn planned(parts: Parts<'_>, wanted: &str, options: &Options) -> Result<Prepared, RunError> {
    let folded = fold(wanted.trim());
    let standing = parts.office.read().await?;
    let links = parts.state.links(&parts.job.name).await?;
    let named: BTreeSet<RecordId> = links
        .iter()
        .filter(|link| is_key(link, &folded) || is_phone(link, &standing, &folded))
        .map(|link| link.id.clone())
        .collect();
    let interest: Interest = {
        let (named, folded) = (named.clone(), folded.clone());
        Arc::new(move |record, _| named.contains(&record.id) || is_record(record, &folded))
    };
    let script = parts.script.clone();
    let mut numbers = Numbers::default();
    let mut prepared = prepare(parts, options, Some(interest), &mut numbers).await?;
    let id = one(wanted, named, &prepared)?;
    let (Some(link), Some((record, _))) =
        (prepared.memory.links.get(&id), prepared.seen.iter().find(|(record, _)| record.id == id))
    else {
        let message = format!("`{wanted}` has left the directory, so there is nothing to move by");
        return Err(not_found(message, "a leaver is deleted once its grace has passed"));
    };
    let Some(phone) = prepared.standing.users.get(&link.guid) else {
        let message = format!("the phone user of `{wanted}` was deleted by hand");
        return Err(not_found(
            message,
            "`rollcall unlink` lets the link go; the next sync makes the user anew",
        ));
    };
    // A move is asked for by name, so the ticks do not keep it back.
    let policy = Policy { new: true, ..prepared.policy.clone() };
    let mover = Mover {
        mapped: map(record, &*script, &policy, false),
        link,
        phone,
        promised: numbers.of_others(&id),
    };
    let plain: &dyn Script = &*script;
    let reading = prepared.plan.reading.clone();
    let mut plan = plan_move(mover, reading, &prepared.standing, &prepared.memory, plain, &policy);
    // What concerns the run as a whole stays: the phone system's warnings, the clock, the guards that may be passed.
    let whole = [codes::OFFICE_HIDES, codes::CLOCK_JUMPED, codes::GUARD_ACCEPTED];
    plan.diagnostics.extend(prepared.plan.diagnostics.drain(..).filter(|found| whole.contains(&found.code)));
    prepared.plan = plan;
    Ok(prepared)
}

/// Finds the one user of this job that was named.
fn one(wanted: &str, named: BTreeSet<RecordId>, prepared: &Prepared) -> Result<RecordId, RunError> {
    let links = &prepared.memory.links;
    let read = prepared.seen.iter().map(|(record, _)| record.id.clone());
    let mut hits: Vec<RecordId> = named.into_iter().chain(read).filter(|id| links.contains_key(id)).collect();
    hits.sort();
    hits.dedup();
    match hits.as_slice() {
        [one] => Ok(one.clone()),
        [] => Err(not_found(
            format!("no user of this job is called `{wanted}`"),
            "give user identification, name, extension, e-mail or login name of a user that this job owns",
        )),
        several => {
            let fitting = several.iter().filter_map(|id| links.get(id));
            let users: Vec<_> = fitting.map(|link| (&*link.key, &link.id)).collect();
            Err(RunError::NotFound(vec![named::several(wanted, &users)]))
        }
    }
}

fn not_found(message: String, hint: &str) -> RunError {
    RunError::NotFound(vec![Diagnostic::error(codes::USER_NOT_FOUND, message).hint(hint)])
}

/// Collects the numbers that the directory gives.
#[derive(Default)]
struct Numbers(Vec<(RecordId, Text)>);

impl Numbers {
    fn of_others(&self, id: &RecordId) -> BTreeSet<Text> {
        self.0.iter().filter(|(whose, _)| whose != id).map(|(_, number)| number.clone()).collect()
    }
}

impl Witness for Numbers {
    fn saw(&mut self, step: Step<'_>) {
        if let Step::Provisioned(desired) = step {
            let values = desired.draft.fields.get(&Field::Extension).into_iter().flatten();
            let numbers = values.filter_map(Value::text).map(Text::from);
            self.0.extend(numbers.map(|number| (desired.draft.id.clone(), number)));
        }
    }
}
