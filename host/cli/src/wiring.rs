//! The one place where names meet adapters: a job file becomes rules, a connector, a phone system and a state.

mod certificates;
mod package;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use rollcall_connectors::{
    ConnectSpec, Connector, Host, Package, Recording, Settings, Tail, check_credentials,
};
use rollcall_core::{Diagnostic, Secret, Text, codes};
use rollcall_edges::clock::Clock;
use rollcall_edges::directory::{AttributeInfo, Attributes, Directory as _};
use rollcall_edges::office::Office;
use rollcall_engine::attributes::References;
use rollcall_engine::observe::Cancel;
use rollcall_engine::{Parts, attributes};
use rollcall_job::expiry::expiring;
use rollcall_job::job::Job;
use rollcall_script::Rules;
use rollcall_state::{MirrorFile, Store};

use crate::args::Global;
use crate::chance::Handovers;
use crate::exit;
use crate::failure::Failure;
use crate::progress::Progress;
use crate::{disabled, offices, rules, signals, time};

mod kept;

/// A job with everything that is known of it before anything is reached.
pub(crate) struct Session {
    /// The job.
    pub(crate) job: Job,
    /// Its expressions and rules.
    rules: Arc<Rules>,
    /// The rule files with their text.
    rule_files: Vec<(Text, Text)>,
    /// What compiling them had to say.
    warnings: Vec<Diagnostic>,
    references: References,
    package: Arc<Package>,
    bundled: bool,
    host: Arc<Host>,
    pub(crate) folder: PathBuf,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) progress: Arc<Progress>,
    cancel: Cancel,
    /// The state that all jobs of one process share, once it is open.
    state: Arc<OnceLock<Store>>,
    handover: Handovers,
    /// Attributes to ask for besides those that expressions name.
    more: Vec<Text>,
}

/// What all jobs of one process share.
pub(crate) struct Shared {
    /// The folder of the state.
    pub(crate) folder: PathBuf,
    /// The time.
    pub(crate) clock: Arc<dyn Clock>,
    /// What a signal sets.
    pub(crate) cancel: Cancel,
    progress: Arc<Progress>,
    host: Arc<Host>,
    /// The bundled connectors that were used, by name.
    packages: Mutex<BTreeMap<&'static str, Arc<Package>>>,
    /// The state, once it is open.
    state: Arc<OnceLock<Store>>,
}

impl Shared {
    /// Makes what jobs need, and begins to listen to signals.
    pub(crate) fn new(global: &Global, silent: bool) -> Result<Self, Failure> {
        let folder = state_folder(global)?;
        let clock: Arc<dyn Clock> = Arc::from(time::clock()?);
        let cache = folder.join("components");
        let host = Host::new(Some(cache), clock.clone())
            .map_err(|why| Failure { exit: exit::ERROR, diagnostics: vec![why] })?;
        Ok(Self {
            folder,
            clock,
            cancel: signals::listen(),
            progress: Arc::new(Progress::new(silent)),
            host: Arc::new(host),
            packages: Mutex::default(),
            state: Arc::default(),
        })
    }

    /// Opens the state. Every job of this process writes through it: connections of their own would get into each
    /// other's way.
    pub(crate) async fn store(&self) -> Result<Store, Failure> {
        opened(&self.state, &self.folder).await
    }

    /// Finds the connector: a bundled one by name, or a package by path.
    fn package(&self, job: &Job) -> Result<(Arc<Package>, bool), Vec<Diagnostic>> {
        let Some(bundled) = rollcall_bundled::find(&job.directory.connector) else {
            return Ok((Arc::new(package::of_job(job)?), false));
        };
        let mut known = self.packages.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(package) = known.get(bundled.name) {
            return Ok((package.clone(), true));
        }
        let package = Arc::new(Package::read(bundled.bytes.to_vec())?);
        known.insert(bundled.name, package.clone());
        Ok((package, true))
    }
}

/// Whether a command may make what is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Intent {
    /// Nothing is changed.
    Look,
    /// A missing embedded office is made.
    Write,
}

/// Both ends of a job and the state, reached.
pub(crate) struct Ends {
    directory: Connector,
    tail: Tail,
    pub(crate) office: offices::Reached,
    pub(crate) store: Store,
    mirror: MirrorFile,
    mirror_scope: Vec<u8>,
    records: bool,
}

