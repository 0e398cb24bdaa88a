//! What a preview or a run came to.

use rollcall_core::plan::Plan;
use rollcall_core::verify::Outcome;
use rollcall_core::{Diagnostic, Text};

use crate::durations::Durations;
use crate::error::Class;

/// A plan, the guard's word on it, and what became of each change.
#[derive(Debug, Default)]
pub struct Report {
    /// The job's name.
    pub job: Text,
    /// The run's id; a preview has none.
    pub run: Option<Text>,
    /// The plan.
    pub plan: Plan,
    /// Why the guard refused; empty where it did not.
    pub refusals: Vec<Diagnostic>,
    /// One outcome for each change of the plan; in a preview all are planned.
    pub outcomes: Vec<Outcome>,
    /// Why the apply stopped before its end.
    pub stopped: Option<(Class, Vec<Diagnostic>)>,
    /// The signal that stopped it.
    pub signal: Option<i32>,
    /// How long its steps took.
    pub durations: Durations,
}

impl Report {
    /// Begins a report: everything is planned and nothing done.
    pub fn new(job: Text, plan: Plan, refusals: Vec<Diagnostic>) -> Self {
        let outcomes = vec![Outcome::Planned; plan.changes.len()];
        Self { job, plan, refusals, outcomes, ..Self::default() }
    }

    /// Counts the changes that were applied.
    pub fn applied(&self) -> usize {
        self.outcomes.iter().filter(|outcome| **outcome == Outcome::Applied).count()
    }

    /// Counts the changes that failed or of which it is not known.
    pub fn failed(&self) -> usize {
        self.outcomes.iter().filter(|o| matches!(o, Outcome::Failed(_) | Outcome::Unknown(_))).count()
    }

    /// Tells whether the plan may be applied: there is something to do and the guard allows it.
    pub fn applyable(&self) -> bool {
        self.plan.applyable && self.refusals.is_empty()
    }

    /// Tells whether some changes failed or users were skipped with errors (3).
    pub fn partial(&self) -> bool {
        self.plan.errored || self.failed() > 0
    }
}
