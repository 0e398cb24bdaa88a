//! `sync`: applies what a preview shows.

use rollcall_core::Text;
use rollcall_engine::{Options, Report, sync};

use crate::args::{Global, RunArgs, SyncArgs};
use crate::failure::Failure;
use crate::output::Output;
use crate::report::{self, nothing};
use crate::wiring::{Intent, Session};

/// Runs the command.
pub(crate) async fn run(global: &Global, output: &Output, args: &SyncArgs) -> Result<u8, Failure> {
    if !args.yes {
        report::can_ask()?;
    }
    let options = options(&args.run, args.wait);
    let session = Session::open(global, &args.job.job)?;
    let mut ends = match session.ends(args.run.record.as_deref(), Intent::Write).await {
        Ok(ends) => ends,
        Err(failure) => return Ok(nothing(output, &session.job.name, &failure)),
    };
    let confirm = |report: &Report| args.yes || report::ask(output, &session.job, &session.progress, report);
    let render = |report: &Report| report::document(&session.job, report);
    let result = sync(ends.parts(&session), &options, &confirm, &render).await;
    ends.office.office().close().await;
    session.progress.clear();
    let done = matches!(result, Ok(Some(_)));
    let code = report::ended(output, &session.job, ends.office.note(), result, args.all);
    if done {
        ends.finish()?;
    }
    Ok(code)
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
