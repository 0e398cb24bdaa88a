//! Where a piece of Rhai stands: Rhai gives a point (line and column in characters), people need underlined bytes.

use std::ops::Range;

use rhai::Position;
use rollcall_core::{Place, Text};

/// Where an expression stands in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The file as the user named it.
    pub file: Text,
    /// The file's whole text.
    pub source: Text,
    /// The expression's bytes in it.
    pub bytes: Range<usize>,
    /// Whether the expression's bytes stand in the file as they are.
    pub verbatim: bool,
}

/// One piece of Rhai text: an expression of a job file, or a whole rule file.
#[derive(Debug)]
pub(crate) struct Unit {
    pub(crate) text: Text,
    origin: Option<Origin>,
    path: Vec<Text>,
}

impl Unit {
    /// An expression under a key of the job file.
    pub(crate) fn expression(path: &[&str], text: &Text, origin: Option<&Origin>) -> Self {
        let path = path.iter().map(|key| Text::from(*key)).collect();
        Self { text: text.clone(), origin: origin.cloned(), path }
    }

    /// A whole file.
    pub(crate) fn file(name: &Text, text: &Text) -> Self {
        let origin =
            Origin { file: name.clone(), source: text.clone(), bytes: 0..text.len(), verbatim: true };
        Self { text: text.clone(), origin: Some(origin), path: Vec::new() }
    }

    /// The place of the token at a point.
    pub(crate) fn at(&self, position: Position) -> Place {
        match position.line() {
            Some(line) => self.span(token(&self.text, offset(&self.text, line, position.position()))),
            None => self.span(last_token(&self.text)),
        }
    }

    /// The place of everything.
    pub(crate) fn whole(&self) -> Place {
        self.span(0..self.text.len())
    }

    fn span(&self, bytes: Range<usize>) -> Place {
        let Some(origin) = &self.origin else {
            return Place::Path(self.path.clone());
        };
        let bytes = if origin.verbatim {
            let start = origin.bytes.start;
            start + bytes.start..(start + bytes.end).min(origin.bytes.end.max(start + bytes.start))
        } else {
            origin.bytes.clone()
        };
        Place::Span { file: origin.file.clone(), source: origin.source.clone(), bytes }
    }
}

/// Gives the byte offset of a 1-based line and a 1-based column in characters; no column is the line's beginning.
pub(crate) fn offset(text: &str, line: usize, column: Option<usize>) -> usize {
    let mut start = 0;
    for _ in 1..line {
        match text[start..].find('\n') {
            Some(at) => start += at + 1,
            None => return text.len(),
        }
    }
    let column = column.unwrap_or(1).max(1);
    text[start..].char_indices().nth(column - 1).map_or(text.len(), |(at, _)| start + at)
}

fn name_char(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Widens a byte offset to the token that begins there: a name with its module, a number, a text, or one sign.
fn token(text: &str, start: usize) -> Range<usize> {
    let rest = &text[start..];
    let Some(first) = rest.chars().next() else {
        return last_token(text);
    };
    let length = if name_char(first) {
        let mut length = run(rest);
        while let Some(more) = rest[length..].strip_prefix("::").filter(|more| more.starts_with(name_char)) {
            length += 2 + run(more);
        }
        length
    } else if matches!(first, '"' | '`' | '\'') {
        quoted(rest, first)
    } else if first.is_whitespace() {
        return last_token(text);
    } else {
        const SIGNS: &str = "=<>!&|+-*/%?.:";
        if SIGNS.contains(first) {
            rest.find(|c| !SIGNS.contains(c)).unwrap_or(rest.len())
        } else {
            first.len_utf8()
        }
    };
    start..start + length
}

fn run(text: &str) -> usize {
    text.find(|c| !name_char(c)).unwrap_or(text.len())
}

/// The length of a quoted text; an unclosed one ends with its line.
fn quoted(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '\n' if quote != '`' => return at,
            _ if c == quote => return at + c.len_utf8(),
            _ => {}
        }
    }
    text.len()
}

/// The last sign that is no white space, for a mistake at the end.
fn last_token(text: &str) -> Range<usize> {
    match text.trim_end().char_indices().next_back() {
        Some((at, c)) => at..at + c.len_utf8(),
        None => 0..text.len(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_point_becomes_a_token() {
        let cases = [
            ("displayName + mail", 1, 1, "displayName"),
            ("a + mail", 1, 5, "mail"),
            ("é + naïve_1(x)", 1, 5, "naïve_1"),
            ("a\n  names::phone_name(user)", 2, 3, "names::phone_name"),
            ("f(\"ab\\\"c\") + 1", 1, 3, "\"ab\\\"c\""),
            ("a == b", 1, 3, "=="),
            ("a + ", 1, 5, "+"),
            ("(a", 1, 9, "a"),
        ];
        for (text, line, column, expect) in cases {
            let range = token(text, offset(text, line, Some(column)));
            assert_eq!(&text[range], expect, "{text}");
        }
    }

    #[test]
    fn an_escaped_expression_is_underlined_as_a_whole() {
        let origin = Origin {
            file: "job.toml".into(),
            source: r#"name = "\"x\"""#.into(),
            bytes: 8..13,
            verbatim: false,
        };
        let unit = Unit::expression(&["fields", "name"], &r#""x""#.into(), Some(&origin));
        let Place::Span { bytes, .. } = unit.at(Position::new(1, 2)) else { panic!("no span") };
        assert_eq!(bytes, 8..13);
    }
}
