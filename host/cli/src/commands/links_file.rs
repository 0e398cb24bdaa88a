//! The file of `links export` and `links import`: CSV or JSON Lines, one link a line.
//!
//! A spreadsheet would run a cell that begins like a formula, so such cells begin with an apostrophe; reading takes it
//! off again.

use std::io::Write as _;
use std::path::Path;

use rollcall_core::memory::{Link, MatchedBy};
use rollcall_core::phone::PhoneUser;
use rollcall_core::text::count;
use rollcall_core::{Diagnostic, codes};
use rollcall_engine::links::{Phone, User, Wanted};
use serde::{Deserialize, Serialize};

use crate::exit;
use crate::failure::Failure;

/// The largest file that is read, in bytes.
const FILE_BYTES_MAX: u64 = 64 << 20;

/// The columns of the CSV form, in order.
const COLUMNS: [&str; 7] =
    ["user_identification", "directory", "id", "guid", "name", "extension", "matched_by"];

/// One link.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Row {
    user_identification: Option<String>,
    directory: Option<String>,
    id: Option<String>,
    guid: Option<String>,
    name: Option<String>,
    extension: Option<String>,
    matched_by: Option<String>,
}

impl Row {
    /// Gives a link with its phone user as it stands.
    pub(crate) fn of(link: &Link, phone: Option<&PhoneUser>) -> Self {
        Self {
            user_identification: Some(link.key.to_string()),
            directory: Some(link.id.directory.to_string()),
            id: Some(link.id.native.to_string()),
            guid: Some(link.guid.to_string()),
            name: phone.map(|phone| phone.name().to_owned()),
            extension: phone.and_then(PhoneUser::extension).map(str::to_owned),
            matched_by: link.matched_by.map(|by| by.word().to_owned()),
        }
    }

    fn cells(&self) -> [Option<&str>; 7] {
        [
            &self.user_identification,
            &self.directory,
            &self.id,
            &self.guid,
            &self.name,
            &self.extension,
            &self.matched_by,
        ]
        .map(Option::as_deref)
    }

    /// Gives the tie that the line asks for. The directory's own id goes before the user identification, and the GUID
    /// before the name, because they do not change.
    fn wanted(self, place: String) -> Result<Wanted, String> {
        if let Some(by) = self.matched_by.filter(|by| MatchedBy::by_word(by).is_none()) {
            return Err(format!("`matched_by` cannot be `{by}`"));
        }
        let user = match (self.id, self.user_identification) {
            (Some(id), _) => User::Id(id.into()),
            (None, Some(key)) => User::Key(key.into()),
            (None, None) => {
                return Err("neither `id` nor `user_identification` names a directory user".into());
            }
        };
        let phone = match (self.guid, self.name.or(self.extension)) {
            (Some(guid), _) => Phone::Guid(guid.into()),
            (None, Some(text)) => Phone::Any(text.into()),
            (None, None) => return Err("neither `guid`, `name` nor `extension` names a phone user".into()),
        };
        Ok(Wanted { place, user, phone })
    }
}

/// Writes CSV with a heading.
pub(crate) fn to_csv(rows: &[Row]) -> String {
    let mut out = COLUMNS.join(",") + "\r\n";
    for row in rows {
        let cells: Vec<String> =
            row.cells().into_iter().map(|cell| csv_cell(cell.unwrap_or_default())).collect();
        out.push_str(&cells.join(","));
        out.push_str("\r\n");
    }
    out
}

/// Writes JSON Lines.
pub(crate) fn to_lines(rows: &[Row]) -> String {
    rows.iter().map(|row| serde_json::to_string(row).unwrap_or_default() + "\n").collect()
}

fn csv_cell(text: &str) -> String {
    let disarmed = if text.starts_with(['=', '+', '-', '@', '\t', '\r', '\'']) {
        format!("'{text}")
    } else {
        text.to_owned()
    };
    if disarmed.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", disarmed.replace('"', "\"\""))
    } else {
        disarmed
    }
}

/// Writes a file that only its owner may read.
pub(crate) fn write(path: &Path, text: &str) -> Result<(), Failure> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    options.open(path).and_then(|mut file| file.write_all(text.as_bytes())).map_err(|error| {
        Failure::new(exit::ERROR, codes::FILE, format!("`{}` cannot be written: {error}", path.display()))
    })
}

/// Reads a file of links; its first character tells JSON Lines from CSV. All mistakes are told at once.
pub(crate) fn read(path: &Path) -> Result<Vec<Wanted>, Failure> {
    let failed = |message: String| Failure::new(exit::ERROR, codes::FILE, message);
    let size = std::fs::metadata(path).map(|meta| meta.len());
    let text = match size {
        Ok(size) if size > FILE_BYTES_MAX => {
            return Err(failed(format!("`{}` is larger than {FILE_BYTES_MAX} bytes", path.display())));
        }
        _ => std::fs::read_to_string(path)
            .map_err(|error| failed(format!("`{}` cannot be read: {error}", path.display())))?,
    };
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let rows = if text.trim_start().starts_with('{') { lines(text) } else { csv(text) };
    let (mut wanted, mut wrong) = (Vec::new(), Vec::new());
    for (line, row) in rows {
        match row.and_then(|row| row.wanted(format!("line {line}"))) {
            Ok(one) => wanted.push(one),
            Err(why) => {
                let message = format!("`{}` line {line}: {why}", path.display());
                wrong.push(
                    Diagnostic::error(codes::FILE, message)
                        .hint("`rollcall links export JOB` shows the form"),
                );
            }
        }
    }
    if wrong.is_empty() { Ok(wanted) } else { Err(Failure { exit: exit::INVALID, diagnostics: wrong }) }
}

