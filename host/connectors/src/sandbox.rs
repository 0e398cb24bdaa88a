//! The way in: a host that compiles packages and connects jobs to directories through them.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rollcall_core::{Diagnostic, Secret, Severity, Text, codes};
use rollcall_edges::clock::Clock;
use rollcall_edges::directory::{Attributes, DirectoryError};
use rollcall_net::{AddressPolicy, Faults, Looked, Origin, Trust};
use serde_json::{Map, Value};

use crate::cache::Cache;
use crate::compile::ChildCompiler;
use crate::connector::{Connector, Inner};
use crate::credentials::check_credentials;
use crate::engine;
use crate::grants::{Allow, FilledLogin, Servers};
use crate::grants_files::{files, folders};
use crate::grants_ldap::LdapTerms;
use crate::grants_lines::unasked_addresses;
use crate::host::Imports;
use crate::host::files::{FilesGranted, Named};
use crate::host::http::HttpGranted;
use crate::host::ldap::LdapGranted;
use crate::host::run::Progress;
use crate::limits::{CODES_KEPT, Limits, PAGE_USERS};
use crate::network::{self, Parts};
use crate::package::Package;
use crate::recording::{Recorded, Recording};
use crate::session::Code;
use crate::settings::Settings;
use crate::store::Terms;
use crate::tape::Tape;
use crate::threads::Threads;
use crate::words::tame;

/// Runs connectors: the engine, the cache of compiled ones and a runtime of their own.
pub struct Host {
    engine: wasmtime::Engine,
    cache: Cache,
    /// Who compiles what is not bundled; none: this process.
    compiler: Option<ChildCompiler>,
    /// What has been linked, by the digest of its package: a process with many jobs compiles and loads each once.
    codes: Mutex<BTreeMap<[u8; 32], Code>>,
    clock: Arc<dyn Clock>,
    threads: Arc<Threads>,
}

/// What a job says about its directory.
#[derive(Clone, Default)]
pub struct ConnectSpec {
    /// The directory's name within the job.
    pub directory: Text,
    /// The folder of the job file.
    pub folder: PathBuf,
    /// `[directory.settings]`, as written.
    pub settings: Map<String, Value>,
    /// `[directory.credentials]`; none: named but not resolved, which is enough for checks and recordings.
    pub credentials: BTreeMap<Text, Option<Secret>>,
    /// `[directory.grants] http`.
    pub grant_http: Vec<Text>,
    /// `[directory.grants] ldap`, as written.
    pub grant_ldap: Vec<Text>,
    /// `[directory.grants] files`, resolved.
    pub grant_files: Vec<PathBuf>,
    /// `[directory.grants] addresses`: networks and single addresses.
    pub grant_addresses: Vec<Text>,
    /// `[directory.limits]`.
    pub limits: BTreeMap<Text, u64>,
    /// `[directory.network] proxy`.
    pub proxy: Option<Text>,
    /// `[directory.network] ca_file`.
    pub ca_file: Option<PathBuf>,
    /// The attributes that the job refers to.
    pub select: Vec<Text>,
    /// Whether traffic is recorded or replayed.
    pub recording: Recording,
    /// Whether the package is a bundled connector (by its digest), which brings its own grants.
    pub bundled: bool,
    /// Hears how far the connector says it is.
    pub progress: Option<Progress>,
    /// What is tried with the connector; none in a run.
    pub trial: Option<Trial>,
}

/// What is tried with a connector, and goes otherwise than in a run: see [`conformance`](crate::conformance).
#[derive(Clone, Debug, Default)]
pub struct Trial {
    /// How many users are asked for at a time; a run asks for [`PAGE_USERS`].
    pub page_users: Option<u32>,
    /// What goes wrong on the way to the directory.
    pub faults: Arc<Faults>,
}

