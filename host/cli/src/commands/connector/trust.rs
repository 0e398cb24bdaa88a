//! `connector trust`: whose packages are installed, and what is revoked.

use rollcall_connectors::installed::{Publisher, Register};
use rollcall_connectors::packing::signature::PublicKey;
use rollcall_core::codes;
use serde_json::{Value, json};

use crate::args::{Global, TrustCommand};
use crate::commands::connector::files;
use crate::commands::connector::install::change;
use crate::exit;
use crate::failure::Failure;
use crate::output::Output;
use crate::view::json as shapes;
use crate::view::text::{shown, table};
use crate::wiring::{Connectors, state_folder};

/// The widest column of a table, in characters.
const WIDEST: usize = 64;

/// Runs the command.
pub(super) fn run(global: &Global, output: &Output, command: &TrustCommand) -> Result<u8, Failure> {
    match command {
        TrustCommand::Add { key, publisher, connectors } => {
            let key = files::public_key(key)?;
            let one =
                Publisher { name: publisher.clone(), key: key.to_string(), connectors: connectors.clone() };
            let connectors = change(global, |register| {
                let revoked = register.revoked.iter().filter_map(|text| PublicKey::parse(text).ok());
                if revoked.into_iter().any(|revoked| revoked.is(&key)) {
                    let message = format!("the key {} is revoked", key.id());
                    let hint = "a revocation is not taken back; ask the publisher for a new key";
                    return Err(Failure::new(exit::INVALID, codes::PACKAGE_REVOKED, message).hint(hint));
                }
                register
                    .trust(one.clone())
                    .map_err(|why| Failure { exit: exit::USAGE, diagnostics: vec![why] })
            })?;
            told(
                output,
                json!({
                    "trusted": key.to_string(), "key_id": key.id(), "publisher": publisher, "connectors": connectors,
                }),
            );
            let what =
                if connectors.is_empty() { "every connector".to_owned() } else { connectors.join(", ") };
            output.human(&format!("{} is trusted for {what}, with the key {}\n", shown(publisher), key.id()));
        }
        TrustCommand::List => list(output, &Connectors::of(&state_folder(global)?)?.register),
        TrustCommand::Remove { key } => {
            let removed = change(global, |register| {
                let key = known(register, key)?;
                register.publishers.retain(|one| one.key != key.to_string());
                Ok(key)
            })?;
            told(output, json!({ "trusted_no_more": removed.to_string(), "key_id": removed.id() }));
            output.human(&format!("the key {} is trusted no more\n", removed.id()));
        }
        TrustCommand::Revoke { what } => {
            let text = change(global, |register| {
                let text = revoked(register, what)?;
                if !register.revoked.contains(&text) {
                    register.revoked.push(text.clone());
                    register.revoked.sort();
                }
                Ok(text)
            })?;
            told(output, json!({ "revoked": text }));
            output.human(&format!("{text} is revoked\n"));
        }
    }
    Ok(exit::DONE)
}

fn told(output: &Output, mut what: Value) {
    if output.json {
        what["schema_version"] = shapes::SCHEMA_VERSION.into();
        output.payload(&shapes::write(&what));
    }
}

/// Finds a trusted key by what `list` shows of it, or as it is given.
fn known(register: &Register, given: &str) -> Result<PublicKey, Failure> {
    let mut by_id = register.keys().map(|(key, _)| key).filter(|key| key.id().eq_ignore_ascii_case(given));
    let key = match (by_id.next(), by_id.next()) {
        (Some(_), Some(_)) => {
            let message = format!("several trusted keys go by the number {given}");
            return Err(Failure::new(exit::USAGE, codes::KEY_INVALID, message)
                .hint("give the key itself, as `rollcall connector trust list` shows it"));
        }
        (Some(key), None) => key,
        (None, _) => files::public_key(given)?,
    };
    if register.keys().any(|(known, _)| known == key) {
        return Ok(key);
    }
    let message = format!("the key {} is not trusted", key.id());
    Err(Failure::new(exit::ERROR, codes::KEY_INVALID, message)
        .hint("`rollcall connector trust list` shows those that are"))
}

/// Gives what is kept of a digest or key that is revoked.
fn revoked(register: &Register, given: &str) -> Result<String, Failure> {
    let digest = given.strip_prefix("sha256:").unwrap_or(given);
    if digest.len() == 64 && digest.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Ok(digest.to_ascii_lowercase());
    }
    match known(register, given) {
        Ok(key) => Ok(key.to_string()),
        // A key may be revoked that was never trusted.
        Err(unknown) => files::public_key(given).map(|key| key.to_string()).map_err(|_| unknown),
    }
}

fn list(output: &Output, register: &Register) {
    if output.json {
        let publishers = register.keys().map(|(key, one)| {
            json!({ "publisher": one.name, "key_id": key.id(), "key": one.key, "connectors": one.connectors })
        });
        output.payload(&shapes::write(&json!({
            "schema_version": shapes::SCHEMA_VERSION, "publishers": publishers.collect::<Vec<_>>(),
            "revoked": register.revoked,
        })));
        return;
    }
    let row = |(key, one): (PublicKey, &Publisher)| {
        let what =
            if one.connectors.is_empty() { "every connector".to_owned() } else { one.connectors.join(", ") };
        vec![one.name.clone(), key.id(), what, one.key.clone()]
    };
    let rows: Vec<Vec<String>> = register.keys().map(row).collect();
    match rows.as_slice() {
        [] => output.human("no key is trusted\n"),
        rows => output.human(&table(&["publisher", "key", "trusted for", "public key"], rows, WIDEST)),
    }
    for what in &register.revoked {
        output.human(&format!("revoked: {what}\n"));
    }
}
