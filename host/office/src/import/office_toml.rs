//! The office file: `rollcall office init office.db --from office.toml`.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use rollcall_core::phone::{ExtensionTemplate, Standing, System, UserTemplate};
use rollcall_core::text::fold;
use rollcall_core::{Diagnostic, Text, codes};
use toml::de::DeTable;

use super::file::{LicenceEntry, OfficeFile};
use super::source::{Entry, Found, Source, nearest, tables};
use crate::model::{self, Elements};
use crate::profile;

/// What the file is for.
#[derive(Clone, Copy, Debug)]
pub enum Mode<'a> {
    /// A new office.
    Init,
    /// An addition to an office that stands.
    Add(&'a Standing),
    /// Templates only.
    Templates,
}

/// The types of extension that a rule or template can name (ipoffice.md 1.7).
pub(super) const KINDS: [&str; 4] = ["H323", "SIP", "IP DECT", "SIP DECT"];

const SECTIONS: [&str; 7] =
    ["system", "user", "extension", "licence", "group", "user_template", "extension_template"];

/// Reads an office file. `file` is its name as the user gave it.
///
/// # Errors
/// All mistakes at once, each with its place.
pub fn parse(file: &str, text: &str, mode: Mode<'_>) -> Result<OfficeFile, Vec<Diagnostic>> {
    let code = if matches!(mode, Mode::Templates) { codes::TEMPLATE_INVALID } else { codes::OFFICE_FILE };
    let source = Source::new(file, text, code);
    let root = source.parse(text);
    let sections: &[&str] = if matches!(mode, Mode::Templates) { &SECTIONS[5..] } else { &SECTIONS };
    let what = if matches!(mode, Mode::Templates) { "a template file" } else { "an office file" };
    // Looking at the table is what tells of unknown keys.
    let _ = Entry::new(&source, root.get_ref(), root.span(), what, sections);
    let mut reader = Reader::new(&source, mode);
    let root = root.get_ref();
    if !matches!(mode, Mode::Templates) {
        reader.systems(root);
        reader.licences(root);
    }
    reader.user_templates(root);
    reader.extension_templates(root);
    if !matches!(mode, Mode::Templates) {
        reader.groups(root);
        reader.extensions(root);
        reader.users(root);
        reader.members();
    }
    let made = reader.file;
    let mistakes = source.mistakes();
    if mistakes.is_empty() { Ok(made) } else { Err(mistakes) }
}

pub(super) struct Reader<'a> {
    pub(super) source: &'a Source,
    pub(super) file: OfficeFile,
    /// Names by folded name, numbers as they are, each with who has it.
    pub(super) names: BTreeMap<String, String>,
    pub(super) numbers: BTreeMap<Text, String>,
    pub(super) records: BTreeSet<Text>,
    pub(super) systems: BTreeMap<String, Text>,
    pub(super) groups: BTreeMap<String, Text>,
    pub(super) user_templates: BTreeMap<Text, UserTemplate>,
    pub(super) extension_templates: BTreeMap<Text, ExtensionTemplate>,
    primary: Text,
    pub(super) listed: Vec<Found>,
}

impl<'a> Reader<'a> {
    fn new(source: &'a Source, mode: Mode<'_>) -> Self {
        let mut reader = Self {
            source,
            file: OfficeFile::default(),
            names: BTreeMap::new(),
            numbers: BTreeMap::new(),
            records: BTreeSet::new(),
            systems: BTreeMap::new(),
            groups: BTreeMap::new(),
            user_templates: BTreeMap::new(),
            extension_templates: BTreeMap::new(),
            primary: Text::default(),
            listed: Vec::new(),
        };
        if let Mode::Add(standing) = mode {
            reader.stands(standing);
        }
        reader
    }

    fn stands(&mut self, standing: &Standing) {
        self.primary = standing.primary().map(|system| system.name.clone()).unwrap_or_default();
        self.systems = standing.systems.iter().map(|s| (fold(&s.name), s.name.clone())).collect();
        self.user_templates = standing.user_templates.clone();
        self.extension_templates = standing.extension_templates.clone();
        self.records = standing.extensions.iter().map(|record| record.number.clone()).collect();
        for group in &standing.groups {
            self.groups.insert(fold(&group.name), group.name.clone());
            let holder = format!("the hunt group `{}`", group.name);
            self.names.insert(fold(&group.name), holder.clone());
            self.numbers.extend(group.extension.clone().map(|number| (number, holder)));
        }
        for user in standing.users.values() {
            let holder = format!("the user `{}`", user.name());
            self.names.insert(fold(user.name()), holder.clone());
            self.numbers.extend(user.extension().map(|number| (number.into(), holder)));
        }
    }

    pub(super) fn name(&mut self, found: &Found, holder: String) {
        if let Some(other) = self.names.insert(fold(&found.text), holder) {
            self.source
                .wrong(found.span.clone(), format!("the name `{}` belongs to {other} already", found.text));
        }
    }

    pub(super) fn number(&mut self, found: &Found, holder: String) {
        if let Some(other) = self.numbers.insert(found.text.clone(), holder) {
            let message = format!("the extension `{}` belongs to {other} already", found.text);
            self.source.wrong(found.span.clone(), message);
        }
    }

