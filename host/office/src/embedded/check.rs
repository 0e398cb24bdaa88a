//! What the store itself refuses, whoever writes: the planner has checked all of it before, and a second writer, a test
//! against the server, or a bug has not.

use rollcall_core::constraint;
use rollcall_core::text::{count, fold};
use rollcall_core::{Field, Text};
use rollcall_edges::office::{OfficeError, Taken};
use sqlx::{Row, SqliteConnection};

use super::rows::{self, Column, UserView, broken};
use crate::model::{self, Elements, element};
use crate::{limits, profile};

/// Makes a refusal.
pub(super) fn refused(message: impl Into<String>) -> OfficeError {
    OfficeError::Refused(message.into())
}

/// A constraint of core: the reason why a value cannot stand.
type Check = fn(&str) -> Result<(), String>;

/// How strictly values are looked at.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Strictness {
    /// A write: everything must hold.
    Write,
    /// What stands already on a real system and is copied from there: built-in users, and values that Avaya let pass.
    Standing,
}

/// Checks a user's elements as they are to stand: the constraints of each value that differs from `before`. What stands
/// already may be something that Avaya let pass; an update of something else leaves it alone.
pub(super) fn values(
    elements: &Elements,
    before: &Elements,
    strictness: Strictness,
) -> Result<(), OfficeError> {
    if elements.len() > limits::ELEMENTS_MAX {
        return Err(refused(format!("{} elements, {} fit", elements.len(), limits::ELEMENTS_MAX)));
    }
    for (name, text) in elements {
        if name.is_empty() || name.len() > limits::ELEMENT_NAME_BYTES_MAX {
            return Err(refused(format!("an element's name has {} bytes", name.len())));
        }
        if text.len() > limits::ELEMENT_TEXT_BYTES_MAX {
            return Err(refused(format!("the element `{name}` has {} bytes", text.len())));
        }
    }
    let text = |name: &str| elements.get(name).map(|text| &**text).filter(|text| !text.is_empty());
    let name = text(element::NAME).unwrap_or_default();
    if strictness == Strictness::Standing {
        return if name.is_empty() { Err(refused("a user without a name")) } else { Ok(()) };
    }
    let moved = |name: &str| elements.get(name) != before.get(name);
    if moved(element::NAME) || name.is_empty() {
        constraint::name(name).map_err(refused)?;
    }
    let checks: [(&str, Check); 6] = [
        (element::FULL_NAME, constraint::full_name),
        (element::EMAIL, constraint::email),
        (element::EXTENSION, constraint::extension),
        (element::LOGIN_CODE, constraint::login_code),
        (element::VOICEMAIL_CODE, constraint::voicemail_code),
        (element::TWINNED_NUMBER, constraint::external_number),
    ];
    for (name, check) in checks.into_iter().filter(|(name, _)| moved(name)) {
        text(name).map_or(Ok(()), check).map_err(refused)?;
    }
    Ok(())
}

/// Checks that a user's name and number are nobody else's in the network.
pub(super) async fn unique(
    connection: &mut SqliteConnection,
    elements: &Elements,
    guid: &str,
) -> Result<(), OfficeError> {
    let text = |name: &str| elements.get(name).map(|text| &**text).filter(|text| !text.is_empty());
    let (name, number) = (text(element::NAME).unwrap_or_default(), text(element::EXTENSION));
    match taken(connection, name, number, guid).await? {
        Some(Taken::Name(holder)) => Err(refused(format!("the name `{name}` belongs to {holder}"))),
        Some(Taken::Number(holder)) => {
            let number = number.unwrap_or_default();
            Err(refused(format!("the extension `{number}` belongs to {holder}")))
        }
        // A user and the record of its number go together.
        Some(Taken::Record(_)) | None => Ok(()),
    }
}

