//! The embedded office: a model of an IP Office in one SQLite file, for trials, tests and dry runs.
//!
//! It holds what a real one holds of a user, all elements by Avaya's names, so that the Management API's server can
//! show it as a real one would. It refuses by itself what a real one would refuse or regret, so that a wrong plan is
//! seen here first.

mod check;
mod fault;
mod load;
mod read;
mod records;
mod rows;
mod schema;
mod views;
mod write;

#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use rollcall_core::ops::Write;
use rollcall_core::phone::{Abilities, Extension, PhoneUser, Standing};
use rollcall_core::waves::AtOnce;
use rollcall_core::{Guid, Text};
use rollcall_edges::office::{Locator, Office, OfficeError, Taken};
use rollcall_sqlite::{Connection, Database};

pub use read::EmbeddedUser;
pub use rows::{ExtensionView, UserView};
pub use views::IfMatch;

use self::fault::Fault;
use crate::import::OfficeFile;
use crate::limits::CALLS_AT_ONCE;

/// An office in a file.
#[derive(Debug)]
pub struct Embedded {
    database: Database,
    identity: Text,
}

impl Embedded {
    /// Opens an office that exists.
    ///
    /// # Errors
    /// `Unreachable` where there is none or it may not be opened, `Damaged` where the file is none.
    pub fn open(path: &Path) -> Result<Self, OfficeError> {
        let missing = || OfficeError::Unreachable {
            message: format!("there is no office at `{}`", path.display()),
            hint: Some(format!("make one with `rollcall office init {}`", path.display())),
        };
        if !path.exists() {
            return Err(missing());
        }
        let (database, identity) = schema::open(path)?;
        Ok(Self { database, identity: identity.ok_or_else(missing)? })
    }

    /// Makes an office with what `file` says. Where that fails nothing is left behind.
    ///
    /// # Errors
    /// `Refused` where there is a file already, or where the contents clash with one another.
    pub fn create(path: &Path, file: &OfficeFile) -> Result<Self, OfficeError> {
        schema::make_file(path).map_err(|error| match error.kind() {
            std::io::ErrorKind::AlreadyExists => OfficeError::Refused(format!(
                "`{}` exists already; an office is never written over",
                path.display()
            )),
            _ => OfficeError::Unreachable {
                message: format!("`{}` cannot be made: {error}", path.display()),
                hint: None,
            },
        })?;
        let made = schema::open(path).and_then(|(database, _)| Self::fill(database, file));
        if made.is_err() {
            // What was made a moment ago holds nothing; failing to remove it is no second mistake to tell.
            for end in ["", "-wal", "-shm"] {
                let mut name = path.as_os_str().to_owned();
                name.push(end);
                let _ = std::fs::remove_file(name);
            }
        }
        made
    }

    /// Opens the office; where there is none, makes one with a single primary system named `Primary`.
    ///
    /// # Errors
    /// As [`Embedded::open`] and [`Embedded::create`].
    pub fn open_or_create(path: &Path) -> Result<Self, OfficeError> {
        if !path.exists() {
            return match Self::create(path, &OfficeFile::plain()) {
                // Somebody else was quicker.
                Err(OfficeError::Refused(_)) if path.exists() => Self::open(path),
                other => other,
            };
        }
        // A file without tables is what is left of an init that was cut off.
        match schema::open(path)? {
            (database, Some(identity)) => Ok(Self { database, identity }),
            (database, None) => Self::fill(database, &OfficeFile::plain()),
        }
    }

    fn fill(database: Database, file: &OfficeFile) -> Result<Self, OfficeError> {
        let office = Self { database, identity: new_guid()? };
        office.change(|connection| {
            schema::lay_out(connection, &office.identity)
                .map_err(|error| fault::damaged("the new office", &error))?;
            load::load(connection, file)
        })?;
        Ok(office)
    }

    /// Adds what `file` says to what stands, all of it or nothing.
    ///
    /// # Errors
    /// `Refused` with the first clash.
    pub fn add(&self, file: &OfficeFile) -> Result<(), OfficeError> {
        self.change(|connection| load::load(connection, file))
    }

    /// Reads on one view of the file, whoever writes meanwhile.
    fn view<T>(&self, work: impl FnOnce(&Connection) -> Result<T, Fault>) -> Result<T, OfficeError> {
        let read = |connection: &Connection| work(&*connection.unchecked_transaction()?);
        Ok(self.database.with(read)?)
    }

