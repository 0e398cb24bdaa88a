//! The texts that name a person, and how they leave what speaks of somebody else.

use std::collections::BTreeSet;

use serde_json::{Value, json};

/// What stands where a person stood.
pub const ERASED: &str = "(erased)";

/// A text at least so long, in bytes, names one person wherever it stands; a shorter one may be part of a word.
const SURE_BYTES: usize = 8;

/// The texts that name a person.
#[derive(Default)]
pub(crate) struct Names {
    /// Names one person wherever it stands.
    sure: BTreeSet<String>,
    /// Is a name only where it stands as a value of its own, in backticks.
    quoted: BTreeSet<String>,
}

impl Names {
    pub(crate) fn add(&mut self, text: &str) {
        if text.len() >= SURE_BYTES && text.chars().any(|c| !c.is_alphabetic()) && !text.contains(' ') {
            self.sure.insert(text.to_owned());
        } else if !text.is_empty() {
            self.quoted.insert(text.to_owned());
        }
    }

    /// Takes the person out of a sentence that speaks of somebody else.
    pub(crate) fn out_of(&self, text: &str) -> String {
        let mut out = text.to_owned();
        for name in &self.sure {
            out = without(&out, name);
        }
        for name in &self.quoted {
            out = out.replace(&format!("`{name}`"), &format!("`{ERASED}`"));
        }
        out
    }

