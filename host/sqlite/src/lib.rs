//! A SQLite file that is opened once and worked on in whole pieces: one connection, and a transaction in one go.
//!
//! A piece of work runs on the thread that asks for it. Handing each statement to a thread of its own would cost several
//! times what SQLite takes for it. Tokio is told where a piece may wait for the disk, so that its other tasks go on.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

pub use rusqlite::{
    Connection, Error, ErrorCode, OptionalExtension, Params, Result, Row, ToSql, Transaction, params, types,
};
use rusqlite::{OpenFlags, TransactionBehavior};
use tokio::runtime::{Handle, RuntimeFlavor};

/// How many statements stay prepared.
const STATEMENTS_KEPT: usize = 128;
/// How long a reader waits for somebody who has the file for himself.
const READ_ONLY_PATIENCE: Duration = Duration::from_secs(5);

/// How a file is opened. Each is in WAL mode with foreign keys held.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Whether it is made where it is missing.
    pub create: bool,
    /// Whether a transaction that has ended has reached the disk (`synchronous = FULL`), or is only whole (`NORMAL`).
    pub durable: bool,
    /// How long another process's transaction is waited for.
    pub patience: Duration,
    /// What else is set, each a `PRAGMA` with its value.
    pub pragmas: &'static [(&'static str, &'static str)],
}

/// An open file. Temporary tables live as long as it.
#[derive(Debug)]
pub struct Database {
    path: PathBuf,
    options: Options,
    connection: Mutex<Connection>,
}

impl Database {
    /// Opens a file.
    ///
    /// # Errors
    /// SQLite's, where it is none, cannot be opened, or is held by another process for too long.
    pub fn open(path: &Path, options: Options) -> Result<Self> {
        let connection = blocking(|| connect(path, &options))?;
        Ok(Self { path: path.to_owned(), options, connection: Mutex::new(connection) })
    }

    /// Gives the path of the file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Does a piece of work outside of any transaction: reads, or one statement that writes.
    ///
    /// # Errors
    /// Those of the work, and SQLite's where a connection has to be made anew and cannot be.
    pub fn with<T, E: From<Error>>(&self, work: impl FnOnce(&Connection) -> Result<T, E>) -> Result<T, E> {
        blocking(|| work(&*self.connection()?))
    }

    /// Does a piece of work in one transaction, which is undone where the work fails.
    ///
    /// The write lock is taken first: a transaction that reads first and writes then would be refused at once, instead
    /// of waiting its turn, where another process has written in between.
    ///
    /// # Errors
    /// As for [`Database::with`]; also where the transaction can be neither begun nor ended.
    pub fn write<T, E: From<Error>>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        self.write_or(work, E::from)
    }

    /// As [`Database::write`], where it has to be told apart whether the work failed, so that nothing of it stands, or
    /// the end of its transaction, of which it is not known what has reached the disk: `unsure` makes that error.
    ///
    /// # Errors
    /// As for [`Database::write`].
    pub fn write_or<T, E: From<Error>>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, E>,
        unsure: impl FnOnce(Error) -> E,
    ) -> Result<T, E> {
        blocking(|| {
            let mut connection = self.connection()?;
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let done = work(&transaction)?;
            transaction.commit().map_err(unsure)?;
            Ok(done)
        })
    }

    /// Takes the connection. One whose last transaction could not even be ended, because the disk was full, is made anew:
    /// it would refuse every further one.
    fn connection(&self) -> Result<MutexGuard<'_, Connection>> {
        // What a panic has left open is rolled back by what follows.
        let mut connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        if !connection.is_autocommit() {
            *connection = connect(&self.path, &self.options)?;
        }
        Ok(connection)
    }
}

/// Opens a file for reading alone.
///
/// # Errors
/// SQLite's.
pub fn open_read_only(path: &Path) -> Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(READ_ONLY_PATIENCE)?;
    connection.execute_batch("PRAGMA trusted_schema = OFF")?;
    Ok(connection)
}

