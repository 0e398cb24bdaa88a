//! Runs that came to no plan: the directory could not be read, or the phone system not reached. They stand in the
//! history, so that a night that failed is seen there, and nowhere else: no baseline, no clock, no window, no undo and
//! no resume knows of them.

use rollcall_core::Text;
use rollcall_edges::clock::Instant;
use rollcall_edges::state::StateError;
use rollcall_sqlite::params;

use crate::audit::RunStep;
use crate::runs::run_id;
use crate::sql;
use crate::store::Store;

/// What `users` of a run is that came to no plan: nothing was read to its end.
pub(crate) const NONE_READ: i64 = -1;

/// A run that came to no plan.
#[derive(Clone, Copy, Debug)]
pub struct Planless<'a> {
    /// The job's name.
    pub job: &'a str,
    /// The job file's absolute path.
    pub file: &'a str,
    /// `sync`.
    pub kind: &'a str,
    /// When it began.
    pub started: Instant,
    /// When it ended.
    pub ended: Instant,
    /// Its exit code.
    pub exit: u8,
    /// The contract's JSON, with the reasons.
    pub document: &'a str,
}

impl Store {
    /// Notes a run that came to no plan, and gives its id. What is too old is forgotten with it, as at the end of any run.
    ///
    /// # Errors
    /// Where the file cannot be written.
    pub fn note_planless(&self, run: &Planless<'_>) -> Result<Text, StateError> {
        let id = run_id(run.started)?;
        // No office: nobody looks after a run that sent nothing.
        let insert = "INSERT INTO run (id, job, office, kind, started, file, users, document) VALUES (?1, ?2, '', ?3, ?4, ?5, ?6, '')";
        let update = "UPDATE run SET ended = ?2, exit = ?3, document = ?4 WHERE id = ?1";
        self.write(|state| {
            sql::run(state, insert, params![id, run.job, run.kind, run.started.0, run.file, NONE_READ])?;
            self.audit_run(state, &id, RunStep::Begun, run.started)?;
            sql::run(state, update, params![id, run.ended.0, run.exit, run.document])?;
            self.audit_run(state, &id, RunStep::Ended, run.ended)
        })?;
        let _ = self.prune(None, run.ended);
        Ok(id.into())
    }
}