/// Tells who else than the user `guid` holds a name or number.
pub(super) async fn taken(
    connection: &mut SqliteConnection,
    name: &str,
    number: Option<&str>,
    guid: &str,
) -> Result<Option<Taken>, OfficeError> {
    let other = |user: &UserView| &*user.guid != guid;
    if let Some(user) = rows::user_by_name(&mut *connection, name).await?.filter(other) {
        return Ok(Some(Taken::Name(the_user(&user))));
    }
    if let Some(group) = rows::hunt_group_with(&mut *connection, Column::Key, &fold(name)).await? {
        return Ok(Some(Taken::Name(the_group(&group))));
    }
    let Some(number) = number else { return Ok(None) };
    if let Some(user) = rows::user_by_number(&mut *connection, number).await?.filter(other) {
        return Ok(Some(Taken::Number(the_user(&user))));
    }
    if let Some(group) = rows::hunt_group_with(&mut *connection, Column::Number, number).await? {
        return Ok(Some(Taken::Number(the_group(&group))));
    }
    let record = rows::extension_by_number(connection, number).await?;
    Ok(record.map(|record| Taken::Record(record.extension.number)))
}

fn the_user(user: &UserView) -> Text {
    format!("the user `{}`", shown(user)).into()
}

fn the_group(group: &str) -> Text {
    format!("the hunt group `{group}`").into()
}

/// Checks that a system has room for one more user.
pub(super) async fn room(connection: &mut SqliteConnection, system: &str) -> Result<(), OfficeError> {
    let query = "SELECT max_users, (SELECT count(*) FROM user WHERE system = ?1) FROM system WHERE name = ?1";
    let row = sqlx::query(query).bind(system).fetch_one(connection).await.map_err(broken)?;
    let most: Option<i64> = row.try_get(0).map_err(broken)?;
    let users: i64 = row.try_get(1).map_err(broken)?;
    match most {
        Some(most) if users >= most => {
            Err(refused(format!("the system `{system}` has room for {} and is full", count(most, "user"))))
        }
        _ => Ok(()),
    }
}

/// Checks that a licence for a profile is left.
pub(super) async fn licence(
    connection: &mut SqliteConnection,
    profile: Option<&str>,
) -> Result<(), OfficeError> {
    let Some(profile) = profile.filter(|profile| !profile::free(profile)) else { return Ok(()) };
    let query =
        "SELECT quantity, (SELECT count(*) FROM user WHERE profile = ?1) FROM licence WHERE profile = ?1";
    let Some(row) = sqlx::query(query).bind(profile).fetch_optional(connection).await.map_err(broken)? else {
        return Ok(());
    };
    let quantity: i64 = row.try_get(0).map_err(broken)?;
    let used: i64 = row.try_get(1).map_err(broken)?;
    if used >= quantity {
        return Err(refused(format!(
            "no licence for the profile `{profile}` is left: all {quantity} are in use"
        )));
    }
    Ok(())
}

/// Gives the exact name of a system, or refuses.
pub(super) async fn system(connection: &mut SqliteConnection, name: &str) -> Result<Text, OfficeError> {
    let row = sqlx::query("SELECT name FROM system WHERE key = ?1")
        .bind(fold(name))
        .fetch_optional(connection)
        .await
        .map_err(broken)?;
    row.map_or(Ok(None), |row| rows::text(&row, 0))?
        .ok_or_else(|| refused(format!("the phone system has no system `{name}`")))
}

/// Refuses to touch a user that comes with the system.
pub(super) fn not_built_in(user: &UserView) -> Result<(), OfficeError> {
    let name = shown(user);
    if constraint::reserved_name(&name) {
        return Err(refused(format!("the user `{name}` comes with the system and is never changed")));
    }
    Ok(())
}

/// The user's name, for a message.
pub(super) fn shown(user: &UserView) -> Text {
    model::value(&user.elements, Field::Name)
        .as_ref()
        .and_then(|value| value.text())
        .unwrap_or_default()
        .into()
}
