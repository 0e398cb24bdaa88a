//! Text of bytes, in the encodings that spreadsheets still write.

use serde::Deserialize;

/// A file's encoding.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub(crate) enum Encoding {
    /// With or without a byte order mark.
    #[default]
    #[serde(rename = "utf-8")]
    Utf8,
    /// Western European Windows.
    #[serde(rename = "windows-1252")]
    Windows1252,
    /// ISO 8859-1.
    #[serde(rename = "latin1")]
    Latin1,
}

/// What windows-1252 puts where ISO 8859-1 has control characters; NUL where it puts nothing. From the WHATWG's index.
const WINDOWS: [char; 32] = [
    '€', '\0', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\0', 'Ž', '\0', '\0', '‘', '’', '“',
    '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\0', 'ž', 'Ÿ',
];

impl Encoding {
    /// Makes text of a cell's bytes; none where they are not of this encoding.
    pub(crate) fn decode(self, bytes: Vec<u8>) -> Option<String> {
        match self {
            Self::Utf8 => String::from_utf8(bytes).ok(),
            Self::Latin1 => Some(bytes.into_iter().map(char::from).collect()),
            Self::Windows1252 => bytes
                .into_iter()
                .map(|byte| match byte {
                    0x80..=0x9f => WINDOWS.get(usize::from(byte - 0x80)).copied().filter(|c| *c != '\0'),
                    _ => Some(char::from(byte)),
                })
                .collect(),
        }
    }

    /// The name as in the settings.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Utf8 => "utf-8",
            Self::Windows1252 => "windows-1252",
            Self::Latin1 => "latin1",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Encoding;

    #[test]
    fn bytes_become_text_or_nothing() {
        let check = |encoding: Encoding, bytes: &[u8], expect: Option<&str>| {
            assert_eq!(encoding.decode(bytes.to_vec()).as_deref(), expect, "{bytes:?}");
        };
        check(Encoding::Utf8, b"Zo\xc3\xab", Some("Zoë"));
        check(Encoding::Utf8, b"Zo\xeb", None);
        check(Encoding::Windows1252, b"Zo\xeb \x80 \x92", Some("Zoë € ’"));
        check(Encoding::Windows1252, b"\x81", None);
        check(Encoding::Latin1, b"Zo\xeb", Some("Zoë"));
    }
}
