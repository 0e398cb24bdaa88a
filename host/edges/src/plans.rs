//! A plan that is kept in a file, to be looked at and applied later.

use std::collections::{BTreeMap, BTreeSet};

use rollcall_core::plan::Plan;
use rollcall_core::{Diagnostic, RecordId, Text};

use crate::clock::Instant;
use crate::state::{Identities, StateError};

/// A plan with everything that says where and when it holds.
#[derive(Clone, Debug, Default)]
pub struct KeptPlan {
    /// Its id, by which the state knows whether it was applied.
    pub id: Text,
    /// When it was made.
    pub created: Instant,
    /// The job's name.
    pub job: Text,
    /// The job file's path, absolute.
    pub file: Text,
    /// A digest, keyed by the state, of each thing that decided the plan, by its name for people: the job's files, its rule files, its
    /// templates, the connector.
    pub decided_by: BTreeMap<Text, Text>,
    /// The directories' identities.
    pub directories: Identities,
    /// The phone system's identity; `None`: an embedded office that the first sync makes.
    pub office: Option<Text>,
    /// Guards that the plan may pass, each with the exact figure.
    pub accepted: BTreeMap<Text, usize>,
    /// The plan.
    pub plan: Plan,
    /// Why the guard refused it; empty where it did not.
    pub refusals: Vec<Diagnostic>,
    /// Leavers in it whose absence no sync had recorded: somebody ended their grace by hand.
    pub ended: BTreeSet<RecordId>,
}

/// What the state knows of a kept plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PlanMark {
    /// It waits.
    Waiting,
    /// A run has begun to apply it.
    Applied {
        /// The run.
        run: Text,
        /// When it began.
        at: Instant,
    },
}

/// Why a plan file could not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum PlanFileError {
    /// The file system's side.
    #[error("{message}")]
    File {
        /// What happened.
        message: String,
        /// What to do.
        hint: Option<String>,
    },
    /// It is no plan file, not as it was written, or not of this state.
    #[error("the plan file is refused")]
    Refused(Box<Diagnostic>),
    /// The state's side.
    #[error(transparent)]
    State(#[from] StateError),
}
