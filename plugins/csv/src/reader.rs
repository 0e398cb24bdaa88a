//! One reading: a file, or the files of a folder one after the other, as one directory in which no id stands twice.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, DefaultHasher, Hasher as _};

use rollcall_connector::{Error, Fault, files, quoted};

use crate::limits::TOLD;
use crate::records::Records;
use crate::settings::{Format, Settings};
use crate::table::Rows;
use crate::text::{Text, broken};
use crate::user::{Trouble, User, listed};

/// A file that is open.
enum Source {
    Csv(Box<Rows>),
    Json(Box<Records>),
}

/// What a step of the reading gives.
pub(crate) enum Step {
    User(User),
    /// The file has ended; its columns can still be asked for. The next file may have others.
    FileEnd,
    End,
}

/// The file and line of every id so far, by a hash of it: who stands twice does not say which line holds. Two ids of one
/// hash, which nobody will see who does not make them for it, are taken for one, and so end the reading.
type Ids = HashMap<u128, (usize, u64), BuildHasherDefault<DefaultHasher>>;

/// Hashes an id. A connector has no random numbers to key it with.
fn hash(id: &str) -> u128 {
    let half = |key: u8| {
        let mut hasher = DefaultHasher::new();
        hasher.write_u8(key);
        hasher.write(id.as_bytes());
        u128::from(hasher.finish())
    };
    half(0) << 64 | half(1)
}

/// A reading on its way.
pub(crate) struct Reader {
    settings: Settings,
    names: Vec<String>,
    passed_over: Vec<String>,
    /// Which file is open.
    at: usize,
    source: Source,
    ended: bool,
    ids: Ids,
}

impl Reader {
    /// Opens the first file.
    ///
    /// # Errors
    /// The host's word on the file or folder, and the mistakes of a header.
    pub(crate) fn open(settings: Settings) -> Result<Self, Error> {
        let (names, passed_over) = if settings.is_folder() {
            in_folder(&settings)?
        } else {
            (vec![settings.path.clone()], Vec::new())
        };
        let Some(first) = names.first() else {
            let what = settings.format().map_or("CSV, JSON or NDJSON", Format::name);
            return Err(Error::permanent(format!(
                "there is no {what} file in the folder `{}`, so the directory was not read",
                settings.path
            )));
        };
        let source = Source::open(&settings, first)?;
        Ok(Self { settings, names, passed_over, at: 0, source, ended: false, ids: Ids::default() })
    }

    /// The columns of the open file so far.
    pub(crate) fn columns(&self) -> &[String] {
        match &self.source {
            Source::Csv(rows) => rows.columns(),
            Source::Json(records) => records.columns(),
        }
    }

    /// The open file.
    pub(crate) fn text(&self) -> &Text {
        match &self.source {
            Source::Csv(rows) => rows.text(),
            Source::Json(records) => records.text(),
        }
    }

    /// The open file's format.
    pub(crate) fn format(&self) -> Format {
        self.settings.format_of(self.text().name())
    }

    /// The names in the folder that are of no file of the format.
    pub(crate) fn passed_over(&self) -> &[String] {
        &self.passed_over
    }

    /// Gives what comes next.
    ///
    /// # Errors
    /// Users that are wrong are told together, once the rest has been looked at for others.
    pub(crate) fn step(&mut self) -> Result<Step, Error> {
        match self.try_step() {
            Ok(step) => Ok(step),
            Err(Trouble::File(error)) => Err(error),
            Err(Trouble::User { line, what }) => Err(self.look_for_more(line, what)),
        }
    }

    /// Passes over the users of the open file; what the header says is enough.
    pub(crate) fn pass_file(&mut self) {
        self.ended = true;
    }

    fn try_step(&mut self) -> Result<Step, Trouble> {
        if self.ended {
            let Some(name) = self.names.get(self.at + 1) else {
                return Ok(Step::End);
            };
            self.source = Source::open(&self.settings, name)?;
            (self.at, self.ended) = (self.at + 1, false);
        }
        let user = match &mut self.source {
            Source::Csv(rows) => rows.next()?,
            Source::Json(records) => records.next()?,
        };
        let Some(user) = user else {
            self.ended = true;
            return Ok(Step::FileEnd);
        };
        let here = (self.at, user.line);
        if let Some((file, line)) = self.ids.insert(hash(&user.id), here) {
            let of = match self.names.get(file).filter(|_| file != self.at) {
                Some(other) => format!(" of `{other}`"),
                None => String::new(),
            };
            let what = format!("the id `{}` stands on line {line}{of} too", quoted(&user.id));
            return Err(Trouble::User { line: user.line, what });
        }
        Ok(Step::User(user))
    }

    /// Reads on after a mistake and makes one error of all of them.
    fn look_for_more(&mut self, line: u64, what: String) -> Error {
        let mut told = vec![self.told(line, &what)];
        let mut more = 0;
        loop {
            match self.try_step() {
                Ok(Step::End) => break,
                Ok(_) => {}
                Err(Trouble::User { line, what }) if told.len() < TOLD => told.push(self.told(line, &what)),
                Err(Trouble::User { .. }) => more += 1,
                // The host's refusals stand above all mistakes of the file.
                Err(Trouble::File(error @ (Error::Refused(_) | Error::Transient(_)))) => return error,
                Err(Trouble::File(error)) => {
                    if let Error::Permanent(message) = error {
                        told.push(message);
                    }
                    break;
                }
            }
        }
        let mut message = told.join("; ");
        if more > 0 {
            message.push_str(&format!("; and {more} more"));
        }
        Error::Permanent(message)
    }

    fn told(&self, line: u64, what: &str) -> String {
        match broken(self.text().name(), line, what) {
            Error::Permanent(message) => message,
            _ => String::new(),
        }
    }
}

impl Source {
    fn open(settings: &Settings, name: &str) -> Result<Self, Error> {
        let text = Text::open(name, settings.encoding)?;
        match settings.format_of(name) {
            Format::Csv => Rows::open(settings, text).map(|rows| Self::Csv(Box::new(rows))),
            json => Records::open(settings, text, json).map(|records| Self::Json(Box::new(records))),
        }
    }
}

/// Gives the files of the folder that are of the format, in the order of their names, and the names of all others.
fn in_folder(settings: &Settings) -> Result<(Vec<String>, Vec<String>), Error> {
    let mut names = files::names(&settings.path)?;
    names.sort();
    let formats: Vec<Format> = {
        let mut found: Vec<Format> = names.iter().filter_map(|name| Format::by_ending(name)).collect();
        found.sort();
        found.dedup();
        found
    };
    let format = match (settings.format(), formats.as_slice()) {
        (Some(format), _) => format,
        (None, []) => return Ok((Vec::new(), names)),
        (None, [only]) => *only,
        (None, several) => {
            let found: Vec<&str> = several.iter().map(|format| format.name()).collect();
            let message = format!("the folder `{}` has files of several formats", settings.path);
            let hint = format!("say with `format` which are meant: {}", listed(&found).to_lowercase());
            return Err(Error::setting(Fault::new("format", message).hint(hint)));
        }
    };
    let (taken, others): (Vec<String>, Vec<String>) =
        names.into_iter().partition(|name| Format::by_ending(name) == Some(format));
    Ok((taken.into_iter().map(|name| format!("{}{name}", settings.path)).collect(), others))
}
