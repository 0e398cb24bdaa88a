//! A run in a straight line: pull, map, match, provision, diff, plan, guard, apply, verify.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rollcall_core::guard::guard;
use rollcall_core::plan::Action;
use rollcall_core::script::Script;
use rollcall_core::witness::Nobody;
use rollcall_core::{Diagnostic, RecordId, Text, codes};
use rollcall_edges::clock::Clock;
use rollcall_edges::mirror::Mirror;
use rollcall_edges::office::Office;
use rollcall_edges::state::{Identities, KnownDirectory, Passed, State};
use rollcall_job::job::Job;

use crate::attributes::References;
use crate::drawing::Codes;
use crate::error::RunError;
use crate::execute::{Begun, Behind, Confirm, Order, Render, Writer};
use crate::observe::{Cancel, Observer};
use crate::prepare::{Prepared, prepare};
use crate::pull::Source;
use crate::report::Report;

/// What a run works with.
pub struct Parts<'a> {
    /// The job.
    pub job: &'a Job,
    /// Its expressions and rules.
    pub script: Arc<dyn Script>,
    /// The attributes that they name.
    pub references: &'a References,
    /// The files of `[rules] files` with their text, in order.
    pub rule_files: &'a [(Text, Text)],
    /// The directories, in the order of the job.
    pub directories: Vec<Source<'a>>,
    /// The phone system.
    pub office: &'a dyn Office,
    /// The directory's mirror.
    pub mirror: &'a mut dyn Mirror,
    /// Ledger and journal.
    pub state: &'a dyn State,
    /// The time.
    pub clock: &'a dyn Clock,
    /// Who watches.
    pub observer: &'a dyn Observer,
    /// Who may ask to stop.
    pub cancel: &'a Cancel,
    /// Where random codes come from and go.
    pub codes: Codes<'a>,
}

impl<'a> Parts<'a> {
    /// Gives what writing needs.
    pub(crate) fn writer(&self, render: Render<'a>) -> Writer<'a> {
        Writer {
            job: self.job,
            office: self.office,
            state: self.state,
            clock: self.clock,
            observer: self.observer,
            cancel: self.cancel,
            codes: self.codes,
            render,
        }
    }
}

/// What one run may do otherwise.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Guards that this run may pass, each with the exact figure.
    pub accept: BTreeMap<Text, usize>,
    /// How long to wait for another run, in milliseconds.
    pub wait_ms: u64,
    /// Whether nobody looks on: the run is one of a schedule.
    pub scheduled: bool,
    /// The leaver whose grace is ended, as somebody named it.
    pub delete_now: Option<Text>,
    /// Whether somebody wants to see everybody, those of whom nothing changes included.
    pub list_all: bool,
}

/// What a preview gives: its report, and what a plan file must know besides.
#[derive(Debug)]
pub struct Previewed {
    /// The report.
    pub report: Report,
    /// The directories' identities.
    pub directories: Identities,
    /// The phone system's identity.
    pub office: Text,
    /// Leavers that are deleted although no sync has recorded their absence.
    pub ended: BTreeSet<RecordId>,
    /// Of which directories only what changed was read; no part of the report, which the same plan has word for word.
    pub partly: Vec<Diagnostic>,
}

/// Makes the plan, shows what the guard says of it, and changes nothing.
///
/// # Errors
/// Whatever keeps the plan from being made; see [`RunError`].
pub async fn preview(parts: Parts<'_>, options: &Options) -> Result<Previewed, RunError> {
    let job = parts.job;
    let prepared = prepare(parts, options, None, &mut Nobody).await?;
    let refusals = guard(&prepared.plan, &prepared.policy.limits, &prepared.memory, &options.accept).err();
    let missed = |id| prepared.memory.links.get(id).is_some_and(|link| link.missing.is_some());
    let deletes = prepared.plan.changes.iter().filter(|change| change.action == Action::Delete);
    let ended = deletes.map(|change| &change.id).filter(|id| !missed(id)).cloned().collect();
    Ok(Previewed {
        partly: prepared.partly(job).collect(),
        report: Report::new(job.name.clone(), prepared.plan, refusals.unwrap_or_default()),
        directories: prepared.directories,
        office: prepared.office,
        ended,
    })
}

