//! RFC 4180, fed in chunks of any size: bytes in, rows of cells out.
//!
//! Works on bytes, because in every encoding that is offered the quote, the delimiter and the line ends are the bytes of
//! ASCII and never part of another character. A quote within an unquoted cell is a character like any other, as
//! spreadsheets read it; anything else that the RFC does not allow is an error with its line.

use std::collections::VecDeque;

use rollcall_connector::Error;

use crate::limits::{CELL_BYTES, COLUMNS, ROW_BYTES};

/// One line of the file, or several where quotes hold line breaks.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Row {
    /// The line on which it begins, from 1.
    pub(crate) line: u64,
    /// Its cells.
    pub(crate) cells: Vec<Vec<u8>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// Before the first character of a cell.
    Start,
    Plain,
    Quoted,
    /// After a quote within quotes: the end of the cell, or the first half of `""`.
    Closing,
}

/// The parser.
pub(crate) struct Parser {
    /// The file's name, for messages.
    file: String,
    delimiter: u8,
    state: State,
    line: u64,
    /// Whether the last byte was a carriage return that ended a line, so that a line feed belongs to it.
    returned: bool,
    row: Row,
    cell: Vec<u8>,
    bytes: usize,
    quote_line: u64,
    rows: VecDeque<Row>,
}

impl Parser {
    pub(crate) fn new(file: &str, delimiter: u8) -> Self {
        Self {
            file: file.to_owned(),
            delimiter,
            state: State::Start,
            line: 1,
            returned: false,
            row: Row { line: 1, cells: Vec::new() },
            cell: Vec::new(),
            bytes: 0,
            quote_line: 1,
            rows: VecDeque::new(),
        }
    }

    /// Takes the next row that is whole.
    pub(crate) fn pop(&mut self) -> Option<Row> {
        self.rows.pop_front()
    }

    /// Reads on.
    pub(crate) fn feed(&mut self, bytes: &[u8]) -> Result<(), Error> {
        bytes.iter().try_for_each(|byte| self.byte(*byte))
    }

    /// Says that the file has ended; its last line may lack its line break.
    pub(crate) fn end(&mut self) -> Result<(), Error> {
        match self.state {
            State::Quoted => Err(broken(&self.file, self.quote_line, "a quote is never closed")),
            State::Start if self.row.cells.is_empty() => Ok(()),
            _ => {
                self.end_cell()?;
                self.end_row();
                Ok(())
            }
        }
    }

    fn byte(&mut self, byte: u8) -> Result<(), Error> {
        let feed_after_return = std::mem::take(&mut self.returned) && byte == b'\n';
        if self.state == State::Quoted {
            match byte {
                b'"' => self.state = State::Closing,
                _ => {
                    // A line break is one, whether LF, CR LF or CR.
                    let breaks = byte == b'\r' || (byte == b'\n' && !feed_after_return);
                    self.line += u64::from(breaks);
                    self.returned = byte == b'\r';
                    self.push(byte)?;
                }
            }
            return Ok(());
        }
        if feed_after_return {
            return Ok(());
        }
        match byte {
            b'\r' | b'\n' => {
                self.returned = byte == b'\r';
                self.line += 1;
                self.end_cell()?;
                self.end_row();
            }
            byte if byte == self.delimiter => self.end_cell()?,
            b'"' if self.state == State::Start => {
                self.state = State::Quoted;
                self.quote_line = self.line;
            }
            b'"' if self.state == State::Closing => {
                self.state = State::Quoted;
                self.push(byte)?;
            }
            _ if self.state == State::Closing => {
                return Err(broken(&self.file, self.line, "text follows a closing quote"));
            }
            _ => {
                self.state = State::Plain;
                self.push(byte)?;
            }
        }
        Ok(())
    }

