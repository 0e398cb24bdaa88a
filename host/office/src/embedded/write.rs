//! The calls of a plan.

use std::borrow::Cow;

use rollcall_core::ops::Write;
use rollcall_core::phone::PhoneUser;
use rollcall_core::text::fold;
use rollcall_core::{Field, Fields, Guid, Text, Value};
use rollcall_edges::office::OfficeError;
use rollcall_sqlite::{Connection, params};

use super::check::{self, Strictness};
use super::fault::{Fault, refused, twice};
use super::records;
use super::rows::{self, Column, UserView};
use crate::model::{self, Elements, element};
use crate::profile;

/// Does one call on an open transaction; gives the user that it is about.
pub(super) fn write(connection: &Connection, write: &Write) -> Result<Option<PhoneUser>, Fault> {
    match write {
        Write::CreateUser { fields, system, template } => {
            let user = create(connection, fields, system, template.as_deref())?;
            Ok(Some(user.phone_user(&[])))
        }
        Write::UpdateUser { guid, expect, set } => update(connection, guid, expect, set),
        Write::Adopt { guid, expect } => update(connection, guid, expect, &[]),
        Write::Release { guid } => rows::phone_user(connection, guid),
        Write::DeleteUser { guid } => delete(connection, guid).map(|()| None),
        Write::AddMember { group, guid } => add_member(connection, group, guid),
        Write::RemoveMember { group, guid } => remove_member(connection, group, guid),
        Write::CreateExtension { number, kind, system } => {
            records::create_extension(connection, number, kind, system).map(|()| None)
        }
        Write::RenumberExtension { from, to } => records::renumber(connection, from, to).map(|()| None),
        Write::DeleteExtension { number } => records::delete_extension(connection, number).map(|()| None),
    }
}

/// Does calls on an open transaction where none of them fails.
///
/// # Errors
/// The first that does. The transaction is to be given up then.
pub(super) fn write_each(
    connection: &Connection,
    writes: &[Cow<'_, Write>],
) -> Result<Vec<Option<PhoneUser>>, Fault> {
    writes.iter().map(|call| write(connection, call)).collect()
}

/// Does calls on an open transaction, each whole or not at all, and adds one result each. It stops behind a call that
/// failed for another reason than the office's word, with what was done before it still in the transaction.
///
/// # Errors
/// A call could not be begun or undone. The transaction is to be given up then, for it may hold half a call.
pub(super) fn write_all(
    connection: &Connection,
    writes: &[Cow<'_, Write>],
    results: &mut Vec<Result<Option<PhoneUser>, OfficeError>>,
) -> Result<(), Fault> {
    for call in writes {
        rows::run(connection, "SAVEPOINT call", [])?;
        let result = write(connection, call).map_err(OfficeError::from);
        let ends = result.as_ref().is_err_and(OfficeError::ends);
        // SQLite may have given up the whole transaction, as it does when the disk is full. Its end will tell.
        if connection.is_autocommit() {
            results.push(result);
            return Ok(());
        }
        if result.is_err() {
            rows::run(connection, "ROLLBACK TO call", [])?;
        }
        rows::run(connection, "RELEASE call", [])?;
        results.push(result);
        if ends {
            return Ok(());
        }
    }
    Ok(())
}

fn create(
    connection: &Connection,
    fields: &Fields,
    system: &str,
    template: Option<&str>,
) -> Result<UserView, Fault> {
    let mut elements = model::defaults();
    if let Some(name) = template {
        elements.extend(user_template(connection, name)?);
    }
    for (field, value) in fields {
        put(&mut elements, *field, Some(value))?;
    }
    insert(connection, NewUser { guid: None, system, template, elements }, Strictness::Write)
}

/// A user that is to be made.
pub(super) struct NewUser<'a> {
    /// Its GUID; `None` draws one.
    pub(super) guid: Option<&'a str>,
    /// The system by name.
    pub(super) system: &'a str,
    /// The template that it is made from.
    pub(super) template: Option<&'a str>,
    /// All elements.
    pub(super) elements: Elements,
}

/// Makes a user with all its elements, checked.
pub(super) fn insert(
    connection: &Connection,
    new: NewUser<'_>,
    strictness: Strictness,
) -> Result<UserView, Fault> {
    let system = check::system(connection, new.system)?;
    check::values(&new.elements, &Elements::new(), strictness)?;
    check::unique(connection, &new.elements, "")?;
    let columns = Columns::of(&new.elements);
    if strictness == Strictness::Write {
        check::room(connection, &system)?;
        check::licence(connection, columns.profile.as_deref())?;
    }
    let guid: Guid = match new.guid {
        Some(guid) => guid.into(),
        None => super::new_guid()?,
    };
    let modified = super::now();
    let insert = "INSERT INTO user (guid, system, template, key, number, profile, elements, etag, modified)
                  VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 1, ?8)";
    let Columns { key, number, profile } = columns;
    let (number, profile, elements) = (number.as_deref(), profile.as_deref(), rows::json(&new.elements)?);
    let values = params![&*guid, &*system, new.template, key, number, profile, elements, modified];
    rows::run(connection, insert, values)
        .map_err(|error| twice(error, &format!("a user with the GUID `{guid}`")))?;
    Ok(UserView {
        guid,
        system,
        template: new.template.map(Text::from),
        elements: new.elements,
        etag: 1,
        modified: u64::try_from(modified).unwrap_or_default(),
    })
}