/// What can be said about a job's directory without a network.
struct Prepared {
    settings: Settings,
    limits: Limits,
    servers: Servers,
    files: Vec<Named>,
    folders: Vec<PathBuf>,
}

impl Host {
    /// Starts a host. Compiled connectors are kept in `cache`, a folder that it makes; none: they are not kept.
    ///
    /// # Errors
    ///
    /// Fails where this machine cannot run WebAssembly or threads cannot be made.
    pub fn new(cache: Option<PathBuf>, clock: Arc<dyn Clock>) -> Result<Self, Diagnostic> {
        let failed = |what: &str, error: &dyn std::fmt::Display| {
            let message = format!("connectors cannot run here: {what}: {}", tame(&error.to_string(), 300));
            Diagnostic::error(codes::CONNECTOR_FAILED, message)
        };
        let engine = engine::start().map_err(|error| failed("the engine does not start", &error))?;
        let threads = Threads::start().map_err(|error| failed("no threads", &error))?;
        let (cache, codes) = (Cache::new(cache), Mutex::default());
        Ok(Self { engine, cache, compiler: None, codes, clock, threads: Arc::new(threads) })
    }

    /// Has connectors that are not bundled compiled in a process of their own, with limits.
    #[must_use]
    pub fn compiling_in(self, compiler: ChildCompiler) -> Self {
        Self { compiler: Some(compiler), ..self }
    }

    /// Looks into a `.wasm` file, without compiling or running it.
    ///
    /// # Errors
    ///
    /// See [`Package::read`].
    pub fn package(&self, bytes: Vec<u8>) -> Result<Package, Vec<Diagnostic>> {
        Package::read(bytes)
    }

    /// Checks a job's directory without a network: settings, credentials' names, the form of those that are resolved,
    /// grants, limits, and what the connector itself says to the settings. Gives the attributes where they are known without a network.
    ///
    /// # Errors
    ///
    /// Gives all mistakes that were found; those of the connector's own rules only where the rest is right.
    pub async fn check_offline(
        &self,
        package: &Package,
        spec: &ConnectSpec,
    ) -> Result<Option<Attributes>, Vec<Diagnostic>> {
        let prepared = prepare(package, spec)?;
        network::check_credentials(&prepared.servers, spec)?;
        let recorded = Recorded::open(&spec.recording, package)?;
        let tape = recorded.tape();
        let granted = (HttpGranted::default(), LdapGranted::default());
        let inner = self.inner(package, spec, prepared, granted, tape).await.map_err(diagnostics)?;
        let validated = inner.clone();
        self.threads.run(async move { validated.validate().await }).await.map_err(diagnostics)?;
        self.threads.run(async move { Ok(inner.offline_attributes().await) }).await.map_err(diagnostics)?
    }

    /// Gives, as warnings, what a job that replays a recording would have to grant in order to read the directory itself.
    pub fn ungranted_beyond_replay(package: &Package, spec: &ConnectSpec) -> Vec<Diagnostic> {
        if !matches!(spec.recording, Recording::Replay(_)) {
            return Vec::new();
        }
        let online = ConnectSpec { recording: Recording::None, ..spec.clone() };
        let mut wrong = prepare(package, &online).err().unwrap_or_default();
        // What is wrong with the replay too is told as an error.
        let now = prepare(package, spec).err().unwrap_or_default();
        wrong.retain(|one| one.code == codes::CONNECTOR_REFUSED && !now.contains(one));
        for one in &mut wrong {
            one.severity = Severity::Warning;
            one.message += "; the recording is replayed without it, the directory itself is not read";
        }
        wrong
    }

