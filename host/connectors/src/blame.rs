//! A swallowed error is not success: what the host had to say no to, or could not get, is remembered here, whatever the
//! connector makes of it.

use rollcall_core::Diagnostic;
use rollcall_edges::directory::DirectoryError;
use rollcall_net::NetError;

use crate::v0_1::types;

/// What went wrong in a host function, in the order of its weight.
#[derive(Clone, Debug)]
pub(crate) enum Blame {
    /// May succeed later.
    Transient { message: String, retry_after_ms: Option<u32> },
    /// Will not succeed again either; the connector may know better what it means.
    Failed(String),
    /// Not granted, or over a limit.
    Refused(Box<Diagnostic>),
    /// A credential was refused, or a secret came back.
    Denied { message: String, hint: Option<String> },
    /// A certificate is not trusted.
    Untrusted { message: String, hint: String },
}

impl Blame {
    fn weight(&self) -> u8 {
        match self {
            Blame::Transient { .. } | Blame::Failed(_) => 0,
            Blame::Refused(_) => 1,
            Blame::Denied { .. } => 2,
            Blame::Untrusted { .. } => 3,
        }
    }

    /// Whether the host's word counts more than what the connector makes of it.
    pub(crate) fn overrules(&self) -> bool {
        self.weight() > 0
    }

    /// What the connector is told. It learns no more than the kind and a sentence.
    pub(crate) fn for_guest(&self) -> types::Error {
        match self {
            Blame::Transient { message, retry_after_ms } => types::Error::Transient(types::Transient {
                message: message.clone(),
                retry_after_ms: *retry_after_ms,
            }),
            Blame::Failed(message) => types::Error::Permanent(message.clone()),
            Blame::Refused(diagnostic) => types::Error::Refused(diagnostic.message.clone()),
            Blame::Denied { message, .. } => {
                types::Error::Denied(types::Denied { message: message.clone(), missing: None })
            }
            Blame::Untrusted { message, .. } => types::Error::Permanent(message.clone()),
        }
    }

    /// What the engine is told.
    pub(crate) fn into_error(self) -> DirectoryError {
        match self {
            Blame::Transient { message, retry_after_ms } => {
                DirectoryError::Transient { message, retry_after_ms }
            }
            Blame::Failed(message) => DirectoryError::Permanent(message),
            Blame::Refused(diagnostic) => DirectoryError::Refused(diagnostic),
            Blame::Denied { message, hint } => DirectoryError::Denied { message, missing: None, hint },
            Blame::Untrusted { message, hint } => DirectoryError::Untrusted { message, hint },
        }
    }
}

impl From<NetError> for Blame {
    fn from(error: NetError) -> Self {
        let also = |message: String, hint: Option<String>| match hint {
            Some(hint) => format!("{message} ({hint})"),
            None => message,
        };
        match error {
            NetError::Unreachable { message, hint } => {
                Blame::Transient { message: also(message, hint), retry_after_ms: None }
            }
            NetError::Lost { message } => Blame::Transient { message, retry_after_ms: None },
            NetError::Busy { message, retry_after_ms, .. } => Blame::Transient { message, retry_after_ms },
            NetError::Failed { message, hint } => Blame::Failed(also(message, hint)),
            NetError::Untrusted { message, hint, .. } => Blame::Untrusted { message, hint },
            NetError::Denied { message, hint } => Blame::Denied { message, hint },
            NetError::Refused(why) | NetError::Recording(why) | NetError::Invalid(why) => Blame::Refused(why),
        }
    }
}

/// The weightiest error so far; of several, the first.
#[derive(Debug, Default)]
pub(crate) struct Blamed(Option<Blame>);

impl Blamed {
    /// Remembers an error and gives what the connector is told of it.
    pub(crate) fn note(&mut self, blame: Blame) -> types::Error {
        let told = blame.for_guest();
        if self.0.as_ref().is_none_or(|known| known.weight() < blame.weight()) {
            self.0 = Some(blame);
        }
        told
    }

    pub(crate) fn get(&self) -> Option<&Blame> {
        self.0.as_ref()
    }
}
