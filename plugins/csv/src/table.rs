//! What a header and a row must be, so that a file is a directory.

use std::collections::BTreeMap;

use rollcall_connector::{Cell, Error, Fault, files};

use crate::Settings;
use crate::encoding::Encoding;
use crate::limits::CHUNK_BYTES;
use crate::parse::{Parser, Row, broken};

/// The rows of an open file.
pub(crate) struct Rows {
    source: Source,
    /// The file's name.
    name: String,
    encoding: Encoding,
    columns: Vec<String>,
    id_at: usize,
    /// The line of every id so far: a file that names one twice does not say which line holds.
    ids: BTreeMap<String, u64>,
}

impl Rows {
    /// Opens the file and reads its header.
    ///
    /// # Errors
    /// Mistakes of the header are invalid settings, all at once; they name the setting that would be another file.
    pub(crate) fn open(settings: &Settings) -> Result<Self, Error> {
        let delimiter = settings.delimiter().unwrap_or(b',');
        let mut source = Source {
            file: files::open(&settings.path)?,
            parser: Parser::new(&settings.path, delimiter),
            name: settings.path.clone(),
            begun: false,
            ended: false,
        };
        let encoding = settings.encoding;
        let Some(header) = source.next()? else {
            // Most likely it is being written just now: that is no mistake of the job.
            return Err(Error::permanent(format!(
                "the file `{}` is empty, so the directory was not read: its first line names the columns, such as `id,name`",
                settings.path
            )));
        };
        let line = header.line;
        let name = settings.path.clone();
        let columns = header
            .cells
            .into_iter()
            .map(|cell| Ok(decode(encoding, cell, &name, line)?.trim().to_owned()))
            .collect::<Result<Vec<String>, Error>>()?;
        let id_at = columns.iter().position(|name| *name == settings.id_column);
        let faults = header_faults(&columns, settings, id_at.is_some());
        match id_at {
            Some(id_at) if faults.is_empty() => {
                Ok(Self { source, name, encoding, columns, id_at, ids: BTreeMap::new() })
            }
            _ => Err(Error::InvalidSettings(faults)),
        }
    }

    /// Gives the columns' names.
    pub(crate) fn columns(&self) -> &[String] {
        &self.columns
    }

    /// Gives the next user: the id, and a cell for each column.
    ///
    /// # Errors
    /// A row that has not as many cells as the header, no id, or the id of another is a permanent error.
    pub(crate) fn next(&mut self) -> Result<Option<(String, Vec<Cell>)>, Error> {
        let Some(row) = self.source.next()? else {
            return Ok(None);
        };
        let line = row.line;
        let (has, wants) = (row.cells.len(), self.columns.len());
        if has != wants {
            let cells = if has == 1 { "cell" } else { "cells" };
            let what = format!("{has} {cells} where the header has {wants}");
            return Err(broken(&self.name, line, &what));
        }
        let mut id = String::new();
        let mut cells = Vec::with_capacity(wants);
        for (at, cell) in row.cells.into_iter().enumerate() {
            let text = decode(self.encoding, cell, &self.name, line)?;
            if at == self.id_at {
                id.clone_from(&text);
            }
            cells.push(Cell::text(text));
        }
        if id.is_empty() {
            let column = self.columns.get(self.id_at).map_or("", String::as_str);
            return Err(broken(&self.name, line, &format!("the column `{column}` is empty")));
        }
        if let Some(before) = self.ids.insert(id.clone(), line) {
            let what = format!("the id `{id}` stands on line {before} too");
            return Err(broken(&self.name, line, &what));
        }
        Ok(Some((id, cells)))
    }
}

fn header_faults(columns: &[String], settings: &Settings, has_id: bool) -> Vec<Fault> {
    let mut faults = Vec::new();
    let file = &settings.path;
    for (at, name) in columns.iter().enumerate() {
        if name.is_empty() {
            faults.push(Fault::new("path", format!("column {} of `{file}` has no name", at + 1)));
        } else if columns.iter().take(at).any(|earlier| earlier == name) {
            faults.push(Fault::new("path", format!("`{file}` has two columns `{name}`")));
        }
    }
    if !has_id {
        let mut hint = format!("it has {}", listed(columns));
        if columns.len() == 1 {
            hint.push_str("; is `delimiter` right?");
        }
        faults.push(
            Fault::new("id_column", format!("`{file}` has no column `{}`", settings.id_column)).hint(hint),
        );
    }
    faults
}

fn listed(columns: &[String]) -> String {
    let mut names: Vec<String> = columns.iter().take(20).map(|name| format!("`{name}`")).collect();
    if columns.len() > 20 {
        names.push("…".to_owned());
    }
    names.join(", ")
}

fn decode(encoding: Encoding, bytes: Vec<u8>, file: &str, line: u64) -> Result<String, Error> {
    encoding.decode(bytes).ok_or_else(|| {
        Error::setting(
            Fault::new("encoding", format!("line {line} of `{file}` is not {}", encoding.name()))
                .hint("save the file as UTF-8, or set `encoding = \"windows-1252\"`"),
        )
    })
}

/// The file and its parser: rows are read no further ahead than one chunk.
struct Source {
    file: files::File,
    name: String,
    parser: Parser,
    begun: bool,
    ended: bool,
}

impl Source {
    fn next(&mut self) -> Result<Option<Row>, Error> {
        loop {
            if let Some(row) = self.parser.pop() {
                return Ok(Some(row));
            }
            if self.ended {
                return Ok(None);
            }
            if self.begun {
                let part = self.file.read(CHUNK_BYTES)?;
                self.take(&part)?;
            } else {
                self.begun = true;
                self.begin()?;
            }
        }
    }

    fn take(&mut self, part: &[u8]) -> Result<(), Error> {
        if part.is_empty() {
            self.ended = true;
            return self.parser.end();
        }
        self.parser.feed(part)
    }

    /// Reads until a byte order mark could be whole, and drops it.
    fn begin(&mut self) -> Result<(), Error> {
        let mut start = Vec::new();
        while start.len() < 3 {
            let part = self.file.read(CHUNK_BYTES)?;
            if part.is_empty() {
                self.ended = true;
                break;
            }
            start.extend_from_slice(&part);
        }
        if start.starts_with(b"\xff\xfe") || start.starts_with(b"\xfe\xff") {
            return Err(Error::setting(
                Fault::new("path", format!("`{}` is UTF-16", self.name)).hint("save it as CSV UTF-8"),
            ));
        }
        let text = start.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&start);
        self.parser.feed(text)?;
        if self.ended { self.parser.end() } else { Ok(()) }
    }
}
