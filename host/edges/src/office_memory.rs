//! An office in memory, for tests of what uses one: the same promises as the embedded office, without a file.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use rollcall_core::field::{Fields, groups_of, text_of};
use rollcall_core::ops::Write;
use rollcall_core::phone::{Abilities, Extension, Group, PhoneUser, Standing};
use rollcall_core::script::ExtensionKind;
use rollcall_core::text::fold;
use rollcall_core::waves::AtOnce;
use rollcall_core::{Field, Guid, Text, Value, constraint};

use crate::office::{Locator, Office, OfficeError, Taken};

/// The in-memory twin of an office.
#[derive(Debug)]
pub struct MemoryOffice {
    identity: Text,
    abilities: Abilities,
    at_once: AtOnce,
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    standing: Standing,
    /// The number of the last GUID given.
    last: u64,
    writes: Vec<Write>,
}

impl MemoryOffice {
    /// Starts with what stands. Fingerprints and the used licences are counted anew.
    pub fn new(standing: Standing) -> Self {
        let office = Self {
            identity: "memory".into(),
            abilities: Abilities::all(),
            at_once: AtOnce::ONE,
            inner: Mutex::new(Inner { standing: Standing::default(), last: 0, writes: Vec::new() }),
        };
        office.edit(|into| *into = standing);
        office
    }

    /// Gives the office another identity.
    #[must_use]
    pub fn named(mut self, identity: &str) -> Self {
        self.identity = identity.into();
        self
    }

    /// Takes abilities away. They are told and not enforced.
    #[must_use]
    pub fn able(mut self, abilities: Abilities) -> Self {
        self.abilities = abilities;
        self
    }

    /// Lets it take so much at once.
    #[must_use]
    pub fn taking(mut self, at_once: AtOnce) -> Self {
        self.at_once = at_once;
        self
    }

    /// Gives what stands.
    pub fn standing(&self) -> Standing {
        self.lock().standing.clone()
    }

    /// Changes what stands by hand, as somebody at the phone system would. Fingerprints follow.
    pub fn edit(&self, change: impl FnOnce(&mut Standing)) {
        let mut inner = self.lock();
        change(&mut inner.standing);
        for user in inner.standing.users.values_mut() {
            user.fingerprint = fingerprint(user);
        }
        count_licences(&mut inner.standing);
    }

    /// Gives the calls that took effect, in order.
    pub fn writes(&self) -> Vec<Write> {
        self.lock().writes.clone()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // A test that failed while it held the lock has said so already.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Office for MemoryOffice {
    async fn identity(&self) -> Result<Text, OfficeError> {
        Ok(self.identity.clone())
    }

    async fn abilities(&self) -> Result<Abilities, OfficeError> {
        Ok(self.abilities.clone())
    }

    async fn read(&self) -> Result<Standing, OfficeError> {
        Ok(self.standing())
    }

    async fn find(&self, who: &Locator) -> Result<Option<PhoneUser>, OfficeError> {
        let inner = self.lock();
        Ok(match who {
            Locator::Guid(guid) => inner.standing.users.get(guid).cloned(),
            Locator::Name(name) => by_name(&inner.standing, name).cloned(),
        })
    }

    async fn write(&self, write: &Write) -> Result<Option<PhoneUser>, OfficeError> {
        let mut inner = self.lock();
        // Half a call must not stand, so it is tried on a copy.
        let mut standing = inner.standing.clone();
        let about = apply(&mut standing, write, inner.last + 1)?;
        let user = about.and_then(|guid| {
            let user = standing.users.get_mut(&guid)?;
            user.fingerprint = fingerprint(user);
            Some(user.clone())
        });
        count_licences(&mut standing);
        inner.last += 1;
        inner.standing = standing;
        inner.writes.push(write.clone());
        Ok(user)
    }

    fn at_once(&self) -> AtOnce {
        self.at_once
    }

    async fn extension(&self, number: &str) -> Result<Option<Extension>, OfficeError> {
        Ok(self.lock().standing.extension(number).cloned())
    }

    async fn taken(&self, name: &str, number: Option<&str>) -> Result<Option<Taken>, OfficeError> {
        let inner = self.lock();
        let standing = &inner.standing;
        let user = |user: &PhoneUser| Text::from(format!("the user `{}`", user.name()));
        let hunt_group = |group: &Group| Text::from(format!("the hunt group `{}`", group.name));
        let holder = by_name(standing, name).map(user).or_else(|| standing.group(name).map(hunt_group));
        if let Some(holder) = holder {
            return Ok(Some(Taken::Name(holder)));
        }
        let Some(number) = number else { return Ok(None) };
        let named = standing.users.values().find(|user| user.extension() == Some(number));
        let group = standing.groups.iter().find(|group| group.extension.as_deref() == Some(number));
        let holder = named.map(user).or_else(|| group.map(hunt_group));
        let record = || standing.extension(number).map(|record| Taken::Record(record.number.clone()));
        Ok(holder.map(Taken::Number).or_else(record))
    }
}

fn refused<T>(message: impl Into<String>) -> Result<T, OfficeError> {
    Err(OfficeError::Refused(message.into()))
}

fn by_name<'s>(standing: &'s Standing, name: &str) -> Option<&'s PhoneUser> {
    let wanted = fold(name);
    standing.users.values().find(|user| fold(user.name()) == wanted)
}

