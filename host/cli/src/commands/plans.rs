//! Plan files: `preview --out` writes one, `show` shows it, `sync --plan` applies it.

use std::path::{Path, PathBuf};

use rollcall_core::{Diagnostic, Text, codes};
use rollcall_edges::plans::{KeptPlan, PlanMark};
use rollcall_edges::state::State as _;
use rollcall_engine::kept::outdated;
use rollcall_engine::{Options, Previewed, Report, RunError, sync_kept};
use rollcall_state::Store;

use crate::args::{Global, SyncArgs};
use crate::commands::sync::options;
use crate::exit;
use crate::failed;
use crate::failure::Failure;
use crate::output::Output;
use crate::report::{self, nothing, present};
use crate::time;
use crate::view::text::shown;
use crate::wiring::{self, Session};

/// Writes what a preview gave to a plan file, and says how it is applied. `office_is_new`: the first sync makes it.
pub(crate) async fn write(
    output: &Output,
    session: &Session,
    (store, office_is_new): (&Store, bool),
    previewed: &mut Previewed,
    options: &Options,
    path: &Path,
) -> Result<(), Failure> {
    let created = session.clock.now();
    let job = &session.job;
    let file = std::path::absolute(&job.file).unwrap_or_else(|_| job.file.clone());
    let report = &mut previewed.report;
    let kept = KeptPlan {
        id: Store::plan_id(created)?,
        created,
        job: job.name.clone(),
        file: file.to_string_lossy().into(),
        decided_by: store.keyed(session.decided_by()?),
        directories: previewed.directories.clone(),
        office: (!office_is_new).then(|| previewed.office.clone()),
        accepted: options.accept.clone(),
        // A plan may be large: it is lent, not copied.
        plan: std::mem::take(&mut report.plan),
        refusals: report.refusals.clone(),
        ended: previewed.ended.clone(),
    };
    let written = store.write_plan(path, &kept);
    report.plan = kept.plan;
    written?;
    let shown = shown(&path.display().to_string());
    output.say(&format!("The plan is in {shown}; `rollcall sync --plan {shown}` applies exactly it."));
    Ok(())
}

/// Applies a plan file.
pub(crate) async fn apply(global: &Global, output: &Output, args: &SyncArgs) -> Result<u8, Failure> {
    let path = args.plan.as_deref().unwrap_or(Path::new(""));
    let store = wiring::store(global).await?;
    let kept = match store.read_plan(path, true) {
        Ok(kept) => kept,
        Err(error) => return Ok(nothing(output, "", &error.into())),
    };
    let file = args.job.clone().unwrap_or_else(|| PathBuf::from(&*kept.file));
    let session = Session::open(global, &file)?;
    let decided_by = store.keyed(session.decided_by()?);
    if session.office_is_missing() {
        // An office is not made for a plan that will be refused.
        let mut why =
            outdated(&kept, &session.job, &decided_by, &store, session.clock.now(), args.max_age).await?;
        if kept.office.is_some() {
            let message = "the plan is for a phone system that does not exist any more";
            why.push(Diagnostic::error(codes::PLAN_ELSEWHERE, message).path(&["phone_system"]));
        }
        if !why.is_empty() {
            return Ok(nothing(output, &session.job.name, &session.failure(RunError::Stale(why))));
        }
    }
    let started = session.clock.now();
    let mut ends = match session.kept_ends(store).await {
        Ok(ends) => ends,
        Err(failure) => {
            failed::note(&session, started, &failure).await;
            return Ok(nothing(output, &session.job.name, &failure));
        }
    };
    let render = |report: &Report| report::document(&session.job, report);
    let (writer, held) = ends.parts(&session, &decided_by, args.max_age, &render);
    let result = sync_kept(&writer, held, kept, &options(&args.run, args.wait, false)).await;
    ends.office.office().close().await;
    session.progress.clear();
    if let Err(error) = result {
        let failure = session.failure(error);
        failed::note(&session, started, &failure).await;
        return Ok(nothing(output, &session.job.name, &failure));
    }
    Ok(report::ended(output, &session.job, ends.office.note(), result, args.all))
}

/// Shows a plan file as its preview showed it.
pub(crate) async fn show(global: &Global, output: &Output, path: &Path, all: bool) -> Result<u8, Failure> {
    let store = wiring::store(global).await?;
    let kept = store.read_plan(path, false)?;
    let mark = store.plan_mark(&kept.id).await?;
    let about = format!(
        "Plan {} of {}, made {} from {}",
        path.display(),
        kept.job,
        time::shown(kept.created),
        kept.file
    );
    let applied = match mark {
        Some(PlanMark::Applied { run, at }) => format!("; applied {} by the run {run}", time::shown(at)),
        Some(PlanMark::Waiting) => String::new(),
        None => "; too old to be applied".to_owned(),
    };
    output.human(&format!("{}{applied}\n\n", shown(&about)));
    let report = Report::new(Text::clone(&kept.job), kept.plan, kept.refusals);
    present(output, &report, &report::gather(&report), all);
    Ok(exit::DONE)
}
