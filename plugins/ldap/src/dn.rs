//! Distinguished names (RFC 4514), as far as comparing them takes.

/// One relative name: attribute types and values.
type Rdn = Vec<(String, String)>;

/// Takes a DN apart, the innermost name first.
///
/// # Errors
/// What is wrong with it, as one clause.
pub(crate) fn parse(dn: &str) -> Result<Vec<Rdn>, String> {
    let mut names = vec![Vec::new()];
    if dn.trim().is_empty() {
        return Ok(Vec::new());
    }
    let mut rest = dn;
    loop {
        let Some((kind, after)) = rest.split_once('=') else {
            return Err(format!("`{}` has no `=`", rollcall_connector::quoted(rest)));
        };
        let kind = kind.trim();
        let letters = |byte: u8| byte.is_ascii_alphanumeric() || b"-.".contains(&byte);
        if kind.is_empty() || !kind.bytes().all(letters) {
            return Err(format!("`{}` is no attribute", rollcall_connector::quoted(kind)));
        }
        let (value, end) = value(after)?;
        if let Some(name) = names.last_mut() {
            name.push((kind.to_ascii_lowercase(), value));
        }
        match after.as_bytes().get(end) {
            None => return Ok(names),
            Some(b'+') => {}
            Some(_) => names.push(Vec::new()),
        }
        rest = &after[end + 1..];
    }
}

/// Reads a value; gives it and where it ends.
fn value(text: &str) -> Result<(String, usize), String> {
    let mut bytes = Vec::new();
    // Spaces at the end belong to the value only where they were escaped.
    let mut kept = 0;
    let mut letters = text.bytes().enumerate();
    let mut quoted = false;
    while let Some((at, letter)) = letters.next() {
        match letter {
            b'"' => quoted = !quoted,
            b'\\' => {
                let Some((_, escaped)) = letters.next() else {
                    return Err("a `\\` stands at its end".to_owned());
                };
                let high = char::from(escaped).to_digit(16);
                match high {
                    Some(high) => {
                        let low = letters.next().and_then(|(_, low)| char::from(low).to_digit(16));
                        let low = low.ok_or("a `\\` needs two hexadecimal digits behind it")?;
                        // Two digits of four bits make a byte.
                        bytes.push((high << 4 | low) as u8);
                    }
                    None => bytes.push(escaped),
                }
                kept = bytes.len();
            }
            b',' | b';' | b'+' if !quoted => {
                bytes.truncate(kept);
                return Ok((String::from_utf8_lossy(&bytes).into_owned(), at));
            }
            b' ' if bytes.is_empty() && !quoted => {}
            _ => {
                bytes.push(letter);
                if letter != b' ' || quoted {
                    kept = bytes.len();
                }
            }
        }
    }
    if quoted {
        return Err("a `\"` is not closed".to_owned());
    }
    bytes.truncate(kept);
    Ok((String::from_utf8_lossy(&bytes).into_owned(), text.len()))
}

/// Gives a DN in the one form in which two of them are compared: without regard to case and spaces.
pub(crate) fn normal(dn: &str) -> String {
    if is_plain(dn) { dn.to_ascii_lowercase() } else { taken_apart(dn) }
}

/// Tells whether a DN needs no more than lower-case letters, as nearly all do: ASCII, nothing escaped or quoted, one value a
/// name, no space but a single one within a value.
fn is_plain(dn: &str) -> bool {
    dn.split(',').all(|name| {
        let Some((kind, value)) = name.split_once('=') else { return false };
        let letter = |byte: u8| byte.is_ascii_alphanumeric() || b"-._@'()/:&".contains(&byte);
        !kind.is_empty()
            && kind.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-.".contains(&byte))
            && value.split(' ').all(|word| !word.is_empty() && word.bytes().all(letter))
    })
}

fn taken_apart(dn: &str) -> String {
    let Ok(names) = parse(dn) else {
        return dn.trim().to_lowercase();
    };
    let one = |name: Rdn| {
        let mut parts: Vec<String> = name
            .into_iter()
            .map(|(kind, value)| {
                let value = value.to_lowercase().split_whitespace().collect::<Vec<_>>().join(" ");
                format!("{kind}={}", rollcall_connector::encode::dn_value(&value))
            })
            .collect();
        parts.sort();
        parts.join("+")
    };
    names.into_iter().map(one).collect::<Vec<_>>().join(",")
}

