//! `connector inspect`: what a connector is and asks for, read without running it.

use std::fmt::Write as _;
use std::path::Path;

use rollcall_connectors::asks::{Ask, asks};
use rollcall_connectors::manifest::{Setting, SettingType};
use rollcall_connectors::packing::{Bundle, is_bundle};
use rollcall_connectors::{Manifest, Package};
use serde_json::{Value, json};

use crate::args::Global;
use crate::commands::connector::files;
use crate::commands::connector::read::size;
use crate::exit;
use crate::failure::Failure;
use crate::output::Output;
use crate::view::json as shapes;
use crate::view::text::{shown, table};
use crate::wiring::{Connectors, state_folder};

/// The widest column of a table, in characters.
const WIDEST: usize = 28;

/// A connector that is looked at.
struct Seen {
    package: Package,
    from: String,
    /// The digest of the package that it came in.
    sha256: Option<String>,
    signed: Option<String>,
}

/// Runs the command.
pub(super) fn inspect(global: &Global, output: &Output, what: &Path) -> Result<u8, Failure> {
    let seen = see(global, what)?;
    if output.json {
        output.payload(&shapes::write(&document(&seen)));
    }
    output.human(&human(&seen));
    Ok(exit::DONE)
}

/// Finds a connector: a bundled or an installed one by its name, else a component or a package in a file.
fn see(global: &Global, what: &Path) -> Result<Seen, Failure> {
    let name = what.to_str().unwrap_or_default();
    let plain = |package, from: String| Seen { package, from, sha256: None, signed: None };
    if let Some(bundled) = rollcall_bundled::find(name) {
        let package = Package::read(bundled.bytes.to_vec()).map_err(Failure::invalid)?;
        return Ok(plain(package, "it comes with rollcall".to_owned()));
    }
    // A name has no `/` and no ending; a folder of that name, such as a project's, is no connector.
    if !what.is_file() {
        let connectors = Connectors::of(&state_folder(global)?)?;
        if let Some(installed) = connectors.register.connectors.get(name) {
            let (bundle, standing) = connectors.open(name, installed).map_err(Failure::invalid)?;
            let signed = standing.publisher.unwrap_or_else(|| "nobody who is trusted".to_owned());
            let sha256 = Some(bundle.digest());
            let package = bundle.into_package();
            return Ok(Seen { package, from: "it is installed".to_owned(), sha256, signed: Some(signed) });
        }
    }
    let (bytes, from) = (files::package(what)?, what.display().to_string());
    if !is_bundle(&bytes) {
        return Ok(plain(Package::read(bytes).map_err(Failure::invalid)?, from));
    }
    let signed = match files::signature(what)? {
        Some((signature, _)) => {
            format!(
                "the key {}, as the signature says; `rollcall connector verify` finds out",
                signature.id()
            )
        }
        None => "nobody".to_owned(),
    };
    let bundle = Bundle::read(bytes).map_err(Failure::invalid)?;
    let sha256 = Some(bundle.digest());
    Ok(Seen { package: bundle.into_package(), from, sha256, signed: Some(signed) })
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

/// Gives what is asked for as JSON.
pub(super) fn ask_json(ask: &Ask) -> Value {
    json!({ "kind": ask.kind, "what": ask.what, "reason": ask.reason, "may_receive_directory_data": ask.may_receive })
}

fn document(seen: &Seen) -> Value {
    let Seen { package, from, sha256, signed } = seen;
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
        "package_sha256": sha256, "signed_by": signed,
        "imports": package.all_imports().collect::<Vec<_>>(),
        "asks": asks(manifest).iter().map(ask_json).collect::<Vec<_>>(),
        "settings": settings.collect::<Vec<_>>(),
        "credentials": credentials.map(|(name, one)| json!({ "name": name, "about": one.about })).collect::<Vec<_>>(),
    })
}

fn human(seen: &Seen) -> String {
    let Seen { package, from, sha256, signed } = seen;
    let manifest = package.manifest();
    let mut out = format!("{} {}\n{}\n\n", manifest.name, shown(&manifest.version), shown(&manifest.about));
    let bytes = u64::try_from(package.bytes().len()).unwrap_or(u64::MAX);
    let _ = writeln!(out, "from      {}", shown(from));
    let _ = writeln!(out, "contract  rollcall:connector@{}", shown(package.contract()));
    let _ = writeln!(out, "size      {}", size(bytes));
    let _ = writeln!(out, "component sha256:{}", package.digest_text());
    if let Some(sha256) = sha256 {
        let _ = writeln!(out, "package   sha256:{sha256}");
    }
    if let Some(signed) = signed {
        let _ = writeln!(out, "signed by {}", shown(signed));
    }
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
