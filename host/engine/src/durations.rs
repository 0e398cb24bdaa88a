//! How long the steps of a run took, by the engine's clock.

use rollcall_edges::clock::{Clock, Instant};

/// How long each step took, in milliseconds; 0 where a run did not do it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Durations {
    /// Reading the directory.
    pub pull: u64,
    /// Evaluating expressions and rules.
    pub map: u64,
    /// Reading the phone system.
    pub read: u64,
    /// Making the plan.
    pub plan: u64,
    /// Writing.
    pub apply: u64,
}

/// Measures one step after another.
pub(crate) struct Watch<'a> {
    clock: &'a dyn Clock,
    last: Instant,
}

impl<'a> Watch<'a> {
    /// Begins the first step.
    pub(crate) fn start(clock: &'a dyn Clock) -> Self {
        Self { clock, last: clock.now() }
    }

    /// Ends a step, gives how long it took in milliseconds, and begins the next.
    pub(crate) fn lap(&mut self) -> u64 {
        let now = self.clock.now();
        now.since(std::mem::replace(&mut self.last, now))
    }
}
