//! A directory behind a connector: each call in an instance of its own, on the guests' own runtime.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use rollcall_core::{Diagnostic, Text};
use rollcall_edges::directory::{
    Attributes, Connection, Directory, DirectoryError, Finding, FindingState, Listing, Token,
};

use crate::limits::TOKEN_BYTES;
use crate::listing::Reading;
use crate::manifest::Manifest;
use crate::meter::Usage;
use crate::recording::Recorded;
use crate::session::{Broken, Code, Session};
use crate::store::{Reach, Terms};
use crate::threads::Threads;
use crate::v0_1;
use crate::words::tame;

/// What all calls to one directory share.
pub(crate) struct Inner {
    pub(crate) threads: Arc<Threads>,
    pub(crate) code: Code,
    pub(crate) terms: Terms,
    pub(crate) manifest: Manifest,
    pub(crate) settings: String,
    usage: Mutex<Usage>,
}

impl Inner {
    pub(crate) fn new(
        threads: Arc<Threads>,
        code: Code,
        terms: Terms,
        manifest: Manifest,
        settings: String,
    ) -> Self {
        Self { threads, code, terms, manifest, settings, usage: Mutex::default() }
    }

    /// Keeps what an instance has used, where it is more than what is known.
    pub(crate) fn note_usage(&self, used: Usage) {
        let mut known = self.usage.lock().unwrap_or_else(PoisonError::into_inner);
        known.memory_peak_bytes = known.memory_peak_bytes.max(used.memory_peak_bytes);
        known.cpu_ms = known.cpu_ms.max(used.cpu_ms);
        known.requests = known.requests.max(used.requests);
        known.bytes = known.bytes.max(used.bytes);
    }

    async fn session(&self, reach: Reach) -> Result<Session, DirectoryError> {
        Session::start(&self.code, &self.terms, reach)
            .await
            .map_err(|Broken(why)| DirectoryError::Permanent(why))
    }

    /// Lets the connector judge the settings, with no capability answering.
    pub(crate) async fn validate(&self) -> Result<(), DirectoryError> {
        let mut session = self.session(Reach::Nothing).await?;
        let faults = session.validate(&self.settings).await;
        let faults = session.judge(faults.map(Ok), DirectoryError::Permanent)?;
        if faults.is_empty() { Ok(()) } else { Err(DirectoryError::Invalid(v0_1::faults(faults))) }
    }

    /// Gives the attributes that are known without a network; none where that needs one.
    pub(crate) async fn offline_attributes(&self) -> Result<Option<Attributes>, Vec<Diagnostic>> {
        match self.attributes(Reach::Files).await {
            Ok(attributes) => Ok(Some(attributes)),
            Err(DirectoryError::Invalid(wrong)) => Err(wrong),
            Err(_) => Ok(None),
        }
    }

    async fn attributes(&self, reach: Reach) -> Result<Attributes, DirectoryError> {
        let mut session = self.session(reach).await?;
        let answer = session.attributes(&self.settings).await;
        self.note_usage(session.usage());
        let list = session.judge(answer, DirectoryError::Permanent)?;
        v0_1::attributes(list, self.manifest.attributes.open)
    }

    async fn identity(&self) -> Result<Text, DirectoryError> {
        let mut session = self.session(Reach::Everything).await?;
        let answer = session.identity(&self.settings).await;
        self.note_usage(session.usage());
        let identity = session.judge(answer, DirectoryError::Permanent)?;
        Ok(Text::from(tame(&identity, crate::limits::ID_BYTES)))
    }

    async fn check(&self) -> Result<Connection, DirectoryError> {
        let mut session = self.session(Reach::Everything).await?;
        let answer = session.check(&self.settings).await;
        self.note_usage(session.usage());
        // A test may well say "failed" and have found something out by it. What it must not do is pass over it.
        let told_failure = |connection: &v0_1::given::Connection| {
            connection.findings.iter().any(|finding| finding.state == v0_1::given::State::Failed)
        };
        match (answer, session.blame()) {
            (Ok(Ok(connection)), Some(blame)) if !told_failure(&connection) => {
                let message = blame.clone().into_error().to_string();
                let mut connection = v0_1::connection(connection);
                let (subject, state) = ("connection".to_owned(), FindingState::Failed);
                connection.findings.push(Finding { subject, state, message, hint: None });
                Ok(connection)
            }
            (Ok(Ok(connection)), _) => Ok(v0_1::connection(connection)),
            (answer, _) => session.judge(answer, DirectoryError::Permanent).map(v0_1::connection),
        }
    }

    async fn open(
        &self,
        since: Option<&Token>,
    ) -> Result<(Session, wasmtime::component::ResourceAny), DirectoryError> {
        let mut session = self.session(Reach::Everything).await?;
        let answer = session.open(&self.settings, since).await;
        self.note_usage(session.usage());
        let listing = session.judge(answer, DirectoryError::Incomplete)?;
        Ok((session, listing))
    }
}

/// A directory behind a connector.
pub struct Connector {
    inner: Arc<Inner>,
    recorded: Recorded,
}

impl Connector {
    pub(crate) fn new(inner: Arc<Inner>, recorded: Recorded) -> Self {
        Self { inner, recorded }
    }

    /// Gives what writes the recording once the reading is over, and tells what has been used; it outlives the
    /// connector, which the engine takes.
    pub fn tail(&self) -> Tail {
        Tail { inner: self.inner.clone(), recorded: self.recorded.clone() }
    }

    /// Gives what the connector has used: the most of any one of its instances.
    pub fn usage(&self) -> Usage {
        *self.inner.usage.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives the manifest.
    pub fn manifest(&self) -> &Manifest {
        &self.inner.manifest
    }
}

/// What remains to be done and told when a connector's work is over.
#[derive(Clone)]
pub struct Tail {
    inner: Arc<Inner>,
    recorded: Recorded,
}

impl Tail {
    /// Gives what the connector has used: the most of any one of its instances.
    pub fn usage(&self) -> Usage {
        *self.inner.usage.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes the recording, where one is made.
    ///
    /// # Errors
    ///
    /// Fails where the file cannot be written.
    pub fn write_recording(&self) -> Result<(), Diagnostic> {
        self.recorded.write()
    }
}

#[async_trait]
impl Directory for Connector {
    async fn identity(&mut self) -> Result<Text, DirectoryError> {
        let inner = self.inner.clone();
        self.inner.threads.run(async move { inner.identity().await }).await
    }

    async fn check(&mut self) -> Result<Connection, DirectoryError> {
        let inner = self.inner.clone();
        self.inner.threads.run(async move { inner.check().await }).await
    }

    async fn attributes(&mut self) -> Result<Attributes, DirectoryError> {
        let inner = self.inner.clone();
        self.inner.threads.run(async move { inner.attributes(Reach::Everything).await }).await
    }

    async fn open(&mut self, since: Option<Token>) -> Result<Box<dyn Listing>, DirectoryError> {
        // A recording holds a whole reading, or nobody could begin with it.
        let from_the_beginning = !matches!(self.recorded, Recorded::None);
        if since.as_ref().is_some_and(|token| from_the_beginning || token.len() > TOKEN_BYTES) {
            return Err(DirectoryError::TokenExpired);
        }
        let inner = self.inner.clone();
        let goes_on = since.is_some();
        let opened = async move { inner.open(since.as_ref()).await };
        let (session, listing) = self.inner.threads.run(opened).await?;
        Ok(Box::new(Reading::new(self.inner.clone(), session, listing, goes_on)))
    }
}
