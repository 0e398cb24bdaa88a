//! Recordings: what was exchanged with a directory, in one file, so that it can be replayed without network and
//! credentials: for an example, a bug report, a rule trial.
//!
//! # The format
//!
//! One JSON object a line (NDJSON, UTF-8). The first line says what it is:
//!
//! ```json
//! {"rollcall_recording":1,"connector":"entra","recorded_at":"2026-11-23T22:00:00Z","scope":""}
//! ```
//!
//! Every further line is an exchange, a page of an LDAP search, or a file that the connector read:
//!
//! ```json
//! {"kind":"http","method":"GET","url":"https://graph.microsoft.com/v1.0/users?$top=999","status":200,"headers":[["content-type","application/json"]],"body":"{\"value\":[]}"}
//! {"kind":"ldap","base":"dc=example","filter":"(mail=*)","attributes":["mail"],"entries":[{"dn":"uid=a,dc=example","attributes":{"mail":["a@b.example"]}}]}
//! {"kind":"file","path":"people.csv","text":"id,name\n1,Ann\n"}
//! ```
//!
//! | key of an exchange | meaning | where it is missing |
//! |---|---|---|
//! | `method`, `url` | the request; `url` exactly as the connector asks for it | `GET` |
//! | `request_headers` | for people; not compared | none |
//! | `request_body`, `request_body_base64` | text, or bytes | empty |
//! | `status` | | 200 |
//! | `headers` | pairs, names in lower case | `content-type: application/json` where `json` stands, else none |
//! | `body`, `body_base64`, `json` | text, bytes, or a JSON value that stands for its compact text | empty |
//!
//! A recording may be written by hand: `{"kind":"http","url":"https://…","json":{"value":[]}}` is a whole exchange.
//! Method, URL and request body decide which exchange answers. One that is there several times answers in the order
//! of the lines; the last one answers from then on.
//!
//! | key of a page | meaning | where it is missing |
//! |---|---|---|
//! | `base`, `scope`, `filter`, `attributes` | the search; `scope` is `base`, `one-level` or `subtree` | the server's own entry, `subtree`, `(objectClass=*)`, none |
//! | `page` | its number; 1 begins a search | 1 |
//! | `more` | whether a further page follows | false |
//! | `entries` | `dn`, and `attributes` with all their values; bytes that are no text as `{"base64":"…"}` | |
//!
//! Base, scope, filter and attributes decide which search answers, several in the order of the lines as above. One that
//! breaks off with `more` cannot be replayed beyond that.
//!
//! Neither the sign-in nor a token is ever recorded: the recorder stands above the login. `Authorization`, cookies
//! headers that look like tokens and attributes that hold passwords are dropped, and a known secret becomes `(removed)`.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use crate::error::NetError;
use crate::ldap::LdapPageLine;
use crate::limits;
use crate::scrub::Scrubber;
use crate::wire::{Request, Response, Wire};

/// The version of the format that is written and read.
pub(crate) const VERSION: u32 = 1;

/// The first line of a recording.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// The version of the format: 1.
    #[serde(rename = "rollcall_recording")]
    pub version: u32,
    /// The connector's name.
    pub connector: String,
    /// When it was recorded, for people.
    #[serde(default)]
    pub recorded_at: String,
    /// A digest of what was asked for, for comparing; empty for none.
    #[serde(default)]
    pub scope: String,
}

impl Header {
    /// Makes the header of a new recording.
    pub fn new(
        connector: impl Into<String>,
        recorded_at: impl Into<String>,
        scope: impl Into<String>,
    ) -> Self {
        Self {
            version: VERSION,
            connector: connector.into(),
            recorded_at: recorded_at.into(),
            scope: scope.into(),
        }
    }
}

/// A line after the first.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub(crate) enum Line {
    Http(Exchange),
    Ldap(LdapPageLine),
    File(Kept),
}

/// One request and its answer.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Exchange {
    #[serde(default = "get")]
    pub(crate) method: String,
    pub(crate) url: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) request_headers: Vec<(String, String)>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) request_body: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) request_body_base64: Option<String>,
    #[serde(default = "ok")]
    pub(crate) status: u16,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) headers: Vec<(String, String)>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) body: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) body_base64: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) json: Option<serde_json::Value>,
}

/// A file that a connector read.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Kept {
    pub(crate) path: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) text: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) base64: Option<String>,
}

fn get() -> String {
    "GET".to_owned()
}

fn ok() -> u16 {
    200
}

/// A recording that is being written. Dropped before [`finish`](Recording::finish), it leaves nothing behind.
pub struct Recording {
    path: PathBuf,
    temporary: PathBuf,
    scrubber: Scrubber,
    file: Mutex<Option<BufWriter<File>>>,
}

impl Recording {
    /// Begins a recording; the file appears under its name with [`finish`](Recording::finish) only.
    ///
    /// # Errors
    ///
    /// [`NetError::Recording`] where nothing can be written beside `path`.
    pub fn create(path: &Path, header: &Header, scrubber: Scrubber) -> Result<Arc<Self>, NetError> {
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(format!(".{}.part", std::process::id()));
        let temporary = path.with_file_name(name);
        let file = private_file(&temporary).map_err(|error| unwritten(path, &error))?;
        let recording =
            Self { path: path.to_owned(), temporary, scrubber, file: Mutex::new(Some(BufWriter::new(file))) };
        recording.append(header)?;
        Ok(Arc::new(recording))
    }

