//! An answer or a request body, read by its content and never by its label: JSON is seen labelled as XML (P1).

use serde_json::{Map, Value};

use super::json::{each, plain};
use super::limits::{ERROR_CHARS_MAX, ITEMS_MAX};
use super::xml::{self, below};
use super::{Item, Kind};

/// What a body is.
#[derive(Debug)]
pub(crate) enum Content {
    /// Nothing at all.
    Empty,
    /// A page for people: the login page, as a rule.
    Page,
    /// An envelope.
    Answer(Answer),
}

/// An envelope that was read.
#[derive(Debug)]
pub(crate) struct Answer {
    tree: Value,
}

/// Reads a body. Fails with one clause on what is neither JSON nor XML.
pub(crate) fn read(body: &[u8]) -> Result<Content, String> {
    let text = std::str::from_utf8(body).map_err(|_| "it is no UTF-8".to_owned())?;
    let text = text.trim_start_matches('\u{feff}').trim();
    let parsed = |tree| Ok(Content::Answer(Answer { tree }));
    match text.as_bytes().first() {
        None => Ok(Content::Empty),
        Some(b'{' | b'[') => parsed(json(text)?),
        Some(b'<') if is_page(text) => Ok(Content::Page),
        Some(b'<') => parsed(xml::parse(text).map_err(|why| format!("it is no XML: {why}"))?),
        Some(_) => Err("it is neither JSON nor XML".into()),
    }
}

/// Reads JSON. The parser's own words are left out: they quote the text, and the text may hold codes.
fn json(text: &str) -> Result<Value, String> {
    serde_json::from_str(text)
        .map_err(|error| format!("it is no JSON at line {}, column {}", error.line(), error.column()))
}

fn is_page(text: &str) -> bool {
    let head: String = text.chars().take(15).flat_map(char::to_lowercase).collect();
    head.starts_with("<!doctype html") || head.starts_with("<html")
}

impl Answer {
    /// Gives the reason where the phone system said no, which it does with HTTP 200 and status "0" (P1).
    pub(crate) fn refusal(&self) -> Option<String> {
        let status = ["@status", "status"].into_iter().find_map(|key| self.tree.get("response")?.get(key));
        let errors: Vec<&Value> = self.objects().iter().filter_map(|object| object.get("SMAError")).collect();
        if status.is_none_or(|status| plain(status) != "0") && errors.is_empty() {
            return None;
        }
        let told = errors.iter().flat_map(|error| {
            let inner = below(error, &["error"]);
            let inner = if inner.is_empty() { vec![*error] } else { inner };
            inner.into_iter().filter_map(|error| error.get("error_desc").map(plain))
        });
        let told: Vec<String> = told.filter(|text| !text.is_empty()).collect();
        let told = if told.is_empty() { "it gave no reason".to_owned() } else { told.join("; ") };
        Some(told.chars().filter(|c| !c.is_control()).take(ERROR_CHARS_MAX).collect())
    }

    /// Tells whether this is an envelope of the Management API at all, so that a stranger's JSON is no empty list.
    pub(crate) fn is_envelope(&self) -> bool {
        let response = self.tree.get("response");
        let inside = |value: &Value| {
            ["@status", "status", "data", "ws_object"].iter().any(|key| value.get(key).is_some())
        };
        response.is_some_and(inside)
            || self.tree.get("data").is_some()
            || self.tree.get("ws_object").is_some()
    }

    /// Gives the objects of one kind. Fails on a shape that has not been seen: an object left out would look deleted.
    pub(crate) fn items(&self, kind: Kind) -> Result<Vec<Item>, String> {
        let mut items = Vec::new();
        for object in self.objects() {
            let Some(value) = object.get(kind.element()) else { continue };
            match value {
                Value::Array(pair) if kind == Kind::Extension && is_pair(pair) => items.push(of_pair(pair)),
                _ => {
                    for one in each(value) {
                        items.push(of_object(kind, one).ok_or_else(|| unseen(kind))?);
                    }
                }
            }
            if items.len() > ITEMS_MAX {
                return Err(format!("it holds more than {ITEMS_MAX} objects"));
            }
        }
        Ok(items)
    }

    /// Every `ws_object`, wherever it has been seen. The top-level one is the odd list of an older release (P2).
    fn objects(&self) -> Vec<&Value> {
        let places: [&[&str]; 4] = [
            &["response", "data", "ws_object"],
            &["response", "ws_object"],
            &["data", "ws_object"],
            &["ws_object"],
        ];
        let roots = each(&self.tree);
        roots.iter().flat_map(|root| places.into_iter().flat_map(move |place| below(root, place))).collect()
    }
}

/// Tells an extension of the older release, `[{"@GUID": …}, "201"]`, from a list of extensions.
fn is_pair(list: &[Value]) -> bool {
    matches!(list, [Value::Object(_), Value::String(_) | Value::Number(_)])
}

fn of_pair(pair: &[Value]) -> Item {
    let mut map = pair.first().and_then(Value::as_object).cloned().unwrap_or_default();
    map.insert("Extension".into(), pair.get(1).map(plain).unwrap_or_default().into());
    Item(map)
}