/// What of the elements stands in columns of its own, so that SQLite finds it.
struct Columns {
    key: String,
    number: Option<Text>,
    profile: Option<Text>,
}

impl Columns {
    fn of(elements: &Elements) -> Self {
        let get = |name: &str| elements.get(name).filter(|text| !text.is_empty()).cloned();
        Self {
            key: fold(&get(element::NAME).unwrap_or_default()),
            number: get(element::EXTENSION),
            profile: get(element::PACKAGE).and_then(|package| profile::of_package(&package)),
        }
    }
}

/// Gives a user other elements, all of them, checked.
pub(super) fn replace(connection: &Connection, user: &UserView, elements: &Elements) -> Result<(), Fault> {
    check::values(elements, &user.elements, Strictness::Write)?;
    check::unique(connection, elements, &user.guid)?;
    let (before, columns) = (Columns::of(&user.elements), Columns::of(elements));
    if before.profile != columns.profile {
        check::licence(connection, columns.profile.as_deref())?;
    }
    let update =
        "UPDATE user SET key = ?2, number = ?3, profile = ?4, elements = ?5, etag = etag + 1, modified = ?6
                  WHERE guid = ?1";
    let Columns { key, number, profile } = columns;
    let (number, profile, elements) = (number.as_deref(), profile.as_deref(), rows::json(elements)?);
    let values = params![&*user.guid, key, number, profile, elements, super::now()];
    Ok(rows::run(connection, update, values)?)
}

fn update(
    connection: &Connection,
    guid: &str,
    expect: &[(Field, Option<Value>)],
    set: &[(Field, Option<Value>)],
) -> Result<Option<PhoneUser>, Fault> {
    let Some(user) = rows::user_by_guid(connection, guid)? else {
        return Err(OfficeError::Stale("the user no longer stands on the phone system".into()).into());
    };
    check::not_built_in(&user)?;
    let moved: Vec<&str> = expect
        .iter()
        .filter(|(field, value)| model::value(&user.elements, *field) != *value)
        .map(|(field, _)| field.key())
        .collect();
    if !moved.is_empty() {
        let message =
            format!("`{}` was changed since the plan was made: {}", check::shown(&user), moved.join(", "));
        return Err(OfficeError::Stale(message).into());
    }
    let mut elements = user.elements.clone();
    for (field, value) in set {
        put(&mut elements, *field, value.as_ref())?;
    }
    if elements != user.elements {
        replace(connection, &user, &elements)?;
    }
    rows::with_groups(connection, &UserView { elements, ..user }).map(Some)
}

fn put(elements: &mut Elements, field: Field, value: Option<&Value>) -> Result<(), Fault> {
    if model::set(elements, field, value) {
        return Ok(());
    }
    Err(refused(format!("the field `{}` cannot be written to a user", field.key())))
}

/// Deletes a user with its memberships; one that is gone already is no error.
pub(super) fn delete(connection: &Connection, guid: &str) -> Result<(), Fault> {
    let Some(user) = rows::user_by_guid(connection, guid)? else { return Ok(()) };
    check::not_built_in(&user)?;
    Ok(rows::run(connection, "DELETE FROM user WHERE guid = ?1", [guid])?)
}

fn add_member(connection: &Connection, group: &str, guid: &str) -> Result<Option<PhoneUser>, Fault> {
    let Some(user) = rows::user_by_guid(connection, guid)? else {
        return Err(refused("the user no longer stands on the phone system"));
    };
    check::not_built_in(&user)?;
    let Some(group) = rows::hunt_group_with(connection, Column::Key, &fold(group))? else {
        return Err(refused(format!("the phone system has no hunt group `{group}`")));
    };
    enlist(connection, &group, guid)?;
    rows::with_groups(connection, &user).map(Some)
}

/// Makes a user a member of a hunt group that exists.
pub(super) fn enlist(connection: &Connection, group: &str, guid: &str) -> Result<(), Fault> {
    let insert = "INSERT OR IGNORE INTO member (hunt_group, guid) VALUES (?1, ?2)";
    Ok(rows::run(connection, insert, [group, guid])?)
}

fn remove_member(connection: &Connection, group: &str, guid: &str) -> Result<Option<PhoneUser>, Fault> {
    if let Some(user) = rows::user_by_guid(connection, guid)? {
        check::not_built_in(&user)?;
    }
    let delete =
        "DELETE FROM member WHERE guid = ?2 AND hunt_group IN (SELECT name FROM hunt_group WHERE key = ?1)";
    rows::run(connection, delete, params![fold(group), guid])?;
    rows::phone_user(connection, guid)
}

/// Gives what a user template sets, its profile among it.
fn user_template(connection: &Connection, name: &str) -> Result<Elements, Fault> {
    let query = "SELECT profile, elements FROM user_template WHERE name = ?1";
    let found = rows::one(connection, query, [name], |row| Ok((row.get(0)?, rows::elements(row, 1)?)))?;
    let (profile, mut elements): (Option<Text>, _) =
        found.ok_or_else(|| refused(format!("the phone system has no user template `{name}`")))?;
    if let Some(profile) = profile {
        elements.insert(element::PACKAGE.into(), profile::package(&profile));
    }
    Ok(elements)
}
