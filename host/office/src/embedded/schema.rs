//! The tables of an office's file, and opening it.
//!
//! One connection does everything: the statements stay prepared, and SQLite has one writer anyway. WAL with
//! `synchronous = FULL`: a write that has returned has reached the disk.

use std::path::Path;
use std::time::Duration;

use rollcall_core::Text;
use rollcall_edges::office::OfficeError;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection, Row, SqliteConnection};

use crate::limits::{BUSY_WAIT_MS, ROWS_AHEAD};

/// The version of the tables. A file with a greater one was made by a newer rollcall and is left alone.
pub(super) const VERSION: i64 = 1;

const TABLES: [&str; 13] = [
    "CREATE TABLE meta (identity TEXT NOT NULL, version INTEGER NOT NULL)",
    "CREATE TABLE system (name TEXT PRIMARY KEY, key TEXT NOT NULL UNIQUE, main INTEGER NOT NULL, fqdn TEXT, lan1 TEXT,
     lan2 TEXT, max_users INTEGER, place INTEGER NOT NULL)",
    "CREATE TABLE user (guid TEXT PRIMARY KEY, system TEXT NOT NULL REFERENCES system (name), template TEXT,
     key TEXT NOT NULL UNIQUE, number TEXT UNIQUE, profile TEXT, elements TEXT NOT NULL, etag INTEGER NOT NULL,
     modified INTEGER NOT NULL) WITHOUT ROWID",
    "CREATE INDEX user_profile ON user (profile)",
    "CREATE INDEX user_system ON user (system)",
    "CREATE TABLE extension (id INTEGER PRIMARY KEY AUTOINCREMENT, guid TEXT NOT NULL UNIQUE,
     number TEXT NOT NULL UNIQUE, system TEXT NOT NULL REFERENCES system (name), kind TEXT, template TEXT,
     hardware INTEGER NOT NULL, elements TEXT NOT NULL)",
    "CREATE TABLE hunt_group (name TEXT PRIMARY KEY, key TEXT NOT NULL UNIQUE, number TEXT UNIQUE,
     system TEXT NOT NULL REFERENCES system (name)) WITHOUT ROWID",
    "CREATE TABLE member (hunt_group TEXT NOT NULL REFERENCES hunt_group (name) ON DELETE CASCADE,
     guid TEXT NOT NULL REFERENCES user (guid) ON DELETE CASCADE, PRIMARY KEY (hunt_group, guid)) WITHOUT ROWID",
    "CREATE INDEX member_user ON member (guid)",
    "CREATE TABLE user_template (name TEXT PRIMARY KEY, profile TEXT, elements TEXT NOT NULL) WITHOUT ROWID",
    "CREATE TABLE extension_template (name TEXT PRIMARY KEY, kind TEXT, elements TEXT NOT NULL) WITHOUT ROWID",
    "CREATE TABLE licence (profile TEXT PRIMARY KEY, quantity INTEGER NOT NULL) WITHOUT ROWID",
    "INSERT INTO meta (identity, version) VALUES (?1, ?2)",
];

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

/// Connects to a file that exists. An empty one holds no tables yet.
pub(super) async fn connect(path: &Path) -> Result<SqliteConnection, OfficeError> {
    SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(false)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(Duration::from_millis(BUSY_WAIT_MS))
        .row_buffer_size(ROWS_AHEAD)
        .disable_statement_logging()
        .connect()
        .await
        .map_err(|error| damaged(&format!("the office `{}`", path.display()), &error))
}

/// Gives the office's identity; `None` where the file holds no office yet.
pub(super) async fn identity(
    connection: &mut SqliteConnection,
    path: &Path,
) -> Result<Option<Text>, OfficeError> {
    let shown = format!("the office `{}`", path.display());
    let tables: i64 = sqlx::query("SELECT count(*) FROM sqlite_master WHERE type = 'table'")
        .fetch_one(&mut *connection)
        .await
        .and_then(|row| row.try_get(0))
        .map_err(|error| damaged(&shown, &error))?;
    if tables == 0 {
        return Ok(None);
    }
    let row = sqlx::query("SELECT identity, version FROM meta")
        .fetch_one(&mut *connection)
        .await
        .map_err(|_| OfficeError::Damaged(format!("`{}` is a database, and no office", path.display())))?;
    let version: i64 = row.try_get(1).map_err(|error| damaged(&shown, &error))?;
    if version > VERSION {
        let message =
            format!("{shown} was made by a newer rollcall (its version is {version}, {VERSION} is known)");
        return Err(OfficeError::Damaged(message));
    }
    let identity: String = row.try_get(0).map_err(|error| damaged(&shown, &error))?;
    Ok(Some(identity.into()))
}

