//! What every command that plans or writes shows of its report.

use std::io::IsTerminal as _;
use std::sync::atomic::{AtomicBool, Ordering};

use rollcall_core::plan::Action;
use rollcall_core::text::count;
use rollcall_core::verify::Outcome;
use rollcall_core::{Diagnostic, Severity, codes};
use rollcall_engine::{Report, RunError};
use rollcall_job::job::Job;

use crate::exit;
use crate::failure::Failure;
use crate::output::Output;
use crate::progress::Progress;
use crate::view::{human, json};
use crate::wiring::Meters;

/// Gives diagnostics with places in the job's files.
pub(crate) fn located(job: &Job, diagnostics: Vec<Diagnostic>) -> Vec<Diagnostic> {
    diagnostics.into_iter().map(|diagnostic| job.resolve(diagnostic)).collect()
}

/// Gives a report as the history keeps it, and its exit code.
pub(crate) fn document(job: &Job, report: &Report) -> (String, i32) {
    metered(job, report, &Meters::default())
}

/// Gives a report of a run that read directories, as the history keeps it, and its exit code.
pub(crate) fn metered(job: &Job, report: &Report, meters: &Meters) -> (String, i32) {
    let document = json::kept(report, &located(job, gather(report)), meters.told());
    (document, i32::from(exit::of_report(report)))
}

/// Refuses a command that would have to ask where nobody can be asked.
pub(crate) fn can_ask() -> Result<(), Failure> {
    if std::io::stdin().is_terminal() && std::io::stderr().is_terminal() {
        return Ok(());
    }
    let message = "nobody can be asked whether to apply the plan";
    Err(Failure::new(exit::USAGE, codes::NOT_CONFIRMED, message)
        .hint(
            "look first, with `rollcall preview`, or with `--out PLAN` where a command makes a plan of its own; then give \
             `--yes`; a sync of a plan file (`--plan`) asks nobody",
        ))
}

/// How a command asks that first looks at what it is to do: only where there is something to ask about does it matter
/// that nobody can be asked.
pub(crate) struct Asking {
    yes: bool,
    unasked: AtomicBool,
}

impl Asking {
    /// `yes`: nobody is asked.
    pub(crate) fn new(yes: bool) -> Self {
        Self { yes, unasked: AtomicBool::new(false) }
    }

    /// Asks whether to apply a plan. Where nobody can be asked the answer is no.
    pub(crate) fn confirm(&self, output: &Output, job: &Job, progress: &Progress, report: &Report) -> bool {
        if self.yes {
            return true;
        }
        let can = can_ask().is_ok();
        self.unasked.store(!can, Ordering::Relaxed);
        can && ask(output, job, progress, report)
    }

    /// Refuses a command that had something to ask and nobody to ask it.
    pub(crate) fn asked(&self) -> Result<(), Failure> {
        if self.unasked.load(Ordering::Relaxed) { can_ask() } else { Ok(()) }
    }
}

/// Shows a plan on standard error, whatever becomes of standard output, and asks whether to apply it: nobody shall say
/// yes to what they cannot see.
pub(crate) fn ask(output: &Output, job: &Job, progress: &Progress, report: &Report) -> bool {
    progress.clear();
    output.ask(&human::report(report, false), &loud(&located(job, gather(report))));
    output.confirm("Apply these changes? Only `yes` is accepted:")
}

/// Shows how a command that writes ended, and gives its exit code.
pub(crate) fn ended(
    output: &Output,
    job: &Job,
    note: Option<&Diagnostic>,
    result: Result<Option<Report>, RunError>,
    all: bool,
) -> u8 {
    match result {
        Ok(Some(report)) => {
            show(output, job, note, &report, all);
            exit::of_report(&report)
        }
        Ok(None) => {
            output.say("nothing was applied");
            exit::ERROR
        }
        Err(error) => {
            let failure = Failure::of_run(error);
            let diagnostics = located(job, failure.diagnostics);
            nothing(output, &job.name, &Failure { diagnostics, ..failure })
        }
    }
}

