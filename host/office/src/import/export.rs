//! Writing an office as an office file, and a user as a template: what is written is read back as it was.

use std::fmt::Write as _;

use rollcall_core::phone::{Standing, UserTemplate};
use rollcall_core::{Field, Text, Value};

use super::user_keys::{self, FIELD_KEYS};
use crate::embedded::{ExtensionView, UserView};
use crate::model::{self, Elements, element};
use crate::profile;

/// Writes an office as an office file, in a fixed order. Codes are left out unless `reveal` is set: the file is a secret
/// then.
pub fn export(standing: &Standing, users: &[UserView], extensions: &[ExtensionView], reveal: bool) -> String {
    let mut out = String::new();
    for system in &standing.systems {
        let mut table = Table::new(&mut out, "system");
        table.text("name", Some(&system.name));
        if system.primary {
            table.raw("primary", "true");
        }
        table.text("fqdn", system.fqdn.as_deref());
        table.text("lan1", system.lan1.as_deref());
        table.text("lan2", system.lan2.as_deref());
        if let Some(most) = system.max_users {
            table.raw("max_users", &most.to_string());
        }
    }
    for licence in &standing.licences {
        let mut table = Table::new(&mut out, "licence");
        table.text("profile", Some(&licence.profile));
        table.raw("quantity", &licence.quantity.to_string());
    }
    for template in standing.user_templates.values() {
        user_template(&mut out, template);
    }
    for template in standing.extension_templates.values() {
        let mut table = Table::new(&mut out, "extension_template");
        table.text("name", Some(&template.name));
        table.text("type", template.kind.as_deref());
        table.values(&template.values);
    }
    for group in &standing.groups {
        let mut table = Table::new(&mut out, "group");
        table.text("name", Some(&group.name));
        table.text("extension", group.extension.as_deref());
        table.text("system", Some(&group.system));
    }
    for view in extensions {
        let mut table = Table::new(&mut out, "extension");
        let record = &view.extension;
        table.text("extension", Some(&record.number));
        table.text("system", Some(&record.system));
        table.text("type", record.kind.as_deref());
        table.text("template", record.template.as_deref());
        if record.hardware {
            table.raw("hardware", "true");
        }
        table.text("guid", Some(&record.guid));
        let made = record.template.as_ref().and_then(|name| standing.extension_templates.get(name));
        table.values(&user_keys::rest(&view.elements, made.map_or(&Elements::new(), |made| &made.values)));
    }
    for view in users {
        user(&mut out, standing, view, reveal);
    }
    out
}

fn user(out: &mut String, standing: &Standing, view: &UserView, reveal: bool) {
    let mut table = Table::new(out, "user");
    let mut fields = model::fields(&view.elements, &[]);
    let mut all = view.elements.clone();
    if !reveal {
        for field in [Field::LoginCode, Field::VoicemailCode] {
            fields.remove(&field);
            model::element_of(field).map(|name| all.remove(name));
        }
        all.remove("Password");
    }
    for (key, field) in FIELD_KEYS {
        match fields.get(&field) {
            Some(Value::Secret(secret)) => table.text(key, Some(secret.expose())),
            value => table.text(key, value.and_then(Value::text)),
        }
    }
    table.text("system", Some(&view.system));
    let template = view.template.as_ref().and_then(|name| standing.user_templates.get(name));
    let profile = view.elements.get(element::PACKAGE).and_then(|package| profile::printed(package));
    table.text("profile", profile.as_deref());
    table.text("user_template", template.map(|template| &*template.name));
    let groups = standing.users.get(&view.guid).map(|user| rollcall_core::field::groups_of(&user.fields));
    table.list("groups", groups.unwrap_or_default());
    table.text("guid", Some(&view.guid));
    table.values(&user_keys::rest(&all, &user_keys::elements(&fields, profile.as_ref(), template)));
}

fn user_template(out: &mut String, template: &UserTemplate) {
    let mut table = Table::new(out, "user_template");
    table.text("name", Some(&template.name));
    table.text("profile", template.profile.as_deref());
    table.values(&template.values);
}

/// Writes a template with everything that a standing user has and that does not belong to one person.
pub fn template_from_user(name: &str, user: &Elements) -> String {
    let mut values: Elements = user.clone();
    values.retain(|name, text| !model::personal(name) && !text.is_empty());
    // Where mobile twinning goes is one person's affair, and so is that it is on.
    for name in [element::TWINNING_TYPE, element::MOBILITY] {
        values.remove(name);
    }
    let profile = values.remove(element::PACKAGE).and_then(|package| profile::of_package(&package));
    let mut out = String::new();
    user_template(&mut out, &UserTemplate { name: name.into(), profile, values });
    out
}

/// One table of the file while it is written.
struct Table<'a> {
    out: &'a mut String,
}

impl<'a> Table<'a> {
    fn new(out: &'a mut String, section: &str) -> Self {
        if !out.is_empty() {
            out.push('\n');
        }
        out.push_str("[[");
        out.push_str(section);
        out.push_str("]]\n");
        Self { out }
    }

    fn raw(&mut self, key: &str, value: &str) {
        // Writing to a text cannot fail.
        let _ = writeln!(self.out, "{key} = {value}");
    }

    fn text(&mut self, key: &str, value: Option<&str>) {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            self.raw(key, &quoted(value));
        }
    }

    fn list(&mut self, key: &str, texts: &[Text]) {
        if !texts.is_empty() {
            let texts: Vec<String> = texts.iter().map(|text| quoted(text)).collect();
            self.raw(key, &format!("[{}]", texts.join(", ")));
        }
    }

    fn values(&mut self, elements: &Elements) {
        if elements.is_empty() {
            return;
        }
        let values: Vec<String> = elements
            .iter()
            .map(|(name, text)| match &**text {
                "true" | "false" => format!("{} = {text}", bare(name)),
                _ => format!("{} = {}", bare(name), quoted(text)),
            })
            .collect();
        self.raw("values", &format!("{{ {} }}", values.join(", ")));
    }
}

fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

fn bare(key: &str) -> String {
    let plain = !key.is_empty() && key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
    if plain { key.to_owned() } else { quoted(key) }
}