/// Does one call; gives the user that it is about.
fn apply(standing: &mut Standing, write: &Write, serial: u64) -> Result<Option<Guid>, OfficeError> {
    match write {
        Write::CreateUser { fields, system, template } => {
            create(standing, fields, system, template.as_ref(), serial).map(Some)
        }
        Write::UpdateUser { guid, expect, set } => update(standing, guid, expect, set).map(Some),
        Write::Adopt { guid, expect } => update(standing, guid, expect, &[]).map(Some),
        Write::Release { guid } => Ok(standing.users.contains_key(guid).then(|| guid.clone())),
        Write::DeleteUser { guid } => {
            not_built_in(standing, guid)?;
            standing.users.remove(guid);
            Ok(None)
        }
        Write::AddMember { group, guid } => {
            let Some(group) = standing.group(group).map(|group| group.name.clone()) else {
                return refused(format!("the phone system has no hunt group `{group}`"));
            };
            if !standing.users.contains_key(guid) {
                return refused("the user no longer stands on the phone system");
            }
            members(standing, guid, |groups| groups.push(group))
        }
        Write::RemoveMember { group, guid } => {
            let gone = fold(group);
            members(standing, guid, |groups| groups.retain(|group| fold(group) != gone))
        }
        Write::CreateExtension { number, kind, system } => {
            create_extension(standing, number, kind, system, serial).map(|()| None)
        }
        Write::RenumberExtension { from, to } => renumber(standing, from, to).map(|()| None),
        Write::DeleteExtension { number } => delete_extension(standing, number).map(|()| None),
    }
}

fn create(
    standing: &mut Standing,
    fields: &Fields,
    system: &str,
    template: Option<&Text>,
    serial: u64,
) -> Result<Guid, OfficeError> {
    let system = system_name(standing, system)?;
    let profile = match template.map(|name| (name, standing.user_templates.get(name))) {
        Some((name, None)) => return refused(format!("the phone system has no user template `{name}`")),
        Some((_, Some(template))) => template.profile.clone(),
        None => None,
    };
    let profile = profile.unwrap_or_else(|| "Basic User".into());
    check(standing, fields, &Fields::new(), None)?;
    let most = standing.systems.iter().find(|other| other.name == system).and_then(|other| other.max_users);
    let there = standing.users.values().filter(|user| user.system == system).count();
    if most.is_some_and(|most| there >= most as usize) {
        return refused(format!("the system `{system}` is full"));
    }
    let licence = standing.licences.iter().find(|licence| fold(&licence.profile) == fold(&profile));
    let free = ["basic user", "non-licensed user"].contains(&fold(&profile).as_str());
    if licence.is_some_and(|licence| !free && licence.used >= licence.quantity) {
        return refused(format!("no licence for the profile `{profile}` is left"));
    }
    let guid: Guid = format!("user-{serial}").into();
    let user = PhoneUser {
        guid: guid.clone(),
        fields: fields.clone(),
        system,
        profile: Some(profile),
        user_template: template.cloned(),
        fingerprint: [0; 16],
    };
    standing.users.insert(guid.clone(), user);
    Ok(guid)
}

