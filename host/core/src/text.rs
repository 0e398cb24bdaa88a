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
    // Most names and addresses are ASCII, of which NFC changes nothing.
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    text.nfc().flat_map(char::to_lowercase).collect()
}

/// Folds like [`fold`], and says for each byte of the result at which byte of the text the letter begins that it comes
/// from, and at the end how long the text is.
pub fn fold_with_places(text: &str) -> (String, Vec<usize>) {
    use unicode_normalization::char::canonical_combining_class;
    use unicode_normalization::{IsNormalized, is_nfc_quick};
    // What stands before such a letter has no part in what NFC makes of it (Unicode Standard Annex 15, stable code points).
    let begins = |letter: char| {
        letter.is_ascii()
            || canonical_combining_class(letter) == 0
                && is_nfc_quick(std::iter::once(letter)) == IsNormalized::Yes
    };
    if text.is_ascii() {
        return (fold(text), (0..=text.len()).collect());
    }
    let (mut folded, mut places) = (String::with_capacity(text.len()), Vec::with_capacity(text.len() + 1));
    let mut rest = text;
    while !rest.is_empty() {
        let end = rest.char_indices().skip(1).find(|(_, letter)| begins(*letter));
        let (piece, behind) = rest.split_at(end.map_or(rest.len(), |(at, _)| at));
        folded.push_str(&fold(piece));
        places.resize(folded.len(), text.len() - rest.len());
        rest = behind;
    }
    places.push(text.len());
    (folded, places)
}

/// Gives a number with its noun, one or several: `1 user`, `2 users`, `0 entries`, `3 branches`.
pub fn count<N: fmt::Display + PartialEq + From<u8>>(number: N, noun: &str) -> String {
    let noun = several(&number, noun);
    format!("{number} {noun}")
}

/// Gives a noun as it stands behind a number.
pub fn several<N: PartialEq + From<u8>>(number: &N, noun: &str) -> String {
    if *number == N::from(1) {
        return noun.to_owned();
    }
    match noun.strip_suffix('y').filter(|stem| !stem.ends_with(['a', 'e', 'i', 'o', 'u'])) {
        Some(stem) => format!("{stem}ies"),
        None if noun.ends_with("ch") || noun.ends_with(['s', 'x']) => format!("{noun}es"),
        None => format!("{noun}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_is_folded() {
        let check = |text, expect: &str| assert_eq!(fold(text), expect);
        check("Anna Berg", "anna berg");
        check("ÄPFEL", "äpfel");
        check("A\u{308}pfel", "äpfel");
        // The Kelvin sign is a letter K, and no capital ASCII letter folds otherwise than in Unicode.
        check("\u{212A}", "k");
        for c in '\0'..='\x7f' {
            assert_eq!(fold(&c.to_string()), c.to_lowercase().to_string());
        }
    }

    #[test]
    fn what_is_folded_knows_where_it_comes_from() {
        let check = |text: &str, expect: &[usize]| {
            let (folded, places) = fold_with_places(text);
            assert_eq!((&*folded, &*places), (&*fold(text), expect), "{text}");
        };
        check("", &[0]);
        check("Ab", &[0, 1, 2]);
        check("xÖb", &[0, 1, 1, 3, 4]);
        check("xO\u{308}b", &[0, 1, 1, 4, 5]);
        // Three bytes become two or, of a letter that is not NFC, one; and one letter becomes two.
        check("a\u{1e9e}b", &[0, 1, 1, 4, 5]);
        check("a\u{212A}b", &[0, 0, 4, 5]);
        check("İb", &[0, 0, 0, 2, 3]);
        // Letters of Hangul grow together without a combining mark.
        check("\u{1112}\u{1161}\u{11ab}b", &[0, 0, 0, 9, 10]);
        check("q\u{323}\u{307}b", &[0, 0, 0, 0, 0, 5, 6]);
    }

    #[test]
    fn nouns_follow_their_number() {
        let check = |number: u32, noun, expect: &str| assert_eq!(count(number, noun), expect);
        check(0, "user", "0 users");
        check(1, "user", "1 user");
        check(2, "user", "2 users");
        check(2, "entry", "2 entries");
        check(1, "entry", "1 entry");
        check(2, "branch", "2 branches");
        check(2, "day", "2 days");
        check(2, "hunt group", "2 hunt groups");
        check(2, "address", "2 addresses");
    }
}
