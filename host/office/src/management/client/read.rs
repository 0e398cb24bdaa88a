//! Reading everything: systems, users, extension records and licences. Hunt groups and templates are not in the
//! Management API's reach; templates come from the job's files.

use std::collections::{BTreeMap, BTreeSet};

use rollcall_core::phone::{Extension, PhoneUser, Standing, System};
use rollcall_core::text::fold;
use rollcall_core::{Guid, Text};
use rollcall_edges::office::OfficeError;

use super::super::wire::{Item, Kind, extension_of, licence_of, system_of};
use super::Client;
use super::call::Ask;
use super::find::{FoundUser, Home};

/// What one system lists.
#[derive(Default)]
struct Listed {
    users: BTreeMap<Guid, PhoneUser>,
    extensions: Vec<Extension>,
}

impl Client {
    /// Gives the systems; the primary first. They are read once a session and again by every [`Client::read_all`].
    pub(super) async fn homes(&self) -> Result<Vec<Home>, OfficeError> {
        let known = self.known().homes.clone();
        if known.is_empty() { self.read_homes().await } else { Ok(known) }
    }

    async fn read_homes(&self) -> Result<Vec<Home>, OfficeError> {
        let primary = Home { system: System::default(), address: None };
        let items = self.list(Ask::new("GET", Kind::System, &primary)).await?;
        let mut systems = Vec::new();
        for item in &items {
            let nameless = || OfficeError::Damaged("the phone system lists a system without a name".into());
            systems.push((system_of(item).ok_or_else(nameless)?, item));
        }
        if systems.is_empty() {
            return Err(OfficeError::Damaged("the phone system lists no system".into()));
        }
        // UNPROVEN: which one is the primary. It is the one that the job names, else the first.
        let first = systems.iter().position(|(system, _)| self.is_addressed(system)).unwrap_or(0);
        let (mut primary, item) = systems.remove(first);
        primary.primary = true;
        let identity = item.guid().unwrap_or_else(|| primary.name.clone());
        let homes: Vec<Home> = std::iter::once(Home { system: primary, address: None })
            .chain(systems.into_iter().map(|(system, _)| {
                let address = system.lan1.clone().or(system.lan2.clone()).or(system.fqdn.clone());
                Home { system, address: Some(address.unwrap_or_default()) }
            }))
            .collect();
        let mut known = self.known();
        known.identity = Some(format!("ip-office:{identity}").into());
        known.homes = homes.clone();
        Ok(homes)
    }

    fn is_addressed(&self, system: &System) -> bool {
        let wanted = fold(&self.config.address);
        let names = [&system.fqdn, &system.lan1, &system.lan2];
        names.into_iter().flatten().any(|name| fold(name) == wanted)
    }

    /// Reads everything. The primary must answer; another system that does not is named as unreached.
    pub(super) async fn read_all(&self) -> Result<Standing, OfficeError> {
        let homes = self.read_homes().await?;
        let mut standing = Standing {
            systems: homes.iter().map(|home| home.system.clone()).collect(),
            user_templates: self.config.user_templates.clone(),
            extension_templates: self.config.extension_templates.clone(),
            ..Standing::default()
        };
        let mut seen = BTreeSet::new();
        for home in &homes {
            match self.read_home(home).await {
                Ok(listed) => merge(&mut standing, &mut seen, listed),
                Err(error) if home.address.is_some() && !matches!(error, OfficeError::Denied(_)) => {
                    tracing::warn!(system = %home.system.name, %error, "a system did not answer");
                    standing.unreached.push(home.system.name.clone());
                }
                Err(error) => return Err(error),
            }
        }
        let places: BTreeMap<&Text, usize> =
            homes.iter().enumerate().map(|(place, home)| (&home.system.name, place)).collect();
        let of = |guid: &Guid, system: &Text| Some((guid.clone(), *places.get(system)?));
        let users = standing.users.iter().filter_map(|(guid, user)| of(guid, &user.system));
        let records = standing.extensions.iter().filter_map(|record| of(&record.guid, &record.system));
        let all = users.chain(records).collect();
        let numbers =
            standing.extensions.iter().map(|record| (record.number.clone(), record.guid.clone())).collect();
        self.learn(all, numbers);
        standing.licences = self.licences(&homes).await?;
        Ok(standing)
    }

    /// Remembers where everything is at home.
    fn learn(&self, places: BTreeMap<Guid, usize>, records: BTreeMap<Text, Guid>) {
        let mut known = self.known();
        known.places = places;
        known.records = records;
    }

    async fn read_home(&self, home: &Home) -> Result<Listed, OfficeError> {
        let mut listed = Listed::default();
        for item in self.list(Ask::new("GET", Kind::User, home)).await? {
            let guid = guid_of(&item, "user")?;
            let home = self.home_of(&item, home.clone()).await?;
            let found = FoundUser { guid, home, item };
            listed.users.insert(found.guid.clone(), found.phone_user()?);
        }
        for item in self.list(Ask::new("GET", Kind::Extension, home)).await? {
            listed.extensions.extend(extension_of(&item, &home.system.name));
        }
        Ok(listed)
    }

    /// Reads the licences. A phone system that refuses to tell them is not limited by them here.
    async fn licences(&self, homes: &[Home]) -> Result<Vec<rollcall_core::phone::Licence>, OfficeError> {
        let Some(primary) = homes.first() else { return Ok(Vec::new()) };
        let items = match self.list(Ask::new("GET", Kind::Licence, primary)).await {
            Err(OfficeError::Refused(why)) => {
                tracing::warn!(why, "the licences cannot be read and are not counted");
                return Ok(Vec::new());
            }
            items => items?,
        };
        let mut counted: BTreeMap<Text, (u32, u32)> = BTreeMap::new();
        for licence in items.iter().filter_map(licence_of) {
            let sum = counted.entry(licence.profile).or_default();
            *sum = (sum.0.saturating_add(licence.quantity), sum.1.saturating_add(licence.used));
        }
        let licence = |(profile, (quantity, used))| rollcall_core::phone::Licence { profile, quantity, used };
        Ok(counted.into_iter().map(licence).collect())
    }
}

fn guid_of(item: &Item, what: &str) -> Result<Guid, OfficeError> {
    item.guid()
        .ok_or_else(|| OfficeError::Damaged(format!("the phone system lists a {what} without a `GUID`")))
}

/// Adds what a system lists. Systems of one network learn each other's users, so that one may stand in several lists:
/// the first one counts, and the primary's comes first.
fn merge(standing: &mut Standing, seen: &mut BTreeSet<Guid>, listed: Listed) {
    for (guid, user) in listed.users {
        standing.users.entry(guid).or_insert(user);
    }
    standing
        .extensions
        .extend(listed.extensions.into_iter().filter(|record| seen.insert(record.guid.clone())));
}
