//! JSON (RFC 8259), read from a file as it comes: values are made flat where they stand, and nothing is kept of the rest.
//!
//! Numbers are kept as they are written: a parser that made them floating-point would change an id or a price.

use std::collections::BTreeSet;

use rollcall_connector::Error;

use crate::flat::{Flat, Value};
use crate::limits::{CELL_BYTES, DEPTH, RECORD_BYTES};
use crate::text::Text;

/// The parser.
pub(crate) struct Json {
    pub(crate) text: Text,
    /// Whether a line break ends a value.
    by_line: bool,
    /// Where the record began, in bytes; none between records.
    record: Option<usize>,
}

impl Json {
    pub(crate) fn new(text: Text, by_line: bool) -> Self {
        Self { text, by_line, record: None }
    }

    /// Gives the first byte of what comes next, white space left out; none at the end of the file. Where a line break
    /// ends a value, it is what comes next.
    pub(crate) fn peek(&mut self) -> Result<Option<u8>, Error> {
        let by_line = self.by_line;
        let blank = |byte: u8| matches!(byte, b' ' | b'\t') || (!by_line && matches!(byte, b'\n' | b'\r'));
        loop {
            let rest = self.text.rest()?;
            if rest.is_empty() {
                return Ok(None);
            }
            let found = rest.bytes().enumerate().find(|(_, byte)| !blank(*byte));
            let length = rest.len();
            self.text.skip(found.map_or(length, |(at, _)| at));
            self.bounded()?;
            if let Some((_, byte)) = found {
                return Ok(Some(byte));
            }
        }
    }

    /// Passes over line breaks and blanks, wherever one ends a value.
    pub(crate) fn blank_lines(&mut self) -> Result<(), Error> {
        while matches!(self.peek()?, Some(b'\n' | b'\r')) {
            self.text.skip(1);
        }
        Ok(())
    }

    /// Passes over a byte that is next, if it is.
    pub(crate) fn take(&mut self, byte: u8) -> Result<bool, Error> {
        let is = self.peek()? == Some(byte);
        if is {
            self.text.skip(1);
        }
        Ok(is)
    }

    /// Makes the error for something else than what must come.
    pub(crate) fn expected(&mut self, what: &str) -> Error {
        let there = match self.text.rest().map(|rest| rest.chars().next()) {
            Err(error) => return error,
            Ok(None) => "the file ends".to_owned(),
            Ok(Some('\n' | '\r')) => "the line ends".to_owned(),
            Ok(Some(letter)) if letter.is_control() => format!("`{}` stands", letter.escape_debug()),
            Ok(Some(letter)) => format!("`{letter}` stands"),
        };
        self.text.broken_here(&format!("{there} where {what} is due"))
    }

    /// Reads a user's object.
    pub(crate) fn record(&mut self, flat: &mut Flat) -> Result<(), Error> {
        self.record = Some(self.text.read());
        let read = self.object(&mut String::new(), false, 0, Some(flat));
        self.record = None;
        read
    }

    /// Passes over a value.
    pub(crate) fn pass(&mut self) -> Result<(), Error> {
        self.value(&mut String::new(), false, 0, None)
    }

    /// Reads a key with its colon, and sees to it that the object does not have it yet.
    pub(crate) fn key(&mut self, known: &mut BTreeSet<String>) -> Result<String, Error> {
        if self.peek()? != Some(b'"') {
            return Err(self.expected("a key in quotes"));
        }
        let mut key = String::new();
        self.string(Some(&mut key))?;
        if !known.insert(key.clone()) {
            let shown = key.escape_debug();
            return Err(self.text.broken_here(&format!("the key `{shown}` stands twice in one object")));
        }
        if !self.take(b':')? {
            return Err(self.expected("a `:`"));
        }
        Ok(key)
    }

    /// Reads what stands behind a member or an item: whether another one follows.
    pub(crate) fn goes_on(&mut self, end: u8) -> Result<bool, Error> {
        if self.take(b',')? {
            return Ok(true);
        }
        if self.take(end)? {
            return Ok(false);
        }
        Err(self.expected(&format!("a `,` or `{}`", char::from(end))))
    }

