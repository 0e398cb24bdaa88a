//! Creating and deleting users.

use rollcall_core::phone::PhoneUser;
use rollcall_core::{Field, Fields, Secret, Text};
use rollcall_edges::office::OfficeError;

use super::super::wire::{Item, Kind};
use super::call::{Ask, unsure};
use super::compare::differing;
use super::find::Home;
use super::limits::PASSWORD_CHARS;
use super::{Client, WRITABLE};
use crate::model::{self, Elements, element};
use crate::profile;

impl Client {
    /// Makes a user once and looks it up. UNPROVEN: what a create wants at least; P1 demands Name, Extension,
    /// AssignedPackage and Password.
    pub(super) async fn create_user(
        &self,
        fields: &Fields,
        home: &Home,
        template: Option<&Text>,
    ) -> Result<PhoneUser, OfficeError> {
        let elements = self.new_elements(fields, template)?;
        let sent = Item::of(None, &elements);
        let mut item = sent.clone();
        item.set("Password", password()?.expose());
        let made = self.ask(Ask::new("POST", Kind::User, home).item(&item)).await?;
        // The answer may name the new user. A list of several is no answer to a create: the first of them may be anybody.
        let guid = made.and_then(|answer| match answer.items(Kind::User).ok()?.as_slice() {
            [only] => only.guid(),
            _ => None,
        });
        let name = item.text(element::NAME).unwrap_or_default();
        let ask = Ask::new("POST", Kind::User, home);
        let Some(guid) = guid else { return self.made_unnamed(&ask, &name, &sent).await };
        self.remember(&guid, home).await?;
        match self.user_by_guid(&guid).await {
            Ok(Some(user)) if user.item.text(element::NAME).as_deref() != Some(&*name) => {
                Err(unsure(&ask, "the answer names a user of another name"))
            }
            Ok(Some(user)) => {
                self.remember(&user.guid, &user.home).await?;
                let stands = user.phone_user()?;
                match differing(&sent, &user.item) {
                    None => Ok(stands),
                    Some(what) => Err(OfficeError::Differs {
                        message: format!("the user `{name}` was made otherwise than it was sent: {what}"),
                        user: Box::new(stands),
                    }),
                }
            }
            Ok(None) => Err(unsure(&ask, "the user is not listed")),
            Err(error) => Err(unsure(&ask, &format!("looking the user up failed: {error}"))),
        }
    }

    /// Finds a user whom the answer to its create did not name, by the name that the plan made unique: the one that did
    /// not stand before and holds what was sent. Anybody else of that name may be somebody else's.
    async fn made_unnamed(&self, ask: &Ask<'_>, name: &str, sent: &Item) -> Result<PhoneUser, OfficeError> {
        let found = match self.user_by_name(name).await {
            Ok(Some(found)) => found,
            Ok(None) => return Err(unsure(ask, "the user is not listed")),
            Err(error) => return Err(unsure(ask, &format!("looking the user up failed: {error}"))),
        };
        if self.known().places.contains_key(&found.guid) {
            return Err(unsure(
                ask,
                "the answer does not name the user, and one of that name stood there before",
            ));
        }
        if let Some(what) = differing(sent, &found.item) {
            let why =
                format!("the answer does not name the user, and the one of that name is not as sent: {what}");
            return Err(unsure(ask, &why));
        }
        self.remember(&found.guid, &found.home).await?;
        found.phone_user()
    }

    fn new_elements(&self, fields: &Fields, template: Option<&Text>) -> Result<Elements, OfficeError> {
        let mut elements = Elements::new();
        elements.insert(element::PACKAGE.into(), profile::package(profile::DEFAULT));
        if let Some(name) = template {
            let missing = || OfficeError::Refused(format!("there is no user template `{name}`"));
            let template = self.config.user_templates.get(name).ok_or_else(missing)?;
            let values = template.values.iter().filter(|(name, _)| !model::personal(name));
            elements.extend(values.map(|(name, text)| (name.clone(), text.clone())));
            if let Some(profile) = &template.profile {
                elements.insert(element::PACKAGE.into(), profile::package(profile));
            }
        }
        for (field, value) in fields.iter().filter(|(field, _)| model::element_of(**field).is_some()) {
            if *field == Field::MobileTwinningNumber || !WRITABLE.contains(field) {
                return Err(OfficeError::Refused(format!(
                    "the Management API does not take `{}`",
                    field.key()
                )));
            }
            model::set(&mut elements, *field, Some(value));
        }
        Ok(elements)
    }

    /// Deletes a user. One that is gone already is deleted.
    pub(super) async fn delete_user(&self, guid: &str) -> Result<(), OfficeError> {
        let place = self.known().places.get(guid).copied();
        let homes = self.homes().await?;
        let home = match place.and_then(|place| homes.get(place)) {
            Some(home) => home.clone(),
            None => match self.user_by_guid(guid).await? {
                Some(user) => user.home,
                None => return Ok(()),
            },
        };
        let ask = || Ask::new("DELETE", Kind::User, &home).guid(guid);
        match self.ask(ask()).await {
            Err(OfficeError::Refused(why)) => match self.user_by_guid(guid).await? {
                Some(_) => Err(OfficeError::Refused(why)),
                None => Ok(()),
            },
            Err(error) => Err(error),
            Ok(_) => self.is_gone(ask(), guid).await,
        }
    }
}

impl Client {
    /// Holds that what was deleted is no longer listed: an answer that says yes may mean that the order was taken.
    pub(super) async fn is_gone(&self, deleted: Ask<'_>, guid: &str) -> Result<(), OfficeError> {
        let (kind, home) = (deleted.kind, deleted.home);
        let there = |items: Vec<Item>| items.iter().any(|item| item.guid().as_deref() == Some(guid));
        let (reads_all, reads_one) = {
            let known = self.known();
            (known.reads_all, known.reads_one)
        };
        let one = match reads_all {
            true => None,
            false => Some(self.list(Ask::new("GET", kind, home).guid(guid)).await),
        };
        let found = match one {
            Some(Ok(items)) => Ok(there(items)),
            // Where one object can be read, this one cannot because it is gone.
            Some(Err(OfficeError::Refused(_))) if reads_one => Ok(false),
            Some(Err(OfficeError::Refused(_))) | None => {
                self.list(Ask::new("GET", kind, home)).await.map(there)
            }
            Some(Err(error)) => Err(error),
        };
        match found {
            Ok(false) => Ok(()),
            Ok(true) => Err(unsure(&deleted, "the phone system said yes, and it still stands")),
            Err(error) => Err(unsure(&deleted, &format!("looking for it failed: {error}"))),
        }
    }
}

/// Draws a password that nobody learns: the account's owner sets one when it is needed. Complexity rules are the
/// phone system's own, so that it holds small and capital letters and digits.
fn password() -> Result<Secret, OfficeError> {
    const LETTERS: &[u8] = b"abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789";
    let mut random = [0_u8; PASSWORD_CHARS];
    getrandom::fill(&mut random).map_err(|error| OfficeError::Unreachable {
        message: format!("the machine gives no random numbers: {error}"),
        hint: None,
    })?;
    let drawn = random.iter().filter_map(|byte| LETTERS.get(usize::from(*byte) % LETTERS.len()));
    let drawn: String = drawn.map(|letter| char::from(*letter)).collect();
    Ok(Secret::new(format!("{drawn}aA7")))
}
