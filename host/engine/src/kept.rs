//! A kept plan: it is applied exactly as it was shown, or refused with every reason why it no longer holds.

use std::collections::{BTreeMap, BTreeSet};

use rollcall_core::plan::{Action, Plan};
use rollcall_core::stale::{Present, stale};
use rollcall_core::{Code, Diagnostic, Guid, RecordId, Text, codes};
use rollcall_edges::clock::Instant;
use rollcall_edges::mirror::Mirror;
use rollcall_edges::plans::{KeptPlan, PlanMark};
use rollcall_edges::state::State;
use rollcall_job::job::Job;

use crate::durations::Durations;
use crate::error::RunError;
use crate::execute::{Behind, Order, Writer, patience};
use crate::observe::Event;
use crate::prepare::standing_of;
use crate::recall::{Moment, recall};
use crate::recover::recover;
use crate::report::Report;
use crate::run::{Options, may_pass};
use crate::scope::Digests;

/// How far ahead of this machine's clock a plan may be dated, in milliseconds.
const AHEAD_MS: u64 = 5 * 60 * 1000;

/// What a kept plan is held against besides the phone system. The directory is not asked again.
pub struct Held<'a> {
    /// A digest of each thing that decides a plan of this job, by its name for people.
    pub decided_by: &'a BTreeMap<Text, Text>,
    /// The parts of the job.
    pub digests: Digests,
    /// Whether the phone system was made just now.
    pub office_is_new: bool,
    /// The directory's mirror.
    pub mirror: &'a mut dyn Mirror,
    /// How old a plan may be, in milliseconds.
    pub max_age_ms: u64,
}

/// Applies a kept plan, under the same lease, guard, journal and report as any sync. Whoever gives a plan has seen it, so
/// nobody is asked.
///
/// # Errors
/// [`RunError::Stale`] with every reason where the plan no longer holds; else as for [`crate::sync`].
pub async fn sync_kept(
    writer: &Writer<'_>,
    held: Held<'_>,
    kept: KeptPlan,
    options: &Options,
) -> Result<Option<Report>, RunError> {
    let Writer { job, state, clock, .. } = *writer;
    let (office, lease) = writer.lease(options.wait_ms).await?;
    let mut why = outdated(&kept, job, held.decided_by, state, clock.now(), held.max_age_ms).await?;
    // What stands now has nothing to do with a plan that was applied, or is for something else.
    let beside = |why: &[Diagnostic], codes: &[Code]| why.iter().any(|found| codes.contains(&found.code));
    if !beside(&why, &[codes::PLAN_APPLIED]) {
        why.extend(elsewhere(&kept, state, job, &office, held.office_is_new).await?);
    }
    if beside(&why, &[codes::PLAN_APPLIED, codes::PLAN_ELSEWHERE]) {
        return Err(RunError::Stale(why));
    }
    let found = recover(&writer.tools(&*lease), patience(job), &office, None).await?;
    let known = state.job(&job.name).await?;
    let moment = Moment::look(state, clock, &known, &office, held.digests).await?;
    let window_ms = job.policy.limits.window(options.scheduled);
    let memory = recall(state, job, &known, (&kept.directories, &office), &moment, window_ms).await?;
    let returned = returned(&kept.plan, held.mirror).await?;
    writer.observer.event(Event::Reading);
    let standing = standing_of(writer.office).await?;
    let owners = owners(state, &office).await?;
    let present = Present {
        standing: &standing,
        memory: &memory,
        owners: &owners,
        reserved: &job.policy.reserved,
        ended: &kept.ended,
        returned: &returned,
    };
    why.extend(stale(&kept.plan, &present));
    if !why.is_empty() {
        return Err(RunError::Stale(why));
    }
    let accept = accepted(&kept, options);
    let mut plan = kept.plan;
    plan.diagnostics.extend(noted(&accept, &kept.accepted));
    plan.diagnostics.extend(found);
    // The guard looks at what stands now.
    plan.owned = memory.links.len();
    plan.vanished = memory.links.values().filter(|link| !standing.users.contains_key(&link.guid)).count();
    let order = Order {
        kind: plan.kind(),
        plan,
        standing: &standing,
        memory,
        limits: &job.policy.limits,
        accept: &accept,
        reading: Behind::Preview { plan: kept.id, directories: kept.directories },
        durations: Durations::default(),
    };
    let undoes = order.plan.undoes.is_some();
    let report = writer.execute(&*lease, order, &|_| true).await?;
    let passed = report.as_ref().is_some_and(|report| report.refusals.is_empty());
    if passed && !undoes {
        // It is a sync by hand like any other: a held job's schedule goes on.
        state.hold(&job.name, None).await?;
    }
    Ok(report)
}

