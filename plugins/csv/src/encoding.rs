//! Text of bytes, in the encodings that spreadsheets and old systems still write.

use serde::Deserialize;

/// A file's encoding.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub(crate) enum Encoding {
    /// With or without a byte order mark.
    #[default]
    #[serde(rename = "utf-8")]
    Utf8,
    /// With a byte order mark, which says in which order.
    #[serde(rename = "utf-16")]
    Utf16,
    /// Western European Windows.
    #[serde(rename = "windows-1252")]
    Windows1252,
    /// Central European Windows.
    #[serde(rename = "windows-1250")]
    Windows1250,
    /// ISO 8859-1.
    #[serde(rename = "latin1")]
    Latin1,
    /// ISO 8859-1 with the euro.
    #[serde(rename = "iso-8859-15")]
    Latin9,
}

/// What windows-1252 puts where ISO 8859-1 has control characters; NUL where it puts nothing. From the WHATWG's index.
const WINDOWS_1252: [char; 32] = [
    '€', '\0', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\0', 'Ž', '\0', '\0', '‘', '’', '“',
    '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\0', 'ž', 'Ÿ',
];

/// The upper half of windows-1250; NUL where it puts nothing. From the WHATWG's index.
const WINDOWS_1250: [char; 128] = [
    '€', '\0', '‚', '\0', '„', '…', '†', '‡', '\0', '‰', 'Š', '‹', 'Ś', 'Ť', 'Ž', 'Ź', '\0', '‘', '’', '“',
    '”', '•', '–', '—', '\0', '™', 'š', '›', 'ś', 'ť', 'ž', 'ź', '\u{a0}', 'ˇ', '˘', 'Ł', '¤', 'Ą', '¦', '§',
    '¨', '©', 'Ş', '«', '¬', '\u{ad}', '®', 'Ż', '°', '±', '˛', 'ł', '´', 'µ', '¶', '·', '¸', 'ą', 'ş', '»',
    'Ľ', '˝', 'ľ', 'ż', 'Ŕ', 'Á', 'Â', 'Ă', 'Ä', 'Ĺ', 'Ć', 'Ç', 'Č', 'É', 'Ę', 'Ë', 'Ě', 'Í', 'Î', 'Ď', 'Đ',
    'Ń', 'Ň', 'Ó', 'Ô', 'Ő', 'Ö', '×', 'Ř', 'Ů', 'Ú', 'Ű', 'Ü', 'Ý', 'Ţ', 'ß', 'ŕ', 'á', 'â', 'ă', 'ä', 'ĺ',
    'ć', 'ç', 'č', 'é', 'ę', 'ë', 'ě', 'í', 'î', 'ď', 'đ', 'ń', 'ň', 'ó', 'ô', 'ő', 'ö', '÷', 'ř', 'ů', 'ú',
    'ű', 'ü', 'ý', 'ţ', '˙',
];

/// Where ISO 8859-15 differs from ISO 8859-1.
const LATIN_9: [(u8, char); 8] =
    [(0xa4, '€'), (0xa6, 'Š'), (0xa8, 'š'), (0xb4, 'Ž'), (0xb8, 'ž'), (0xbc, 'Œ'), (0xbd, 'œ'), (0xbe, 'Ÿ')];

impl Encoding {
    /// The name as in the settings.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Utf8 => "utf-8",
            Self::Utf16 => "utf-16",
            Self::Windows1252 => "windows-1252",
            Self::Windows1250 => "windows-1250",
            Self::Latin1 => "latin1",
            Self::Latin9 => "iso-8859-15",
        }
    }

    /// Gives the character of a byte; none where the encoding has none for it, or takes several bytes.
    pub(crate) fn letter(self, byte: u8) -> Option<char> {
        let at = usize::from(byte.wrapping_sub(0x80));
        let letter = match (self, byte) {
            (_, 0..0x80) | (Self::Latin1, _) => char::from(byte),
            (Self::Utf8 | Self::Utf16, _) => '\0',
            (Self::Windows1250, _) => WINDOWS_1250.get(at).copied()?,
            (Self::Windows1252, _) => WINDOWS_1252.get(at).copied().unwrap_or(char::from(byte)),
            (Self::Latin9, _) => LATIN_9
                .iter()
                .find(|(other, _)| *other == byte)
                .map_or(char::from(byte), |(_, letter)| *letter),
        };
        (byte == 0 || letter != '\0').then_some(letter)
    }
}

