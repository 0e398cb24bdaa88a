//! `[directory]`, one or several: connector, settings, credential references, grants, limits, network.

use std::collections::BTreeMap;
use std::path::Path;

use rollcall_core::{Text, codes};
use serde_json::Value as Json;

use crate::job::{Credential, CredentialSource, DirectoryJob, Grants, Network};
use crate::keys;
use crate::limits::{FULL_EVERY_MS, NAME_CHARS_MAX};
use crate::tree::{Kind, Node, Table};
use crate::values::{self, words};
use crate::walk::{Section, Walk};

/// Reads `[directory]`, or each `[[directory]]`. Where one is missing or wrong, what can be understood of it is given.
pub(crate) fn directories(walk: &mut Walk<'_>, root: &Section<'_>) -> Vec<DirectoryJob> {
    let at = vec![Text::from("directory")];
    let Some(node) = root.get("directory") else {
        walk.missing(
            root,
            "directory",
            "write `[directory]` with `connector = \"entra\"` or another connector",
        );
        return vec![empty(at)];
    };
    let Kind::Array(members) = &node.kind else {
        let section = walk.section(root, "directory", "directory");
        return vec![
            section.map_or_else(|| empty(at.clone()), |section| directory(walk, &section, at.clone())),
        ];
    };
    let mut found: Vec<DirectoryJob> = Vec::with_capacity(members.len());
    for (index, member) in members.iter().enumerate() {
        let Kind::Table(table) = &member.kind else {
            walk.wrong_type("directory", member, "tables", "write [[directory]] and its keys below it");
            continue;
        };
        let section = Section { path: "directory", at: &member.key, table };
        walk.known(&section, keys::of("directory"));
        let at = vec![Text::from("directory"), Text::from(index.to_string())];
        let one = directory(walk, &section, at);
        let place = section.get("name").map_or(section.at, |node| &node.at);
        if members.len() > 1 && section.get("name").is_none() {
            walk.missing(&section, "name", "each of several directories has a name of its own");
        } else if found.iter().any(|other| other.name.eq_ignore_ascii_case(&one.name)) {
            let message = format!("two directories are called `{}`", one.name);
            walk.bad(place, message, "give each directory a name of its own");
        } else if members.len() > 1 && !plain(&one.name) {
            let message = format!("`{}` is no name of one of several directories", one.name.escape_debug());
            walk.bad(place, message, "write letters, digits, `-` and `_`");
        }
        found.push(one);
    }
    ranks(walk, members, &found);
    if found.is_empty() { vec![empty(at)] } else { found }
}

