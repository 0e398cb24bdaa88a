//! Errors as data: what is wrong, how bad it is, where, and what to do about it.
//!
//! Core says a path (`rules["UK sales"].start_extension`); whoever has the file makes it a span; the binary renders.

use std::ops::Range;

use crate::text::Text;

/// A stable code of the registry in [`crate::codes`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Code(pub &'static str);

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Something was not done.
    Error,
    /// It was done, and somebody should look.
    Warning,
    /// Good to know.
    Note,
}

impl Severity {
    /// The word in JSON and on screen.
    pub const fn word(self) -> &'static str {
        match self {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Note => "note",
        }
    }
}

/// Where it is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub enum Place {
    /// Nowhere in a file.
    #[default]
    Nowhere,
    /// A key of the job file, outermost first; whoever parsed the file knows its bytes.
    Path(Vec<Text>),
    /// Bytes of a source file.
    Span {
        /// The file's path as the user named it.
        file: Text,
        /// The file's whole text, for underlining.
        source: Text,
        /// The bytes that are wrong.
        bytes: Range<usize>,
    },
}

/// One thing to tell a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// Its stable code.
    pub code: Code,
    /// How bad it is.
    pub severity: Severity,
    /// One clause in lower case without a full stop; values in backticks.
    pub message: String,
    /// Where it is wrong.
    pub place: Place,
    /// What to do or type.
    pub hint: Option<String>,
    /// The user identification (or, before there is one, the native id) of the user it is about.
    pub user: Option<Text>,
}

impl Diagnostic {
    /// An error with a message.
    pub fn error(code: Code, message: impl Into<String>) -> Self {
        Self::of(Severity::Error, code, message)
    }

    /// A warning with a message.
    pub fn warning(code: Code, message: impl Into<String>) -> Self {
        Self::of(Severity::Warning, code, message)
    }

    /// A note with a message.
    pub fn note(code: Code, message: impl Into<String>) -> Self {
        Self::of(Severity::Note, code, message)
    }

    fn of(severity: Severity, code: Code, message: impl Into<String>) -> Self {
        Self { code, severity, message: message.into(), place: Place::Nowhere, hint: None, user: None }
    }

    /// Adds what to do.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Says whom it is about.
    #[must_use]
    pub fn user(mut self, user: impl Into<Text>) -> Self {
        self.user = Some(user.into());
        self
    }

    /// Says where it is wrong.
    #[must_use]
    pub fn at(mut self, place: Place) -> Self {
        self.place = place;
        self
    }

    /// Says which key of the job file is wrong.
    #[must_use]
    pub fn path(self, keys: &[&str]) -> Self {
        self.at(Place::Path(keys.iter().map(|key| Text::from(*key)).collect()))
    }
}

/// Gives 1-based line and column (in characters) of a byte offset.
pub fn line_and_column(source: &str, offset: usize) -> (usize, usize) {
    let before = &source[..source.floor_char_boundary(offset.min(source.len()))];
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
    (line, column)
}
