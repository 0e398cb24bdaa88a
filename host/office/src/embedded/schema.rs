//! The tables of an office's file, and opening it.
//!
//! One connection does everything: the statements stay prepared, and SQLite has one writer anyway. WAL with
//! `synchronous = FULL`: a write that has returned has reached the disk.

use std::path::Path;
use std::time::Duration;

use rollcall_core::Text;
use rollcall_edges::office::OfficeError;
use rollcall_sqlite::{Connection, Database, Error, OptionalExtension as _, Options, Result, params};

use super::fault::damaged;
use crate::limits::BUSY_WAIT_MS;

/// The version of the tables. A file with a greater one was made by a newer rollcall and is left alone.
const VERSION: i64 = 1;

/// A file is made apart from this, readable by its owner alone. Users lie in the order of their GUIDs, and those of a real
/// system are random, so that what is written of them is everywhere: the cache holds some twenty thousand, 16 MiB where it
/// is filled.
const OPTIONS: Options = Options {
    create: false,
    durable: true,
    patience: Duration::from_millis(BUSY_WAIT_MS),
    pragmas: &[("cache_size", "-16384")],
};

const TABLES: &str = "
    CREATE TABLE meta (identity TEXT NOT NULL, version INTEGER NOT NULL);
    CREATE TABLE system (name TEXT PRIMARY KEY, key TEXT NOT NULL UNIQUE, main INTEGER NOT NULL, fqdn TEXT, lan1 TEXT,
     lan2 TEXT, max_users INTEGER, place INTEGER NOT NULL);
    CREATE TABLE user (guid TEXT PRIMARY KEY, system TEXT NOT NULL REFERENCES system (name), template TEXT,
     key TEXT NOT NULL UNIQUE, number TEXT UNIQUE, profile TEXT, elements TEXT NOT NULL, etag INTEGER NOT NULL,
     modified INTEGER NOT NULL) WITHOUT ROWID;
    CREATE INDEX user_profile ON user (profile);
    CREATE INDEX user_system ON user (system);
    CREATE TABLE extension (id INTEGER PRIMARY KEY AUTOINCREMENT, guid TEXT NOT NULL UNIQUE,
     number TEXT NOT NULL UNIQUE, system TEXT NOT NULL REFERENCES system (name), kind TEXT, template TEXT,
     hardware INTEGER NOT NULL, elements TEXT NOT NULL);
    CREATE TABLE hunt_group (name TEXT PRIMARY KEY, key TEXT NOT NULL UNIQUE, number TEXT UNIQUE,
     system TEXT NOT NULL REFERENCES system (name)) WITHOUT ROWID;
    CREATE TABLE member (hunt_group TEXT NOT NULL REFERENCES hunt_group (name) ON DELETE CASCADE,
     guid TEXT NOT NULL REFERENCES user (guid) ON DELETE CASCADE, PRIMARY KEY (hunt_group, guid)) WITHOUT ROWID;
    CREATE INDEX member_user ON member (guid);
    CREATE TABLE user_template (name TEXT PRIMARY KEY, profile TEXT, elements TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE extension_template (name TEXT PRIMARY KEY, kind TEXT, elements TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE licence (profile TEXT PRIMARY KEY, quantity INTEGER NOT NULL) WITHOUT ROWID;
    CREATE TABLE stamp (id INTEGER PRIMARY KEY CHECK (id = 1), value BLOB NOT NULL);
    INSERT INTO stamp (id, value) VALUES (1, randomblob(16));";

/// What a read tells stands in these tables.
const READ: [&str; 8] =
    ["system", "user", "extension", "hunt_group", "member", "user_template", "extension_template", "licence"];

/// Makes the file, readable by its owner alone. `AlreadyExists` where there is one.
pub(super) fn make_file(path: &Path) -> std::io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(drop)
}

/// Opens a file that exists, with the office's identity; `None` where the file holds no office yet.
pub(super) fn open(path: &Path) -> std::result::Result<(Database, Option<Text>), OfficeError> {
    let shown = format!("the office `{}`", path.display());
    let broken = |error: Error| damaged(&shown, &error);
    let database = Database::open(path, OPTIONS).map_err(broken)?;
    let tables = "SELECT EXISTS (SELECT 1 FROM sqlite_master WHERE type = 'table')";
    if !database.with(|connection| connection.query_row(tables, [], |row| row.get(0))).map_err(broken)? {
        return Ok((database, None));
    }
    let meta = database.with(|connection| {
        connection.query_row("SELECT identity, version FROM meta", [], |row| Ok((row.get(0)?, row.get(1)?)))
    });
    let (identity, version): (Text, i64) = meta.map_err(|_: Error| {
        OfficeError::Damaged(format!("`{}` is a database, and no office", path.display()))
    })?;
    if version > VERSION {
        let message =
            format!("{shown} was made by a newer rollcall (its version is {version}, {VERSION} is known)");
        return Err(OfficeError::Damaged(message));
    }
    Ok((database, Some(identity)))
}

/// Makes the tables and gives the new office its identity, in the transaction that the caller began.
///
/// A stamp is drawn anew with every change of what a read tells, whoever writes. It is random, so that a copy of the
/// file that is put back is never taken for the one that it replaces.
pub(super) fn lay_out(connection: &Connection, identity: &str) -> Result<()> {
    connection.execute_batch(TABLES)?;
    let meta = "INSERT INTO meta (identity, version) VALUES (?1, ?2)";
    connection.execute(meta, params![identity, VERSION])?;
    for table in READ {
        for event in ["insert", "update", "delete"] {
            connection.execute_batch(&format!(
                "CREATE TRIGGER stamp_{table}_{event} AFTER {event} ON {table}
                 BEGIN UPDATE stamp SET value = randomblob(16); END"
            ))?;
        }
    }
    Ok(())
}

/// Gives the stamp; `None` in a file of an older rollcall, which has none.
pub(super) fn version(connection: &Connection) -> Result<Option<Text>> {
    let has = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'stamp'";
    if connection.query_row(has, [], |_| Ok(())).optional()?.is_none() {
        return Ok(None);
    }
    connection.query_row("SELECT hex(value) FROM stamp", [], |row| row.get(0)).map(Some)
}
