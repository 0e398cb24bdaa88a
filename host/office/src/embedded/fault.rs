//! Why a piece of work on the file fails: the office refuses it, or SQLite does.

use rollcall_edges::office::OfficeError;
use rollcall_sqlite::Error;

/// SQLITE_CONSTRAINT_PRIMARYKEY and SQLITE_CONSTRAINT_UNIQUE, of SQLite's extended result codes.
const TWICE: [i32; 2] = [1555, 2067];

/// Why a piece of work fails.
#[derive(Debug)]
pub(super) enum Fault {
    /// The office's own word.
    Office(OfficeError),
    /// SQLite's.
    Sqlite(Error),
}

impl From<OfficeError> for Fault {
    fn from(error: OfficeError) -> Self {
        Self::Office(error)
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Self::Sqlite(error)
    }
}

impl From<Fault> for OfficeError {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Office(error) => error,
            Fault::Sqlite(error) => damaged("the office", &error),
        }
    }
}

/// Makes a refusal.
pub(super) fn refused(message: impl Into<String>) -> Fault {
    OfficeError::Refused(message.into()).into()
}

/// Makes a refusal of what would stand there twice; anything else that SQLite says stays as it is.
pub(super) fn twice(error: Error, what: &str) -> Fault {
    match error.sqlite_error() {
        Some(code) if TWICE.contains(&code.extended_code) => refused(format!("{what} stands there already")),
        _ => error.into(),
    }
}

/// Says that a call may have taken place: its transaction could not be ended.
pub(super) fn unsure(error: Error) -> Fault {
    OfficeError::Unsure(format!("the office's file could not be written to the end: {error}")).into()
}

/// Says what SQLite said: a locked file may answer later, anything else is damage.
pub(super) fn damaged(what: &str, error: &Error) -> OfficeError {
    match error.sqlite_error().map(|code| code.extended_code & 0xff) {
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
