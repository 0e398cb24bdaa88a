//! The four resources over the store: lists, creates, updates and deletes.

use std::collections::BTreeMap;

use hyper::{Method, StatusCode};
use rollcall_core::phone::{Licence, System};
use rollcall_core::{Text, text::fold};
use serde_json::{Value, json};

use super::super::wire::{Content, Item, Kind, read};
use super::elements::{ElementStore, Object};
use super::modes::Modes;
use super::reply::Said;
use crate::model::Elements;

/// One call to a resource.
pub(super) struct Call {
    pub(super) method: Method,
    pub(super) kind: Kind,
    pub(super) query: BTreeMap<String, String>,
    pub(super) if_match: Option<String>,
    pub(super) body: Vec<u8>,
}

/// Does a call.
pub(super) async fn serve(store: &dyn ElementStore, systems: &[System], modes: &Modes, call: Call) -> Said {
    match answer(store, systems, modes, call).await {
        Ok(said) | Err(said) => said,
    }
}

async fn answer(
    store: &dyn ElementStore,
    systems: &[System],
    modes: &Modes,
    call: Call,
) -> Result<Said, Said> {
    let system = target(systems, &call, modes)?;
    let Call { method, kind, query, if_match, body } = call;
    let guid = query.get("guid").map(String::as_str);
    match (method.as_str(), kind) {
        ("GET", _) => {
            let guid = guid.filter(|_| !modes.ignore_guid);
            Ok(Said::List(
                kind,
                match kind {
                    Kind::User | Kind::Extension => list(store, modes, kind, &system, guid).await?,
                    Kind::Licence => store.licences().await?.iter().map(of_licence).collect(),
                    Kind::System => {
                        let identity = store.identity().await?;
                        systems.iter().map(|system| of_system(system, &identity)).collect()
                    }
                },
            ))
        }
        ("POST", Kind::User | Kind::Extension) => {
            let mut elements = sent(kind, &body)?.elements();
            for (_, text) in elements.iter_mut().filter(|(name, _)| modes.drops.contains(*name)) {
                *text = Text::from("");
            }
            let guid = match kind {
                Kind::User => store.insert_user(&system.name, elements).await?,
                _ => store.insert_extension(&system.name, elements).await?,
            };
            let made = Item::of(Some(&guid), &Elements::new());
            Ok(if modes.bare_create { Said::Done } else { Said::List(kind, vec![made]) })
        }
        ("PUT", Kind::User | Kind::Extension) => {
            let item = sent(kind, &body)?;
            let guid = item.guid().ok_or_else(|| Said::No("GUID is missing".into()))?;
            let if_match = if_match.filter(|_| !modes.ignore_if_match);
            update(store, modes, kind, &guid, item.elements(), if_match.as_deref()).await?;
            Ok(Said::Done)
        }
        ("DELETE", Kind::User | Kind::Extension) => {
            let guid = guid.ok_or_else(|| Said::No("GUID is missing".into()))?;
            let done = match kind {
                Kind::User => store.delete_user(guid).await?,
                _ => store.delete_extension(guid).await?,
            };
            Ok(if done { Said::Done } else { Said::No("Object not found".into()) })
        }
        _ => Err(Said::Status(StatusCode::METHOD_NOT_ALLOWED, format!("{method} is not possible here"))),
    }
}

/// The system that a call is about: the one of the address, the primary without one.
fn target(systems: &[System], call: &Call, modes: &Modes) -> Result<System, Said> {
    let Some(address) = call.query.get("ipaddress") else {
        let first = systems.iter().find(|system| system.primary).or(systems.first());
        return first.cloned().ok_or_else(|| Said::No("there is no system".into()));
    };
    if modes.silent.contains(address.as_str()) {
        return Err(Said::No(format!("{address} does not answer")));
    }
    let is = |text: &Option<Text>| text.as_deref().is_some_and(|text| fold(text) == fold(address));
    let found = systems.iter().find(|system| is(&system.lan1) || is(&system.lan2) || is(&system.fqdn));
    found.cloned().ok_or_else(|| Said::No(format!("no system has the address {address}")))
}