/// Gives why a plan is out of date whatever stands on the phone system: applied, too old, another job or a changed one.
///
/// # Errors
/// Where the state cannot be read.
pub async fn outdated(
    kept: &KeptPlan,
    job: &Job,
    decided_by: &BTreeMap<Text, Text>,
    state: &dyn State,
    now: Instant,
    max_age_ms: u64,
) -> Result<Vec<Diagnostic>, RunError> {
    let anew = "make a new plan with `rollcall preview --out PLAN`";
    let mut why = Vec::new();
    match state.plan_mark(&kept.id).await? {
        Some(PlanMark::Waiting) => {}
        Some(PlanMark::Applied { run, .. }) => why.push(
            Diagnostic::error(
                codes::PLAN_APPLIED,
                format!("the plan was applied already, by the run `{run}`"),
            )
            .hint(format!("`rollcall show {run}` says what came of it")),
        ),
        None => why.push(
            Diagnostic::error(codes::PLAN_OLD, "the state knows nothing of the plan any more").hint(anew),
        ),
    }
    if kept.job != job.name {
        let message = format!("the plan is of the job `{}`, not of `{}`", kept.job, job.name);
        why.push(Diagnostic::error(codes::PLAN_ELSEWHERE, message));
        return Ok(why);
    }
    if kept.created.since(now) > AHEAD_MS {
        why.push(
            Diagnostic::error(
                codes::PLAN_OLD,
                "the plan was made later than it is now by this machine's clock",
            )
            .hint("look at the clock"),
        );
    }
    let age = now.since(kept.created);
    if age > max_age_ms {
        let message = format!("the plan is {} old, and may be {}", length(age), length(max_age_ms));
        why.push(
            Diagnostic::error(codes::PLAN_OLD, message)
                .hint(format!("{anew}, or give `--max-age` if nothing has changed since")),
        );
    }
    let names: BTreeSet<&Text> = kept.decided_by.keys().chain(decided_by.keys()).collect();
    for name in names.into_iter().filter(|name| kept.decided_by.get(*name) != decided_by.get(*name)) {
        let what = match (kept.decided_by.contains_key(name), decided_by.contains_key(name)) {
            (true, true) => "was changed since the plan was made",
            (true, false) => "has no part in the job any more",
            _ => "has come to the job since the plan was made",
        };
        why.push(Diagnostic::error(codes::PLAN_JOB_MOVED, format!("`{name}` {what}")).hint(anew));
    }
    Ok(why)
}

/// Refuses a plan of another directory or phone system.
async fn elsewhere(
    kept: &KeptPlan,
    state: &dyn State,
    job: &Job,
    office: &Text,
    office_is_new: bool,
) -> Result<Option<Diagnostic>, RunError> {
    let known = state.job(&job.name).await?;
    let same = match &kept.office {
        Some(planned) => planned == office,
        None => office_is_new && known.office.is_none(),
    };
    if !same {
        let planned = kept.office.as_deref().unwrap_or("one that the first sync makes");
        let message = format!("the plan is for another phone system: `{planned}`, not `{office}`");
        return Ok(Some(Diagnostic::error(codes::PLAN_ELSEWHERE, message).path(&["phone_system"])));
    }
    let other = kept.directories.iter().find_map(|(name, identity)| {
        let linked = known.directories.get(name).map(|known| &known.identity);
        Some((name, identity, linked.filter(|linked| *linked != identity)?))
    });
    Ok(other.map(|(name, planned, linked)| {
        let message =
            format!("the plan was made from the directory `{planned}`, and the job is linked to `{linked}`");
        job.placed(name, Diagnostic::error(codes::PLAN_ELSEWHERE, message).path(&["directory"]))
    }))
}

/// Gives the plan's leavers that the directory's last reading has again.
pub(crate) async fn returned(plan: &Plan, mirror: &mut dyn Mirror) -> Result<BTreeSet<RecordId>, RunError> {
    let missing: BTreeSet<&RecordId> = plan.missing.iter().collect();
    let mut returned = BTreeSet::new();
    for change in plan.changes.iter().filter(|change| change.action == Action::Delete) {
        if missing.contains(&change.id) && mirror.has(&change.id).await? {
            returned.insert(change.id.clone());
        }
    }
    Ok(returned)
}

/// Gives who owns which phone user: job and user identification.
pub(crate) async fn owners(
    state: &dyn State,
    office: &str,
) -> Result<BTreeMap<Guid, (Text, Text)>, RunError> {
    let owners = state.owners(office, None).await?;
    Ok(owners.into_iter().map(|(guid, owner)| (guid, (owner.job, owner.key))).collect())
}

/// Gives the guards that the plan or this run may pass; this run's word counts.
fn accepted(kept: &KeptPlan, options: &Options) -> BTreeMap<Text, usize> {
    let mut accept = kept.accepted.clone();
    accept.extend(options.accept.iter().map(|(name, figure)| (name.clone(), *figure)));
    accept
}

/// Says which guards this run may pass beyond those that the plan names already.
fn noted(accept: &BTreeMap<Text, usize>, planned: &BTreeMap<Text, usize>) -> Vec<Diagnostic> {
    let new = accept.iter().filter(|(name, figure)| planned.get(*name) != Some(*figure));
    new.map(|(name, figure)| may_pass(name, *figure)).collect()
}

/// Words a length of time for people.
pub(crate) fn length(ms: u64) -> String {
    let minutes = ms / 60_000;
    match minutes {
        0 => format!("{} s", ms / 1_000),
        1..=119 => format!("{minutes} min"),
        _ if minutes.is_multiple_of(60) => format!("{} h", minutes / 60),
        _ => format!("{} h {} min", minutes / 60, minutes % 60),
    }
}
