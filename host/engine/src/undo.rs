//! `undo`: the inverse of a run, planned from what stands now and written like any other plan.

use std::collections::{BTreeMap, BTreeSet};

use rollcall_core::guard::guard;
use rollcall_core::memory::Memory;
use rollcall_core::phone::Standing;
use rollcall_core::plan::{Action, Plan};
use rollcall_core::policy::Policy;
use rollcall_core::script::Script;
use rollcall_core::undo::{Past, undo as inverse};
use rollcall_core::verify::Outcome;
use rollcall_core::{Diagnostic, RecordId, Text, codes};
use rollcall_edges::state::{Hold, Identities, JobState, Later, State, StoredRun};

use crate::durations::Durations;
use crate::error::RunError;
use crate::execute::{Begun, Behind, Confirm, Order, Writer};
use crate::prepare::standing_of;
use crate::recall::{Moment, recall};
use crate::report::Report;
use crate::run::{Options, Previewed, may_pass};

/// How many users a note names before it only counts them.
const NAMED_MAX: usize = 10;

/// The inverse of a run with what it was made from.
struct Turned {
    plan: Plan,
    standing: Standing,
    memory: Memory,
    policy: Policy,
    directories: Identities,
}

/// Plans the inverse of a run and shows what the guard says of it; nothing is changed.
///
/// # Errors
/// Where the run cannot be undone, or the phone system or the state cannot be read.
pub async fn preview_undo(
    writer: &Writer<'_>,
    script: &dyn Script,
    id: &str,
    options: &Options,
) -> Result<Previewed, RunError> {
    let office = writer.office.identity().await?;
    let turned = turned(writer, script, id, &office, options).await?;
    let refusals = guard(&turned.plan, &turned.policy.limits, &turned.memory, &options.accept).err();
    Ok(Previewed {
        partly: Vec::new(),
        report: Report::new(writer.job.name.clone(), turned.plan, refusals.unwrap_or_default()),
        directories: turned.directories,
        office,
        ended: BTreeSet::new(),
    })
}

/// Plans the inverse of a run, asks `confirm`, and applies it. What an interrupted run left open is found out first, so
/// that an interrupted run can be undone as far as it came. The job is then held until a sync by hand.
///
/// # Errors
/// As for [`preview_undo`], and where the journal cannot be written.
pub async fn undo(
    writer: &Writer<'_>,
    script: &dyn Script,
    id: &str,
    options: &Options,
    confirm: Confirm<'_>,
) -> Result<Option<Report>, RunError> {
    let Begun { office, lease, found } = writer.begin(options.wait_ms).await?;
    let mut turned = turned(writer, script, id, &office, options).await?;
    turned.plan.diagnostics.extend(found);
    let order = Order {
        kind: "undo",
        plan: turned.plan,
        standing: &turned.standing,
        memory: turned.memory,
        limits: &turned.policy.limits,
        accept: &options.accept,
        reading: Behind::Nothing,
        durations: Durations::default(),
    };
    writer.execute(&*lease, order, confirm).await
}

/// Holds the job of a run that is being undone: its next sync would make everything again.
///
/// # Errors
/// Where the state cannot be written.
pub(crate) async fn hold(writer: &Writer<'_>, run: &Text) -> Result<(), RunError> {
    let why = format!("the run {run} was undone, and the next sync would make its changes again");
    Ok(writer.state.hold(&writer.job.name, Some(&Hold { by: run.clone(), why: why.into() })).await?)
}

/// Plans the inverse of a run.
async fn turned(
    writer: &Writer<'_>,
    script: &dyn Script,
    id: &str,
    office: &Text,
    options: &Options,
) -> Result<Turned, RunError> {
    let run = writer.state.stored(id).await?.ok_or_else(|| refused(format!("there is no run `{id}`")))?;
    belongs(&run, writer, office)?;
    let known = writer.state.job(&writer.job.name).await?;
    let moment = Moment::look(writer.state, writer.clock, &known, office, known.parts.clone()).await?;
    let window = writer.job.policy.limits.window(options.scheduled);
    let directories = known.identities();
    let memory = recall(writer.state, writer.job, &known, (&directories, office), &moment, window).await?;
    let policy = Policy { abilities: writer.office.abilities().await?, ..writer.job.policy.clone() };
    let standing = standing_of(writer.office).await?;
    let (touched, undone) = after(id, &writer.state.later(id).await?);
    let past = Past { run: &run.row.id, done: &run.changes, touched: &touched, undone: &undone };
    let mut plan = inverse(&past, &standing, &memory, script, &policy);
    twice(&plan, id)?;
    plan.diagnostics.extend(writer.office.warnings().await?);
    plan.diagnostics.extend(options.accept.iter().map(|(name, figure)| may_pass(name, *figure)));
    if plan.changes.is_empty() {
        let message = format!("the run {id} left nothing that could be undone");
        plan.diagnostics.push(Diagnostic::note(codes::UNDO_DONE, message));
    }
    if plan.applyable && guard(&plan, &policy.limits, &memory, &options.accept).is_ok() {
        let message = "the job is then held: its schedule skips it until a `rollcall sync` by hand";
        plan.diagnostics.push(Diagnostic::note(codes::JOB_HELD, message));
    }
    Ok(Turned { plan, standing, memory, policy, directories })
}

fn refused(message: String) -> RunError {
    RunError::Refused(vec![
        Diagnostic::error(codes::UNDO_REFUSED, message).hint("`rollcall runs` lists the runs"),
    ])
}