impl Session {
    /// Opens a job file. All mistakes of the file, its rules and its settings are told at once.
    pub(crate) fn open(global: &Global, path: &Path) -> Result<Self, Failure> {
        Self::among(&Shared::new(global, global.quiet || global.json)?, path)
    }

    /// Opens a job file of a process that has several.
    pub(crate) fn among(shared: &Shared, path: &Path) -> Result<Self, Failure> {
        let (job, mut wrong) = rollcall_job::read(path);
        let Some(mut job) = job else { return Err(Failure::invalid(wrong)) };
        let package = shared.package(&job).map_err(|found| wrong.extend(found)).ok();
        if let Some((package, _)) = &package {
            wrong.extend(disabled::keep(&mut job, package.manifest()).err());
            wrong.extend(
                Settings::check(package.manifest(), &job.directory.settings, &job.folder)
                    .err()
                    .into_iter()
                    .flatten(),
            );
            let names = job.directory.credentials.keys().map(|name| &**name);
            wrong.extend(check_credentials(package.manifest(), names).err().into_iter().flatten());
        }
        let compiled = rules::compile(&job).map_err(|found| wrong.extend(found)).ok();
        let (Some(compiled), Some((package, bundled)), true) = (compiled, package, wrong.is_empty()) else {
            return Err(Failure::invalid(in_order(wrong.into_iter().map(|d| job.resolve(d)).collect())));
        };
        let rules::Compiled { rules, warnings, files: rule_files } = compiled;
        // A package's file may be renamed with its version; its users stay those of the connector.
        if !bundled
            && Path::new(&*job.directory.connector)
                .file_stem()
                .is_some_and(|stem| *stem == *job.directory.name)
        {
            job.directory.name = Text::from(package.manifest().name.as_str());
        }
        let references = rules.attributes().clone();
        Ok(Self {
            rules: Arc::new(rules),
            rule_files,
            warnings,
            references,
            package,
            bundled,
            host: shared.host.clone(),
            folder: shared.folder.clone(),
            clock: shared.clock.clone(),
            progress: shared.progress.clone(),
            cancel: shared.cancel.clone(),
            state: shared.state.clone(),
            handover: Handovers::of(&job),
            more: Vec::new(),
            job,
        })
    }

    /// Gives what a signal sets.
    pub(crate) fn cancel(&self) -> &Cancel {
        &self.cancel
    }

    /// Gives how many provisioning rules there are.
    pub(crate) fn rule_count(&self) -> usize {
        self.rules.rule_names().len()
    }

    /// Gives diagnostics with places in files.
    pub(crate) fn located(&self, diagnostics: Vec<Diagnostic>) -> Vec<Diagnostic> {
        diagnostics.into_iter().map(|diagnostic| self.job.resolve(diagnostic)).collect()
    }

    /// Turns what an offline check of everything finds into diagnostics.
    pub(crate) async fn check_offline(&self) -> Result<Vec<Diagnostic>, Failure> {
        let mut found = self.warnings.clone();
        found.extend(expiring(&self.job, self.clock.now().0));
        let mut spec = self.spec(None, self.select(None), false)?;
        if self.job.directory.recording.is_none() {
            // The form of a key shows without using it.
            for (name, credential) in &self.job.directory.credentials {
                spec.credentials.insert(name.clone(), rollcall_job::credential::at_hand(credential));
            }
        }
        match self.host.check_offline(&self.package, &spec).await {
            Ok(Some(known)) => found.extend(attributes::check(&self.references, &known)),
            Ok(None) => {}
            Err(wrong) => found.extend(wrong),
        }
        found.extend(offices::check_offline(&self.job).err().into_iter().flatten());
        Ok(in_order(self.located(found)))
    }

    /// Gives the attributes that the directory knows.
    pub(crate) async fn all_attributes(&self) -> Result<Vec<AttributeInfo>, Failure> {
        Ok(self.directory(None).await?.attributes().await?.known)
    }

    /// Asks for these attributes besides those that expressions name.
    pub(crate) fn select_all(&mut self, known: &[AttributeInfo]) {
        self.more = known.iter().map(|attribute| attribute.name.clone()).collect();
    }

    /// Connects to the directory; nothing is sent yet.
    pub(crate) async fn directory(&self, record: Option<&Path>) -> Result<Connector, Failure> {
        // Names that a connector only believes are told to it from the beginning.
        let spec = self.spec(record, self.select(None), true)?;
        let known = self.host.check_offline(&self.package, &spec).await;
        let known = known.map_err(|wrong| Failure {
            exit: exit::of_directory(&wrong),
            diagnostics: in_order(self.located(wrong)),
        })?;
        let spec = ConnectSpec { select: self.select(known.as_ref()), ..spec };
        self.host.connect(&self.package, &spec).await.map_err(|error| self.failure(error.into()))
    }

