//! The arguments of `connector`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::JobArg;

/// The commands under `connector`.
#[derive(Debug, Subcommand)]
pub(crate) enum ConnectorCommand {
    /// Makes a project that builds and runs at once, the SDK's sources with it.
    New {
        /// The connector's name: `[a-z0-9-]`, beginning with a letter.
        name: String,
        /// The folder to make [default: the name]
        dir: Option<PathBuf>,
        /// The language to write it in.
        #[arg(long, value_enum, default_value_t = Language::Rust)]
        lang: Language,
    },
    /// Builds a project, and says where its component is and whether it would be admitted.
    Build {
        /// The project's folder.
        #[arg(default_value = ".")]
        dir: PathBuf,
    },
    /// Says what a connector is, what it asks for and why, and which settings it takes. Nothing of it is run.
    Inspect {
        /// A component (`.wasm`), a package (`.rollcall`), or the name of a bundled or installed connector.
        #[arg(value_name = "FILE or NAME")]
        what: PathBuf,
    },
    /// Prints the records that a reading gives, and what the reading used. Nothing is written anywhere.
    Run {
        /// The job file.
        #[command(flatten)]
        job: JobArg,
        /// Stop after so many records of each directory.
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
        limit: Option<u64>,
    },
    /// Tries what must hold for every connector against the directories that a job names: whole, repeated and small-paged
    /// readings, and bad answers that are made up on the way. Nothing is written anywhere.
    Test(JobArg),
    /// Makes a fixture of a recording (`sync --record`, `preview --record`), to be kept and compared: what differs at every
    /// request is settled, a secret refuses the whole, and a replay shows that it reads as the recording does.
    Fixture(FixtureArgs),
    /// Packs a component with its manifest, its contract and its licence into one file; equal contents are equal bytes.
    Pack {
        /// The component.
        #[arg(value_name = "FILE.wasm")]
        component: PathBuf,
        /// The file to write, or a folder to write `NAME-VERSION.rollcall` in.
        #[arg(long, value_name = "PATH", default_value = ".")]
        out: PathBuf,
        /// The licence's text [default: `LICENSE` here, where there is one]
        #[arg(long, value_name = "FILE")]
        license: Option<PathBuf>,
    },
    /// Draws a key to sign packages with: `NAME.key`, which nobody else may have, and `NAME.pub`.
    Keygen {
        /// What the two files are called, with a path if need be.
        #[arg(default_value = "rollcall")]
        name: PathBuf,
    },
    /// Signs a package; the signature is written beside it, to `PACKAGE.minisig`.
    Sign {
        /// The package.
        package: PathBuf,
        /// The secret key's file.
        #[arg(long, value_name = "FILE")]
        key: PathBuf,
    },
    /// Says who signed a package, and refuses it where that is nobody who is trusted.
    Verify {
        /// The package.
        package: PathBuf,
        /// Trust this key alone: a `.pub` file, or the key itself.
        #[arg(long, value_name = "KEY")]
        key: Option<String>,
    },
    /// Whose packages are installed: the publishers' keys, and what is revoked.
    Trust {
        /// What to do with them.
        #[command(subcommand)]
        command: TrustCommand,
    },
    /// Installs a package, so that a job's `connector` may name it; shows what it asks for, and asks. It is a file, or is
    /// fetched from an `https://` address or an OCI registry, if somebody who does not serve it said which digest it must have.
    Install(InstallArgs),
    /// Installs another version; asks again where it asks for more or another publisher signed it.
    Update(InstallArgs),
    /// Lists what is installed, who signed it, and whether it may run.
    List,
    /// Removes an installed connector.
    Remove {
        /// Its name.
        name: String,
    },
    /// Writes `rollcall.lock` beside a job file: its connectors, each by its digest. Where there is one every command holds
    /// the connectors against it.
    Lock(JobArg),
}

/// What a connector is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Language {
    /// Rust.
    Rust,
    /// JavaScript.
    Javascript,
    /// Python.
    Python,
}