fn belongs(run: &StoredRun, writer: &Writer<'_>, office: &Text) -> Result<(), RunError> {
    let id = &run.row.id;
    if run.row.job != writer.job.name {
        return Err(refused(format!(
            "the run {id} belongs to the job `{}`, not to `{}`",
            run.row.job, writer.job.name
        )));
    }
    if run.office != *office {
        return Err(refused(format!(
            "the run {id} wrote to the phone system `{}`, and the job now points to `{office}`",
            run.office
        )));
    }
    Ok(())
}

/// Refuses to undo a run of which everything has been undone that can be; whatever cannot says why once more.
fn twice(plan: &Plan, id: &str) -> Result<(), RunError> {
    let reasons = || plan.changes.iter().flat_map(|change| &change.why);
    match reasons().find(|why| why.code == codes::UNDO_DONE) {
        Some(first) if !plan.applyable => {
            let message = format!("nothing of the run {id} is left to undo: {}", first.message);
            let why = Diagnostic { hint: first.hint.clone(), ..Diagnostic::error(codes::UNDO_DONE, message) };
            let others = reasons().filter(|why| why.code != codes::UNDO_DONE).cloned();
            Err(RunError::Refused(std::iter::once(why).chain(others).collect()))
        }
        _ => Ok(()),
    }
}

/// By user, the run that has done something.
type ByUser = BTreeMap<RecordId, Text>;

/// Finds out whom later runs changed, and for whom the run has been undone already. A later run that was itself undone
/// counts for nothing.
fn after(run: &str, later: &[Later]) -> (ByUser, ByUser) {
    let (mut touched, mut undone) = (ByUser::new(), ByUser::new());
    let ids: BTreeSet<&Text> = later.iter().map(|change| &change.run).collect();
    let mut cancelled: BTreeSet<(&Text, &RecordId)> = BTreeSet::new();
    for change in later {
        let known = touched.contains_key(&change.id) || undone.contains_key(&change.id);
        if known || cancelled.contains(&(&change.run, &change.id)) {
            continue;
        }
        match &change.undoes {
            Some(target) if **target == *run => {
                undone.insert(change.id.clone(), change.run.clone());
            }
            Some(target) if ids.contains(target) => _ = cancelled.insert((target, &change.id)),
            _ => _ = touched.insert(change.id.clone(), change.run.clone()),
        }
    }
    (touched, undone)
}

/// Says of a held job what its next sync makes again.
///
/// # Errors
/// Where the state cannot be read.
pub(crate) async fn again(
    state: &dyn State,
    known: &JobState,
    plan: &Plan,
) -> Result<Option<Diagnostic>, RunError> {
    let Some(hold) = &known.held else { return Ok(None) };
    let run = state.stored(&hold.by).await?;
    let undone: BTreeSet<&RecordId> = run
        .iter()
        .flat_map(|run| &run.changes)
        .filter(|(_, outcome)| *outcome != Outcome::Planned)
        .map(|(change, _)| &change.id)
        .collect();
    let changes = plan.changes.iter().filter(|change| change.action != Action::Skip);
    let users: Vec<&str> =
        changes.filter(|change| undone.contains(&change.id)).map(|change| &*change.key).collect();
    let what = match users.len() {
        0 => "nothing of it is made again by this plan".to_owned(),
        count if count <= NAMED_MAX => format!("this plan changes these users again: {}", users.join(", ")),
        count => format!("this plan changes {count} of its users again"),
    };
    let message = format!("the job is held, because {}; {what}", hold.why);
    let hint = "a `rollcall sync` by hand lets the schedule go on; change the directory, the job or its rules first if it is not meant";
    Ok(Some(Diagnostic::warning(codes::JOB_HELD, message).hint(hint)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn later(run: &str, undoes: Option<&str>, id: &str) -> Later {
        let id = RecordId { directory: "d".into(), native: id.into() };
        Later { run: run.into(), undoes: undoes.map(Text::from), id }
    }

    #[test]
    fn later_runs_count_but_for_those_that_were_undone() {
        let check = |later: &[Later], touched: &[&str], undone: &[&str]| {
            let (by, gone) = after("R1", later);
            let shown =
                |map: &ByUser| map.iter().map(|(id, run)| format!("{}:{run}", id.native)).collect::<Vec<_>>();
            assert_eq!(
                (shown(&by), shown(&gone)),
                (
                    touched.iter().map(ToString::to_string).collect(),
                    undone.iter().map(ToString::to_string).collect(),
                )
            );
        };
        check(&[], &[], &[]);
        // The latest first.
        check(
            &[later("R3", None, "a"), later("R2", None, "b"), later("R2", None, "a")],
            &["a:R3", "b:R2"],
            &[],
        );
        check(
            &[later("U2", Some("R2"), "a"), later("R2", None, "a"), later("R2", None, "b")],
            &["b:R2"],
            &[],
        );
        check(&[later("U1", Some("R1"), "a")], &[], &["a:U1"]);
        // Undone, and made again by the undo of the undo: it can be undone once more.
        check(&[later("U2", Some("U1"), "a"), later("U1", Some("R1"), "a")], &[], &[]);
        // Undone, and made again by a sync: that one is to be undone.
        check(&[later("R2", None, "a"), later("U1", Some("R1"), "a")], &["a:R2"], &[]);
        // The undo of a run from before is a change like any other.
        check(&[later("U0", Some("R0"), "a")], &["a:U0"], &[]);
    }
}
