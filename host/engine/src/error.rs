//! Why a run ended early. The class decides the exit code; the binary has the one table.

use rollcall_core::{Diagnostic, codes};
use rollcall_edges::directory::DirectoryError;
use rollcall_edges::handover::HandoverError;
use rollcall_edges::office::OfficeError;
use rollcall_edges::state::StateError;

/// The kinds of early end, one for each exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// 1.
    Error,
    /// 4: a credential or permission was refused.
    Denied,
    /// 5: the guard refused; nothing was applied.
    Refused,
    /// 6: the plan is stale.
    Stale,
    /// 11: another run holds the job or its phone system.
    Held,
    /// 12: job, rules or settings are invalid.
    Invalid,
    /// 13: the directory cannot be reached, or its reading is incomplete.
    Directory,
    /// 14: the phone system cannot be reached, or its reading is incomplete.
    Office,
    /// 130 or 143: interrupted, resumable.
    Interrupted,
}

/// Why a run ended early.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The directory's side.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    /// The phone system's side.
    #[error(transparent)]
    Office(#[from] OfficeError),
    /// The state's side.
    #[error(transparent)]
    State(#[from] StateError),
    /// Job, rules or settings are invalid.
    #[error("the job is invalid")]
    Invalid(Vec<Diagnostic>),
    /// Refused before there was a plan: another directory or phone system than at the first sync.
    #[error("refused")]
    Refused(Vec<Diagnostic>),
    /// A user that was named is not there, or more than one is.
    #[error("not found")]
    NotFound(Vec<Diagnostic>),
    /// What it was to apply has been overtaken.
    #[error("stale")]
    Stale(Vec<Diagnostic>),
    /// Interrupted by a signal, by its number.
    #[error("interrupted")]
    Interrupted(i32),
    /// The codes of new users cannot be handed over.
    #[error(transparent)]
    Handover(#[from] HandoverError),
    /// Something that should not happen.
    #[error("{0}")]
    Internal(String),
}

impl RunError {
    /// Gives the class.
    pub fn class(&self) -> Class {
        match self {
            RunError::Directory(error) => match error {
                DirectoryError::Denied { .. } => Class::Denied,
                DirectoryError::Invalid(_) | DirectoryError::Refused(_) => Class::Invalid,
                DirectoryError::Transient { .. }
                | DirectoryError::TokenExpired
                | DirectoryError::Untrusted { .. }
                | DirectoryError::Incomplete(_)
                | DirectoryError::Permanent(_) => Class::Directory,
            },
            RunError::Office(error) => match error {
                OfficeError::Denied(_) => Class::Denied,
                OfficeError::Unreachable { .. } | OfficeError::Untrusted { .. } | OfficeError::Unsure(_) => {
                    Class::Office
                }
                OfficeError::Stale(_)
                | OfficeError::Refused(_)
                | OfficeError::Unexpected(_)
                | OfficeError::Differs { .. }
                | OfficeError::Damaged(_) => Class::Error,
            },
            RunError::State(StateError::Held { .. } | StateError::Lost) => Class::Held,
            RunError::State(StateError::PlanSpent) | RunError::Stale(_) => Class::Stale,
            RunError::State(StateError::Unusable { .. }) | RunError::Internal(_) | RunError::Handover(_) => {
                Class::Error
            }
            RunError::Invalid(_) => Class::Invalid,
            RunError::Refused(_) => Class::Refused,
            RunError::NotFound(_) => Class::Error,
            RunError::Interrupted(_) => Class::Interrupted,
        }
    }

    /// Gives what to tell a person.
    pub fn diagnostics(self) -> Vec<Diagnostic> {
        match self {
            RunError::Directory(error) => directory(error),
            RunError::Office(error) => vec![office(&error)],
            RunError::State(error) => vec![state(error)],
            RunError::Invalid(why)
            | RunError::Refused(why)
            | RunError::NotFound(why)
            | RunError::Stale(why) => why,
            RunError::Interrupted(_) => vec![
                Diagnostic::error(
                    codes::RUN_INTERRUPTED,
                    "interrupted; the operation in flight was finished",
                )
                .hint("the next `rollcall sync` goes on from what stands"),
            ],
            RunError::Handover(error) => vec![handover(&error)],
            RunError::Internal(message) => vec![Diagnostic::error(codes::STATE_UNUSABLE, message)],
        }
    }
}

const NOTHING_APPLIED: &str = "nothing was applied; an incomplete reading never deletes";

fn directory(error: DirectoryError) -> Vec<Diagnostic> {
    let hinted = |diagnostic: Diagnostic, hint: Option<String>| match hint {
        Some(hint) => diagnostic.hint(hint),
        None => diagnostic,
    };
    vec![match error {
        DirectoryError::Invalid(why) => return why,
        DirectoryError::Refused(why) => *why,
        DirectoryError::Transient { message, retry_after_ms } => {
            let wait = |ms: u32| format!("the directory asks to wait for {} s", ms.div_ceil(1000));
            let hint = retry_after_ms.map_or(NOTHING_APPLIED.to_owned(), wait);
            Diagnostic::error(codes::DIRECTORY_UNREACHABLE, message).hint(hint)
        }
        DirectoryError::Denied { message, missing, hint } => {
            let missing = missing.map(|name| format!("grant the permission `{name}` and give admin consent"));
            hinted(Diagnostic::error(codes::DIRECTORY_DENIED, message), hint.or(missing))
        }
        DirectoryError::Untrusted { message, hint } => {
            Diagnostic::error(codes::TLS_UNTRUSTED, message).hint(hint)
        }
        DirectoryError::TokenExpired => Diagnostic::error(
            codes::READ_INCOMPLETE,
            "the directory twice forgot the position of the last reading",
        ),
        DirectoryError::Incomplete(message) => {
            Diagnostic::error(codes::READ_INCOMPLETE, message).hint(NOTHING_APPLIED)
        }
        DirectoryError::Permanent(message) => {
            Diagnostic::error(codes::CONNECTOR_FAILED, message).hint(NOTHING_APPLIED)
        }
    }]
}

/// Gives what to tell a person of codes that were not handed over.
pub fn handover(error: &HandoverError) -> Diagnostic {
    Diagnostic::error(codes::HANDOVER, error.message.clone()).hint(error.hint.clone())
}

/// Gives what to tell a person of an error of the phone system.
pub fn office(error: &OfficeError) -> Diagnostic {
    let message = error.to_string();
    match error {
        OfficeError::Unreachable { hint, .. } => {
            let diagnostic = Diagnostic::error(codes::OFFICE_UNREACHABLE, message);
            match hint {
                Some(hint) => diagnostic.hint(hint.clone()),
                None => diagnostic,
            }
        }
        OfficeError::Untrusted { fingerprint } => Diagnostic::error(codes::TLS_UNTRUSTED, message).hint(format!(
            "compare it with the certificate that Web Manager shows; if it is the same, set `certificate_sha256 = \"{fingerprint}\"` under [phone_system]"
        )),
        OfficeError::Denied(_) => Diagnostic::error(codes::OFFICE_DENIED, message),
        OfficeError::Stale(_) => Diagnostic::error(codes::STALE, message).hint("run again: the plan is made from what stands now"),
        OfficeError::Refused(_) => Diagnostic::error(codes::OFFICE_REFUSED, message),
        OfficeError::Unexpected(_) | OfficeError::Differs { .. } => Diagnostic::error(codes::OFFICE_UNEXPECTED, message),
        OfficeError::Unsure(_) => Diagnostic::error(codes::OFFICE_UNSURE, message),
        OfficeError::Damaged(_) => Diagnostic::error(codes::OFFICE_DAMAGED, message),
    }
}

fn state(error: StateError) -> Diagnostic {
    let message = error.to_string();
    match error {
        StateError::Held { .. } => {
            Diagnostic::error(codes::LEASE_HELD, message).hint("wait for it to end, or give `--wait 10m`")
        }
        StateError::PlanSpent => Diagnostic::error(codes::PLAN_APPLIED, message),
        StateError::Lost => Diagnostic::error(codes::LEASE_LOST, message)
            .hint("was a lock file removed while this run was stopped? `rollcall runs` shows what each did"),
        StateError::Unusable { hint: Some(hint), .. } => {
            Diagnostic::error(codes::STATE_UNUSABLE, message).hint(hint)
        }
        StateError::Unusable { hint: None, .. } => Diagnostic::error(codes::STATE_UNUSABLE, message),
    }
}
