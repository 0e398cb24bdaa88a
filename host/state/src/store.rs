//! The state's folder, opened.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rollcall_edges::state::StateError;
use rollcall_sqlite::{Connection, Database, Transaction, params};

use crate::lease::short;
use crate::mirror::MirrorFile;
use crate::seal::Seal;
use crate::sql::Worked;
use crate::{files, schema, sql};

/// Everything durable: `state.db`, `key`, `locks/`, `mirrors/`.
#[derive(Clone)]
pub struct Store {
    pub(crate) folder: PathBuf,
    pub(crate) database: Arc<Database>,
    pub(crate) seal: Seal,
}

impl Store {
    /// Opens the state in a folder, and makes it where there is none.
    ///
    /// # Errors
    /// Where the folder cannot be made or written, a file is damaged, or comes from a newer version.
    pub fn open(folder: &Path) -> Result<Self, StateError> {
        files::folder(folder)?;
        let seal = Seal::open(&folder.join("key"), &folder.join("state.db"))?;
        let database = schema::open(&folder.join("state.db"), schema::STATE, Some(&seal))?;
        Ok(Self { folder: folder.to_owned(), database: Arc::new(database), seal })
    }

    /// Opens a job's mirror. `purpose` keeps mirrors of different selections apart.
    ///
    /// # Errors
    /// As for [`Store::open`]. A mirror that is damaged is made anew, for it is a cache.
    pub fn mirror(&self, job: &str, purpose: &str) -> Result<MirrorFile, StateError> {
        let folder = self.folder.join("mirrors");
        files::folder(&folder)?;
        let path = folder.join(format!("{}-{purpose}.db", short(job)));
        match MirrorFile::open(&path) {
            Err(StateError::Unusable { message, .. })
                if message.contains("malformed") || message.contains("not a database") =>
            {
                for tail in ["", "-wal", "-shm"] {
                    let file = folder.join(format!("{}-{purpose}.db{tail}", short(job)));
                    if file.exists() {
                        std::fs::remove_file(&file).map_err(|error| files::unusable(&file, &error))?;
                    }
                }
                MirrorFile::open(&path)
            }
            other => other,
        }
    }

    /// Gives what stands for a text in logs and hooks: the same for the same text, and nothing that can be found out
    /// without this state's key.
    pub fn pseudonym(&self, text: &str) -> String {
        self.seal.pseudonym(text)
    }

    /// Gives a note that was kept under a name.
    ///
    /// # Errors
    /// Where the file cannot be read.
    pub fn note(&self, name: &str) -> Result<Option<String>, StateError> {
        self.read(|state| {
            sql::first(state, "SELECT value FROM note WHERE name = ?1", [name], |row| Ok(row.get(0)?))
        })
    }

    /// Keeps a note under a name.
    ///
    /// # Errors
    /// Where the file cannot be written.
    pub fn put_note(&self, name: &str, value: &str) -> Result<(), StateError> {
        let put = "INSERT INTO note (name, value) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET value = excluded.value";
        self.write(|state| sql::run(state, put, params![name, value]).map(drop))
    }

    /// Does a piece of work on `state.db` that changes nothing.
    pub(crate) fn read<T>(&self, work: impl FnOnce(&Connection) -> Worked<T>) -> Result<T, StateError> {
        self.database.with(work).map_err(|failed| schema::told(self.database.path(), failed))
    }

    /// Does a piece of work on `state.db` in one transaction. What it has written has reached the disk when this returns;
    /// where it fails, nothing was written.
    pub(crate) fn write<T>(&self, work: impl FnOnce(&Transaction<'_>) -> Worked<T>) -> Result<T, StateError> {
        self.database.write(work).map_err(|failed| schema::told(self.database.path(), failed))
    }
}
