//! One user or extension record, read afresh, and where it is at home.

use rollcall_core::phone::{Extension, PhoneUser, System};
use rollcall_core::{Guid, Text};
use rollcall_edges::office::OfficeError;

use super::super::wire::{Item, Kind, extension_of};
use super::Client;
use super::call::Ask;
use crate::model::{self, element};

/// A system and how a call names it.
#[derive(Clone, Debug)]
pub(super) struct Home {
    pub(super) system: System,
    /// What `ipaddress` says; nothing for the primary.
    pub(super) address: Option<Text>,
}

/// A user as received.
pub(super) struct FoundUser {
    pub(super) guid: Guid,
    pub(super) home: Home,
    pub(super) item: Item,
}

/// An extension record as received.
pub(super) struct FoundExtension {
    pub(super) record: Extension,
    pub(super) home: Home,
    pub(super) item: Item,
}

impl FoundUser {
    pub(super) fn phone_user(&self) -> Result<PhoneUser, OfficeError> {
        let elements = self.item.elements();
        if !elements.contains_key(element::NAME) {
            return Err(OfficeError::Damaged("the phone system lists a user without a `Name`".into()));
        }
        Ok(model::phone_user(self.guid.clone(), &elements, &[], self.home.system.name.clone(), None))
    }
}

impl Client {
    /// Reads one user. Not found means that the whole list of its system, or of all systems, lacks it.
    pub(super) async fn user_by_guid(&self, guid: &str) -> Result<Option<FoundUser>, OfficeError> {
        let homes = self.homes().await?;
        let place = self.known().places.get(guid).copied();
        // Its own system first; a user moves to another one only by hand.
        let own = place.and_then(|place| homes.get(place)).cloned();
        if let Some(home) = &own
            && let Some(item) = self.user_by_query(home, guid).await?
        {
            return Ok(Some(FoundUser { guid: guid.into(), home: home.clone(), item }));
        }
        self.search(|item| item.guid().as_deref() == Some(guid)).await
    }

    /// Asks for one user by its GUID. UNPROVEN: no client does it, and so nothing depends on it. A phone system that
    /// ignores the query gives the whole list, which holds the user too; from then on the list is asked for.
    async fn user_by_query(&self, home: &Home, guid: &str) -> Result<Option<Item>, OfficeError> {
        if self.known().reads_all {
            return Ok(None);
        }
        let items = match self.list(Ask::new("GET", Kind::User, home).guid(guid)).await {
            Ok(items) => items,
            Err(OfficeError::Refused(_)) => {
                tracing::debug!("the phone system does not read one user by its GUID");
                self.known().reads_all = true;
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        match items.len() {
            0 => {}
            1 => self.known().reads_one = true,
            _ => self.known().reads_all = true,
        }
        Ok(items.into_iter().find(|item| item.guid().as_deref() == Some(guid)))
    }

    /// Reads one user by the name that a plan made unique.
    pub(super) async fn user_by_name(&self, name: &str) -> Result<Option<FoundUser>, OfficeError> {
        self.search(|item| item.text(element::NAME).as_deref() == Some(name)).await
    }

    /// Looks through the users of every system.
    async fn search(&self, is: impl Fn(&Item) -> bool + Sync) -> Result<Option<FoundUser>, OfficeError> {
        for home in self.homes().await? {
            let items = self.list(Ask::new("GET", Kind::User, &home)).await?;
            if let Some(item) = items.into_iter().find(|item| is(item))
                && let Some(guid) = item.guid()
            {
                let home = self.home_of(&item, home).await?;
                return Ok(Some(FoundUser { guid, home, item }));
            }
        }
        Ok(None)
    }

    /// Gives the system of a user: what it says itself, else the one that listed it.
    pub(super) async fn home_of(&self, item: &Item, listed: Home) -> Result<Home, OfficeError> {
        let Some(name) = item.text("SystemName") else { return Ok(listed) };
        let homes = self.homes().await?;
        Ok(homes.into_iter().find(|home| *home.system.name == *name).unwrap_or(listed))
    }

    /// Remembers where something is at home.
    pub(super) async fn remember(&self, guid: &str, home: &Home) -> Result<(), OfficeError> {
        let homes = self.homes().await?;
        if let Some(place) = homes.iter().position(|known| known.system.name == home.system.name) {
            self.known().places.insert(guid.into(), place);
        }
        Ok(())
    }

    /// Reads the extension record of a number. Not found means that the whole lists of all systems lack it.
    pub(super) async fn extension_by_number(
        &self,
        number: &str,
    ) -> Result<Option<FoundExtension>, OfficeError> {
        let homes = self.homes().await?;
        if let Some(found) = self.extension_by_query(&homes, number).await? {
            return Ok(Some(found));
        }
        for home in homes {
            for item in self.list(Ask::new("GET", Kind::Extension, &home)).await? {
                let record =
                    extension_of(&item, &home.system.name).filter(|record| &*record.number == number);
                if let Some(record) = record {
                    return Ok(Some(FoundExtension { record, home, item }));
                }
            }
        }
        Ok(None)
    }

    /// Asks for one extension record by the GUID that its number had when it was last seen. UNPROVEN as it is for users.
    async fn extension_by_query(
        &self,
        homes: &[Home],
        number: &str,
    ) -> Result<Option<FoundExtension>, OfficeError> {
        let (guid, place) = {
            let known = self.known();
            let Some(guid) = known.records.get(number).filter(|_| !known.reads_all) else { return Ok(None) };
            (guid.clone(), known.places.get(guid).copied())
        };
        let Some(home) = place.and_then(|place| homes.get(place)) else { return Ok(None) };
        let items = match self.list(Ask::new("GET", Kind::Extension, home).guid(&guid)).await {
            Err(OfficeError::Refused(_)) => return Ok(None),
            items => items?,
        };
        let found = items.into_iter().find_map(|item| {
            let record = extension_of(&item, &home.system.name)?;
            (record.guid == guid && &*record.number == number).then_some((record, item))
        });
        Ok(found.map(|(record, item)| FoundExtension { record, home: home.clone(), item }))
    }
}
