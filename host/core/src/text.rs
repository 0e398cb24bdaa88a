//! The smallest words: shared text and text that must never be shown.

use std::fmt;
use std::sync::Arc;

/// Text that is shared rather than copied: one allocation however many users carry the same department.
pub type Text = Arc<str>;

/// The phone system's own, immutable name of one of its objects.
pub type Guid = Text;

/// Text that is never printed: login codes, voicemail codes, passwords, tokens.
///
/// There is no `Display`, and `Debug` gives `***`. Whoever needs the content says so with [`Secret::expose`].
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Secret(Text);

impl Secret {
    /// Wraps text as a secret.
    pub fn new(text: impl Into<Text>) -> Self {
        Self(text.into())
    }

    /// Gives the content, for the one place that sends or stores it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("***")
    }
}

/// Folds case for comparing names that differ only by case: Unicode NFC, then lower case.
pub fn fold(text: &str) -> String {
    use unicode_normalization::UnicodeNormalization;
    text.nfc().flat_map(char::to_lowercase).collect()
}