    /// Reads a value. `path` are the keys that lead to it, `listed` says whether one of them holds a list, and where no
    /// `flat` takes what is found, it is passed over.
    fn value(
        &mut self,
        path: &mut String,
        listed: bool,
        depth: usize,
        flat: Option<&mut Flat>,
    ) -> Result<(), Error> {
        if depth > DEPTH {
            return Err(self.text.broken_here(&format!("more than {DEPTH} levels of objects and lists")));
        }
        let value = match self.peek()? {
            Some(b'{') => return self.object(path, listed, depth, flat),
            Some(b'[') => return self.list(path, depth, flat),
            Some(b'"') => {
                let mut text = String::new();
                self.string(flat.is_some().then_some(&mut text))?;
                Value::Text(text)
            }
            Some(b'-' | b'0'..=b'9') => self.number()?,
            Some(b't') => self.word("true", Value::Boolean(true))?,
            Some(b'f') => self.word("false", Value::Boolean(false))?,
            Some(b'n') => self.word("null", Value::None)?,
            _ => return Err(self.expected("a value")),
        };
        self.put(flat, path, value, listed)
    }

    fn put(&mut self, flat: Option<&mut Flat>, path: &str, value: Value, listed: bool) -> Result<(), Error> {
        match flat.map(|flat| flat.put(path, value, listed)) {
            Some(Err(what)) => Err(self.text.broken_here(&what)),
            _ => Ok(()),
        }
    }

    fn object(
        &mut self,
        path: &mut String,
        listed: bool,
        depth: usize,
        mut flat: Option<&mut Flat>,
    ) -> Result<(), Error> {
        if !self.take(b'{')? {
            return Err(self.expected("an object"));
        }
        if self.take(b'}')? {
            return Ok(());
        }
        let mut known = BTreeSet::new();
        let length = path.len();
        loop {
            let key = self.key(&mut known)?;
            if !path.is_empty() {
                path.push('.');
            }
            path.push_str(&key);
            self.value(path, listed, depth + 1, flat.as_deref_mut())?;
            path.truncate(length);
            if !self.goes_on(b'}')? {
                return Ok(());
            }
        }
    }

    fn list(&mut self, path: &mut String, depth: usize, mut flat: Option<&mut Flat>) -> Result<(), Error> {
        self.text.skip(1);
        if self.take(b']')? {
            // A list of nothing still says that there is such an attribute.
            return self.put(flat, path, Value::None, true);
        }
        loop {
            self.value(path, true, depth + 1, flat.as_deref_mut())?;
            if !self.goes_on(b']')? {
                return Ok(());
            }
        }
    }

    /// Reads a text from quote to quote; where nobody wants it, only its form is looked at.
    fn string(&mut self, mut text: Option<&mut String>) -> Result<(), Error> {
        self.text.skip(1);
        loop {
            let rest = self.text.rest()?;
            let end = rest.bytes().position(|byte| matches!(byte, b'"' | b'\\' | 0..0x20));
            let plain = rest.get(..end.unwrap_or(rest.len())).unwrap_or_default();
            let (length, next) = (plain.len(), rest.as_bytes().get(plain.len()).copied());
            if let Some(text) = &mut text {
                text.push_str(plain);
            }
            self.text.skip(length);
            self.bounded()?;
            if text.as_ref().is_some_and(|text| text.len() > CELL_BYTES) {
                return Err(self.text.broken_here(&format!("a text of more than {CELL_BYTES} bytes")));
            }
            match next {
                Some(b'"') => {
                    self.text.skip(1);
                    return Ok(());
                }
                Some(b'\\') => {
                    self.text.skip(1);
                    let letter = self.escape()?;
                    if let Some(text) = &mut text {
                        text.push(letter);
                    }
                }
                Some(_) => return Err(self.expected("a closing quote")),
                None if self.text.rest()?.is_empty() => return Err(self.expected("a closing quote")),
                None => {}
            }
        }
    }

