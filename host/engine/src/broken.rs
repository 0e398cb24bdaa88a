//! Why a call or a change did not go through, and what that means for the rest of the run.

use rollcall_core::Diagnostic;
use rollcall_core::verify::Outcome;
use rollcall_edges::office::OfficeError;

use crate::error::Class;

/// Why a change did not go through.
pub(crate) enum Broken {
    /// Its outcome; the run goes on.
    Change(Outcome),
    /// The run stops here.
    Run(Outcome, Class, Box<Diagnostic>),
    /// A signal came; the rest of the change is left for `resume`.
    Signal,
    /// The user was made and not handed over: the run stops, and the journal keeps its codes until it is.
    Handover(Box<Diagnostic>),
}

/// Why a write did not go through.
pub(crate) enum Lost {
    /// Its answer was lost, and it did not take place.
    Absent,
    /// Its answer was lost, and the phone system cannot be asked.
    Open(String),
    /// What the phone system said.
    Error(OfficeError),
}
