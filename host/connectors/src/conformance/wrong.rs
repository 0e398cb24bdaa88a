//! Why something does not hold, with what to do as every other command says it.

use rollcall_edges::directory::DirectoryError;

/// What is wrong in one clause, and what to do where that is known.
#[derive(Debug)]
pub(super) struct Wrong {
    pub(super) message: String,
    pub(super) hint: Option<String>,
}

impl Wrong {
    /// Says where, or of what, before it.
    pub(super) fn at(self, place: &str) -> Self {
        Self { message: format!("{place}: {}", self.message), ..self }
    }
}

impl From<String> for Wrong {
    fn from(message: String) -> Self {
        Self { message, hint: None }
    }
}

impl From<&str> for Wrong {
    fn from(message: &str) -> Self {
        message.to_owned().into()
    }
}

impl From<DirectoryError> for Wrong {
    fn from(error: DirectoryError) -> Self {
        let message = error.to_string();
        match error {
            DirectoryError::Refused(why) => Self { message, hint: why.hint },
            DirectoryError::Denied { missing, hint, .. } => {
                let grant = |name: String| format!("grant the permission `{name}`");
                Self { message, hint: hint.or(missing.map(grant)) }
            }
            DirectoryError::Untrusted { hint, .. } => Self { message, hint: Some(hint) },
            // Of several the first; what it stands for alone says nothing.
            DirectoryError::Invalid(why) => why
                .into_iter()
                .next()
                .map_or(message.into(), |why| Self { message: why.message, hint: why.hint }),
            DirectoryError::Transient { .. }
            | DirectoryError::TokenExpired
            | DirectoryError::Incomplete(_)
            | DirectoryError::Permanent(_) => message.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use rollcall_core::{Diagnostic, codes};

    use super::*;

    #[test]
    fn what_to_do_is_kept() {
        let check = |error: DirectoryError, message: &str, hint: Option<&str>| {
            let wrong = Wrong::from(error).at("request 1 of 2");
            assert_eq!(wrong.message, format!("request 1 of 2: {message}"));
            assert_eq!(wrong.hint.as_deref(), hint);
        };
        let why = || Diagnostic::error(codes::CONNECTOR_REFUSED, "not granted").hint("write a line");
        check(DirectoryError::Refused(Box::new(why())), "not granted", Some("write a line"));
        check(DirectoryError::Invalid(vec![why()]), "not granted", Some("write a line"));
        let denied = |hint: Option<&str>| DirectoryError::Denied {
            message: "refused".to_owned(),
            missing: Some("people.read".to_owned()),
            hint: hint.map(str::to_owned),
        };
        check(denied(None), "refused", Some("grant the permission `people.read`"));
        check(denied(Some("renew it")), "refused", Some("renew it"));
        check(DirectoryError::Permanent("no".to_owned()), "no", None);
    }
}
