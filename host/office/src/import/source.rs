//! A TOML file that is read by hand, so that every mistake is told at once, each with the bytes that are wrong.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::ops::Range;
use std::path::Path;

use rollcall_core::{Code, Diagnostic, Place, Text, codes};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// How alike a wrong key must be to a right one to be offered (Jaro-Winkler, 0 to 1).
const ALIKE: f64 = 0.75;

/// Reads a whole file that is at most `most` bytes of UTF-8.
///
/// # Errors
/// A diagnostic with the file's name: it cannot be read, is too large, or is no UTF-8.
pub fn read_file(path: &Path, most: u64) -> Result<String, Diagnostic> {
    let failed =
        |why: String| Diagnostic::error(codes::FILE, format!("`{}` cannot be read: {why}", path.display()));
    let size = std::fs::metadata(path).map_err(|error| failed(error.to_string()))?.len();
    if size > most {
        return Err(failed(format!("it has {size} bytes, {most} are the most")));
    }
    let bytes = std::fs::read(path).map_err(|error| failed(error.to_string()))?;
    let text = String::from_utf8(bytes).map_err(|_| failed("it is no UTF-8 text".into()))?;
    Ok(text.strip_prefix('\u{FEFF}').map(str::to_owned).unwrap_or(text))
}

/// A file under examination, and what was found wrong with it so far.
pub(super) struct Source {
    file: Text,
    text: Text,
    code: Code,
    mistakes: RefCell<Vec<(usize, Diagnostic)>>,
    /// Where the file is no TOML: what follows from it is no mistake of its own.
    broken: RefCell<BTreeSet<usize>>,
}

impl Source {
    /// Starts with the file's name as the user gave it, its text, and the code that its mistakes carry.
    pub(super) fn new(file: &str, text: &str, code: Code) -> Self {
        Self {
            file: file.into(),
            text: text.into(),
            code,
            mistakes: RefCell::default(),
            broken: RefCell::default(),
        }
    }

    /// Parses the file; what is no TOML is noted and the rest is looked at.
    pub(super) fn parse<'i>(&self, text: &'i str) -> Spanned<DeTable<'i>> {
        let (table, errors) = DeTable::parse_recoverable(text);
        for error in errors {
            let bytes = error.span().unwrap_or(0..0);
            self.wrong(bytes.clone(), error.message());
            self.broken.borrow_mut().insert(bytes.start);
        }
        table
    }

    /// Notes a mistake.
    pub(super) fn wrong(&self, bytes: Range<usize>, message: impl Into<String>) {
        self.note(bytes.clone(), self.error(bytes, message));
    }

    /// Notes a mistake and what to do about it.
    pub(super) fn wrong_with(
        &self,
        bytes: Range<usize>,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) {
        self.note(bytes.clone(), self.error(bytes, message).hint(hint));
    }

    fn error(&self, bytes: Range<usize>, message: impl Into<String>) -> Diagnostic {
        let place = Place::Span { file: self.file.clone(), source: self.text.clone(), bytes };
        Diagnostic::error(self.code, message).at(place)
    }

    fn note(&self, bytes: Range<usize>, diagnostic: Diagnostic) {
        if !self.broken.borrow().contains(&bytes.start) {
            self.mistakes.borrow_mut().push((bytes.start, diagnostic));
        }
    }

    /// Gives everything that is wrong, in the order of the file.
    pub(super) fn mistakes(self) -> Vec<Diagnostic> {
        let mut mistakes = self.mistakes.into_inner();
        mistakes.sort_by_key(|(start, _)| *start);
        // A key that is looked at twice is wrong once.
        mistakes.dedup();
        mistakes.into_iter().map(|(_, diagnostic)| diagnostic).collect()
    }
}

/// One table of the file.
pub(super) struct Entry<'a, 'i> {
    source: &'a Source,
    table: &'a DeTable<'i>,
    /// The whole table, for what is missing.
    pub(super) span: Range<usize>,
    what: &'static str,
}

/// A text with the bytes that it came from.
#[derive(Clone, Debug)]
pub(super) struct Found {
    /// The text.
    pub(super) text: Text,
    /// Where it stands.
    pub(super) span: Range<usize>,
}

impl<'a, 'i> Entry<'a, 'i> {
    /// Looks at a table that may have only these keys.
    pub(super) fn new(
        source: &'a Source,
        table: &'a DeTable<'i>,
        span: Range<usize>,
        what: &'static str,
        keys: &[&str],
    ) -> Self {
        for (key, _) in table.iter() {
            let name = key.get_ref().as_ref();
            if keys.contains(&name) {
                continue;
            }
            let message = format!("{what} has no key `{name}`");
            let nearest = nearest(name, keys);
            let hint = match nearest {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("the keys are {}", keys.join(", ")),
            };
            source.wrong_with(key.span(), message, hint);
        }
        Self { source, table, span, what }
    }

    /// Gives a key's value.
    pub(super) fn value(&self, key: &str) -> Option<&'a Spanned<DeValue<'i>>> {
        self.table.iter().find(|(name, _)| name.get_ref().as_ref() == key).map(|(_, value)| value)
    }

