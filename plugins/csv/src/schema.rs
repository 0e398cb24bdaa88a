//! What a file has: its attributes, and what a test of the connection tells.

use std::collections::{BTreeMap, BTreeSet};

use rollcall_connector::{
    AttributeInfo, Cell, Connection, Error, Fault, Finding, Kind, attribute, passed, quoted, warned,
};

use crate::limits::TOLD;
use crate::reader::{Reader, Step};
use crate::settings::{Format, Settings};
use crate::user::{User, did_you_mean, listed};

/// Gives the attributes that a listing yields.
///
/// The header of a CSV file says them all. A JSON file is read to its end: any object may have a key that no other has,
/// and only who has seen all can say that a name is a mistake.
pub(crate) fn attributes(settings: &Settings) -> Result<Vec<AttributeInfo>, Error> {
    seen(Reader::open(settings.clone())?)?.attributes(settings)
}

/// Gives the names of the attributes of JSON that are text, and of which a user may have a number or a truth all the same.
///
/// # Errors
/// Those of a reading: the files are read to their ends.
pub(crate) fn mixed(settings: Settings) -> Result<BTreeSet<String>, Error> {
    let all = seen(Reader::open(settings)?)?.0.into_iter();
    Ok(all.filter(|(_, seen)| seen.kind == Some(Kind::Text)).map(|(name, _)| name).collect())
}

fn seen(mut reader: Reader) -> Result<Seen, Error> {
    let mut seen = Seen::default();
    loop {
        if reader.format() == Format::Csv {
            reader.pass_file();
            seen.columns(reader.columns());
        }
        match reader.step()? {
            Step::User(user) if reader.format() != Format::Csv => seen.user(reader.columns(), &user),
            Step::User(_) => {}
            Step::FileEnd => seen.columns(reader.columns()),
            Step::End => return Ok(seen),
        }
    }
}

/// Reads everything and says what was found, file by file.
pub(crate) fn check(settings: &Settings) -> Result<Connection, Error> {
    let mut reader = Reader::open(settings.clone())?;
    let (mut seen, mut findings) = (Seen::default(), Vec::new());
    let (mut all, mut users, mut files) = (0_u32, 0_u32, 0_usize);
    loop {
        match reader.step()? {
            Step::User(_) => users += 1,
            Step::FileEnd => {
                files += 1;
                seen.columns(reader.columns());
                if files <= TOLD {
                    findings.extend(told(&reader, users));
                }
                all += std::mem::take(&mut users);
            }
            Step::End => break,
        }
    }
    if files > TOLD {
        findings.push(passed(&settings.path, format!("{files} files in all")));
    }
    if !reader.passed_over().is_empty() {
        let names: Vec<String> = reader.passed_over().iter().map(|name| quoted(name)).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        findings.push(warned(&settings.path, format!("passed over, by the ending: {}", listed(&names))));
    }
    seen.attributes(settings)?;
    Ok(Connection { users: Some(all), findings })
}

fn told(reader: &Reader, users: u32) -> Vec<Finding> {
    let text = reader.text();
    let (format, encoding) = (reader.format(), text.encoding().name());
    let plural = |count: usize| if count == 1 { "" } else { "s" };
    let what = if format == Format::Csv { "column" } else { "key" };
    let (keys, users) = (reader.columns().len(), usize::try_from(users).unwrap_or(usize::MAX));
    let (ends, end) = (plural(keys), plural(users));
    let message = format!("{keys} {what}{ends}, {users} user{end} ({} in {encoding})", format.name());
    let mut findings = vec![passed(text.name(), message)];
    if text.looks_like_utf8() {
        let hint = "compare a name with an accent, and write `encoding = \"utf-8\"` if it is wrong";
        let warning = warned(text.name(), format!("it is read as {encoding} and looks like utf-8"));
        findings.push(Finding { hint: Some(hint.to_owned()), ..warning });
    }
    findings
}

/// The attributes seen so far, with a number for their order.
#[derive(Default)]
struct Seen(BTreeMap<String, Attribute>);

#[derive(Clone, Copy, Default)]
struct Attribute {
    kind: Option<Kind>,
    many: bool,
}

impl Seen {
    fn columns(&mut self, names: &[String]) {
        for name in names {
            if !self.0.contains_key(name) {
                self.0.insert(name.clone(), Attribute::default());
            }
        }
    }

    fn user(&mut self, columns: &[String], user: &User) {
        for (name, cell) in columns.iter().zip(&user.cells) {
            let (kind, many) = match cell {
                Cell::None => continue,
                Cell::Integer(_) => (Kind::Integer, false),
                Cell::Boolean(_) => (Kind::Boolean, false),
                Cell::Texts(_) => (Kind::Text, true),
                Cell::Text(_) | Cell::Bytes(_) => (Kind::Text, false),
            };
            // Most users have what others had already.
            let known = match self.0.get_mut(name) {
                Some(known) => known,
                None => self.0.entry(name.clone()).or_default(),
            };
            // What is of one kind here and of another there can only be taken for text.
            known.kind = Some(if known.kind.is_none_or(|before| before == kind) { kind } else { Kind::Text });
            known.many |= many;
        }
    }

    /// Gives the attributes, if they are all that the settings name.
    fn attributes(self, settings: &Settings) -> Result<Vec<AttributeInfo>, Error> {
        let faults: Vec<Fault> = settings
            .many
            .iter()
            .filter(|name| !self.0.contains_key(*name))
            .map(|name| {
                let message = format!("`{}` has no attribute `{name}`", settings.path);
                Fault::new("many", message).hint(did_you_mean(name, self.0.keys().map(String::as_str)))
            })
            .collect();
        if !faults.is_empty() {
            return Err(Error::InvalidSettings(faults));
        }
        let described = |(name, seen): (String, Attribute)| AttributeInfo {
            many: seen.many || settings.many.contains(&name),
            ..attribute(&name, seen.kind.unwrap_or(Kind::Text), "Stands in the file.")
        };
        Ok(self.0.into_iter().map(described).collect())
    }
}
