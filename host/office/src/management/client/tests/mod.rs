//! The client against the server, over TLS on loopback.

mod faults;
mod trust;
mod whole;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use rollcall_core::ops::Write;
use rollcall_core::phone::System;
use rollcall_core::{Field, Secret, Text, Value};
use rollcall_edges::office::{Locator, Office as _};
use rollcall_edges::office_suite::beginning;

use super::super::server::{ElementStore as _, Keep, Modes, Running, Server};
use super::{Client, Config};
use crate::embedded::Embedded;
use crate::import::{GroupEntry, OfficeFile, UserEntry};
use crate::model::Elements;

/// A server over an embedded office in a folder of its own.
struct Bench {
    running: Running,
    office: Arc<Embedded>,
    folder: PathBuf,
}

impl Drop for Bench {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn folder() -> PathBuf {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let folder = std::env::temp_dir().join(format!("rollcall-management-{}-{number}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

fn elements(pairs: &[(&str, &str)]) -> Elements {
    pairs.iter().map(|(name, text)| (Text::from(*name), Text::from(*text))).collect()
}

/// What the contract suite begins with, as an office file.
fn plain() -> OfficeFile {
    let standing = beginning();
    OfficeFile {
        systems: standing.systems,
        groups: standing
            .groups
            .into_iter()
            .map(|group| GroupEntry {
                name: group.name,
                extension: group.extension,
                system: group.system,
                members: Vec::new(),
            })
            .collect(),
        user_templates: standing.user_templates.into_values().collect(),
        extension_templates: standing.extension_templates.into_values().collect(),
        ..OfficeFile::default()
    }
}

/// An office with two systems and two users who carry elements that nobody here knows.
fn peopled() -> OfficeFile {
    let system = |name: &str, primary, lan1: &str| System {
        name: name.into(),
        primary,
        lan1: Some(lan1.into()),
        ..System::default()
    };
    let user = |guid: &str, name: &str, number: &str, system: &str| UserEntry {
        guid: Some(guid.into()),
        system: system.into(),
        elements: elements(&[
            ("Name", name),
            ("FullName", "Old Name"),
            ("Extension", number),
            ("AssignedPackage", "1"),
            ("ForwardNumber", "5550100"),
            ("ZetaUnknown", "kept <&> verbatim"),
        ]),
        ..UserEntry::default()
    };
    OfficeFile {
        systems: vec![system("London", true, "192.0.2.1"), system("Leeds", false, "192.0.2.2")],
        users: vec![user("g-anna", "Anna", "2001", "London"), user("g-bo", "Bo", "2002", "Leeds")],
        ..OfficeFile::default()
    }
}

async fn bench(modes: &str, file: OfficeFile) -> Bench {
    let folder = folder();
    let office = Arc::new(Embedded::create(&folder.join("office.db"), &file).unwrap());
    let server = Server {
        listen: "127.0.0.1:0".into(),
        username: "rollcall".into(),
        password: Secret::new("pass:word"),
        store: Arc::clone(&office) as _,
        modes: Modes::parse([modes]).unwrap(),
        keep: Keep::InMemory,
    };
    Bench { running: server.start().await.unwrap(), office, folder }
}

impl Bench {
    fn config(&self) -> Config {
        let standing = beginning();
        Config {
            certificate_sha256: Some(self.running.certificate_sha256().into()),
            user_templates: standing.user_templates,
            extension_templates: standing.extension_templates,
            read_wait: Duration::from_secs(20),
            write_wait: Duration::from_secs(5),
            ..Config::new("127.0.0.1", self.running.address().port(), "rollcall", Secret::new("pass:word"))
        }
    }

    async fn client(&self) -> Client {
        Client::connect(self.config()).await.unwrap()
    }

    /// What the office holds of an element, whatever reads show.
    async fn held(&self, guid: &str, element: &str) -> Option<String> {
        let user = self.office.user(guid).await.unwrap()?;
        user.elements.get(element).map(|text| text.to_string())
    }

    fn asked(&self, method: &str) -> usize {
        self.running.log().iter().filter(|logged| logged.method == method).count()
    }
}

/// Changes the full name of a user from what it is in [`peopled`].
fn rename(guid: &str, to: &str) -> Write {
    Write::UpdateUser {
        guid: guid.into(),
        expect: vec![(Field::FullName, Some("Old Name".into()))],
        set: vec![(Field::FullName, Some(Value::from(to)))],
    }
}

fn create(name: &str, number: &str, system: &str) -> Write {
    Write::CreateUser {
        fields: [(Field::Name, Value::from(name)), (Field::Extension, Value::from(number))].into(),
        system: system.into(),
        template: None,
    }
}

async fn full_name(client: &Client, guid: &str) -> Option<String> {
    let user = client.find(&Locator::Guid(guid.into())).await.unwrap()?;
    user.fields.get(&Field::FullName).and_then(Value::text).map(str::to_owned)
}
