//! Encoders: the only way in which a value gets into a URL, an LDAP filter or a DN.

use crate::Error;

/// Encodes a value as one segment of a URL's path.
///
/// # Errors
/// Empty, `.` and `..` are refused, because a URL parser takes the dots for a step upwards even when encoded.
pub fn path_segment(value: &str) -> Result<String, Error> {
    if matches!(value, "" | "." | "..") {
        return Err(Error::permanent(format!("`{value}` cannot be a part of a path")));
    }
    Ok(percent(value))
}

/// Encodes a value of a URL's query. A space becomes `%20`, which every server reads alike.
pub fn query_value(value: &str) -> String {
    percent(value)
}

/// Writes a text as an OData literal, with its quotes (`O'Neil` -> `'O''Neil'`). Still to be encoded for the query.
pub fn odata_text(value: &str) -> String {
    format!("'{}'", value.replace('\'', "''"))
}

/// Writes a text as a value of a SCIM filter (RFC 7644, 3.4.2.2: a JSON string) or of an Okta search, with its quotes.
/// Still to be encoded for the query.
pub fn scim_text(value: &str) -> String {
    serde_json::Value::from(value).to_string()
}

/// Writes a text as a value of a Google user query (`orgUnitPath='/Sales'`), with its quotes; quotes and backslashes in
/// it are escaped by a backslash. Still to be encoded for the query.
pub fn google_text(value: &str) -> String {
    format!("'{}'", value.replace('\\', "\\\\").replace('\'', "\\'"))
}

/// Writes a value of an LDAP filter (RFC 4515). [`Filter`](crate::ldap::Filter) does so by itself.
pub fn filter_value(value: &[u8]) -> String {
    crate::filter::escaped(value)
}

/// Writes a value of a DN (RFC 4514, 2.4).
pub fn dn_value(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    let last = value.chars().count().saturating_sub(1);
    for (at, letter) in value.chars().enumerate() {
        match letter {
            '"' | '+' | ',' | ';' | '<' | '>' | '=' | '\\' => out.extend(['\\', letter]),
            ' ' if at == 0 || at == last => out.push_str("\\ "),
            '#' if at == 0 => out.push_str("\\#"),
            _ if letter.is_control() => {
                let mut buffer = [0; 4];
                letter
                    .encode_utf8(&mut buffer)
                    .bytes()
                    .for_each(|byte| out.push_str(&format!("\\{byte:02x}")));
            }
            _ => out.push(letter),
        }
    }
    out
}

/// Percent-encodes all but the unreserved characters of RFC 3986, section 2.3.
fn percent(value: &str) -> String {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    let mut out = String::with_capacity(value.len());
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push('%');
            out.push(char::from(HEX[usize::from(byte >> 4)]));
            out.push(char::from(HEX[usize::from(byte & 15)]));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{dn_value, filter_value, google_text, odata_text, path_segment, query_value, scim_text};

    /// Reads percent-encoding back, as a server does.
    fn decoded(text: &str) -> Option<String> {
        let mut bytes = Vec::new();
        let mut rest = text.bytes();
        while let Some(byte) = rest.next() {
            bytes.push(match byte {
                b'%' => {
                    let digits = [rest.next()?, rest.next()?];
                    u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?
                }
                plain => plain,
            });
        }
        String::from_utf8(bytes).ok()
    }

    /// Reads one literal that begins with a quote; gives its value and what follows it.
    fn literal(text: &str, escape: char) -> Option<(String, &str)> {
        let mut value = String::new();
        let mut rest = text.strip_prefix('\'')?.char_indices().peekable();
        while let Some((at, c)) = rest.next() {
            let doubled =
                c == escape && (escape != '\'' || rest.peek().is_some_and(|(_, next)| *next == '\''));
            match c {
                _ if doubled => value.push(rest.next()?.1),
                '\'' => return Some((value, &text[at + 2..])),
                c => value.push(c),
            }
        }
        None
    }

    proptest! {
        /// Whatever is put in comes out at the server, and nothing of it means anything to a URL on its way.
        #[test]
        fn a_value_survives_the_url(value in any::<String>()) {
            let encoded = query_value(&value);
            prop_assert!(encoded.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~%".contains(&b)));
            prop_assert_eq!(decoded(&encoded), Some(value.clone()));
            if let Ok(segment) = path_segment(&value) {
                prop_assert!(!matches!(segment.as_str(), "" | "." | ".."));
                prop_assert_eq!(decoded(&segment), Some(value));
            }
        }

        /// A literal ends where it was meant to, whatever it holds.
        #[test]
        fn a_literal_ends_at_its_end(value in any::<String>(), rest in "[ a-z'\"\\\\]{0,8}") {
            let text = format!("{} and {rest}", scim_text(&value));
            let mut stream = serde_json::Deserializer::from_str(&text).into_iter::<String>();
            prop_assert_eq!(stream.next().and_then(Result::ok), Some(value.clone()));
            prop_assert_eq!(&text[stream.byte_offset()..], format!(" and {rest}"));
            let after = format!(" and {rest}");
            let text = format!("{}{after}", google_text(&value));
            prop_assert_eq!(literal(&text, '\\'), Some((value.clone(), after.as_str())));
            let text = format!("{}{after}", odata_text(&value));
            prop_assert_eq!(literal(&text, '\''), Some((value, after.as_str())));
        }
    }

    #[test]
    fn nothing_reserved_is_left() {
        let check = |value: &str, expect: &str| assert_eq!(query_value(value), expect);
        check("abc-._~09", "abc-._~09");
        check("a b&c=d#e?f/g+h", "a%20b%26c%3Dd%23e%3Ff%2Fg%2Bh");
        check("Zoë", "Zo%C3%AB");
        check("a\r\nb", "a%0D%0Ab");
    }

    #[test]
    fn a_segment_cannot_climb() {
        assert_eq!(path_segment("../x").ok().as_deref(), Some("..%2Fx"));
        for bad in ["", ".", ".."] {
            assert!(path_segment(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_value_of_a_dn_stays_one() {
        let check = |value: &str, expect: &str| assert_eq!(dn_value(value), expect);
        check("Ann Berg", "Ann Berg");
        check(" #a ", "\\ #a\\ ");
        check("#a", "\\#a");
        check("Berg, A+b=\"c\"\\", "Berg\\, A\\+b\\=\\\"c\\\"\\\\");
        check("a\0", "a\\00");
        assert_eq!(filter_value(b"(*)\\\xff"), "\\28\\2a\\29\\5c\\ff");
    }

    #[test]
    fn quotes_are_doubled() {
        assert_eq!(odata_text("O'Neil"), "'O''Neil'");
    }

    #[test]
    fn literals_of_filters() {
        assert_eq!(scim_text(r#"a "b" \ c"#), r#""a \"b\" \\ c""#);
        assert_eq!(google_text(r"/O'Neil\x"), r"'/O\'Neil\\x'");
    }
}
