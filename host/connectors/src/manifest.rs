//! The manifest `connector.toml`: what a connector is called, which settings it takes, how the host signs in for it
//! and what it asks to be granted. The format is described in `plugins/manifest.md`; it is read without running the
//! connector, because grants are decided before anything is linked.

use std::collections::BTreeMap;

use rollcall_core::{Diagnostic, codes};
use serde::Deserialize;
use serde_json::Value;

use crate::limits::MANIFEST_BYTES;
use crate::manifest_check;

/// A connector's manifest, checked.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The connector's name: `[a-z0-9-]`, at most 40 bytes.
    pub name: String,
    /// Its version.
    pub version: String,
    /// One sentence on it.
    pub about: String,
    /// The WIT package's track: `0.1`.
    pub contract: String,
    /// The settings that a job may give.
    #[serde(default)]
    pub settings: BTreeMap<String, Setting>,
    /// Setting, then its value, then the other settings that this value fills in.
    #[serde(default)]
    pub presets: BTreeMap<String, BTreeMap<String, BTreeMap<String, Value>>>,
    /// What the host tells the connector about the attributes that the job refers to.
    #[serde(default)]
    pub attributes: AttributesSection,
    /// Which accounts are disabled, for jobs that keep them.
    pub disabled: Option<DisabledSection>,
    /// The credentials that a job gives, which never reach the connector.
    #[serde(default)]
    pub credentials: Credentials,
    /// The logins that the connector may name in a request.
    #[serde(default)]
    pub login: BTreeMap<String, Login>,
    /// What the connector asks for.
    #[serde(default)]
    pub grant: Grants,
}

/// One setting.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Setting {
    /// What it holds.
    #[serde(rename = "type")]
    pub kind_of_value: SettingType,
    /// One sentence on it.
    pub about: String,
    /// Whether a job cannot do without it.
    #[serde(default)]
    pub required: bool,
    /// What it is where neither the job nor a preset says otherwise.
    pub default: Option<Value>,
    /// The only texts allowed; empty: any.
    #[serde(default)]
    pub choices: Vec<String>,
    /// What its text is, where the host treats that specially.
    pub kind: Option<SettingKind>,
}

/// What a setting holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SettingType {
    /// A text.
    Text,
    /// A whole number.
    Integer,
    /// Yes or no.
    Boolean,
    /// A list of texts.
    List,
    /// A list of texts, or one text that stands for a list of one.
    TextOrList,
}

impl SettingType {
    /// The words for it in messages.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Integer => "a whole number",
            Self::Boolean => "`true` or `false`",
            Self::List => "a list of texts",
            Self::TextOrList => "a text or a list of texts",
        }
    }
}

/// What a text is, where the host treats it specially.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SettingKind {
    /// An http or https URL without user information.
    Url,
    /// A file, relative to the job file's folder.
    Path,
    /// An ldap or ldaps URL of a server.
    #[serde(rename = "ldap-url")]
    LdapUrl,
}

/// `[attributes]`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AttributesSection {
    /// The setting that the host fills with the attributes that the job refers to.
    pub select: Option<String>,
    /// Whether users may have attributes that the connector does not name.
    #[serde(default)]
    pub open: bool,
}

/// `[disabled]`: what a host needs to keep disabled accounts apart.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DisabledSection {
    /// An expression over `user` that tells whether its account is disabled.
    pub when: String,
    /// The boolean setting that makes the connector list disabled accounts; none where it always does.
    pub setting: Option<String>,
}

/// `[credentials]`.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Credentials {
    /// Exactly one of these sets is needed; empty: all credentials are.
    #[serde(default)]
    pub one_of: Vec<Vec<String>>,
    /// The credentials by name.
    #[serde(flatten)]
    pub named: BTreeMap<String, Credential>,
}

/// One credential.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Credential {
    /// One sentence on it.
    pub about: String,
}

