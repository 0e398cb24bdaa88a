//! Credentials that stand where they should not: found before anything else is said, reported, and covered with stars
//! in the text that messages underline. A job file is shown, mailed and committed; a credential in it has leaked.

use std::ops::Range;

use rollcall_core::{Diagnostic, Text, codes};

use crate::keys;
use crate::spans::{At, Source};
use crate::tree::{Kind, Node, Table};

/// Keys that hold a credential wherever they stand. Connectors name theirs so (contract, section 8).
const NAMES: &[&str] = &[
    "access_key",
    "api_key",
    "api_token",
    "bind_password",
    "client_secret",
    "passphrase",
    "password",
    "private_key",
    "secret",
    "secret_key",
    "service_account",
    "token",
];

/// Endings of such keys, for connectors that we do not know.
const ENDINGS: &[&str] = &["_secret", "_password", "_token", "_private_key", "_api_key", "_passphrase"];

/// What the search found.
#[derive(Default)]
pub(crate) struct Found {
    /// The mistakes.
    pub(crate) problems: Vec<(At, Diagnostic)>,
    /// The bytes to cover.
    pub(crate) covered: Vec<At>,
}

/// Tells whether a key's name says that it holds a credential.
pub(crate) fn credential_like(key: &str) -> bool {
    let key = key.to_lowercase().replace('-', "_");
    NAMES.contains(&key.as_str()) || ENDINGS.iter().any(|ending| key.ends_with(ending))
}

/// Tells whether a value could be a credential or a reference to one; `token = true` is neither.
pub(crate) fn revealing(kind: &Kind) -> bool {
    match kind {
        Kind::Text(text) => !text.is_empty(),
        Kind::Integer(_) | Kind::Array(_) | Kind::Table(_) | Kind::Unusable => true,
        Kind::Float(_) | Kind::Boolean(_) | Kind::Moment(_) => false,
    }
}

/// Searches a whole job.
pub(crate) fn search(table: &Table) -> Found {
    let mut found = Found::default();
    let mut path = Vec::new();
    descend(table, &mut path, &mut found);
    found
}

fn descend(table: &Table, path: &mut Vec<Text>, found: &mut Found) {
    for (key, node) in table {
        path.push(key.clone());
        visit(node, path, found);
        path.pop();
    }
}

fn visit(node: &Node, path: &[Text], found: &mut Found) {
    let names: Vec<&str> = path.iter().map(|key| &**key).collect();
    match names.as_slice() {
        // Expressions may say `password` and hold an `@`: they are code, not settings.
        ["fields", ..] | ["leavers", "protect"] => return,
        [_, "credentials", name, ..] if names.len() == 3 => return reference(node, name, &names, found),
        [_, "credentials", ..] => {}
        [.., key] if credential_like(key) && revealing(&node.kind) => return misplaced(node, &names, found),
        _ => {}
    }
    match &node.kind {
        Kind::Text(text) => url(node, text, &names, found),
        Kind::Array(members) => members.iter().for_each(|member| visit(member, path, found)),
        Kind::Table(table) => descend(table, &mut path.to_vec(), found),
        _ => {}
    }
}

/// A credential reference: a bare value is covered, and so is whatever stands under a key that it does not have.
fn reference(node: &Node, name: &str, path: &[&str], found: &mut Found) {
    let Kind::Table(table) = &node.kind else {
        found.covered.push(node.at.clone());
        let message = format!("`{}` takes a reference, never the credential itself", path.join("."));
        let variable = name.to_uppercase().replace('-', "_");
        let hint = format!(
            "write `{name} = {{ env = \"{variable}\" }}`, and give this credential up: it was in a file"
        );
        found.problems.push((
            node.key.clone(),
            Diagnostic::error(codes::JOB_CREDENTIAL_IN_SETTINGS, message).hint(hint),
        ));
        return;
    };
    for (key, value) in table {
        if !keys::CREDENTIAL.contains(&&**key) {
            cover_leaves(value, found);
        } else if let Kind::Array(members) = &value.kind {
            for member in members {
                if let Kind::Text(text) = &member.kind {
                    url(member, text, path, found);
                }
            }
        }
    }
}

