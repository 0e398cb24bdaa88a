//! A job's `[directory.settings]` against the manifest: every mistake at once, offline, each at its key; then presets
//! and defaults filled in, and paths resolved.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use rollcall_core::{Diagnostic, Text, codes};
use rollcall_net::{LdapServer, Origin};
use serde_json::{Map, Value};
use url::Url;

use crate::credentials::{looks_like_credential, reference};
use crate::manifest::{Manifest, Setting, SettingKind};
use crate::manifest_check::{normal, outside_choices};
use crate::manifest_servers::can_allow;
use crate::words::{did_you_mean, listed, tame};

/// The name of the boolean setting that lets plain `http://` leave this machine.
pub(crate) const ALLOW_INSECURE: &str = "allow_insecure";
const SHOWN_BYTES: usize = 200;

/// Settings that a connector can work with.
#[derive(Clone, Debug)]
pub struct Settings {
    /// What the connector gets, but for paths, which are still the job's.
    values: Map<String, Value>,
    /// The names that the job itself gave.
    given: BTreeSet<String>,
    /// The settings of kind `path` that the job itself gave, resolved against the job file's folder. A path is the job's
    /// to choose: one that a manifest brings along opens nothing.
    paths: BTreeMap<String, PathBuf>,
}

impl Settings {
    /// Checks what a job gives and fills in presets and defaults.
    ///
    /// # Errors
    ///
    /// Gives one diagnostic for each mistake, placed at its key.
    pub fn check(
        manifest: &Manifest,
        given: &Map<String, Value>,
        folder: &Path,
    ) -> Result<Self, Vec<Diagnostic>> {
        let mut wrong = Vec::new();
        let mut values = BTreeMap::new();
        for (name, value) in given {
            match manifest.settings.get(name) {
                None => wrong.push(unknown(manifest, name)),
                Some(setting) => match checked(manifest, name, setting, value) {
                    Ok(value) => {
                        values.insert(name.clone(), value);
                    }
                    Err(diagnostic) => wrong.push(diagnostic),
                },
            }
        }
        let accepted: BTreeSet<String> = values.keys().cloned().collect();
        fill(manifest, given, &mut values);
        missing(manifest, given, &values, &mut wrong);
        urls(manifest, &accepted, &values, &mut wrong);
        if !wrong.is_empty() {
            return Err(wrong);
        }
        let paths = manifest
            .settings
            .iter()
            .filter(|(name, setting)| setting.kind == Some(SettingKind::Path) && accepted.contains(*name))
            .filter_map(|(name, _)| Some((name.clone(), folder.join(values.get(name)?.as_str()?))))
            .collect();
        Ok(Self { values: values.into_iter().collect(), given: accepted, paths })
    }

    /// Gives the values by name, with presets and defaults.
    pub fn values(&self) -> &Map<String, Value> {
        &self.values
    }

    /// Says whether the job gave a setting itself, and it was not a preset or default.
    pub(crate) fn is_given(&self, name: &str) -> bool {
        self.given.contains(name)
    }

    /// Gives the file or folder that a setting of kind `path` names, where the job gave it.
    pub(crate) fn path(&self, name: &str) -> Option<&Path> {
        self.paths.get(name).map(PathBuf::as_path)
    }

    /// Says whether a setting of kind `path` names a folder.
    pub(crate) fn is_folder(&self, name: &str) -> bool {
        self.values.get(name).and_then(Value::as_str).is_some_and(names_folder)
    }

    /// Says whether the job lets plain `http://` leave this machine.
    pub(crate) fn allow_insecure(&self) -> bool {
        self.values.get(ALLOW_INSECURE).and_then(Value::as_bool).unwrap_or(false)
    }

    /// Gives the JSON that the connector gets: a path has become its file's name, or its folder's with a `/`, and the attributes that the job
    /// refers to stand in the setting that the manifest names for them, sorted and each once.
    pub(crate) fn for_guest(&self, manifest: &Manifest, select: &[Text]) -> String {
        let mut values: BTreeMap<&str, Value> =
            self.values.iter().map(|(name, value)| (name.as_str(), value.clone())).collect();
        for (name, path) in &self.paths {
            let file = path.file_name().map(|file| file.to_string_lossy()).unwrap_or_default();
            let slash = if self.is_folder(name) { "/" } else { "" };
            values.insert(name, Value::from(format!("{file}{slash}")));
        }
        if let Some(name) = &manifest.attributes.select {
            let sorted: BTreeSet<&str> = select.iter().map(|attribute| &**attribute).collect();
            values.insert(name, sorted.into_iter().map(Value::from).collect());
        }
        serde_json::to_string(&values).unwrap_or_else(|_| "{}".to_owned())
    }
}

