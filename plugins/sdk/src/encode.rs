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
    use super::{dn_value, filter_value, odata_text, path_segment, query_value};

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
}