    /// Connects to a job's directory. Nothing is sent yet; the connector has judged the settings.
    ///
    /// # Errors
    ///
    /// Gives all mistakes of the job as [`DirectoryError::Invalid`].
    pub async fn connect(&self, package: &Package, spec: &ConnectSpec) -> Result<Connector, DirectoryError> {
        let prepared = prepare(package, spec).map_err(DirectoryError::Invalid)?;
        let recorded = Recorded::open(&spec.recording, package).map_err(DirectoryError::Invalid)?;
        let parts = Parts {
            spec,
            package,
            limits: &prepared.limits,
            servers: &prepared.servers,
            allow_insecure: prepared.settings.allow_insecure(),
            clock: self.clock.clone(),
        };
        let (http, ldap, recorded) = parts.stack(recorded).map_err(DirectoryError::Invalid)?;
        let inner = self.inner(package, spec, prepared, (http, ldap), recorded.tape()).await?;
        let validated = inner.clone();
        self.threads.run(async move { validated.validate().await }).await?;
        Ok(Connector::new(inner, recorded))
    }

    /// Looks at the certificate of every server that the connector may talk to; `None` where a server is reached
    /// without TLS. Nothing is looked at where a recording is replayed, or where a proxy stands between.
    ///
    /// # Errors
    ///
    /// Gives the mistakes of the job.
    pub async fn certificates(
        &self,
        package: &Package,
        spec: &ConnectSpec,
    ) -> Result<Vec<(String, Looked)>, Vec<Diagnostic>> {
        if matches!(spec.recording, Recording::Replay(_)) || spec.proxy.is_some() {
            return Ok(Vec::new());
        }
        let servers = prepare(package, spec)?.servers;
        let tokens = servers.logins.iter().filter_map(FilledLogin::token_url);
        let asked = servers.http.asked().iter().map(|grant| grant.origin().clone());
        let mut origins: Vec<Origin> = asked.chain(tokens.filter_map(|url| Origin::of(url).ok())).collect();
        origins.sort();
        origins.dedup();
        let trust = spec.ca_file.clone().map_or(Trust::Machine, Trust::WithFile);
        let policy = AddressPolicy::granting(&spec.grant_addresses)?;
        let mut seen = Vec::new();
        for origin in origins {
            let certificate = rollcall_net::certificate(&origin, &trust, policy.clone()).await;
            seen.push((origin.to_string(), certificate));
        }
        for login in &servers.ldap {
            let (server, trust) = (&login.server, &login.trust);
            let certificate =
                rollcall_net::ldap_certificate(server, login.start_tls, trust, policy.clone()).await;
            seen.push((server.to_string(), certificate));
        }
        Ok(seen)
    }

    async fn inner(
        &self,
        package: &Package,
        spec: &ConnectSpec,
        prepared: Prepared,
        (http, ldap): (HttpGranted, LdapGranted),
        tape: Tape,
    ) -> Result<Arc<Inner>, DirectoryError> {
        let code = self.code(package, spec.bundled).await?;
        let manifest = package.manifest().clone();
        let settings = prepared.settings.for_guest(&manifest, &spec.select);
        let terms = Terms {
            directory: spec.directory.clone(),
            limits: Arc::new(prepared.limits),
            http: Arc::new(http),
            ldap: Arc::new(ldap),
            files: Arc::new(FilesGranted { named: prepared.files, folders: prepared.folders, tape }),
            progress: spec.progress.clone(),
            page_users: spec.trial.as_ref().and_then(|trial| trial.page_users).unwrap_or(PAGE_USERS),
        };
        Ok(Arc::new(Inner::new(self.threads.clone(), code, terms, manifest, settings)))
    }