    fn escape(&mut self) -> Result<char, Error> {
        let letter = match self.byte()? {
            Some(letter @ (b'"' | b'\\' | b'/')) => char::from(letter),
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => return self.unicode(),
            _ => return Err(self.text.broken_here("an escape that JSON does not have")),
        };
        Ok(letter)
    }

    fn unicode(&mut self) -> Result<char, Error> {
        let first = self.hex()?;
        if !(0xd800..0xdc00).contains(&first) {
            return self.letter(first);
        }
        let paired = self.byte()? == Some(b'\\') && self.byte()? == Some(b'u');
        let second = if paired { self.hex()? } else { 0 };
        let pair = (0xdc00..0xe000).contains(&second);
        self.letter(if pair { 0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00) } else { first })
    }

    fn letter(&mut self, code: u32) -> Result<char, Error> {
        char::from_u32(code).ok_or_else(|| self.text.broken_here("an escape that is half a character"))
    }

    fn hex(&mut self) -> Result<u32, Error> {
        let mut code = 0;
        for _ in 0..4 {
            let digit = self.byte()?.and_then(|byte| char::from(byte).to_digit(16));
            let Some(digit) = digit else {
                return Err(self.text.broken_here("an escape without its four hexadecimal digits"));
            };
            code = code * 16 + digit;
        }
        Ok(code)
    }

    /// Takes the next byte, if it is ASCII.
    fn byte(&mut self) -> Result<Option<u8>, Error> {
        let byte = self.text.rest()?.bytes().next().filter(u8::is_ascii);
        self.text.skip(usize::from(byte.is_some()));
        Ok(byte)
    }

    fn number(&mut self) -> Result<Value, Error> {
        let mut written = String::new();
        loop {
            let rest = self.text.rest()?;
            let part = |byte: u8| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E');
            let length = rest.bytes().position(|byte| !part(byte)).unwrap_or(rest.len());
            if length == 0 {
                break;
            }
            written.push_str(rest.get(..length).unwrap_or_default());
            self.text.skip(length);
            self.bounded()?;
            if written.len() > CELL_BYTES {
                return Err(self.text.broken_here(&format!("a number of more than {CELL_BYTES} digits")));
            }
        }
        if !is_number(&written) {
            let shown: String = written.chars().take(40).collect();
            return Err(self.text.broken_here(&format!("`{shown}` is no number of JSON")));
        }
        Ok(match written.parse::<i64>() {
            Ok(whole) if written != "-0" => Value::Integer(whole),
            _ => Value::Text(written),
        })
    }

    fn word(&mut self, word: &str, value: Value) -> Result<Value, Error> {
        for letter in word.bytes() {
            if self.text.rest()?.as_bytes().first() != Some(&letter) {
                return Err(self.expected(&format!("`{word}`")));
            }
            self.text.skip(1);
        }
        Ok(value)
    }

    fn bounded(&mut self) -> Result<(), Error> {
        if self.record.is_some_and(|begun| self.text.read() - begun > RECORD_BYTES) {
            return Err(self.text.broken_here(&format!("a user of more than {RECORD_BYTES} bytes")));
        }
        Ok(())
    }
}

/// Says whether a text is a number of RFC 8259, section 6.
fn is_number(text: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let text = text.strip_prefix('-').unwrap_or(text);
    let (text, exponent) = match text.split_once(['e', 'E']) {
        Some((text, exponent)) => (text, Some(exponent.strip_prefix(['+', '-']).unwrap_or(exponent))),
        None => (text, None),
    };
    let (whole, fraction) = match text.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (text, None),
    };
    digits(whole)
        && (whole == "0" || !whole.starts_with('0'))
        && fraction.is_none_or(digits)
        && exponent.is_none_or(digits)
}

#[cfg(test)]
mod tests {
    use super::is_number;

    #[test]
    fn numbers_are_those_of_the_rfc() {
        for good in ["0", "-0", "12", "-12.50", "0.5", "1e3", "1E+3", "1.5e-07"] {
            assert!(is_number(good), "{good}");
        }
        for bad in ["", "-", "01", "+1", "1.", ".5", "1e", "1e+", "1-2", "1.2.3", "1e1e1", "--1"] {
            assert!(!is_number(bad), "{bad}");
        }
    }
}
