//! The values of a test file: a user's attributes, and what is held against what was found.

use std::ops::Range;

use rollcall_core::{Cell, Record, RecordId, Text, codes};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{Answer, Entry, Mistake};

/// A table's entries in the order of the file.
pub(super) fn entries<'a>(table: &'a DeTable<'a>) -> Vec<Entry<'a>> {
    let mut entries: Vec<Entry<'a>> =
        table.iter().map(|(key, value)| (key.get_ref().as_ref(), key.span(), value)).collect();
    entries.sort_by_key(|(_, bytes, _)| bytes.start);
    entries
}

/// Makes a record of `user = {…}`, or says what is wrong with it.
pub(super) fn record(user: &Spanned<DeValue<'_>>, native: String) -> Result<Record, (String, Range<usize>)> {
    let Some(table) = user.get_ref().as_table() else {
        return Err(("`user` is a table of attributes".into(), user.span()));
    };
    let mut columns: Vec<Text> = Vec::new();
    let mut cells = Vec::new();
    for (key, _, value) in entries(table) {
        columns.push(key.into());
        cells.push(cell(key, value)?);
    }
    let id = RecordId { directory: "test".into(), native: native.into() };
    Ok(Record { id, columns: columns.into(), cells: cells.into() })
}

fn cell(key: &str, value: &Spanned<DeValue<'_>>) -> Result<Cell, (String, Range<usize>)> {
    let wrong = || (format!("`{key}` is text, a number, true or false, or a list of texts"), value.span());
    Ok(match value.get_ref() {
        DeValue::Integer(_) => {
            Cell::Integer(scalar(value).and_then(|text| text.parse().ok()).ok_or_else(wrong)?)
        }
        DeValue::Boolean(yes) => Cell::Boolean(*yes),
        DeValue::Array(list) => {
            let texts: Option<Vec<Text>> = list.iter().map(|item| scalar(item).map(Text::from)).collect();
            Cell::Texts(texts.ok_or_else(wrong)?.into())
        }
        DeValue::Table(_) => return Err(wrong()),
        DeValue::String(_) | DeValue::Float(_) | DeValue::Datetime(_) => {
            Cell::Text(scalar(value).ok_or_else(wrong)?.into())
        }
    })
}

/// A single value as text.
fn scalar(value: &Spanned<DeValue<'_>>) -> Option<String> {
    match value.get_ref() {
        DeValue::String(text) => Some(text.to_string()),
        DeValue::Integer(number) => {
            i64::from_str_radix(number.as_str(), number.radix()).ok().map(|number| number.to_string())
        }
        DeValue::Float(number) => Some(number.as_str().to_owned()),
        DeValue::Boolean(yes) => Some(yes.to_string()),
        DeValue::Datetime(time) => Some(time.to_string()),
        DeValue::Array(_) | DeValue::Table(_) => None,
    }
}

/// Holds what was found against what is expected: one value is the first, a list is all of them.
pub(super) fn compare(
    label: &str,
    key: &str,
    expected: &Spanned<DeValue<'_>>,
    found: &[String],
) -> Option<Mistake> {
    let wrong = |expected: String, found: &[String]| {
        let message = format!("{label}: `{key}` is {}, expected {expected}", shown(found));
        Some((codes::RULE_TEST_FAILED, message))
    };
    let mistake = match expected.get_ref() {
        DeValue::Boolean(false) if found.is_empty() => None,
        DeValue::Array(list) => {
            let wanted: Vec<String> = list.iter().filter_map(scalar).collect();
            if wanted == found { None } else { wrong(shown(&wanted), found) }
        }
        _ => match scalar(expected) {
            None => Some((codes::JOB_BAD_VALUE, format!("{label}: `{key}` is text or a list of texts"))),
            Some(text) if text.trim().is_empty() && found.is_empty() => None,
            Some(text) if found.first() == Some(&text) => None,
            Some(text) => wrong(shown(&[text]), found.get(..1).unwrap_or_default()),
        },
    };
    mistake.map(|(code, message)| (code, message, expected.span()))
}

fn shown(values: &[String]) -> String {
    match values {
        [] => "not set".into(),
        [one] if one.is_empty() => "not set".into(),
        [one] => format!("`{}`", one.escape_debug()),
        many => many.iter().map(|value| format!("`{}`", value.escape_debug())).collect::<Vec<_>>().join(", "),
    }
}

pub(super) fn expect_error(label: &str, expected: &Spanned<DeValue<'_>>, answer: &Answer) -> Option<String> {
    let Some(part) = expected.get_ref().as_str() else {
        return Some(format!("{label}: `error` is a part of the message"));
    };
    let messages: Vec<&str> = answer.errors.iter().map(|error| error.message.as_str()).collect();
    if messages.iter().any(|message| message.contains(part)) {
        return None;
    }
    let part = part.escape_debug();
    Some(match messages.as_slice() {
        [] => format!("{label}: the user is not skipped, expected an error with `{part}`"),
        some => format!("{label}: the error is `{}`, expected one with `{part}`", some.join("; ")),
    })
}