    /// Takes the person out of the sentences of a JSON value; what is data of somebody else stays as it is.
    fn out_of_prose(&self, value: &mut Value, prose: bool) {
        match value {
            Value::String(text) if prose => *text = self.out_of(text),
            Value::Array(list) => list.iter_mut().for_each(|one| self.out_of_prose(one, prose)),
            Value::Object(map) => {
                for (key, one) in map {
                    self.out_of_prose(one, ["reason", "message", "hint"].contains(&key.as_str()));
                }
            }
            Value::String(_) | Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    pub(crate) fn out_of_body(&self, body: &str) -> String {
        let Ok(mut value) = serde_json::from_str::<Value>(body) else { return body.to_owned() };
        let before = value.clone();
        self.out_of_prose(&mut value, false);
        if value == before { body.to_owned() } else { value.to_string() }
    }

    fn is_one(&self, text: &str) -> bool {
        self.sure.contains(text) || self.quoted.contains(text)
    }
}

/// What is left of a change: an action that nothing applies or undoes.
pub(crate) fn emptied(directory: &str) -> String {
    json!({ "action": "skip", "directory": directory, "native": "", "key": ERASED, "reason": ERASED })
        .to_string()
}

/// What is left of the reasons of an outcome: their codes.
pub(crate) fn unsaid(kept: &str) -> String {
    let Ok(Value::Array(mut list)) = serde_json::from_str::<Value>(kept) else { return "[]".to_owned() };
    for one in &mut list {
        *one = stripped(one);
        if let Some(map) = one.as_object_mut() {
            map.remove("user");
            map.remove("hint");
        }
    }
    Value::Array(list).to_string()
}

/// Gathers the naming values of a body: the state's own shape, at any depth. `field`: the field whose value this is.
pub(crate) fn collect(value: &Value, field: Option<&str>, names: &mut Names) {
    match value {
        Value::Object(map) => {
            let own = map.get("field").and_then(Value::as_str);
            for (key, inner) in map {
                collect(
                    inner,
                    own.or(match key.as_str() {
                        "t" | "from" | "to" | "l" => field,
                        other => Some(other),
                    }),
                    names,
                );
            }
        }
        Value::Array(list) => match list.split_first() {
            // An update's pairs: `["email", {"t": …}]`.
            Some((Value::String(key), rest)) if list.len() == 2 => {
                rest.iter().for_each(|one| collect(one, Some(key), names))
            }
            _ => list.iter().for_each(|one| collect(one, field, names)),
        },
        Value::String(text) => {
            let naming = [
                "native",
                "key",
                "name",
                "full_name",
                "email",
                "mobile_twinning_number",
                "guid",
                "user_identification",
            ];
            if field.is_some_and(|field| naming.contains(&field)) {
                names.add(text);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Takes a person out of a run's document; `None` where it does not speak of them.
pub(crate) fn redacted(document: &str, names: &Names) -> Option<String> {
    let mut value: Value = serde_json::from_str(document).ok()?;
    let before = value.clone();
    let about = |line: &Value| {
        line.get("user_identification").and_then(Value::as_str).is_some_and(|key| names.is_one(key))
    };
    for list in ["changes", "diagnostics"] {
        if let Some(lines) = value.get_mut(list).and_then(Value::as_array_mut) {
            for line in lines.iter_mut().filter(|line| about(line)) {
                *line = stripped(line);
            }
        }
    }
    names.out_of_prose(&mut value, false);
    (value != before).then(|| serde_json::to_string_pretty(&value).unwrap_or_default() + "\n")
}

/// Keeps of a line what says nothing of a person.
fn stripped(line: &Value) -> Value {
    let keep = ["action", "status", "code", "severity", "system", "rule"];
    let mut out = serde_json::Map::new();
    for (key, value) in line.as_object().into_iter().flatten() {
        out.insert(
            key.clone(),
            match value {
                _ if keep.contains(&key.as_str()) => value.clone(),
                Value::String(_) => json!(ERASED),
                Value::Object(_) => json!({}),
                _ => Value::Null,
            },
        );
    }
    Value::Object(out)
}

/// Puts [`ERASED`] for a word wherever it stands by itself, and not inside a longer one.
fn without(text: &str, word: &str) -> String {
    let joins = |c: char| c.is_alphanumeric() || "@._-+".contains(c);
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(word) {
        let (before, after) = (&rest[..at], &rest[at + word.len()..]);
        out.push_str(before);
        let alone = !out.chars().next_back().is_some_and(joins) && !after.chars().next().is_some_and(joins);
        out.push_str(if alone { ERASED } else { word });
        rest = after;
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_leaves_sentences_and_nobody_elses_words() {
        let mut names = Names::default();
        for text in ["anna.berg@contoso.example", "Anna Berg", "Anna", "1001"] {
            names.add(text);
        }
        let check = |text: &str, expect: &str| assert_eq!(names.out_of(text), expect);
        check("the number `2001` is held by `Anna Berg`", "the number `2001` is held by `(erased)`");
        check("anna.berg@contoso.example: no", "(erased): no");
        check("joanna.berg@contoso.example", "joanna.berg@contoso.example");
        check("`Annabel Lee` has 1001 and Anna", "`Annabel Lee` has 1001 and Anna");
        check("`1001`", "`(erased)`");
    }

    #[test]
    fn a_document_loses_the_persons_lines_and_keeps_the_others() {
        let mut names = Names::default();
        names.add("1001");
        names.add("Anna Berg");
        let document = json!({ "changes": [
            { "action": "create", "user_identification": "1001", "name": "Anna Berg", "status": "applied", "fields": { "email": { "to": "a" } } },
            { "action": "skip", "user_identification": "1002", "name": "Anna Berg", "reason": "`Anna Berg` has it" } ] });
        let out: Value = serde_json::from_str(&redacted(&document.to_string(), &names).unwrap()).unwrap();
        assert_eq!(out["changes"][0]["name"], ERASED);
        assert_eq!(out["changes"][0]["fields"], json!({}));
        assert_eq!(out["changes"][0]["status"], "applied");
        assert_eq!(out["changes"][1]["name"], "Anna Berg", "a namesake's own data stays");
        assert_eq!(out["changes"][1]["reason"], "`(erased)` has it");
        assert_eq!(redacted(&json!({ "changes": [] }).to_string(), &names), None);
    }
}
