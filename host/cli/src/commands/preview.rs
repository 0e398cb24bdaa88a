//! `preview`: what a sync would do. It changes nothing and ends as its sync would.

use rollcall_core::{Diagnostic, codes};
use rollcall_engine::preview;
use rollcall_state::Store;

use crate::args::{Global, PreviewArgs};
use crate::commands::plans;
use crate::commands::sync::options;
use crate::exit;
use crate::failure::Failure;
use crate::output::Output;
use crate::report::{nothing, show};
use crate::wiring::{Intent, Session};

/// Runs the command.
pub(crate) async fn run(global: &Global, output: &Output, args: &PreviewArgs) -> Result<u8, Failure> {
    // A plan in a file names everybody.
    let options = options(&args.run, 0, args.all || args.out.is_some());
    if let Some(path) = &args.out {
        // Nobody shall wait for a reading whose plan cannot be written.
        Store::plan_place(path)?;
    }
    let session = Session::open(global, &args.job.job)?;
    session.accepts(&options.accept)?;
    let record = args.run.record.as_deref();
    let mut ends = match session.ends(record, Intent::Look).await {
        Ok(ends) => ends,
        Err(failure) => return Ok(nothing(output, &session.job.name, &failure)),
    };
    let result = preview(ends.parts(&session), &options).await;
    ends.office.office().close().await;
    session.progress.clear();
    let mut previewed = match result {
        Ok(previewed) => previewed,
        Err(error) => return Ok(nothing(output, &session.job.name, &session.failure(error))),
    };
    ends.finish()?;
    let waiting = ends.store.codes_waiting(Some(&session.job.name))?;
    previewed.report.plan.diagnostics.extend(waiting.iter().map(|waits| {
        let [message, hint] = waits.told();
        Diagnostic::warning(codes::HANDOVER, message).hint(hint)
    }));
    show(output, &session.job, ends.office.note(), &previewed.report, args.all);
    output.diagnostics(&previewed.partly);
    if let Some(path) = &args.out {
        let place = (&ends.store, ends.office.is_new());
        plans::write(output, &session, place, &mut previewed, &options, path).await?;
    }
    let report = previewed.report;
    let code = exit::of_report(&report);
    if code == exit::DONE && args.detailed_exitcode && report.plan.applyable {
        return Ok(exit::PENDING);
    }
    Ok(code)
}
