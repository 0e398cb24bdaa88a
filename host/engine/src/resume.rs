//! `resume`: an interrupted run goes on where it stopped, with its own plan.

use rollcall_core::guard::guard;
use rollcall_core::memory::Memory;
use rollcall_core::plan::{Action, Change, Plan, Reading};
use rollcall_core::script::Script;
use rollcall_core::stale::{Present, stale};
use rollcall_core::verify::Outcome;
use rollcall_core::{Diagnostic, Text, codes};
use rollcall_edges::mirror::Mirror;
use rollcall_edges::state::StoredRun;

use crate::apply::{Basis, apply};
use crate::before::Before;
use crate::durations::Watch;
use crate::error::RunError;
use crate::execute::{Confirm, Writer, patience};
use crate::kept::{length, owners, returned};
use crate::known::KnownUsers;
use crate::prepare::standing_of;
use crate::recall::{Moment, recall, window};
use crate::recover::recover;
use crate::report::Report;
use crate::scope::{Digests, changed};

/// How old the plan of an interrupted run may be, in milliseconds: as old as one in a file.
const AGE_MAX_MS: u64 = 24 * 60 * 60 * 1000;

/// Finishes an interrupted run. What it has done stays done, what was in flight is looked for first, and the rest is
/// sent under the same run id. The directory is not asked again; a delete that has not begun is held against what stands
/// now and against the directory's last reading, as a plan in a file is.
///
/// # Errors
/// [`RunError::Stale`] where the run has ended, belongs to another job or phone system, a later run has made a newer plan,
/// its plan is older than a day, or a delete no longer holds.
pub async fn resume(
    writer: &Writer<'_>,
    now: &JobNow<'_>,
    mirror: &mut dyn Mirror,
    id: &str,
    wait_ms: u64,
    confirm: Confirm<'_>,
) -> Result<Option<Report>, RunError> {
    let Writer { job, state, clock, .. } = *writer;
    let (office, lease) = writer.lease(wait_ms).await?;
    let tools = writer.tools(&*lease);
    // What another process did while this one waited for the lease counts.
    let run = state.stored(id).await?.ok_or_else(|| refused(format!("there is no run `{id}`")))?;
    resumable(&run, writer, &office)?;
    let found = recover(&tools, patience(job), &office, Some(id)).await?;
    let before = Before::of(state.operations(id).await?);
    let plan = plan_of(&run, found);
    let memory = remembered(writer, &run, &office).await?;
    fresh(writer, now, mirror, &run, &before, &memory).await?;
    let cleared = match guard(&plan, &job.policy.limits, &memory, &run.accept) {
        Ok(cleared) => cleared,
        Err(why) => return Err(RunError::Refused(why)),
    };
    let mut report = Report::new(job.name.clone(), plan.clone(), Vec::new());
    report.run = Some(run.row.id.clone());
    report.outcomes = before.outcomes(&plan.changes, &plan.order);
    if !confirm(&report) {
        return Ok(None);
    }
    writer.codes.ready(&plan).await?;
    state.reopen(id, lease.generation(), clock.now()).await?;
    let basis = Basis { known: KnownUsers::from_bytes(&run.known), links: memory.links, before };
    let mut watch = Watch::start(clock);
    let applied = apply(cleared, &run.row.id, basis, &tools).await?;
    report.durations.apply = watch.lap();
    writer.conclude(report, applied).await.map(Some)
}

/// Gives what the job remembers. The limits hold for the sum as it was when the run began, for which the guards that it may
/// pass were named; what the run has done since is its own.
async fn remembered(writer: &Writer<'_>, run: &StoredRun, office: &str) -> Result<Memory, RunError> {
    let Writer { job, state, clock, .. } = *writer;
    let known = state.job(&job.name).await?;
    let moment = Moment::look(state, clock, &known, office, known.parts.clone()).await?;
    let memory = recall(state, job, &known, (&known.identities(), office), &moment, None).await?;
    let began = run.row.started.0 - 1;
    let window = window(state, job, began, known.jump, job.policy.limits.window(false)).await?;
    Ok(Memory { window, ..memory })
}

