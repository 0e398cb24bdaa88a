//! The manifest `connector.toml`: what a connector is called, which settings it takes, how the host signs in for it
//! and what it asks to be granted. The format is described in `plugins/manifest.md`; it is read without running the
//! connector, because grants are decided before anything is linked.

use std::collections::BTreeMap;
use std::fmt;

use rollcall_core::{Diagnostic, codes};
use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

use crate::limits::MANIFEST_BYTES;
use crate::manifest_check;
use crate::manifest_mistakes::ManifestText;

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
    /// The logins that the connector may name in a request. Of several ways the host takes the first of which the job
    /// gives every credential.
    #[serde(default, deserialize_with = "one_or_several")]
    pub login: BTreeMap<String, Vec<Login>>,
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

/// `[login.NAME]`, or one of several `[[login.NAME]]`. The texts may hold `{setting}`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Login {
    /// How the host signs in.
    pub kind: LoginKind,
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
    /// `PS256` or `RS256`, of a certificate.
    pub assertion: Option<String>,
    /// The id of a private key without a certificate, as the server knows it.
    pub key_id: Option<String>,
    /// The credential that is a token, sent as it is.
    pub token: Option<String>,
    /// The word before the token; absent: `Bearer`.
    pub scheme: Option<String>,
    /// The credential that is the user's name.
    pub username: Option<String>,
    /// The credential that is the user's password.
    pub password: Option<String>,
    /// The credential that is the JSON key of a service account.
    pub service_account: Option<String>,
    /// The user for whom a service account acts.
    pub subject: Option<String>,
    /// `ldap-bind`: the setting that holds the server's URL.
    pub url: Option<String>,
    /// `ldap-bind`: the boolean setting that asks for StartTLS.
    pub start_tls: Option<String>,
    /// `ldap-bind`: the boolean setting that leaves out what lies on other servers.
    pub skip_referrals: Option<String>,
    /// `ldap-bind`: the setting that holds the name to sign in with.
    pub bind_dn: Option<String>,
    /// `ldap-bind`: the setting that names the PEM file of a private authority.
    pub ca_file: Option<String>,
    /// `ldap-bind`: the setting that holds the fingerprint of the one certificate to believe.
    pub certificate_sha256: Option<String>,
}

/// How the host signs in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub enum LoginKind {
    /// OAuth 2.0 client credentials (RFC 6749, 4.4) with a secret, a certificate or a key.
    #[serde(rename = "oauth2-client-credentials")]
    ClientCredentials,
    /// A fixed token behind a scheme.
    #[serde(rename = "token")]
    Token,
    /// User name and password (RFC 7617).
    #[serde(rename = "basic")]
    Basic,
    /// A Google service account that acts for a user (RFC 7523).
    #[serde(rename = "service-account")]
    ServiceAccount,
    /// A simple bind, for LDAP; the keys of such a login name settings.
    #[serde(rename = "ldap-bind")]
    LdapBind,
}

impl Login {
    /// Gives every credential that it may use, with the key that names it.
    pub(crate) fn credentials(&self) -> impl Iterator<Item = (&'static str, &String)> {
        [
            ("secret", &self.secret),
            ("certificate", &self.certificate),
            ("private_key", &self.private_key),
            ("token", &self.token),
            ("username", &self.username),
            ("password", &self.password),
            ("service_account", &self.service_account),
        ]
        .into_iter()
        .filter_map(|(key, name)| Some((key, name.as_ref()?)))
    }

    /// Gives every text that may hold `{setting}`, with its key.
    pub(crate) fn texts(&self) -> impl Iterator<Item = (&'static str, &String)> {
        let more = [
            ("token_url", &self.token_url),
            ("scope", &self.scope),
            ("client_id", &self.client_id),
            ("assertion", &self.assertion),
            ("key_id", &self.key_id),
            ("scheme", &self.scheme),
            ("subject", &self.subject),
        ];
        let more = more.into_iter().filter_map(|(key, text)| Some((key, text.as_ref()?)));
        self.origins.iter().map(|text| ("origins", text)).chain(more)
    }

    /// Says whether the job gives the credentials that this way takes. A client has a secret, or else a key; whether a
    /// directory wants a name and a password its settings say.
    pub(crate) fn has_what_it_takes(&self, given: impl Fn(&str) -> bool) -> bool {
        if self.kind == LoginKind::LdapBind {
            return true;
        }
        let has = |name: &Option<String>| name.as_deref().is_some_and(&given);
        if self.secret.is_some() && has(&self.secret) {
            return true;
        }
        let mut others = self.credentials().filter(|(key, _)| *key != "secret").peekable();
        others.peek().is_some() && others.all(|(_, name)| given(name))
    }
}

/// Takes `[login.NAME]` for a list of one.
fn one_or_several<'de, D: Deserializer<'de>>(from: D) -> Result<BTreeMap<String, Vec<Login>>, D::Error> {
    let logins = BTreeMap::<String, Ways>::deserialize(from)?;
    Ok(logins.into_iter().map(|(name, Ways(ways))| (name, ways)).collect())
}

/// The ways of one login. Read without a detour, so that a mistake keeps its place.
struct Ways(Vec<Login>);

impl<'de> Deserialize<'de> for Ways {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(WaysVisitor).map(Self)
    }
}

struct WaysVisitor;

impl<'de> Visitor<'de> for WaysVisitor {
    type Value = Vec<Login>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a login, or several ways of one")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        Ok(vec![Login::deserialize(MapAccessDeserializer::new(map))?])
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut ways = Vec::new();
        while let Some(way) = list.next_element()? {
            ways.push(way);
        }
        Ok(ways)
    }
}

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

/// What is about to be done with a connector, which decides how strictly its manifest is judged: what runs today must
/// not be refused for what only its maker could mend.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// A job runs it. Refused is what no job can make right.
    Run,
    /// It is installed. Its version has to say which of two is newer, besides.
    Install,
    /// It is built or packed. Its defaults and presets have to be usable as they stand, besides.
    Make,
}

impl Manifest {
    /// What a manifest's file is called.
    pub const FILE: &str = "connector.toml";

    /// Reads the manifest that is sealed into a component, and checks it for a run.
    ///
    /// # Errors
    ///
    /// Gives one diagnostic for each mistake: these are the connector maker's, not the job's.
    pub fn parse(bytes: &[u8]) -> Result<Self, Vec<Diagnostic>> {
        Self::parse_file(bytes, Self::FILE, Stage::Run)
    }

    /// Reads the manifest of a file, which its mistakes name, and checks it for a stage.
    ///
    /// # Errors
    ///
    /// See [`Manifest::parse`].
    pub fn parse_file(bytes: &[u8], file: &str, stage: Stage) -> Result<Self, Vec<Diagnostic>> {
        let invalid = |message: String, hint: &str| {
            vec![Diagnostic::error(codes::CONNECTOR_INVALID, message).hint(hint)]
        };
        if bytes.len() > MANIFEST_BYTES {
            let message = format!("the manifest is larger than {MANIFEST_BYTES} bytes");
            return Err(invalid(message, "say less in it: it is shown, and not a document"));
        }
        let text = std::str::from_utf8(bytes)
            .map_err(|_| invalid("the manifest is not UTF-8".to_owned(), "write it as UTF-8"))?;
        let places = ManifestText::new(file, text);
        let manifest: Self = toml::from_str(text).map_err(|error| vec![places.misread(&error)])?;
        let wrong = manifest_check::check(&manifest, stage).told(&places);
        if wrong.is_empty() { Ok(manifest) } else { Err(wrong) }
    }
}
