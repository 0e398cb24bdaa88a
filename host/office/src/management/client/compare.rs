//! What an update has done, element by element.

use std::collections::BTreeMap;

use super::super::wire::{Item, plain};
use super::limits::NAMED_MAX;

/// Elements that change with every write.
const BOOKKEEPING: [&str; 2] = ["Etag", "Last-Modified"];

/// Elements that a phone system gives a new object by itself, whatever was sent.
const ASSIGNED: [&str; 5] = ["Id", "Module", "Port", "Etag", "Last-Modified"];

/// Gives what stands now and was not asked for, as one clause without values, for values may be codes. `sent` is
/// everything that was received before the write, with the planned elements (`planned`) changed.
///
/// An element that appears is no loss: a phone system may show what has come to mean something.
pub(super) fn unplanned(sent: &Item, planned: &BTreeMap<String, String>, after: &Item) -> Option<String> {
    let mut kept = Vec::new();
    let mut changed = Vec::new();
    let mut gone = Vec::new();
    let now = |name: &str| after.0.get(name).map(plain).unwrap_or_default();
    kept.extend(planned.iter().filter(|(name, text)| now(name) != **text).map(|(name, _)| name.as_str()));
    let others = sent
        .0
        .iter()
        .filter(|(name, _)| !planned.contains_key(*name) && !BOOKKEEPING.contains(&name.as_str()));
    for (name, value) in others {
        let before = plain(value);
        match after.0.get(name).map(plain) {
            Some(text) if text == before => {}
            None if before.is_empty() => {}
            Some(text) if !text.is_empty() => changed.push(name.as_str()),
            _ => gone.push(name.as_str()),
        }
    }
    let parts = [("lost", gone), ("changed", changed), ("did not take", kept)];
    let parts: Vec<String> = parts.into_iter().filter_map(|(what, names)| listed(what, &names)).collect();
    (!parts.is_empty()).then(|| parts.join("; "))
}

/// Gives what a new object shows otherwise than it was sent, as one clause without values. What is not shown at all may
/// be hidden from reads, and is not counted.
pub(super) fn differing(sent: &Item, after: &Item) -> Option<String> {
    let differs = |(name, value): &(&String, &serde_json::Value)| {
        let shown = after.0.get(*name).filter(|_| !ASSIGNED.contains(&name.as_str())).map(plain);
        shown.is_some_and(|shown| !shown.eq_ignore_ascii_case(&plain(value)))
    };
    let names: Vec<&str> = sent.0.iter().filter(differs).map(|(name, _)| name.as_str()).collect();
    listed("did not take", &names)
}

fn listed(what: &str, names: &[&str]) -> Option<String> {
    let first: Vec<String> = names.iter().take(NAMED_MAX).map(|name| format!("`{name}`")).collect();
    let more = names.len().saturating_sub(NAMED_MAX);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    (!names.is_empty()).then(|| format!("it {what} {}{more}", first.join(", ")))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn item(value: Value) -> Item {
        Item(value.as_object().unwrap().clone())
    }

    #[test]
    fn a_new_object_is_compared_as_far_as_it_shows() {
        let sent = json!({"Name": "Anna", "LoginCode": "4711", "On": true, "Password": "x"});
        for (after, expect) in [
            (json!({"Name": "Anna", "On": "true", "More": "y"}), None),
            (json!({"Name": "Anna", "LoginCode": "", "On": true}), Some("it did not take `LoginCode`")),
            (json!({"Name": "Bo", "On": false}), Some("it did not take `Name`, `On`")),
        ] {
            let found = differing(&item(sent.clone()), &item(after.clone()));
            assert_eq!(found.as_deref(), expect, "{after}");
        }
    }

    #[test]
    fn only_what_nobody_planned_is_told() {
        let sent = json!({"@GUID": "g", "FullName": "New", "On": true, "Nested": {"A": "1"}, "Empty": "", "Etag": "1"});
        let planned = [("FullName".to_owned(), "New".to_owned())].into();
        for (after, expect) in [
            (json!({"@GUID": "g", "FullName": "New", "On": "true", "Nested": {"A": "1"}, "Etag": "2"}), None),
            (json!({"@GUID": "g", "FullName": "New", "On": true, "Nested": {"A": "1"}, "More": "x"}), None),
            (json!({"@GUID": "g", "FullName": "New", "On": true}), Some("it lost `Nested`")),
            (json!({"@GUID": "g", "FullName": "New", "On": true, "Nested": ""}), Some("it lost `Nested`")),
            (
                json!({"@GUID": "g", "FullName": "New", "On": false, "Nested": {"A": "1"}}),
                Some("it changed `On`"),
            ),
            (
                json!({"@GUID": "g", "FullName": "Old", "Nested": {"A": "1"}}),
                Some("it lost `On`; it did not take `FullName`"),
            ),
        ] {
            assert_eq!(
                unplanned(&item(sent.clone()), &planned, &item(after.clone())).as_deref(),
                expect,
                "{after}"
            );
        }
    }
}
