//! Short ways to say why a call did not succeed. The case decides the exit code, so each has a constructor of its own.

use crate::limits::QUOTED_CHARACTERS;
use crate::{Denied, Error, Fault, Transient};

impl Error {
    /// Makes an error that may be gone later.
    pub fn transient(message: impl Into<String>) -> Self {
        Self::Transient(Transient { message: message.into(), retry_after_ms: None })
    }

    /// Makes a refusal of the credential or of a permission by the directory.
    pub fn denied(message: impl Into<String>) -> Self {
        Self::Denied(Denied { message: message.into(), missing: None })
    }

    /// Makes a refusal that names the missing permission by the directory's own name.
    pub fn missing(message: impl Into<String>, permission: impl Into<String>) -> Self {
        Self::Denied(Denied { message: message.into(), missing: Some(permission.into()) })
    }

    /// Makes the error for one setting that cannot work.
    pub fn setting(fault: Fault) -> Self {
        Self::InvalidSettings(vec![fault])
    }

    /// Makes an error that will not succeed again either.
    pub fn permanent(message: impl Into<String>) -> Self {
        Self::Permanent(message.into())
    }
}

impl Fault {
    /// Makes a fault of one setting.
    pub fn new(setting: impl Into<String>, message: impl Into<String>) -> Self {
        Self { setting: setting.into(), message: message.into(), hint: None }
    }

    /// Adds what to type.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// Makes foreign text fit for a message: one line, no control characters, bounded.
pub fn quoted(text: &str) -> String {
    let mut clean: String =
        text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(QUOTED_CHARACTERS).collect();
    if text.chars().nth(QUOTED_CHARACTERS).is_some() {
        clean.push('…');
    }
    clean.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn foreign_text_is_one_bounded_line() {
        assert_eq!(quoted("a\r\nb\u{1b}[31m "), "a  b [31m");
        assert_eq!(quoted(&"x".repeat(400)).chars().count(), 301);
    }
}
