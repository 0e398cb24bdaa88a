//! The one place where names meet adapters: a job file becomes rules, a connector, a phone system and a state.

mod certificates;
mod ends;
mod installed;
mod package;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use rollcall_connectors::pins::Pin;
use rollcall_connectors::{ChildCompiler, Host, Manifest, Package, Settings, check_credentials};
use rollcall_core::{Diagnostic, Secret, Text, codes};
use rollcall_edges::clock::Clock;
use rollcall_edges::office::Office;
use rollcall_engine::RunError;
use rollcall_engine::attributes;
use rollcall_engine::attributes::References;
use rollcall_engine::observe::Cancel;
use rollcall_job::expiry::expiring;
use rollcall_job::job::{DirectoryJob, Job};
use rollcall_script::Rules;
use rollcall_state::{MirrorFile, Shelf, Store};

use crate::args::Global;
use crate::chance::Handovers;
use crate::exit;
use crate::failure::Failure;
use crate::progress::Progress;
use crate::{disabled, offices, rules, signals, time};

pub(crate) use installed::{Connectors, held_to, pins_of, read_pins, register, reserved, write_pins};

mod kept;

pub(crate) use ends::Meters;

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
    /// The connectors of the job's directories, in their order.
    connectors: Vec<Loaded>,
    host: Arc<Host>,
    pub(crate) folder: PathBuf,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) progress: Arc<Progress>,
    cancel: Cancel,
    /// The state that all jobs of one process share, once it is open.
    state: Arc<OnceLock<Store>>,
    handover: Handovers,
}

/// The connector of one directory.
pub(crate) struct Loaded {
    package: Arc<Package>,
    bundled: bool,
    digest: String,
    /// What `rollcall.lock` has of it; none where it came with the program.
    pin: Option<Pin>,
}

impl Loaded {
    /// Gives the connector's package.
    pub(crate) fn package(&self) -> &Package {
        &self.package
    }

