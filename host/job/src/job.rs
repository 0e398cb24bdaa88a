//! A sync job as the rest of the program sees it: resolved, validated, with defaults filled in.

use std::collections::BTreeMap;
use std::path::PathBuf;

use rollcall_core::policy::Policy;
use rollcall_core::{Diagnostic, Field, Place, Text};

use crate::notify::Notify;
use crate::schedule::Schedule;
use crate::spans::Spans;

/// A sync job.
#[derive(Clone, Debug)]
pub struct Job {
    /// The configuration name; it identifies the job in the state.
    pub name: Text,
    /// The job file as the user named it.
    pub file: PathBuf,
    /// The folder of the job file; relative paths below are already resolved against it.
    pub folder: PathBuf,
    /// `[directory]`, or each `[[directory]]` in the order of the file; at least one.
    pub directories: Vec<DirectoryJob>,
    /// `[phone_system]`.
    pub phone_system: PhoneSystem,
    /// `[fields]`, in the order of [`Field`].
    pub fields: Vec<FieldMap>,
    /// `[rules] files`.
    pub rule_files: Vec<PathBuf>,
    /// `[numbers] twinning_countries`: ISO 3166 codes; empty: anywhere but premium rate.
    pub twinning_countries: Vec<Text>,
    /// What the pure steps need. `abilities` are filled in by the run.
    pub policy: Policy,
    /// `[leavers]`.
    pub leavers: Leavers,
    /// `[schedule]`.
    pub schedule: Option<Schedule>,
    /// `[notify]`.
    pub notify: Option<Notify>,
    /// `[handover]`; always there where a code is random.
    pub handover: Option<HandoverTo>,
    /// Where every key stands; see [`Job::place`] and [`Job::resolve`]. Empty for a job that was not read from a file.
    pub spans: Spans,
}

/// `[directory]`, or one `[[directory]]`.
#[derive(Clone, Debug)]
pub struct DirectoryJob {
    /// Its path in the job file: `directory`, and its place where there are several.
    pub at: Vec<Text>,
    /// The directory's name within the job: the connector's, unless the job gives another. Unique.
    pub name: Text,
    /// Whose users win where two directories have the same user identification: those of the lower number. Where it is
    /// absent neither wins, and both are skipped.
    pub precedence: Option<u32>,
    /// How often everything is read, where the connector can give what changed; in milliseconds.
    pub full_every_ms: u64,
    /// A bundled or installed name, or a path to a `.wasm` package.
    pub connector: Text,
    /// Replay this recording instead of the network.
    pub recording: Option<PathBuf>,
    /// `[directory.settings]` as JSON, as written; the connector's manifest checks them.
    pub settings: serde_json::Map<String, serde_json::Value>,
    /// `[directory.credentials]` by name.
    pub credentials: BTreeMap<Text, Credential>,
    /// `[directory.grants]`.
    pub grants: Grants,
    /// `[directory.limits]`: overrides of the connector host's named limits.
    pub limits: BTreeMap<Text, u64>,
    /// Proxy and private CA: `[directory.network]`.
    pub network: Network,
}

impl Job {
    /// Gives a directory by its name.
    pub fn directory(&self, name: &str) -> Option<&DirectoryJob> {
        self.directories.iter().find(|directory| *directory.name == *name)
    }

    /// Puts a diagnostic about a key of `[directory]` where the key of the named directory stands.
    #[must_use]
    pub fn placed(&self, name: &str, diagnostic: Diagnostic) -> Diagnostic {
        match self.directory(name) {
            Some(directory) => directory.placed(diagnostic),
            None => diagnostic,
        }
    }
}

impl DirectoryJob {
    /// Puts a diagnostic about a key of `[directory]` where this directory's key stands.
    #[must_use]
    pub fn placed(&self, mut diagnostic: Diagnostic) -> Diagnostic {
        if let Place::Path(path) = &mut diagnostic.place
            && path.first().is_some_and(|first| &**first == "directory")
        {
            path.splice(..1, self.at.iter().cloned());
        }
        diagnostic
    }
}

/// How the directory's servers are reached.
#[derive(Clone, Debug, Default)]
pub struct Network {
    /// `http://host:port` of a proxy; none by default, and the environment's proxy variables are not read.
    pub proxy: Option<Text>,
    /// PEM file of authorities to trust besides the machine's.
    pub ca_file: Option<PathBuf>,
}