fn misplaced(node: &Node, path: &[&str], found: &mut Found) {
    let key = path.last().copied().unwrap_or_default();
    let side = if path.first() == Some(&"phone_system") { "phone_system" } else { "directory" };
    let name = if side == "phone_system" { "password" } else { key };
    let variable = key.to_uppercase().replace('-', "_");
    let message = format!("`{}` is a credential, and none stands outside `credentials`", path.join("."));
    let hint = format!("write it under [{side}.credentials]: `{name} = {{ env = \"{variable}\" }}`");
    cover_leaves(node, found);
    found
        .problems
        .push((node.key.clone(), Diagnostic::error(codes::JOB_CREDENTIAL_IN_SETTINGS, message).hint(hint)));
}

/// Covers every value of a node: the bytes of a table that has a header are its header's alone.
fn cover_leaves(node: &Node, found: &mut Found) {
    match &node.kind {
        Kind::Table(table) => table.values().for_each(|value| cover_leaves(value, found)),
        _ => found.covered.push(node.at.clone()),
    }
}

/// A URL with user information: `https://user:password@host`.
fn url(node: &Node, text: &str, path: &[&str], found: &mut Found) {
    let Some((_, rest)) = text.split_once("://") else { return };
    let authority = rest.split(['/', '?', '#', '\\']).next().unwrap_or(rest);
    // A password may itself hold a slash; then the URL parser of whoever reads it decides, so be stricter than it.
    if !authority.contains('@') && !rest.split_whitespace().next().is_some_and(early_at) {
        return;
    }
    found.covered.push(node.at.clone());
    let message = format!("the URL in `{}` carries user information", path.join("."));
    let section = if path.first() == Some(&"phone_system") { "phone_system" } else { "directory" };
    let hint =
        format!("leave out what stands in front of the `@`; credentials go under [{section}.credentials]");
    found
        .problems
        .push((node.at.clone(), Diagnostic::error(codes::JOB_CREDENTIAL_IN_SETTINGS, message).hint(hint)));
}

/// Tells whether `user:pass/word@host` is meant: a colon with no port behind it, and an `@` later.
fn early_at(rest: &str) -> bool {
    let Some((front, _)) = rest.split_once('@') else { return false };
    let Some((_, behind)) = front.split_once(':') else { return false };
    let port = behind.split(['/', '?', '#']).next().unwrap_or(behind);
    port.is_empty() || !port.bytes().all(|b| b.is_ascii_digit())
}

/// Covers bytes of a source with stars; line breaks and lengths stay, so that every place stays right.
pub(crate) fn cover(source: &mut Source, bytes: &Range<usize>) {
    let text = &source.text;
    let (Some(before), Some(inside), Some(after)) =
        (text.get(..bytes.start), text.get(bytes.clone()), text.get(bytes.end..))
    else {
        return;
    };
    let stars: String = inside.bytes().map(|b| if b == b'\n' { '\n' } else { '*' }).collect();
    source.text = format!("{before}{stars}{after}").into();
}

/// Covers whatever looks like a credential in a file that is no TOML, line by line, because its values are not known.
pub(crate) fn cover_lines(source: &mut Source) {
    let mut ranges = Vec::new();
    let mut start = 0;
    for line in source.text.split_inclusive('\n') {
        if let Some((key, value)) = line.split_once('=') {
            let key = key.rsplit('.').next().unwrap_or(key).trim().trim_matches(['"', '\'']);
            if credential_like(key) && !value.trim_start().starts_with('{') {
                ranges.push(start + line.len() - value.len()..start + line.trim_end().len());
            }
        }
        start += line.len();
    }
    for range in ranges.iter().filter(|range| range.start < range.end) {
        cover(source, range);
    }
}
