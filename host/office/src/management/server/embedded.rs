//! The embedded office as what stands behind the server.

use async_trait::async_trait;
use rollcall_core::phone::{Licence, System};
use rollcall_core::{Guid, Text};
use rollcall_edges::office::{Office, OfficeError};

use super::elements::{ElementStore, Object};
use crate::embedded::{Embedded, ExtensionView, IfMatch, UserView};
use crate::model::{Elements, element};

/// Elements that the store keeps by itself: what a client sends of them is not looked at.
const OWN_OF_USER: [&str; 2] = ["Etag", "Last-Modified"];
const OWN_OF_EXTENSION: [&str; 4] = ["Id", "TypeInfo", "Module", "Port"];
/// The embedded office has nobody who logs in, and no use for a password in a file.
const PASSWORD: &str = "Password";

#[async_trait]
impl ElementStore for Embedded {
    async fn identity(&self) -> Result<Text, OfficeError> {
        Office::identity(self).await
    }

    async fn systems(&self) -> Result<Vec<System>, OfficeError> {
        let mut systems = self.read().await?.systems;
        systems.sort_by_key(|system| !system.primary);
        Ok(systems)
    }

    async fn licences(&self) -> Result<Vec<Licence>, OfficeError> {
        Ok(self.read().await?.licences)
    }

    async fn users(&self) -> Result<Vec<Object>, OfficeError> {
        Ok(self.user_views(None)?.into_iter().map(user).collect())
    }

    async fn user(&self, guid: &str) -> Result<Option<Object>, OfficeError> {
        Ok(self.user_view(guid)?.map(user))
    }

    async fn insert_user(&self, system: &str, elements: Elements) -> Result<Guid, OfficeError> {
        let elements = without(elements, &OWN_OF_USER);
        Ok(self.create_view(Some(system), elements)?.guid)
    }

    async fn replace_user(
        &self,
        guid: &str,
        elements: Elements,
        etag: Option<&str>,
    ) -> Result<(), OfficeError> {
        let elements = without(elements, &OWN_OF_USER);
        let if_match = match etag.map(|etag| etag.trim_matches('"').parse()) {
            None => IfMatch::Any,
            Some(Ok(etag)) => IfMatch::Etag(etag),
            Some(Err(_)) => return Err(OfficeError::Stale("the Etag is none of this office".into())),
        };
        self.replace_view(guid, &elements, if_match).map(drop)
    }

    async fn delete_user(&self, guid: &str) -> Result<bool, OfficeError> {
        self.delete_view(guid)
    }

    async fn extensions(&self) -> Result<Vec<Object>, OfficeError> {
        Ok(self.extension_views(None)?.into_iter().map(extension).collect())
    }

    async fn extension(&self, guid: &str) -> Result<Option<Object>, OfficeError> {
        Ok(self.extension_view(guid)?.map(extension))
    }

    async fn insert_extension(&self, system: &str, mut elements: Elements) -> Result<Guid, OfficeError> {
        let number = elements.remove(element::EXTENSION).unwrap_or_default();
        let kind = elements.get("TypeInfo").cloned().filter(|kind| !kind.is_empty());
        let elements = without(elements, &OWN_OF_EXTENSION);
        Ok(self.create_extension_view(Some(system), &number, kind, elements)?.extension.guid)
    }

    async fn replace_extension(&self, guid: &str, elements: Elements) -> Result<(), OfficeError> {
        self.replace_extension_view(guid, &without(elements, &OWN_OF_EXTENSION)).map(drop)
    }

    async fn delete_extension(&self, guid: &str) -> Result<bool, OfficeError> {
        self.delete_extension_view(guid)
    }
}

fn without(mut elements: Elements, names: &[&str]) -> Elements {
    elements.retain(|name, _| !names.contains(&&**name) && &**name != PASSWORD);
    elements
}

fn user(view: UserView) -> Object {
    let mut elements = view.elements;
    elements.insert("Etag".into(), view.etag.to_string().into());
    elements.insert("Last-Modified".into(), view.modified.to_string().into());
    Object { guid: view.guid, system: view.system, elements }
}

fn extension(view: ExtensionView) -> Object {
    let record = view.extension;
    let mut elements = view.elements;
    let module = if record.hardware { "1" } else { "0" };
    let own = [
        (element::EXTENSION, record.number),
        ("Id", view.id.to_string().into()),
        ("TypeInfo", record.kind.unwrap_or_default()),
        ("Module", module.into()),
        ("Port", "0".into()),
    ];
    elements.extend(own.into_iter().map(|(name, text)| (Text::from(name), text)));
    Object { guid: record.guid, system: record.system, elements }
}
