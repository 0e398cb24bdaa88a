//! The embedded office: a model of an IP Office in one SQLite file, for trials, tests and dry runs.
//!
//! It holds what a real one holds of a user, all elements by Avaya's names, so that the Management API's server can
//! show it as a real one would. It refuses by itself what a real one would refuse or regret, so that a wrong plan is
//! seen here first.

mod check;
mod load;
mod read;
mod records;
mod rows;
mod schema;
mod views;
mod write;

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use rollcall_core::ops::Write;
use rollcall_core::phone::{Abilities, Extension, PhoneUser, Standing};
use rollcall_core::{Guid, Text};
use rollcall_edges::office::{Locator, Office, OfficeError, Taken};
use sqlx::{Connection as _, SqliteConnection};
use tokio::sync::{Mutex, MutexGuard};

pub use read::EmbeddedUser;
pub use rows::{ExtensionView, UserView};
pub use views::IfMatch;

use crate::import::OfficeFile;

/// An office in a file.
#[derive(Debug)]
pub struct Embedded {
    connection: Mutex<SqliteConnection>,
    identity: Text,
    path: PathBuf,
}

impl Embedded {
    /// Opens an office that exists.
    ///
    /// # Errors
    /// `Unreachable` where there is none or it may not be opened, `Damaged` where the file is none.
    pub async fn open(path: &Path) -> Result<Self, OfficeError> {
        let missing = || OfficeError::Unreachable {
            message: format!("there is no office at `{}`", path.display()),
            hint: Some(format!("make one with `rollcall office init {}`", path.display())),
        };
        if !path.exists() {
            return Err(missing());
        }
        let mut connection = schema::connect(path).await?;
        let identity = schema::identity(&mut connection, path).await?.ok_or_else(missing)?;
        Ok(Self { connection: Mutex::new(connection), identity, path: path.to_owned() })
    }

    /// Makes an office with what `file` says. Where that fails nothing is left behind.
    ///
    /// # Errors
    /// `Refused` where there is a file already, or where the contents clash with one another.
    pub async fn create(path: &Path, file: &OfficeFile) -> Result<Self, OfficeError> {
        schema::make_file(path).map_err(|error| match error.kind() {
            std::io::ErrorKind::AlreadyExists => check::refused(format!(
                "`{}` exists already; an office is never written over",
                path.display()
            )),
            _ => OfficeError::Unreachable {
                message: format!("`{}` cannot be made: {error}", path.display()),
                hint: None,
            },
        })?;
        let made = Self::fill(path, file).await;
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
    pub async fn open_or_create(path: &Path) -> Result<Self, OfficeError> {
        if !path.exists() {
            return match Self::create(path, &OfficeFile::plain()).await {
                // Somebody else was quicker.
                Err(OfficeError::Refused(_)) if path.exists() => Self::open(path).await,
                other => other,
            };
        }
        // A file without tables is what is left of an init that was cut off.
        let mut connection = schema::connect(path).await?;
        match schema::identity(&mut connection, path).await? {
            Some(identity) => {
                Ok(Self { connection: Mutex::new(connection), identity, path: path.to_owned() })
            }
            None => Self::fill(path, &OfficeFile::plain()).await,
        }
    }

    async fn fill(path: &Path, file: &OfficeFile) -> Result<Self, OfficeError> {
        let identity = random_guid()?;
        let mut connection = schema::connect(path).await?;
        let mut transaction = schema::begin(&mut connection).await?;
        schema::lay_out(&mut transaction, &identity).await?;
        load::load(&mut transaction, file).await?;
        schema::commit(transaction).await?;
        Ok(Self { connection: Mutex::new(connection), identity, path: path.to_owned() })
    }

    /// Adds what `file` says to what stands, all of it or nothing.
    ///
    /// # Errors
    /// `Refused` with the first clash.
    pub async fn add(&self, file: &OfficeFile) -> Result<(), OfficeError> {
        let mut connection = self.connection().await?;
        let mut transaction = schema::begin(&mut connection).await?;
        load::load(&mut transaction, file).await?;
        schema::commit(transaction).await
    }

    /// Takes the connection. One whose last transaction could not even be ended, because the disk was full, is made anew: it
    /// would refuse every further one.
    async fn connection(&self) -> Result<MutexGuard<'_, SqliteConnection>, OfficeError> {
        let mut connection = self.connection.lock().await;
        if connection.is_in_transaction() {
            *connection = schema::connect(&self.path).await?;
        }
        Ok(connection)
    }

    /// Gives the path of the file.
    pub fn path(&self) -> &Path {
        &self.path
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
        let mut connection = self.connection().await?;
        schema::version(&mut connection).await
    }

    async fn read(&self) -> Result<Standing, OfficeError> {
        let mut connection = self.connection().await?;
        read::standing(&mut connection).await
    }

    async fn find(&self, who: &Locator) -> Result<Option<PhoneUser>, OfficeError> {
        let mut connection = self.connection().await?;
        read::find(&mut connection, who).await
    }

    async fn write(&self, write: &Write) -> Result<Option<PhoneUser>, OfficeError> {
        let mut connection = self.connection().await?;
        let mut transaction = schema::begin(&mut connection).await?;
        let user = write::write(&mut transaction, write).await?;
        schema::commit(transaction).await?;
        Ok(user)
    }

    async fn extension(&self, number: &str) -> Result<Option<Extension>, OfficeError> {
        let mut connection = self.connection().await?;
        Ok(rows::extension_by_number(&mut connection, number).await?.map(|view| view.extension))
    }

    async fn taken(&self, name: &str, number: Option<&str>) -> Result<Option<Taken>, OfficeError> {
        let mut connection = self.connection().await?;
        check::taken(&mut connection, name, number, "").await
    }

    /// Moves what the log still holds into the file itself, so that a copy of the file alone is whole.
    async fn close(&self) {
        let mut connection = self.connection.lock().await;
        if let Err(error) = sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").execute(&mut *connection).await {
            tracing::debug!(%error, "the office's log stays beside it");
        }
    }
}

/// Draws a random GUID (version 4) in the usual form.
fn random_guid() -> Result<Guid, OfficeError> {
    let mut bytes = [0u8; 16];
    getrandom::fill(&mut bytes).map_err(|error| OfficeError::Unreachable {
        message: format!("the machine gives no random numbers: {error}"),
        hint: None,
    })?;
    bytes[6] = (bytes[6] & 0x0f) | 0x40;
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