type Numbered = Vec<(usize, Result<Row, String>)>;

fn lines(text: &str) -> Numbered {
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    lines
        .map(|(index, line)| {
            let row = serde_json::from_str::<Row>(line).map_err(|error| {
                let text = error.to_string();
                // The place within the line would read like one in the file.
                text.split(" at line ").next().unwrap_or_default().to_owned()
            });
            (index + 1, row)
        })
        .collect()
}

fn csv(text: &str) -> Numbered {
    let mut records = match records(text) {
        Ok(records) => records.into_iter(),
        Err((line, why)) => return vec![(line, Err(why))],
    };
    let Some((line, head)) = records.next() else { return Vec::new() };
    let head: Vec<String> = head.into_iter().map(|name| name.trim().to_owned()).collect();
    let unknown: Vec<&str> = head.iter().map(String::as_str).filter(|name| !COLUMNS.contains(name)).collect();
    if !unknown.is_empty() {
        let why = format!("unknown columns: {}; the first line names the columns", unknown.join(", "));
        return vec![(line, Err(why))];
    }
    records
        .map(|(line, cells)| {
            if cells.len() != head.len() {
                return (
                    line,
                    Err(format!("{}, and the heading has {}", count(cells.len(), "cell"), head.len())),
                );
            }
            let mut row = Row::default();
            for (name, cell) in head.iter().zip(cells) {
                let cell = armed(cell);
                let cell = (!cell.is_empty()).then_some(cell);
                match name.as_str() {
                    "user_identification" => row.user_identification = cell,
                    "directory" => row.directory = cell,
                    "id" => row.id = cell,
                    "guid" => row.guid = cell,
                    "name" => row.name = cell,
                    "extension" => row.extension = cell,
                    _ => row.matched_by = cell,
                }
            }
            (line, Ok(row))
        })
        .collect()
}

/// Takes the apostrophe off that keeps a spreadsheet from running a cell.
fn armed(cell: String) -> String {
    match cell.strip_prefix('\'') {
        Some(rest) if rest.starts_with(['=', '+', '-', '@', '\t', '\r', '\'']) => rest.to_owned(),
        _ => cell,
    }
}

type Records = Vec<(usize, Vec<String>)>;

/// Splits CSV into records, each with its line; empty lines are left out.
fn records(text: &str) -> Result<Records, (usize, String)> {
    let mut out = Records::new();
    let (mut cells, mut cell, mut quoted, mut line, mut begun) = (Vec::new(), String::new(), false, 1, 1);
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        line += usize::from(c == '\n');
        match c {
            '"' if quoted && chars.peek() == Some(&'"') => cell.push(chars.next().unwrap_or('"')),
            '"' if quoted => quoted = false,
            '"' if cell.is_empty() => quoted = true,
            _ if quoted => cell.push(c),
            ',' => cells.push(std::mem::take(&mut cell)),
            '\r' if chars.peek() == Some(&'\n') => {}
            '\n' => {
                cells.push(std::mem::take(&mut cell));
                let record = std::mem::take(&mut cells);
                if record.iter().any(|cell| !cell.is_empty()) {
                    out.push((begun, record));
                }
                begun = line;
            }
            _ => cell.push(c),
        }
    }
    if quoted {
        return Err((begun, "a quotation mark is not closed".to_owned()));
    }
    cells.push(cell);
    if cells.iter().any(|cell| !cell.is_empty()) {
        out.push((begun, cells));
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(key: &str, name: &str) -> Row {
        Row {
            user_identification: Some(key.to_owned()),
            id: Some("7".to_owned()),
            guid: Some("g-1".to_owned()),
            name: Some(name.to_owned()),
            ..Row::default()
        }
    }

    #[test]
    fn csv_goes_out_disarmed_and_comes_back_as_it_was() {
        for key in
            ["a@x.example", "=1+1", "'=x", "'quoted'", "-5", "@me", "a,b", "say \"hi\"", "two\nlines", "+44"]
        {
            let text = to_csv(&[row(key, key)]);
            let second = text.split("\r\n").nth(1).unwrap_or_default();
            assert!(!second.trim_start_matches('"').starts_with(['=', '+', '-', '@']), "{text}");
            let back: Vec<Row> = csv(&text).into_iter().map(|(_, row)| row.unwrap_or_default()).collect();
            assert_eq!(back, [row(key, key)], "{text}");
        }
    }

    #[test]
    fn lines_come_back_as_they_were() {
        let text = to_lines(&[row("a", "Anna"), row("b", "Bert")]);
        let back: Vec<Row> = lines(&text).into_iter().map(|(_, row)| row.unwrap_or_default()).collect();
        assert_eq!(back, [row("a", "Anna"), row("b", "Bert")]);
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line() {
        for (text, line, why) in [
            ("user_identification,mail\na,b\n", 1, "unknown columns: mail"),
            ("id,guid\n1\n", 2, "1 cell, and"),
            ("id,guid\n\n\n1,2,3\n", 4, "3 cells"),
            ("id,name\n\"1,2\n", 2, "not closed"),
        ] {
            let found = csv(text).into_iter().find_map(|(line, row)| row.err().map(|why| (line, why)));
            let (at, told) = found.unwrap_or_default();
            assert!(at == line && told.contains(why), "{text:?}: {at} {told}");
        }
        let empty = Row::default().wanted(String::new());
        assert!(empty.is_err_and(|why| why.contains("`id`")));
        let nobody = Row { id: Some("1".into()), ..Row::default() }.wanted(String::new());
        assert!(nobody.is_err_and(|why| why.contains("`guid`")));
    }
}
