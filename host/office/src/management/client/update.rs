//! Updating a user: read, check, write everything back with the planned elements changed, read again, compare all.

use std::collections::BTreeMap;

use rollcall_core::phone::PhoneUser;
use rollcall_core::{Field, Value};
use rollcall_edges::office::OfficeError;

use super::super::wire::Kind;
use super::call::{Ask, unsure};
use super::compare::unplanned;
use super::find::FoundUser;
use super::{Client, WRITABLE};
use crate::model::{self, Elements};

impl Client {
    /// Changes some fields of a user and carries over every other element that was received.
    pub(super) async fn update_user(
        &self,
        guid: &str,
        expect: &[(Field, Option<Value>)],
        set: &[(Field, Option<Value>)],
    ) -> Result<PhoneUser, OfficeError> {
        let Some(before) = self.user_by_guid(guid).await? else {
            return Err(OfficeError::Stale("the user is no longer there".into()));
        };
        let elements = before.item.elements();
        check(&elements, expect)?;
        let planned = planned(&elements, set)?;
        if planned.is_empty() {
            return before.phone_user();
        }
        let mut item = before.item.clone();
        for (name, text) in &planned {
            item.set(name, text);
        }
        let mut ask = Ask::new("PUT", Kind::User, &before.home).item(&item);
        ask.if_match = before.item.text("Etag").or_else(|| before.item.text("@Etag"));
        self.ask(ask).await?;
        self.remember(guid, &before.home).await?;
        self.verify(&before, &item, &planned).await
    }

    /// Reads the user after the write. From here on nothing is certain before it has been seen.
    async fn verify(
        &self,
        before: &FoundUser,
        sent: &super::super::wire::Item,
        planned: &BTreeMap<String, String>,
    ) -> Result<PhoneUser, OfficeError> {
        let name = before.item.text(model::element::NAME).unwrap_or_default();
        let after = match self.user_by_guid(&before.guid).await {
            Ok(Some(after)) => after,
            Ok(None) => {
                return Err(OfficeError::Unexpected(format!("the user `{name}` is gone after its update")));
            }
            Err(error) => {
                let ask = Ask::new("PUT", Kind::User, &before.home);
                return Err(unsure(&ask, &format!("reading the user again failed: {error}")));
            }
        };
        match unplanned(sent, planned, &after.item) {
            None => after.phone_user(),
            Some(what) => Err(OfficeError::Unexpected(format!(
                "the update of the user `{name}` did more than was planned: {what}"
            ))),
        }
    }
}

/// Checks that the fields still hold what the plan saw.
fn check(elements: &Elements, expect: &[(Field, Option<Value>)]) -> Result<(), OfficeError> {
    let moved =
        expect.iter().find(|(field, value)| !same(model::value(elements, *field).as_ref(), value.as_ref()));
    match moved {
        None => Ok(()),
        Some((field, _)) => {
            let name = elements.get(model::element::NAME).map(|name| &**name).unwrap_or_default();
            let key = field.key();
            Err(OfficeError::Stale(format!("`{key}` of the user `{name}` is no longer what the plan saw")))
        }
    }
}

/// A code is the same whether it is wrapped or not; the empty text is nothing.
fn same(one: Option<&Value>, other: Option<&Value>) -> bool {
    fn text(value: Option<&Value>) -> &str {
        match value {
            Some(Value::Text(text)) => text,
            Some(Value::Secret(secret) | Value::Drawn(secret)) => secret.expose(),
            Some(Value::List(_) | Value::Random(_)) | None => "",
        }
    }
    text(one) == text(other)
}

/// Gives the elements to change, with their new texts. UNPROVEN: that the empty text clears an element.
fn planned(
    elements: &Elements,
    set: &[(Field, Option<Value>)],
) -> Result<BTreeMap<String, String>, OfficeError> {
    let mut wanted = elements.clone();
    for (field, value) in set {
        if !WRITABLE.contains(field) || !model::set(&mut wanted, *field, value.as_ref()) {
            return Err(OfficeError::Refused(format!("the Management API does not take `{}`", field.key())));
        }
    }
    wanted.retain(|name, text| elements.get(name) != Some(text));
    Ok(wanted.iter().map(|(name, text)| (name.to_string(), text.to_string())).collect())
}
