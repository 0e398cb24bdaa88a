//! The state's folder, opened.

use std::path::{Path, PathBuf};

use rollcall_edges::state::StateError;
use sqlx::SqlitePool;

use crate::lease::short;
use crate::mirror::MirrorFile;
use crate::seal::Seal;
use crate::{files, schema};

/// Everything durable: `state.db`, `key`, `locks/`, `mirrors/`.
#[derive(Clone)]
pub struct Store {
    pub(crate) folder: PathBuf,
    pub(crate) pool: SqlitePool,
    pub(crate) seal: Seal,
}

impl Store {
    /// Opens the state in a folder, and makes it where there is none.
    ///
    /// # Errors
    /// Where the folder cannot be made or written, a file is damaged, or comes from a newer version.
    pub async fn open(folder: &Path) -> Result<Self, StateError> {
        files::folder(folder)?;
        let seal = Seal::open(&folder.join("key"), &folder.join("state.db"))?;
        let pool = schema::open(&folder.join("state.db"), schema::STATE, Some(&seal)).await?;
        Ok(Self { folder: folder.to_owned(), pool, seal })
    }

    /// Opens a job's mirror. `purpose` keeps mirrors of different selections apart.
    ///
    /// # Errors
    /// As for [`Store::open`]. A mirror that is damaged is made anew, for it is a cache.
    pub async fn mirror(&self, job: &str, purpose: &str) -> Result<MirrorFile, StateError> {
        let folder = self.folder.join("mirrors");
        files::folder(&folder)?;
        let path = folder.join(format!("{}-{purpose}.db", short(job)));
        match MirrorFile::open(&path).await {
            Err(StateError::Unusable { message, .. })
                if message.contains("malformed") || message.contains("not a database") =>
            {
                for tail in ["", "-wal", "-shm"] {
                    let file = folder.join(format!("{}-{purpose}.db{tail}", short(job)));
                    if file.exists() {
                        std::fs::remove_file(&file).map_err(|error| files::unusable(&file, &error))?;
                    }
                }
                MirrorFile::open(&path).await
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
    pub async fn note(&self, name: &str) -> Result<Option<String>, StateError> {
        let query = sqlx::query_scalar("SELECT value FROM note WHERE name = $1").bind(name);
        query.fetch_optional(&self.pool).await.map_err(|error| self.broken(&error))
    }

    /// Keeps a note under a name.
    ///
    /// # Errors
    /// Where the file cannot be written.
    pub async fn put_note(&self, name: &str, value: &str) -> Result<(), StateError> {
        let put = "INSERT INTO note (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value";
        let query = sqlx::query(put).bind(name).bind(value);
        query.execute(&self.pool).await.map(drop).map_err(|error| self.broken(&error))
    }

    /// Says what went wrong with `state.db`.
    pub(crate) fn broken(&self, error: &sqlx::Error) -> StateError {
        schema::broken(&self.folder.join("state.db"), error)
    }
}