    /// Reaches the phone system.
    pub(crate) async fn office(&self, intent: Intent) -> Result<offices::Reached, Failure> {
        offices::reach(self, intent).await
    }

    /// Opens the state, or gives the one that is open.
    pub(crate) async fn store(&self) -> Result<Store, Failure> {
        opened(&self.state, &self.folder).await
    }

    /// Opens the mirror of `fields`, which selects other attributes than a run.
    pub(crate) async fn survey_mirror(&self) -> Result<MirrorFile, Failure> {
        Ok(self.store().await?.mirror(&self.job.name, "survey").await?)
    }

    /// Gets both ends and the state ready.
    pub(crate) async fn ends(&self, record: Option<&Path>, intent: Intent) -> Result<Ends, Failure> {
        let store = self.store().await?;
        let office = self.office(intent).await?;
        let directory = self.directory(record).await?;
        let mirror = store.mirror(&self.job.name, "run").await?;
        let mirror_scope = self.mirror_scope();
        Ok(Ends {
            tail: directory.tail(),
            directory,
            office,
            store,
            mirror,
            mirror_scope,
            records: record.is_some(),
        })
    }

    /// Tells that a command asks for more than a recording of a sync holds.
    pub(crate) fn beyond_recording(&self, command: &str, mut failure: Failure) -> Failure {
        if self.job.directory.recording.is_some() {
            for why in failure.diagnostics.iter_mut().filter(|why| why.code == codes::RECORDING_INVALID) {
                why.message =
                    format!("`{command}` asks the directory for more than the recording of a sync holds");
                why.hint = Some("take `recording` out of [directory] to ask the network".into());
            }
        }
        failure
    }

    /// Turns an early end of a run into a failure with places in files.
    pub(crate) fn failure(&self, error: rollcall_engine::RunError) -> Failure {
        self.progress.clear();
        let mut failure = Failure::of_run(error);
        if failure.exit == exit::DENIED {
            // The likeliest reason, where the job file knows of it.
            failure.diagnostics.extend(expiring(&self.job, self.clock.now().0));
        }
        Failure { diagnostics: self.located(failure.diagnostics), ..failure }
    }

    fn select(&self, known: Option<&Attributes>) -> Vec<Text> {
        let has = |name: &Text| {
            known.is_none_or(|known| known.known.iter().any(|attribute| attribute.name == *name))
        };
        // A name that expressions only may use is asked for where the directory is known to have it.
        let soft = self.rules.soft_attributes().iter().filter(|name| known.is_some() && has(name));
        let mut names: Vec<Text> =
            self.references.keys().filter(|name| has(name)).chain(soft).chain(&self.more).cloned().collect();
        names.sort();
        names.dedup();
        names
    }

    /// Gives a digest of everything that decides what the mirror holds.
    fn mirror_scope(&self) -> Vec<u8> {
        let settings: BTreeMap<_, _> = self.job.directory.settings.iter().collect();
        let settings = serde_json::to_string(&settings).unwrap_or_default();
        let recording = self.job.directory.recording.as_ref().map(|path| path.display().to_string());
        let names: Vec<&str> =
            self.references.keys().chain(self.rules.soft_attributes()).map(|name| &**name).collect();
        let text = [self.package.digest_text(), settings, names.join("\n"), recording.unwrap_or_default()]
            .join("\0");
        text.into_bytes()
    }

