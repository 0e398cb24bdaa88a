//! Rows of the office's tables, and reading them one by one.

use rollcall_core::phone::{Extension, PhoneUser};
use rollcall_core::text::fold;
use rollcall_core::{Guid, Text};
use rollcall_edges::office::OfficeError;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection};

use super::schema::damaged;
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

pub(super) const USER: &str = "SELECT guid, system, template, elements, etag, modified FROM user";

/// Turns SQLite's errors into the office's.
pub(super) fn broken(error: sqlx::Error) -> OfficeError {
    damaged("the office", &error)
}

pub(super) fn user(row: &SqliteRow) -> Result<UserView, OfficeError> {
    let number = |index: usize| row.try_get::<i64, _>(index).map_err(broken);
    Ok(UserView {
        guid: text(row, 0)?.unwrap_or_default(),
        system: text(row, 1)?.unwrap_or_default(),
        template: text(row, 2)?,
        elements: elements(row, 3)?,
        etag: u64::try_from(number(4)?).unwrap_or_default(),
        modified: u64::try_from(number(5)?).unwrap_or_default(),
    })
}

pub(super) fn extension(row: &SqliteRow) -> Result<ExtensionView, OfficeError> {
    Ok(ExtensionView {
        id: u64::try_from(row.try_get::<i64, _>(0).map_err(broken)?).unwrap_or_default(),
        extension: Extension {
            guid: text(row, 1)?.unwrap_or_default(),
            number: text(row, 2)?.unwrap_or_default(),
            system: text(row, 3)?.unwrap_or_default(),
            kind: text(row, 4)?,
            template: text(row, 5)?,
            hardware: row.try_get(6).map_err(broken)?,
        },
        elements: elements(row, 7)?,
    })
}

pub(super) fn text(row: &SqliteRow, index: usize) -> Result<Option<Text>, OfficeError> {
    Ok(row.try_get::<Option<String>, _>(index).map_err(broken)?.map(Text::from))
}

pub(super) fn elements(row: &SqliteRow, index: usize) -> Result<Elements, OfficeError> {
    let json: &str = row.try_get(index).map_err(broken)?;
    serde_json::from_str(json).map_err(|error| {
        OfficeError::Damaged(format!("the office holds no elements where it should: {error}"))
    })
}

pub(super) fn json(elements: &Elements) -> Result<String, OfficeError> {
    serde_json::to_string(elements).map_err(|error| OfficeError::Damaged(error.to_string()))
}

/// Finds a user by GUID.
pub(super) async fn user_by_guid(
    connection: &mut SqliteConnection,
    guid: &str,
) -> Result<Option<UserView>, OfficeError> {
    let query = "SELECT guid, system, template, elements, etag, modified FROM user WHERE guid = ?1";
    let row = sqlx::query(query).bind(guid).fetch_optional(connection).await.map_err(broken)?;
    row.as_ref().map(user).transpose()
}

/// Finds a user by name, without regard to case.
pub(super) async fn user_by_name(
    connection: &mut SqliteConnection,
    name: &str,
) -> Result<Option<UserView>, OfficeError> {
    let query = "SELECT guid, system, template, elements, etag, modified FROM user WHERE key = ?1";
    let row = sqlx::query(query).bind(fold(name)).fetch_optional(connection).await.map_err(broken)?;
    row.as_ref().map(user).transpose()
}

/// Finds a user by extension number.
pub(super) async fn user_by_number(
    connection: &mut SqliteConnection,
    number: &str,
) -> Result<Option<UserView>, OfficeError> {
    let query = "SELECT guid, system, template, elements, etag, modified FROM user WHERE number = ?1";
    let row = sqlx::query(query).bind(number).fetch_optional(connection).await.map_err(broken)?;
    row.as_ref().map(user).transpose()
}

/// Finds the extension record of a number.
pub(super) async fn extension_by_number(
    connection: &mut SqliteConnection,
    number: &str,
) -> Result<Option<ExtensionView>, OfficeError> {
    let query = "SELECT id, guid, number, system, kind, template, hardware, elements FROM extension WHERE number = ?1";
    let row = sqlx::query(query).bind(number).fetch_optional(connection).await.map_err(broken)?;
    row.as_ref().map(extension).transpose()
}

/// Finds an extension record by GUID.
pub(super) async fn extension_by_guid(
    connection: &mut SqliteConnection,
    guid: &str,
) -> Result<Option<ExtensionView>, OfficeError> {
    let query =
        "SELECT id, guid, number, system, kind, template, hardware, elements FROM extension WHERE guid = ?1";
    let row = sqlx::query(query).bind(guid).fetch_optional(connection).await.map_err(broken)?;
    row.as_ref().map(extension).transpose()
}

/// Gives the names of a user's hunt groups, sorted.
pub(super) async fn groups_of(
    connection: &mut SqliteConnection,
    guid: &str,
) -> Result<Vec<Text>, OfficeError> {
    let query = "SELECT hunt_group FROM member WHERE guid = ?1 ORDER BY hunt_group";
    let rows = sqlx::query(query).bind(guid).fetch_all(connection).await.map_err(broken)?;
    rows.iter().map(|row| Ok(text(row, 0)?.unwrap_or_default())).collect()
}

/// Gives a user as core knows it, by GUID.
pub(super) async fn phone_user(
    connection: &mut SqliteConnection,
    guid: &str,
) -> Result<Option<PhoneUser>, OfficeError> {
    let Some(view) = user_by_guid(&mut *connection, guid).await? else { return Ok(None) };
    let groups = groups_of(connection, guid).await?;
    Ok(Some(view.phone_user(&groups)))
}

/// Finds the holder of a name or number that is not `but`: the words for a message.
pub(super) async fn hunt_group_with(
    connection: &mut SqliteConnection,
    column: Column,
    value: &str,
) -> Result<Option<Text>, OfficeError> {
    let query = match column {
        Column::Key => "SELECT name FROM hunt_group WHERE key = ?1",
        Column::Number => "SELECT name FROM hunt_group WHERE number = ?1",
    };
    let row = sqlx::query(query).bind(value).fetch_optional(connection).await.map_err(broken)?;
    row.map_or(Ok(None), |row| text(&row, 0))
}

/// Which unique column of a hunt group.
#[derive(Clone, Copy)]
pub(super) enum Column {
    /// The folded name.
    Key,
    /// The number.
    Number,
}