/// XML with an attribute and text only, `<Extension GUID="…">201</Extension>`, is the same pair.
fn of_object(kind: Kind, value: &Value) -> Option<Item> {
    let mut map: Map<String, Value> = value.as_object()?.clone();
    if kind == Kind::Extension
        && let Some(text) = map.remove("#text")
    {
        map.insert("Extension".into(), text);
    }
    Some(Item(map))
}

fn unseen(kind: Kind) -> String {
    format!("a `{}` in a shape that is not known", kind.element())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(body: &str) -> Answer {
        match read(body.as_bytes()).unwrap() {
            Content::Answer(answer) => answer,
            other => panic!("{other:?}"),
        }
    }

    fn names(body: &str) -> Vec<(String, String)> {
        let items = answer(body).items(Kind::User).unwrap();
        items.iter().map(|item| (item.guid().unwrap().to_string(), item.text("Name").unwrap())).collect()
    }

    #[test]
    fn users_are_read_in_every_shape_that_was_seen() {
        let two = [("g1".to_owned(), "A".to_owned()), ("g2".to_owned(), "B".to_owned())];
        for (body, expect) in [
            (
                r#"{"response":{"@status":"1","data":{"ws_object":[{"User":{"@GUID":"g1","Name":"A"}},{"User":{"@GUID":"g2","Name":"B"}}]}}}"#,
                2,
            ),
            (r#"{"response":{"@status":"1","data":{"ws_object":{"User":{"@GUID":"g1","Name":"A"}}}}}"#, 1),
            (
                r#"{"response":{"data":{"ws_object":{"User":[{"GUID":"g1","Name":"A"},{"GUID":"g2","Name":"B"}]}}}}"#,
                2,
            ),
            (r#"{"data":{"ws_object":{"User":{"@GUID":"g1","Name":"A"}}}}"#, 1),
            (
                "<response status='1'><data><ws_object><User GUID='g1'><Name>A</Name></User></ws_object><ws_object><User GUID='g2'><Name>B</Name></User></ws_object></data></response>",
                2,
            ),
            (
                "<response status=\"1\"><data><ws_object><User GUID='g1'><Name>A</Name></User><User GUID='g2'><Name>B</Name></User></ws_object></data></response>",
                2,
            ),
            (r#"{"response":{"@status":"1","data":{"ws_object":[]}}}"#, 0),
            ("<response status='1'><data></data></response>", 0),
        ] {
            assert_eq!(names(body), two[..expect], "{body}");
            assert!(answer(body).is_envelope() && answer(body).refusal().is_none(), "{body}");
        }
    }

    #[test]
    fn the_odd_extension_list_is_read() {
        let body = r#"{"response":{"data":{"ws_object":{"Extension":[{"@GUID":"e1"},"201"]}}},
                       "ws_object":[{"Extension":[{"@GUID":"e2"},"202"]},{"Extension":{"@GUID":"e3","Extension":203}}]}"#;
        let items = answer(body).items(Kind::Extension).unwrap();
        let seen: Vec<_> =
            items.iter().map(|item| (item.guid().unwrap(), item.text("Extension").unwrap())).collect();
        assert_eq!(
            seen,
            [("e1".into(), "201".into()), ("e2".into(), "202".into()), ("e3".into(), "203".into())]
        );

        let xml =
            "<response><data><ws_object><Extension GUID='e1'>201</Extension></ws_object></data></response>";
        assert_eq!(answer(xml).items(Kind::Extension).unwrap()[0].text("Extension").as_deref(), Some("201"));
    }

    #[test]
    fn a_shape_that_was_never_seen_is_an_error_and_no_gap() {
        for body in [
            r#"{"response":{"data":{"ws_object":[{"User":"g1"}]}}}"#,
            r#"{"response":{"data":{"ws_object":[{"User":[{"@GUID":"g1"},"A"]}]}}}"#,
        ] {
            assert!(answer(body).items(Kind::User).is_err(), "{body}");
        }
        assert!(!answer(r#"{"error":"no"}"#).is_envelope());
    }

    #[test]
    fn status_zero_is_a_refusal_with_its_text() {
        for (body, expect) in [
            (
                r#"{"response":{"@status":"0","data":{"ws_object":{"SMAError":{"error":{"error_desc":"Name in use"}}}}}}"#,
                Some("Name in use"),
            ),
            (
                r#"{"response":{"@status":"0","data":{"ws_object":[{"SMAError":{"error":[{"error_desc":"a"},{"error_desc":"b"}]}}]}}}"#,
                Some("a; b"),
            ),
            (r#"{"response":{"@status":0}}"#, Some("it gave no reason")),
            (
                "<response status='0'><data><ws_object><SMAError><error><error_desc>No</error_desc></error></SMAError></ws_object></data></response>",
                Some("No"),
            ),
            (r#"{"response":{"@status":"1","data":{}}}"#, None),
        ] {
            assert_eq!(answer(body).refusal().as_deref(), expect, "{body}");
        }
    }

    #[test]
    fn bodies_are_told_apart_by_content() {
        assert!(matches!(read(b"").unwrap(), Content::Empty));
        assert!(matches!(read(b"<!DOCTYPE html><html>").unwrap(), Content::Page));
        assert!(matches!(read(b" <HTML><body>").unwrap(), Content::Page));
        for body in [&b"hello"[..], b"{\"a\":", b"<a>", b"\xff"] {
            assert!(read(body).is_err());
        }
    }
}
