//! Why a command ended without its result.

use rollcall_core::{Code, Diagnostic, codes};
use rollcall_edges::office::OfficeError;
use rollcall_edges::plans::PlanFileError;
use rollcall_edges::state::StateError;
use rollcall_engine::RunError;

use crate::exit;
use crate::output::Output;
use crate::view::json;

/// An exit code with what to tell.
#[derive(Debug)]
pub(crate) struct Failure {
    /// The exit code.
    pub(crate) exit: u8,
    /// What to tell.
    pub(crate) diagnostics: Vec<Diagnostic>,
}

impl Failure {
    /// A failure with one reason.
    pub(crate) fn new(exit: u8, code: Code, message: impl Into<String>) -> Self {
        Self { exit, diagnostics: vec![Diagnostic::error(code, message)] }
    }

    /// Adds what to do to the last reason.
    #[must_use]
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        if let Some(last) = self.diagnostics.pop() {
            self.diagnostics.push(last.hint(hint));
        }
        self
    }

    /// The job, its rules or settings are invalid. A state that cannot be used, where a job's connector is installed, is
    /// no mistake of the job.
    pub(crate) fn invalid(diagnostics: Vec<Diagnostic>) -> Self {
        let of_state = diagnostics.iter().any(|one| one.code == codes::STATE_UNUSABLE);
        Self { exit: if of_state { exit::ERROR } else { exit::INVALID }, diagnostics }
    }

    /// Turns an early end of a run into a failure.
    pub(crate) fn of_run(error: RunError) -> Self {
        let signal = match &error {
            RunError::Interrupted(signal) => Some(*signal),
            _ => None,
        };
        Self { exit: exit::of_class(error.class(), signal), diagnostics: error.diagnostics() }
    }

    /// Tells the reasons, as JSON too where that was asked for, and gives the exit code.
    pub(crate) fn report(self, output: &Output) -> u8 {
        if output.json {
            output.payload(&json::diagnostics(&self.diagnostics));
        }
        output.diagnostics(&self.diagnostics);
        self.exit
    }
}

impl From<RunError> for Failure {
    fn from(error: RunError) -> Self {
        Self::of_run(error)
    }
}

impl From<PlanFileError> for Failure {
    fn from(error: PlanFileError) -> Self {
        match error {
            PlanFileError::File { message, hint: Some(hint) } => {
                Self::new(exit::ERROR, codes::FILE, message).hint(hint)
            }
            PlanFileError::File { message, hint: None } => Self::new(exit::ERROR, codes::FILE, message),
            PlanFileError::Refused(why) => Self::of_run(RunError::Stale(vec![*why])),
            PlanFileError::State(error) => error.into(),
        }
    }
}

impl From<StateError> for Failure {
    fn from(error: StateError) -> Self {
        Self::of_run(error.into())
    }
}

impl From<OfficeError> for Failure {
    fn from(error: OfficeError) -> Self {
        Self::of_run(error.into())
    }
}

impl From<rollcall_edges::directory::DirectoryError> for Failure {
    fn from(error: rollcall_edges::directory::DirectoryError) -> Self {
        Self::of_run(error.into())
    }
}
