//! RFC 4180: text in, rows of cells out.
//!
//! A quote within an unquoted cell is a character like any other, as spreadsheets read it; anything else that the RFC
//! does not allow is an error with its line.

use rollcall_connector::Error;

use crate::limits::{CELL_BYTES, COLUMNS, RECORD_BYTES};
use crate::text::{Text, broken};

/// One line of the file, or several where quotes hold line breaks.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Row {
    /// The line on which it begins, from 1.
    pub(crate) line: u64,
    /// Its cells.
    pub(crate) cells: Vec<String>,
}

/// What follows a cell.
#[derive(Clone, Copy, PartialEq, Eq)]
enum After {
    Cell,
    Row,
    End,
}

/// The parser.
pub(crate) struct Parser {
    pub(crate) text: Text,
    delimiter: u8,
    /// The bytes at which an unquoted cell may end.
    ends: [bool; 256],
    /// How many cells the last row had.
    width: usize,
}

impl Parser {
    pub(crate) fn new(text: Text, delimiter: u8) -> Self {
        let mut ends = [false; 256];
        for byte in [delimiter, b'\n', b'\r', 0] {
            ends[usize::from(byte)] = true;
        }
        Self { text, delimiter, ends, width: 0 }
    }

    /// Gives the next row; none at the end. A line with nothing on it is no row of one empty cell.
    ///
    /// # Errors
    /// What is broken is a permanent error with its line.
    pub(crate) fn row(&mut self) -> Result<Option<Row>, Error> {
        loop {
            let (line, begin) = (self.text.line(), self.text.read());
            let mut cells = Vec::with_capacity(self.width);
            let after = loop {
                if cells.len() == COLUMNS {
                    let what = format!("the line has more than {COLUMNS} cells");
                    return Err(broken(self.text.name(), line, &what));
                }
                let (cell, after) = self.cell(line, begin)?;
                cells.push(cell);
                if after != After::Cell {
                    break after;
                }
            };
            self.width = cells.len();
            if cells.len() > 1 || cells.iter().any(|cell| !cell.is_empty()) {
                return Ok(Some(Row { line, cells }));
            }
            if after == After::End {
                return Ok(None);
            }
        }
    }

    fn cell(&mut self, row: u64, begin: usize) -> Result<(String, After), Error> {
        let mut cell = String::new();
        if self.text.rest()?.starts_with('"') {
            self.quoted(&mut cell, row, begin)?;
            if let Some(after) = self.after()? {
                return Ok((cell, after));
            }
            return Err(self.text.broken_here("text follows a closing quote"));
        }
        loop {
            let rest = self.text.rest()?;
            let end = rest.bytes().position(|byte| self.ends[usize::from(byte)]).unwrap_or(rest.len());
            let part = rest.get(..end).unwrap_or_default();
            if cell.is_empty() {
                // Of exactly its length, so that it is handed over as it lies.
                cell = part.to_owned();
            } else {
                cell.push_str(part);
            }
            self.text.skip(end);
            self.bounded(&cell, row, begin)?;
            if let Some(after) = self.after()? {
                return Ok((cell, after));
            }
            self.no_nul()?;
        }
    }

    /// Reads a cell from its opening quote to its closing one.
    fn quoted(&mut self, cell: &mut String, row: u64, begin: usize) -> Result<(), Error> {
        let opened = self.text.line();
        self.text.skip(1);
        loop {
            let rest = self.text.rest()?;
            if rest.is_empty() {
                return Err(broken(self.text.name(), opened, "a quote is never closed"));
            }
            let end = rest.bytes().position(|byte| matches!(byte, b'"' | 0)).unwrap_or(rest.len());
            cell.push_str(rest.get(..end).unwrap_or_default());
            self.text.skip(end);
            self.bounded(cell, row, begin)?;
            self.no_nul()?;
            if self.text.rest()?.starts_with('"') {
                self.text.skip(1);
                if !self.text.rest()?.starts_with('"') {
                    return Ok(());
                }
                cell.push('"');
                self.text.skip(1);
            }
        }
    }

    /// Reads what ends a cell; none where the cell goes on.
    fn after(&mut self) -> Result<Option<After>, Error> {
        let (length, after) = match self.text.rest()?.as_bytes().first() {
            None => (0, After::End),
            Some(b'\n') => (1, After::Row),
            Some(b'\r') => {
                self.text.skip(1);
                (usize::from(self.text.rest()?.starts_with('\n')), After::Row)
            }
            Some(byte) if *byte == self.delimiter => (1, After::Cell),
            Some(_) => return Ok(None),
        };
        self.text.skip(length);
        Ok(Some(after))
    }

    fn no_nul(&mut self) -> Result<(), Error> {
        if self.text.rest()?.starts_with('\0') {
            return Err(self.text.broken_here("a NUL character, which no CSV has: it is UTF-16, or damaged"));
        }
        Ok(())
    }

    fn bounded(&self, cell: &str, row: u64, begin: usize) -> Result<(), Error> {
        if cell.len() <= CELL_BYTES && self.text.read() - begin <= RECORD_BYTES {
            return Ok(());
        }
        let what = format!(
            "the line has a cell of more than {CELL_BYTES} bytes, or more than {RECORD_BYTES} in all"
        );
        Err(broken(self.text.name(), row, &what))
    }
}
