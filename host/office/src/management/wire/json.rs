//! The small questions that are asked of JSON values.

use serde_json::Value;

/// Gives a value as the text that an element holds: booleans and numbers come as values or as strings, and null, an
/// empty list and an empty object are nothing. What is nested gives its compact JSON.
pub(crate) fn plain(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Bool(flag) => flag.to_string(),
        Value::Number(number) => number.to_string(),
        Value::Array(list) if list.is_empty() => String::new(),
        Value::Object(map) if map.is_empty() => String::new(),
        Value::Object(map) if map.len() == 1 && map.contains_key("#text") => plain(&map["#text"]),
        Value::Array(_) | Value::Object(_) => value.to_string(),
    }
}

/// Gives the members of a list, or the single value that stands in its place.
pub(super) fn each(value: &Value) -> &[Value] {
    match value {
        Value::Array(list) => list,
        Value::Null => &[],
        single => std::slice::from_ref(single),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_read_as_the_text_of_an_element() {
        for (value, expect) in [
            (json!("2001"), "2001"),
            (json!(2001), "2001"),
            (json!(true), "true"),
            (json!(null), ""),
            (json!([]), ""),
            (json!({"#text": "x"}), "x"),
            (json!({"Item": ["a", "b"]}), r#"{"Item":["a","b"]}"#),
        ] {
            assert_eq!(plain(&value), expect);
        }
    }
}
