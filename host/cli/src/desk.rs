//! A job without its directory: what `resume`, `undo` and plan files need to write.

use std::path::Path;
use std::sync::Arc;

use rollcall_core::codes;
use rollcall_edges::clock::Clock;
use rollcall_edges::state::{State as _, StoredRun};
use rollcall_engine::Writer;
use rollcall_engine::execute::Render;
use rollcall_engine::observe::Cancel;
use rollcall_job::job::Job;
use rollcall_state::Store;

use crate::args::Global;
use crate::chance::Handovers;
use crate::failure::Failure;
use crate::progress::Progress;
use crate::wiring::{self, Intent};
use crate::{exit, offices, report, rules, signals, time};

/// A job, its phone system and the state, reached.
pub(crate) struct Desk {
    pub(crate) job: Job,
    pub(crate) office: offices::Reached,
    pub(crate) store: Store,
    pub(crate) progress: Progress,
    clock: Arc<dyn Clock>,
    cancel: Cancel,
    handover: Handovers,
}

impl Desk {
    /// Opens a job file and reaches its phone system.
    pub(crate) async fn open(global: &Global, store: Store, file: &Path) -> Result<Self, Failure> {
        let job = wiring::load_job(file)?;
        let clock: Arc<dyn Clock> = Arc::from(time::clock()?);
        let cancel = signals::listen();
        let office = offices::of_job(&job, &wiring::state_folder(global)?, Intent::Look).await;
        let office = office.map_err(|failure| Failure {
            diagnostics: report::located(&job, failure.diagnostics),
            ..failure
        })?;
        let progress = Progress::new(global.quiet || global.json);
        let handover = Handovers::of(&job);
        Ok(Self { job, office, store, progress, clock, cancel, handover })
    }

    /// Compiles the job's rules.
    pub(crate) fn compiled(&self) -> Result<rules::Compiled, Failure> {
        let compiled = rules::compile(&self.job);
        compiled.map_err(|wrong| Failure::invalid(report::located(&self.job, wrong)))
    }

    /// Gives what the engine needs to write.
    pub(crate) fn writer<'a>(&'a self, render: Render<'a>) -> Writer<'a> {
        Writer {
            job: &self.job,
            office: self.office.office(),
            state: &self.store,
            clock: &*self.clock,
            observer: &self.progress,
            cancel: &self.cancel,
            codes: self.handover.codes(),
            render,
        }
    }
}

/// Finds a run by its id or an unambiguous beginning of it. `what` is to be done with it: `undo`.
pub(crate) async fn stored(store: &Store, id: &str, what: &str) -> Result<StoredRun, Failure> {
    let unknown = || {
        let message = format!("no run, or more than one, begins with `{id}`");
        Failure::new(exit::ERROR, codes::RUN_UNKNOWN, message).hint("`rollcall runs` lists them")
    };
    let row = store.run(id).await?.ok_or_else(unknown)?;
    let run = store.stored(&row.id).await?.ok_or_else(unknown)?;
    if run.office.is_empty() {
        let message = format!("the run {} came to no plan, so there is nothing to {what}", run.row.id);
        return Err(Failure::new(exit::ERROR, codes::RUN_UNKNOWN, message)
            .hint(format!("`rollcall show {}` says why it failed", run.row.id)));
    }
    Ok(run)
}
