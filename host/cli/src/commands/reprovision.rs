//! `reprovision`: moves one user to where its rule would put it today.

use rollcall_engine::Report;
use rollcall_engine::reprovision::{preview_reprovision, reprovision};
use rollcall_state::Store;

use crate::args::{Global, ReprovisionArgs};
use crate::commands::plans;
use crate::exit;
use crate::failure::Failure;
use crate::output::Output;
use crate::report::{self, nothing};
use crate::wiring::{Intent, Session};

/// Runs the command.
pub(crate) async fn run(global: &Global, output: &Output, args: &ReprovisionArgs) -> Result<u8, Failure> {
    match &args.change.out {
        Some(path) => Store::plan_place(path)?,
        None if !args.change.yes => report::can_ask()?,
        None => {}
    }
    let options = args.change.options();
    let session = Session::open(global, &args.job)?;
    session.accepts(&options.accept)?;
    let mut ends = match session.ends(None, Intent::Look).await {
        Ok(ends) => ends,
        Err(failure) => return Ok(nothing(output, &session.job.name, &failure)),
    };
    if let Some(path) = &args.change.out {
        let result = preview_reprovision(ends.parts(&session), &args.user, &options).await;
        ends.office.office().close().await;
        session.progress.clear();
        let mut previewed = match result {
            Ok(previewed) => previewed,
            Err(error) => return Ok(report::ended(output, &session.job, None, Err(error), false)),
        };
        report::show(output, &session.job, ends.office.note(), &previewed.report, false);
        let place = (&ends.store, ends.office.is_new());
        plans::write(output, &session, place, &mut previewed, &options, path).await?;
        return Ok(exit::of_report(&previewed.report));
    }
    let confirm =
        |report: &Report| args.change.yes || report::ask(output, &session.job, &session.progress, report);
    let meters = ends.meters(&session);
    let render = |report: &Report| report::metered(&session.job, report, &meters);
    let result = reprovision(ends.parts(&session), &args.user, &options, &confirm, &render).await;
    ends.office.office().close().await;
    session.progress.clear();
    Ok(report::ended(output, &session.job, ends.office.note(), result, false))
}
