//! Cells from JSON, which most directories speak.

use serde_json::Value;

use crate::Cell;

impl Cell {
    /// Makes a text cell; empty text is [`Cell::None`], as the contract has it.
    pub fn text(text: impl Into<String>) -> Self {
        let text = text.into();
        if text.is_empty() { Self::None } else { Self::Text(text) }
    }

    /// Makes a cell of a JSON value.
    ///
    /// Null, empty text and an empty list are [`Cell::None`]. Numbers that are no 64-bit whole number and objects are
    /// text, objects as their JSON. A list becomes texts, its nulls left out.
    pub fn from_json(value: &Value) -> Self {
        match value {
            Value::Null => Self::None,
            Value::Bool(yes) => Self::Boolean(*yes),
            Value::Number(number) => match number.as_i64() {
                Some(whole) => Self::Integer(whole),
                None => Self::Text(number.to_string()),
            },
            Value::String(text) => Self::text(text.as_str()),
            Value::Array(items) => Self::from_texts(items.iter().filter_map(plain_text)),
            Value::Object(_) => Self::Text(value.to_string()),
        }
    }

    /// Makes a cell of several texts; none is [`Cell::None`].
    pub fn from_texts(texts: impl IntoIterator<Item = String>) -> Self {
        let texts: Vec<String> = texts.into_iter().collect();
        if texts.is_empty() { Self::None } else { Self::Texts(texts) }
    }
}

fn plain_text(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::Cell;

    #[test]
    fn json_becomes_cells() {
        let check = |value: serde_json::Value, expect: Cell| {
            assert_eq!(Cell::from_json(&value), expect, "{value}");
        };
        check(json!(null), Cell::None);
        check(json!(""), Cell::None);
        check(json!([]), Cell::None);
        check(json!("a"), Cell::Text("a".into()));
        check(json!(true), Cell::Boolean(true));
        check(json!(-7), Cell::Integer(-7));
        check(json!(1.5), Cell::Text("1.5".into()));
        check(json!(u64::MAX), Cell::Text("18446744073709551615".into()));
        check(json!(["a", null, 2]), Cell::Texts(vec!["a".into(), "2".into()]));
        check(json!({"a": 1}), Cell::Text("{\"a\":1}".into()));
    }
}