/// What makes text of a file's bytes, piece by piece: a character may lie on both sides of a cut.
pub(crate) struct Decoder {
    form: Form,
    /// The beginning of a character whose rest has not come yet.
    rest: Vec<u8>,
}

enum Form {
    Utf8,
    Utf16 {
        big_endian: bool,
    },
    /// One byte a character: those from 0x80 on.
    Bytes(Encoding, Vec<Option<char>>),
}

/// Bytes that are not of the encoding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Bad(pub(crate) String);

impl Decoder {
    /// Begins. `big_endian` counts with UTF-16 alone.
    pub(crate) fn new(encoding: Encoding, big_endian: bool) -> Self {
        let form = match encoding {
            Encoding::Utf8 => Form::Utf8,
            Encoding::Utf16 => Form::Utf16 { big_endian },
            one_byte => Form::Bytes(one_byte, (0x80..=0xff).map(|byte| one_byte.letter(byte)).collect()),
        };
        Self { form, rest: Vec::new() }
    }

    /// Gives the text of the next bytes as far as it is good, and what was not.
    pub(crate) fn decode(&mut self, bytes: Vec<u8>) -> (String, Option<Bad>) {
        let bytes = if self.rest.is_empty() {
            bytes
        } else {
            let mut all = std::mem::take(&mut self.rest);
            all.extend_from_slice(&bytes);
            all
        };
        match &self.form {
            Form::Utf8 => self.utf8(bytes),
            Form::Utf16 { big_endian } => {
                let big_endian = *big_endian;
                self.utf16(&bytes, big_endian)
            }
            Form::Bytes(encoding, table) => one_by_one(&bytes, *encoding, table),
        }
    }

    /// Says that no more bytes come.
    pub(crate) fn end(&mut self) -> Option<Bad> {
        if self.rest.is_empty() {
            return None;
        }
        self.rest.clear();
        Some(Bad("the file ends within a character".to_owned()))
    }

    fn utf8(&mut self, bytes: Vec<u8>) -> (String, Option<Bad>) {
        match String::from_utf8(bytes) {
            Ok(text) => (text, None),
            Err(error) => {
                let (good, whole) = (error.utf8_error().valid_up_to(), error.utf8_error().error_len());
                let mut bytes = error.into_bytes();
                let rest = bytes.split_off(good);
                let text = String::from_utf8(bytes).unwrap_or_default();
                if whole.is_none() {
                    self.rest = rest;
                    return (text, None);
                }
                let byte = rest.first().copied().unwrap_or_default();
                let meant = Encoding::Windows1252.letter(byte);
                let meant = meant.map_or(String::new(), |letter| format!(" (`{letter}` in windows-1252)"));
                (text, Some(Bad(format!("the byte 0x{byte:02X}{meant} is not utf-8"))))
            }
        }
    }

    fn utf16(&mut self, bytes: &[u8], big_endian: bool) -> (String, Option<Bad>) {
        let unit = |pair: &[u8]| match *pair {
            [one, two] if big_endian => u16::from_be_bytes([one, two]),
            [one, two] => u16::from_le_bytes([one, two]),
            _ => 0,
        };
        let mut whole = bytes.len() - bytes.len() % 2;
        // The first half of a pair waits for the second.
        let last = bytes.get(whole.saturating_sub(2)..whole).unwrap_or_default();
        if last.len() == 2 && (0xd800..0xdc00).contains(&unit(last)) {
            whole -= 2;
        }
        let (now, later) = bytes.split_at(whole);
        self.rest = later.to_vec();
        let mut text = String::with_capacity(now.len() / 2);
        for letter in char::decode_utf16(now.chunks_exact(2).map(unit)) {
            match letter {
                Ok(letter) => text.push(letter),
                Err(half) => {
                    let half = half.unpaired_surrogate();
                    return (text, Some(Bad(format!("0x{half:04X} is half a character of utf-16"))));
                }
            }
        }
        (text, None)
    }
}

