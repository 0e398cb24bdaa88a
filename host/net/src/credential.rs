//! A credential with the name that it has in the job, so that what is wrong with it is told at its place.

use rollcall_core::{Diagnostic, Secret, codes};

use crate::error::NetError;

/// A credential of `[directory.credentials]`.
#[derive(Clone, Debug)]
pub struct Credential {
    /// Its key in the job.
    pub name: String,
    /// Itself.
    pub value: Secret,
}

impl Credential {
    /// Takes a credential by its key.
    pub fn new(name: impl Into<String>, value: Secret) -> Self {
        Self { name: name.into(), value }
    }

    /// Makes the error for a credential of the wrong form. The message must not repeat what it holds.
    pub(crate) fn invalid(&self, message: &str, hint: &str) -> NetError {
        let diagnostic = Diagnostic::error(codes::JOB_BAD_VALUE, message)
            .path(&["directory", "credentials", &self.name])
            .hint(hint);
        NetError::Invalid(Box::new(diagnostic))
    }
}
