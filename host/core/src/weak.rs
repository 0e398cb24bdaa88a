//! Codes that are easy to guess: repeats, runs, and what everybody can look up about the user.
//!
//! A code that the operator maps is warned of; a code that is drawn is drawn again.

use std::collections::{BTreeMap, BTreeSet};

use crate::codes;
use crate::diag::Diagnostic;
use crate::field::{Field, Fields, Value};
use crate::provision::Desired;
use crate::record::{Cell, Record};
use crate::script::Candidates;
use crate::text::{Text, fold};

/// From how many digits on the part of a public number is a bad code. Shorter ones are part of nearly every number.
const PART_DIGITS_MIN: usize = 4;

/// How the names of attributes end that hold codes and are not public. `postalCode` is public.
const CODE_ENDINGS: [&str; 8] =
    ["pin", "passcode", "password", "secret", "logincode", "voicemailcode", "accesscode", "securitycode"];

/// What anybody can look up about a user.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Public(Vec<Known>);

/// One public value.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Known {
    /// What holds it.
    name: Text,
    /// Its digits.
    digits: String,
    /// Whether it is written as a number, so that people know parts of it: its last digits, say.
    number: bool,
}

impl Public {
    /// Adds a value: all its digits, and for an e-mail address those in front of the `@`.
    pub fn add(&mut self, name: &Text, value: &str) {
        let local = value.split_once('@').map_or(value, |(local, _)| local);
        let digits: String = local.chars().filter(char::is_ascii_digit).collect();
        if !digits.is_empty() {
            let number = !local.chars().any(char::is_alphabetic);
            self.0.push(Known { name: name.clone(), digits, number });
        }
    }

    /// Adds the text of fields, which plans show to everybody.
    pub fn add_fields(&mut self, fields: &Fields) {
        for (field, value) in fields {
            if let Value::Text(text) = value {
                self.add(&field.key().into(), text);
            }
        }
    }

    fn of(record: &Record, key: &str, fields: &Candidates) -> Self {
        let mut public = Public::default();
        public.add(&Field::UserIdentification.key().into(), key);
        for (name, cell) in record.iter().filter(|(name, _)| !holds_code(name)) {
            match cell {
                Cell::Text(text) => public.add(name, text),
                Cell::Integer(number) => public.add(name, &number.to_string()),
                Cell::Texts(texts) => texts.iter().for_each(|text| public.add(name, text)),
                Cell::None | Cell::Boolean(_) | Cell::Bytes(_) => {}
            }
        }
        for (field, values) in fields {
            let name: Text = field.key().into();
            values.iter().filter_map(Value::text).for_each(|text| public.add(&name, text));
        }
        public
    }
}

/// Tells whether an attribute's name says that it holds a code.
fn holds_code(name: &str) -> bool {
    let name: String = fold(name).chars().filter(|c| c.is_alphanumeric()).collect();
    CODE_ENDINGS.iter().any(|ending| name.ends_with(ending))
}

/// Why a code is easy to guess.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Weakness {
    /// `1111`, `121212`.
    Repeats,
    /// `1234`, `9876`.
    Runs,
    /// The extension, or the end of what somebody can look up, by its name.
    Known(Text),
}

impl Weakness {
    /// Says what is wrong, for the sentence "the `login_code` of 3 new users …". The code stays out of it.
    fn clause(&self) -> String {
        match self {
            Weakness::Repeats => "repeats itself".into(),
            Weakness::Runs => "is a run of digits".into(),
            Weakness::Known(name) => format!("equals `{name}` or its last digits"),
        }
    }
}

/// Tells why a mapped code is easy to guess.
pub fn weakness(code: &str, public: &Public) -> Option<Weakness> {
    if repeats(code) {
        return Some(Weakness::Repeats);
    }
    if runs(code) {
        return Some(Weakness::Runs);
    }
    let part = |known: &Known| known.number && code.len() >= PART_DIGITS_MIN && known.digits.ends_with(code);
    let known = public.0.iter().find(|known| known.digits == code || part(known));
    known.map(|known| Weakness::Known(known.name.clone()))
}

/// Tells whether a drawn code must be drawn again: it is weak, or stands anywhere in what is public.
pub fn guessable(code: &str, public: &Public) -> bool {
    let part = |known: &Known| known.number && code.len() >= PART_DIGITS_MIN && known.digits.contains(code);
    repeats(code) || runs(code) || public.0.iter().any(|known| known.digits == code || part(known))
}

/// Tells whether a code is a shorter one several times over.
fn repeats(code: &str) -> bool {
    let bytes = code.as_bytes();
    (1..=bytes.len() / 2).any(|period| {
        bytes.len().is_multiple_of(period) && bytes.chunks(period).all(|chunk| chunk == &bytes[..period])
    })
}

/// Tells whether each digit follows the one before it, up or down, 0 after 9 as on a keypad.
fn runs(code: &str) -> bool {
    let bytes = code.as_bytes();
    let step = |by: u8| {
        bytes.windows(2).all(|pair| (pair[1].wrapping_sub(b'0') + 10 - pair[0].wrapping_sub(b'0')) % 10 == by)
    };
    bytes.len() > 1 && bytes.iter().all(u8::is_ascii_digit) && (step(1) || step(9))
}

