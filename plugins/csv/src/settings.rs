//! The settings, and what they mean for a file.

use rollcall_connector::Fault;
use serde::Deserialize;

use crate::encoding::Encoding;

/// The settings, with the manifest's defaults filled in by the host.
#[derive(Clone, Debug, Deserialize)]
pub struct Settings {
    /// The file's name within the granted folder; with a `/` behind it, the folder of several files.
    pub(crate) path: String,
    #[serde(default)]
    format: Choice,
    #[serde(default = "comma")]
    delimiter: String,
    #[serde(default = "id")]
    pub(crate) id_column: String,
    #[serde(default)]
    pub(crate) encoding: Encoding,
    /// Where in a JSON file the list is: keys with dots between them; absent, the file is the list.
    pub(crate) records: Option<String>,
    /// The attributes that have several values.
    #[serde(default)]
    pub(crate) many: Vec<String>,
    /// What stands between two values in a cell.
    pub(crate) separator: Option<String>,
}

/// What the job says of the format.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Choice {
    #[default]
    Auto,
    Csv,
    Json,
    Ndjson,
}

/// A file's format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Format {
    /// Lines of cells, the first of which names the columns.
    Csv,
    /// A list of objects.
    Json,
    /// An object a line.
    Ndjson,
}

impl Format {
    /// The name for people.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Csv => "CSV",
            Self::Json => "JSON",
            Self::Ndjson => "NDJSON",
        }
    }

    /// Tells the format by a file's ending; none where it says nothing.
    pub(crate) fn by_ending(name: &str) -> Option<Self> {
        let (_, ending) = name.rsplit_once('.')?;
        match ending.to_ascii_lowercase().as_str() {
            "csv" | "tsv" | "txt" => Some(Self::Csv),
            "json" => Some(Self::Json),
            "ndjson" | "jsonl" => Some(Self::Ndjson),
            _ => None,
        }
    }
}

fn comma() -> String {
    ",".to_owned()
}

fn id() -> String {
    "id".to_owned()
}

impl Settings {
    /// Gives the delimiter's byte, where it is one that cannot be taken for something else.
    pub(crate) fn delimiter(&self) -> Option<u8> {
        match self.delimiter.as_bytes() {
            // A letter, a digit or a blank stands in names and numbers too.
            [b' ' | b'"' | b'\r' | b'\n' | 0] => None,
            [byte] if byte.is_ascii() && !byte.is_ascii_alphanumeric() => Some(*byte),
            _ => None,
        }
    }

    /// Says whether the path names a folder.
    pub(crate) fn is_folder(&self) -> bool {
        self.path.ends_with('/')
    }

    /// Gives the format that the job itself names.
    pub(crate) fn format(&self) -> Option<Format> {
        match self.format {
            Choice::Auto => None,
            Choice::Csv => Some(Format::Csv),
            Choice::Json => Some(Format::Json),
            Choice::Ndjson => Some(Format::Ndjson),
        }
    }

    /// Gives the format of a file: what the job says, else what its ending says, else CSV.
    pub(crate) fn format_of(&self, name: &str) -> Format {
        self.format().or_else(|| Format::by_ending(name)).unwrap_or(Format::Csv)
    }

    /// Names the mistakes that need no file to be seen.
    pub(crate) fn faults(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        if self.delimiter().is_none() {
            let message = format!("`{}` cannot stand between two cells", self.delimiter.escape_debug());
            let hint = "use one ASCII character that is no letter, digit or blank, such as `,`, `;` or `\\t`";
            faults.push(Fault::new("delimiter", message).hint(hint));
        }
        if self.id_column.is_empty() {
            faults.push(Fault::new("id_column", "names no column"));
        }
        // In a folder only the files tell.
        let format = if self.is_folder() { self.format() } else { Some(self.format_of(&self.path)) };
        if self.records.is_some() && format.is_some_and(|format| format != Format::Json) {
            let hint = "remove it, or write `format = \"json\"`";
            faults.push(Fault::new("records", "only a JSON file has its list under a key").hint(hint));
        }
        if self.records.as_ref().is_some_and(|path| path.split('.').any(str::is_empty)) {
            let hint = "write the keys from the top with dots between them, such as `data.employees`";
            faults.push(Fault::new("records", "names no key").hint(hint));
        }
        match format {
            Some(Format::Csv) => faults.extend(self.no_separator()),
            Some(Format::Json | Format::Ndjson) => faults.extend(self.for_csv_alone()),
            None => {}
        }
        if self.separator.as_ref().is_some_and(String::is_empty) {
            faults.push(Fault::new("separator", "nothing cannot stand between two values"));
        }
        if self.separator.is_some() && self.many.is_empty() {
            let hint = "name the columns with several values: `many = [\"groups\"]`";
            faults.push(Fault::new("separator", "no column is said to have several values").hint(hint));
        }
        faults
    }

    /// Names the settings that mean nothing where a file has no cells.
    pub(crate) fn for_csv_alone(&self) -> Vec<Fault> {
        let hint = "remove it, or write `format = \"csv\"`";
        let set = [("delimiter", self.delimiter != comma()), ("separator", self.separator.is_some())];
        let wrong = set.into_iter().filter(|(_, set)| *set);
        wrong.map(|(name, _)| Fault::new(name, "only a CSV file has cells").hint(hint)).collect()
    }

    /// Names the mistake that CSV has several values in a cell and nothing between them.
    pub(crate) fn no_separator(&self) -> Option<Fault> {
        if self.many.is_empty() || self.separator.is_some() {
            return None;
        }
        let hint = "say what stands between two values, such as `separator = \"|\"`";
        Some(Fault::new("many", "nothing says where one value ends and the next begins").hint(hint))
    }
}
