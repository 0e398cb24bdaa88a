//! XML to a tree of JSON values and back.

use quick_xml::escape::{escape, resolve_predefined_entity};
use quick_xml::events::{BytesStart, Event};
use quick_xml::{Reader, XmlVersion};
use serde_json::{Map, Value};

use super::json::each;
use super::limits::DEPTH_MAX;

/// An element that is being read.
struct Open {
    name: String,
    map: Map<String, Value>,
    text: String,
}

impl Open {
    fn new(start: &BytesStart<'_>) -> Result<Self, String> {
        let mut map = Map::new();
        for attribute in start.attributes() {
            let attribute = attribute.map_err(|error| error.to_string())?;
            let name = attribute.key.as_ref();
            let value =
                attribute.normalized_value(XmlVersion::Implicit1_0).map_err(|error| error.to_string())?;
            map.insert(format!("@{}", name), Value::from(value.into_owned()));
        }
        Ok(Self { name: start.name().as_ref().to_owned(), map, text: String::new() })
    }

    fn close(mut self) -> (String, Value) {
        if self.map.is_empty() {
            return (self.name, Value::from(self.text));
        }
        let text = self.text.trim();
        if !text.is_empty() {
            self.map.insert("#text".into(), text.into());
        }
        (self.name, Value::Object(self.map))
    }

    fn child(&mut self, name: String, value: Value) {
        match self.map.get_mut(&name) {
            None => drop(self.map.insert(name, value)),
            Some(Value::Array(list)) => list.push(value),
            Some(single) => {
                let first = single.take();
                *single = Value::Array(vec![first, value]);
            }
        }
    }
}

/// Reads a document. Gives an object with the root element as its only member. Document types are refused, so that
/// no entity can grow.
pub(super) fn parse(source: &str) -> Result<Value, String> {
    let mut reader = Reader::from_str(source);
    let mut open: Vec<Open> = vec![Open { name: String::new(), map: Map::new(), text: String::new() }];
    loop {
        let event =
            reader.read_event().map_err(|error| format!("{error} at byte {}", reader.error_position()))?;
        let depth = open.len();
        let Some(top) = open.last_mut() else { return Err("an element ends that never began".into()) };
        match event {
            Event::Start(_) if depth > DEPTH_MAX => {
                return Err(format!("more than {DEPTH_MAX} nested elements"));
            }
            Event::Start(start) => open.push(Open::new(&start)?),
            Event::Empty(start) => {
                let (name, value) = Open::new(&start)?.close();
                top.child(name, value);
            }
            Event::Text(text) => top.text.push_str(&text.xml10_content()),
            Event::CData(text) => top.text.push_str(&text.xml10_content()),
            Event::GeneralRef(reference) => {
                let character = reference.resolve_char_ref().map_err(|error| error.to_string())?;
                match (character, resolve_predefined_entity(&reference.xml10_content())) {
                    (Some(character), _) => top.text.push(character),
                    (None, Some(text)) => top.text.push_str(text),
                    (None, None) => return Err("an entity that XML does not know".into()),
                }
            }
            Event::End(_) => {
                let done = open.pop().map(Open::close);
                let (Some((name, value)), Some(parent)) = (done, open.last_mut()) else {
                    return Err("an element ends that never began".into());
                };
                parent.child(name, value);
            }
            Event::DocType(_) => return Err("a document type, which is not accepted".into()),
            Event::Eof => break,
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) => {}
        }
    }
    match (open.len(), open.pop()) {
        (1, Some(root)) if !root.map.is_empty() => Ok(Value::Object(root.map)),
        _ => Err("the document breaks off".into()),
    }
}

/// Writes one element. Fails on names and characters that XML cannot hold.
pub(super) fn write(out: &mut String, name: &str, value: &Value) -> Result<(), String> {
    if !is_name(name) {
        return Err(format!("`{name}` is no name for an XML element"));
    }
    match value {
        Value::Array(list) => return list.iter().try_for_each(|one| write(out, name, one)),
        Value::Object(map) => {
            out.push('<');
            out.push_str(name);
            for (attribute, text) in
                map.iter().filter_map(|(key, value)| Some((key.strip_prefix('@')?, value)))
            {
                out.push_str(&format!(" {attribute}=\""));
                write_text(out, &super::plain(text))?;
                out.push('"');
            }
            out.push('>');
            for (child, value) in map.iter().filter(|(key, _)| !key.starts_with('@')) {
                match child.as_str() {
                    "#text" => write_text(out, &super::plain(value))?,
                    child => write(out, child, value)?,
                }
            }
        }
        scalar => {
            out.push_str(&format!("<{name}>"));
            write_text(out, &super::plain(scalar))?;
        }
    }
    out.push_str(&format!("</{name}>"));
    Ok(())
}

fn write_text(out: &mut String, text: &str) -> Result<(), String> {
    if let Some(c) = text.chars().find(|c| c.is_control() && !matches!(c, '\t' | '\n' | '\r')) {
        return Err(format!("the character U+{:04X} cannot stand in XML", u32::from(c)));
    }
    out.push_str(&escape(text));
    Ok(())
}

fn is_name(name: &str) -> bool {
    let start = |c: char| c.is_alphabetic() || c == '_';
    name.starts_with(start) && name.chars().all(|c| start(c) || c.is_numeric() || matches!(c, '-' | '.'))
}

/// Gives the values below a path of names; lists on the way count as each of their members.
pub(super) fn below<'a>(value: &'a Value, path: &[&str]) -> Vec<&'a Value> {
    path.iter().fold(vec![value], |values, name| {
        values.into_iter().filter_map(|value| value.get(*name)).flat_map(each).collect()
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn documents_become_trees_and_come_back() {
        let source = "<?xml version='1.0'?><data><ws_object><User GUID='g1'><Name>A &amp; B&#33;</Name><Empty/>\
                      <DND><N>1</N><N>2</N></DND></User></ws_object></data>";
        let tree = parse(source).unwrap();
        let user = json!({"@GUID": "g1", "Name": "A & B!", "Empty": "", "DND": {"N": ["1", "2"]}});
        assert_eq!(tree, json!({"data": {"ws_object": {"User": user}}}));

        let mut out = String::new();
        write(&mut out, "data", &tree["data"]).unwrap();
        assert_eq!(parse(&out).unwrap(), tree);
    }

    #[test]
    fn hostile_documents_are_refused() {
        let deep = format!("{}{}", "<a>".repeat(100), "</a>".repeat(100));
        for source in
            ["<a><b></a>", "<a>", "", "<!DOCTYPE a [<!ENTITY x 'y'>]><a>&x;</a>", "<a>&x;</a>", &deep]
        {
            assert!(parse(source).is_err(), "{source}");
        }
    }

    #[test]
    fn what_xml_cannot_hold_is_refused() {
        for (name, value) in [("a b", json!("x")), ("", json!("x")), ("a", json!("\u{1}"))] {
            assert!(write(&mut String::new(), name, &value).is_err(), "{name}");
        }
    }
}