/// `[login.NAME]`. The texts may hold `{setting}`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Login {
    /// How the host signs in.
    pub kind: String,
    /// The origins that may receive what the login yields.
    #[serde(default)]
    pub origins: Vec<String>,
    /// One sentence on why.
    pub reason: String,
    /// Where the host asks for tokens.
    pub token_url: Option<String>,
    /// What the token is asked for.
    pub scope: Option<String>,
    /// Who asks.
    pub client_id: Option<String>,
    /// The credential that is sent as the client's secret.
    pub secret: Option<String>,
    /// The credential that is the client's certificate (PEM).
    pub certificate: Option<String>,
    /// The credential that is the client's private key (PEM).
    pub private_key: Option<String>,
    /// `PS256` or `RS256`.
    pub assertion: Option<String>,
    /// `ldap-bind`: the setting that holds the server's URL.
    pub url: Option<String>,
    /// `ldap-bind`: the boolean setting that asks for StartTLS.
    pub start_tls: Option<String>,
    /// `ldap-bind`: the setting that holds the name to sign in with.
    pub bind_dn: Option<String>,
    /// `ldap-bind`: the credential that is the password.
    pub password: Option<String>,
    /// `ldap-bind`: the setting that names the PEM file of a private authority.
    pub ca_file: Option<String>,
    /// `ldap-bind`: the setting that holds the fingerprint of the one certificate to believe.
    pub certificate_sha256: Option<String>,
}

/// A token of OAuth 2.0, for HTTP.
pub(crate) const LOGIN_OAUTH2: &str = "oauth2-client-credentials";
/// A simple bind, for LDAP.
pub(crate) const LOGIN_LDAP: &str = "ldap-bind";

/// `[[grant.*]]`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Grants {
    /// The servers that the connector asks for.
    #[serde(default)]
    pub http: Vec<HttpGrant>,
    /// The directories that the connector asks for.
    #[serde(default)]
    pub ldap: Vec<LdapGrant>,
    /// The folders that the connector asks for.
    #[serde(default)]
    pub files: Vec<FilesGrant>,
}

/// `[[grant.http]]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HttpGrant {
    /// A URL, of which scheme, host and port count; may hold `{setting}`.
    pub origin: String,
    /// The methods.
    pub methods: Vec<String>,
    /// One sentence on why.
    pub reason: String,
}

/// `[[grant.ldap]]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LdapGrant {
    /// The login of the kind `ldap-bind` whose server is asked for.
    pub login: String,
    /// One sentence on why.
    pub reason: String,
}

/// `[[grant.files]]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FilesGrant {
    /// The setting that names a file; its folder is asked for.
    pub folder_of: String,
    /// One sentence on why.
    pub reason: String,
}

impl Manifest {
    /// Reads and checks a manifest.
    ///
    /// # Errors
    ///
    /// Gives one diagnostic for each mistake: these are the connector maker's, not the job's.
    pub fn parse(bytes: &[u8]) -> Result<Self, Vec<Diagnostic>> {
        let invalid = |message: String| vec![Diagnostic::error(codes::CONNECTOR_INVALID, message)];
        if bytes.len() > MANIFEST_BYTES {
            return Err(invalid(format!("the manifest is larger than {MANIFEST_BYTES} bytes")));
        }
        let text = std::str::from_utf8(bytes).map_err(|_| invalid("the manifest is not UTF-8".to_owned()))?;
        let manifest: Self = toml::from_str(text)
            .map_err(|error| invalid(format!("the manifest is wrong: {}", one_line(&error))))?;
        let wrong = manifest_check::check(&manifest);
        if wrong.is_empty() {
            Ok(manifest)
        } else {
            Err(wrong
                .into_iter()
                .flat_map(|message| invalid(format!("the manifest is wrong: {message}")))
                .collect())
        }
    }
}

fn one_line(error: &toml::de::Error) -> String {
    error.message().split_whitespace().collect::<Vec<_>>().join(" ")
}
