//! `resume`: an interrupted run goes on where it stopped, with its own plan.

use rollcall_core::guard::guard;
use rollcall_core::memory::Memory;
use rollcall_core::plan::{Plan, Reading};
use rollcall_core::verify::Outcome;
use rollcall_core::{Diagnostic, codes};
use rollcall_edges::state::StoredRun;

use crate::apply::{Basis, apply};
use crate::before::Before;
use crate::durations::Watch;
use crate::error::RunError;
use crate::execute::{Confirm, Writer, patience};
use crate::known::KnownUsers;
use crate::recover::recover;
use crate::report::Report;

/// Finishes an interrupted run. What it has done stays done, what was in flight is looked for first, and the rest is
/// sent under the same run id.
///
/// # Errors
/// Where the run has ended, belongs to another job or phone system, or a later run has made a newer plan.
pub async fn resume(
    writer: &Writer<'_>,
    id: &str,
    wait_ms: u64,
    confirm: Confirm<'_>,
) -> Result<Option<Report>, RunError> {
    let office = writer.office.identity().await?;
    let lease = writer.state.lease(&writer.job.name, &office, wait_ms).await?;
    // What another process did while this one waited for the lease counts.
    let run = writer.state.stored(id).await?.ok_or_else(|| refused(format!("there is no run `{id}`")))?;
    resumable(&run, writer, &office)?;
    let found = recover(&writer.tools(), patience(writer.job), &office, lease.generation(), Some(id)).await?;
    let before = Before::of(writer.state.operations(id).await?);
    let plan = plan_of(&run, found);
    let links = writer.state.links(&writer.job.name).await?;
    let links = links.into_iter().map(|link| (link.id.clone(), link)).collect();
    let baseline = writer.state.job(&writer.job.name).await?.baseline;
    // The window's sum held when the run began; what it has done since is its own.
    let memory = Memory { links, baseline, ..Memory::default() };
    let cleared = match guard(&plan, &writer.job.policy.limits, &memory, &run.accept) {
        Ok(cleared) => cleared,
        Err(why) => return Err(RunError::Refused(why)),
    };
    let mut report = Report::new(writer.job.name.clone(), plan.clone(), Vec::new());
    report.run = Some(run.row.id.clone());
    report.outcomes = before.outcomes(&plan.changes, &plan.order);
    if !confirm(&report) {
        return Ok(None);
    }
    writer.codes.ready(&plan).await?;
    writer.state.reopen(id, lease.generation(), writer.clock.now()).await?;
    let basis = Basis { known: KnownUsers::from_bytes(&run.known), links: memory.links, before };
    let mut watch = Watch::start(writer.clock);
    let applied = apply(cleared, &run.row.id, basis, &writer.tools()).await?;
    report.durations.apply = watch.lap();
    writer.conclude(report, applied).await.map(Some)
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
    if run.superseded {
        return Err(refused(format!("a later run of the job has made a newer plan than {id}")));
    }
    let open = run.changes.iter().zip(0..).any(|((_, outcome), index)| {
        *outcome == Outcome::Planned && run.order.iter().any(|step| step.change() == index)
    });
    if run.row.ended.is_some() && !open {
        return Err(refused(format!("the run {id} has come to its end")));
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
        reading: Reading { complete: true, users },
        complete: true,
        applyable: true,
        undoes: run.undoes.clone(),
        ..Plan::default()
    }
}
