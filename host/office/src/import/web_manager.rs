//! Web Manager's export of users (`users.xml`, Call Management > Users > Actions > Export All).
//!
//! It shows what the Management API hides, forwarding and mobile twinning among it, and login codes: the file is a secret.

use std::collections::{BTreeMap, BTreeSet};

use rollcall_core::phone::{Standing, System};
use rollcall_core::text::fold;
use rollcall_core::{Diagnostic, Guid, Text, codes, constraint};

use super::file::{OfficeFile, UserEntry};
use super::xml;
use crate::model::{Elements, element};

/// A user of an export.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExportedUser {
    /// Its GUID, where the export has one.
    pub guid: Option<Guid>,
    /// All elements.
    pub elements: Elements,
}

impl ExportedUser {
    /// Gives the user's Name, or nothing.
    pub fn name(&self) -> &str {
        self.elements.get(element::NAME).map(|name| &**name).unwrap_or_default()
    }
}

/// Reads the users of an export. `file` is its name as the user gave it.
///
/// # Errors
/// One diagnostic: no XML, or no user in it.
pub fn read_users(file: &str, text: &str) -> Result<Vec<ExportedUser>, Diagnostic> {
    let wrong =
        |why: String| Diagnostic::error(codes::OFFICE_FILE, format!("`{file}` is no export of users: {why}"));
    let objects = xml::objects(text, &["User"]).map_err(wrong)?;
    if objects.is_empty() {
        return Err(wrong("it holds no `User`".into())
            .hint("export in Web Manager with Call Management > Users > Actions > Export All"));
    }
    Ok(objects
        .into_iter()
        .map(|object| ExportedUser { guid: object.guid, elements: object.elements })
        .collect())
}

/// Makes an office file of an export: `office import`, or `office init --from users.xml`. Systems that the users name
/// and that do not stand yet are made.
///
/// # Errors
/// Names or numbers that stand there twice.
pub fn office_from_export(
    file: &str,
    users: &[ExportedUser],
    standing: Option<&Standing>,
) -> Result<OfficeFile, Vec<Diagnostic>> {
    let mut made = OfficeFile::default();
    let mut systems: BTreeMap<String, Text> = BTreeMap::new();
    let mut primary: Option<Text> = None;
    if let Some(standing) = standing {
        systems.extend(standing.systems.iter().map(|system| (fold(&system.name), system.name.clone())));
        primary = standing.primary().map(|system| system.name.clone());
    }
    let (mut names, mut numbers) = (BTreeSet::new(), BTreeSet::new());
    let mut mistakes = Vec::new();
    for user in users {
        let mut wrong = |why: String| {
            mistakes.push(Diagnostic::error(codes::OFFICE_FILE, format!("in `{file}`: {why}")));
        };
        let get = |name: &str| user.elements.get(name).filter(|text| !text.is_empty());
        let Some(name) = get(element::NAME) else {
            wrong("a user has no `Name`".into());
            continue;
        };
        // Every system has its own built-in users; one of each name is enough here.
        if !names.insert(fold(name)) {
            if !constraint::reserved_name(name) {
                wrong(format!("the name `{name}` stands there twice"));
            }
            continue;
        }
        if let Some(number) = get(element::EXTENSION).filter(|number| !numbers.insert((*number).clone())) {
            wrong(format!("the extension `{number}` stands there twice"));
        }
        let system =
            get("SystemName").cloned().or_else(|| primary.clone()).unwrap_or_else(|| "Primary".into());
        let known = systems.entry(fold(&system)).or_insert_with(|| {
            let first = primary.is_none() && made.systems.is_empty();
            made.systems.push(System { name: system.clone(), primary: first, ..System::default() });
            primary.get_or_insert_with(|| system.clone());
            system.clone()
        });
        let mut elements = user.elements.clone();
        elements.retain(|name, _| !matches!(&**name, "Etag" | "Last-Modified"));
        made.users.push(UserEntry {
            guid: user.guid.clone(),
            system: known.clone(),
            user_template: None,
            elements,
            groups: Vec::new(),
        });
    }
    if mistakes.is_empty() { Ok(made) } else { Err(mistakes) }
}
