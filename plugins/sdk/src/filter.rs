//! LDAP filters as trees (RFC 4515). A filter that somebody wrote is read first and is then one part among others: it
//! cannot close a parenthesis that is not its own.

use std::fmt;

/// How deep a filter may be nested; the host accepts no more either.
const DEPTH: usize = 45;

/// A filter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Filter {
    /// All of them hold; none of them: always.
    And(Vec<Filter>),
    /// One of them holds; none of them: never.
    Or(Vec<Filter>),
    /// It does not hold.
    Not(Box<Filter>),
    /// The attribute has the value.
    Equal(String, Vec<u8>),
    /// The attribute has a value.
    Present(String),
    /// The attribute has a value with these pieces in this order; the first and the last are empty where the value may
    /// begin or end with anything.
    Pieces(String, Vec<Vec<u8>>),
    /// The attribute is the value or more.
    AtLeast(String, Vec<u8>),
    /// The attribute is the value or less.
    AtMost(String, Vec<u8>),
    /// The attribute is about the value.
    About(String, Vec<u8>),
    /// What stands before `:=`, such as `memberOf:1.2.840.113556.1.4.1941`, and the value.
    Rule(String, Vec<u8>),
}

impl Filter {
    /// Makes "the attribute has this text".
    pub fn equal(attribute: &str, text: &str) -> Self {
        Self::Equal(attribute.to_owned(), text.as_bytes().to_vec())
    }

    /// Makes "the attribute has a value".
    pub fn present(attribute: &str) -> Self {
        Self::Present(attribute.to_owned())
    }

    /// Makes "the attribute meets a matching rule with this text".
    pub fn rule(attribute: &str, rule: &str, text: &str) -> Self {
        Self::Rule(format!("{attribute}:{rule}"), text.as_bytes().to_vec())
    }

    /// Reads one whole filter.
    ///
    /// # Errors
    /// What is wrong, as one clause.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut parser = Parser { rest: text.trim() };
        let filter = parser.filter(0)?;
        if parser.rest.is_empty() {
            Ok(filter)
        } else {
            Err(parser.wrong("more stands behind the filter's end"))
        }
    }
}

struct Parser<'a> {
    rest: &'a str,
}

impl Parser<'_> {
    fn wrong(&self, what: &str) -> String {
        if self.rest.is_empty() {
            return format!("{what} at its end");
        }
        format!("{what} at `{}`", crate::quoted(&self.rest.chars().take(40).collect::<String>()))
    }

    fn take(&mut self, sign: char) -> bool {
        let rest = self.rest.strip_prefix(sign);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn filter(&mut self, depth: usize) -> Result<Filter, String> {
        if depth > DEPTH {
            return Err(format!("the filter is nested more than {DEPTH} deep"));
        }
        if !self.take('(') {
            return Err(self.wrong("a `(` is missing"));
        }
        let filter = if self.take('&') {
            Filter::And(self.parts(depth)?)
        } else if self.take('|') {
            Filter::Or(self.parts(depth)?)
        } else if self.take('!') {
            Filter::Not(Box::new(self.filter(depth + 1)?))
        } else {
            let end = self.rest.find(['(', ')']).unwrap_or(self.rest.len());
            let (item, rest) = self.rest.split_at(end);
            let read = self::item(item)?;
            self.rest = rest;
            read
        };
        if self.take(')') { Ok(filter) } else { Err(self.wrong("a `)` is missing")) }
    }

    fn parts(&mut self, depth: usize) -> Result<Vec<Filter>, String> {
        let mut parts = Vec::new();
        while self.rest.starts_with('(') {
            parts.push(self.filter(depth + 1)?);
        }
        Ok(parts)
    }
}

fn item(text: &str) -> Result<Filter, String> {
    let Some((left, value)) = text.split_once('=') else {
        return Err(format!("`{}` compares nothing", crate::quoted(text)));
    };
    if let Some(left) = left.strip_suffix(':') {
        let fits = !left.is_empty() && left.bytes().all(|byte| is_name(byte) || byte == b':');
        return if fits { Ok(Filter::Rule(left.to_owned(), bytes(value)?)) } else { Err(unnamed(text)) };
    }
    let cut = |sign: char| left.strip_suffix(sign).map(str::to_owned);
    let named = |name: String| {
        if name.is_empty() || !name.bytes().all(is_name) { Err(unnamed(text)) } else { Ok(name) }
    };
    if let Some(left) = cut('>') {
        return Ok(Filter::AtLeast(named(left)?, bytes(value)?));
    }
    if let Some(left) = cut('<') {
        return Ok(Filter::AtMost(named(left)?, bytes(value)?));
    }
    if let Some(left) = cut('~') {
        return Ok(Filter::About(named(left)?, bytes(value)?));
    }
    let left = named(left.to_owned())?;
    if value == "*" {
        return Ok(Filter::Present(left));
    }
    let pieces: Vec<Vec<u8>> = value.split('*').map(bytes).collect::<Result<_, _>>()?;
    match pieces.len() {
        1 => Ok(Filter::Equal(left, pieces.concat())),
        count if pieces[1..count - 1].iter().any(Vec::is_empty) => {
            Err("two `*` stand beside each other".to_owned())
        }
        _ => Ok(Filter::Pieces(left, pieces)),
    }
}

fn unnamed(text: &str) -> String {
    format!("`{}` begins with no attribute's name", crate::quoted(text))
}

fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-.;_".contains(&byte)
}