    fn systems(&mut self, root: &DeTable<'_>) {
        let found = tables(self.source, root, "system");
        if found.is_empty() && self.systems.is_empty() {
            self.file.systems = OfficeFile::plain().systems;
        }
        let mut marked: Option<Range<usize>> = None;
        for (span, table) in found {
            let keys = ["name", "primary", "fqdn", "lan1", "lan2", "max_users"];
            let entry = Entry::new(self.source, table, span, "a system", &keys);
            let Some(name) = entry.required("name") else { continue };
            let primary = entry.boolean("primary").unwrap_or(false);
            if primary && marked.replace(name.span.clone()).is_some() {
                self.source.wrong(name.span.clone(), "two systems are marked as primary");
            }
            if self.systems.insert(fold(&name.text), name.text.clone()).is_some() {
                self.source
                    .wrong(name.span.clone(), format!("the system `{}` stands there twice", name.text));
            }
            let text = |key| entry.text(key).map(|found| found.text);
            let (fqdn, lan1, lan2) = (text("fqdn"), text("lan1"), text("lan2"));
            let max_users = entry.count("max_users");
            self.file.systems.push(System { name: name.text, primary, fqdn, lan1, lan2, max_users });
        }
        if let (false, Some(first)) =
            (self.file.systems.iter().any(|s| s.primary), self.file.systems.first_mut())
            && self.primary.is_empty()
        {
            first.primary = true;
        }
        for system in &self.file.systems {
            self.systems.insert(fold(&system.name), system.name.clone());
            if system.primary && self.primary.is_empty() {
                self.primary = system.name.clone();
            }
        }
    }

    /// Gives the exact name of the system that an entry names, else the primary's.
    pub(super) fn system(&self, entry: &Entry<'_, '_>) -> Text {
        let Some(found) = entry.text("system") else { return self.primary.clone() };
        if let Some(name) = self.systems.get(&fold(&found.text)) {
            return name.clone();
        }
        let known: Vec<&str> = self.systems.values().map(|name| &**name).collect();
        let message = format!("there is no system `{}`", found.text);
        self.source.wrong_with(found.span, message, format!("the systems are {}", known.join(", ")));
        self.primary.clone()
    }

    fn licences(&mut self, root: &DeTable<'_>) {
        for (span, table) in tables(self.source, root, "licence") {
            let entry = Entry::new(self.source, table, span.clone(), "a licence", &["profile", "quantity"]);
            let profile = entry.required("profile").and_then(|found| self.profile(&found));
            if entry.value("quantity").is_none() {
                self.source.wrong(span, "a licence needs `quantity`");
            }
            if let (Some(profile), Some(quantity)) = (profile, entry.count("quantity")) {
                self.file.licences.push(LicenceEntry { profile, quantity });
            }
        }
    }

    pub(super) fn profile(&self, found: &Found) -> Option<Text> {
        let printed = profile::printed(&found.text);
        if printed.is_none() {
            let names: Vec<&str> = profile::names().collect();
            let hint = match nearest(&found.text, &names) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("the profiles are {}", names.join(", ")),
            };
            self.source.wrong_with(found.span.clone(), format!("there is no profile `{}`", found.text), hint);
        }
        printed
    }

    pub(super) fn kind(&self, entry: &Entry<'_, '_>, key: &str) -> Option<Text> {
        let found = entry.text(key)?;
        let plain = |text: &str| fold(text).replace(['.', '-', '_', ' '], "");
        let kind = KINDS.iter().find(|kind| plain(kind) == plain(&found.text));
        if kind.is_none() {
            let message = format!("there is no extension type `{}`", found.text);
            self.source.wrong_with(found.span, message, format!("the types are {}", KINDS.join(", ")));
        }
        kind.map(|kind| Text::from(*kind))
    }

    /// Gives the elements under `values`. Templates cannot have those that belong to one person.
    pub(super) fn values(&self, entry: &Entry<'_, '_>, template: bool) -> Elements {
        let mut elements = Elements::new();
        for (key, value) in entry.simple_values("values") {
            let Some(name) = model::element_of_key(&key.text) else {
                let message = format!("no element is known as `{}`", key.text);
                let near = nearest(&key.text.replace('_', ""), &model::KNOWN);
                let hint = match near {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => "write an element's name as Avaya does, with a capital letter".to_owned(),
                };
                self.source.wrong_with(key.span, message, hint);
                continue;
            };
            if template && model::personal(&name) {
                let message = format!("a template cannot set `{name}`, which belongs to one person");
                self.source.wrong(key.span, message);
                continue;
            }
            elements.insert(name, value.text);
        }
        elements
    }

    fn user_templates(&mut self, root: &DeTable<'_>) {
        for (span, table) in tables(self.source, root, "user_template") {
            let entry =
                Entry::new(self.source, table, span, "a user template", &["name", "profile", "values"]);
            let mut values = self.values(&entry, true);
            let package = values.remove(model::element::PACKAGE);
            let profile = match entry.text("profile") {
                Some(found) => self.profile(&found),
                None => package.and_then(|package| profile::of_package(&package)),
            };
            let Some(name) = entry.required("name") else { continue };
            let template = UserTemplate { name: name.text.clone(), profile, values };
            if self.user_templates.insert(name.text.clone(), template.clone()).is_some() {
                self.source.wrong(name.span, format!("the user template `{}` stands there twice", name.text));
            }
            self.file.user_templates.push(template);
        }
    }

    fn extension_templates(&mut self, root: &DeTable<'_>) {
        for (span, table) in tables(self.source, root, "extension_template") {
            let keys = ["name", "type", "values"];
            let entry = Entry::new(self.source, table, span, "an extension template", &keys);
            let (kind, values) = (self.kind(&entry, "type"), self.values(&entry, true));
            let Some(name) = entry.required("name") else { continue };
            let template = ExtensionTemplate { name: name.text.clone(), kind, values };
            if self.extension_templates.insert(name.text.clone(), template.clone()).is_some() {
                self.source
                    .wrong(name.span, format!("the extension template `{}` stands there twice", name.text));
            }
            self.file.extension_templates.push(template);
        }
    }
}
