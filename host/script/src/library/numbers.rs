//! Telephone numbers as directories hold them: brackets, non-breaking spaces, extensions in many spellings.
//!
//! Google's metadata (`rlibphonenumber`) reads the number; rules run first for what it gets wrong (tried with some 35
//! inputs): a bare short number is an extension, localised extension words, two numbers in one attribute, letters.
//! A number counts when it is *possible* (its length fits its country), not only when it is *valid* (assigned), since
//! fictional and newly opened ranges are not in the metadata and a directory's number is dialled, not judged.

use rhai::{Dynamic, INT, ImmutableString, Module};
use rlibphonenumber::{NumberLengthType, PHONE_NUMBER_UTIL, PhoneNumber, PhoneNumberFormat, Region};
use unicode_normalization::UnicodeNormalization;

use super::{Answer, fail, one, texts, two};
use crate::limits::NUMBER_DIGITS_MAX;

/// The digits of a number that stands alone and is an extension.
const BARE_EXTENSION: std::ops::RangeInclusive<usize> = 2..=6;

/// How an extension is announced; the longer before the shorter. Compared in lower case.
const EXTENSION_WORDS: [&str; 24] = [
    ";ext=",
    "extension",
    "extensión",
    "durchwahl",
    "nebenstelle",
    "toestel",
    "anknytning",
    "interno",
    "poste",
    "doorkies",
    "ramal",
    "anexo",
    "linka",
    "extn.",
    "extn",
    "ext.",
    "nst.",
    "wew.",
    "int.",
    "ext",
    "dw.",
    "wew",
    "x",
    "#",
];

pub(super) fn module() -> Module {
    let mut module = Module::new();
    two(&mut module, "last_digits", last_digits_of);
    one(&mut module, "extension", extension_of);
    two(&mut module, "e164", e164_of);
    one(&mut module, "e164", |value| e164_of(value, &Dynamic::UNIT));
    module
}

fn answer(text: Option<String>) -> Dynamic {
    text.map_or(Dynamic::UNIT, |text| Dynamic::from(ImmutableString::from(text)))
}

fn last_digits_of(value: &Dynamic, digits: &Dynamic) -> Answer {
    let digits = digits.as_int().ok().and_then(|digits: INT| usize::try_from(digits).ok());
    let Some(digits) = digits.filter(|digits| (1..=NUMBER_DIGITS_MAX).contains(digits)) else {
        return fail(format!("`numbers::last_digits` takes a count of digits from 1 to {NUMBER_DIGITS_MAX}"));
    };
    let all = texts("numbers::last_digits", value)?;
    Ok(answer(all.iter().find_map(|text| last_digits(text, digits))))
}

fn extension_of(value: &Dynamic) -> Answer {
    let all = texts("numbers::extension", value)?;
    Ok(answer(all.iter().find_map(|text| extension(text))))
}

fn e164_of(value: &Dynamic, region: &Dynamic) -> Answer {
    let region = match region.as_immutable_string_ref() {
        _ if region.is_unit() => None,
        Ok(code) => match region_by_code(&code) {
            Some(region) => Some(region),
            None => return fail(format!("`{}` is no country; `GB`, `US` are", code.escape_debug())),
        },
        Err(thing) => {
            return fail(format!(
                "`numbers::e164` takes a country like `GB`, not {}",
                crate::failure::noun(thing)
            ));
        }
    };
    let all = texts("numbers::e164", value)?;
    Ok(answer(all.iter().find_map(|text| e164(text, region))))
}

/// Finds a country by its ISO 3166 code, in any case.
pub fn region_by_code(code: &str) -> Option<Region> {
    let region = Region::from_code(&code.trim().to_ascii_uppercase()).ok()?;
    // Any two letters make a `Region`; only a country has a calling code.
    PHONE_NUMBER_UTIL.get_country_code_for_region(region).map(|_| region)
}

/// Gives the last digits of a number, its extension left aside; `None` where it has fewer.
///
/// Where the number is nothing but an extension (`x1234`), its digits count.
pub fn last_digits(text: &str, count: usize) -> Option<String> {
    let clean = clean(text);
    let (number, _) = apart(&clean);
    let digits = digits_of(number);
    let digits = if digits.is_empty() { digits_of(&clean) } else { digits };
    digits.len().checked_sub(count).map(|start| digits[start..].to_owned())
}

