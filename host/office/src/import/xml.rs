//! Reading the XML of Web Manager: objects of elements, whatever lies around them.
//!
//! The shape (root `data`, many `ws_object`, in each a `User`) is what two public clients read (ipoffice.md 3.2, P2 and
//! P4). UNPROVEN for other objects than users. Entities other than XML's own are refused, so nothing is expanded.

use quick_xml::Reader;
use quick_xml::events::{BytesRef, BytesStart, Event};
use rollcall_core::Text;

use crate::limits::{ELEMENT_TEXT_BYTES_MAX, ELEMENTS_MAX, XML_DEPTH_MAX, XML_USERS_MAX};
use crate::model::Elements;

/// One object of the file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Object {
    /// `User`, `Extension`, …
    pub(super) kind: String,
    /// The attribute `GUID`, or an element of that name.
    pub(super) guid: Option<Text>,
    /// The elements; one within another has both names with a `/`, and one that repeats has its texts in lines.
    pub(super) elements: Elements,
}

/// Reads the objects of the given kinds, in the order of the file.
pub(super) fn objects(xml: &str, kinds: &[&str]) -> Result<Vec<Object>, String> {
    let mut reader = Reader::from_str(xml);
    let mut walk = Walk::default();
    loop {
        let event = reader.read_event().map_err(|error| at(&reader, error))?;
        let done = match event {
            Event::Start(start) => walk.open(&start, kinds),
            Event::Empty(start) => walk.open(&start, kinds).and_then(|()| walk.close()),
            Event::End(_) => walk.close(),
            Event::Text(text) => walk.add(&text),
            Event::CData(data) => walk.add(&data),
            Event::GeneralRef(entity) => resolve(&entity).map(|c| walk.text.push(c)),
            Event::Eof if walk.path.is_empty() => return Ok(walk.objects),
            Event::Eof => Err("the file ends too early".into()),
            Event::Decl(_) | Event::PI(_) | Event::DocType(_) | Event::Comment(_) => Ok(()),
        };
        done.map_err(|why| at(&reader, why))?;
    }
}

fn at(reader: &Reader<&[u8]>, why: impl std::fmt::Display) -> String {
    format!("{why} (byte {})", reader.buffer_position())
}

fn resolve(entity: &BytesRef<'_>) -> Result<char, String> {
    if let Some(c) = entity.resolve_char_ref().map_err(|error| error.to_string())? {
        return Ok(c);
    }
    match &**entity {
        "amp" => Ok('&'),
        "lt" => Ok('<'),
        "gt" => Ok('>'),
        "apos" => Ok('\''),
        "quot" => Ok('"'),
        name => Err(format!("the entity `{name}` is not known")),
    }
}

#[derive(Default)]
struct Walk {
    objects: Vec<Object>,
    /// The names of the open tags.
    path: Vec<String>,
    /// How deep the object's own tag stands, while one is open.
    inside: Option<usize>,
    /// The text since the last tag.
    text: String,
    /// Whether the innermost tag has had others within.
    parent: bool,
}

impl Walk {
    fn open(&mut self, start: &BytesStart<'_>, kinds: &[&str]) -> Result<(), String> {
        if self.path.len() >= XML_DEPTH_MAX {
            return Err(format!("elements nest deeper than {XML_DEPTH_MAX}"));
        }
        let name = start.local_name().as_ref().to_owned();
        if self.inside.is_none() && kinds.contains(&name.as_str()) {
            if self.objects.len() >= XML_USERS_MAX {
                return Err(format!("more than {XML_USERS_MAX} objects"));
            }
            self.inside = Some(self.path.len());
            self.objects.push(Object {
                kind: name.clone(),
                guid: guid_of(start)?,
                elements: Elements::new(),
            });
        }
        self.path.push(name);
        self.text.clear();
        self.parent = false;
        Ok(())
    }

    fn add(&mut self, text: &str) -> Result<(), String> {
        if self.text.len() + text.len() > ELEMENT_TEXT_BYTES_MAX {
            return Err(format!("an element has more than {ELEMENT_TEXT_BYTES_MAX} bytes"));
        }
        self.text.push_str(text);
        Ok(())
    }

    fn close(&mut self) -> Result<(), String> {
        let depth = self.path.len().checked_sub(1).ok_or("an end without a beginning")?;
        let text = std::mem::take(&mut self.text);
        match self.inside {
            Some(object) if object == depth => self.inside = None,
            Some(object) if !self.parent => {
                let name = self.path[object + 1..].join("/");
                self.put(name, text.trim())?;
            }
            _ => {}
        }
        self.path.truncate(depth);
        self.parent = true;
        Ok(())
    }

    fn put(&mut self, name: String, text: &str) -> Result<(), String> {
        let Some(object) = self.objects.last_mut() else { return Ok(()) };
        if name.trim_start_matches('@').eq_ignore_ascii_case("guid") {
            object.guid.get_or_insert_with(|| text.into());
            return Ok(());
        }
        if object.elements.len() >= ELEMENTS_MAX {
            return Err(format!("an object has more than {ELEMENTS_MAX} elements"));
        }
        let joined = object.elements.get(name.as_str()).map(|before| format!("{before}\n{text}"));
        object.elements.insert(name.into(), joined.map_or_else(|| text.into(), Text::from));
        Ok(())
    }
}

fn guid_of(start: &BytesStart<'_>) -> Result<Option<Text>, String> {
    for attribute in start.attributes() {
        let attribute = attribute.map_err(|error| error.to_string())?;
        if attribute.key.local_name().as_ref().eq_ignore_ascii_case("guid") {
            return Ok(Some(Text::from(&*attribute.value)));
        }
    }
    Ok(None)
}
