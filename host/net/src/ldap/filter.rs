//! A search filter as text (RFC 4515) becomes one as bytes (RFC 4511, 4.5.1.7). Strict: what is no whole filter is no
//! filter, and nothing stands behind its last parenthesis.

use crate::ldap::ber::{self, element};
use crate::limits;

/// Reads a filter.
///
/// # Errors
///
/// Gives what is wrong with it as one clause.
pub(crate) fn encode(text: &str) -> Result<Vec<u8>, String> {
    if text.len() > limits::LDAP_FILTER_BYTES {
        return Err(format!("the filter is longer than {} bytes", limits::LDAP_FILTER_BYTES));
    }
    let mut parser = Parser { rest: text };
    let filter = parser.filter(0)?;
    if parser.rest.is_empty() { Ok(filter) } else { Err(parser.wrong("more after the filter's end")) }
}

struct Parser<'a> {
    rest: &'a str,
}

impl<'a> Parser<'a> {
    fn wrong(&self, what: &str) -> String {
        let near: String = self.rest.chars().filter(|letter| !letter.is_control()).take(40).collect();
        if near.is_empty() { format!("{what} at its end") } else { format!("{what} at `{near}`") }
    }

    fn take(&mut self, letter: char) -> bool {
        let rest = self.rest.strip_prefix(letter);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn filter(&mut self, depth: usize) -> Result<Vec<u8>, String> {
        if depth > limits::LDAP_FILTER_DEPTH {
            return Err(format!("the filter is nested more than {} deep", limits::LDAP_FILTER_DEPTH));
        }
        if !self.take('(') {
            return Err(self.wrong("a `(` is missing"));
        }
        let filter = match self.rest.chars().next() {
            Some(sign @ ('&' | '|')) => {
                self.take(sign);
                let mut parts = Vec::new();
                while self.rest.starts_with('(') {
                    parts.push(self.filter(depth + 1)?);
                }
                ber::constructed(if sign == '&' { 0xa0 } else { 0xa1 }, &parts)
            }
            Some('!') => {
                self.take('!');
                element(0xa2, &self.filter(depth + 1)?)
            }
            _ => {
                let end = self.rest.find(['(', ')']).unwrap_or(self.rest.len());
                let (item, rest) = self.rest.split_at(end);
                let read = self::item(item)?;
                self.rest = rest;
                read
            }
        };
        if self.take(')') { Ok(filter) } else { Err(self.wrong("a `)` is missing")) }
    }
}

/// Reads what stands between two parentheses: an attribute, a comparison, a value.
fn item(text: &str) -> Result<Vec<u8>, String> {
    let shown: String = text.chars().filter(|letter| !letter.is_control()).take(80).collect();
    let Some((left, value)) = text.split_once('=') else {
        return Err(format!("`{shown}` compares nothing"));
    };
    let pair = |tag: u8, attribute: &str| -> Result<Vec<u8>, String> {
        let attribute = described(attribute, &shown)?;
        Ok(ber::constructed(
            tag,
            &[element(ber::OCTETS, attribute), element(ber::OCTETS, &unescaped(value)?)],
        ))
    };
    if let Some(left) = left.strip_suffix(':') {
        return extensible(left, value, &shown);
    }
    match left.as_bytes().last() {
        Some(b'~') => pair(0xa8, &left[..left.len() - 1]),
        Some(b'>') => pair(0xa5, &left[..left.len() - 1]),
        Some(b'<') => pair(0xa6, &left[..left.len() - 1]),
        _ if value == "*" => Ok(element(0x87, described(left, &shown)?)),
        _ if value.contains('*') => substrings(described(left, &shown)?, value),
        _ => pair(0xa3, left),
    }
}

fn substrings(attribute: &[u8], value: &str) -> Result<Vec<u8>, String> {
    let pieces: Vec<&str> = value.split('*').collect();
    let last = pieces.len() - 1;
    let mut parts = Vec::new();
    for (at, piece) in pieces.iter().enumerate() {
        let tag = match at {
            0 => 0x80,
            _ if at == last => 0x82,
            _ => 0x81,
        };
        if !piece.is_empty() {
            parts.push(element(tag, &unescaped(piece)?));
        } else if tag == 0x81 {
            return Err("two `*` stand beside each other".to_owned());
        }
    }
    Ok(ber::constructed(0xa4, &[element(ber::OCTETS, attribute), ber::constructed(ber::SEQUENCE, &parts)]))
}

/// `attribute:dn:rule:=value`; attribute or rule may be missing.
fn extensible(left: &str, value: &str, shown: &str) -> Result<Vec<u8>, String> {
    let mut pieces = left.split(':');
    let attribute = pieces.next().unwrap_or_default();
    let mut rest: Vec<&str> = pieces.collect();
    let with_dn = rest.first().is_some_and(|first| first.eq_ignore_ascii_case("dn"));
    if with_dn {
        rest.remove(0);
    }
    let rule = match rest[..] {
        [] => None,
        [rule] => Some(described(rule, shown)?),
        _ => return Err(format!("`{shown}` has too many `:`")),
    };
    if attribute.is_empty() && rule.is_none() {
        return Err(format!("`{shown}` names neither an attribute nor a rule"));
    }
    let mut parts = Vec::new();
    parts.extend(rule.map(|rule| element(0x81, rule)));
    if !attribute.is_empty() {
        parts.push(element(0x82, described(attribute, shown)?));
    }
    parts.push(element(0x83, &unescaped(value)?));
    if with_dn {
        parts.push(ber::boolean(0x84, true));
    }
    Ok(ber::constructed(0xa9, &parts))
}

/// Checks the name of an attribute, its options included, or of a matching rule (RFC 4512, 2.5).
fn described<'a>(name: &'a str, shown: &str) -> Result<&'a [u8], String> {
    let letter = |byte: u8| byte.is_ascii_alphanumeric() || b"-.;_".contains(&byte);
    if name.is_empty() || !name.bytes().all(letter) {
        return Err(format!("`{shown}` begins with no attribute's name"));
    }
    Ok(name.as_bytes())
}