/// Makes the plan, asks `confirm`, and applies it. `None`: somebody said no, and nothing was applied.
///
/// What an interrupted run left open is found out first.
///
/// # Errors
/// Whatever keeps the plan from being made or the journal from being written; see [`RunError`].
pub async fn sync<'a>(
    parts: Parts<'a>,
    options: &Options,
    confirm: Confirm<'_>,
    render: Render<'a>,
) -> Result<Option<Report>, RunError> {
    let writer = parts.writer(render);
    let Begun { lease, found, .. } = writer.begin(options.wait_ms).await?;
    if options.scheduled
        && let Some(hold) = writer.state.job(&writer.job.name).await?.held
    {
        // An undo had the lease while this run waited for it.
        let message = format!("the job is held: {}", hold.why);
        let why = Diagnostic::error(codes::JOB_HELD, message)
            .hint("a `rollcall sync` by hand lets the schedule go on");
        return Err(RunError::Refused(vec![why]));
    }
    let mut prepared = prepare(parts, options, None, &mut Nobody).await?;
    prepared.plan.diagnostics.extend(found);
    let partly: Vec<Diagnostic> = prepared.partly(writer.job).collect();
    prepared.plan.diagnostics.extend(partly);
    crate::grace::counted(&mut prepared, writer.job, &options.accept);
    let (passed, steady) = (passed(&prepared), prepared.steady.take());
    let order = Order {
        kind: "sync",
        plan: prepared.plan,
        standing: &prepared.standing,
        memory: prepared.memory,
        limits: &prepared.policy.limits,
        accept: &options.accept,
        reading: Behind::Run(passed),
        durations: prepared.durations,
    };
    let report = writer.execute(&*lease, order, confirm).await?;
    let passed = report.as_ref().is_some_and(|report| report.refusals.is_empty());
    if passed && !options.scheduled {
        writer.state.hold(&writer.job.name, None).await?;
    }
    if passed {
        writer.state.settle_down(&writer.job.name, steady.as_ref()).await?;
    }
    Ok(report)
}

/// Says that a run may pass a guard.
pub(crate) fn may_pass(guard: &str, figure: usize) -> Diagnostic {
    let message = format!("this run may pass the guard `{guard}` with exactly {figure}");
    Diagnostic::note(codes::GUARD_ACCEPTED, message)
}

fn passed(prepared: &Prepared) -> Passed {
    let moment = &prepared.moment;
    // Of most users there is nothing to note, and each note is a statement.
    let news = |(id, key): &&(RecordId, Text)| {
        prepared.memory.links.get(id).is_none_or(|link| link.missing.is_some() || link.key != *key)
    };
    let misses = |id: &RecordId| {
        let known = prepared.memory.links.get(id).and_then(|link| link.missing);
        (id.clone(), moment.misses(&id.directory, known))
    };
    Passed {
        directories: prepared
            .plan
            .reading
            .users
            .iter()
            .map(|(name, users)| {
                let identity = prepared.directories.get(name).cloned().unwrap_or_default();
                (
                    name.clone(),
                    KnownDirectory { identity, baseline: Some(u32::try_from(*users).unwrap_or(u32::MAX)) },
                )
            })
            .collect(),
        office: prepared.office.clone(),
        parts: moment.digests.clone(),
        tick: moment.tick.clone(),
        jump_ms: moment.jump_ms,
        office_jump_ms: moment.office_jump_ms,
        missing: prepared.plan.missing.iter().map(misses).collect(),
        present: prepared.plan.present.iter().filter(news).cloned().collect(),
    }
}
