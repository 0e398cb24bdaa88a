//! Putting an office file's contents into the store: what stands on the phone system before the first sync.

use rollcall_core::text::fold;
use rollcall_edges::office::OfficeError;
use sqlx::{Row, SqliteConnection};

use super::check::{self, Strictness, refused};
use super::records::{self, NewExtension};
use super::rows::{self, Column, broken};
use super::write::{self, NewUser};
use crate::import::{GroupEntry, OfficeFile};
use crate::profile;

/// Writes everything that `file` says, in an order that lets each thing name the ones before it.
pub(super) async fn load(connection: &mut SqliteConnection, file: &OfficeFile) -> Result<(), OfficeError> {
    systems(&mut *connection, file).await?;
    templates(&mut *connection, file).await?;
    for licence in &file.licences {
        let profile = profile::printed(&licence.profile).unwrap_or_else(|| licence.profile.clone());
        sqlx::query("INSERT OR REPLACE INTO licence (profile, quantity) VALUES (?1, ?2)")
            .bind(&*profile)
            .bind(i64::from(licence.quantity))
            .execute(&mut *connection)
            .await
            .map_err(broken)?;
    }
    for group in &file.groups {
        add_group(&mut *connection, group).await?;
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
        records::insert_extension(&mut *connection, new, Strictness::Standing).await?;
    }
    for user in &file.users {
        let new = NewUser {
            guid: user.guid.as_deref(),
            system: &user.system,
            template: user.user_template.as_deref(),
            elements: user.elements.clone(),
        };
        let guid = write::insert(&mut *connection, new, Strictness::Standing).await?;
        for group in &user.groups {
            let found = rows::hunt_group_with(&mut *connection, Column::Key, &fold(group)).await?;
            let found =
                found.ok_or_else(|| refused(format!("the phone system has no hunt group `{group}`")))?;
            write::enlist(&mut *connection, &found, &guid).await?;
        }
    }
    members(connection, file).await
}

async fn systems(connection: &mut SqliteConnection, file: &OfficeFile) -> Result<(), OfficeError> {
    let row = sqlx::query("SELECT count(*), max(main), coalesce(max(place), 0) FROM system")
        .fetch_one(&mut *connection)
        .await
        .map_err(broken)?;
    let there: i64 = row.try_get(0).map_err(broken)?;
    let primary: Option<i64> = row.try_get(1).map_err(broken)?;
    let last: i64 = row.try_get(2).map_err(broken)?;
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
        sqlx::query(
            "INSERT INTO system (name, key, main, fqdn, lan1, lan2, max_users, place)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )
        .bind(&*system.name)
        .bind(fold(&system.name))
        .bind(main)
        .bind(system.fqdn.as_deref())
        .bind(system.lan1.as_deref())
        .bind(system.lan2.as_deref())
        .bind(system.max_users.map(i64::from))
        .bind(place)
        .execute(&mut *connection)
        .await
        .map_err(|error| twice(error, "system", &system.name))?;
    }
    Ok(())
}

async fn templates(connection: &mut SqliteConnection, file: &OfficeFile) -> Result<(), OfficeError> {
    for template in &file.user_templates {
        let profile = template.profile.as_deref();
        let profile = profile.map(|text| profile::printed(text).unwrap_or_else(|| text.into()));
        sqlx::query("INSERT INTO user_template (name, profile, elements) VALUES (?1, ?2, ?3)")
            .bind(&*template.name)
            .bind(profile.as_deref())
            .bind(rows::json(&template.values)?)
            .execute(&mut *connection)
            .await
            .map_err(|error| twice(error, "user template", &template.name))?;
    }
    for template in &file.extension_templates {
        sqlx::query("INSERT INTO extension_template (name, kind, elements) VALUES (?1, ?2, ?3)")
            .bind(&*template.name)
            .bind(template.kind.as_deref())
            .bind(rows::json(&template.values)?)
            .execute(&mut *connection)
            .await
            .map_err(|error| twice(error, "extension template", &template.name))?;
    }
    Ok(())
}

async fn add_group(connection: &mut SqliteConnection, group: &GroupEntry) -> Result<(), OfficeError> {
    let system = check::system(&mut *connection, &group.system).await?;
    if let Some(other) = rows::user_by_name(&mut *connection, &group.name).await? {
        return Err(refused(format!(
            "the name `{}` belongs to the user `{}`",
            group.name,
            check::shown(&other)
        )));
    }
    if let Some(number) = &group.extension {
        if let Some(other) = rows::user_by_number(&mut *connection, number).await? {
            let name = check::shown(&other);
            return Err(refused(format!("the extension `{number}` belongs to the user `{name}`")));
        }
        if rows::extension_by_number(&mut *connection, number).await?.is_some() {
            return Err(refused(format!("the extension `{number}` has a record already")));
        }
    }
    sqlx::query("INSERT INTO hunt_group (name, key, number, system) VALUES (?1, ?2, ?3, ?4)")
        .bind(&*group.name)
        .bind(fold(&group.name))
        .bind(group.extension.as_deref())
        .bind(&*system)
        .execute(connection)
        .await
        .map_err(|error| twice(error, "hunt group or number of it", &group.name))?;
    Ok(())
}

/// Makes the members that groups list; users that stood there before may be among them.
async fn members(connection: &mut SqliteConnection, file: &OfficeFile) -> Result<(), OfficeError> {
    for group in &file.groups {
        for member in &group.members {
            let user = match rows::user_by_name(&mut *connection, member).await? {
                Some(user) => Some(user),
                None => rows::user_by_number(&mut *connection, member).await?,
            };
            let Some(user) = user else {
                let message = format!("the hunt group `{}` lists `{member}`, who is no user", group.name);
                return Err(refused(message));
            };
            write::enlist(&mut *connection, &group.name, &user.guid).await?;
        }
    }
    Ok(())
}

fn twice(error: sqlx::Error, what: &str, name: &str) -> OfficeError {
    match error.as_database_error() {
        Some(db) if db.is_unique_violation() => refused(format!("the {what} `{name}` stands there already")),
        _ => broken(error),
    }
}
