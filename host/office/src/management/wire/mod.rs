//! What goes over the wire, in JSON and in XML, in every shape that has been seen.
//!
//! Both become one tree of JSON values: an XML element is an object whose attributes are `@name`, or plain text where
//! it has neither attributes nor children. So an element that nobody knows is carried over verbatim, in its order. One
//! thing is lost: repeated XML elements that are mixed with others move together.

mod answer;
mod json;
mod limits;
mod request;
mod standing;
mod xml;

pub(crate) use answer::{Answer, Content, read};
pub(crate) use json::plain;
pub(crate) use limits::ANSWER_BYTES_MAX;
pub(crate) use request::{acknowledged, failed, listing, request};
pub(crate) use standing::{extension_of, licence_of, system_of};

use rollcall_core::{Guid, Text};
use serde_json::{Map, Value};

use crate::model::Elements;

/// The four resources.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    User,
    Extension,
    Licence,
    System,
}

impl Kind {
    /// The element's name.
    pub(crate) const fn element(self) -> &'static str {
        match self {
            Kind::User => "User",
            Kind::Extension => "Extension",
            Kind::Licence => "License",
            Kind::System => "System",
        }
    }

    /// The last part of the path.
    pub(crate) const fn resource(self) -> &'static str {
        match self {
            Kind::User => "users",
            Kind::Extension => "extensions",
            Kind::Licence => "licenses",
            Kind::System => "systems",
        }
    }
}

/// The two encodings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Encoding {
    /// JSON, as two of the three clients write it.
    #[default]
    Json,
    /// XML, as the third does.
    Xml,
}

impl Encoding {
    pub(crate) const fn media_type(self) -> &'static str {
        match self {
            Encoding::Json => "application/json",
            Encoding::Xml => "application/xml",
        }
    }
}

/// One object as received: every element in its order, attributes as `@name`.
#[derive(Clone, Debug, PartialEq, Default)]
pub(crate) struct Item(pub(crate) Map<String, Value>);

impl Item {
    /// Gives its immutable name, which is an attribute or an element.
    pub(crate) fn guid(&self) -> Option<Guid> {
        let named = ["@GUID", "@guid", "GUID", "Guid"].into_iter().find_map(|key| self.text(key));
        named.map(Text::from)
    }

    /// Gives an element's text; `None` where it is absent or empty.
    pub(crate) fn text(&self, name: &str) -> Option<String> {
        self.0.get(name).map(plain).filter(|text| !text.is_empty())
    }

    /// Gives the elements as text, without attributes and the immutable name.
    pub(crate) fn elements(&self) -> Elements {
        let own = self.0.iter().filter(|(name, _)| !name.starts_with('@') && !is_guid(name));
        own.map(|(name, value)| (Text::from(name.as_str()), Text::from(plain(value)))).collect()
    }

    /// Makes an object from elements as text.
    pub(crate) fn of(guid: Option<&str>, elements: &Elements) -> Self {
        let mut item = Map::new();
        if let Some(guid) = guid {
            item.insert("@GUID".into(), guid.into());
        }
        item.extend(elements.iter().map(|(name, text)| (name.to_string(), Value::from(&**text))));
        Self(item)
    }

    /// Writes one element as text, in place where it is there already.
    pub(crate) fn set(&mut self, name: &str, text: &str) {
        self.0.insert(name.to_owned(), text.into());
    }
}

/// Tells whether an element is the immutable name.
pub(crate) fn is_guid(name: &str) -> bool {
    matches!(name, "GUID" | "Guid")
}