fn one_by_one(bytes: &[u8], encoding: Encoding, table: &[Option<char>]) -> (String, Option<Bad>) {
    let mut text = String::with_capacity(bytes.len() + bytes.len() / 8);
    for byte in bytes {
        let letter = match byte {
            0..0x80 => Some(char::from(*byte)),
            _ => table.get(usize::from(byte - 0x80)).copied().flatten(),
        };
        match letter {
            Some(letter) => text.push(letter),
            None => {
                let why = format!("the byte 0x{byte:02X} is no character of {}", encoding.name());
                return (text, Some(Bad(why)));
            }
        }
    }
    (text, None)
}

#[cfg(test)]
mod tests {
    use super::{Bad, Decoder, Encoding};

    /// Decodes by pieces of a size.
    fn decoded(encoding: Encoding, big_endian: bool, bytes: &[u8], by: usize) -> Result<String, String> {
        let mut decoder = Decoder::new(encoding, big_endian);
        let mut all = String::new();
        for part in bytes.chunks(by) {
            let (text, bad) = decoder.decode(part.to_vec());
            all.push_str(&text);
            if let Some(Bad(why)) = bad {
                return Err(why);
            }
        }
        decoder.end().map_or(Ok(all), |Bad(why)| Err(why))
    }

    #[test]
    fn bytes_become_text_or_a_reason() {
        let check = |encoding: Encoding, bytes: &[u8], expect: Result<&str, &str>| {
            for by in [1, 2, 3, 100] {
                let expect = expect.map(str::to_owned).map_err(str::to_owned);
                assert_eq!(decoded(encoding, false, bytes, by), expect, "{bytes:?} by {by}");
            }
        };
        check(Encoding::Utf8, b"Zo\xc3\xab \xf0\x9f\x93\x9e", Ok("Zoë 📞"));
        check(Encoding::Utf8, b"Zo\xeb!", Err("the byte 0xEB (`ë` in windows-1252) is not utf-8"));
        check(Encoding::Utf8, b"\x81", Err("the byte 0x81 is not utf-8"));
        check(Encoding::Utf8, b"Zo\xc3", Err("the file ends within a character"));
        check(Encoding::Windows1252, b"Zo\xeb \x80 \x92", Ok("Zoë € ’"));
        check(Encoding::Windows1252, b"\x81", Err("the byte 0x81 is no character of windows-1252"));
        check(Encoding::Windows1250, b"\xa3ukasz \x8a\xe1rka", Ok("Łukasz Šárka"));
        check(Encoding::Windows1250, b"\x98", Err("the byte 0x98 is no character of windows-1250"));
        check(Encoding::Latin1, b"Zo\xeb \xa4", Ok("Zoë ¤"));
        check(Encoding::Latin9, b"Zo\xeb \xa4 \xbd", Ok("Zoë € œ"));
        check(Encoding::Utf16, b"Z\0\xeb\0\x3d\xd8\xde\xdc", Ok("Zë📞"));
        check(Encoding::Utf16, b"Z\0\xeb", Err("the file ends within a character"));
        check(Encoding::Utf16, b"Z\0\x3d\xd8", Err("the file ends within a character"));
        check(Encoding::Utf16, b"Z\0\xde\xdc", Err("0xDCDE is half a character of utf-16"));
        assert_eq!(decoded(Encoding::Utf16, true, b"\0Z\xd8\x3d\xdc\xde", 1).as_deref(), Ok("Z📞"));
    }
}
