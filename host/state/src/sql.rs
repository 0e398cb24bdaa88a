//! Statements: each is prepared once for as long as its file is open.

use rollcall_edges::state::StateError;
use rollcall_sqlite::types::{FromSql, FromSqlError};
use rollcall_sqlite::{Connection, Error, Params, Row};

/// Why a piece of work on a file was given up. What SQLite says becomes the state's own words where the file is known.
#[derive(Debug)]
pub(crate) enum Failed {
    Sqlite(Error),
    State(StateError),
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Self::Sqlite(error)
    }
}

impl From<FromSqlError> for Failed {
    fn from(error: FromSqlError) -> Self {
        Self::Sqlite(error.into())
    }
}

impl From<StateError> for Failed {
    fn from(error: StateError) -> Self {
        Self::State(error)
    }
}

/// What a piece of work gives.
pub(crate) type Worked<T> = Result<T, Failed>;

/// Runs a statement and gives how many rows it changed.
pub(crate) fn run(connection: &Connection, statement: &str, params: impl Params) -> Worked<usize> {
    Ok(connection.prepare_cached(statement)?.execute(params)?)
}

/// Reads every row of a query.
pub(crate) fn all<T>(
    connection: &Connection,
    query: &str,
    params: impl Params,
    read: impl FnMut(&Row<'_>) -> Worked<T>,
) -> Worked<Vec<T>> {
    connection.prepare_cached(query)?.query_and_then(params, read)?.collect()
}

/// Reads the first row of a query, if it has one.
pub(crate) fn first<T>(
    connection: &Connection,
    query: &str,
    params: impl Params,
    read: impl FnOnce(&Row<'_>) -> Worked<T>,
) -> Worked<Option<T>> {
    connection.prepare_cached(query)?.query(params)?.next()?.map(read).transpose()
}

/// Reads the first value of a query that has a row.
pub(crate) fn value<T: FromSql>(connection: &Connection, query: &str, params: impl Params) -> Worked<T> {
    Ok(connection.prepare_cached(query)?.query_row(params, |row| row.get(0))?)
}