    fn codes(&self) -> MutexGuard<'_, BTreeMap<[u8; 32], Code>> {
        self.codes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Compiles on a thread or in a process of its own: a large connector takes seconds.
    async fn code(&self, package: &Package, bundled: bool) -> Result<Code, DirectoryError> {
        let digest = *package.digest();
        if let Some(code) = self.codes().get(&digest) {
            return Ok(code.clone());
        }
        let (engine, cache, package) = (self.engine.clone(), self.cache.clone(), package.clone());
        let stored = {
            let (engine, cache, package) = (engine.clone(), cache.clone(), package.clone());
            self.threads.compute(move || cache.stored(&engine, &package)).await.flatten()
        };
        let made = match self.compiler.clone().filter(|_| stored.is_none() && !bundled) {
            None => None,
            Some(compiler) => {
                let package = package.clone();
                Some(self.threads.run(async move { compiler.compile(package.bytes()).await }).await?)
            }
        };
        let compiled = self.threads.compute(move || {
            let imports = Imports {
                http: package.imports("http"),
                ldap: package.imports("ldap"),
                files: package.imports("files"),
            };
            let component = match (stored, made) {
                (Some(component), _) => component,
                (None, Some(code)) => cache.taken(&engine, &package, &code)?,
                (None, None) => cache.compiled(&engine, &package)?,
            };
            Code::link(&engine, &component, imports)
        });
        match compiled.await {
            Some(Ok(code)) => {
                let mut codes = self.codes();
                if codes.len() >= CODES_KEPT {
                    codes.clear();
                }
                codes.insert(digest, code.clone());
                Ok(code)
            }
            Some(Err(error)) => {
                let message = format!("the package cannot be used: {}", tame(&format!("{error:#}"), 500));
                let hint = "build it with the SDK's own commands, or ask its author for another one";
                let invalid = Diagnostic::error(codes::CONNECTOR_INVALID, message).hint(hint);
                Err(DirectoryError::Invalid(vec![invalid]))
            }
            None => Err(DirectoryError::Permanent("the connector could not be compiled".to_owned())),
        }
    }
}

/// Checks everything that needs no connector, and tells all mistakes at once.
fn prepare(package: &Package, spec: &ConnectSpec) -> Result<Prepared, Vec<Diagnostic>> {
    let manifest = package.manifest();
    let mut wrong = Vec::new();
    let limits = Limits::with(&spec.limits).map_err(|found| wrong.extend(found)).ok();
    if let Err(found) = check_credentials(manifest, spec.credentials.keys().map(|name| &**name)) {
        wrong.extend(found);
    }
    let replays = matches!(spec.recording, Recording::Replay(_));
    let mut rest = None;
    match Settings::check(manifest, &spec.settings, &spec.folder) {
        Err(found) => wrong.extend(found),
        Ok(settings) => {
            let credentials: Vec<&str> = spec.credentials.keys().map(|name| &**name).collect();
            let ldap = LdapTerms {
                job: &spec.grant_ldap,
                credentials: &credentials,
                ca_file: spec.ca_file.as_deref(),
                replays,
            };
            let bundled = spec.bundled || replays;
            let allow = Allow {
                manifest,
                settings: &settings,
                job: &spec.grant_http,
                credentials: credentials.iter().copied().collect(),
                bundled,
                ldap,
            };
            let servers = allow.servers().map_err(|found| wrong.extend(found)).ok();
            let files = files(manifest, &settings, !replays).map_err(|found| wrong.extend(found)).ok();
            let folders = folders(manifest, &settings, &spec.grant_files);
            let folders = folders.map_err(|found| wrong.extend(found)).ok();
            wrong.extend(unasked_addresses(manifest, &spec.grant_addresses));
            rest = servers
                .zip(files)
                .zip(folders)
                .map(|((servers, files), folders)| (settings, servers, files, folders));
        }
    }
    match (limits, rest) {
        (Some(limits), Some((settings, servers, files, folders))) if wrong.is_empty() => {
            Ok(Prepared { settings, limits, servers, files, folders })
        }
        _ => Err(wrong),
    }
}

/// Gives an error as what `check` shows.
fn diagnostics(error: DirectoryError) -> Vec<Diagnostic> {
    match error {
        DirectoryError::Invalid(wrong) => wrong,
        DirectoryError::Refused(diagnostic) => vec![*diagnostic],
        other => vec![Diagnostic::error(codes::CONNECTOR_FAILED, other.to_string())],
    }
}