fn update(
    standing: &mut Standing,
    guid: &Guid,
    expect: &[(Field, Option<Value>)],
    set: &[(Field, Option<Value>)],
) -> Result<Guid, OfficeError> {
    not_built_in(standing, guid)?;
    let Some(user) = standing.users.get(guid) else {
        return Err(OfficeError::Stale("the user no longer stands on the phone system".into()));
    };
    if let Some((field, _)) = expect.iter().find(|(field, value)| user.fields.get(field) != value.as_ref()) {
        let message = format!("`{}` was changed since the plan was made: {}", user.name(), field.key());
        return Err(OfficeError::Stale(message));
    }
    let before = user.fields.clone();
    let mut fields = before.clone();
    for (field, value) in set {
        match value {
            Some(value) => fields.insert(*field, value.clone()),
            None => fields.remove(field),
        };
    }
    check(standing, &fields, &before, Some(guid))?;
    if let Some(user) = standing.users.get_mut(guid) {
        user.fields = fields;
    }
    Ok(guid.clone())
}

/// Checks a user's fields where they differ from `before`, and that its name and number are its own.
fn check(
    standing: &Standing,
    fields: &Fields,
    before: &Fields,
    own: Option<&Guid>,
) -> Result<(), OfficeError> {
    let changed = |field: &Field| fields.get(field) != before.get(field);
    for (field, value) in fields.iter().filter(|(field, _)| changed(field)) {
        let verdict = match (field, value) {
            (Field::Name, Value::Text(text)) => constraint::name(text),
            (Field::FullName, Value::Text(text)) => constraint::full_name(text),
            (Field::Email, Value::Text(text)) => constraint::email(text),
            (Field::Extension, Value::Text(text)) => constraint::extension(text),
            (Field::MobileTwinningNumber, Value::Text(text)) => constraint::external_number(text),
            (Field::LoginCode, Value::Secret(code)) => constraint::login_code(code.expose()),
            (Field::VoicemailCode, Value::Secret(code)) => constraint::voicemail_code(code.expose()),
            _ => Err(format!("the field `{}` cannot be written to a user", field.key())),
        };
        verdict.or_else(refused)?;
    }
    let Some(name) = text_of(fields, Field::Name) else { return refused("the name is empty") };
    let number = text_of(fields, Field::Extension);
    if by_name(standing, name).is_some_and(|other| Some(&other.guid) != own) || standing.group(name).is_some()
    {
        return refused(format!("the name `{name}` is taken"));
    }
    let others = standing.users.values().filter(|other| Some(&other.guid) != own);
    let taken = |number: &str| {
        others.clone().any(|other| other.extension() == Some(number))
            || standing.groups.iter().any(|group| group.extension.as_deref() == Some(number))
    };
    match number {
        Some(number) if taken(number) => refused(format!("the extension `{number}` is taken")),
        _ => Ok(()),
    }
}

fn not_built_in(standing: &Standing, guid: &Guid) -> Result<(), OfficeError> {
    match standing.users.get(guid) {
        Some(user) if user.built_in() => {
            refused(format!("the user `{}` comes with the system and is never changed", user.name()))
        }
        _ => Ok(()),
    }
}

fn members(
    standing: &mut Standing,
    guid: &Guid,
    change: impl FnOnce(&mut Vec<Text>),
) -> Result<Option<Guid>, OfficeError> {
    not_built_in(standing, guid)?;
    let Some(user) = standing.users.get_mut(guid) else { return Ok(None) };
    let mut groups = groups_of(&user.fields).to_vec();
    change(&mut groups);
    match Value::list_of(groups) {
        Some(groups) => user.fields.insert(Field::GroupMembership, groups),
        None => user.fields.remove(&Field::GroupMembership),
    };
    Ok(Some(guid.clone()))
}

