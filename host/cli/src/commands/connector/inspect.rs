//! `connector inspect`: what a connector is and asks for, read without running it.

use std::fmt::Write as _;
use std::path::Path;

use rollcall_connectors::asks::{Ask, asks};
use rollcall_connectors::manifest::{Setting, SettingType};
use rollcall_connectors::{Manifest, Package};
use rollcall_core::codes;
use serde_json::{Value, json};

use crate::commands::connector::read::size;
use crate::exit;
use crate::failure::Failure;
use crate::output::Output;
use crate::view::json as shapes;
use crate::view::text::{shown, table};

/// The widest column of a table, in characters.
const WIDEST: usize = 28;

/// Runs the command.
pub(super) fn inspect(output: &Output, what: &Path) -> Result<u8, Failure> {
    let (package, from) = match what.to_str().and_then(rollcall_bundled::find) {
        Some(bundled) => {
            (Package::read(bundled.bytes.to_vec()).map_err(Failure::invalid)?, "bundled".to_owned())
        }
        None => (component(what)?, what.display().to_string()),
    };
    if output.json {
        output.payload(&shapes::write(&document(&package, &from)));
    }
    output.human(&human(&package, &from));
    Ok(exit::DONE)
}

/// Reads a component from a file.
fn component(path: &Path) -> Result<Package, Failure> {
    let bytes = std::fs::read(path).map_err(|error| {
        let message = format!("`{}` cannot be read: {error}", path.display());
        let hint = "give a component (`.wasm`), or the name of a connector that comes with rollcall";
        Failure::new(exit::ERROR, codes::FILE, message).hint(hint)
    })?;
    Package::read(bytes).map_err(Failure::invalid)
}

/// Says what an import gives, by the name of its interface.
fn imports(package: &Package) -> Vec<(&str, &'static str)> {
    let mut all: Vec<(&str, &'static str)> = Vec::new();
    for import in package.all_imports() {
        let (name, _) = import.split_once('@').unwrap_or((import, ""));
        let known = match name.strip_prefix("rollcall:connector/") {
            Some("http") => ("http", "sends requests to servers that are granted"),
            Some("ldap") => ("ldap", "searches directories that are granted"),
            Some("files") => ("files", "reads files that are granted"),
            Some("log") => ("log", "writes lines to the log"),
            Some("run") => ("run", "says how far it is"),
            Some("types") => continue,
            // `wasi:io/streams` is of `wasi:io`; all of it is linked, and none of it gives anything.
            _ => (name.split('/').next().unwrap_or(name), "comes with its language, and gives nothing"),
        };
        if !all.contains(&known) {
            all.push(known);
        }
    }
    all
}

fn ask_json(ask: &Ask) -> Value {
    json!({ "kind": ask.kind, "what": ask.what, "reason": ask.reason, "may_receive_directory_data": ask.may_receive })
}

fn document(package: &Package, from: &str) -> Value {
    let manifest = package.manifest();
    let settings = manifest.settings.iter().map(|(name, setting)| {
        json!({
            "name": name, "type": kind(setting), "required": setting.required, "default": setting.default,
            "choices": setting.choices, "about": setting.about,
        })
    });
    let credentials = manifest.credentials.named.iter();
    json!({
        "schema_version": shapes::SCHEMA_VERSION,
        "name": manifest.name, "version": manifest.version, "about": manifest.about, "from": from,
        "contract": package.contract(), "size_bytes": package.bytes().len(), "component_sha256": package.digest_text(),
        "imports": package.all_imports().collect::<Vec<_>>(),
        "asks": asks(manifest).iter().map(ask_json).collect::<Vec<_>>(),
        "settings": settings.collect::<Vec<_>>(),
        "credentials": credentials.map(|(name, one)| json!({ "name": name, "about": one.about })).collect::<Vec<_>>(),
    })
}

fn human(package: &Package, from: &str) -> String {
    let manifest = package.manifest();
    let mut out = format!("{} {}\n{}\n\n", manifest.name, shown(&manifest.version), shown(&manifest.about));
    let bytes = u64::try_from(package.bytes().len()).unwrap_or(u64::MAX);
    let _ = writeln!(out, "from      {}", shown(from));
    let _ = writeln!(out, "contract  rollcall:connector@{}", shown(package.contract()));
    let _ = writeln!(out, "size      {}", size(bytes));
    let _ = writeln!(out, "digest    sha256:{}", package.digest_text());
    out.push_str("\nIt imports\n");
    for (name, gives) in imports(package) {
        let _ = writeln!(out, "  {}: {gives}", shown(name));
    }
    out.push_str("\nIt asks for\n");
    out.push_str(&asked(&asks(manifest)));
    out.push_str(&settings(manifest));
    out
}

/// Writes what is asked for, each with its reason below it.
pub(super) fn asked(asks: &[Ask]) -> String {
    if asks.is_empty() {
        return "  nothing\n".to_owned();
    }
    let mut out = String::new();
    for ask in asks {
        let receives = if ask.may_receive { "  (may receive directory data)" } else { "" };
        let _ = writeln!(out, "  {}{receives}\n      {}", shown(&ask.what), shown(&ask.reason));
    }
    out
}

fn kind(setting: &Setting) -> &'static str {
    match setting.kind_of_value {
        SettingType::Text => "text",
        SettingType::Integer => "integer",
        SettingType::Boolean => "boolean",
        SettingType::List => "list",
        SettingType::TextOrList => "text-or-list",
    }
}

fn settings(manifest: &Manifest) -> String {
    let mut out = String::new();
    let row = |(name, setting): (&String, &Setting)| {
        let given = match (&setting.default, setting.required) {
            (Some(default), _) => default.to_string(),
            (None, true) => "required".to_owned(),
            (None, false) => "-".to_owned(),
        };
        vec![format!("  {name}"), kind(setting).to_owned(), given, setting.about.clone()]
    };
    let rows: Vec<Vec<String>> = manifest.settings.iter().map(row).collect();
    if !rows.is_empty() {
        out.push_str("\nSettings\n");
        out.push_str(&table(&["  name", "type", "default", "what it is"], &rows, WIDEST));
    }
    let credentials = manifest.credentials.named.iter();
    let rows: Vec<Vec<String>> =
        credentials.map(|(name, one)| vec![format!("  {name}"), one.about.clone()]).collect();
    if !rows.is_empty() {
        out.push_str("\nCredentials, which it never sees\n");
        out.push_str(&table(&["  name", "what it is"], &rows, WIDEST));
    }
    out
}
