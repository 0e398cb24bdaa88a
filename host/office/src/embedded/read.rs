//! Reading the whole office, and the listing of `rollcall office users`.

use std::collections::BTreeMap;

use rollcall_core::field::{groups_of, text_of};
use rollcall_core::phone::{
    Extension, ExtensionTemplate, Group, Licence, PhoneUser, Standing, System, UserTemplate,
};
use rollcall_core::{Field, Guid, Secret, Text, Value};
use rollcall_edges::office::Locator;
use rollcall_sqlite::{Connection, Error};

use super::fault::Fault;
use super::rows;

/// Reads everything.
pub(super) fn standing(connection: &Connection) -> Result<Standing, Fault> {
    Ok(Standing {
        systems: systems(connection)?,
        users: users(connection)?,
        extensions: extensions(connection)?,
        groups: groups(connection)?,
        user_templates: user_templates(connection)?,
        extension_templates: extension_templates(connection)?,
        licences: licences(connection)?,
        unreached: Vec::new(),
    })
}

/// Reads one user.
pub(super) fn find(connection: &Connection, who: &Locator) -> Result<Option<PhoneUser>, Fault> {
    match who {
        Locator::Guid(guid) => rows::phone_user(connection, guid),
        Locator::Name(name) => {
            let user = rows::user_by_name(connection, name)?;
            user.map(|user| rows::with_groups(connection, &user)).transpose()
        }
    }
}

fn systems(connection: &Connection) -> Result<Vec<System>, Fault> {
    let query = "SELECT name, main, fqdn, lan1, lan2, max_users FROM system ORDER BY place";
    rows::all(connection, query, [], |row| {
        let most: Option<i64> = row.get(5)?;
        Ok(System {
            name: row.get(0)?,
            primary: row.get(1)?,
            fqdn: row.get(2)?,
            lan1: row.get(3)?,
            lan2: row.get(4)?,
            max_users: most.map(|most| u32::try_from(most).unwrap_or(u32::MAX)),
        })
    })
}

fn users(connection: &Connection) -> Result<BTreeMap<Guid, PhoneUser>, Fault> {
    let mut groups: BTreeMap<Guid, Vec<Text>> = BTreeMap::new();
    let members = "SELECT guid, hunt_group FROM member ORDER BY guid, hunt_group";
    for member in rows::all::<_, Vec<_>>(connection, members, [], |row| Ok((row.get(0)?, row.get(1)?)))? {
        let (guid, group): (Guid, Text) = member;
        groups.entry(guid).or_default().push(group);
    }
    // By GUID, which is how the table lies and how the map is made in one go.
    let query = "SELECT guid, system, template, elements FROM user ORDER BY guid";
    rows::all(connection, query, [], |row| {
        let guid = row.get_ref(0)?.as_str().map_err(Error::from)?;
        let user = rows::standing(row, groups.get(guid).map(Vec::as_slice).unwrap_or_default())?;
        Ok((user.guid.clone(), user))
    })
}

fn extensions(connection: &Connection) -> Result<Vec<Extension>, Fault> {
    let query = "SELECT id, guid, number, system, kind, template, hardware FROM extension ORDER BY number";
    rows::all(connection, query, [], rows::record)
}

fn groups(connection: &Connection) -> Result<Vec<Group>, Fault> {
    let query = "SELECT name, number, system FROM hunt_group ORDER BY name";
    rows::all(connection, query, [], |row| {
        Ok(Group { name: row.get(0)?, extension: row.get(1)?, system: row.get(2)? })
    })
}

fn user_templates(connection: &Connection) -> Result<BTreeMap<Text, UserTemplate>, Fault> {
    let query = "SELECT name, profile, elements FROM user_template";
    rows::all(connection, query, [], |row| {
        let name: Text = row.get(0)?;
        let values = rows::elements(row, 2)?;
        Ok((name.clone(), UserTemplate { name, profile: row.get(1)?, values }))
    })
}

fn extension_templates(connection: &Connection) -> Result<BTreeMap<Text, ExtensionTemplate>, Fault> {
    let query = "SELECT name, kind, elements FROM extension_template";
    rows::all(connection, query, [], |row| {
        let name: Text = row.get(0)?;
        let values = rows::elements(row, 2)?;
        Ok((name.clone(), ExtensionTemplate { name, kind: row.get(1)?, values }))
    })
}

fn licences(connection: &Connection) -> Result<Vec<Licence>, Fault> {
    let query = "SELECT profile, quantity, (SELECT count(*) FROM user WHERE user.profile = licence.profile)
                 FROM licence ORDER BY profile";
    rows::all(connection, query, [], |row| {
        let count = |index: usize| -> Result<u32, Fault> {
            Ok(u32::try_from(row.get::<_, i64>(index)?).unwrap_or(u32::MAX))
        };
        Ok(Licence { profile: row.get(0)?, quantity: count(1)?, used: count(2)? })
    })
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
        let records: BTreeMap<&str, &Extension> =
            standing.extensions.iter().map(|record| (&*record.number, record)).collect();
        let mut users: Vec<EmbeddedUser> = standing
            .users
            .values()
            .map(|user| Self::of(user, user.extension().and_then(|number| records.get(number).copied())))
            .collect();
        users.sort_by_cached_key(|user| (rollcall_core::text::fold(&user.name), user.guid.clone()));
        users
    }

    fn of(user: &PhoneUser, record: Option<&Extension>) -> Self {
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