/// Reads a value: `\` and two hexadecimal digits stand for a byte.
fn unescaped(text: &str) -> Result<Vec<u8>, String> {
    let mut value = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'\\' => {
                let digit = |byte: Option<u8>| char::from(byte.unwrap_or_default()).to_digit(16);
                match (digit(bytes.next()), digit(bytes.next())) {
                    // Two digits of four bits make a byte.
                    (Some(high), Some(low)) => value.push((high << 4 | low) as u8),
                    _ => return Err("a `\\` needs two hexadecimal digits behind it".to_owned()),
                }
            }
            0 | b'*' => {
                return Err("a value holds a character that must be written as `\\2a` or `\\00`".to_owned());
            }
            _ => value.push(byte),
        }
    }
    Ok(value)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::verifier::hex;

    fn check(text: &str, expect: Result<&str, &str>) {
        let got = encode(text).map(|bytes| hex(&bytes));
        assert_eq!(got.as_deref().map_err(String::as_str), expect, "{text}");
    }

    /// The bytes were written down by hand from RFC 4511, 4.5.1.
    #[test]
    fn filters_become_bytes() {
        check("(a=b)", Ok("a306040161040162"));
        check("(objectClass=*)", Ok("870b6f626a656374436c617373"));
        check("(&(a=b)(!(c=d)))", Ok("a012a306040161040162a208a306040163040164"));
        check("(|(a>=1)(a<=2)(a~=3))", Ok("a118a506040161040131a606040161040132a806040161040133"));
        check("(a=x*y*z)", Ok("a40e04016130098001788101798201 7a".replace(' ', "").as_str()));
        check("(a=*y)", Ok("a40804016130038201 79".replace(' ', "").as_str()));
        check("(m:1.2:=x)", Ok("a90b8103312e3282016d830178"));
        check("(m:dn:=x)", Ok("a90982016d8301788401ff"));
        check("(:dn:1.2:=x)", Ok("a90b8103312e328301788401ff"));
        check("(a=\\29\\00\\ff)", Ok("a3080401610403 2900ff".replace(' ', "").as_str()));
        check("(&)", Ok("a000"));
    }

    #[test]
    fn what_is_no_filter_is_refused() {
        check("", Err("a `(` is missing at its end"));
        check("a=b", Err("a `(` is missing at `a=b`"));
        check("(a=b", Err("a `)` is missing at its end"));
        check("(a=b)(c=d)", Err("more after the filter's end at `(c=d)`"));
        check("(a=b))", Err("more after the filter's end at `)`"));
        check("(!(a=b)(c=d))", Err("a `)` is missing at `(c=d))`"));
        check("(ab)", Err("`ab` compares nothing"));
        check("(=b)", Err("`=b` begins with no attribute's name"));
        check("(a b=c)", Err("`a b=c` begins with no attribute's name"));
        check("(a=\\zz)", Err("a `\\` needs two hexadecimal digits behind it"));
        check("(a=b**c)", Err("two `*` stand beside each other"));
        check("(:=x)", Err("`:=x` names neither an attribute nor a rule"));
        check(
            &format!("{}(a=b){}", "(!".repeat(60), ")".repeat(60)),
            Err("the filter is nested more than 50 deep"),
        );
    }

    proptest! {
        #[test]
        fn no_text_breaks_the_parser(text in ".{0,60}") {
            let _ = encode(&text);
        }

        #[test]
        fn a_value_of_any_bytes_comes_through(value in prop::collection::vec(any::<u8>(), 1..40)) {
            let escaped: String = value.iter().map(|byte| format!("\\{byte:02x}")).collect();
            let expect = ber::constructed(0xa3, &[element(ber::OCTETS, b"a"), element(ber::OCTETS, &value)]);
            prop_assert_eq!(encode(&format!("(a={escaped})")), Ok(expect));
        }
    }
}