fn sent(kind: Kind, body: &[u8]) -> Result<Item, Said> {
    let bad = |why: String| Said::Status(StatusCode::BAD_REQUEST, format!("the body cannot be used: {why}"));
    let Content::Answer(envelope) = read(body).map_err(bad)? else { return Err(bad("it is empty".into())) };
    let mut items = envelope.items(kind).map_err(bad)?;
    match (items.pop(), items.is_empty()) {
        (Some(item), true) => Ok(item),
        _ => Err(bad(format!("it does not hold one `{}`", kind.element()))),
    }
}

async fn list(
    store: &dyn ElementStore,
    modes: &Modes,
    kind: Kind,
    system: &System,
    guid: Option<&str>,
) -> Result<Vec<Item>, Said> {
    let wanted =
        |object: &Object| object.system == system.name && guid.is_none_or(|guid| *object.guid == *guid);
    let shown = |object: Object| {
        let mut elements = object.elements;
        elements.retain(|name, _| !modes.hidden.contains(name));
        Item::of(Some(&object.guid), &elements)
    };
    let objects = match (kind, guid) {
        (Kind::User, Some(guid)) => store.user(guid).await?.into_iter().collect(),
        (Kind::User, None) => store.users().await?,
        (_, Some(guid)) => store.extension(guid).await?.into_iter().collect(),
        _ => store.extensions().await?,
    };
    Ok(objects.into_iter().filter(wanted).map(shown).collect())
}

fn of_licence(licence: &Licence) -> Item {
    item(json!({
        "LicenseKey": "", "Source": "rollcall", "Type": &*licence.profile, "Status": "Valid",
        "Quantity": licence.quantity.to_string(),
        "FreeInstances": licence.quantity.saturating_sub(licence.used).to_string(),
        "ExpiryDate": "Never", "Mode": "", "DisplayName": &*licence.profile,
    }))
}

/// An element `FQDN` has been seen nowhere; without it a job could not name a system by its host name.
fn of_system(system: &System, identity: &str) -> Item {
    let lan = |id: &str, address: &Option<Text>| json!({ "@id": id, "IPAddress": address.as_deref().unwrap_or("0.0.0.0") });
    let guid = if system.primary { identity.to_owned() } else { format!("{identity}/{}", system.name) };
    let mut value = json!({
        "@GUID": guid, "Name": &*system.name, "DisplayName": &*system.name, "SystemName": &*system.name,
        "MajorVersion": "12", "MinorVersion": "2", "BuildVersion": "0", "SystemVersionMaint": "0",
        "LANS": { "LAN": [lan("LAN1", &system.lan1), lan("LAN2", &system.lan2)] },
    });
    if let (Some(fqdn), Some(map)) = (&system.fqdn, value.as_object_mut()) {
        map.insert("FQDN".into(), (&**fqdn).into());
    }
    item(value)
}

fn item(value: Value) -> Item {
    match value {
        Value::Object(map) => Item(map),
        _ => Item::default(),
    }
}

/// Replaces the elements of an object: what was not sent is cleared or kept, and some is lost, as the modes say.
async fn update(
    store: &dyn ElementStore,
    modes: &Modes,
    kind: Kind,
    guid: &str,
    sent: Elements,
    etag: Option<&str>,
) -> Result<(), Said> {
    let standing = match kind {
        Kind::User => store.user(guid).await?,
        _ => store.extension(guid).await?,
    };
    let Some(standing) = standing else { return Err(Said::No("Object not found".into())) };
    let mut elements = if modes.keep_omitted { standing.elements } else { Elements::new() };
    elements.extend(sent);
    elements.retain(|name, _| !modes.loses.contains(name));
    match kind {
        Kind::User => store.replace_user(guid, elements, etag).await?,
        _ => store.replace_extension(guid, elements).await?,
    }
    Ok(())
}
