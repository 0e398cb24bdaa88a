//! Reading the whole office as one consistent view, and the listing of `rollcall office users`.

use std::collections::BTreeMap;

use rollcall_core::field::{groups_of, text_of};
use rollcall_core::phone::{ExtensionTemplate, Group, Licence, PhoneUser, Standing, System, UserTemplate};
use rollcall_core::{Field, Guid, Secret, Text, Value};
use rollcall_edges::office::{Locator, OfficeError};
use sqlx::{Connection, Row, SqliteConnection};

use super::rows::{self, broken, text};

/// Reads everything inside one transaction.
pub(super) async fn standing(connection: &mut SqliteConnection) -> Result<Standing, OfficeError> {
    let mut transaction = connection.begin().await.map_err(broken)?;
    let standing = Standing {
        systems: systems(&mut transaction).await?,
        users: users(&mut transaction).await?,
        extensions: extensions(&mut transaction).await?,
        groups: groups(&mut transaction).await?,
        user_templates: user_templates(&mut transaction).await?,
        extension_templates: extension_templates(&mut transaction).await?,
        licences: licences(&mut transaction).await?,
        unreached: Vec::new(),
    };
    transaction.rollback().await.map_err(broken)?;
    Ok(standing)
}

/// Reads one user.
pub(super) async fn find(
    connection: &mut SqliteConnection,
    who: &Locator,
) -> Result<Option<PhoneUser>, OfficeError> {
    let mut transaction = connection.begin().await.map_err(broken)?;
    let view = match who {
        Locator::Guid(guid) => rows::user_by_guid(&mut transaction, guid).await?,
        Locator::Name(name) => rows::user_by_name(&mut transaction, name).await?,
    };
    let user = match view {
        Some(view) => {
            let groups = rows::groups_of(&mut transaction, &view.guid).await?;
            Some(view.phone_user(&groups))
        }
        None => None,
    };
    transaction.rollback().await.map_err(broken)?;
    Ok(user)
}

async fn systems(connection: &mut SqliteConnection) -> Result<Vec<System>, OfficeError> {
    let query = "SELECT name, main, fqdn, lan1, lan2, max_users FROM system ORDER BY place";
    let rows = sqlx::query(query).fetch_all(connection).await.map_err(broken)?;
    rows.iter()
        .map(|row| {
            let most: Option<i64> = row.try_get(5).map_err(broken)?;
            Ok(System {
                name: text(row, 0)?.unwrap_or_default(),
                primary: row.try_get(1).map_err(broken)?,
                fqdn: text(row, 2)?,
                lan1: text(row, 3)?,
                lan2: text(row, 4)?,
                max_users: most.map(|most| u32::try_from(most).unwrap_or(u32::MAX)),
            })
        })
        .collect()
}

async fn users(connection: &mut SqliteConnection) -> Result<BTreeMap<Guid, PhoneUser>, OfficeError> {
    let mut groups: BTreeMap<Text, Vec<Text>> = BTreeMap::new();
    let query = "SELECT guid, hunt_group FROM member ORDER BY guid, hunt_group";
    for row in sqlx::query(query).fetch_all(&mut *connection).await.map_err(broken)? {
        let (guid, group) = (text(&row, 0)?.unwrap_or_default(), text(&row, 1)?.unwrap_or_default());
        groups.entry(guid).or_default().push(group);
    }
    let rows = sqlx::query(rows::USER).fetch_all(connection).await.map_err(broken)?;
    rows.iter()
        .map(|row| {
            let view = rows::user(row)?;
            let user = view.phone_user(groups.get(&view.guid).map(Vec::as_slice).unwrap_or_default());
            Ok((view.guid, user))
        })
        .collect()
}

async fn extensions(
    connection: &mut SqliteConnection,
) -> Result<Vec<rollcall_core::phone::Extension>, OfficeError> {
    let query =
        "SELECT id, guid, number, system, kind, template, hardware, elements FROM extension ORDER BY number";
    let rows = sqlx::query(query).fetch_all(connection).await.map_err(broken)?;
    rows.iter().map(|row| Ok(rows::extension(row)?.extension)).collect()
}

async fn groups(connection: &mut SqliteConnection) -> Result<Vec<Group>, OfficeError> {
    let query = "SELECT name, number, system FROM hunt_group ORDER BY name";
    let rows = sqlx::query(query).fetch_all(connection).await.map_err(broken)?;
    rows.iter()
        .map(|row| {
            Ok(Group {
                name: text(row, 0)?.unwrap_or_default(),
                extension: text(row, 1)?,
                system: text(row, 2)?.unwrap_or_default(),
            })
        })
        .collect()
}

