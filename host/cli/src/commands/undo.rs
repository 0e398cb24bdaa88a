//! `undo`: plans the inverse of a run and applies it, or keeps it in a plan file.

use std::path::Path;

use rollcall_core::codes;
use rollcall_engine::Report;
use rollcall_engine::undo::{preview_undo, undo};
use rollcall_state::Store;

use crate::args::{Global, UndoArgs};
use crate::commands::plans;
use crate::desk::{Desk, stored};
use crate::failure::Failure;
use crate::output::Output;
use crate::report::Asking;
use crate::wiring::Session;
use crate::{exit, report, wiring};

/// Runs the command.
pub(crate) async fn run(global: &Global, output: &Output, args: &UndoArgs) -> Result<u8, Failure> {
    if let Some(path) = &args.change.out {
        Store::plan_place(path)?;
    }
    let store = wiring::store(global).await?;
    let run = stored(&store, &args.run, "undo").await?;
    let file = args.job.as_deref().unwrap_or_else(|| Path::new(&*run.file));
    if file.as_os_str().is_empty() {
        let message = format!("nobody noted the job file of the run {}", run.row.id);
        return Err(Failure::new(exit::USAGE, codes::USAGE, message).hint("give `--job FILE`"));
    }
    let desk = Desk::open(global, store, file).await?;
    let rules = desk.compiled()?.rules;
    let options = args.change.options();
    let render = |report: &Report| report::document(&desk.job, report);
    let writer = desk.writer(&render);
    if let Some(path) = &args.change.out {
        let result = preview_undo(&writer, &rules, &run.row.id, &options).await;
        desk.office.office().close().await;
        let mut previewed = match result {
            Ok(previewed) => previewed,
            Err(error) => return Ok(report::ended(output, &desk.job, None, Err(error), false)),
        };
        report::show(output, &desk.job, desk.office.note(), &previewed.report, false);
        let session = Session::open(global, file)?;
        plans::write(output, &session, (&desk.store, false), &mut previewed, &options, path).await?;
        return Ok(exit::of_report(&previewed.report));
    }
    // Whether there is anything to undo comes first, and whether somebody can be asked about it second.
    let asking = Asking::new(args.change.yes);
    let confirm = |report: &Report| asking.confirm(output, &desk.job, &desk.progress, report);
    let result = undo(&writer, &rules, &run.row.id, &options, &confirm).await;
    desk.office.office().close().await;
    desk.progress.clear();
    asking.asked()?;
    Ok(report::ended(output, &desk.job, desk.office.note(), result, false))
}
