//! Writing envelopes: the client's requests and the server's answers.

use serde_json::{Map, Value, json};

use super::{Encoding, Item, Kind, xml};

/// Writes a request with one object. Fails with one clause on what the encoding cannot hold.
pub(crate) fn request(encoding: Encoding, kind: Kind, item: &Item) -> Result<Vec<u8>, String> {
    let object = json!({ kind.element(): Value::Object(item.0.clone()) });
    document(encoding, "data", json!({ "ws_object": object }))
}

/// Writes an answer with a list.
pub(crate) fn listing(encoding: Encoding, kind: Kind, items: Vec<Item>) -> Result<Vec<u8>, String> {
    let objects: Vec<Value> =
        items.into_iter().map(|item| json!({ kind.element(): Value::Object(item.0) })).collect();
    document(encoding, "response", json!({ "@status": "1", "data": { "ws_object": objects } }))
}

/// Writes an answer without objects.
pub(crate) fn acknowledged(encoding: Encoding) -> Result<Vec<u8>, String> {
    document(encoding, "response", json!({ "@status": "1", "data": Map::new() }))
}

/// Writes a refusal, which goes out with HTTP 200.
pub(crate) fn failed(encoding: Encoding, reason: &str) -> Result<Vec<u8>, String> {
    let error = json!({ "SMAError": { "error": { "error_desc": reason } } });
    document(encoding, "response", json!({ "@status": "0", "data": { "ws_object": error } }))
}

fn document(encoding: Encoding, root: &str, content: Value) -> Result<Vec<u8>, String> {
    match encoding {
        Encoding::Json => serde_json::to_vec(&json!({ root: content })).map_err(|error| error.to_string()),
        Encoding::Xml => {
            let mut out = "<?xml version='1.0' encoding='UTF-8'?>".to_owned();
            xml::write(&mut out, root, &content)?;
            Ok(out.into_bytes())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Content, read};
    use super::*;

    fn item() -> Item {
        let value = json!({"@GUID": "g1", "Zeta": "1 < 2", "Alpha": "", "Nested": {"A": ["1", "2"]}});
        Item(value.as_object().unwrap().clone())
    }

    #[test]
    fn what_is_written_is_read_again_in_its_order() {
        for encoding in [Encoding::Json, Encoding::Xml] {
            for body in [
                request(encoding, Kind::User, &item()).unwrap(),
                listing(encoding, Kind::User, vec![item()]).unwrap(),
            ] {
                let Content::Answer(answer) = read(&body).unwrap() else { panic!() };
                let items = answer.items(Kind::User).unwrap();
                assert_eq!(items, [item()]);
                assert!(items[0].0.keys().eq(item().0.keys()));
            }
        }
    }

    #[test]
    fn acknowledgements_and_refusals_are_told_apart() {
        for encoding in [Encoding::Json, Encoding::Xml] {
            let refusal = |body: Vec<u8>| match read(&body).unwrap() {
                Content::Answer(answer) => answer.refusal(),
                other => panic!("{other:?}"),
            };
            assert_eq!(refusal(acknowledged(encoding).unwrap()), None);
            assert_eq!(refusal(failed(encoding, "a < b").unwrap()).as_deref(), Some("a < b"));
        }
    }
}
