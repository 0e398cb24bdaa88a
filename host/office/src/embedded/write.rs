//! The calls of a plan, each one transaction.

use rollcall_core::ops::Write;
use rollcall_core::phone::PhoneUser;
use rollcall_core::text::fold;
use rollcall_core::{Field, Fields, Guid, Text, Value};
use rollcall_edges::office::OfficeError;
use sqlx::{Row, SqliteConnection};

use super::check::{self, Strictness, refused};
use super::records;
use super::rows::{self, Column, UserView, broken};
use crate::model::{self, Elements, element};
use crate::profile;

/// Does one call on an open transaction; gives the user that it is about.
pub(super) async fn write(
    connection: &mut SqliteConnection,
    write: &Write,
) -> Result<Option<PhoneUser>, OfficeError> {
    match write {
        Write::CreateUser { fields, system, template } => {
            let guid = create(&mut *connection, fields, system, template.as_deref()).await?;
            rows::phone_user(connection, &guid).await
        }
        Write::UpdateUser { guid, expect, set } => update(connection, guid, expect, set).await,
        Write::Adopt { guid, expect } => update(connection, guid, expect, &[]).await,
        Write::Release { guid } => rows::phone_user(connection, guid).await,
        Write::DeleteUser { guid } => delete(connection, guid).await.map(|()| None),
        Write::AddMember { group, guid } => add_member(connection, group, guid).await,
        Write::RemoveMember { group, guid } => remove_member(connection, group, guid).await,
        Write::CreateExtension { number, kind, system } => {
            records::create_extension(connection, number, kind, system).await.map(|()| None)
        }
        Write::RenumberExtension { from, to } => records::renumber(connection, from, to).await.map(|()| None),
        Write::DeleteExtension { number } => {
            records::delete_extension(connection, number).await.map(|()| None)
        }
    }
}