/// The arguments of `connector fixture`.
#[derive(Debug, Args)]
pub(crate) struct FixtureArgs {
    /// The recording.
    pub(crate) recording: PathBuf,
    /// The file to write [default: `NAME.fixture.recording` beside it]
    #[arg(long, short, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// Write over a file that is there.
    #[arg(long)]
    pub(crate) force: bool,
    /// The job that it was recorded with: both are replayed through its connector and compared, and the job's credentials are
    /// looked for.
    #[arg(long, value_name = "JOB")]
    pub(crate) job: Option<PathBuf>,
    /// Give whoever is named another name, address, number and id, of the same shape and the same one everywhere. The file that
    /// was written is then searched for each true value of four characters or more.
    #[arg(long)]
    pub(crate) pseudonyms: bool,
    /// Draw them with this key, `env:NAME` or `file:PATH`, so that they are the same in several fixtures. Without it a key
    /// is drawn that nobody keeps.
    #[arg(long, value_name = "SOURCE", requires = "pseudonyms")]
    pub(crate) key: Option<String>,
    /// This key, attribute, column or header names a person too. Repeatable. One that stands nowhere in the recording
    /// is refused, and so is one of `--keep`.
    #[arg(long, value_name = "KEY", requires = "pseudonyms")]
    pub(crate) personal: Vec<String>,
    /// This one does not, although its name says so. Repeatable.
    #[arg(long, value_name = "KEY", requires = "pseudonyms")]
    pub(crate) keep: Vec<String>,
}

/// The arguments of `connector install` and `connector update`.
#[derive(Debug, Args)]
pub(crate) struct InstallArgs {
    /// The package: a file, an `https://` address, or `oci://REGISTRY/REPOSITORY:TAG` or `@sha256:…`. Its signature stands
    /// beside it, in `PACKAGE.minisig`, or is a layer of its own. For `update` also the name of an installed connector: it is
    /// fetched from where it came from. No redirect is followed but a registry's for its blobs, and the environment's proxy
    /// variables are not read.
    pub(crate) package: PathBuf,
    /// The SHA-256 of the package, as the publisher told it. What is fetched needs it unless `rollcall.lock` (here, or in the
    /// folder of `--lock`) pins it.
    #[arg(long, value_name = "HEX", value_parser = sha256)]
    pub(crate) sha256: Option<String>,
    /// Fetch through this proxy, `http://host:port`; it then resolves names.
    #[arg(long, value_name = "URL")]
    pub(crate) proxy: Option<String>,
    /// Believe the authorities of this PEM file too.
    #[arg(long, value_name = "FILE")]
    pub(crate) ca_file: Option<PathBuf>,
    /// Where the registry's `user:password` is: `env:NAME` or `file:PATH`. It goes to the registry and to the token service
    /// that the registry names, and to nobody else.
    #[arg(long, value_name = "SOURCE")]
    pub(crate) registry_login: Option<String>,
    /// Do not ask.
    #[arg(long)]
    pub(crate) yes: bool,
    /// Take it although nobody who is trusted signed it; `list` shows that.
    #[arg(long)]
    pub(crate) allow_unsigned: bool,
    /// Take it although it is older than the one that is installed, or another one of the same version.
    #[arg(long)]
    pub(crate) allow_downgrade: bool,
    /// Pin it in the `rollcall.lock` of this folder too. Without it a lock goes on pinning what it pins.
    #[arg(long, value_name = "DIR")]
    pub(crate) lock: Option<PathBuf>,
}

/// Reads a digest as people write it.
fn sha256(text: &str) -> Result<String, String> {
    let digits = text.strip_prefix("sha256:").unwrap_or(text);
    if digits.len() == 64 && digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        Ok(digits.to_ascii_lowercase())
    } else {
        Err("a SHA-256 has 64 hexadecimal digits".to_owned())
    }
}

/// The commands under `connector trust`.
#[derive(Debug, Subcommand)]
pub(crate) enum TrustCommand {
    /// Trusts a publisher's key. Compare it with what the publisher says on another way.
    Add {
        /// A `.pub` file, or the key itself.
        key: String,
        /// Who it is.
        #[arg(long, value_name = "NAME")]
        publisher: String,
        /// Trust it for this connector alone. Repeatable.
        #[arg(long = "for", value_name = "CONNECTOR")]
        connectors: Vec<String>,
    },
    /// Lists the trusted keys, and what is revoked.
    List,
    /// Trusts a key no more; what it signed does not run any more.
    Remove {
        /// A `.pub` file, the key itself, or its number as `list` shows it.
        key: String,
    },
    /// Refuses a package, a component or a key for ever, also where it is installed.
    Revoke {
        /// A SHA-256, a `.pub` file, the key itself, or the number of a trusted key.
        #[arg(value_name = "DIGEST or KEY")]
        what: String,
    },
}