/// Tells whether a name can be part of a file's name and of a line for people.
fn plain(name: &str) -> bool {
    (1..=NAME_CHARS_MAX).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

/// Refuses an order that says nothing: all of several directories have a place in it, and no two the same.
fn ranks(walk: &mut Walk<'_>, members: &[Node], found: &[DirectoryJob]) {
    let ranked = found.iter().filter(|one| one.precedence.is_some()).count();
    for (index, (member, one)) in members.iter().zip(found).enumerate() {
        let message = match one.precedence {
            None if ranked > 0 => {
                format!("the directory `{}` has no `precedence`, and others have", one.name)
            }
            Some(_) if found[..index].iter().any(|other| other.precedence == one.precedence) => {
                format!("the `precedence` of the directory `{}` is another's too", one.name)
            }
            _ => continue,
        };
        walk.bad(&member.key, message, "give every directory a `precedence` of its own, or none of them");
    }
}

fn directory(walk: &mut Walk<'_>, section: &Section<'_>, at: Vec<Text>) -> DirectoryJob {
    let mut job = empty(at);
    match section.get("connector") {
        Some(node) => {
            if let Some(connector) = walk.text(section, "connector") {
                job.connector = package(walk, &connector, node);
                job.name = Path::new(&*connector)
                    .file_stem()
                    .filter(|_| is_path(&connector))
                    .map_or(connector.clone(), |stem| stem.to_string_lossy().into());
            }
        }
        None => {
            walk.missing(
                section,
                "connector",
                "name a connector: `entra`, `csv`, or the path of a .wasm package",
            );
        }
    }
    if let Some(name) = walk.text(section, "name") {
        job.name = name;
    }
    job.precedence = precedence(walk, section);
    const EVERY: &str = "write a duration such as `24h` or `7d`";
    if let Some(ms) = walk.parsed(section, "full_every", EVERY, values::duration) {
        job.full_every_ms = ms;
    }
    job.recording = walk.path(section, "recording");
    if let Some(settings) = walk.open(section, "settings", "directory.settings") {
        job.settings = json_table(settings.table);
    }
    if let Some(credentials) = walk.open(section, "credentials", "directory.credentials") {
        for (name, node) in credentials.table {
            if let Some(credential) = credential(walk, &credentials.child(name), node) {
                job.credentials.insert(name.clone(), credential);
            }
        }
    }
    if let Some(section) = walk.section(section, "grants", "directory.grants") {
        job.grants = grants(walk, &section);
    }
    if let Some(section) = walk.open(section, "limits", "directory.limits") {
        job.limits = limits(walk, &section);
    }
    if let Some(section) = walk.section(section, "network", "directory.network") {
        job.network = Network {
            proxy: walk.parsed(&section, "proxy", "write `http://host:port`", values::proxy),
            ca_file: walk.path(&section, "ca_file"),
        };
    }
    job
}

fn precedence(walk: &mut Walk<'_>, section: &Section<'_>) -> Option<u32> {
    let node = section.get("precedence")?;
    let hint = "write 1 for the directory that wins, 2 for the next one";
    let Kind::Integer(number) = node.kind else {
        walk.wrong_type("directory.precedence", node, "a whole number", hint);
        return None;
    };
    let rank = u32::try_from(number).ok().filter(|rank| *rank > 0);
    if rank.is_none() {
        walk.bad(&node.at, "`directory.precedence` is out of range", hint);
    }
    rank
}

fn empty(at: Vec<Text>) -> DirectoryJob {
    DirectoryJob {
        at,
        name: "".into(),
        precedence: None,
        full_every_ms: FULL_EVERY_MS,
        connector: "".into(),
        recording: None,
        settings: serde_json::Map::new(),
        credentials: BTreeMap::new(),
        grants: Grants::default(),
        limits: BTreeMap::new(),
        network: Network::default(),
    }
}

/// Tells a path from a name: a name has neither a slash nor the ending of a package.
fn is_path(connector: &str) -> bool {
    connector.contains(['/', '\\']) || connector.ends_with(".wasm")
}

fn package(walk: &Walk<'_>, connector: &Text, node: &Node) -> Text {
    if is_path(connector) {
        walk.resolved(connector, &node.at).to_string_lossy().into()
    } else {
        connector.clone()
    }
}

/// Makes a table JSON, in the order in which it is written.
fn json_table(table: &Table) -> serde_json::Map<String, Json> {
    let mut entries: Vec<(&Text, &Node)> = table.iter().collect();
    entries.sort_by_key(|(_, node)| (node.key.source, node.key.bytes.start));
    entries.into_iter().map(|(key, node)| (key.to_string(), json(node))).collect()
}

fn json(node: &Node) -> Json {
    match &node.kind {
        Kind::Text(text) | Kind::Moment(text) => Json::from(&**text),
        Kind::Integer(number) => Json::from(*number),
        Kind::Float(number) => Json::from(*number),
        Kind::Boolean(yes) => Json::from(*yes),
        Kind::Array(members) => members.iter().map(json).collect(),
        Kind::Table(table) => Json::Object(json_table(table)),
        Kind::Unusable => Json::Null,
    }
}

fn grants(walk: &mut Walk<'_>, section: &Section<'_>) -> Grants {
    let mut grants = Grants::default();
    for (text, node) in walk.texts(section, "http") {
        match values::http_grant(&text) {
            Ok(grant) => grants.http.push(grant),
            Err(why) => walk.bad(
                &node.at,
                format!("`{}` is no grant: {why}", text.escape_debug()),
                "write `https://host[:port][/path]`, with a method in front where it is not GET or HEAD",
            ),
        }
    }
    for (text, node) in walk.texts(section, "addresses") {
        match values::network(&text) {
            Ok(network) => grants.addresses.push(network),
            Err(why) => walk.bad(
                &node.at,
                format!("`{}` is no network: {why}", text.escape_debug()),
                "write a network as `10.1.0.0/16`, or an address as `10.0.0.5`",
            ),
        }
    }
    for (text, node) in walk.texts(section, "files") {
        grants.files.push(walk.resolved(&text, &node.at));
    }
    for (text, node) in walk.texts(section, "ldap") {
        match values::ldap_grant(&text) {
            Ok(grant) => grants.ldap.push(grant),
            Err(why) => walk.bad(
                &node.at,
                format!("`{}` is no grant: {why}", text.escape_debug()),
                "write `ldaps://host[:port]` or `ldap://host[:port]`",
            ),
        }
    }
    grants
}

/// Reads the overrides of the connector host's limits. Their names are the host's to check.
fn limits(walk: &mut Walk<'_>, section: &Section<'_>) -> BTreeMap<Text, u64> {
    let mut limits = BTreeMap::new();
    for (key, node) in section.table {
        match &node.kind {
            Kind::Integer(number) if *number > 0 => {
                limits.insert(key.clone(), number.unsigned_abs());
            }
            Kind::Integer(_) | Kind::Unusable => {
                walk.bad(&node.at, format!("the limit `{key}` is out of range"), "write a number above 0");
            }
            _ => {
                walk.wrong_type(&section.child(key), node, "a whole number", "write a number without quotes")
            }
        }
    }
    limits
}

/// Reads a credential reference. A value in its place has been reported and covered already.
pub(crate) fn credential(walk: &mut Walk<'_>, path: &str, node: &Node) -> Option<Credential> {
    let Kind::Table(table) = &node.kind else { return None };
    let section = Section { path, at: &node.key, table };
    for (key, node) in table {
        if !keys::CREDENTIAL.contains(&&**key) {
            let near = keys::nearest(key, keys::CREDENTIAL.iter().copied());
            let hint = near.map_or_else(
                || format!("a reference has one of {}", words(&keys::CREDENTIAL[..5])),
                |near| format!("did you mean `{near}`?"),
            );
            let message = format!("unknown key `{key}` in `{path}`");
            walk.error(&node.key, codes::JOB_UNKNOWN_KEY, message, hint);
        }
    }
    let kinds: Vec<&str> =
        keys::CREDENTIAL[..5].iter().copied().filter(|kind| table.contains_key(*kind)).collect();
    let [kind] = kinds.as_slice() else {
        let message = match kinds.len() {
            0 => format!("`{path}` does not say where the credential is"),
            _ => format!("`{path}` names several places: {}", kinds.join(", ")),
        };
        walk.bad(&node.key, message, format!("write exactly one of {}", words(&keys::CREDENTIAL[..5])));
        return None;
    };
    let source = match *kind {
        "env" => CredentialSource::Env(variable(walk, &section)?),
        "file" => CredentialSource::File(walk.path(&section, "file")?),
        "systemd" => CredentialSource::Systemd(file_name(walk, &section)?),
        "keyring" => CredentialSource::Keyring(walk.text(&section, "keyring")?),
        _ => CredentialSource::Command(command(walk, &section)?),
    };
    Some(Credential { source, expires: day(walk, &section, "expires", "2027-05-01") })
}

fn variable(walk: &mut Walk<'_>, section: &Section<'_>) -> Option<Text> {
    let hint = "write the name of an environment variable, not its value";
    // What stands here may be the credential itself, so the message does not repeat it.
    let name = walk.text(section, "env")?;
    if name.contains(['=', '\0', '$', ' ']) {
        walk.bad(&section.get("env")?.key, format!("`{}.env` is no variable's name", section.path), hint);
        return None;
    }
    Some(name)
}

fn file_name(walk: &mut Walk<'_>, section: &Section<'_>) -> Option<Text> {
    walk.parsed(section, "systemd", "write the name that stands after LoadCredential=", |name| {
        if name.contains(['/', '\0']) || matches!(name, "." | "..") {
            Err("a name, not a path".into())
        } else {
            Ok(name.into())
        }
    })
}

/// Gives a program with its arguments.
pub(crate) fn command(walk: &mut Walk<'_>, section: &Section<'_>) -> Option<Vec<Text>> {
    let node = section.get("command")?;
    let Kind::Array(members) = &node.kind else {
        let hint = "write the program and its arguments: `command = [\"./program\", \"argument\"]`";
        walk.wrong_type(&section.child("command"), node, "a list of texts", hint);
        return None;
    };
    let mut words = Vec::with_capacity(members.len());
    for (index, member) in members.iter().enumerate() {
        match &member.kind {
            // A program given by a path is found from the file's folder, as every path is.
            Kind::Text(text) if index == 0 && text.contains('/') => {
                words.push(walk.resolved(text, &member.at).to_string_lossy().into());
            }
            Kind::Text(text) if index > 0 || !text.is_empty() => words.push(text.clone()),
            _ => walk.wrong_type(&section.child("command"), member, "texts", "put each word in quotes"),
        }
    }
    if words.is_empty() {
        walk.bad(
            &node.at,
            format!("`{}` names no program", section.child("command")),
            "write the program first",
        );
        return None;
    }
    Some(words)
}

/// Gives a day, written as TOML's date or as text.
pub(crate) fn day(walk: &mut Walk<'_>, section: &Section<'_>, key: &str, example: &str) -> Option<Text> {
    let hint = format!("write the day as \"{example}\"");
    let node = section.get(key)?;
    if let Kind::Moment(day) = &node.kind {
        if values::day(day).is_err() {
            walk.bad(&node.at, format!("`{}` is `{day}`: no day alone", section.child(key)), hint);
            return None;
        }
        return Some(day.clone());
    }
    walk.parsed(section, key, &hint, values::day)
}
