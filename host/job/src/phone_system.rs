//! `[phone_system]`: the embedded office, or a real IP Office behind its Management API.

use std::ops::RangeInclusive;
use std::path::PathBuf;

use crate::directory::credential;
use crate::job::{Credential, CredentialSource, IpOffice, PhoneSystem};
use crate::tree::Kind;
use crate::values;
use crate::walk::{Section, Walk};

/// The port of the Management API's web service (research/ipoffice.md, section 3.1).
const PORT: u16 = 7070;
/// How long a write whose answer was lost is looked for, in milliseconds.
const SETTLE_MS: u64 = 120_000;
/// Keys that only a real IP Office has.
const REAL: &[&str] = &[
    "address",
    "port",
    "username",
    "credentials",
    "certificate_sha256",
    "ca_file",
    "templates",
    "settle",
    "timeout",
    "at_once",
];
/// How many users may be made or deleted at once, at the most.
const AT_ONCE_MAX: i64 = 8;

#[derive(Clone, Copy, PartialEq)]
enum Which {
    Embedded,
    IpOffice,
}

/// Reads `[phone_system]`. Where it is missing or wrong, an embedded office without a file is given.
pub(crate) fn phone_system(walk: &mut Walk<'_>, root: &Section<'_>) -> PhoneSystem {
    let nothing = PhoneSystem::Embedded { path: PathBuf::new() };
    let Some(_) = root.get("phone_system") else {
        let hint = "write `[phone_system]` with `kind = \"embedded\"` and `path = \"office.db\"`";
        walk.missing(root, "phone_system", hint);
        return nothing;
    };
    let Some(section) = walk.section(root, "phone_system", "phone_system") else { return nothing };
    let choices = [("embedded", Which::Embedded), ("ip-office", Which::IpOffice)];
    let which = match section.get("kind") {
        Some(_) => match walk.choice(&section, "kind", &choices) {
            Some(which) => which,
            None => return nothing,
        },
        // The embedded office is the default, unless an address says that a real one is meant.
        None if section.get("address").is_some() => {
            walk.missing(&section, "kind", "write `kind = \"ip-office\"`");
            Which::IpOffice
        }
        None => Which::Embedded,
    };
    match which {
        Which::Embedded => embedded(walk, &section),
        Which::IpOffice => ip_office(walk, &section),
    }
}

fn embedded(walk: &mut Walk<'_>, section: &Section<'_>) -> PhoneSystem {
    for key in REAL {
        if let Some(node) = section.get(key) {
            let message = format!("`{}` belongs to `kind = \"ip-office\"`", section.child(key));
            walk.bad(&node.key, message, "take it out, or change the kind");
        }
    }
    if section.get("path").is_none() {
        walk.missing(section, "path", "write `path = \"office.db\"`; the first sync makes the file");
    }
    PhoneSystem::Embedded { path: walk.path(section, "path").unwrap_or_default() }
}

fn ip_office(walk: &mut Walk<'_>, section: &Section<'_>) -> PhoneSystem {
    if let Some(node) = section.get("path") {
        walk.bad(&node.key, "`phone_system.path` belongs to `kind = \"embedded\"`", "take it out");
    }
    for (key, hint) in [
        ("address", "write the host name or address of the primary"),
        ("username", "write the name of the service user"),
    ] {
        if section.get(key).is_none() {
            walk.missing(section, key, hint);
        }
    }
    let hint = "write the host name or address of the primary alone; the port goes under `port`";
    let address = walk.parsed(section, "address", hint, values::host);
    let hint = "write the fingerprint that `rollcall test-connection` prints";
    let templates = walk.texts(section, "templates");
    PhoneSystem::IpOffice(Box::new(IpOffice {
        address: address.unwrap_or_default(),
        port: port(walk, section),
        username: walk.text(section, "username").unwrap_or_default(),
        password: password(walk, section),
        certificate_sha256: walk.parsed(section, "certificate_sha256", hint, values::fingerprint),
        ca_file: walk.path(section, "ca_file"),
        templates: templates.into_iter().map(|(text, node)| walk.resolved(&text, &node.at)).collect(),
        settle_ms: walk
            .parsed(section, "settle", "write a duration such as `120s`", values::duration)
            .unwrap_or(SETTLE_MS),
        timeout_ms: walk.parsed(section, "timeout", "write a duration such as `60s`", wait),
        at_once: whole(walk, section, "at_once", 1..=AT_ONCE_MAX).unwrap_or(1),
    }))
}

/// Reads a time that somebody waits: not none at all.
fn wait(text: &str) -> Result<u64, String> {
    match values::duration(text)? {
        0 => Err("no time at all".to_owned()),
        wait => Ok(wait),
    }
}

fn port(walk: &mut Walk<'_>, section: &Section<'_>) -> u16 {
    whole(walk, section, "port", 1..=i64::from(u16::MAX)).unwrap_or(PORT)
}

/// Reads a whole number within bounds, where there is one.
fn whole<T: TryFrom<i64>>(
    walk: &mut Walk<'_>,
    section: &Section<'_>,
    key: &str,
    bounds: RangeInclusive<i64>,
) -> Option<T> {
    let node = section.get(key)?;
    let path = section.child(key);
    let Kind::Integer(number) = node.kind else {
        walk.wrong_type(&path, node, "a whole number", "write a number without quotes");
        return None;
    };
    if bounds.contains(&number) {
        return T::try_from(number).ok();
    }
    let hint = format!("write a number from {} to {}", bounds.start(), bounds.end());
    walk.bad(&node.at, format!("`{path}` cannot be `{number}`"), &hint);
    None
}

fn password(walk: &mut Walk<'_>, section: &Section<'_>) -> Credential {
    const HINT: &str = "write `credentials.password = { env = \"IPOFFICE_PASSWORD\" }`";
    let path = "phone_system.credentials";
    let found = match section.get("credentials") {
        None => {
            // A password that stands beside it has been reported with the right key.
            if section.get("password").is_none() {
                walk.missing(section, "credentials.password", HINT);
            }
            None
        }
        Some(_) => walk.section(section, "credentials", path).and_then(|credentials| {
            let Some(node) = credentials.get("password") else {
                walk.missing(&credentials, "password", HINT);
                return None;
            };
            credential(walk, "phone_system.credentials.password", node)
        }),
    };
    // Stands only in a job that is refused anyway.
    found.unwrap_or(Credential { source: CredentialSource::Env("".into()), expires: None })
}