fn connect(path: &Path, options: &Options) -> Result<Connection> {
    let mut flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    if options.create {
        flags |= OpenFlags::SQLITE_OPEN_CREATE;
    }
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(options.patience)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_KEPT);
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "journal_mode", "wal")?;
    connection.pragma_update(None, "synchronous", if options.durable { "full" } else { "normal" })?;
    for (name, value) in options.pragmas {
        connection.pragma_update(None, name, value)?;
    }
    Ok(connection)
}

/// Runs what may wait for the disk or for another process. In a runtime of several threads the other tasks of this one
/// move to another; a runtime of one thread waits with us.
fn blocking<T>(work: impl FnOnce() -> T) -> T {
    match Handle::try_current() {
        Ok(runtime) if runtime.runtime_flavor() == RuntimeFlavor::MultiThread => {
            tokio::task::block_in_place(work)
        }
        _ => work(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPTIONS: Options =
        Options { create: true, durable: false, patience: Duration::from_millis(50), pragmas: &[] };

    fn file() -> (tempfile::TempDir, Database) {
        let folder = tempfile::tempdir().unwrap();
        let database = Database::open(&folder.path().join("a.db"), OPTIONS).unwrap();
        database.with(|connection| connection.execute_batch("CREATE TABLE one (x INTEGER UNIQUE)")).unwrap();
        (folder, database)
    }

    fn rows(database: &Database) -> i64 {
        database
            .with(|connection| connection.query_row("SELECT count(*) FROM one", [], |row| row.get(0)))
            .unwrap()
    }

    #[test]
    fn work_that_fails_leaves_nothing() {
        let (_folder, database) = file();
        let twice = |transaction: &Transaction<'_>| {
            transaction.execute("INSERT INTO one VALUES (1)", [])?;
            transaction.execute("INSERT INTO one VALUES (1)", [])
        };
        assert!(database.write(twice).is_err());
        assert_eq!(rows(&database), 0);
        database.write(|transaction| transaction.execute("INSERT INTO one VALUES (1)", [])).unwrap();
        assert_eq!(rows(&database), 1);
    }

    #[test]
    fn an_end_that_fails_is_told_apart_from_work_that_fails() {
        #[derive(Debug, PartialEq)]
        enum Told {
            Work,
            End,
        }
        impl From<Error> for Told {
            fn from(_: Error) -> Self {
                Self::Work
            }
        }
        let (_folder, database) = file();
        let does = |sql: &'static str| {
            database.write_or(|transaction| Ok(transaction.execute_batch(sql)?), |_| Told::End)
        };
        assert_eq!(does("INSERT INTO nowhere VALUES (1)"), Err(Told::Work));
        // As SQLite does by itself when the disk is full.
        assert_eq!(does("INSERT INTO one VALUES (1); ROLLBACK"), Err(Told::End));
        assert_eq!(does("INSERT INTO one VALUES (1)"), Ok(()));
        assert_eq!(rows(&database), 1);
    }

    #[test]
    fn a_transaction_that_was_left_open_does_not_stop_the_next() {
        let (_folder, database) = file();
        database.with(|connection| connection.execute_batch("BEGIN; INSERT INTO one VALUES (1)")).unwrap();
        assert_eq!(rows(&database), 0);
    }

    #[test]
    fn another_writer_is_waited_for_and_then_told() {
        let (folder, database) = file();
        let other = Database::open(&folder.path().join("a.db"), OPTIONS).unwrap();
        let found = database.write(|_| {
            let refused = other.write(|transaction| transaction.execute("INSERT INTO one VALUES (1)", []));
            Ok::<_, Error>(refused.map_err(|error| error.sqlite_error_code()))
        });
        assert_eq!(found.unwrap(), Err(Some(ErrorCode::DatabaseBusy)));
    }

    #[test]
    fn a_missing_file_is_made_only_where_that_is_wanted() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("none.db");
        assert!(Database::open(&path, Options { create: false, ..OPTIONS }).is_err());
        assert!(!path.exists());
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_task_works_on_it() {
        let (_folder, database) = file();
        let task = tokio::spawn(async move { rows(&database) });
        assert_eq!(task.await.unwrap(), 0);
    }
}
