//! What a header and a row must be, so that a CSV file is a directory.

use rollcall_connector::{Cell, Error, Fault};

use crate::csv::{Parser, Row};
use crate::limits::{NAME_BYTES, VALUES};
use crate::settings::Settings;
use crate::text::{Text, broken};
use crate::user::{Trouble, User, another_id, listed};

/// What may stand between two cells where the settings say something else.
const DELIMITERS: [char; 4] = [';', '\t', '|', ','];

/// The rows of an open file.
pub(crate) struct Rows {
    parser: Parser,
    columns: Vec<String>,
    id_at: usize,
    /// For each column the text between its values, where it has several.
    separators: Vec<Option<String>>,
}

impl Rows {
    /// Reads the header.
    ///
    /// # Errors
    /// Mistakes of the header are invalid settings, all at once; they name the setting that would be another file.
    pub(crate) fn open(settings: &Settings, text: Text) -> Result<Self, Error> {
        if let Some(fault) = settings.no_separator() {
            return Err(Error::setting(fault));
        }
        let mut parser = Parser::new(text, settings.delimiter().unwrap_or(b','));
        let Some(header) = parser.row()? else {
            // Most likely it is being written just now: that is no mistake of the job.
            return Err(Error::permanent(format!(
                "the file `{}` is empty, so the directory was not read: its first line names the columns, such as `id,name`",
                parser.text.name()
            )));
        };
        parser.text.end_header();
        let columns: Vec<String> = header.cells.iter().map(|cell| cell.trim().to_owned()).collect();
        let place = format!("`{}` line {}", parser.text.name(), header.line);
        let id_at = columns.iter().position(|name| *name == settings.id_column);
        let mut faults = header_faults(&place, &columns);
        let Some(id_at) = id_at else {
            let (fault, another_delimiter) = no_id(&place, &columns, settings);
            // Where the columns are not told apart, nothing else that is said of them would be true.
            faults.retain(|_| !another_delimiter);
            faults.push(fault);
            return Err(Error::InvalidSettings(faults));
        };
        if !faults.is_empty() {
            return Err(Error::InvalidSettings(faults));
        }
        let separators = columns
            .iter()
            .map(|name| settings.separator.clone().filter(|_| settings.many.contains(name)))
            .collect();
        Ok(Self { parser, columns, id_at, separators })
    }

    pub(crate) fn text(&self) -> &Text {
        &self.parser.text
    }

    pub(crate) fn columns(&self) -> &[String] {
        &self.columns
    }

    /// Gives the next user.
    ///
    /// # Errors
    /// A row that has not as many cells as the header, or no id, is a user that is wrong.
    pub(crate) fn next(&mut self) -> Result<Option<User>, Trouble> {
        loop {
            let Some(Row { line, cells }) = self.parser.row()? else {
                return Ok(None);
            };
            let (has, wants) = (cells.len(), self.columns.len());
            if has != wants {
                let unit = if has == 1 { "cell" } else { "cells" };
                let what = format!("{has} {unit} where the header has {wants}");
                return Err(Trouble::User { line, what });
            }
            let id = cells.get(self.id_at).cloned().unwrap_or_default();
            if id.trim().is_empty() {
                // Spreadsheets write rows of nothing behind the last one that was ever filled.
                if cells.iter().all(String::is_empty) {
                    continue;
                }
                let column = self.columns.get(self.id_at).map_or("", String::as_str);
                return Err(Trouble::User { line, what: format!("the column `{column}` is empty") });
            }
            let several = cells.into_iter().zip(&self.separators);
            let cells = several.map(|(cell, separator)| self.cell(line, cell, separator.as_deref()));
            return Ok(Some(User { line, id, cells: cells.collect::<Result<_, Error>>()? }));
        }
    }

    fn cell(&self, line: u64, cell: String, separator: Option<&str>) -> Result<Cell, Error> {
        let Some(separator) = separator else {
            return Ok(Cell::text(cell));
        };
        let values: Vec<String> =
            cell.split(separator).map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect();
        if values.len() > VALUES {
            let what = format!("a cell has more than {VALUES} values");
            return Err(broken(self.text().name(), line, &what));
        }
        Ok(Cell::from_texts(values))
    }
}

fn header_faults(place: &str, columns: &[String]) -> Vec<Fault> {
    let mut faults = Vec::new();
    for (at, name) in columns.iter().enumerate() {
        let number = at + 1;
        if name.is_empty() {
            faults.push(
                Fault::new("path", format!("{place}: column {number} has no name"))
                    .hint("name it, or remove the column from the file"),
            );
        } else if name.len() > NAME_BYTES || name.chars().any(char::is_control) {
            let what =
                format!("column {number} has a name with a line break, or one of over {NAME_BYTES} bytes");
            let hint = "write its name on one line; is this line the header?";
            faults.push(Fault::new("path", format!("{place}: {what}")).hint(hint));
        } else if let Some(first) = columns.iter().take(at).position(|earlier| earlier == name) {
            let message = format!("{place}: the columns {} and {number} are both called `{name}`", first + 1);
            faults.push(Fault::new("path", message).hint("give one of them another name"));
        }
    }
    faults
}

/// Makes the fault of a file that begins with `sep=;`, with which Excel is told the delimiter: it names no columns.
fn excel_line(place: &str, columns: &[String]) -> Option<Fault> {
    let first = columns.first().filter(|_| columns.len() <= 2)?;
    first.get(..4).filter(|start| start.eq_ignore_ascii_case("sep="))?;
    let message = format!("{place}: it is Excel's `sep=`, and does not name the columns");
    let hint = "remove this line, or export the file without it; the delimiter is told with `delimiter`";
    Some(Fault::new("path", message).hint(hint))
}

/// Makes the fault of a missing column, and says whether the columns are probably parted by something else.
fn no_id(place: &str, columns: &[String], settings: &Settings) -> (Fault, bool) {
    let message = format!("{place}: there is no column `{}`", settings.id_column);
    if let Some(fault) = excel_line(place, columns) {
        return (fault, true);
    }
    let names: Vec<&str> = columns.iter().map(String::as_str).collect();
    let only = columns.first().filter(|_| columns.len() == 1);
    let another = only.and_then(|only| DELIMITERS.iter().find(|delimiter| only.contains(**delimiter)));
    let hint = match (another, only) {
        (Some(delimiter), _) => {
            let delimiter = delimiter.escape_default();
            format!("it has one column, {}: write `delimiter = \"{delimiter}\"`", listed(&names))
        }
        (None, Some(_)) => format!("it has one column, {}; is `delimiter` right?", listed(&names)),
        (None, None) => another_id(&settings.id_column, names),
    };
    (Fault::new("id_column", message).hint(hint), another.is_some())
}
