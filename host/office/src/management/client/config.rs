//! What a client is made from.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use rollcall_core::phone::{ExtensionTemplate, UserTemplate};
use rollcall_core::{Secret, Text};
use rollcall_edges::office::OfficeError;
use url::Url;

use super::super::wire::Encoding;
use super::limits::{READ_WAIT, WRITE_WAIT};

/// How a phone system is reached, as whom, and what is known of it that it does not tell.
#[derive(Clone, Debug)]
pub struct Config {
    /// Host name or address of the primary.
    pub address: Text,
    /// The port, 7070 as a rule.
    pub port: u16,
    /// The service user.
    pub username: Text,
    /// The service user's password.
    pub password: Secret,
    /// SHA-256 of the certificate, hexadecimal. It beats `ca_file`.
    pub certificate_sha256: Option<Text>,
    /// PEM file of the authority that signed the certificate. Without both, the machine's authorities decide.
    pub ca_file: Option<PathBuf>,
    /// User templates from files: the Management API shows none.
    pub user_templates: BTreeMap<Text, UserTemplate>,
    /// Extension templates from files, likewise.
    pub extension_templates: BTreeMap<Text, ExtensionTemplate>,
    /// Whether `rollcall office compare` has shown that an update keeps what reads hide.
    pub proved: bool,
    /// How long a read may take.
    pub read_wait: Duration,
    /// How long a write may take before its outcome is unsure.
    pub write_wait: Duration,
    /// How many users may be made or deleted at once. One is right for every phone system.
    ///
    /// UNPROVEN: that a real one takes several; how many sessions and calls it allows is not known (ipoffice.md 3.3).
    pub at_once: usize,
    /// How requests are written.
    pub encoding: Encoding,
}

impl Config {
    /// Makes a configuration with the defaults for everything that has one.
    pub fn new(address: impl Into<Text>, port: u16, username: impl Into<Text>, password: Secret) -> Self {
        Self {
            address: address.into(),
            port,
            username: username.into(),
            password,
            certificate_sha256: None,
            ca_file: None,
            user_templates: BTreeMap::new(),
            extension_templates: BTreeMap::new(),
            proved: false,
            read_wait: READ_WAIT,
            write_wait: WRITE_WAIT,
            at_once: 1,
            encoding: Encoding::Json,
        }
    }

    /// Gives the root of all paths.
    pub(super) fn root(&self) -> Result<Url, OfficeError> {
        let host = match self.address.contains(':') && !self.address.starts_with('[') {
            true => format!("[{}]", self.address),
            false => self.address.to_string(),
        };
        let root = Url::parse(&format!("https://{host}:{}/WebManagement/ws/", self.port)).ok();
        // A path, user or port within the address would lead elsewhere than it looks.
        let plain = root.filter(|url| url.path() == "/WebManagement/ws/" && url.username().is_empty());
        plain.ok_or_else(|| OfficeError::Unreachable {
            message: format!("`{}` is no address of a phone system", self.address),
            hint: Some("give the host name or the IP address alone".into()),
        })
    }
}
