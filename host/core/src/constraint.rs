//! What IP Office allows: names, numbers, codes. Each check gives the reason why a value cannot stand.
//!
//! Sources: Web Manager's field help (name: at most 15 characters, letters, digits and spaces, no leading space, none
//! of `# ? / ^ > ,`; extension 2-15 digits; login code 4-15 digits; voicemail code 0-31 digits). Avaya itself does not
//! validate what a synchronization brings.

use crate::text::{Text, fold};

/// The greatest length of a Name, in characters.
pub const NAME_CHARS_MAX: usize = 15;
/// Characters that a Name cannot have.
pub const NAME_FORBIDDEN: &str = "#?/^>,";
/// The greatest length of a Full Name, in characters. Web Manager's own limit is not documented; this is a bound
/// against rubbish.
pub const FULL_NAME_CHARS_MAX: usize = 128;
/// The greatest length of an e-mail address, in characters (RFC 5321).
pub const EMAIL_CHARS_MAX: usize = 254;

/// Users that come with the system: never given, adopted, changed or deleted.
pub const RESERVED_NAMES: [&str; 3] = ["nouser", "remotemanager", "admin"];

/// Emergency numbers that no extension may have.
pub const EMERGENCY_NUMBERS: [&str; 12] =
    ["000", "110", "112", "113", "115", "117", "118", "119", "911", "933", "988", "999"];

/// The emergency numbers that are also kept free behind the usual digits for an outside line, 0 and 9.
const BEST_KNOWN: [&str; 3] = ["112", "911", "999"];

/// Tells whether a name belongs to a built-in user.
pub fn reserved_name(name: &str) -> bool {
    let name = name.trim();
    match name.is_ascii() {
        true => RESERVED_NAMES.iter().any(|reserved| name.eq_ignore_ascii_case(reserved)),
        false => RESERVED_NAMES.contains(&fold(name).as_str()),
    }
}

/// Tells whether a number is an emergency number, alone or behind a digit for an outside line.
pub fn emergency_number(number: &str) -> bool {
    EMERGENCY_NUMBERS.contains(&number)
        || number.strip_prefix(['0', '9']).is_some_and(|rest| BEST_KNOWN.contains(&rest))
}

/// Tells whether a character steers rather than shows: control, zero-width, or bidirectional.
pub fn invisible(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{00AD}' | '\u{061C}' | '\u{180E}' | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}'
            | '\u{2060}'..='\u{2064}' | '\u{2066}'..='\u{206F}' | '\u{FEFF}' | '\u{FFF9}'..='\u{FFFB}'
            | '\u{E0000}'..='\u{E007F}')
}

/// Checks a Name.
pub fn name(value: &str) -> Result<(), String> {
    let chars = value.chars().count();
    if value.is_empty() {
        return Err("the name is empty".into());
    }
    if value.chars().any(invisible) {
        return Err(format!(
            "the name `{}` has a control, bidi or zero-width character",
            value.escape_debug()
        ));
    }
    if chars > NAME_CHARS_MAX {
        return Err(format!("the name `{value}` has {chars} characters, {NAME_CHARS_MAX} fit"));
    }
    if value.starts_with(' ') || value.ends_with(' ') {
        return Err(format!("the name `{value}` starts or ends with a space"));
    }
    if let Some(c) = value.chars().find(|c| NAME_FORBIDDEN.contains(*c)) {
        return Err(format!("the name `{value}` has a `{c}`, which a name cannot have"));
    }
    if reserved_name(value) {
        return Err(format!("the name `{value}` belongs to a built-in user"));
    }
    Ok(())
}

/// Checks a Full Name.
pub fn full_name(value: &str) -> Result<(), String> {
    if value.chars().any(invisible) {
        return Err(format!(
            "the full name `{}` has a control, bidi or zero-width character",
            value.escape_debug()
        ));
    }
    bounded("full name", value, FULL_NAME_CHARS_MAX)
}

