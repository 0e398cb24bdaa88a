//! A file as text: bytes are read a chunk at a time, decoded, and handed on with the place at which they stand.

use rollcall_connector::{Error, Fault, files};

use crate::encoding::{Bad, Decoder, Encoding};
use crate::likeness::Likeness;
use crate::limits::CHUNK_BYTES;

/// A file that is open for reading.
pub(crate) struct Text {
    file: files::File,
    name: String,
    encoding: Encoding,
    decoder: Decoder,
    /// What is decoded and how much of it is read; an end that is no text is told once the rest is read.
    piece: String,
    at: usize,
    bad: Option<Bad>,
    ended: bool,
    /// How much was read before this piece, in bytes of UTF-8.
    before: usize,
    place: Place,
    /// How much of the piece the place has taken in.
    placed: usize,
    /// Whether what is read next says what the file is, and is no user yet.
    in_header: bool,
    /// Whether it is UTF-8 in truth, where an old encoding is set.
    likeness: Option<Likeness>,
}

/// A place in a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    /// From 1. A line ends with LF, CR LF or CR.
    line: u64,
    /// Characters from 0.
    column: u64,
    /// Whether the last character was a CR, so that an LF belongs to it.
    returned: bool,
}

impl Place {
    fn pass(&mut self, text: &str) {
        // Most files have no CR, or end every line with CR LF; most rows are one line.
        let (line, end) = match text.strip_suffix('\n') {
            Some(line) if !self.returned => (line.strip_suffix('\r').unwrap_or(line), true),
            _ => (text, false),
        };
        if end && !line.bytes().any(|byte| matches!(byte, b'\n' | b'\r')) {
            *self = Self { line: self.line + 1, column: 0, returned: false };
            return;
        }
        for byte in text.bytes() {
            match byte {
                b'\n' if self.returned => {}
                b'\n' | b'\r' => {
                    self.line += 1;
                    self.column = 0;
                }
                // The bytes of a character after its first one.
                0x80..0xc0 => {}
                _ => self.column += 1,
            }
            self.returned = byte == b'\r';
        }
    }
}

impl Text {
    /// Opens a file and looks at its byte order mark.
    ///
    /// # Errors
    /// The host's word on the file; a mark that contradicts the encoding, or UTF-16 without one, is an invalid setting.
    pub(crate) fn open(name: &str, encoding: Encoding) -> Result<Self, Error> {
        let mut file = files::open(name)?;
        let mut start = Vec::new();
        let mut ended = false;
        while start.len() < 3 && !ended {
            let part = file.read(CHUNK_BYTES)?;
            ended = part.is_empty();
            start.extend_from_slice(&part);
        }
        let (marked, length, big_endian) = match *start.as_slice() {
            [0xef, 0xbb, 0xbf, ..] => (Some(Encoding::Utf8), 3, false),
            [0xff, 0xfe, ..] => (Some(Encoding::Utf16), 2, false),
            [0xfe, 0xff, ..] => (Some(Encoding::Utf16), 2, true),
            _ => (None, 0, false),
        };
        let encoding = agreed(name, encoding, marked, start.is_empty())?;
        let bytes = start.split_off(length);
        let mut text = Self {
            file,
            name: name.to_owned(),
            encoding,
            decoder: Decoder::new(encoding, big_endian),
            piece: String::new(),
            at: 0,
            bad: None,
            ended,
            before: 0,
            place: Place { line: 1, column: 0, returned: false },
            placed: 0,
            in_header: true,
            likeness: Likeness::new(encoding),
        };
        text.take(bytes);
        Ok(text)
    }

    /// The file's name.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The encoding that the file turned out to have.
    pub(crate) fn encoding(&self) -> Encoding {
        self.encoding
    }

    /// Whether another encoding is set, and all that is read so far could be UTF-8.
    pub(crate) fn looks_like_utf8(&self) -> bool {
        self.likeness.as_ref().is_some_and(Likeness::is_possible)
    }

    /// Gives text that is not read yet; empty only at the end of the file.
    ///
    /// # Errors
    /// Bytes that are not of the encoding are an invalid setting in a header and a permanent error behind it, with line
    /// and column. At the end, a file that is UTF-8 and was read as something else is a permanent error.
    pub(crate) fn rest(&mut self) -> Result<&str, Error> {
        if self.at == self.piece.len() {
            self.refill()?;
        }
        Ok(self.piece.get(self.at..).unwrap_or_default())
    }

    /// Says how many bytes of what [`Text::rest`] gave are read.
    pub(crate) fn skip(&mut self, bytes: usize) {
        self.at += bytes;
    }

    /// Says that users follow: what is broken from here on is the file, and no setting.
    pub(crate) fn end_header(&mut self) {
        self.in_header = false;
    }

