//! Steps 7 to 9 for any plan, whoever made it: guard, journal, apply, verify, history.

use std::collections::BTreeMap;

use rollcall_core::guard::guard;
use rollcall_core::memory::Memory;
use rollcall_core::phone::Standing;
use rollcall_core::plan::Plan;
use rollcall_core::policy::Limits;
use rollcall_core::{Diagnostic, Text};
use rollcall_edges::clock::Clock;
use rollcall_edges::office::Office;
use rollcall_edges::state::{Identities, Lease, NewRun, Passed, State};
use rollcall_job::job::{Job, PhoneSystem};

use crate::apply::{Applied, Basis, apply};
use crate::before::Before;
use crate::drawing::Codes;
use crate::durations::{Durations, Watch};
use crate::error::RunError;
use crate::known::KnownUsers;
use crate::observe::{Cancel, Observer};
use crate::recover::recover;
use crate::report::Report;
use crate::settle::Patience;
use crate::tools::Tools;
use crate::undo::hold;

/// How long a write whose answer was lost is looked for in an embedded office, in milliseconds.
const SETTLE_EMBEDDED_MS: u64 = 5_000;

/// How a report is kept in the history: the contract's JSON, and the exit code that it ends with.
pub type Render<'a> = &'a (dyn Fn(&Report) -> (String, i32) + Send + Sync);

/// Asks whether a cleared plan shall be applied.
pub type Confirm<'a> = &'a (dyn Fn(&Report) -> bool + Send + Sync);

/// What writing needs: everything of a run but the directory.
#[derive(Clone, Copy)]
pub struct Writer<'a> {
    /// The job.
    pub job: &'a Job,
    /// The phone system.
    pub office: &'a dyn Office,
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
    /// How a report is kept.
    pub render: Render<'a>,
}

/// A plan on its way to the phone system, with what it was made from.
pub struct Order<'a> {
    /// `sync`, `undo`, …
    pub kind: &'a str,
    /// The plan.
    pub plan: Plan,
    /// What stood when it was made.
    pub standing: &'a Standing,
    /// What was remembered then.
    pub memory: Memory,
    /// The limits.
    pub limits: &'a Limits,
    /// Guards that the run may pass, each with the exact figure.
    pub accept: &'a BTreeMap<Text, usize>,
    /// What a passed guard records of the reading.
    pub reading: Behind,
    /// How long it took to come so far.
    pub durations: Durations,
}

/// The reading behind a plan.
pub enum Behind {
    /// A reading of this run: once the guard has passed, it is a baseline and starts or stops leavers' clocks.
    Run(Passed),
    /// The reading of the preview that a kept plan comes from: no baseline, and no clock starts.
    Preview {
        /// The plan's id.
        plan: Text,
        /// The directories' identities.
        directories: Identities,
    },
    /// There was none.
    Nothing,
}

/// How a run that writes begins.
pub(crate) struct Begun {
    /// The phone system's identity.
    pub(crate) office: Text,
    /// The lease.
    pub(crate) lease: Box<dyn Lease>,
    /// What came of interrupted runs.
    pub(crate) found: Vec<Diagnostic>,
}

impl<'a> Writer<'a> {
    /// Takes the job and its phone system, waiting up to `wait_ms` milliseconds; gives the phone system's identity too.
    pub(crate) async fn lease(&self, wait_ms: u64) -> Result<(Text, Box<dyn Lease>), RunError> {
        let office = self.office.identity().await?;
        let lease = self.state.lease(&self.job.name, &office, wait_ms).await?;
        Ok((office, lease))
    }

    /// Takes the job and its phone system, and looks after what interrupted runs left open there.
    pub(crate) async fn begin(&self, wait_ms: u64) -> Result<Begun, RunError> {
        let (office, lease) = self.lease(wait_ms).await?;
        let found = recover(&self.tools(&*lease), patience(self.job), &office, None).await?;
        Ok(Begun { office, lease, found })
    }