    fn spec(&self, record: Option<&Path>, select: Vec<Text>, resolve: bool) -> Result<ConnectSpec, Failure> {
        let directory = &self.job.directory;
        let recording = match (&directory.recording, record) {
            (Some(_), Some(_)) => {
                let message = "the job replays a recording, so there is no traffic to record";
                return Err(Failure::new(exit::USAGE, codes::USAGE, message)
                    .hint("take `recording` out of [directory]"));
            }
            (Some(path), None) => Recording::Replay(path.clone()),
            (None, Some(path)) => {
                Recording::Record { path: path.to_owned(), at: time::shown(self.clock.now()) }
            }
            (None, None) => Recording::None,
        };
        // A replay signs in nowhere, so it needs no credential.
        let resolve = resolve && !matches!(recording, Recording::Replay(_));
        let mut wrong = Vec::new();
        let mut credentials: BTreeMap<Text, Option<Secret>> = BTreeMap::new();
        for (name, credential) in &directory.credentials {
            let secret = if resolve {
                rollcall_job::credential::resolve(credential)
                    .map_err(|why| wrong.push(why.path(&["directory", "credentials", name])))
                    .ok()
            } else {
                None
            };
            credentials.insert(name.clone(), secret);
        }
        if !wrong.is_empty() {
            return Err(Failure { exit: 4, diagnostics: self.located(wrong) });
        }
        let shown = self.progress.clone();
        Ok(ConnectSpec {
            directory: directory.name.clone(),
            folder: self.job.folder.clone(),
            settings: directory.settings.clone(),
            credentials,
            grant_http: directory.grants.http.clone(),
            grant_ldap: directory.grants.ldap.clone(),
            grant_files: directory.grants.files.clone(),
            grant_addresses: directory.grants.addresses.clone(),
            limits: directory.limits.clone(),
            proxy: directory.network.proxy.clone(),
            ca_file: directory.network.ca_file.clone(),
            select,
            recording,
            bundled: self.bundled,
            progress: Some(Arc::new(move |done, total| shown.connector(done, total))),
        })
    }
}

impl Ends {
    /// Gives the engine what it works with.
    pub(crate) fn parts<'a>(&'a mut self, session: &'a Session) -> Parts<'a> {
        Parts {
            job: &session.job,
            script: session.rules.clone(),
            references: &session.references,
            rule_files: &session.rule_files,
            connector: session.package.digest_text().into(),
            directory: &mut self.directory,
            office: self.office.office(),
            mirror: &mut self.mirror,
            mirror_scope: self.mirror_scope.clone(),
            state: &self.store,
            clock: &*session.clock,
            observer: &*session.progress,
            cancel: &session.cancel,
            codes: session.handover.codes(),
        }
    }

    /// Writes the recording, if one was asked for.
    pub(crate) fn finish(&self) -> Result<(), Failure> {
        if self.records {
            self.tail
                .write_recording()
                .map_err(|why| Failure { exit: exit::ERROR, diagnostics: vec![why] })?;
        }
        Ok(())
    }
}

async fn opened(state: &OnceLock<Store>, folder: &Path) -> Result<Store, Failure> {
    match state.get() {
        Some(store) => Ok(store.clone()),
        // Two that open it at once are as good as one: the first to be done is kept.
        None => {
            let store = Store::open(folder).await?;
            Ok(state.get_or_init(|| store).clone())
        }
    }
}

/// Gives the folder of the state.
pub(crate) fn state_folder(global: &Global) -> Result<PathBuf, Failure> {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let home = || set("XDG_STATE_HOME").or_else(|| set("HOME").map(|home| home.join(".local/state")));
    global
        .state
        .clone()
        .or_else(|| set("ROLLCALL_STATE"))
        .or_else(|| home().map(|folder| folder.join("rollcall")))
        .ok_or_else(|| {
            Failure::new(
                exit::ERROR,
                codes::STATE_UNUSABLE,
                "there is no place for the state: HOME is not set",
            )
            .hint("give `--state DIR`")
        })
}

/// Opens the state of a command that needs no job.
pub(crate) async fn store(global: &Global) -> Result<Store, Failure> {
    Ok(Store::open(&state_folder(global)?).await?)
}

/// Reads a job file and nothing that it names.
pub(crate) fn load_job(path: &Path) -> Result<Job, Failure> {
    rollcall_job::load(path).map_err(Failure::invalid)
}

/// Resolves the password of a phone system.
pub(crate) fn password(job: &Job, credential: &rollcall_job::job::Credential) -> Result<Secret, Failure> {
    rollcall_job::credential::resolve(credential).map_err(|why| {
        let place = why.path(&["phone_system", "credentials", "password"]);
        Failure { exit: 4, diagnostics: vec![job.resolve(place)] }
    })
}

/// Sorts diagnostics by file and place, so that mistakes read from top to bottom.
pub(crate) fn in_order(mut diagnostics: Vec<Diagnostic>) -> Vec<Diagnostic> {
    diagnostics.sort_by_cached_key(|diagnostic| match &diagnostic.place {
        rollcall_core::Place::Span { file, bytes, .. } => (file.clone(), bytes.start),
        _ => (Text::default(), 0),
    });
    diagnostics
}

/// Gives a phone system as the trait.
pub(crate) type AnyOffice = Box<dyn Office>;
