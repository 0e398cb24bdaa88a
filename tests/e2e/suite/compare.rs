//! What came against what a case's files say: line by line, with a difference that can be read.

use std::path::Path;

use serde_json::{Map, Value};

/// Whether what came is written to the files instead of being compared.
pub(super) fn blessing() -> bool {
    std::env::var("ROLLCALL_BLESS").is_ok_and(|value| value == "1")
}

/// Compares lists of objects with a file of JSON lines. An object of the file must be part of the one that came in the
/// same place; its `reason` need only be a part of the text.
pub(super) fn lines(file: &Path, came: &[Value], kept: &[&str]) -> Result<(), String> {
    if blessing() {
        return bless(file, came, kept);
    }
    let name = file.file_name().unwrap().to_string_lossy();
    let text = std::fs::read_to_string(file).map_err(|error| format!("{name}: {error}"))?;
    let mut expected = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let object: Map<String, Value> =
            serde_json::from_str(line).map_err(|error| format!("{name}, line {}: {error}", number + 1))?;
        if let Some(key) = object.keys().find(|key| !kept.contains(&key.as_str())) {
            return Err(format!("{name}, line {}: `{key}` is not known", number + 1));
        }
        expected.push(object);
    }
    let mut wrong = Vec::new();
    for place in 0..expected.len().max(came.len()) {
        match (expected.get(place), came.get(place)) {
            (Some(expected), Some(came)) if holds(expected, came) => {}
            (Some(expected), Some(came)) => {
                let keys: Vec<&str> = expected.keys().map(String::as_str).collect();
                wrong.push(format!("- {}\n+ {}", Value::Object(expected.clone()), cut(came, &keys)));
            }
            (Some(expected), None) => wrong.push(format!("- {}", Value::Object(expected.clone()))),
            (None, came) => wrong.push(format!("+ {}", cut(came.unwrap_or(&Value::Null), kept))),
        }
    }
    if wrong.is_empty() { Ok(()) } else { Err(format!("{name} differs:\n{}", wrong.join("\n"))) }
}

fn holds(expected: &Map<String, Value>, came: &Value) -> bool {
    expected.iter().all(|(key, value)| match (key.as_str(), value.as_str()) {
        ("reason", Some(part)) => came[key].as_str().is_some_and(|text| text.contains(part)),
        _ => came.get(key).unwrap_or(&Value::Null) == value,
    })
}

fn cut(came: &Value, keys: &[&str]) -> Value {
    let pick = |key: &&str| Some(((*key).to_owned(), came.get(*key)?.clone()));
    Value::Object(keys.iter().filter_map(pick).collect())
}

/// Writes what came. Reasons that a person wrote into the file stay where they still hold.
fn bless(file: &Path, came: &[Value], kept: &[&str]) -> Result<(), String> {
    let before = std::fs::read_to_string(file).unwrap_or_default();
    let before: Vec<Value> = before.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let mut text = String::new();
    for one in came {
        let mut line = cut(one, kept);
        let object = line.as_object_mut().unwrap();
        let reason = object.remove("reason");
        object.retain(|_, value| !value.is_null() && *value != Value::Array(Vec::new()));
        let same = |other: &&Value| {
            ["action", "user_identification"].iter().all(|key| other.get(*key) == one.get(*key))
        };
        let part = before.iter().find(same).and_then(|other| other["reason"].as_str());
        let reason = reason.as_ref().and_then(Value::as_str);
        if let Some(part) = part.filter(|part| reason.is_some_and(|reason| reason.contains(part))) {
            object.insert("reason".into(), part.into());
        }
        text.push_str(&line.to_string());
        text.push('\n');
    }
    std::fs::write(file, text).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_line_holds_what_it_names_and_a_part_of_the_reason() {
        let came = json!({"action": "skip", "name": "Anna", "reason": "the name is taken by Reception"});
        let line = |value: Value| value.as_object().unwrap().clone();
        assert!(holds(&line(json!({"action": "skip", "reason": "Reception"})), &came));
        assert!(holds(&line(json!({"extension": null})), &came));
        assert!(!holds(&line(json!({"action": "create"})), &came));
        assert!(!holds(&line(json!({"reason": "Bert"})), &came));
    }
}