    /// Gives what applying needs.
    pub(crate) fn tools(&self, lease: &dyn Lease) -> Tools<'a> {
        Tools {
            office: self.office,
            state: self.state,
            clock: self.clock,
            observer: self.observer,
            cancel: self.cancel,
            settle_ms: settle_ms(self.job),
            job: &self.job.name,
            codes: self.codes,
            generation: lease.generation(),
        }
    }

    /// Holds a plan before the guard, asks `confirm`, applies it and reports. A refusal is a run of the history too.
    /// `None`: somebody said no, and nothing was applied.
    ///
    /// # Errors
    /// The state's.
    pub async fn execute(
        &self,
        lease: &dyn Lease,
        order: Order<'_>,
        confirm: Confirm<'_>,
    ) -> Result<Option<Report>, RunError> {
        let Order { kind, plan, standing, memory, limits, accept, reading, durations } = order;
        let known = KnownUsers::of(standing);
        let office = self.office.identity().await?;
        let begin = async |report: &Report, kept: Option<&str>| -> Result<Text, RunError> {
            let run = NewRun {
                job: &self.job.name,
                office: &office,
                file: &absolute(self.job),
                started: self.clock.now(),
                kind,
                document: &(self.render)(report).0,
                plan: &report.plan,
                accept,
                known: &known.bytes(),
                generation: lease.generation(),
                kept,
            };
            Ok(self.state.begin(&run).await?)
        };
        let cleared = match guard(&plan, limits, &memory, accept) {
            Ok(cleared) => cleared,
            Err(refusals) => {
                let mut report = Report::new(self.job.name.clone(), plan, refusals);
                report.durations = durations;
                // A kept plan that is refused was not applied: it may be accepted later.
                report.run = Some(begin(&report, None).await?);
                self.finish(&report).await?;
                return Ok(Some(report));
            }
        };
        let mut report = Report::new(self.job.name.clone(), plan.clone(), Vec::new());
        report.durations = durations;
        if report.plan.applyable && !confirm(&report) {
            return Ok(None);
        }
        self.codes.ready(&report.plan).await?;
        let kept = match &reading {
            Behind::Run(passed) => {
                self.state.passed(&self.job.name, passed).await?;
                None
            }
            Behind::Preview { plan, directories } => {
                self.state.identify(&self.job.name, directories, &office).await?;
                Some(&**plan)
            }
            Behind::Nothing => None,
        };
        let run = begin(&report, kept).await?;
        if let Some(undone) = report.plan.undoes.as_ref().filter(|_| report.plan.applyable) {
            // Before the first write, so that a crash leaves the hold behind.
            hold(self, undone).await?;
        }
        report.run = Some(run.clone());
        let basis = Basis { known: known.clone(), links: memory.links.clone(), before: Before::default() };
        let mut watch = Watch::start(self.clock);
        let applied = apply(cleared, &run, basis, &self.tools(lease)).await?;
        report.durations.apply = watch.lap();
        self.conclude(report, applied).await.map(Some)
    }

    /// Adds what came of a plan to its report and ends the run in the history.
    pub(crate) async fn conclude(&self, mut report: Report, applied: Applied) -> Result<Report, RunError> {
        (report.outcomes, report.stopped, report.signal) =
            (applied.outcomes, applied.stopped, applied.signal);
        self.finish(&report).await?;
        Ok(report)
    }

    async fn finish(&self, report: &Report) -> Result<(), RunError> {
        let (document, exit) = (self.render)(report);
        let run = report.run.clone().unwrap_or_default();
        Ok(self.state.finish(&run, self.clock.now(), exit, &document, &report.outcomes).await?)
    }
}

/// Gives the job file's absolute path.
pub(crate) fn absolute(job: &Job) -> String {
    std::path::absolute(&job.file).unwrap_or_else(|_| job.file.clone()).display().to_string()
}

fn settle_ms(job: &Job) -> u64 {
    match &job.phone_system {
        PhoneSystem::Embedded { .. } => SETTLE_EMBEDDED_MS,
        PhoneSystem::IpOffice(office) => office.settle_ms,
    }
}

/// How long a call of a run that is no more may still come to take place.
pub(crate) fn patience(job: &Job) -> Patience {
    match &job.phone_system {
        PhoneSystem::Embedded { .. } => Patience::Over,
        PhoneSystem::IpOffice(office) => Patience::Within(office.settle_ms),
    }
}