/// Finds what is weak about a new user's mapped codes, while its record is at hand.
pub(crate) fn of_mapped(record: &Record, key: &str, fields: &Candidates) -> Vec<(Field, Weakness)> {
    let code = |field: Field| match fields.get(&field)?.first()? {
        Value::Secret(code) => Some((field, code.clone())),
        _ => None,
    };
    let mapped: Vec<_> = [Field::LoginCode, Field::VoicemailCode].into_iter().filter_map(code).collect();
    if mapped.is_empty() {
        return Vec::new();
    }
    let public = Public::of(record, key, fields);
    mapped.into_iter().filter_map(|(field, code)| Some((field, weakness(code.expose(), &public)?))).collect()
}

/// Counts weak codes of new users, so that thousands of them make one warning.
#[derive(Default)]
pub(crate) struct Tally {
    weak: BTreeMap<(Field, Weakness), usize>,
    /// How many users have a mapped code, and which codes, up to two.
    seen: BTreeMap<Field, (usize, BTreeSet<Text>)>,
}

impl Tally {
    /// Counts a new user.
    pub(crate) fn count(&mut self, desired: &Desired) {
        for field in [Field::LoginCode, Field::VoicemailCode] {
            let Some(Value::Secret(code)) = desired.fields.get(&field) else { continue };
            let seen = self.seen.entry(field).or_default();
            seen.0 += 1;
            if seen.1.len() < 2 {
                seen.1.insert(code.expose().into());
            }
            let found = desired.draft.weak.iter().find(|(other, _)| *other == field);
            // The number may come from a rule, which the record does not know.
            let weak = found.map(|(_, weak)| weak.clone()).or_else(|| {
                let mut public = Public::default();
                public.add_fields(&desired.fields);
                weakness(code.expose(), &public)
            });
            if let Some(weak) = weak {
                *self.weak.entry((field, weak)).or_default() += 1;
            }
        }
    }

    /// Gives the warnings. They have no place: the line of the job file may be the code itself.
    pub(crate) fn warnings(self) -> Vec<Diagnostic> {
        let same = self.seen.into_iter().filter(|(_, (users, codes))| *users > 1 && codes.len() == 1);
        let same = same.map(|(field, (users, _))| (field, users, "is the same for all of them".to_owned()));
        let weak = self.weak.into_iter().map(|((field, weak), users)| (field, users, weak.clause()));
        same.chain(weak)
            .map(|(field, users, clause)| {
                let users = if users == 1 { "a new user".into() } else { format!("{users} new users") };
                warning(format!("the `{}` of {users} {clause}", field.key()), field)
            })
            .collect()
    }
}

/// Warns of a code that stands in the job file itself, so that every user gets it.
pub fn same_for_all(field: Field, code: &str) -> Diagnostic {
    let weak = weakness(code, &Public::default()).map(|weak| format!(", and {}", weak.clause()));
    let message = format!("the `{}` is the same for all users{}", field.key(), weak.unwrap_or_default());
    warning(message, field)
}

fn warning(message: String, field: Field) -> Diagnostic {
    let hint = format!("draw it: `{} = {{ random = 6 }}` and `[handover]`", field.key());
    Diagnostic::warning(codes::CODE_WEAK, message).hint(hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn public(values: &[(&str, &str)]) -> Public {
        let mut public = Public::default();
        values.iter().for_each(|(name, value)| public.add(&Text::from(*name), value));
        public
    }

    #[test]
    fn repeats_and_runs() {
        for (code, expect) in [
            ("1111", Some(Weakness::Repeats)),
            ("121212", Some(Weakness::Repeats)),
            ("123123", Some(Weakness::Repeats)),
            ("22", Some(Weakness::Repeats)),
            ("1234", Some(Weakness::Runs)),
            ("9876", Some(Weakness::Runs)),
            ("78901", Some(Weakness::Runs)),
            ("3210", Some(Weakness::Runs)),
            ("1235", None),
            ("12121", None),
            ("2580", None),
            ("7", None),
            ("", None),
        ] {
            assert_eq!(weakness(code, &Public::default()), expect, "{code}");
        }
    }

    #[test]
    fn what_anybody_can_look_up() {
        let public = public(&[
            ("extension", "2081"),
            ("mail", "anna4711@4812.example"),
            ("businessPhones", "+44 20 7946-0958"),
            ("employeeId", "E-30817"),
        ]);
        for (code, expect) in [
            ("2081", Some("extension")),
            ("4711", Some("mail")),
            ("0958", Some("businessPhones")),
            ("30817", Some("employeeId")),
            ("0817", None),
            ("958", None),
            ("4812", None),
            ("7946", None),
        ] {
            let found = weakness(code, &public);
            assert_eq!(found, expect.map(|name| Weakness::Known(name.into())), "{code}");
        }
        assert!(guessable("7946", &public), "a drawn code is no part of a number either");
        assert!(!guessable("958", &public) && !guessable("6180", &public));
    }

    #[test]
    fn attributes_that_hold_codes_are_not_public() {
        for name in ["pin", "Voicemail-PIN", "initialPin", "extensionAttribute_secret", "loginCode"] {
            assert!(holds_code(name), "{name}");
        }
        for name in ["shipping", "postalCode", "employeeId", "pinboard", "code"] {
            assert!(!holds_code(name), "{name}");
        }
    }

    #[test]
    fn a_code_in_the_job_file_is_warned_of_and_not_shown() {
        let found = same_for_all(Field::LoginCode, "987654");
        assert_eq!(found.message, "the `login_code` is the same for all users, and is a run of digits");
        assert!(!format!("{found:?}").contains("987654"));
    }
}