    /// How much is read so far, in bytes of UTF-8.
    pub(crate) fn read(&self) -> usize {
        self.before + self.at
    }

    /// The line of what is read next.
    pub(crate) fn line(&mut self) -> u64 {
        self.settle();
        self.place.line
    }

    /// Makes the error for what is broken at this very place.
    pub(crate) fn broken_here(&mut self, what: &str) -> Error {
        self.settle();
        let Place { line, column, .. } = self.place;
        broken(&self.name, line, &format!("{what} (column {})", column + 1))
    }

    fn settle(&mut self) {
        if let Some(passed) = self.piece.get(self.placed..self.at) {
            self.place.pass(passed);
            self.placed = self.at;
        }
    }

    fn refill(&mut self) -> Result<(), Error> {
        self.settle();
        while self.at == self.piece.len() {
            if let Some(Bad(why)) = &self.bad {
                return Err(self.not_of_encoding(why));
            }
            if self.ended {
                // Only all of the file can tell, and an error at its end makes the reading an incomplete one.
                return match self.likeness.as_mut().and_then(Likeness::end) {
                    Some(why) => Err(Error::permanent(format!("`{}`: {why}", self.name))),
                    None => Ok(()),
                };
            }
            let bytes = self.file.read(CHUNK_BYTES)?;
            if bytes.is_empty() {
                self.ended = true;
                self.bad = self.decoder.end();
            } else {
                self.before += self.piece.len();
                self.take(bytes);
            }
        }
        Ok(())
    }

    fn take(&mut self, bytes: Vec<u8>) {
        if let Some(likeness) = &mut self.likeness {
            likeness.pass(&bytes);
        }
        (self.piece, self.bad) = self.decoder.decode(bytes);
        (self.at, self.placed) = (0, 0);
        if self.ended && self.bad.is_none() {
            self.bad = self.decoder.end();
        }
    }

    fn not_of_encoding(&self, why: &str) -> Error {
        let Place { line, column, .. } = self.place;
        let message = format!("`{}` line {line}: {why} (column {})", self.name, column + 1);
        let hint = match self.encoding {
            Encoding::Utf8 => "save the file as UTF-8, or set `encoding = \"windows-1252\"`",
            _ if self.looks_like_utf8() => "write `encoding = \"utf-8\"`",
            _ => "save the file as UTF-8, or set the `encoding` that it has",
        };
        if self.in_header {
            return Error::setting(Fault::new("encoding", message).hint(hint));
        }
        Error::permanent(format!("{message}: {hint}"))
    }
}

/// Says which encoding holds: the job's, unless the file's mark says more exactly what it is.
fn agreed(name: &str, set: Encoding, marked: Option<Encoding>, empty: bool) -> Result<Encoding, Error> {
    let wrong = |message: String, hint: &str| Err(Error::setting(Fault::new("encoding", message).hint(hint)));
    match (set, marked) {
        // UTF-8 is what holds where the job says nothing, and these bytes are never UTF-8.
        (Encoding::Utf8 | Encoding::Utf16, Some(Encoding::Utf16)) => Ok(Encoding::Utf16),
        (set, Some(marked)) if set != marked => wrong(
            format!(
                "`{name}` begins with the mark of {}, and is to be read as {}",
                marked.name(),
                set.name()
            ),
            &format!("write `encoding = \"{}\"`", marked.name()),
        ),
        (Encoding::Utf16, None) if !empty => wrong(
            format!("`{name}` has no byte order mark, so it is not the UTF-16 that spreadsheets write"),
            "leave `encoding` out, or save the file as UTF-8",
        ),
        (set, _) => Ok(set),
    }
}

/// Makes the error for a file that is broken on a line: it was not read to its end.
pub(crate) fn broken(file: &str, line: u64, what: &str) -> Error {
    Error::permanent(format!("`{file}` line {line}: {what}"))
}

#[cfg(test)]
mod tests {
    use super::Place;

    #[test]
    fn a_place_is_the_same_in_however_many_parts_the_text_comes() {
        let mut texts = vec![String::new()];
        for _ in 0..5 {
            let longer =
                texts.iter().flat_map(|text| ["a", "é", "\n", "\r"].map(|letter| format!("{text}{letter}")));
            texts = longer.chain(texts.clone()).collect();
        }
        for text in &texts {
            let lines = text.replace("\r\n", "\n").replace('\r', "\n");
            let line = 1 + lines.matches('\n').count() as u64;
            let column = lines.rsplit('\n').next().unwrap_or_default().chars().count() as u64;
            for (split, _) in text.char_indices() {
                let mut place = Place { line: 1, column: 0, returned: false };
                place.pass(&text[..split]);
                place.pass(&text[split..]);
                let returned = text.ends_with('\r');
                assert_eq!(place, Place { line, column, returned }, "{text:?} in two at {split}");
            }
        }
    }
}
