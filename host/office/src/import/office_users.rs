//! The groups, extension records and users of an office file.

use rollcall_core::field::Fields;
use rollcall_core::text::fold;
use rollcall_core::{Field, Secret, Text, Value, constraint};
use toml::de::DeTable;

use super::file::{ExtensionEntry, GroupEntry, UserEntry};
use super::office_toml::Reader;
use super::source::{Entry, Found, tables};
use super::user_keys::{self, FIELD_KEYS};

impl Reader<'_> {
    pub(super) fn groups(&mut self, root: &DeTable<'_>) {
        for (span, table) in tables(self.source, root, "group") {
            let keys = ["name", "extension", "system", "members"];
            let entry = Entry::new(self.source, table, span, "a hunt group", &keys);
            let system = self.system(&entry);
            let number = entry.checked("extension", constraint::extension);
            let Some(name) = entry.required("name") else { continue };
            // A list of groups in a directory's attribute is split at commas.
            if name.text.contains(',') || name.text.chars().any(constraint::invisible) {
                self.source
                    .wrong(name.span.clone(), "a hunt group's name has no comma and no invisible character");
            }
            let holder = format!("the hunt group `{}`", name.text);
            self.name(&name, holder.clone());
            if let Some(number) = &number {
                self.number(number, holder);
            }
            self.groups.insert(fold(&name.text), name.text.clone());
            let members = entry.list("members");
            self.file.groups.push(GroupEntry {
                name: name.text,
                extension: number.map(|number| number.text),
                system,
                members: members.iter().map(|member| member.text.clone()).collect(),
            });
            self.listed.extend(members);
        }
    }

    /// Checks the members that groups list, once every user is known.
    pub(super) fn members(&self) {
        for member in &self.listed {
            let user = |holder: Option<&String>| holder.is_some_and(|holder| holder.starts_with("the user"));
            if !user(self.names.get(&fold(&member.text))) && !user(self.numbers.get(&member.text)) {
                self.source.wrong(member.span.clone(), format!("there is no user `{}`", member.text));
            }
        }
    }

    fn template_of(&self, entry: &Entry<'_, '_>, key: &str) -> Option<Text> {
        let found = entry.text(key)?;
        if self.extension_templates.contains_key(&found.text) {
            return Some(found.text);
        }
        self.source.wrong(found.span, format!("there is no extension template `{}`", found.text));
        None
    }

    fn record(&mut self, number: &Found, mut record: ExtensionEntry) {
        if let Some(words) = self.group_with(&number.text) {
            self.source
                .wrong(number.span.clone(), format!("the extension `{}` belongs to {words}", number.text));
        }
        if !self.records.insert(number.text.clone()) {
            let message = format!("the extension `{}` has a record already", number.text);
            self.source.wrong(number.span.clone(), message);
        }
        if let Some(template) = record.template.as_ref().and_then(|name| self.extension_templates.get(name)) {
            record.kind = record.kind.take().or_else(|| template.kind.clone());
            let own = std::mem::take(&mut record.elements);
            record.elements = template.values.clone();
            record.elements.extend(own);
        }
        self.file.extensions.push(record);
    }

    fn group_with(&self, number: &Text) -> Option<&str> {
        self.numbers.get(number).map(String::as_str).filter(|words| words.starts_with("the hunt group"))
    }

    pub(super) fn extensions(&mut self, root: &DeTable<'_>) {
        for (span, table) in tables(self.source, root, "extension") {
            let keys = ["extension", "system", "type", "template", "hardware", "guid", "values"];
            let entry = Entry::new(self.source, table, span, "an extension", &keys);
            let record = ExtensionEntry {
                guid: entry.text("guid").map(|found| found.text),
                number: Text::default(),
                system: self.system(&entry),
                kind: entry.text("type").map(|found| found.text),
                template: self.template_of(&entry, "template"),
                hardware: entry.boolean("hardware").unwrap_or(false),
                elements: self.values(&entry, false),
            };
            if entry.required("extension").is_none() {
                continue;
            }
            let Some(number) = entry.checked("extension", constraint::extension) else { continue };
            self.record(&number, ExtensionEntry { number: number.text.clone(), ..record });
        }
    }

    pub(super) fn users(&mut self, root: &DeTable<'_>) {
        let mut keys: Vec<&str> = FIELD_KEYS.iter().map(|(key, _)| *key).collect();
        keys.extend(["system", "profile", "user_template", "extension_type", "extension_template"]);
        keys.extend(["groups", "guid", "values"]);
        for (span, table) in tables(self.source, root, "user") {
            let entry = Entry::new(self.source, table, span, "a user", &keys);
            self.user(&entry);
        }
    }

    fn user(&mut self, entry: &Entry<'_, '_>) {
        let mut fields = Fields::new();
        for (key, field) in FIELD_KEYS {
            let Some(found) = entry.checked(key, check(field)).filter(|found| !found.text.is_empty()) else {
                continue;
            };
            let text = found.text;
            fields.insert(
                field,
                if field.secret() { Value::Secret(Secret::new(text)) } else { Value::Text(text) },
            );
        }
        let profile = entry.text("profile").and_then(|found| self.profile(&found));
        let template = entry.text("user_template");
        if let Some(found) = template.as_ref().filter(|found| !self.user_templates.contains_key(&found.text))
        {
            self.source.wrong(found.span.clone(), format!("there is no user template `{}`", found.text));
        }
        let template = template.map(|found| found.text);
        let made = template.as_ref().and_then(|name| self.user_templates.get(name));
        let mut elements = user_keys::elements(&fields, profile.as_ref(), made);
        elements.extend(self.values(entry, false));
        let system = self.system(entry);
        let groups = self.groups_of(entry);
        self.own_record(entry, &system);
        let guid = entry.text("guid").map(|found| found.text);
        let Some(name) = entry.required("name") else { return };
        let holder = format!("the user `{}`", name.text);
        self.name(&name, holder.clone());
        if let Some(number) = entry.text("extension").filter(|_| fields.contains_key(&Field::Extension)) {
            self.number(&number, holder);
        }
        self.file.users.push(UserEntry { guid, system, user_template: template, elements, groups });
    }

    fn groups_of(&self, entry: &Entry<'_, '_>) -> Vec<Text> {
        let mut groups = Vec::new();
        for found in entry.list("groups") {
            match self.groups.get(&fold(&found.text)) {
                Some(group) => groups.push(group.clone()),
                None => self.source.wrong(found.span, format!("there is no hunt group `{}`", found.text)),
            }
        }
        groups
    }

    /// Makes the extension record that a user's own keys ask for.
    fn own_record(&mut self, entry: &Entry<'_, '_>, system: &Text) {
        let (kind, template) =
            (self.kind(entry, "extension_type"), self.template_of(entry, "extension_template"));
        if kind.is_none() && template.is_none() {
            return;
        }
        match entry.text("extension") {
            Some(number) => {
                let (system, text) = (system.clone(), number.text.clone());
                self.record(
                    &number,
                    ExtensionEntry { number: text, system, kind, template, ..Default::default() },
                );
            }
            None => self.source.wrong(entry.span.clone(), "an extension type needs an `extension`"),
        }
    }
}

fn check(field: Field) -> fn(&str) -> Result<(), String> {
    match field {
        // The users that come with a system stand in office files too.
        Field::Name => |name| {
            if name.is_empty() || constraint::reserved_name(name) { Ok(()) } else { constraint::name(name) }
        },
        Field::FullName => constraint::full_name,
        Field::Email => |text| if text.is_empty() { Ok(()) } else { constraint::email(text) },
        Field::Extension => |text| if text.is_empty() { Ok(()) } else { constraint::extension(text) },
        Field::MobileTwinningNumber => {
            |text| if text.is_empty() { Ok(()) } else { constraint::external_number(text) }
        }
        Field::LoginCode => |text| if text.is_empty() { Ok(()) } else { constraint::login_code(text) },
        Field::VoicemailCode => constraint::voicemail_code,
        Field::UserIdentification | Field::GroupMembership | Field::UserProvisioningRule | Field::System => {
            |_| Ok(())
        }
    }
}
