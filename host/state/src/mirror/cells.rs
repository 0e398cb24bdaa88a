//! Cells as they stand in the file.

use std::fmt;

use rollcall_core::{Cell, Text};
use rollcall_edges::state::StateError;
use serde::de::{self, MapAccess, SeqAccess, Visitor};
use serde::ser::SerializeMap as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::shapes::{json, parse};

/// Writes the cells of a record.
pub(super) fn cells_of(cells: Box<[Cell]>) -> Result<String, StateError> {
    json(&cells.into_iter().map(Stored).collect::<Vec<_>>())
}

/// Reads the cells of a record.
pub(super) fn cells_back(text: &str) -> Result<Box<[Cell]>, StateError> {
    Ok(parse::<Vec<Stored>>(text)?.into_iter().map(|Stored(cell)| cell).collect())
}

/// A cell as it stands in the file: the shortest JSON that tells its kind.
struct Stored(Cell);

impl Serialize for Stored {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.0 {
            Cell::None => serializer.serialize_unit(),
            Cell::Text(text) => serializer.serialize_str(text),
            Cell::Integer(number) => serializer.serialize_i64(*number),
            Cell::Boolean(yes) => serializer.serialize_bool(*yes),
            Cell::Texts(texts) => serializer.collect_seq(texts.iter()),
            Cell::Bytes(bytes) => {
                let mut map = serializer.serialize_map(Some(1))?;
                map.serialize_entry(BYTES, &**bytes)?;
                map.end()
            }
        }
    }
}

/// The key under which bytes stand, so that they are told from texts.
const BYTES: &str = "b";

// An enum that serde tells apart by trying would make an error for every kind that a cell is not.
impl<'de> Deserialize<'de> for Stored {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(CellVisitor).map(Stored)
    }
}

struct CellVisitor;

impl<'de> Visitor<'de> for CellVisitor {
    type Value = Cell;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a cell")
    }

    fn visit_unit<E>(self) -> Result<Cell, E> {
        Ok(Cell::None)
    }

    fn visit_bool<E>(self, yes: bool) -> Result<Cell, E> {
        Ok(Cell::Boolean(yes))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Cell, E> {
        Ok(Cell::Integer(number))
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Cell, E> {
        i64::try_from(number).map(Cell::Integer).map_err(E::custom)
    }

    fn visit_str<E>(self, text: &str) -> Result<Cell, E> {
        Ok(Cell::Text(text.into()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Cell, A::Error> {
        let mut texts: Vec<Text> = Vec::new();
        while let Some(text) = seq.next_element()? {
            texts.push(text);
        }
        Ok(Cell::Texts(texts.into()))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Cell, A::Error> {
        match map.next_entry::<Text, Vec<u8>>()? {
            Some((key, bytes)) if &*key == BYTES => Ok(Cell::Bytes(bytes.into())),
            _ => Err(de::Error::custom("a cell of no known kind")),
        }
    }
}