/// Tells whether a DN is a base or lies below it; both in the normal form.
pub(crate) fn within(dn: &str, base: &str) -> bool {
    base.is_empty()
        || dn == base
        || dn.strip_suffix(base).is_some_and(|rest| rest.ends_with(',') && !rest.ends_with("\\,"))
}

/// Gives the value of the innermost name, which is what a group is called.
pub(crate) fn first_value(dn: &str) -> Option<String> {
    let names = parse(dn).ok()?;
    Some(names.first()?.first()?.1.clone()).filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_are_compared_in_one_form() {
        let check = |one: &str, other: &str, expect: bool| {
            assert_eq!(normal(one) == normal(other), expect, "{one} {other}")
        };
        check("CN=Ann Berg,OU=People,DC=x", "cn=ann berg, ou=people , dc=X", true);
        check("cn=a+uid=1,dc=x", "UID=1+CN=A,DC=x", true);
        check("cn=Berg\\, Ann,dc=x", "cn=Berg\\2C Ann,dc=x", true);
        check("cn=\"Berg, Ann\",dc=x", "cn=Berg\\, Ann,dc=x", true);
        check("cn=Zo\\c3\\ab,dc=x", "cn=ZOË,dc=x", true);
        check("cn=a\\20,dc=x", "cn=a,dc=x", true);
        check("cn=a,dc=x", "cn=b,dc=x", false);
        check("cn=a\\,dc=x", "cn=a,dc=x", false);
    }

    #[test]
    fn most_names_are_plain() {
        for dn in ["uid=p0001,ou=people,dc=example,dc=com", "CN=Ann O'Brien (UK),OU=Sales & More,DC=x"] {
            assert!(is_plain(dn), "{dn}");
        }
        for dn in
            ["cn=a, dc=x", "cn=a,dc=x ", "cn=a  b", "cn=ä", "cn=a+uid=1", "cn=", "a", "", "cn=\\,a", "c n=a"]
        {
            assert!(!is_plain(dn), "{dn}");
        }
    }

    #[test]
    fn what_is_no_name_is_told() {
        for (text, expect) in [
            ("Sales", "`Sales` has no `=`"),
            ("cn=a,Sales", "`Sales` has no `=`"),
            ("c n=a", "`c n` is no attribute"),
            ("cn=a\\", "a `\\` stands at its end"),
            ("cn=a\\4", "a `\\` needs two hexadecimal digits behind it"),
            ("cn=\"a", "a `\"` is not closed"),
        ] {
            assert_eq!(parse(text), Err(expect.to_owned()));
        }
    }

    #[test]
    fn a_name_lies_below_its_base() {
        let check = |dn: &str, base: &str, expect: bool| {
            assert_eq!(within(&normal(dn), &normal(base)), expect, "{dn}")
        };
        check("cn=a,ou=b,dc=x", "DC=x", true);
        check("dc=x", "dc=x", true);
        check("cn=a,dc=xx", "dc=x", false);
        check("cn=a\\,dc=x", "dc=x", false);
        check("cn=a", "", true);
        assert_eq!(first_value("CN=Berg\\, Ann,DC=x").as_deref(), Some("Berg, Ann"));
        assert_eq!(first_value("x"), None);
    }

    proptest! {
        #[test]
        fn a_value_comes_back(value in "[^\\x00-\\x1f]{1,20}") {
            let dn = format!("cn={},dc=x", rollcall_connector::encode::dn_value(&value));
            prop_assert_eq!(first_value(&dn), Some(value));
        }

        #[test]
        fn a_plain_name_is_the_same_taken_apart(
            dn in "(CN|uid|2\\.5)=[A-Za-z0-9 .é#+='()/:&_-]{0,6}( ?, ?(OU|dc)=[a-zA-Z @,\\\\]{1,5}){0,2}",
        ) {
            prop_assert!(!is_plain(&dn) || taken_apart(&dn) == normal(&dn), "{}", dn);
        }

        #[test]
        fn no_text_breaks_it(text in ".{0,40}") {
            let once = normal(&text);
            prop_assert_eq!(normal(&once), once);
        }
    }
}