    fn mistyped(&self, key: &str, value: &Spanned<DeValue<'i>>, wanted: &str) {
        let message = format!("`{key}` is {wanted}, and this is of type {}", value.get_ref().type_str());
        self.source.wrong(value.span(), message);
    }

    /// Gives a text.
    pub(super) fn text(&self, key: &str) -> Option<Found> {
        let value = self.value(key)?;
        match value.get_ref() {
            DeValue::String(text) => Some(Found { text: text.as_ref().into(), span: value.span() }),
            DeValue::Integer(_) => {
                let hint = format!("put it in quotes: `{key} = \"{}\"`", &self.source.text[value.span()]);
                self.source.wrong_with(value.span(), format!("`{key}` is text, and this is a number"), hint);
                None
            }
            _ => {
                self.mistyped(key, value, "text");
                None
            }
        }
    }

    /// Gives a text that a check lets pass.
    pub(super) fn checked(&self, key: &str, check: fn(&str) -> Result<(), String>) -> Option<Found> {
        let found = self.text(key)?;
        match check(&found.text) {
            Ok(()) => Some(found),
            Err(why) => {
                self.source.wrong(found.span, why);
                None
            }
        }
    }

    /// Gives a text that must be there and not be empty.
    pub(super) fn required(&self, key: &str) -> Option<Found> {
        if self.value(key).is_none() {
            self.source.wrong(self.span.clone(), format!("{} needs `{key}`", self.what));
            return None;
        }
        let found = self.text(key)?;
        if found.text.is_empty() {
            self.source.wrong(found.span, format!("`{key}` is empty"));
            return None;
        }
        Some(found)
    }

    /// Gives yes or no.
    pub(super) fn boolean(&self, key: &str) -> Option<bool> {
        let value = self.value(key)?;
        if let DeValue::Boolean(yes) = value.get_ref() {
            return Some(*yes);
        }
        self.mistyped(key, value, "true or false");
        None
    }

    /// Gives a count.
    pub(super) fn count(&self, key: &str) -> Option<u32> {
        let value = self.value(key)?;
        let number = match value.get_ref() {
            DeValue::Integer(number) => u32::from_str_radix(number.as_str(), number.radix()).ok(),
            _ => None,
        };
        if number.is_none() {
            self.mistyped(key, value, "a whole number from 0");
        }
        number
    }

    /// Gives a list of texts.
    pub(super) fn list(&self, key: &str) -> Vec<Found> {
        let Some(value) = self.value(key) else { return Vec::new() };
        let DeValue::Array(items) = value.get_ref() else {
            self.mistyped(key, value, "a list of texts");
            return Vec::new();
        };
        let mut texts = Vec::new();
        for item in items.iter() {
            match item.get_ref() {
                DeValue::String(text) => texts.push(Found { text: text.as_ref().into(), span: item.span() }),
                _ => self.mistyped(key, item, "a list of texts"),
            }
        }
        texts
    }

    /// Gives the simple values of a table within the table, as text, with the places of key and value.
    pub(super) fn simple_values(&self, key: &str) -> Vec<(Found, Found)> {
        let Some(value) = self.value(key) else { return Vec::new() };
        let DeValue::Table(table) = value.get_ref() else {
            self.mistyped(key, value, "a table");
            return Vec::new();
        };
        let mut values = Vec::new();
        for (name, value) in table.iter() {
            let text: Text = match value.get_ref() {
                DeValue::String(text) => text.as_ref().into(),
                DeValue::Boolean(yes) => yes.to_string().into(),
                DeValue::Integer(number) if number.radix() == 10 => number.as_str().into(),
                _ => {
                    self.mistyped(name.get_ref(), value, "text, a number, true or false");
                    continue;
                }
            };
            let name = Found { text: name.get_ref().as_ref().into(), span: name.span() };
            values.push((name, Found { text, span: value.span() }));
        }
        values
    }
}

/// Goes over an array of tables `[[key]]`.
pub(super) fn tables<'a, 'i>(
    source: &Source,
    root: &'a DeTable<'i>,
    key: &str,
) -> Vec<(Range<usize>, &'a DeTable<'i>)> {
    let Some((_, value)) = root.iter().find(|(name, _)| name.get_ref().as_ref() == key) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    let DeValue::Array(items) = value.get_ref() else {
        source.wrong_with(value.span(), format!("`{key}` is a list of tables"), format!("write `[[{key}]]`"));
        return found;
    };
    for item in items.iter() {
        match item.get_ref() {
            DeValue::Table(table) => found.push((item.span(), table)),
            _ => source.wrong(item.span(), format!("`{key}` is a list of tables")),
        }
    }
    found
}

/// Gives the nearest of some words, if one is near.
pub(super) fn nearest<'w>(word: &str, words: &[&'w str]) -> Option<&'w str> {
    let scored = words.iter().map(|other| (strsim::jaro_winkler(word, other), *other));
    scored.filter(|(score, _)| *score >= ALIKE).max_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, other)| other)
}
