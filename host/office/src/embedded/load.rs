//! Putting an office file's contents into the store: what stands on the phone system before the first sync.

use rollcall_core::text::fold;
use rollcall_sqlite::{Connection, params};

use super::check::{self, Strictness};
use super::fault::{Fault, refused, twice};
use super::records::{self, NewExtension};
use super::rows::{self, Column};
use super::write::{self, NewUser};
use crate::import::{GroupEntry, OfficeFile};
use crate::profile;

/// Writes everything that `file` says, in an order that lets each thing name the ones before it.
pub(super) fn load(connection: &Connection, file: &OfficeFile) -> Result<(), Fault> {
    systems(connection, file)?;
    templates(connection, file)?;
    for licence in &file.licences {
        let profile = profile::printed(&licence.profile).unwrap_or_else(|| licence.profile.clone());
        let insert = "INSERT OR REPLACE INTO licence (profile, quantity) VALUES (?1, ?2)";
        rows::run(connection, insert, params![&*profile, licence.quantity])?;
    }
    for group in &file.groups {
        add_group(connection, group)?;
    }
    for record in &file.extensions {
        let new = NewExtension {
            guid: record.guid.as_deref(),
            number: &record.number,
            system: &record.system,
            kind: record.kind.clone(),
            template: record.template.clone(),
            hardware: record.hardware,
            elements: record.elements.clone(),
        };
        records::insert_extension(connection, new, Strictness::Standing)?;
    }
    for user in &file.users {
        let new = NewUser {
            guid: user.guid.as_deref(),
            system: &user.system,
            template: user.user_template.as_deref(),
            elements: user.elements.clone(),
        };
        let guid = write::insert(connection, new, Strictness::Standing)?.guid;
        for group in &user.groups {
            let found = rows::hunt_group_with(connection, Column::Key, &fold(group))?;
            let found =
                found.ok_or_else(|| refused(format!("the phone system has no hunt group `{group}`")))?;
            write::enlist(connection, &found, &guid)?;
        }
    }
    members(connection, file)
}

fn systems(connection: &Connection, file: &OfficeFile) -> Result<(), Fault> {
    let query = "SELECT count(*), max(main), coalesce(max(place), 0) FROM system";
    let (there, primary, last): (i64, Option<i64>, i64) =
        connection.query_row(query, [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    if there + i64::try_from(file.systems.len()).unwrap_or(i64::MAX) == 0 {
        return Err(refused("an office needs a system"));
    }
    let marked = file.systems.iter().filter(|system| system.primary).count();
    if marked + usize::from(primary == Some(1)) > 1 {
        return Err(refused("two systems are marked as primary"));
    }
    for (place, system) in (last + 1..).zip(&file.systems) {
        // A network without a marked primary has its first system as one.
        let main = system.primary || (marked == 0 && primary.is_none() && place == last + 1);
        let insert = "INSERT INTO system (name, key, main, fqdn, lan1, lan2, max_users, place)
                      VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
        let (fqdn, lan1, lan2) = (system.fqdn.as_deref(), system.lan1.as_deref(), system.lan2.as_deref());
        let key = fold(&system.name);
        let values = params![&*system.name, key, main, fqdn, lan1, lan2, system.max_users, place];
        rows::run(connection, insert, values)
            .map_err(|error| twice(error, &format!("the system `{}`", system.name)))?;
    }
    Ok(())
}

fn templates(connection: &Connection, file: &OfficeFile) -> Result<(), Fault> {
    for template in &file.user_templates {
        let profile = template.profile.as_deref();
        let profile = profile.map(|text| profile::printed(text).unwrap_or_else(|| text.into()));
        let insert = "INSERT INTO user_template (name, profile, elements) VALUES (?1, ?2, ?3)";
        let values = params![&*template.name, profile.as_deref(), rows::json(&template.values)?];
        rows::run(connection, insert, values)
            .map_err(|error| twice(error, &format!("the user template `{}`", template.name)))?;
    }
    for template in &file.extension_templates {
        let insert = "INSERT INTO extension_template (name, kind, elements) VALUES (?1, ?2, ?3)";
        let values = params![&*template.name, template.kind.as_deref(), rows::json(&template.values)?];
        rows::run(connection, insert, values)
            .map_err(|error| twice(error, &format!("the extension template `{}`", template.name)))?;
    }
    Ok(())
}

fn add_group(connection: &Connection, group: &GroupEntry) -> Result<(), Fault> {
    let system = check::system(connection, &group.system)?;
    if let Some(other) = rows::user_by_name(connection, &group.name)? {
        return Err(refused(format!(
            "the name `{}` belongs to the user `{}`",
            group.name,
            check::shown(&other)
        )));
    }
    if let Some(number) = &group.extension {
        if let Some(other) = rows::user_by_number(connection, number)? {
            let name = check::shown(&other);
            return Err(refused(format!("the extension `{number}` belongs to the user `{name}`")));
        }
        if rows::record_by_number(connection, number)?.is_some() {
            return Err(refused(format!("the extension `{number}` has a record already")));
        }
    }
    let insert = "INSERT INTO hunt_group (name, key, number, system) VALUES (?1, ?2, ?3, ?4)";
    let values = params![&*group.name, fold(&group.name), group.extension.as_deref(), &*system];
    rows::run(connection, insert, values)
        .map_err(|error| twice(error, &format!("the hunt group or number of it `{}`", group.name)))
}

/// Makes the members that groups list; users that stood there before may be among them.
fn members(connection: &Connection, file: &OfficeFile) -> Result<(), Fault> {
    for group in &file.groups {
        for member in &group.members {
            let user = match rows::user_by_name(connection, member)? {
                Some(user) => Some(user),
                None => rows::user_by_number(connection, member)?,
            };
            let Some(user) = user else {
                let message = format!("the hunt group `{}` lists `{member}`, who is no user", group.name);
                return Err(refused(message));
            };
            write::enlist(connection, &group.name, &user.guid)?;
        }
    }
    Ok(())
}
