//! From what an expression gave to a field's candidates: text, trimmed and in Unicode's composed form.

use rhai::{Array, Dynamic};
use rollcall_core::{Cell, Field, Secret, Text, Value};
use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfc_quick};

use crate::failure;

/// Why a value does not fit a field: the message and what to do.
pub(crate) type Misfit = (String, Option<&'static str>);

/// Makes candidates of an attribute that is mapped as it stands.
///
/// A whole number of the directory is taken even where digits count: it has no zero in front to lose.
pub(crate) fn of_cell(field: Field, cell: &Cell) -> Result<Vec<Value>, Misfit> {
    let mut out = Collector::new(field);
    match cell {
        Cell::None => {}
        Cell::Text(text) => out.text(text),
        Cell::Integer(number) => out.text(&number.to_string()),
        Cell::Boolean(yes) => out.text(&yes.to_string()),
        Cell::Bytes(_) => return Err(misfit("raw bytes")),
        Cell::Texts(texts) => out.list(texts.iter().map(|text| &**text)),
    }
    Ok(out.values())
}

/// Makes candidates of an expression's result.
pub(crate) fn of_result(field: Field, result: &Dynamic) -> Result<Vec<Value>, Misfit> {
    let mut out = Collector::new(field);
    if let Some(list) = result.read_lock::<Array>() {
        let mut texts = Vec::with_capacity(list.len());
        flatten(field, &list, &mut texts)?;
        out.list(texts.iter().map(String::as_str));
    } else if let Ok(text) = result.as_immutable_string_ref() {
        out.text(&text);
    } else if let Some(text) = single(field, result)? {
        out.text(&text);
    }
    Ok(out.values())
}

fn flatten(field: Field, list: &Array, out: &mut Vec<String>) -> Result<(), Misfit> {
    for item in list {
        match item.read_lock::<Array>() {
            Some(inner) => flatten(field, &inner, out)?,
            None => out.extend(single(field, item)?),
        }
    }
    Ok(())
}

/// A value that is no list as text; `None` where it is absent.
fn single(field: Field, value: &Dynamic) -> Result<Option<String>, Misfit> {
    if value.is_unit() {
        return Ok(None);
    }
    if let Ok(text) = value.as_immutable_string_ref() {
        return Ok(Some(text.to_string()));
    }
    if field.digits() && (value.is_int() || value.is_float()) {
        return Err(number_misfit());
    }
    if value.is_int() || value.is_float() || value.is_bool() || value.is_char() {
        return Ok(Some(value.to_string()));
    }
    Err(misfit(&failure::thing(value)))
}

/// What is said of a number where digits count.
pub(crate) fn number_misfit() -> Misfit {
    (
        "gives a number, and text is needed: a zero in front would be lost".into(),
        Some("text stands in double quotes of its own within the expression; else add `.to_string()`"),
    )
}

fn misfit(thing: &str) -> Misfit {
    (format!("gives {thing}, and text or a list of texts is needed"), None)
}

/// Trims, and composes what is decomposed.
pub(crate) fn tidy(text: &str) -> Option<Text> {
    let text = text.trim();
    if text.is_empty() {
        return None;
    }
    if text.is_ascii() || is_nfc_quick(text.chars()) == IsNormalized::Yes {
        return Some(text.into());
    }
    Some(text.nfc().collect::<String>().into())
}

struct Collector {
    field: Field,
    texts: Vec<Text>,
}

impl Collector {
    fn new(field: Field) -> Self {
        Self { field, texts: Vec::new() }
    }

    /// One text: for hunt groups, names between commas.
    fn text(&mut self, text: &str) {
        if self.field == Field::GroupMembership {
            self.list(text.split(','));
        } else {
            self.list([text]);
        }
    }

    fn list<'a>(&mut self, texts: impl IntoIterator<Item = &'a str>) {
        for text in texts.into_iter().filter_map(tidy) {
            if !self.texts.contains(&text) {
                self.texts.push(text);
            }
        }
    }

    fn values(self) -> Vec<Value> {
        if self.field == Field::GroupMembership {
            return Value::list_of(self.texts).into_iter().collect();
        }
        let secret = self.field.secret();
        let value = |text| if secret { Value::Secret(Secret::new(text)) } else { Value::Text(text) };
        self.texts.into_iter().map(value).collect()
    }
}
