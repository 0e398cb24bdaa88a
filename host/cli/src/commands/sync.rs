//! `sync`: applies what a preview shows.

use std::io::IsTerminal as _;

use rollcall_core::plan::Action;
use rollcall_core::verify::Outcome;
use rollcall_core::{Diagnostic, Severity, Text, codes};
use rollcall_engine::{Options, Report, sync};

use crate::args::{Global, RunArgs, SyncArgs};
use crate::exit;
use crate::failure::Failure;
use crate::output::Output;
use crate::view::{human, json};
use crate::wiring::{Ends, Intent, Session};

/// Runs the command.
pub(crate) async fn run(global: &Global, output: &Output, args: &SyncArgs) -> Result<u8, Failure> {
    let asks = !args.yes;
    if asks && !(std::io::stdin().is_terminal() && std::io::stderr().is_terminal()) {
        let message = "nobody can be asked whether to apply the plan";
        return Err(Failure::new(exit::USAGE, codes::NOT_CONFIRMED, message)
            .hint("look at `rollcall preview`, then give `--yes`"));
    }
    let options = options(&args.run, args.wait);
    let session = Session::open(global, &args.job.job)?;
    let mut ends = match session.ends(args.run.record.as_deref(), Intent::Write).await {
        Ok(ends) => ends,
        Err(failure) => return Ok(nothing(output, &session.job.name, &failure)),
    };
    let confirm = |report: &Report| {
        if !asks {
            return true;
        }
        session.progress.clear();
        // On standard error, whatever becomes of standard output: nobody shall say yes to what they cannot see.
        output.ask(&human::report(report, false), &loud(&session.located(gather(report))));
        output.confirm("Apply these changes? Only `yes` is accepted:")
    };
    let render = |report: &Report| {
        let document = json::report(report, &session.located(gather(report)), false);
        (document, i32::from(exit::of_report(report)))
    };
    let result = sync(ends.parts(&session), &options, &confirm, &render).await;
    ends.office.office().close().await;
    session.progress.clear();
    let report = match result {
        Ok(Some(report)) => report,
        Ok(None) => {
            output.say("nothing was applied");
            return Ok(exit::ERROR);
        }
        Err(error) => return Ok(nothing(output, &session.job.name, &session.failure(error))),
    };
    show(output, &session, &ends, &report, args.all);
    ends.finish()?;
    Ok(exit::of_report(&report))
}

/// Shows a report: as JSON or for people on standard output, what there is to say of it on standard error.
pub(crate) fn show(output: &Output, session: &Session, ends: &Ends, report: &Report, all: bool) {
    let diagnostics = session.located(gather(report));
    if output.json {
        output.payload(&json::report(report, &diagnostics, all));
    }
    output.human(&human::report(report, all));
    output.diagnostics(&loud(&diagnostics));
    output.diagnostics(ends.office.note().map(std::slice::from_ref).unwrap_or_default());
}

/// Gives what the command line says of a run that somebody started by hand.
pub(crate) fn options(args: &RunArgs, wait_ms: u64) -> Options {
    Options {
        accept: args.accept.iter().map(|(name, figure)| (Text::from(name.as_str()), *figure)).collect(),
        wait_ms,
        delete_now: args.delete_now.as_deref().map(Text::from),
        ..Options::default()
    }
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
fn gather(report: &Report) -> Vec<Diagnostic> {
    let mut all = report.refusals.clone();
    all.extend(report.stopped.iter().flat_map(|(_, why)| why.clone()));
    if report.signal.is_some() {
        let why =
            Diagnostic::error(codes::RUN_INTERRUPTED, "interrupted; the operation in flight was finished");
        all.push(why.hint("the next `rollcall sync` goes on from what stands"));
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

/// Leaves out what the list of changes says already: the reasons of skips and failures of single users.
fn loud(diagnostics: &[Diagnostic]) -> Vec<Diagnostic> {
    diagnostics.iter().filter(|d| d.user.is_none() || d.severity == Severity::Warning).cloned().collect()
}
