//! `resume`: finishes the plan of an interrupted run.

use std::path::Path;

use rollcall_engine::Report;
use rollcall_engine::resume::{JobNow, resume};
use rollcall_engine::scope::digests;

use crate::args::{Global, ResumeArgs};
use crate::desk::{Desk, stored};
use crate::failure::Failure;
use crate::output::Output;
use crate::report::Asking;
use crate::{report, wiring};

/// Runs the command.
pub(crate) async fn run(global: &Global, output: &Output, args: &ResumeArgs) -> Result<u8, Failure> {
    let store = wiring::store(global).await?;
    let run = stored(&store, &args.run, "resume").await?;
    let file = args.job.as_deref().unwrap_or_else(|| Path::new(&*run.file));
    let desk = Desk::open(global, store, file).await?;
    // Whether the run can go on comes first, and whether somebody can be asked about it second.
    let asking = Asking::new(args.yes);
    let confirm = |report: &Report| asking.confirm(output, &desk.job, &desk.progress, report);
    let render = |report: &Report| report::document(&desk.job, report);
    let rules = desk.compiled()?;
    let none = desk.job.directories.iter().map(|_| "");
    let now = JobNow { script: &rules.rules, digests: digests(&desk.job, none, &rules.files) };
    let mut mirror = desk.store.mirror(&desk.job.name, "run")?;
    let result = resume(&desk.writer(&render), &now, &mut mirror, &run.row.id, args.wait, &confirm).await;
    desk.office.office().close().await;
    desk.progress.clear();
    asking.asked()?;
    Ok(report::ended(output, &desk.job, desk.office.note(), result, false))
}
