//! Users from files: CSV, JSON and NDJSON.
//!
//! `text` makes text of bytes with the `encoding`; `csv` and `json` know their formats and no meaning; `table` and `records`
//! know what makes a directory of them; `reader` makes one reading of one file or of all in a folder. An empty value is
//! none, and whoever is not in the files is not in the directory: so a file that is ambiguous or broken anywhere is an
//! error, never a shorter directory.
#![deny(unsafe_code)]

mod csv;
mod encoding;
mod flat;
mod json;
mod likeness;
mod limits;
mod reader;
mod records;
mod schema;
mod settings;
mod table;
#[cfg(test)]
mod tests;
mod text;
mod user;

use std::collections::BTreeSet;

use rollcall_connector::{
    AttributeInfo, Cell, Connection, Connector, Coverage, Error, Fault, Listing, Page, Table, register,
};

use crate::reader::{Reader, Step};
use crate::settings::Format;
pub use crate::settings::Settings;

/// The CSV connector.
pub struct Csv;

impl Connector for Csv {
    type Settings = Settings;
    type Listing = Reading;

    fn validate(settings: &Settings) -> Vec<Fault> {
        settings.faults()
    }

    /// The file's name alone: moving a folder makes no other directory of it.
    fn identity(settings: &Settings) -> Result<String, Error> {
        Ok(format!("csv:{}", settings.path))
    }

    fn check(settings: &Settings) -> Result<Connection, Error> {
        schema::check(settings)
    }

    fn attributes(settings: &Settings) -> Result<Vec<AttributeInfo>, Error> {
        schema::attributes(settings)
    }

    fn open(settings: Settings, since: Option<Vec<u8>>) -> Result<Reading, Error> {
        // A file has no past: no token was ever given.
        if since.is_some() {
            return Err(Error::TokenExpired);
        }
        let reader = Reader::open(settings.clone())?;
        // A CSV file has nothing but text.
        let texts = match reader.format() {
            Format::Csv => BTreeSet::new(),
            Format::Json | Format::Ndjson => schema::mixed(settings)?,
        };
        Ok(Reading { reader, texts })
    }
}

/// The files on their way.
pub struct Reading {
    reader: Reader,
    /// The attributes that are text even where a user has a number.
    texts: BTreeSet<String>,
}

impl Listing for Reading {
    fn next(&mut self, max: u32) -> Result<Page, Error> {
        let max = usize::try_from(max).unwrap_or(usize::MAX);
        let mut users = Vec::new();
        let ended = loop {
            if users.len() >= max {
                break false;
            }
            match self.reader.step()? {
                Step::User(user) => users.push(user),
                // The columns of the next file may be others.
                Step::FileEnd if !users.is_empty() => break false,
                Step::FileEnd => {}
                Step::End => break true,
            }
        };
        let columns = self.reader.columns();
        let mut table = Table::new(columns.iter().map(String::as_str));
        let texts: Vec<bool> = columns.iter().map(|name| self.texts.contains(name)).collect();
        for mut user in users {
            user.cells.resize(columns.len(), Cell::None);
            let cells = user.cells.iter_mut().zip(&texts).filter(|(_, text)| **text);
            cells.for_each(|(cell, _)| as_text(cell));
            table.user(user.id, user.cells)?;
        }
        Ok(if ended { table.last(Coverage::Everything) } else { table.page() })
    }
}

/// Makes text of a number or a truth, as it is written.
fn as_text(cell: &mut Cell) {
    match cell {
        Cell::Integer(whole) => *cell = Cell::Text(whole.to_string()),
        Cell::Boolean(yes) => *cell = Cell::Text(yes.to_string()),
        Cell::None | Cell::Text(_) | Cell::Texts(_) | Cell::Bytes(_) => {}
    }
}

register!(Csv, manifest = "../connector.toml");
