//! `sync`: applies what a preview shows.

use std::path::Path;

use rollcall_core::Text;
use rollcall_edges::clock::Instant;
use rollcall_engine::{Options, Report, sync};

use crate::args::{Global, RunArgs, SyncArgs};
use crate::failed;
use crate::failure::Failure;
use crate::output::Output;
use crate::report::{self, nothing};
use crate::serve::tell;
use crate::serve::turn::Turn;
use crate::wiring::{Intent, Session};

/// Runs the command.
pub(crate) async fn run(global: &Global, output: &Output, args: &SyncArgs) -> Result<u8, Failure> {
    if !args.yes {
        report::can_ask()?;
    }
    let options = options(&args.run, args.wait, args.all);
    let session = Session::open(global, args.job.as_deref().unwrap_or(Path::new("job.toml")))?;
    session.accepts(&options.accept)?;
    let started = session.clock.now();
    let mut ends = match session.ends(args.run.record.as_deref(), Intent::Write).await {
        Ok(ends) => ends,
        Err(failure) => return Ok(failed(output, &session, started, failure).await),
    };
    let confirm = |report: &Report| args.yes || report::ask(output, &session.job, &session.progress, report);
    let meters = ends.meters(&session);
    let render = |report: &Report| report::metered(&session.job, report, &meters);
    let result = sync(ends.parts(&session), &options, &confirm, &render).await;
    ends.office.office().close().await;
    session.progress.clear();
    let result = match result {
        Ok(result) => result,
        Err(error) => return Ok(failed(output, &session, started, session.failure(error)).await),
    };
    let done = result.is_some();
    // Whoever is to be told is told all of it; where nobody is, it is not put together.
    if let Some(report) = result.as_ref().filter(|_| session.job.notify.is_some()) {
        let turn = Turn::of_report(report, session.located(report::gather(report)));
        tell(output, &session, &turn).await;
    }
    let code = report::ended(output, &session.job, ends.office.note(), Ok(result), args.all);
    if done {
        ends.finish()?;
    }
    Ok(code)
}

/// Reports, notes and tells a sync that came to no plan, and gives its exit code.
async fn failed(output: &Output, session: &Session, started: Instant, failure: Failure) -> u8 {
    failed::note(session, started, &failure).await;
    let code = nothing(output, &session.job.name, &failure);
    tell(output, session, &Turn::nothing(&session.job.name, failure)).await;
    code
}

async fn tell(output: &Output, session: &Session, turn: &Turn) {
    let told = tell::unwatched(session, turn).await;
    output.diagnostics(told.err().as_slice());
}

/// Gives what the command line says of a run that somebody started by hand.
pub(crate) fn options(args: &RunArgs, wait_ms: u64, list_all: bool) -> Options {
    Options {
        accept: args.accept.iter().map(|(name, figure)| (Text::from(name.as_str()), *figure)).collect(),
        wait_ms,
        delete_now: args.delete_now.as_deref().map(Text::from),
        list_all,
        ..Options::default()
    }
}