    fn push(&mut self, byte: u8) -> Result<(), Error> {
        self.bytes += 1;
        if self.cell.len() == CELL_BYTES || self.bytes > ROW_BYTES {
            return Err(broken(
                &self.file,
                self.row.line,
                &format!(
                    "the line has a cell of more than {CELL_BYTES} bytes, or more than {ROW_BYTES} in all"
                ),
            ));
        }
        self.cell.push(byte);
        Ok(())
    }

    fn end_cell(&mut self) -> Result<(), Error> {
        if self.row.cells.len() == COLUMNS {
            return Err(broken(
                &self.file,
                self.row.line,
                &format!("the line has more than {COLUMNS} cells"),
            ));
        }
        self.row.cells.push(std::mem::take(&mut self.cell));
        self.state = State::Start;
        Ok(())
    }

    fn end_row(&mut self) {
        let next = Row { line: self.line, cells: Vec::new() };
        let row = std::mem::replace(&mut self.row, next);
        self.bytes = 0;
        // An empty line is no row of one empty cell.
        if row.cells.iter().any(|cell| !cell.is_empty()) || row.cells.len() > 1 {
            self.rows.push_back(row);
        }
    }
}

/// Makes the error for a file that is broken on a line: it was not read to its end.
pub(crate) fn broken(file: &str, line: u64, what: &str) -> Error {
    Error::permanent(format!("`{file}` line {line}: {what}"))
}

#[cfg(test)]
mod tests {
    use super::Parser;

    fn rows(text: &str, chunk: usize) -> Result<Vec<(u64, Vec<String>)>, String> {
        let mut parser = Parser::new("a.csv", b',');
        let mut all = Vec::new();
        let fed =
            text.as_bytes().chunks(chunk).try_for_each(|part| parser.feed(part)).and_then(|()| parser.end());
        while let Some(row) = parser.pop() {
            let cells = row.cells.iter().map(|cell| String::from_utf8_lossy(cell).into_owned());
            all.push((row.line, cells.collect()));
        }
        match fed {
            Ok(()) => Ok(all),
            Err(error) => Err(format!("{error:?}")),
        }
    }

    fn check(text: &str, expect: &[(u64, &[&str])]) {
        for chunk in [1, 2, 3, 1000] {
            let expect: Vec<(u64, Vec<String>)> = expect
                .iter()
                .map(|(line, cells)| (*line, cells.iter().map(|cell| (*cell).to_owned()).collect()))
                .collect();
            assert_eq!(rows(text, chunk), Ok(expect), "{text:?} by {chunk}");
        }
    }

    #[test]
    fn rows_are_what_the_rfc_says() {
        check("", &[]);
        check("a,b\n1,2", &[(1, &["a", "b"]), (2, &["1", "2"])]);
        check("a,b\r\n1,2\r\n", &[(1, &["a", "b"]), (2, &["1", "2"])]);
        check("a,b\r1,2\r", &[(1, &["a", "b"]), (2, &["1", "2"])]);
        check("\n\na\n\n", &[(3, &["a"])]);
        check(",\n", &[(1, &["", ""])]);
        check("a,", &[(1, &["a", ""])]);
        check("\"a\"\"b\",\"c,d\"", &[(1, &["a\"b", "c,d"])]);
        check("\"a\r\nb\nc\",1\r\nd,2", &[(1, &["a\r\nb\nc", "1"]), (4, &["d", "2"])]);
        check("5\" pipe,x", &[(1, &["5\" pipe", "x"])]);
        check("\"\",x", &[(1, &["", "x"])]);
    }

    #[test]
    fn what_is_broken_is_named_with_its_line() {
        let check = |text: &str, expect: &str| {
            let error = rows(text, 1000).err().unwrap_or_default();
            assert!(error.contains(expect), "{text:?}: {error}");
        };
        check("a\n\"b\nc\nd", "line 2: a quote is never closed");
        check("a\n\"b\"c", "line 2: text follows a closing quote");
        check(&"x".repeat(70_000), "line 1: the line has a cell of more than 65536 bytes");
        check(&",".repeat(1000), "line 1: the line has more than 1000 cells");
    }
}
