//! Why an exchange did not come to a response: the case says what may be done about it.

use rollcall_core::{Diagnostic, codes};
use rollcall_edges::directory::DirectoryError;

/// Why there is no response.
#[derive(Clone, Debug, thiserror::Error)]
pub enum NetError {
    /// The server was not reached: nothing was sent. May succeed later.
    #[error("{message}")]
    Unreachable {
        /// What happened.
        message: String,
        /// What to do.
        hint: Option<String>,
    },
    /// The request was sent, in part at least, and no whole answer came: whether it had an effect is not known.
    #[error("{message}")]
    Lost {
        /// What happened.
        message: String,
    },
    /// The server asks to come later, and was asked often enough (429, 502, 503, 504).
    #[error("{message}")]
    Busy {
        /// The status.
        status: u16,
        /// What happened.
        message: String,
        /// How long the server asked to wait, in milliseconds.
        retry_after_ms: Option<u32>,
    },
    /// The server's certificate is not trusted: nothing but the handshake was sent.
    #[error("{message}")]
    Untrusted {
        /// Lower-case hexadecimal SHA-256 of the DER form of the certificate that was seen.
        fingerprint: String,
        /// What is wrong with it, with the fingerprint.
        message: String,
        /// The setting that would trust it.
        hint: String,
    },
    /// A sign-in was refused, or a secret came back in an answer.
    #[error("{message}")]
    Denied {
        /// What happened.
        message: String,
        /// What to do.
        hint: Option<String>,
    },
    /// The server said no, or what it says cannot be used: the same will not succeed later either.
    #[error("{message}")]
    Failed {
        /// What happened.
        message: String,
        /// What to do.
        hint: Option<String>,
    },
    /// Not granted, a blocked address, or over a limit: nothing was sent, or the answer is not handed over.
    #[error("{}", .0.message)]
    Refused(Box<Diagnostic>),
    /// The recording cannot be used or does not hold the request.
    #[error("{}", .0.message)]
    Recording(Box<Diagnostic>),
    /// The job file's network or credential settings cannot work.
    #[error("{}", .0.message)]
    Invalid(Box<Diagnostic>),
}

impl NetError {
    /// Makes a [`NetError::Recording`] of a message.
    pub(crate) fn recording(message: impl Into<String>, hint: Option<&str>) -> Self {
        let mut diagnostic = Diagnostic::error(codes::RECORDING_INVALID, message);
        diagnostic.hint = hint.map(str::to_owned);
        Self::Recording(Box::new(diagnostic))
    }

    /// Says whether the same request may succeed later.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Unreachable { .. } | Self::Lost { .. } | Self::Busy { .. })
    }
}

impl From<NetError> for DirectoryError {
    fn from(error: NetError) -> Self {
        match error {
            NetError::Unreachable { message, hint: None } | NetError::Lost { message } => {
                Self::Transient { message, retry_after_ms: None }
            }
            // The case has no hint; a clause more says it as well.
            NetError::Unreachable { message, hint: Some(hint) } => {
                Self::Transient { message: format!("{message} ({hint})"), retry_after_ms: None }
            }
            NetError::Busy { message, retry_after_ms, .. } => Self::Transient { message, retry_after_ms },
            NetError::Failed { message, hint: None } => Self::Permanent(message),
            NetError::Failed { message, hint: Some(hint) } => Self::Permanent(format!("{message} ({hint})")),
            NetError::Untrusted { message, hint, .. } => Self::Untrusted { message, hint },
            NetError::Denied { message, hint } => Self::Denied { message, missing: None, hint },
            NetError::Refused(diagnostic) | NetError::Recording(diagnostic) => Self::Refused(diagnostic),
            NetError::Invalid(diagnostic) => Self::Invalid(vec![*diagnostic]),
        }
    }
}