/// Shows a report: as JSON or for people on standard output, what there is to say of it on standard error.
pub(crate) fn show(output: &Output, job: &Job, note: Option<&Diagnostic>, report: &Report, all: bool) {
    present(output, report, &located(job, gather(report)), all);
    output.diagnostics(note.map(std::slice::from_ref).unwrap_or_default());
}

/// Shows a report with what there is to say of it.
pub(crate) fn present(output: &Output, report: &Report, diagnostics: &[Diagnostic], all: bool) {
    if output.json {
        output.payload(&json::report(report, diagnostics, all));
    } else {
        output.human(&human::report(report, all));
    }
    let stopped = report.stopped.iter().flat_map(|(_, why)| why);
    let stopped: Vec<&str> = stopped.map(|why| why.message.as_str()).collect();
    // What ended the run is told aloud, also where it happened to one user.
    let ended = diagnostics.iter().filter(|d| !is_loud(d) && stopped.contains(&d.message.as_str())).take(1);
    let mut told: Vec<Diagnostic> = ended.cloned().collect();
    told.extend(loud(diagnostics));
    told.extend(made_otherwise(diagnostics));
    output.diagnostics(&told);
}

/// Says in sum of how many users the rules would make something else today: a note on each would hide everything else.
fn made_otherwise(diagnostics: &[Diagnostic]) -> Option<Diagnostic> {
    let users = diagnostics.iter().filter(|found| found.code == codes::RULE_DIFFERS).count();
    let message = format!("the rules would make {} otherwise today", count(users, "user"));
    let hint =
        "a rule never changes a user that stands; `rollcall explain JOB USER` tells of one, `--json` of all";
    (users > 0).then(|| Diagnostic::note(codes::RULE_DIFFERS, message).hint(hint))
}

/// Reports a run that came to no plan, and gives its exit code.
pub(crate) fn nothing(output: &Output, job: &str, failure: &Failure) -> u8 {
    if output.json {
        output.payload(&json::nothing(job, &failure.diagnostics));
    }
    output.diagnostics(&failure.diagnostics);
    failure.exit
}

/// Gathers the diagnostics of a report: the plan's, the skips', the guard's, and the failures'.
pub(crate) fn gather(report: &Report) -> Vec<Diagnostic> {
    let mut all = report.refusals.clone();
    all.extend(report.stopped.iter().flat_map(|(_, why)| why.clone()));
    if report.signal.is_some() {
        let why =
            Diagnostic::error(codes::RUN_INTERRUPTED, "interrupted; the operation in flight was finished");
        all.push(why.hint(resume_hint(report)));
    }
    for (change, outcome) in report.plan.changes.iter().zip(&report.outcomes) {
        match outcome {
            Outcome::Failed(why) | Outcome::Unknown(why) => all.push(why.clone()),
            Outcome::Planned | Outcome::Applied => {}
        }
        if change.action == Action::Skip {
            all.extend(change.why.iter().cloned());
        }
    }
    all.extend(report.plan.pending.iter().map(|pending| {
        Diagnostic::note(codes::LEAVER_PENDING, pending.why.clone()).user(pending.key.clone())
    }));
    all.extend(report.plan.diagnostics.iter().cloned());
    all
}

fn resume_hint(report: &Report) -> String {
    let run = report.run.as_deref().unwrap_or("RUN");
    format!(
        "`rollcall resume {run}` finishes its plan; the next `rollcall sync` makes a new one from what stands"
    )
}

/// Leaves out what the list of changes says already: the reasons of skips and failures of single users.
fn loud(diagnostics: &[Diagnostic]) -> Vec<Diagnostic> {
    diagnostics.iter().filter(|diagnostic| is_loud(diagnostic)).cloned().collect()
}

fn is_loud(diagnostic: &Diagnostic) -> bool {
    diagnostic.user.is_none() || diagnostic.severity == Severity::Warning
}
