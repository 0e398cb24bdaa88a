//! Extension records: objects apart from users, tied to them by the equal number.

use rollcall_core::script::ExtensionKind;
use rollcall_core::{Guid, Text, constraint};
use rollcall_sqlite::{Connection, params};

use super::check::{self, Strictness};
use super::fault::{Fault, refused, twice};
use super::rows::{self, Column};
use crate::model::Elements;

/// Makes an extension record from a template or type.
pub(super) fn create_extension(
    connection: &Connection,
    number: &str,
    kind: &ExtensionKind,
    system: &str,
) -> Result<(), Fault> {
    let (kind, template, elements) = match kind {
        ExtensionKind::Type(kind) => (Some(kind.clone()), None, Elements::new()),
        ExtensionKind::Template(name) => {
            let query = "SELECT kind, elements FROM extension_template WHERE name = ?1";
            let found =
                rows::one(connection, query, [&**name], |row| Ok((row.get(0)?, rows::elements(row, 1)?)))?;
            let (kind, elements) = found
                .ok_or_else(|| refused(format!("the phone system has no extension template `{name}`")))?;
            (kind, Some(name.clone()), elements)
        }
    };
    let new = NewExtension { guid: None, number, system, kind, template, hardware: false, elements };
    insert_extension(connection, new, Strictness::Write).map(drop)
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
pub(super) fn insert_extension(
    connection: &Connection,
    new: NewExtension<'_>,
    strictness: Strictness,
) -> Result<Guid, Fault> {
    let system = check::system(connection, new.system)?;
    free_for_record(connection, new.number, strictness)?;
    let guid: Guid = match new.guid {
        Some(guid) => guid.into(),
        None => super::new_guid()?,
    };
    let insert = "INSERT INTO extension (guid, number, system, kind, template, hardware, elements)
                  VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
    let (kind, template) = (new.kind.as_deref(), new.template.as_deref());
    let elements = rows::json(&new.elements)?;
    let values = params![&*guid, new.number, &*system, kind, template, new.hardware, elements];
    rows::run(connection, insert, values)
        .map_err(|error| twice(error, &format!("an extension record with the GUID `{guid}`")))?;
    Ok(guid)
}

/// Checks that a record may have a number: no other record and no hunt group has it. A user may: they are tied by it.
fn free_for_record(connection: &Connection, number: &str, strictness: Strictness) -> Result<(), Fault> {
    if strictness == Strictness::Write {
        constraint::extension(number).map_err(refused)?;
    }
    if rows::record_by_number(connection, number)?.is_some() {
        return Err(refused(format!("the extension `{number}` has a record already")));
    }
    if let Some(group) = rows::hunt_group_with(connection, Column::Number, number)? {
        return Err(refused(format!("the extension `{number}` belongs to the hunt group `{group}`")));
    }
    Ok(())
}

/// Gives a record another number.
pub(super) fn renumber(connection: &Connection, from: &str, to: &str) -> Result<(), Fault> {
    let Some(record) = rows::record_by_number(connection, from)? else {
        return Err(refused(format!("the extension `{from}` has no record")));
    };
    if from == to {
        return Ok(());
    }
    free_for_record(connection, to, Strictness::Write)?;
    let update = "UPDATE extension SET number = ?2 WHERE guid = ?1";
    Ok(rows::run(connection, update, params![&*record.guid, to])?)
}

/// Deletes the record of a number; one that is gone already is no error.
pub(super) fn delete_extension(connection: &Connection, number: &str) -> Result<(), Fault> {
    let Some(record) = rows::record_by_number(connection, number)? else { return Ok(()) };
    if record.hardware {
        return Err(refused(format!(
            "the extension `{number}` is a port of the hardware and cannot be deleted"
        )));
    }
    if let Some(user) = rows::user_by_number(connection, number)? {
        let name = check::shown(&user);
        return Err(refused(format!("the extension `{number}` still belongs to the user `{name}`")));
    }
    Ok(rows::run(connection, "DELETE FROM extension WHERE number = ?1", [number])?)
}