fn at(name: &str, message: impl Into<String>) -> Diagnostic {
    Diagnostic::error(codes::SETTING_INVALID, message).path(&["directory", "settings", name])
}

fn unknown(manifest: &Manifest, name: &str) -> Diagnostic {
    let place = ["directory", "settings", name];
    let shown = tame(name, SHOWN_BYTES);
    if let Some(credential) = looks_like_credential(manifest, name) {
        let message = format!("the credential `{shown}` stands under `[directory.settings]`");
        let hint = format!("write `{}` under `[directory.credentials]`", reference(manifest, &credential));
        return Diagnostic::error(codes::JOB_CREDENTIAL_IN_SETTINGS, message).path(&place).hint(hint);
    }
    if manifest.attributes.select.as_deref() == Some(name) {
        return at(name, format!("`{shown}` is filled in by the program")).hint("remove it");
    }
    at(name, format!("the connector `{}` has no setting `{shown}`", manifest.name))
        .hint(did_you_mean(name, manifest.settings.keys().map(String::as_str)))
}

fn checked(manifest: &Manifest, name: &str, setting: &Setting, value: &Value) -> Result<Value, Diagnostic> {
    let Some(value) = normal(setting.kind_of_value, value) else {
        return Err(at(name, format!("`{name}` must be {}", setting.kind_of_value.words())));
    };
    if let Some(text) = outside_choices(setting, &value) {
        let choices: Vec<&str> = setting.choices.iter().map(String::as_str).collect();
        let message =
            format!("`{name}` cannot be `{}`: it is one of {}", tame(text, SHOWN_BYTES), listed(&choices));
        return Err(at(name, message).hint(did_you_mean(text, choices)));
    }
    let empty = value.as_str().is_some_and(str::is_empty);
    if empty && (setting.required || setting.kind.is_some()) {
        return Err(at(name, format!("`{name}` must not be empty")));
    }
    if setting.kind == Some(SettingKind::Path)
        && let Some(path) = value.as_str()
    {
        let may_be_folder = manifest.grant.files.iter().any(|grant| grant.folder_of == name);
        let nameless = Path::new(path).file_name().is_none_or(|name| name.to_str().is_none());
        if nameless || (names_folder(path) && !may_be_folder) {
            let what = if may_be_folder { "a file, or a folder with a `/` behind it" } else { "a file" };
            return Err(at(name, format!("`{name}` must name {what}")));
        }
    }
    Ok(value)
}

/// Says whether a path is written as a folder's: what is meant does not depend on what is there.
fn names_folder(path: &str) -> bool {
    path.ends_with('/')
}

/// Fills presets, then defaults. A setting that is given wrongly keeps its mistake: nothing is filled over it.
fn fill(manifest: &Manifest, given: &Map<String, Value>, values: &mut BTreeMap<String, Value>) {
    for (chooser, presets) in &manifest.presets {
        let default = manifest.settings.get(chooser).and_then(|setting| setting.default.as_ref());
        let Some(preset) = values
            .get(chooser)
            .or(default.filter(|_| !given.contains_key(chooser)))
            .and_then(Value::as_str)
            .and_then(|chosen| presets.get(chosen))
        else {
            continue;
        };
        for (name, value) in preset {
            fill_one(manifest, given, values, name, value);
        }
    }
    for (name, setting) in &manifest.settings {
        if let Some(default) = &setting.default {
            fill_one(manifest, given, values, name, default);
        }
    }
}

fn fill_one(
    manifest: &Manifest,
    given: &Map<String, Value>,
    values: &mut BTreeMap<String, Value>,
    name: &str,
    value: &Value,
) {
    if given.contains_key(name) || values.contains_key(name) {
        return;
    }
    if let Some(value) = manifest.settings.get(name).and_then(|setting| normal(setting.kind_of_value, value))
    {
        values.insert(name.to_owned(), value);
    }
}

