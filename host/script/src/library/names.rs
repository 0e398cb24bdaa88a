//! Names that a telephone can show: at most 15 characters of plain ASCII, in order of preference.
//!
//! IP Office allows letters, digits and spaces (Web Manager's help); `.`, `'` and `-` are known to be kept and are
//! left in. Accents are mapped with `deunicode` (`ü` -> `u`, not `ue`), which is for display only, never for identity.

use rhai::{Dynamic, ImmutableString, Module};
use rollcall_core::constraint::{self, NAME_CHARS_MAX};
use unicode_normalization::UnicodeNormalization;

use super::Answer;
use crate::input::User;

/// The highest number that is appended to a name.
const NUMBERED_MAX: usize = 9;

/// Attributes that `names::phone_name(user)` looks at, where the directory has them.
pub(crate) const ATTRIBUTES: [&str; 5] = ["displayName", "cn", "givenName", "surname", "sn"];

pub(super) fn module() -> Module {
    let mut module = Module::new();
    super::one(&mut module, "phone_name", of);
    module
}

fn of(value: &Dynamic) -> Answer {
    let names = match value.read_lock::<User>() {
        Some(user) => of_user(&user),
        None => {
            match super::texts("names::phone_name", value)?.into_iter().find(|text| !text.trim().is_empty()) {
                Some(text) => phone_names(&text, None),
                None => Vec::new(),
            }
        }
    };
    if names.is_empty() {
        return Ok(Dynamic::UNIT);
    }
    Ok(Dynamic::from_array(
        names.into_iter().map(|name| Dynamic::from(ImmutableString::from(name))).collect(),
    ))
}

fn of_user(user: &User) -> Vec<String> {
    let text = |name: &str| user.text(name).filter(|text| !text.trim().is_empty());
    let given = text("givenName");
    let surname = text("surname").or_else(|| text("sn"));
    let whole = text("displayName").or_else(|| text("cn"));
    match (whole, given, surname) {
        (Some(whole), Some(given), Some(surname)) => phone_names(&whole, Some((&given, &surname))),
        (Some(whole), ..) => phone_names(&whole, None),
        (None, Some(given), Some(surname)) => {
            phone_names(&format!("{given} {surname}"), Some((&given, &surname)))
        }
        (None, Some(one), None) | (None, None, Some(one)) => phone_names(&one, None),
        (None, None, None) => Vec::new(),
    }
}

/// Gives candidates for a Name from a person's name and, where they are known, its given name and surname.
///
/// In order: the whole name; the initial and the surname; the same cut to 15 characters; what stands in brackets
/// kept; then the first of these with the numbers 2 to 9.
pub fn phone_names(name: &str, parts: Option<(&str, &str)>) -> Vec<String> {
    let (name, suffix) = without_brackets(name);
    let turned = turned(&name);
    let whole = plain(&turned);
    let (given, surname) = match parts {
        Some((given, surname)) => (plain(given), plain(surname)),
        None => split(&whole),
    };
    let mut found = Candidates::default();
    found.add(whole.clone());
    if let Some(initial) = given.chars().find(char::is_ascii_alphanumeric).filter(|_| !surname.is_empty()) {
        found.add(format!("{initial} {surname}"));
        if let Some((_, last)) = surname.rsplit_once(' ') {
            found.add(format!("{initial} {last}"));
        }
        found.add(cut(&format!("{initial} {surname}"), NAME_CHARS_MAX));
    }
    if found.0.is_empty() {
        found.add(cut(&whole, NAME_CHARS_MAX));
    }
    if !suffix.is_empty() {
        found.add(plain(&format!("{turned} {suffix}")));
    }
    found.numbered(&cut(&whole, NAME_CHARS_MAX));
    found.0
}

#[derive(Default)]
struct Candidates(Vec<String>);

impl Candidates {
    /// Keeps a candidate that the phone system takes and that does not stand yet; names differ by more than case.
    fn add(&mut self, name: String) {
        if constraint::name(&name).is_ok() && !self.0.iter().any(|old| old.eq_ignore_ascii_case(&name)) {
            self.0.push(name);
        }
    }

    /// Adds numbered names; `else_base` serves where no candidate stands because it is a built-in user's.
    fn numbered(&mut self, else_base: &str) {
        let base = self.0.first().map_or(else_base, String::as_str).to_owned();
        if base.is_empty() {
            return;
        }
        // What is valid stays valid with a number, and no built-in user has one: only repetition is left to check.
        let base = cut(&base, NAME_CHARS_MAX - 2);
        for number in 2..=NUMBERED_MAX {
            let name = format!("{base} {number}");
            if !self.0.contains(&name) {
                self.0.push(name);
            }
        }
    }
}

/// `Berg, Anna` -> `Anna Berg`; a second comma is left to the cleaning.
fn turned(name: &str) -> String {
    match name.split_once(',') {
        Some((surname, given)) if !surname.trim().is_empty() && !given.trim().is_empty() => {
            format!("{} {}", given.trim(), surname.trim())
        }
        _ => name.to_owned(),
    }
}

/// Takes what stands in brackets out of a name, and gives it apart.
fn without_brackets(name: &str) -> (String, String) {
    let (mut outside, mut inside, mut depth) = (String::new(), String::new(), 0usize);
    for c in name.chars() {
        match c {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth = depth.saturating_sub(1),
            _ if depth > 0 => inside.push(c),
            _ => outside.push(c),
        }
    }
    if outside.trim().is_empty() { (inside, String::new()) } else { (outside, inside) }
}

/// Given name and surname of a whole name: the first word and the rest.
fn split(whole: &str) -> (String, String) {
    match whole.split_once(' ') {
        Some((given, surname)) => (given.to_owned(), surname.to_owned()),
        None => (String::new(), String::new()),
    }
}

/// Makes plain ASCII of a text: accents go, what separates becomes a space, all else is left out.
fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.nfc() {
        match c {
            _ if c.is_ascii_alphanumeric() || matches!(c, '.' | '\'' | '-') => out.push(c),
            '\u{2018}' | '\u{2019}' | '\u{02BC}' | '\u{00B4}' | '`' => out.push('\''),
            '\u{2010}'..='\u{2015}' | '\u{2212}' => out.push('-'),
            _ if c.is_whitespace() || "/_,;:&|+@\\".contains(c) => out.push(' '),
            _ if c.is_alphanumeric() => {
                let ascii = deunicode::deunicode_char(c).unwrap_or_default();
                out.extend(
                    ascii.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '\'' | '-' | ' ')),
                );
            }
            _ => {}
        }
    }
    let words: Vec<&str> =
        out.split(' ').filter(|word| word.chars().any(|c| c.is_ascii_alphanumeric())).collect();
    words.join(" ")
}

/// Cuts to a number of characters, without a space, dot or dash left at the end.
fn cut(text: &str, chars: usize) -> String {
    let cut: String = text.chars().take(chars).collect();
    if cut.len() == text.len() { cut } else { cut.trim_end_matches([' ', '.', '-', '\'']).to_owned() }
}
