//! A job's directories and its phone system, reached.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rollcall_connectors::{ConnectSpec, Connector, Host, Recording, Tail};
use rollcall_core::{Diagnostic, Secret, Text, codes};
use rollcall_edges::directory::{Attributes, Directory as _};
use rollcall_engine::Parts;
use rollcall_engine::pull::Source;
use rollcall_job::job::DirectoryJob;
use rollcall_state::{MirrorFile, Store};

use super::{Intent, Loaded, Session, in_order};
use crate::failure::Failure;
use crate::view::json as shapes;
use crate::{exit, offices, time};

/// Both ends of a job and the state, reached.
pub(crate) struct Ends {
    directories: Vec<Reached>,
    pub(crate) office: offices::Reached,
    pub(crate) store: Store,
    mirror: MirrorFile,
    records: bool,
}

/// A directory of a job, reached.
struct Reached {
    directory: Connector,
    tail: Tail,
    /// A digest of everything that decides what the mirror holds of it.
    scope: Vec<u8>,
}

impl Session {
    /// Gives the job's directories with their connectors.
    pub(crate) fn both(&self) -> impl Iterator<Item = (&DirectoryJob, &Loaded)> {
        self.job.directories.iter().zip(&self.connectors)
    }

    /// Connects to a directory; nothing is sent yet. `more`: attributes to ask for besides those that expressions name.
    pub(crate) async fn connect(
        &self,
        (directory, connector): (&DirectoryJob, &Loaded),
        record: Option<&Path>,
        more: &[Text],
    ) -> Result<Connector, Failure> {
        let spec = self.asked((directory, connector), record, more).await?;
        let connected = self.host.connect(&connector.package, &spec).await;
        connected.map_err(|error| self.failure(error.into()))
    }

    /// Gives the names of all attributes that a directory has; none of a recording, which has what its sync asked for.
    pub(crate) async fn every_attribute(&self, both: (&DirectoryJob, &Loaded)) -> Result<Vec<Text>, Failure> {
        if both.0.recording.is_some() {
            return Ok(Vec::new());
        }
        let known = self.connect(both, None, &[]).await?.attributes().await?.known;
        Ok(known.into_iter().map(|attribute| attribute.name).collect())
    }

    /// Gives what a directory is asked with. `more`: attributes to ask for besides those that expressions name.
    pub(crate) async fn asked(
        &self,
        (directory, connector): (&DirectoryJob, &Loaded),
        record: Option<&Path>,
        more: &[Text],
    ) -> Result<ConnectSpec, Failure> {
        let spec = self.spec(directory, connector, record, true)?;
        let known = self.host.check_offline(&connector.package, &spec).await;
        let known = known.map_err(|wrong| self.wrong(directory, wrong))?;
        Ok(ConnectSpec { select: self.select(known.as_ref(), more), ..spec })
    }

    /// Holds the guards that a run may pass against the job's directories: a figure that passes nothing is a mistake.
    pub(crate) fn accepts(&self, accept: &BTreeMap<Text, usize>) -> Result<(), Failure> {
        const OF_ONE: &str = "min_directory";
        let guards: Vec<String> = match self.job.directories.as_slice() {
            [_] => vec![OF_ONE.to_owned()],
            several => several.iter().map(|directory| format!("{OF_ONE}.{}", directory.name)).collect(),
        };
        let strange =
            |name: &&Text| name.starts_with(OF_ONE) && !guards.iter().any(|known| **known == ***name);
        match accept.keys().find(strange) {
            None => Ok(()),
            Some(name) => {
                let message = format!("the job has no guard `{name}`");
                let hint = format!("there is `--accept {}=N`", guards.join("=N`, `--accept "));
                Err(Failure::new(exit::USAGE, codes::USAGE, message).hint(hint))
            }
        }
    }

    /// Gives what runs connectors.
    pub(crate) fn host(&self) -> &Host {
        &self.host
    }

    /// Makes what is wrong with a directory's part of the job a failure.
    pub(super) fn wrong(&self, directory: &DirectoryJob, wrong: Vec<Diagnostic>) -> Failure {
        let exit = exit::of_directory(&wrong);
        let placed = wrong.into_iter().map(|one| directory.placed(one)).collect();
        Failure { exit, diagnostics: in_order(self.located(placed)) }
    }

    /// Gets both ends and the state ready.
    pub(crate) async fn ends(&self, record: Option<&Path>, intent: Intent) -> Result<Ends, Failure> {
        let store = self.store().await?;
        let office = self.office(intent).await?;
        let mut directories = Vec::with_capacity(self.connectors.len());
        for (directory, connector) in self.both() {
            let record = record.map(|path| self.recording_of(directory, path));
            let connected = self.connect((directory, connector), record.as_deref(), &[]).await?;
            let scope = self.mirror_scope(directory, connector);
            directories.push(Reached { tail: connected.tail(), directory: connected, scope });
        }
        let mirror = store.mirror(&self.job.name, "run")?;
        Ok(Ends { directories, office, store, mirror, records: record.is_some() })
    }

