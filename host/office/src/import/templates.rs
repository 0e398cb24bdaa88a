//! Template files: TOML as in an office file, or the XML that Web Manager's Template Management downloads.
//!
//! The shape of that XML is taken to be the export's (ipoffice.md 1.7 and 3.2): no example was to be had. UNPROVEN. A
//! file with one object is named by its `TemplateName`, else by the file (`J179.xml` is `J179`); in a file with several
//! each says its name.

use std::collections::BTreeMap;
use std::path::Path;

use rollcall_core::phone::{ExtensionTemplate, UserTemplate};
use rollcall_core::{Diagnostic, Text, codes};

use super::office_toml::{KINDS, Mode, parse};
use super::source::read_file;
use super::xml::{self, Object};
use crate::limits::OFFICE_FILE_BYTES_MAX;
use crate::model::{self, Elements, element};
use crate::profile;

/// What template files give.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Templates {
    /// The user templates by name.
    pub users: BTreeMap<Text, UserTemplate>,
    /// The extension templates by name.
    pub extensions: BTreeMap<Text, ExtensionTemplate>,
}

/// Reads template files; their form is seen by what they hold.
///
/// # Errors
/// All mistakes of all files, a name that stands in two of them among these.
pub fn read_templates<P: AsRef<Path>>(paths: &[P]) -> Result<Templates, Vec<Diagnostic>> {
    let mut templates = Templates::default();
    let mut mistakes = Vec::new();
    for path in paths {
        let path = path.as_ref();
        let made = read_file(path, OFFICE_FILE_BYTES_MAX).map_err(|wrong| vec![wrong]);
        match made.and_then(|text| read_one(path, &text)) {
            Ok((users, extensions)) => {
                for template in users {
                    let twice = templates.users.insert(template.name.clone(), template.clone()).is_some();
                    mistakes.extend(twice.then(|| double(path, "user template", &template.name)));
                }
                for template in extensions {
                    let twice =
                        templates.extensions.insert(template.name.clone(), template.clone()).is_some();
                    mistakes.extend(twice.then(|| double(path, "extension template", &template.name)));
                }
            }
            Err(wrong) => mistakes.extend(wrong),
        }
    }
    if mistakes.is_empty() { Ok(templates) } else { Err(mistakes) }
}

fn double(path: &Path, what: &str, name: &str) -> Diagnostic {
    let message = format!("the {what} `{name}` of `{}` stands in another template file too", path.display());
    Diagnostic::error(codes::TEMPLATE_INVALID, message)
}

fn read_one(path: &Path, text: &str) -> Result<(Vec<UserTemplate>, Vec<ExtensionTemplate>), Vec<Diagnostic>> {
    if !text.trim_start().starts_with('<') {
        let file = parse(&path.to_string_lossy(), text, Mode::Templates)?;
        return Ok((file.user_templates, file.extension_templates));
    }
    let wrong = |why: String| {
        vec![Diagnostic::error(
            codes::TEMPLATE_INVALID,
            format!("`{}` is no template: {why}", path.display()),
        )]
    };
    let objects = xml::objects(text, &["User", "Extension"]).map_err(wrong)?;
    if objects.is_empty() {
        return Err(wrong("it holds neither a `User` nor an `Extension`".into()));
    }
    let stem: Text = path.file_stem().map(|stem| stem.to_string_lossy()).unwrap_or_default().into();
    let alone = objects.len() == 1;
    let (mut users, mut extensions) = (Vec::new(), Vec::new());
    for object in objects {
        let name = name_of(&object, alone.then_some(&stem));
        let name = name.ok_or_else(|| wrong("one of its objects has no name".into()))?;
        if object.kind == "User" {
            users.push(user(name, &object.elements));
        } else {
            extensions.push(extension(name, &object.elements));
        }
    }
    Ok((users, extensions))
}

fn name_of(object: &Object, file: Option<&Text>) -> Option<Text> {
    let get = |name: &str| object.elements.get(name).filter(|text| !text.is_empty()).cloned();
    get("TemplateName").or_else(|| file.cloned()).or_else(|| get(element::NAME))
}

/// Keeps what a template can set: simple elements that belong to no one person.
fn values(elements: &Elements) -> Elements {
    let keep = |name: &str| !model::personal(name) && !name.contains('/') && name != "TemplateName";
    elements.iter().filter(|(name, _)| keep(name)).map(|(name, text)| (name.clone(), text.clone())).collect()
}

fn user(name: Text, elements: &Elements) -> UserTemplate {
    let mut values = values(elements);
    let profile = values.remove(element::PACKAGE).and_then(|package| profile::of_package(&package));
    UserTemplate { name, profile, values }
}

fn extension(name: Text, elements: &Elements) -> ExtensionTemplate {
    let written = ["ExtensionType", "TypeInfo", "Type"].iter().find_map(|name| elements.get(*name));
    ExtensionTemplate { name, kind: written.and_then(|text| kind_of(text)), values: values(elements) }
}

/// Reads the type out of whatever words it stands in (`SIP Extension`, `H.323`); the values of `TypeInfo` are not known.
pub(super) fn kind_of(text: &str) -> Option<Text> {
    let plain: String = text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_uppercase).collect();
    let order = ["SIP DECT", "IP DECT", "H323", "SIP"];
    let found = order.iter().find(|kind| plain.contains(&kind.replace(' ', "")))?;
    KINDS.contains(found).then(|| (*found).into())
}