/// Checks an e-mail address: one `@` with something on both sides, no white space.
pub fn email(value: &str) -> Result<(), String> {
    let good = value
        .split_once('@')
        .is_some_and(|(local, domain)| !local.is_empty() && !domain.is_empty() && !domain.contains('@'));
    if !good || value.chars().any(|c| c.is_whitespace() || invisible(c)) {
        return Err(format!("`{}` is no e-mail address", value.escape_debug()));
    }
    bounded("e-mail address", value, EMAIL_CHARS_MAX)
}

/// Checks an extension number.
pub fn extension(value: &str) -> Result<(), String> {
    digits("extension", value, 2, 15, true)?;
    if emergency_number(value) {
        return Err(format!("the extension `{value}` is an emergency number"));
    }
    Ok(())
}

/// Checks a login code. The code itself never enters the message.
pub fn login_code(value: &str) -> Result<(), String> {
    digits("login code", value, 4, 15, false)
}

/// Checks a voicemail code. The code itself never enters the message.
pub fn voicemail_code(value: &str) -> Result<(), String> {
    digits("voicemail code", value, 0, 31, false)
}

/// Checks the form of an external number: digits, with a `+` in front if need be.
pub fn external_number(value: &str) -> Result<(), String> {
    let rest = value.strip_prefix('+').unwrap_or(value);
    if rest.len() < 3 || rest.len() > 31 || !rest.bytes().all(|b| b.is_ascii_digit()) {
        return Err(format!(
            "`{}` is no external number: digits, with a `+` in front if need be",
            value.escape_debug()
        ));
    }
    if emergency_number(rest) {
        return Err(format!("mobile twinning to the emergency number `{value}`"));
    }
    Ok(())
}

fn digits(what: &str, value: &str, least: usize, most: usize, show: bool) -> Result<(), String> {
    let shown = if show { format!(" `{}`", value.escape_debug()) } else { String::new() };
    if !value.bytes().all(|b| b.is_ascii_digit()) {
        return Err(format!("the {what}{shown} has something else than digits"));
    }
    if value.len() < least || value.len() > most {
        return Err(format!("the {what}{shown} has {} digits, {least}-{most} are needed", value.len()));
    }
    Ok(())
}

fn bounded(what: &str, value: &str, most: usize) -> Result<(), String> {
    let chars = value.chars().count();
    if chars > most { Err(format!("the {what} has {chars} characters, {most} fit")) } else { Ok(()) }
}

/// Numbers that are never allocated nor accepted: single ones and ranges, compared as numbers of equal length.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reserved(pub Vec<(Text, Text)>);

impl Reserved {
    /// Tells whether a number is reserved.
    pub fn contains(&self, number: &str) -> bool {
        self.0
            .iter()
            .any(|(first, last)| number.len() == first.len() && number >= &**first && number <= &**last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for good in ["Anna Berg", "C Montgomery", "O'Neil 2", "1st Line", "fifteen chars 5", "J-P Roux"] {
            assert_eq!(name(good), Ok(()), "{good}");
        }
        for bad in [
            "",
            " Anna",
            "sixteen chars 16",
            "a,b",
            "a#b",
            "a\u{200B}b",
            "RemoteManager",
            "NOUSER",
            "Admin",
            "a\u{202E}b",
        ] {
            assert!(name(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn numbers() {
        for good in ["10", "2001", "0412", "111", "120", "9000"] {
            assert_eq!(extension(good), Ok(()), "{good}");
        }
        for bad in ["1", "1234567890123456", "12a", "112", "999", "9112", "0999", "9911", ""] {
            assert!(extension(bad).is_err(), "{bad}");
        }
        let allowed: Vec<String> =
            (108..=120).map(|n| n.to_string()).filter(|n| !emergency_number(n)).collect();
        assert_eq!(allowed, ["108", "109", "111", "114", "116", "120"]);
    }

    #[test]
    fn codes_stay_out_of_messages() {
        assert!(!login_code("12a4").unwrap_err().contains("12a4"));
        assert!(login_code("123").is_err());
        assert!(voicemail_code("").is_ok());
    }

    #[test]
    fn reserved_ranges_compare_numbers_of_equal_length() {
        let reserved = Reserved(vec![("2000".into(), "2000".into()), ("2500".into(), "2510".into())]);
        assert!(reserved.contains("2505"));
        assert!(!reserved.contains("25050"));
        assert!(!reserved.contains("2511"));
    }
}
