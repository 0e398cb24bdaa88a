//! Rows of the office's tables, and reading them one by one.

use std::borrow::{Borrow, Cow};
use std::collections::BTreeMap;

use rollcall_core::phone::{Extension, PhoneUser};
use rollcall_core::text::fold;
use rollcall_core::{Guid, Text};
use rollcall_edges::office::OfficeError;
use rollcall_sqlite::{Connection, Error, Params, Row};

use super::fault::Fault;
use crate::model::{self, Elements};

/// A user of the embedded office with everything that is kept of it, as the Management API's server shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserView {
    /// Its immutable name.
    pub guid: Guid,
    /// The system that it is configured on.
    pub system: Text,
    /// The template that it was made from.
    pub template: Option<Text>,
    /// All elements but `Etag` and `Last-Modified`.
    pub elements: Elements,
    /// Counts the writes of this user, from 1.
    pub etag: u64,
    /// When it was last written, in seconds since 1970.
    pub modified: u64,
}

/// An extension record of the embedded office with everything that is kept of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExtensionView {
    /// The phone system's running number of the record.
    pub id: u64,
    /// The record as core knows it.
    pub extension: Extension,
    /// The elements that its template gave it, and what was written since.
    pub elements: Elements,
}

impl UserView {
    /// Gives the user as core knows it.
    pub fn phone_user(&self, groups: &[Text]) -> PhoneUser {
        let (guid, system) = (self.guid.clone(), self.system.clone());
        model::phone_user(guid, &self.elements, groups, system, self.template.clone())
    }
}