/// Gives the extension that is written in a text: `x123`, `;ext=123`, `ext. 123`, a bare `1234`.
pub fn extension(text: &str) -> Option<String> {
    let clean = clean(text);
    if let (_, Some(extension)) = apart(&clean) {
        return Some(extension);
    }
    bare_extension(&clean).then(|| clean.trim().to_owned())
}

/// Gives a number in the form `+44…`; `None` where it is none, is an extension only, or its country is not known.
pub fn e164(text: &str, region: Option<Region>) -> Option<String> {
    let clean = clean(text);
    several(&clean).find_map(|part| {
        let number = parse(part, region)?;
        Some(PHONE_NUMBER_UTIL.format(&number, PhoneNumberFormat::E164).into_owned())
    })
}

/// Reads one number; `None` where it is none that could be dialled from abroad.
pub(crate) fn parse(text: &str, region: Option<Region>) -> Option<PhoneNumber> {
    let text = text.trim();
    let (number, _) = apart(text);
    let number = number.trim().trim_end_matches(['-', ',']).trim_end();
    let number = number.strip_prefix("tel:").unwrap_or(number);
    if bare_extension(number) || number.is_empty() || number.contains(char::is_alphabetic) {
        return None;
    }
    if region.is_none() && !number.trim_start_matches(['(', ' ']).starts_with('+') {
        return None;
    }
    let number = PHONE_NUMBER_UTIL.parse(number, region).ok()?;
    match PHONE_NUMBER_UTIL.is_possible_number_with_reason(&number) {
        Ok(NumberLengthType::IsPossible) => Some(number),
        Ok(NumberLengthType::IsPossibleLocalOnly) | Err(_) => None,
    }
}

/// Compatibility forms become plain ones, what cannot be seen goes, every white space becomes a space.
fn clean(text: &str) -> String {
    let seen = |c: char| !rollcall_core::constraint::invisible(c) || c.is_whitespace();
    text.nfkc()
        .filter(|c| seen(*c))
        .map(|c| if c.is_whitespace() { ' ' } else { c })
        .collect::<String>()
        .trim()
        .into()
}

fn digits_of(text: &str) -> String {
    text.chars().filter_map(|c| c.to_digit(10)).filter_map(|digit| char::from_digit(digit, 10)).collect()
}

fn bare_extension(text: &str) -> bool {
    let text = text.trim();
    BARE_EXTENSION.contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit())
}

/// The numbers of one attribute, which people part with `/`, `;` or `,`; parameters of a `tel:` are no numbers.
fn several(text: &str) -> impl Iterator<Item = &str> {
    let lower = text.to_lowercase();
    let one = lower.starts_with("tel:")
        || [";ext=", ";isub=", ";phone-context=", ",,"].iter().any(|p| lower.contains(p));
    text.split(move |c| !one && matches!(c, '/' | ';' | ',')).filter(|part| !part.trim().is_empty())
}

/// Parts a number from the extension behind it.
fn apart(text: &str) -> (&str, Option<String>) {
    let lower = text.to_lowercase();
    // Lower case may change lengths; then nothing is parted rather than at a wrong place.
    if lower.len() == text.len() {
        for word in EXTENSION_WORDS {
            let Some(at) = lower.find(word) else { continue };
            let before = lower[..at].chars().next_back();
            if before.is_some_and(char::is_alphabetic) {
                continue;
            }
            let rest = text.get(at + word.len()..).unwrap_or_default();
            let rest = rest.trim_start_matches([' ', ':', '.', '=']);
            let length = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
            let behind = rest[length..].trim_start_matches([' ', ')']);
            if (1..=NUMBER_DIGITS_MAX).contains(&length)
                && (behind.is_empty() || behind.starts_with([';', ',', '/']))
            {
                let number = text.get(..at).unwrap_or_default();
                return (number.trim_end_matches([' ', ',', ';', '(', '-']), Some(rest[..length].to_owned()));
            }
        }
        if let Some((number, rest)) = text.split_once(",,") {
            let digits = digits_of(rest);
            if !digits.is_empty() && digits.len() == rest.trim_end_matches('#').len() {
                return (number, Some(digits));
            }
        }
    }
    // `+49 (89) 636-48018 -123`: a space before the dash tells the extension from a group of digits.
    if let Some((number, rest)) = text.rsplit_once(" -")
        && BARE_EXTENSION.contains(&rest.trim().len())
        && rest.trim().bytes().all(|b| b.is_ascii_digit())
        && digits_of(number).len() >= 7
    {
        return (number, Some(rest.trim().to_owned()));
    }
    (text, None)
}
