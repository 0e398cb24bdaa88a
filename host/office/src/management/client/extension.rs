//! Extension records: made, renumbered and deleted. UNPROVEN as a whole: one public client does it.

use rollcall_core::Text;
use rollcall_core::script::ExtensionKind;
use rollcall_edges::office::{OfficeError, Taken};

use super::super::wire::{Item, Kind};
use super::Client;
use super::call::{Ask, unsure};
use super::compare::{differing, unplanned};
use super::find::Home;
use crate::model::{self, Elements, element};

impl Client {
    /// Makes an extension record.
    pub(super) async fn create_extension(
        &self,
        number: &Text,
        kind: &ExtensionKind,
        home: &Home,
    ) -> Result<(), OfficeError> {
        let mut elements = Elements::new();
        let kind = match kind {
            ExtensionKind::Type(kind) => Some(kind.clone()),
            ExtensionKind::Template(name) => {
                let missing = || OfficeError::Refused(format!("there is no extension template `{name}`"));
                let template = self.config.extension_templates.get(name).ok_or_else(missing)?;
                let values =
                    template.values.iter().filter(|(name, _)| !model::personal(name) && &***name != "Id");
                elements.extend(values.map(|(name, text)| (name.clone(), text.clone())));
                template.kind.clone()
            }
        };
        if let Some(kind) = kind {
            elements.insert("TypeInfo".into(), kind);
        }
        elements.insert(element::EXTENSION.into(), number.clone());
        let item = Item::of(None, &elements);
        let made = self.ask(Ask::new("POST", Kind::Extension, home).item(&item)).await?;
        if let Some(guid) = made.and_then(|answer| answer.items(Kind::Extension).ok()?.first()?.guid()) {
            self.remember(&guid, home).await?;
            self.known().records.insert(number.clone(), guid);
        }
        self.verify_new(number, &item, home).await
    }

    /// Reads a new record. One that is not as it was sent is taken away again.
    async fn verify_new(&self, number: &str, sent: &Item, home: &Home) -> Result<(), OfficeError> {
        let ask = Ask::new("POST", Kind::Extension, home);
        let made = match self.extension_by_number(number).await {
            Ok(Some(made)) => made,
            Ok(None) => return Err(unsure(&ask, "the extension record is not listed")),
            Err(error) => return Err(unsure(&ask, &format!("reading it failed: {error}"))),
        };
        let Some(what) = differing(sent, &made.item) else { return Ok(()) };
        let message = format!("the extension record `{number}` was made otherwise than it was sent: {what}");
        match self.delete_extension(number).await {
            Ok(()) => Err(OfficeError::Refused(format!("{message}; it was taken away again"))),
            Err(error) => Err(OfficeError::Unexpected(format!("{message}; it still stands: {error}"))),
        }
    }

    /// Gives an extension record another number and keeps everything else.
    pub(super) async fn renumber_extension(&self, from: &str, to: &str) -> Result<(), OfficeError> {
        let Some(before) = self.extension_by_number(from).await? else {
            return Err(OfficeError::Stale(format!("there is no extension record `{from}` any more")));
        };
        if self.extension_by_number(to).await?.is_some() {
            return Err(OfficeError::Refused(format!("there is an extension record `{to}` already")));
        }
        let mut item = before.item.clone();
        item.set(element::EXTENSION, to);
        self.ask(Ask::new("PUT", Kind::Extension, &before.home).item(&item)).await?;
        self.known().records.insert(to.into(), before.record.guid.clone());
        let ask = Ask::new("PUT", Kind::Extension, &before.home);
        let after = match self.extension_by_number(to).await {
            Ok(Some(after)) => after,
            Ok(None) => return Err(unsure(&ask, "the extension record is not listed")),
            Err(error) => return Err(unsure(&ask, &format!("reading it again failed: {error}"))),
        };
        let planned = [(element::EXTENSION.to_owned(), to.to_owned())].into();
        match unplanned(&item, &planned, &after.item) {
            None => Ok(()),
            Some(what) => Err(OfficeError::Unexpected(format!(
                "the update of the extension record `{to}` did more than was planned: {what}"
            ))),
        }
    }

    /// Deletes the extension record of a number, unless a user has the number. One that is gone already is deleted.
    pub(super) async fn delete_extension(&self, number: &str) -> Result<(), OfficeError> {
        let Some(found) = self.extension_by_number(number).await? else { return Ok(()) };
        if found.record.hardware {
            return Err(OfficeError::Refused(format!("the extension `{number}` is a port of the hardware")));
        }
        if let Some(Taken::Number(holder)) = self.holder("", Some(number)).await? {
            return Err(OfficeError::Refused(format!(
                "the extension `{number}` still belongs to `{holder}`"
            )));
        }
        let guid = &found.record.guid;
        let ask = || Ask::new("DELETE", Kind::Extension, &found.home).guid(guid);
        self.ask(ask()).await?;
        self.known().records.remove(number);
        self.is_gone(ask(), guid).await
    }
}