/// Refuses the run where a delete that it has not begun would not be planned any more.
async fn fresh(
    writer: &Writer<'_>,
    now: &JobNow<'_>,
    mirror: &mut dyn Mirror,
    run: &StoredRun,
    before: &Before,
    memory: &Memory,
) -> Result<(), RunError> {
    let open = |index: usize, change: &Change| change.action == Action::Delete && !before.begun(index);
    let deletes = run
        .changes
        .iter()
        .enumerate()
        .filter(|(index, (change, outcome))| *outcome == Outcome::Planned && open(*index, change));
    let changes: Vec<Change> = deletes.map(|(_, (change, _))| change.clone()).collect();
    if changes.is_empty() {
        return Ok(());
    }
    // Who is deleted by an undo or a move is no leaver.
    let leavers = run.undoes.is_none() && &*run.row.kind != "reprovision";
    let missing = changes.iter().filter(|_| leavers).map(|change| change.id.clone()).collect();
    let deletes = Plan { changes, missing, ..Plan::default() };
    let standing = standing_of(writer.office).await?;
    let present = Present {
        standing: &standing,
        memory,
        owners: &owners(writer.state, &run.office).await?,
        reserved: &writer.job.policy.reserved,
        // Whose absence was recorded, or ended by hand, the run knew when it began; whether that holds the mirror says.
        ended: &deletes.missing.iter().cloned().collect(),
        returned: &returned(&deletes, mirror).await?,
    };
    let mut why = if leavers { now.moved(writer).await? } else { Vec::new() };
    for change in &deletes.changes {
        let phone = change.guid.as_ref().and_then(|guid| standing.users.get(guid));
        if phone.is_some_and(|phone| now.script.protects(phone) != Ok(false)) {
            let message = "`[leavers] protect` keeps the user from being deleted";
            why.push(Diagnostic::error(codes::STALE, message).user(change.key.clone()));
        }
    }
    why.extend(stale(&deletes, &present));
    if why.is_empty() { Ok(()) } else { Err(RunError::Stale(why)) }
}

/// The job as it is now.
pub struct JobNow<'a> {
    /// Its rules.
    pub script: &'a dyn Script,
    /// Its parts, without the connectors' packages.
    pub digests: Digests,
}

impl JobNow<'_> {
    /// Names what of the job is not as it was when the leavers were planned.
    async fn moved(&self, writer: &Writer<'_>) -> Result<Vec<Diagnostic>, RunError> {
        let job = writer.job;
        let before = writer.state.job(&job.name).await?.parts;
        // A package is not read here, and a path may be named otherwise; what a connector adds to a job that keeps disabled
        // accounts is not known either.
        let skipped = |name: &str| {
            name.ends_with(".connector")
                || name.ends_with(".recording")
                || job.leavers.keep_disabled && (name.starts_with("directory") || name == "leavers.disabled")
        };
        let known = |parts: &Digests| -> Digests {
            parts
                .iter()
                .filter(|(name, _)| !skipped(name))
                .map(|(name, of)| (name.clone(), of.clone()))
                .collect()
        };
        let changed = changed(&known(&before), &known(&self.digests));
        let told = |name: Text| {
            let message =
                format!("`{name}` was changed since the run began, and leavers are still to be deleted");
            Diagnostic::error(codes::STALE, message).hint("`rollcall sync` makes a new plan from what stands")
        };
        Ok(changed.into_iter().map(told).collect())
    }
}

fn refused(message: String) -> RunError {
    RunError::Stale(vec![
        Diagnostic::error(codes::RUN_NOT_RESUMABLE, message)
            .hint("`rollcall sync` makes a new plan from what stands; `rollcall runs` lists the runs"),
    ])
}

fn resumable(run: &StoredRun, writer: &Writer<'_>, office: &str) -> Result<(), RunError> {
    let id = &run.row.id;
    if run.row.job != writer.job.name {
        return Err(refused(format!("the run {id} belongs to the job `{}`", run.row.job)));
    }
    if *run.office != *office {
        return Err(refused(format!("the run {id} belongs to the phone system `{}`", run.office)));
    }
    let open = run.changes.iter().zip(0..).any(|((_, outcome), index)| {
        *outcome == Outcome::Planned && run.order.iter().any(|step| step.change() == index)
    });
    if run.row.ended.is_some() && !open {
        return Err(refused(format!("the run {id} has come to its end")));
    }
    if run.superseded {
        return Err(refused(format!("a later run of the job has made a newer plan than {id}")));
    }
    let age = writer.clock.now().since(run.row.started);
    if age > AGE_MAX_MS {
        let (age, most) = (length(age), length(AGE_MAX_MS));
        return Err(refused(format!("the plan of the run {id} is {age} old, and may be {most}")));
    }
    Ok(())
}

fn plan_of(run: &StoredRun, diagnostics: Vec<Diagnostic>) -> Plan {
    let (users, owned) = run.figures;
    Plan {
        changes: run.changes.iter().map(|(change, _)| change.clone()).collect(),
        order: run.order.clone(),
        diagnostics,
        owned,
        // It was held against the last one when the run began.
        reading: Reading::counted(users),
        complete: true,
        applyable: true,
        undoes: run.undoes.clone(),
        ..Plan::default()
    }
}