/// Where a credential comes from; never the credential itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credential {
    /// Where to look.
    pub source: CredentialSource,
    /// The day on which it expires, `YYYY-MM-DD`.
    pub expires: Option<Text>,
}

/// The kinds of credential reference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CredentialSource {
    /// An environment variable.
    Env(Text),
    /// A file; one line break at its end is dropped.
    File(PathBuf),
    /// A command's standard output, likewise.
    Command(Vec<Text>),
    /// A file of that name in `$CREDENTIALS_DIRECTORY`.
    Systemd(Text),
    /// A named secret of the desktop's keyring.
    Keyring(Text),
}

/// `[directory.grants]`: what the connector may reach besides what its settings name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grants {
    /// `[METHOD ]scheme://host[:port][/path]`.
    pub http: Vec<Text>,
    /// `ldaps://host[:port]`.
    pub ldap: Vec<Text>,
    /// Folders, resolved.
    pub files: Vec<PathBuf>,
    /// Private networks that a granted name may resolve to, as CIDR.
    pub addresses: Vec<Text>,
}

/// `[phone_system]`.
#[derive(Clone, Debug)]
pub enum PhoneSystem {
    /// An embedded office.
    Embedded {
        /// Its file.
        path: PathBuf,
    },
    /// A real IP Office behind its Management API.
    IpOffice(Box<IpOffice>),
}

/// A real IP Office.
#[derive(Clone, Debug)]
pub struct IpOffice {
    /// Host name or address of the primary.
    pub address: Text,
    /// The port, 7070 unless the job says another.
    pub port: u16,
    /// The service user.
    pub username: Text,
    /// The service user's password.
    pub password: Credential,
    /// SHA-256 of the certificate, lower-case hexadecimal without colons.
    pub certificate_sha256: Option<Text>,
    /// PEM file of the authority that signed the certificate.
    pub ca_file: Option<PathBuf>,
    /// Template files: TOML as in an office file, or Web Manager's XML.
    pub templates: Vec<PathBuf>,
    /// How long a write whose answer was lost is looked for, in milliseconds.
    pub settle_ms: u64,
    /// How long one call may take, in milliseconds; `None`: as long as reads and writes usually may.
    pub timeout_ms: Option<u64>,
    /// How many users may be made or deleted at once, from 1 to 8.
    pub at_once: usize,
}

/// One line of `[fields]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldMap {
    /// The field.
    pub field: Field,
    /// The Rhai expression.
    pub expression: Text,
    /// The bytes of the expression's first character and the end of its last one in `file`, where the TOML string
    /// holds it without escapes, so that a place in the expression is a place in the file.
    pub origin: Option<Origin>,
}

/// Where an expression stands in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The file as the user named it.
    pub file: Text,
    /// The file's whole text.
    pub source: Text,
    /// The expression's bytes in it.
    pub bytes: std::ops::Range<usize>,
    /// Whether the expression's bytes stand in the file as they are.
    pub verbatim: bool,
}

/// `[handover]`: where the codes of new users go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HandoverTo {
    /// A file of JSON lines that its owner alone can read, resolved.
    File(PathBuf),
    /// A program with its arguments, which takes one JSON line on its standard input.
    Command(Vec<Text>),
}

/// `[leavers]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leavers {
    /// How long a leaver is kept, in milliseconds.
    pub grace_ms: u64,
    /// How long a freed name or number is kept, in milliseconds.
    pub quarantine_ms: u64,
    /// Whether an account that is disabled in the directory and still listed is kept as it stands.
    pub keep_disabled: bool,
    /// `disabled_when`: an expression over `user` that tells whose account is disabled; the connector's own where it is
    /// absent.
    pub disabled_when: Option<(Text, Option<Origin>)>,
    /// `protect`: an expression over `phone`.
    pub protect: Option<(Text, Option<Origin>)>,
}

impl Default for Leavers {
    fn default() -> Self {
        const DAY_MS: u64 = 24 * 60 * 60 * 1000;
        Self {
            grace_ms: 7 * DAY_MS,
            quarantine_ms: 90 * DAY_MS,
            keep_disabled: false,
            disabled_when: None,
            protect: None,
        }
    }
}