fn system_name(standing: &Standing, name: &str) -> Result<Text, OfficeError> {
    let found = standing.systems.iter().find(|system| fold(&system.name) == fold(name));
    found.map_or_else(
        || refused(format!("the phone system has no system `{name}`")),
        |system| Ok(system.name.clone()),
    )
}

fn create_extension(
    standing: &mut Standing,
    number: &Text,
    kind: &ExtensionKind,
    system: &str,
    serial: u64,
) -> Result<(), OfficeError> {
    let system = system_name(standing, system)?;
    let (kind, template) = match kind {
        ExtensionKind::Type(kind) => (Some(kind.clone()), None),
        ExtensionKind::Template(name) => match standing.extension_templates.get(name) {
            Some(template) => (template.kind.clone(), Some(name.clone())),
            None => return refused(format!("the phone system has no extension template `{name}`")),
        },
    };
    free_for_record(standing, number)?;
    let guid = format!("extension-{serial}").into();
    standing.extensions.push(Extension {
        guid,
        number: number.clone(),
        system,
        kind,
        template,
        hardware: false,
    });
    standing.extensions.sort_by(|a, b| a.number.cmp(&b.number));
    Ok(())
}

fn free_for_record(standing: &Standing, number: &str) -> Result<(), OfficeError> {
    constraint::extension(number).or_else(refused)?;
    let group = standing.groups.iter().any(|group| group.extension.as_deref() == Some(number));
    if group || standing.extension(number).is_some() {
        return refused(format!("the extension `{number}` is taken"));
    }
    Ok(())
}

fn renumber(standing: &mut Standing, from: &str, to: &Text) -> Result<(), OfficeError> {
    if standing.extension(from).is_none() {
        return refused(format!("the extension `{from}` has no record"));
    }
    if from == &**to {
        return Ok(());
    }
    free_for_record(standing, to)?;
    for record in standing.extensions.iter_mut().filter(|record| &*record.number == from) {
        record.number = to.clone();
    }
    standing.extensions.sort_by(|a, b| a.number.cmp(&b.number));
    Ok(())
}

fn delete_extension(standing: &mut Standing, number: &str) -> Result<(), OfficeError> {
    let Some(record) = standing.extension(number) else { return Ok(()) };
    if record.hardware {
        return refused(format!("the extension `{number}` is a port of the hardware and cannot be deleted"));
    }
    if standing.users.values().any(|user| user.extension() == Some(number)) {
        return refused(format!("the extension `{number}` still belongs to a user"));
    }
    standing.extensions.retain(|record| &*record.number != number);
    Ok(())
}

fn count_licences(standing: &mut Standing) {
    let mut used: BTreeMap<String, u32> = BTreeMap::new();
    for user in standing.users.values() {
        *used.entry(fold(user.profile.as_deref().unwrap_or_default())).or_default() += 1;
    }
    for licence in &mut standing.licences {
        licence.used = used.get(&fold(&licence.profile)).copied().unwrap_or(0);
    }
}

/// A digest that is good enough to see a change in a test; not for anything that lasts.
fn fingerprint(user: &PhoneUser) -> [u8; 16] {
    let half = |salt: u8| {
        let mut hasher = DefaultHasher::new();
        (salt, &user.fields, &user.system, &user.profile, &user.user_template).hash(&mut hasher);
        hasher.finish().to_le_bytes()
    };
    let (low, high) = (half(0), half(1));
    std::array::from_fn(|index| if index < 8 { low[index] } else { high[index - 8] })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::office_suite;

    #[tokio::test]
    async fn the_twin_keeps_the_contract() {
        let make = || async { Box::new(MemoryOffice::new(office_suite::beginning())) as Box<dyn Office> };
        office_suite::suite(make).await.unwrap();
    }
}
