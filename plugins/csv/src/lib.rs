//! Users from a CSV file.
//!
//! `parse` knows RFC 4180 and no meaning, `encoding` makes text of bytes, `table` knows what a header and a row must be.
//! Every cell is text, an empty one is none, and whoever is not in the file is not in the directory: so a file that is
//! ambiguous or broken anywhere is an error, never a shorter directory.
#![deny(unsafe_code)]

mod encoding;
mod limits;
mod parse;
mod table;
#[cfg(test)]
mod tests;

use rollcall_connector::{
    AttributeInfo, Connection, Connector, Coverage, Error, Fault, Kind, Listing, Page, Table, attribute,
    passed, register,
};
use serde::Deserialize;

use crate::encoding::Encoding;
use crate::table::Rows;

/// The CSV connector.
pub struct Csv;

/// The settings, with the manifest's defaults filled in by the host.
#[derive(Clone, Debug, Deserialize)]
pub struct Settings {
    /// The file's name within the granted folder.
    path: String,
    #[serde(default = "comma")]
    delimiter: String,
    #[serde(default = "id")]
    id_column: String,
    #[serde(default)]
    encoding: Encoding,
}

fn comma() -> String {
    ",".to_owned()
}

fn id() -> String {
    "id".to_owned()
}

impl Settings {
    /// Gives the delimiter's byte, where it is one that cannot be taken for something else.
    fn delimiter(&self) -> Option<u8> {
        match self.delimiter.as_bytes() {
            [byte] if byte.is_ascii() && !b"\"\r\n\0".contains(byte) => Some(*byte),
            _ => None,
        }
    }
}

impl Connector for Csv {
    type Settings = Settings;
    type Listing = Reading;

    fn validate(settings: &Settings) -> Vec<Fault> {
        let mut faults = Vec::new();
        if settings.delimiter().is_none() {
            faults.push(
                Fault::new(
                    "delimiter",
                    format!("`{}` cannot stand between two cells", settings.delimiter.escape_debug()),
                )
                .hint("use one ASCII character, such as `,`, `;` or `\\t`"),
            );
        }
        if settings.id_column.is_empty() {
            faults.push(Fault::new("id_column", "names no column"));
        }
        faults
    }

    /// The file's name alone: moving a folder makes no other directory of it.
    fn identity(settings: &Settings) -> Result<String, Error> {
        Ok(format!("csv:{}", settings.path))
    }

    fn check(settings: &Settings) -> Result<Connection, Error> {
        let mut rows = Rows::open(settings)?;
        let mut users = 0;
        while rows.next()?.is_some() {
            users += 1;
        }
        let message = format!("{} columns, {users} users", rows.columns().len());
        Ok(Connection { users: Some(users), findings: vec![passed(&settings.path, message)] })
    }

    fn attributes(settings: &Settings) -> Result<Vec<AttributeInfo>, Error> {
        let rows = Rows::open(settings)?;
        Ok(rows.columns().iter().map(|name| attribute(name, Kind::Text, "A column of the file.")).collect())
    }

    fn open(settings: Settings, since: Option<Vec<u8>>) -> Result<Reading, Error> {
        // A file has no past: no token was ever given.
        if since.is_some() {
            return Err(Error::TokenExpired);
        }
        Rows::open(&settings).map(Reading)
    }
}

/// A file on its way.
pub struct Reading(Rows);

impl Listing for Reading {
    fn next(&mut self, max: u32) -> Result<Page, Error> {
        let max = usize::try_from(max).unwrap_or(usize::MAX);
        let mut table = Table::new(self.0.columns().iter().map(String::as_str));
        while table.len() < max {
            match self.0.next()? {
                Some((id, cells)) => table.user(id, cells)?,
                None => return Ok(table.last(Coverage::Everything)),
            }
        }
        Ok(table.page())
    }
}

register!(Csv, manifest = "../connector.toml");