    /// Gives the connector's name.
    pub(crate) fn name(&self) -> &str {
        &self.package.manifest().name
    }
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
    /// Whether connectors must be pinned.
    locked: bool,
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
        let host = match this_program() {
            Some(program) => {
                let arguments = vec!["compile-component".into()];
                host.compiling_in(ChildCompiler { program, arguments })
            }
            None => host,
        };
        Ok(Self {
            folder,
            clock,
            cancel: signals::listen(),
            progress: Arc::new(Progress::new(silent)),
            host: Arc::new(host),
            locked: global.locked,
            packages: Mutex::default(),
            state: Arc::default(),
        })
    }

    /// Opens the state. Every job of this process writes through it: connections of their own would get into each
    /// other's way.
    pub(crate) async fn store(&self) -> Result<Store, Failure> {
        opened(&self.state, &self.folder).await
    }

    /// Gives the file that says which connectors are installed, trusted and revoked.
    pub(crate) fn register_file(&self) -> PathBuf {
        Shelf::of(&self.folder).register_file()
    }

    /// Finds a directory's connector: a bundled or an installed one by name, or a component by path.
    fn connector(&self, directory: &DirectoryJob) -> Result<Loaded, Vec<Diagnostic>> {
        let loaded = |package: Arc<Package>, pin: Option<Pin>| {
            let digest = package.digest_text();
            Loaded { package, bundled: pin.is_none(), digest, pin }
        };
        let Some(bundled) = rollcall_bundled::find(&directory.connector) else {
            let (package, pin) = package::of_job(&self.folder, directory)?;
            return Ok(loaded(Arc::new(package), Some(pin)));
        };
        let mut known = self.packages.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(package) = known.get(bundled.name) {
            return Ok(loaded(package.clone(), None));
        }
        let package = Arc::new(Package::read(bundled.bytes.to_vec())?);
        known.insert(bundled.name, package.clone());
        Ok(loaded(package, None))
    }

    /// Finds the connectors of all directories, and holds the settings and credentials of each against its manifest.
    fn connectors(&self, job: &Job, wrong: &mut Vec<Diagnostic>) -> Option<Vec<Loaded>> {
        let mut all = Vec::with_capacity(job.directories.len());
        for directory in &job.directories {
            let found = self.connector(directory).and_then(|loaded| {
                installed::check_pin(job, directory, loaded.pin.as_ref(), self.locked)
                    .map_err(|why| vec![why])?;
                Ok(loaded)
            });
            match found {
                Ok(loaded) => all.push(loaded),
                Err(found) => wrong.extend(found.into_iter().map(|one| directory.placed(one))),
            }
        }
        (all.len() == job.directories.len()).then_some(all)
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

impl Session {
    /// Opens a job file. All mistakes of the file, its rules and its settings are told at once.
    pub(crate) fn open(global: &Global, path: &Path) -> Result<Self, Failure> {
        Self::among(&Shared::new(global, global.quiet || global.json)?, path)
    }

    /// Opens a job file of a process that has several.
    pub(crate) fn among(shared: &Shared, path: &Path) -> Result<Self, Failure> {
        let (job, mut wrong) = rollcall_job::read(path);
        let Some(mut job) = job else { return Err(Failure::invalid(wrong)) };
        let connectors = shared.connectors(&job, &mut wrong);
        if let Some(connectors) = &connectors {
            let manifests: Vec<&Manifest> = connectors.iter().map(|one| one.package.manifest()).collect();
            wrong.extend(disabled::keep(&mut job, &manifests).err());
            for (directory, manifest) in job.directories.iter().zip(manifests) {
                let settings = Settings::check(manifest, &directory.settings, &job.folder).err();
                let names = directory.credentials.keys().map(|name| &**name);
                let found = settings.into_iter().chain(check_credentials(manifest, names).err()).flatten();
                wrong.extend(found.map(|one| directory.placed(one)));
            }
        }
        let compiled = rules::compile(&job).map_err(|found| wrong.extend(found)).ok();
        let (Some(compiled), Some(connectors), true) = (compiled, connectors, wrong.is_empty()) else {
            return Err(Failure::invalid(in_order(wrong.into_iter().map(|d| job.resolve(d)).collect())));
        };
        let rules::Compiled { rules, warnings, files: rule_files } = compiled;
        // A package's file may be renamed with its version; its users stay those of the connector.
        if let ([directory], [only]) = (job.directories.as_mut_slice(), connectors.as_slice())
            && !only.bundled
            && Path::new(&*directory.connector).file_stem().is_some_and(|stem| *stem == *directory.name)
        {
            directory.name = Text::from(only.package.manifest().name.as_str());
        }
        let references = rules.attributes().clone();
        Ok(Self {
            rules: Arc::new(rules),
            rule_files,
            warnings,
            references,
            connectors,
            host: shared.host.clone(),
            folder: shared.folder.clone(),
            clock: shared.clock.clone(),
            progress: shared.progress.clone(),
            cancel: shared.cancel.clone(),
            state: shared.state.clone(),
            handover: Handovers::of(&job),
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
        let mut schemas = Vec::new();
        for (directory, connector) in self.both() {
            let mut spec = self.spec(directory, connector, None, false)?;
            if directory.recording.is_none() {
                // The form of a key shows without using it.
                for (name, credential) in &directory.credentials {
                    spec.credentials.insert(name.clone(), rollcall_job::credential::at_hand(credential));
                }
            }
            let later = Host::ungranted_beyond_replay(&connector.package, &spec);
            found.extend(later.into_iter().map(|one| directory.placed(one)));
            match self.host.check_offline(&connector.package, &spec).await {
                Ok(known) => schemas.extend(known),
                Err(wrong) => found.extend(wrong.into_iter().map(|one| directory.placed(one))),
            }
        }
        // A schema that only the directory itself knows may have every name.
        if schemas.len() == self.connectors.len() {
            found.extend(attributes::check(&self.references, &schemas));
        }
        found.extend(offices::check_offline(&self.job).err().into_iter().flatten());
        Ok(in_order(self.located(found)))
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
        Ok(self.store().await?.mirror(&self.job.name, "survey")?)
    }

    /// Tells that a command asks for more than a recording of a sync holds.
    pub(crate) fn beyond_recording(&self, command: &str, mut failure: Failure) -> Failure {
        if self.job.directories.iter().any(|directory| directory.recording.is_some()) {
            for why in failure.diagnostics.iter_mut().filter(|why| why.code == codes::RECORDING_INVALID) {
                why.message =
                    format!("`{command}` asks the directory for more than the recording of a sync holds");
                why.hint = Some("take `recording` out of [directory] to ask the network".into());
            }
        }
        failure
    }

    /// Does what writes nothing and may be left in the middle, until it is done or a signal comes.
    pub(crate) async fn unless_stopped<T>(&self, work: impl Future<Output = T>) -> Result<T, Failure> {
        tokio::select! {
            done = work => Ok(done),
            signal = signals::asked(&self.cancel) => Err(self.failure(RunError::Interrupted(signal))),
        }
    }

    /// Turns an early end of a run into a failure with places in files.
    pub(crate) fn failure(&self, error: RunError) -> Failure {
        self.progress.clear();
        let mut failure = Failure::of_run(error);
        if failure.exit == exit::DENIED {
            // The likeliest reason, where the job file knows of it.
            failure.diagnostics.extend(expiring(&self.job, self.clock.now().0));
        }
        Failure { diagnostics: self.located(failure.diagnostics), ..failure }
    }
}

async fn opened(state: &OnceLock<Store>, folder: &Path) -> Result<Store, Failure> {
    match state.get() {
        Some(store) => Ok(store.clone()),
        // Two that open it at once are as good as one: the first to be done is kept.
        None => {
            let store = Store::open(folder)?;
            Ok(state.get_or_init(|| store).clone())
        }
    }
}

/// Finds this program, so that it can be started again; on Linux also where its file was replaced meanwhile.
fn this_program() -> Option<PathBuf> {
    let itself = PathBuf::from("/proc/self/exe");
    if itself.exists() { Some(itself) } else { std::env::current_exe().ok() }
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
    Ok(Store::open(&state_folder(global)?)?)
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
