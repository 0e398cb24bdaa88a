//! Whether a file that is to be read in an old encoding is UTF-8 in truth.
//!
//! Every sequence of UTF-8 is text in an encoding of one byte a character, only another one: `ü` is `Ã¼`. Nothing breaks
//! on it, so that only all characters of a file together can tell.

use crate::encoding::Encoding;

/// So many characters in a row that are UTF-8 by chance do not occur.
const CERTAIN: usize = 3;

/// What the bytes beyond ASCII of a file look like, so far.
pub(crate) struct Likeness {
    set: Encoding,
    /// The beginning of a character whose rest has not come yet.
    rest: Vec<u8>,
    /// How many characters there were, counted up to [`CERTAIN`].
    characters: usize,
    /// A character that can be nothing but UTF-8, else the first one, and how it reads as what is set.
    shown: Option<(char, String)>,
    certain: bool,
    broken: bool,
}

impl Likeness {
    /// Begins; none for an encoding that is not of one byte a character.
    pub(crate) fn new(set: Encoding) -> Option<Self> {
        let one_byte = !matches!(set, Encoding::Utf8 | Encoding::Utf16);
        one_byte.then_some(Self {
            set,
            rest: Vec::new(),
            characters: 0,
            shown: None,
            certain: false,
            broken: false,
        })
    }

    /// Takes in the next bytes of the file.
    pub(crate) fn pass(&mut self, bytes: &[u8]) {
        if self.broken || (self.rest.is_empty() && bytes.is_ascii()) {
            return;
        }
        let mut all = std::mem::take(&mut self.rest);
        all.extend_from_slice(bytes);
        let good = match std::str::from_utf8(&all) {
            Ok(_) => all.len(),
            Err(error) => {
                self.broken = error.error_len().is_some();
                error.valid_up_to()
            }
        };
        self.rest = all.split_off(good);
        if let Ok(text) = std::str::from_utf8(&all) {
            text.chars().filter(|letter| !letter.is_ascii()).for_each(|letter| self.character(letter));
        }
    }

    fn character(&mut self, letter: char) {
        self.characters = CERTAIN.min(self.characters + 1);
        if self.certain {
            return;
        }
        let mut bytes = [0; 4];
        let bytes = letter.encode_utf8(&mut bytes).as_bytes();
        let read: Vec<Option<char>> = bytes.iter().map(|byte| self.set.letter(*byte)).collect();
        let followed_by_signs = read.iter().skip(1).all(|read| !read.is_some_and(is_letter));
        self.certain = match read.as_slice() {
            // No word has these and a letter of the upper half behind them, but for the Romanian `PĂŞUNE`.
            [Some('Ã'), ..] => true,
            [Some('Ă'), Some(next)] => !matches!(next, 'Ş' | 'ş'),
            // `É’`, `Ñ®`: a word in capitals can end so.
            _ if bytes.first().is_some_and(|first| (0xc6..0xe0).contains(first)) => false,
            _ => followed_by_signs,
        };
        if self.certain || self.shown.is_none() {
            let shown = read.iter().map(|read| read.filter(|read| !read.is_control()).unwrap_or('\u{fffd}'));
            self.shown = Some((letter, shown.collect()));
        }
    }

    /// Whether all characters so far are UTF-8, and there is one.
    pub(crate) fn is_possible(&self) -> bool {
        !self.broken && self.characters > 0
    }

    /// Says at the end of the file why it is certain that it is UTF-8; none where it is not.
    pub(crate) fn end(&mut self) -> Option<String> {
        self.broken |= !self.rest.is_empty();
        let certain = self.certain || self.characters == CERTAIN;
        let (letter, read) = self.shown.as_ref().filter(|_| certain && !self.broken)?;
        Some(format!(
            "it is to be read as {} and is utf-8 throughout, so that `{letter}` would become `{read}`; \
             write `encoding = \"utf-8\"`",
            self.set.name()
        ))
    }
}

/// Whether a word may have this within it; `ª`, `º` and `µ` are letters by name alone, and `ƒ` and `Ÿ` follow
/// no letter of the upper half.
fn is_letter(read: char) -> bool {
    (read.is_lowercase() || read.is_uppercase()) && !matches!(read, 'ª' | 'º' | 'µ' | 'ƒ' | 'Ÿ')
}

#[cfg(test)]
mod tests {
    use super::Likeness;
    use crate::encoding::Encoding;

    /// Gives whether it is certain, and whether it is possible, that bytes are UTF-8.
    fn like(set: Encoding, bytes: &[u8]) -> (bool, bool) {
        let one = |by: usize| {
            let mut likeness = Likeness::new(set).unwrap();
            bytes.chunks(by).for_each(|part| likeness.pass(part));
            (likeness.end().is_some(), likeness.is_possible())
        };
        let all: Vec<(bool, bool)> = [1, 2, 3, 100].map(one).into();
        assert!(all.iter().all(|found| *found == all[0]), "{bytes:?}: {all:?}");
        all[0]
    }

    #[test]
    fn utf8_is_told_by_what_no_word_of_the_encoding_has() {
        use Encoding::{Latin1, Latin9, Windows1250, Windows1252};
        for name in
            ["Jürgen", "Weiß", "Ünal", "Jesús", "Inês", "Łukasz", "O’Brien", "Erdoğan", "Иван", "李明华"]
        {
            for set in [Windows1252, Latin1, Latin9] {
                assert!(like(set, name.as_bytes()).0, "{name} {set:?}");
            }
        }
        for name in ["Jürgen", "Łukasz", "Dvořák", "Zoë", "Müller"] {
            assert!(like(Windows1250, name.as_bytes()).0, "{name}");
        }
        let check = |set: Encoding, bytes: &[u8], expect: (bool, bool)| {
            assert_eq!(like(set, bytes), expect, "{bytes:?}");
        };
        check(Windows1252, b"J\xfcrgen", (false, false));
        check(Windows1252, b"CAF\xc9\x92S", (false, true));
        check(Windows1252, b"CAF\xc9\x92S, PE\xd1\xae", (false, true));
        check(Windows1252, b"CAF\xc9\x92S, PE\xd1\xae, Zo\xeb", (false, false));
        check(Windows1252, b"CAF\xc9\x92S, PE\xd1\xae, CAF\xc9\x92S", (true, true));
        check(Windows1252, "Jürgen".as_bytes(), (true, true));
        check(Windows1252, b"J\xc3\xbcrgen, Zo\xeb", (false, false));
        check(Windows1252, b"J\xc3\xbcrgen, Zo\xc3", (false, false));
        check(Windows1252, "Şen".as_bytes(), (false, true));
        check(Windows1250, b"P\xc3\xaaUNE", (false, true));
        check(Latin1, b"Jim", (false, false));
        assert!(Likeness::new(Encoding::Utf8).is_none() && Likeness::new(Encoding::Utf16).is_none());
    }
}
