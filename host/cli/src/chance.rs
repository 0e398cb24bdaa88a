//! Chance, and where codes go: what the engine needs for random codes.

use rollcall_edges::draw::Draw;
use rollcall_edges::handover::Handover;
use rollcall_engine::Codes;
use rollcall_job::job::{HandoverTo, Job};
use rollcall_state::{HandoverCommand, HandoverFile};

/// The machine's source of random numbers.
#[derive(Debug)]
struct Machine;

impl Draw for Machine {
    fn fill(&self, into: &mut [u8]) -> Result<(), String> {
        getrandom::fill(into).map_err(|error| error.to_string())
    }
}

/// A job's `[handover]`.
pub(crate) struct Handovers(Option<Box<dyn Handover>>);

impl Handovers {
    /// Takes what a job says. Nothing is opened or run yet.
    pub(crate) fn of(job: &Job) -> Self {
        Self(job.handover.as_ref().map(|to| match to {
            HandoverTo::File(path) => Box::new(HandoverFile::new(path.clone())) as Box<dyn Handover>,
            HandoverTo::Command(words) => Box::new(HandoverCommand::new(words.clone())),
        }))
    }

    /// Gives what the engine needs.
    pub(crate) fn codes(&self) -> Codes<'_> {
        Codes { draw: &Machine, handover: self.0.as_deref() }
    }
}