/// Gives the rows of a statement that stays prepared.
pub(super) fn all<T, C: FromIterator<T>>(
    connection: &Connection,
    query: &str,
    parameters: impl Params,
    read: impl FnMut(&Row<'_>) -> Result<T, Fault>,
) -> Result<C, Fault> {
    connection.prepare_cached(query)?.query_and_then(parameters, read)?.collect()
}

/// Gives the first row of a statement that stays prepared, if it has one.
pub(super) fn one<T>(
    connection: &Connection,
    query: &str,
    parameters: impl Params,
    read: impl FnOnce(&Row<'_>) -> Result<T, Fault>,
) -> Result<Option<T>, Fault> {
    connection.prepare_cached(query)?.query(parameters)?.next()?.map(read).transpose()
}

/// Does a statement that stays prepared.
pub(super) fn run(
    connection: &Connection,
    statement: &str,
    parameters: impl Params,
) -> rollcall_sqlite::Result<()> {
    connection.prepare_cached(statement)?.execute(parameters).map(drop)
}

pub(super) fn user(row: &Row<'_>) -> Result<UserView, Fault> {
    Ok(UserView {
        guid: row.get(0)?,
        system: row.get(1)?,
        template: row.get(2)?,
        elements: elements(row, 3)?,
        etag: number(row, 4)?,
        modified: number(row, 5)?,
    })
}

pub(super) fn extension(row: &Row<'_>) -> Result<ExtensionView, Fault> {
    Ok(ExtensionView { id: number(row, 0)?, extension: record(row)?, elements: elements(row, 7)? })
}

/// Reads an extension record without its elements.
pub(super) fn record(row: &Row<'_>) -> Result<Extension, Fault> {
    Ok(Extension {
        guid: row.get(1)?,
        number: row.get(2)?,
        system: row.get(3)?,
        kind: row.get(4)?,
        template: row.get(5)?,
        hardware: row.get(6)?,
    })
}

fn number(row: &Row<'_>, index: usize) -> Result<u64, Fault> {
    Ok(u64::try_from(row.get::<_, i64>(index)?).unwrap_or_default())
}

pub(super) fn elements(row: &Row<'_>, index: usize) -> Result<Elements, Fault> {
    let json = row.get_ref(index)?.as_str().map_err(Error::from)?;
    serde_json::from_str(json).map_err(no_elements)
}

/// Reads a user as core knows it, its elements in place.
pub(super) fn standing(row: &Row<'_>, groups: &[Text]) -> Result<PhoneUser, Fault> {
    let json = row.get_ref(3)?.as_str().map_err(Error::from)?;
    let elements: BTreeMap<Read<'_>, Read<'_>> = serde_json::from_str(json).map_err(no_elements)?;
    Ok(model::phone_user(row.get(0)?, &elements, groups, row.get(1)?, row.get(2)?))
}

/// Text of a row: only what JSON writes with escapes is copied.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, serde::Deserialize)]
struct Read<'r>(#[serde(borrow)] Cow<'r, str>);

impl Borrow<str> for Read<'_> {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl From<Read<'_>> for Text {
    fn from(read: Read<'_>) -> Self {
        read.0.into()
    }
}

fn no_elements(error: serde_json::Error) -> Fault {
    OfficeError::Damaged(format!("the office holds no elements where it should: {error}")).into()
}

pub(super) fn json(elements: &Elements) -> Result<String, Fault> {
    serde_json::to_string(elements).map_err(|error| OfficeError::Damaged(error.to_string()).into())
}

/// Finds a user by GUID.
pub(super) fn user_by_guid(connection: &Connection, guid: &str) -> Result<Option<UserView>, Fault> {
    let query = "SELECT guid, system, template, elements, etag, modified FROM user WHERE guid = ?1";
    one(connection, query, [guid], user)
}

/// Finds a user by name, without regard to case.
pub(super) fn user_by_name(connection: &Connection, name: &str) -> Result<Option<UserView>, Fault> {
    let query = "SELECT guid, system, template, elements, etag, modified FROM user WHERE key = ?1";
    one(connection, query, [fold(name)], user)
}

/// Finds a user by extension number.
pub(super) fn user_by_number(connection: &Connection, number: &str) -> Result<Option<UserView>, Fault> {
    let query = "SELECT guid, system, template, elements, etag, modified FROM user WHERE number = ?1";
    one(connection, query, [number], user)
}

/// Finds the extension record of a number.
pub(super) fn record_by_number(connection: &Connection, number: &str) -> Result<Option<Extension>, Fault> {
    let query = "SELECT id, guid, number, system, kind, template, hardware FROM extension WHERE number = ?1";
    one(connection, query, [number], record)
}

/// Finds an extension record by GUID.
pub(super) fn extension_by_guid(connection: &Connection, guid: &str) -> Result<Option<ExtensionView>, Fault> {
    let query =
        "SELECT id, guid, number, system, kind, template, hardware, elements FROM extension WHERE guid = ?1";
    one(connection, query, [guid], extension)
}

/// Gives the names of a user's hunt groups, sorted.
pub(super) fn groups_of(connection: &Connection, guid: &str) -> Result<Vec<Text>, Fault> {
    let query = "SELECT hunt_group FROM member WHERE guid = ?1 ORDER BY hunt_group";
    all(connection, query, [guid], |row| Ok(row.get(0)?))
}

/// Gives a user as core knows it, from everything that is kept of it.
pub(super) fn with_groups(connection: &Connection, user: &UserView) -> Result<PhoneUser, Fault> {
    Ok(user.phone_user(&groups_of(connection, &user.guid)?))
}

/// Gives a user as core knows it, by GUID.
pub(super) fn phone_user(connection: &Connection, guid: &str) -> Result<Option<PhoneUser>, Fault> {
    let groups = groups_of(connection, guid)?;
    one(connection, "SELECT guid, system, template, elements FROM user WHERE guid = ?1", [guid], |row| {
        standing(row, &groups)
    })
}

/// Finds the hunt group that holds a name or number.
pub(super) fn hunt_group_with(
    connection: &Connection,
    column: Column,
    value: &str,
) -> Result<Option<Text>, Fault> {
    let query = match column {
        Column::Key => "SELECT name FROM hunt_group WHERE key = ?1",
        Column::Number => "SELECT name FROM hunt_group WHERE number = ?1",
    };
    one(connection, query, [value], |row| Ok(row.get(0)?))
}

/// Which unique column of a hunt group.
#[derive(Clone, Copy)]
pub(super) enum Column {
    /// The folded name.
    Key,
    /// The number.
    Number,
}