fn bytes(text: &str) -> Result<Vec<u8>, String> {
    let mut value = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'\\' {
            if byte == 0 || byte == b'*' {
                return Err("a value holds a character that is written as `\\2a` or `\\00`".to_owned());
            }
            value.push(byte);
            continue;
        }
        let digit = |byte: Option<u8>| char::from(byte.unwrap_or_default()).to_digit(16);
        match (digit(rest.next()), digit(rest.next())) {
            // Two digits of four bits make a byte.
            (Some(high), Some(low)) => value.push((high << 4 | low) as u8),
            _ => return Err("a `\\` needs two hexadecimal digits behind it".to_owned()),
        }
    }
    Ok(value)
}

/// Writes a value so that it is a value and nothing else: what has a meaning in a filter, and what is no text, is
/// written as `\` and two digits.
pub(crate) fn escaped(value: &[u8]) -> String {
    let mut out = String::with_capacity(value.len());
    for chunk in value.utf8_chunks() {
        for letter in chunk.valid().chars() {
            if letter.is_control() || matches!(letter, '(' | ')' | '*' | '\\') {
                let mut buffer = [0; 4];
                letter
                    .encode_utf8(&mut buffer)
                    .bytes()
                    .for_each(|byte| out.push_str(&format!("\\{byte:02x}")));
            } else {
                out.push(letter);
            }
        }
        chunk.invalid().iter().for_each(|byte| out.push_str(&format!("\\{byte:02x}")));
    }
    out
}

impl fmt::Display for Filter {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = |out: &mut fmt::Formatter<'_>, parts: &[Self]| {
            parts.iter().try_for_each(|part| write!(out, "{part}"))
        };
        out.write_str("(")?;
        match self {
            Self::And(parts) => {
                out.write_str("&")?;
                all(out, parts)?;
            }
            Self::Or(parts) => {
                out.write_str("|")?;
                all(out, parts)?;
            }
            Self::Not(part) => write!(out, "!{part}")?,
            Self::Equal(name, value) => write!(out, "{name}={}", escaped(value))?,
            Self::Present(name) => write!(out, "{name}=*")?,
            Self::Pieces(name, pieces) => {
                let pieces: Vec<String> = pieces.iter().map(|piece| escaped(piece)).collect();
                write!(out, "{name}={}", pieces.join("*"))?;
            }
            Self::AtLeast(name, value) => write!(out, "{name}>={}", escaped(value))?,
            Self::AtMost(name, value) => write!(out, "{name}<={}", escaped(value))?,
            Self::About(name, value) => write!(out, "{name}~={}", escaped(value))?,
            Self::Rule(name, value) => write!(out, "{name}:={}", escaped(value))?,
        }
        out.write_str(")")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn filters_are_read_and_written() {
        let check = |text: &str| assert_eq!(Filter::parse(text).map(|f| f.to_string()).as_deref(), Ok(text));
        for text in [
            "(a=b)",
            "(&(objectClass=person)(!(mail=*)))",
            "(|(a>=1)(a<=2)(a~=3))",
            "(a=x*y*z)",
            "(a=*y)",
            "(a=y*)",
            "(memberOf:1.2.840.113556.1.4.1941:=cn=a,dc=b)",
            "(&)",
            "(a=Zoë \\28x\\29\\ff)",
        ] {
            check(text);
        }
        for (text, expect) in [
            ("a=b", "a `(` is missing at `a=b`"),
            ("(a=b)(c=d)", "more stands behind the filter's end at `(c=d)`"),
            ("(a=b", "a `)` is missing at its end"),
            ("(a=b))(|(x=*)", "more stands behind the filter's end at `)(|(x=*)`"),
            ("(!(a=b)(c=d))", "a `)` is missing at `(c=d))`"),
            ("(=b)", "`=b` begins with no attribute's name"),
            ("(a)", "`a` compares nothing"),
            ("(a=b**c)", "two `*` stand beside each other"),
            ("(a=\\2)", "a `\\` needs two hexadecimal digits behind it"),
        ] {
            assert_eq!(Filter::parse(text), Err(expect.to_owned()));
        }
    }

    fn any_filter() -> impl Strategy<Value = Filter> {
        let name = "[a-zA-Z][a-zA-Z0-9;-]{0,8}";
        let value = prop::collection::vec(any::<u8>(), 1..12);
        let leaf = prop_oneof![
            (name, value.clone()).prop_map(|(name, value)| Filter::Equal(name, value)),
            name.prop_map(Filter::Present),
            (name, value.clone()).prop_map(|(name, value)| Filter::AtLeast(name, value)),
            (name, value.clone()).prop_map(|(name, value)| Filter::AtMost(name, value)),
            (name, value.clone()).prop_map(|(name, value)| Filter::About(name, value)),
            (name, value.clone()).prop_map(|(name, value)| Filter::Rule(name, value)),
            (name, prop::collection::vec(value, 2..4))
                .prop_map(|(name, pieces)| Filter::Pieces(name, pieces)),
        ];
        leaf.prop_recursive(4, 20, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Filter::And),
                prop::collection::vec(inner.clone(), 0..4).prop_map(Filter::Or),
                inner.prop_map(|part| Filter::Not(Box::new(part))),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(filter in any_filter()) {
            prop_assert_eq!(Filter::parse(&filter.to_string()), Ok(filter));
        }

        #[test]
        fn no_text_breaks_the_parser_or_leaves_its_place(text in ".{0,40}") {
            if let Ok(theirs) = Filter::parse(&text) {
                let whole = Filter::And(vec![Filter::equal("objectClass", "person"), theirs.clone()]);
                prop_assert_eq!(Filter::parse(&whole.to_string()), Ok(whole));
            }
        }

        #[test]
        fn a_value_stays_a_value(value in ".{0,40}") {
            let filter = Filter::equal("cn", &value);
            prop_assert_eq!(Filter::parse(&filter.to_string()), Ok(filter));
        }
    }
}