fn missing(
    manifest: &Manifest,
    given: &Map<String, Value>,
    values: &BTreeMap<String, Value>,
    wrong: &mut Vec<Diagnostic>,
) {
    for (name, setting) in &manifest.settings {
        if setting.required && !values.contains_key(name) && !given.contains_key(name) {
            let message = format!("the setting `{name}` is missing");
            let hint =
                format!("write `{name}` under `[directory.settings]`: {}", tame(&setting.about, SHOWN_BYTES));
            let missing = Diagnostic::error(codes::SETTING_INVALID, message);
            wrong.push(missing.path(&["directory", "settings"]).hint(hint));
        }
    }
}

/// Checks the URLs that the job gave. The manifest's own are the connector maker's and are granted separately.
fn urls(
    manifest: &Manifest,
    given: &BTreeSet<String>,
    values: &BTreeMap<String, Value>,
    wrong: &mut Vec<Diagnostic>,
) {
    let insecure = values.get(ALLOW_INSECURE).and_then(Value::as_bool).unwrap_or(false);
    let can_allow = can_allow(manifest);
    for name in given {
        let kind = manifest.settings.get(name).and_then(|setting| setting.kind);
        if let Some(text) = values.get(name).and_then(Value::as_str)
            && let Err(diagnostic) = check_address(kind, name, text, insecure, can_allow)
        {
            wrong.push(diagnostic);
        }
    }
}

/// Says what is wrong with the text of a setting that holds an address. `insecure`: plain `http://` may leave this machine,
/// `can_allow`: a job can say so.
pub(crate) fn check_address(
    kind: Option<SettingKind>,
    name: &str,
    text: &str,
    insecure: bool,
    can_allow: bool,
) -> Result<(), Diagnostic> {
    match kind {
        Some(SettingKind::LdapUrl) => {
            LdapServer::parse(text).map(drop).map_err(|why| no_server(name, text, why))
        }
        Some(SettingKind::Url) => check_url(name, text, insecure, can_allow),
        Some(SettingKind::Path) | None => Ok(()),
    }
}

/// Says what is wrong with the URL of an LDAP server.
fn no_server(name: &str, text: &str, why: String) -> Diagnostic {
    if text.contains('@') {
        let message = format!("`{name}` carries user information");
        return Diagnostic::error(codes::JOB_CREDENTIAL_IN_SETTINGS, message)
            .path(&["directory", "settings", name])
            .hint("remove what stands before the `@`; credentials belong under `[directory.credentials]`");
    }
    at(name, tame(&why, SHOWN_BYTES)).hint("write `ldaps://host`, or `ldap://host` with `start_tls = true`")
}

fn check_url(name: &str, text: &str, insecure: bool, can_allow: bool) -> Result<(), Diagnostic> {
    let Ok(url) = Url::parse(text) else {
        return Err(
            at(name, format!("`{name}` is no URL")).hint("write `https://host` or `https://host:port/path`")
        );
    };
    if !url.username().is_empty() || url.password().is_some() {
        let message = format!("`{name}` carries user information");
        return Err(Diagnostic::error(codes::JOB_CREDENTIAL_IN_SETTINGS, message)
            .path(&["directory", "settings", name])
            .hint("remove what stands before the `@`; credentials belong under `[directory.credentials]`"));
    }
    match url.scheme() {
        "https" => {}
        "http" if insecure || !is_in_the_clear(&url) => {}
        "http" => {
            let message = format!("`{name}` is plain `http://` to another machine");
            let hint =
                if can_allow { "write `https://`, or `allow_insecure = true`" } else { "write `https://`" };
            return Err(at(name, message).hint(hint));
        }
        other => {
            let message = format!("`{name}` must begin with `https://`, not `{}:`", tame(other, SHOWN_BYTES));
            return Err(at(name, message).hint("write `https://host` or `https://host:port/path`"));
        }
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(
            at(name, format!("`{name}` must not have a `?` or `#`")).hint("write what stands before it")
        );
    }
    Ok(())
}

/// Says whether what is sent to the server of a URL goes to another machine by plain `http://`.
pub(crate) fn is_in_the_clear(url: &Url) -> bool {
    Origin::of(url).is_ok_and(|server| !server.is_encrypted() && !server.is_loopback())
}