    /// Changes everything that `work` changes, or nothing. The lock is taken at once, so that what is checked still holds
    /// when it is written.
    fn change<T>(&self, work: impl FnOnce(&Connection) -> Result<T, Fault>) -> Result<T, OfficeError> {
        Ok(self.database.write_or(|transaction| work(transaction), fault::unsure)?)
    }

    /// Gives the path of the file.
    pub fn path(&self) -> &Path {
        self.database.path()
    }
}

#[async_trait]
impl Office for Embedded {
    async fn identity(&self) -> Result<Text, OfficeError> {
        Ok(self.identity.clone())
    }

    async fn abilities(&self) -> Result<Abilities, OfficeError> {
        Ok(Abilities::all())
    }

    async fn version(&self) -> Result<Option<Text>, OfficeError> {
        self.view(|connection| Ok(schema::version(connection)?))
    }

    async fn read(&self) -> Result<Standing, OfficeError> {
        self.view(read::standing)
    }

    async fn find(&self, who: &Locator) -> Result<Option<PhoneUser>, OfficeError> {
        self.view(|connection| read::find(connection, who))
    }

    async fn write(&self, write: &Write) -> Result<Option<PhoneUser>, OfficeError> {
        self.change(|connection| write::write(connection, write))
    }

    /// One transaction takes them all; so many are soon done.
    fn at_once(&self) -> AtOnce {
        AtOnce { calls: CALLS_AT_ONCE, updates: CALLS_AT_ONCE }
    }

    /// All of them are one transaction and one wait for the disk. Killed before its end, none has taken place: SQLite
    /// leaves out what a log holds without an end. Killed after it, all have that were not refused.
    ///
    /// Most of the time nothing is refused. Where something is, everything is undone and done again with each call in a
    /// savepoint of its own, which costs about as much as the calls themselves.
    async fn write_all(&self, writes: &[Cow<'_, Write>]) -> Vec<Result<Option<PhoneUser>, OfficeError>> {
        if writes.is_empty() {
            return Vec::new();
        }
        let mut refused = false;
        let each =
            |connection: &Connection| write::write_each(connection, writes).inspect_err(|_| refused = true);
        match self.change(each) {
            Ok(users) => return users.into_iter().map(Ok).collect(),
            Err(OfficeError::Unsure(why)) if !refused => {
                return writes.iter().map(|_| Err(OfficeError::Unsure(why.clone()))).collect();
            }
            Err(error) if !refused => return vec![Err(error)],
            Err(_) => {}
        }
        let mut results = Vec::with_capacity(writes.len());
        let ended = self.change(|connection| write::write_all(connection, writes, &mut results));
        if let Err(error) = ended {
            for done in results.iter_mut().filter(|result| result.is_ok()) {
                *done = Err(OfficeError::Unsure(error.to_string()));
            }
            // Unsure is how the transaction ended. Any other error is of the call that has no result yet.
            if !matches!(error, OfficeError::Unsure(_)) {
                results.push(Err(error));
            }
        }
        results
    }

    async fn extension(&self, number: &str) -> Result<Option<Extension>, OfficeError> {
        self.view(|connection| rows::record_by_number(connection, number))
    }

    async fn taken(&self, name: &str, number: Option<&str>) -> Result<Option<Taken>, OfficeError> {
        self.view(|connection| check::taken(connection, name, number, ""))
    }

    /// Moves what the log still holds into the file itself, so that a copy of the file alone is whole.
    async fn close(&self) {
        let moved = self
            .database
            .with(|connection| connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())));
        if let Err(error) = moved {
            tracing::debug!(%error, "the office's log stays beside it");
        }
    }
}

/// Draws a GUID of version 7 (RFC 9562) in the usual form: the time in milliseconds, and random bits. Users lie in the order
/// of their GUIDs, so that those who are made together lie together.
fn new_guid() -> Result<Guid, OfficeError> {
    let mut bytes = [0u8; 16];
    getrandom::fill(&mut bytes[6..]).map_err(|error| OfficeError::Unreachable {
        message: format!("the machine gives no random numbers: {error}"),
        hint: None,
    })?;
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let millis = u64::try_from(since.as_millis()).unwrap_or_default();
    bytes[..6].copy_from_slice(&millis.to_be_bytes()[2..]);
    bytes[6] = (bytes[6] & 0x0f) | 0x70;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    let hex = |part: &[u8]| part.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let parts = [&bytes[..4], &bytes[4..6], &bytes[6..8], &bytes[8..10], &bytes[10..]].map(hex);
    Ok(parts.join("-").into())
}

/// The present time for `Last-Modified`, in seconds since 1970. Nothing is decided by it.
fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}