/// Makes the tables and gives the new office its identity, in the transaction that the caller began.
pub(super) async fn lay_out(connection: &mut SqliteConnection, identity: &str) -> Result<(), OfficeError> {
    for table in TABLES {
        let query = sqlx::query(table);
        let query = if table.starts_with("INSERT") { query.bind(identity).bind(VERSION) } else { query };
        query.execute(&mut *connection).await.map_err(|error| damaged("the new office", &error))?;
    }
    for statement in stamping() {
        let query = sqlx::query(sqlx::AssertSqlSafe(statement)).execute(&mut *connection).await;
        query.map_err(|error| damaged("the new office", &error))?;
    }
    Ok(())
}

/// Gives what draws a stamp anew with every change of what a read tells, whoever writes. It is random, so that a copy of
/// the file that is put back is never taken for the one that it replaces.
fn stamping() -> Vec<String> {
    let mut all = vec![
        "CREATE TABLE stamp (id INTEGER PRIMARY KEY CHECK (id = 1), value BLOB NOT NULL)".to_owned(),
        "INSERT INTO stamp (id, value) VALUES (1, randomblob(16))".to_owned(),
    ];
    for table in READ {
        for event in ["INSERT", "UPDATE", "DELETE"] {
            all.push(format!(
                "CREATE TRIGGER stamp_{table}_{} AFTER {event} ON {table} BEGIN UPDATE stamp SET value = randomblob(16); END",
                event.to_lowercase()
            ));
        }
    }
    all
}

/// Gives the stamp; `None` in a file of an older rollcall, which has none.
pub(super) async fn version(connection: &mut SqliteConnection) -> Result<Option<Text>, OfficeError> {
    let broken = |error: sqlx::Error| damaged("the office", &error);
    let has = "SELECT EXISTS (SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'stamp')";
    if !sqlx::query_scalar::<_, bool>(has).fetch_one(&mut *connection).await.map_err(broken)? {
        return Ok(None);
    }
    let stamp = sqlx::query_scalar::<_, String>("SELECT hex(value) FROM stamp").fetch_one(connection).await;
    stamp.map(|stamp| Some(stamp.into())).map_err(broken)
}

/// Begins a write: the lock is taken at once, so that what is checked still holds when it is written.
pub(super) async fn begin(
    connection: &mut SqliteConnection,
) -> Result<sqlx::Transaction<'_, sqlx::Sqlite>, OfficeError> {
    connection.begin_with("BEGIN IMMEDIATE").await.map_err(|error| damaged("the office", &error))
}

/// Ends a write. Where that fails it is not known what has reached the disk.
pub(super) async fn commit(transaction: sqlx::Transaction<'_, sqlx::Sqlite>) -> Result<(), OfficeError> {
    transaction.commit().await.map_err(|error| {
        OfficeError::Unsure(format!("the office's file could not be written to the end: {error}"))
    })
}

/// Says what SQLite said: a locked file may answer later, anything else is damage.
pub(super) fn damaged(what: &str, error: &sqlx::Error) -> OfficeError {
    let code = error.as_database_error().and_then(|error| error.code());
    let number = code.and_then(|code| code.parse::<u32>().ok()).map(|code| code & 0xff);
    match number {
        // SQLITE_BUSY and SQLITE_LOCKED.
        Some(5 | 6) => OfficeError::Unreachable {
            message: format!("{what} is held by another process"),
            hint: Some("wait until it has ended, and run the command again".into()),
        },
        // SQLITE_PERM, SQLITE_READONLY, SQLITE_CANTOPEN.
        Some(3 | 8 | 14) => OfficeError::Unreachable {
            message: format!("{what} cannot be opened for writing: {error}"),
            hint: Some("check who owns the file and its folder".into()),
        },
        // SQLITE_NOTADB.
        Some(26) => OfficeError::Damaged(format!("{what} is no office file")),
        _ => OfficeError::Damaged(format!("{what} cannot be used: {error}")),
    }
}