async fn user_templates(
    connection: &mut SqliteConnection,
) -> Result<BTreeMap<Text, UserTemplate>, OfficeError> {
    let query = "SELECT name, profile, elements FROM user_template";
    let rows = sqlx::query(query).fetch_all(connection).await.map_err(broken)?;
    rows.iter()
        .map(|row| {
            let name = text(row, 0)?.unwrap_or_default();
            let template =
                UserTemplate { name: name.clone(), profile: text(row, 1)?, values: rows::elements(row, 2)? };
            Ok((name, template))
        })
        .collect()
}

async fn extension_templates(
    connection: &mut SqliteConnection,
) -> Result<BTreeMap<Text, ExtensionTemplate>, OfficeError> {
    let query = "SELECT name, kind, elements FROM extension_template";
    let rows = sqlx::query(query).fetch_all(connection).await.map_err(broken)?;
    rows.iter()
        .map(|row| {
            let name = text(row, 0)?.unwrap_or_default();
            let template = ExtensionTemplate {
                name: name.clone(),
                kind: text(row, 1)?,
                values: rows::elements(row, 2)?,
            };
            Ok((name, template))
        })
        .collect()
}

async fn licences(connection: &mut SqliteConnection) -> Result<Vec<Licence>, OfficeError> {
    let query = "SELECT profile, quantity, (SELECT count(*) FROM user WHERE user.profile = licence.profile)
                 FROM licence ORDER BY profile";
    let rows = sqlx::query(query).fetch_all(connection).await.map_err(broken)?;
    rows.iter()
        .map(|row| {
            let count = |index: usize| -> Result<u32, OfficeError> {
                Ok(u32::try_from(row.try_get::<i64, _>(index).map_err(broken)?).unwrap_or(u32::MAX))
            };
            Ok(Licence { profile: text(row, 0)?.unwrap_or_default(), quantity: count(1)?, used: count(2)? })
        })
        .collect()
}

/// A user as `rollcall office users` lists it. Works for every office, for it is made from one view of it; the links are
/// the state's and not known here.
#[derive(Clone, Debug, PartialEq)]
pub struct EmbeddedUser {
    /// Its immutable name.
    pub guid: Guid,
    /// Its Name.
    pub name: Text,
    /// Its Full Name.
    pub full_name: Option<Text>,
    /// Its number.
    pub extension: Option<Text>,
    /// Its voicemail e-mail address.
    pub email: Option<Text>,
    /// Its system.
    pub system: Text,
    /// Its profile as Avaya prints it.
    pub profile: Option<Text>,
    /// The user template that it was made from.
    pub user_template: Option<Text>,
    /// The type of the extension record of its number.
    pub extension_type: Option<Text>,
    /// The template that this record was made from.
    pub extension_template: Option<Text>,
    /// Where mobile twinning goes.
    pub mobile_twinning_number: Option<Text>,
    /// Its hunt groups, sorted.
    pub groups: Vec<Text>,
    /// Its login code, to be shown only with `--reveal`.
    pub login_code: Option<Secret>,
    /// Its voicemail code, likewise.
    pub voicemail_code: Option<Secret>,
}

impl EmbeddedUser {
    /// Lists the users of an office by name, without regard to case.
    pub fn list(standing: &Standing) -> Vec<EmbeddedUser> {
        let records: BTreeMap<&str, &rollcall_core::phone::Extension> =
            standing.extensions.iter().map(|record| (&*record.number, record)).collect();
        let mut users: Vec<EmbeddedUser> = standing
            .users
            .values()
            .map(|user| Self::of(user, user.extension().and_then(|number| records.get(number).copied())))
            .collect();
        users.sort_by_cached_key(|user| (rollcall_core::text::fold(&user.name), user.guid.clone()));
        users
    }

    fn of(user: &PhoneUser, record: Option<&rollcall_core::phone::Extension>) -> Self {
        let text = |field| text_of(&user.fields, field).map(Text::from);
        let secret = |field| match user.fields.get(&field) {
            Some(Value::Secret(secret)) => Some(secret.clone()),
            _ => None,
        };
        EmbeddedUser {
            guid: user.guid.clone(),
            name: user.name().into(),
            full_name: text(Field::FullName),
            extension: text(Field::Extension),
            email: text(Field::Email),
            system: user.system.clone(),
            profile: user.profile.clone(),
            user_template: user.user_template.clone(),
            extension_type: record.and_then(|record| record.kind.clone()),
            extension_template: record.and_then(|record| record.template.clone()),
            mobile_twinning_number: text(Field::MobileTwinningNumber),
            groups: groups_of(&user.fields).to_vec(),
            login_code: secret(Field::LoginCode),
            voicemail_code: secret(Field::VoicemailCode),
        }
    }
}