    /// Records a file that a connector read; `path` as the connector names it.
    ///
    /// # Errors
    ///
    /// [`NetError::Recording`] where it cannot be written.
    pub fn record_file(&self, path: &str, content: &[u8]) -> Result<(), NetError> {
        let (text, base64) = self.content(content);
        self.append(&Line::File(Kept { path: path.to_owned(), text, base64 }))
    }

    /// Records an exchange.
    ///
    /// # Errors
    ///
    /// [`NetError::Recording`] where it cannot be written.
    pub fn record_exchange(
        &self,
        request: &Request,
        status: u16,
        headers: &[(String, String)],
        body: &[u8],
    ) -> Result<(), NetError> {
        let (request_body, request_body_base64) = self.content(&request.body);
        let (body, body_base64) = self.content(body);
        self.append(&Line::Http(Exchange {
            method: request.method.clone(),
            url: self.scrubber.redact(request.url.as_str()),
            request_headers: self.kept(&request.headers),
            request_body,
            request_body_base64,
            status,
            headers: self.kept(headers),
            body,
            body_base64,
            json: None,
        }))
    }

    /// Records a page of a search.
    pub(crate) fn record_page(&self, page: &LdapPageLine) -> Result<(), NetError> {
        self.append(&Line::Ldap(page.clone()))
    }

    /// Gives what must not stand in the recording.
    pub(crate) fn scrubber(&self) -> &Scrubber {
        &self.scrubber
    }

    /// Ends the recording and gives the file its name. What is recorded afterwards is dropped.
    ///
    /// # Errors
    ///
    /// [`NetError::Recording`] where it cannot be written.
    pub fn finish(&self) -> Result<(), NetError> {
        let Some(writer) = self.file.lock().unwrap_or_else(PoisonError::into_inner).take() else {
            return Ok(());
        };
        let end = || -> std::io::Result<()> {
            let file = writer.into_inner().map_err(std::io::IntoInnerError::into_error)?;
            file.sync_all()?;
            std::fs::rename(&self.temporary, &self.path)
        };
        end().map_err(|error| {
            // The half-written file is of no use to anybody.
            let _ = std::fs::remove_file(&self.temporary);
            unwritten(&self.path, &error)
        })
    }

    /// Gives bytes as text with secrets removed, or in base64 where they are no text.
    fn content(&self, bytes: &[u8]) -> (Option<String>, Option<String>) {
        match std::str::from_utf8(bytes) {
            Ok("") => (None, None),
            Ok(text) => (Some(self.scrubber.redact(text)), None),
            Err(_) => (None, Some(STANDARD.encode(bytes))),
        }
    }

    fn kept(&self, headers: &[(String, String)]) -> Vec<(String, String)> {
        let kept = headers.iter().map(|(name, value)| (name.to_ascii_lowercase(), value));
        kept.filter(|(name, _)| !is_private(name))
            .map(|(name, value)| (name, self.scrubber.redact(value)))
            .collect()
    }

    fn append<T: Serialize>(&self, line: &T) -> Result<(), NetError> {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(writer) = file.as_mut() else { return Ok(()) };
        serde_json::to_writer(&mut *writer, line)
            .map_err(std::io::Error::from)
            .and_then(|()| writer.write_all(b"\n"))
            .map_err(|error| unwritten(&self.path, &error))
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        if self.file.lock().unwrap_or_else(PoisonError::into_inner).take().is_some() {
            let _ = std::fs::remove_file(&self.temporary);
        }
    }
}

/// Says whether a header is not for a file that is passed on: credentials, and what belongs to the connection.
pub(crate) fn is_private(name: &str) -> bool {
    const NAMES: &[&str] = &[
        "authorization",
        "authentication-info",
        "www-authenticate",
        "cookie",
        "set-cookie",
        "set-cookie2",
        "x-api-key",
        "connection",
        "content-length",
        "content-encoding",
        "transfer-encoding",
        "keep-alive",
        "alt-svc",
    ];
    const PARTS: &[&str] = &["token", "secret", "password", "session"];
    NAMES.contains(&name) || name.starts_with("proxy-") || PARTS.iter().any(|part| name.contains(part))
}

fn unwritten(path: &Path, error: &std::io::Error) -> NetError {
    NetError::recording(format!("the recording `{}` cannot be written: {error}", path.display()), None)
}

/// Makes a file that is its owner's alone, in the place of another one.
pub(crate) fn private_file(path: &Path) -> std::io::Result<File> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// Records what passes through a wire. It belongs above [`SignedIn`](crate::SignedIn): no token reaches it.
pub struct Recorder<W> {
    inner: W,
    recording: Arc<Recording>,
}

impl<W: Wire> Recorder<W> {
    /// Puts a recording around a wire.
    pub fn new(inner: W, recording: Arc<Recording>) -> Self {
        Self { inner, recording }
    }
}

#[async_trait]
impl<W: Wire> Wire for Recorder<W> {
    async fn send(&self, request: Request) -> Result<Response, NetError> {
        let asked = request.clone();
        let mut answer = self.inner.send(request).await?;
        // Read whole, so that the exchanges stand in the file in the order in which they were asked for.
        let body = answer.read_all(limits::RECORDED_BODY_BYTES).await?;
        self.recording.record_exchange(&asked, answer.status, &answer.headers, &body)?;
        Ok(Response::whole(answer.status, answer.headers, body))
    }
}

#[cfg(test)]
#[path = "recording_tests.rs"]
mod tests;