    /// Gives where a directory's traffic is recorded: `traffic.recording`, and with several directories
    /// `traffic.NAME.recording` for each.
    fn recording_of(&self, directory: &DirectoryJob, path: &Path) -> PathBuf {
        if self.job.directories.len() == 1 {
            return path.to_owned();
        }
        let part = |part: Option<&std::ffi::OsStr>| part.unwrap_or_default().to_string_lossy().into_owned();
        let ending =
            path.extension().map(|ending| format!(".{}", ending.to_string_lossy())).unwrap_or_default();
        path.with_file_name(format!("{}.{}{ending}", part(path.file_stem()), directory.name))
    }

    fn select(&self, known: Option<&Attributes>, more: &[Text]) -> Vec<Text> {
        let has = |name: &Text| {
            known.is_none_or(|known| known.known.iter().any(|attribute| attribute.name == *name))
        };
        // A name that expressions only may use is asked for where the directory is known to have it.
        let soft = self.rules.soft_attributes().iter().filter(|name| known.is_some() && has(name));
        let mut names: Vec<Text> =
            self.references.keys().filter(|name| has(name)).chain(soft).chain(more).cloned().collect();
        names.sort();
        names.dedup();
        names
    }

    /// Gives a digest of everything that decides what the mirror holds of a directory.
    fn mirror_scope(&self, directory: &DirectoryJob, connector: &Loaded) -> Vec<u8> {
        let settings: BTreeMap<_, _> = directory.settings.iter().collect();
        let settings = serde_json::to_string(&settings).unwrap_or_default();
        let recording = directory.recording.as_ref().map(|path| path.display().to_string());
        let names: Vec<&str> =
            self.references.keys().chain(self.rules.soft_attributes()).map(|name| &**name).collect();
        let text =
            [connector.digest.clone(), settings, names.join("\n"), recording.unwrap_or_default()].join("\0");
        text.into_bytes()
    }

    pub(super) fn spec(
        &self,
        directory: &DirectoryJob,
        connector: &Loaded,
        record: Option<&Path>,
        resolve: bool,
    ) -> Result<ConnectSpec, Failure> {
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
                    .map_err(|why| {
                        wrong.push(directory.placed(why.path(&["directory", "credentials", name])))
                    })
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
            // Names that a connector only believes are told to it from the beginning.
            select: self.select(None, &[]),
            recording,
            bundled: connector.bundled,
            progress: Some(Arc::new(move |done, total| shown.connector(done, total))),
            trial: None,
        })
    }
}

/// What the connectors of a run use, while it goes on.
#[derive(Default)]
pub(crate) struct Meters(Vec<(Text, Tail)>);

impl Meters {
    /// Gives what each has used so far, as JSON.
    pub(crate) fn told(&self) -> Vec<serde_json::Value> {
        self.0.iter().map(|(name, tail)| shapes::used(name, tail.usage())).collect()
    }
}

impl Ends {
    /// Gives what tells how much the connectors use.
    pub(crate) fn meters(&self, session: &Session) -> Meters {
        let names = session.both().map(|(directory, _)| directory.name.clone());
        Meters(names.zip(self.directories.iter().map(|reached| reached.tail.clone())).collect())
    }

    /// Gives the engine what it works with.
    pub(crate) fn parts<'a>(&'a mut self, session: &'a Session) -> Parts<'a> {
        Parts {
            job: &session.job,
            script: session.rules.clone(),
            references: &session.references,
            rule_files: &session.rule_files,
            directories: self
                .directories
                .iter_mut()
                .zip(session.both())
                .map(|(reached, (directory, connector))| Source {
                    name: directory.name.clone(),
                    directory: &mut reached.directory,
                    connector: connector.digest.as_str().into(),
                    scope: reached.scope.clone(),
                    full_every_ms: directory.full_every_ms,
                })
                .collect(),
            office: self.office.office(),
            mirror: &mut self.mirror,
            state: &self.store,
            clock: &*session.clock,
            observer: &*session.progress,
            cancel: &session.cancel,
            codes: session.handover.codes(),
        }
    }

    /// Writes the recording, if one was asked for.
    pub(crate) fn finish(&self) -> Result<(), Failure> {
        for reached in self.directories.iter().filter(|_| self.records) {
            let written = reached.tail.write_recording();
            written.map_err(|why| Failure { exit: exit::ERROR, diagnostics: vec![why] })?;
        }
        Ok(())
    }
}
