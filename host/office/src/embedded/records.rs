//! Extension records: objects apart from users, tied to them by the equal number.

use rollcall_core::script::ExtensionKind;
use rollcall_core::{Guid, Text, constraint};
use rollcall_edges::office::OfficeError;
use sqlx::SqliteConnection;

use super::check::{self, Strictness, refused};
use super::rows::{self, Column, broken};
use crate::model::Elements;

/// Makes an extension record from a template or type.
pub(super) async fn create_extension(
    connection: &mut SqliteConnection,
    number: &str,
    kind: &ExtensionKind,
    system: &str,
) -> Result<(), OfficeError> {
    let (kind, template, elements) = match kind {
        ExtensionKind::Type(kind) => (Some(kind.clone()), None, Elements::new()),
        ExtensionKind::Template(name) => {
            let query = "SELECT kind, elements FROM extension_template WHERE name = ?1";
            let row =
                sqlx::query(query).bind(&**name).fetch_optional(&mut *connection).await.map_err(broken)?;
            let Some(row) = row else {
                return Err(refused(format!("the phone system has no extension template `{name}`")));
            };
            (rows::text(&row, 0)?, Some(name.clone()), rows::elements(&row, 1)?)
        }
    };
    let new = NewExtension { guid: None, number, system, kind, template, hardware: false, elements };
    insert_extension(connection, new, Strictness::Write).await.map(drop)
}

/// An extension record that is to be made.
pub(super) struct NewExtension<'a> {
    /// Its GUID; `None` draws one.
    pub(super) guid: Option<&'a str>,
    /// Its number.
    pub(super) number: &'a str,
    /// The system by name.
    pub(super) system: &'a str,
    /// `H323`, `SIP`, …
    pub(super) kind: Option<Text>,
    /// The template that it is made from.
    pub(super) template: Option<Text>,
    /// Whether it is a port of the hardware.
    pub(super) hardware: bool,
    /// All elements.
    pub(super) elements: Elements,
}

/// Makes an extension record, checked.
pub(super) async fn insert_extension(
    connection: &mut SqliteConnection,
    new: NewExtension<'_>,
    strictness: Strictness,
) -> Result<Guid, OfficeError> {
    let system = check::system(&mut *connection, new.system).await?;
    free_for_record(&mut *connection, new.number, strictness).await?;
    let guid: Guid = match new.guid {
        Some(guid) => guid.into(),
        None => super::random_guid()?,
    };
    sqlx::query(
        "INSERT INTO extension (guid, number, system, kind, template, hardware, elements)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )
    .bind(&*guid)
    .bind(new.number)
    .bind(&*system)
    .bind(new.kind.as_deref())
    .bind(new.template.as_deref())
    .bind(new.hardware)
    .bind(rows::json(&new.elements)?)
    .execute(connection)
    .await
    .map_err(|error| match error.as_database_error() {
        Some(db) if db.is_unique_violation() => {
            refused(format!("an extension record with the GUID `{guid}` stands there already"))
        }
        _ => broken(error),
    })?;
    Ok(guid)
}

/// Checks that a record may have a number: no other record and no hunt group has it. A user may: they are tied by it.
async fn free_for_record(
    connection: &mut SqliteConnection,
    number: &str,
    strictness: Strictness,
) -> Result<(), OfficeError> {
    if strictness == Strictness::Write {
        constraint::extension(number).map_err(refused)?;
    }
    if rows::extension_by_number(&mut *connection, number).await?.is_some() {
        return Err(refused(format!("the extension `{number}` has a record already")));
    }
    if let Some(group) = rows::hunt_group_with(connection, Column::Number, number).await? {
        return Err(refused(format!("the extension `{number}` belongs to the hunt group `{group}`")));
    }
    Ok(())
}

/// Gives a record another number.
pub(super) async fn renumber(
    connection: &mut SqliteConnection,
    from: &str,
    to: &str,
) -> Result<(), OfficeError> {
    let Some(record) = rows::extension_by_number(&mut *connection, from).await? else {
        return Err(refused(format!("the extension `{from}` has no record")));
    };
    if from == to {
        return Ok(());
    }
    free_for_record(&mut *connection, to, Strictness::Write).await?;
    let query = "UPDATE extension SET number = ?2 WHERE guid = ?1";
    sqlx::query(query).bind(&*record.extension.guid).bind(to).execute(connection).await.map_err(broken)?;
    Ok(())
}

/// Deletes the record of a number; one that is gone already is no error.
pub(super) async fn delete_extension(
    connection: &mut SqliteConnection,
    number: &str,
) -> Result<(), OfficeError> {
    let Some(record) = rows::extension_by_number(&mut *connection, number).await? else { return Ok(()) };
    if record.extension.hardware {
        return Err(refused(format!(
            "the extension `{number}` is a port of the hardware and cannot be deleted"
        )));
    }
    if let Some(user) = rows::user_by_number(&mut *connection, number).await? {
        let name = check::shown(&user);
        return Err(refused(format!("the extension `{number}` still belongs to the user `{name}`")));
    }
    let query = "DELETE FROM extension WHERE number = ?1";
    sqlx::query(query).bind(number).execute(connection).await.map_err(broken)?;
    Ok(())
}
