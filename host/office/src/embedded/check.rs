//! What the store itself refuses, whoever writes: the planner has checked all of it before, and a second writer, a test
//! against the server, or a bug has not.

use rollcall_core::constraint;
use rollcall_core::text::{count, fold};
use rollcall_core::{Field, Text};
use rollcall_edges::office::Taken;
use rollcall_sqlite::Connection;

use super::fault::{Fault, refused};
use super::rows::{self, Column, UserView};
use crate::model::{self, Elements, element};
use crate::{limits, profile};

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
pub(super) fn values(elements: &Elements, before: &Elements, strictness: Strictness) -> Result<(), Fault> {
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
pub(super) fn unique(connection: &Connection, elements: &Elements, guid: &str) -> Result<(), Fault> {
    let text = |name: &str| elements.get(name).map(|text| &**text).filter(|text| !text.is_empty());
    let (name, number) = (text(element::NAME).unwrap_or_default(), text(element::EXTENSION));
    match taken(connection, name, number, guid)? {
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
pub(super) fn taken(
    connection: &Connection,
    name: &str,
    number: Option<&str>,
    guid: &str,
) -> Result<Option<Taken>, Fault> {
    let other = |user: &UserView| &*user.guid != guid;
    if let Some(user) = rows::user_by_name(connection, name)?.filter(other) {
        return Ok(Some(Taken::Name(the_user(&user))));
    }
    if let Some(group) = rows::hunt_group_with(connection, Column::Key, &fold(name))? {
        return Ok(Some(Taken::Name(the_group(&group))));
    }
    let Some(number) = number else { return Ok(None) };
    if let Some(user) = rows::user_by_number(connection, number)?.filter(other) {
        return Ok(Some(Taken::Number(the_user(&user))));
    }
    if let Some(group) = rows::hunt_group_with(connection, Column::Number, number)? {
        return Ok(Some(Taken::Number(the_group(&group))));
    }
    let record = rows::record_by_number(connection, number)?;
    Ok(record.map(|record| Taken::Record(record.number)))
}

fn the_user(user: &UserView) -> Text {
    format!("the user `{}`", shown(user)).into()
}

fn the_group(group: &str) -> Text {
    format!("the hunt group `{group}`").into()
}

/// Checks that a system has room for one more user. Nobody is counted where nothing limits them.
pub(super) fn room(connection: &Connection, system: &str) -> Result<(), Fault> {
    let query = "SELECT max_users FROM system WHERE name = ?1 AND max_users IS NOT NULL
                 AND max_users <= (SELECT count(*) FROM user WHERE system = ?1)";
    match rows::one(connection, query, [system], |row| Ok(row.get::<_, i64>(0)?))? {
        Some(most) => {
            Err(refused(format!("the system `{system}` has room for {} and is full", count(most, "user"))))
        }
        None => Ok(()),
    }
}

/// Checks that a licence for a profile is left.
pub(super) fn licence(connection: &Connection, profile: Option<&str>) -> Result<(), Fault> {
    let Some(profile) = profile.filter(|profile| !profile::free(profile)) else { return Ok(()) };
    let query = "SELECT quantity FROM licence WHERE profile = ?1
                 AND quantity <= (SELECT count(*) FROM user WHERE profile = ?1)";
    match rows::one(connection, query, [profile], |row| Ok(row.get::<_, i64>(0)?))? {
        Some(quantity) => {
            Err(refused(format!("no licence for the profile `{profile}` is left: all {quantity} are in use")))
        }
        None => Ok(()),
    }
}

/// Gives the exact name of a system, or refuses.
pub(super) fn system(connection: &Connection, name: &str) -> Result<Text, Fault> {
    let found =
        rows::one(connection, "SELECT name FROM system WHERE key = ?1", [fold(name)], |row| Ok(row.get(0)?))?;
    found.ok_or_else(|| refused(format!("the phone system has no system `{name}`")))
}

/// Refuses to touch a user that comes with the system.
pub(super) fn not_built_in(user: &UserView) -> Result<(), Fault> {
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