async fn create(
    connection: &mut SqliteConnection,
    fields: &Fields,
    system: &str,
    template: Option<&str>,
) -> Result<Guid, OfficeError> {
    let mut elements = model::defaults();
    if let Some(name) = template {
        elements.extend(user_template(&mut *connection, name).await?);
    }
    for (field, value) in fields {
        put(&mut elements, *field, Some(value))?;
    }
    insert(connection, NewUser { guid: None, system, template, elements }, Strictness::Write).await
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
pub(super) async fn insert(
    connection: &mut SqliteConnection,
    new: NewUser<'_>,
    strictness: Strictness,
) -> Result<Guid, OfficeError> {
    let system = check::system(&mut *connection, new.system).await?;
    check::values(&new.elements, &Elements::new(), strictness)?;
    check::unique(&mut *connection, &new.elements, "").await?;
    let columns = Columns::of(&new.elements);
    if strictness == Strictness::Write {
        check::room(&mut *connection, &system).await?;
        check::licence(&mut *connection, columns.profile.as_deref()).await?;
    }
    let guid: Guid = match new.guid {
        Some(guid) => guid.into(),
        None => super::random_guid()?,
    };
    sqlx::query(
        "INSERT INTO user (guid, system, template, key, number, profile, elements, etag, modified)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 1, ?8)",
    )
    .bind(&*guid)
    .bind(&*system)
    .bind(new.template)
    .bind(&columns.key)
    .bind(columns.number.as_deref())
    .bind(columns.profile.as_deref())
    .bind(rows::json(&new.elements)?)
    .bind(super::now())
    .execute(connection)
    .await
    .map_err(|error| match error.as_database_error() {
        Some(db) if db.is_unique_violation() => {
            refused(format!("a user with the GUID `{guid}` stands there already"))
        }
        _ => broken(error),
    })?;
    Ok(guid)
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
pub(super) async fn replace(
    connection: &mut SqliteConnection,
    user: &UserView,
    elements: &Elements,
) -> Result<(), OfficeError> {
    check::values(elements, &user.elements, Strictness::Write)?;
    check::unique(&mut *connection, elements, &user.guid).await?;
    let (before, columns) = (Columns::of(&user.elements), Columns::of(elements));
    if before.profile != columns.profile {
        check::licence(&mut *connection, columns.profile.as_deref()).await?;
    }
    sqlx::query(
        "UPDATE user SET key = ?2, number = ?3, profile = ?4, elements = ?5, etag = etag + 1, modified = ?6
         WHERE guid = ?1",
    )
    .bind(&*user.guid)
    .bind(&columns.key)
    .bind(columns.number.as_deref())
    .bind(columns.profile.as_deref())
    .bind(rows::json(elements)?)
    .bind(super::now())
    .execute(connection)
    .await
    .map_err(broken)?;
    Ok(())
}

async fn update(
    connection: &mut SqliteConnection,
    guid: &str,
    expect: &[(Field, Option<Value>)],
    set: &[(Field, Option<Value>)],
) -> Result<Option<PhoneUser>, OfficeError> {
    let Some(user) = rows::user_by_guid(&mut *connection, guid).await? else {
        return Err(OfficeError::Stale("the user no longer stands on the phone system".into()));
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
        return Err(OfficeError::Stale(message));
    }
    let mut elements = user.elements.clone();
    for (field, value) in set {
        put(&mut elements, *field, value.as_ref())?;
    }
    if elements != user.elements {
        replace(&mut *connection, &user, &elements).await?;
    }
    rows::phone_user(connection, guid).await
}

fn put(elements: &mut Elements, field: Field, value: Option<&Value>) -> Result<(), OfficeError> {
    if model::set(elements, field, value) {
        return Ok(());
    }
    Err(refused(format!("the field `{}` cannot be written to a user", field.key())))
}

/// Deletes a user with its memberships; one that is gone already is no error.
pub(super) async fn delete(connection: &mut SqliteConnection, guid: &str) -> Result<(), OfficeError> {
    let Some(user) = rows::user_by_guid(&mut *connection, guid).await? else { return Ok(()) };
    check::not_built_in(&user)?;
    sqlx::query("DELETE FROM user WHERE guid = ?1").bind(guid).execute(connection).await.map_err(broken)?;
    Ok(())
}

async fn add_member(
    connection: &mut SqliteConnection,
    group: &str,
    guid: &str,
) -> Result<Option<PhoneUser>, OfficeError> {
    let Some(user) = rows::user_by_guid(&mut *connection, guid).await? else {
        return Err(refused("the user no longer stands on the phone system"));
    };
    check::not_built_in(&user)?;
    let Some(group) = rows::hunt_group_with(&mut *connection, Column::Key, &fold(group)).await? else {
        return Err(refused(format!("the phone system has no hunt group `{group}`")));
    };
    enlist(&mut *connection, &group, guid).await?;
    rows::phone_user(connection, guid).await
}

/// Makes a user a member of a hunt group that exists.
pub(super) async fn enlist(
    connection: &mut SqliteConnection,
    group: &str,
    guid: &str,
) -> Result<(), OfficeError> {
    let query = "INSERT OR IGNORE INTO member (hunt_group, guid) VALUES (?1, ?2)";
    sqlx::query(query).bind(group).bind(guid).execute(connection).await.map_err(broken)?;
    Ok(())
}

async fn remove_member(
    connection: &mut SqliteConnection,
    group: &str,
    guid: &str,
) -> Result<Option<PhoneUser>, OfficeError> {
    if let Some(user) = rows::user_by_guid(&mut *connection, guid).await? {
        check::not_built_in(&user)?;
    }
    let query =
        "DELETE FROM member WHERE guid = ?2 AND hunt_group IN (SELECT name FROM hunt_group WHERE key = ?1)";
    sqlx::query(query).bind(fold(group)).bind(guid).execute(&mut *connection).await.map_err(broken)?;
    rows::phone_user(connection, guid).await
}

/// Gives what a user template sets, its profile among it.
async fn user_template(connection: &mut SqliteConnection, name: &str) -> Result<Elements, OfficeError> {
    let query = "SELECT profile, elements FROM user_template WHERE name = ?1";
    let row = sqlx::query(query).bind(name).fetch_optional(connection).await.map_err(broken)?;
    let Some(row) = row else {
        return Err(refused(format!("the phone system has no user template `{name}`")));
    };
    let mut elements = rows::elements(&row, 1)?;
    let profile: Option<String> = row.try_get(0).map_err(broken)?;
    if let Some(profile) = profile {
        elements.insert(element::PACKAGE.into(), profile::package(&profile));
    }
    Ok(elements)
}
