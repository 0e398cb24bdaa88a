//! The words of every exchange: a request, a response whose body is pulled, and who carries them.

use std::sync::Arc;

use async_trait::async_trait;
use rollcall_core::{Diagnostic, codes};
use url::Url;

use crate::error::NetError;

/// A request. `Debug` shows neither headers nor body: they may hold a token or a secret.
#[derive(Clone)]
pub struct Request {
    /// The method in upper case.
    pub method: String,
    /// Absolute, `http` or `https`, without user information.
    pub url: Url,
    /// Header names and values. Names of any case.
    pub headers: Vec<(String, String)>,
    /// The body; empty for none.
    pub body: Vec<u8>,
    /// The login whose header [`SignedIn`](crate::SignedIn) adds.
    pub login: Option<String>,
    /// Whether sending it twice does no more than sending it once, although the method is neither GET nor HEAD
    /// (a token request, a delete by an immutable id).
    pub repeatable: bool,
}

impl std::fmt::Debug for Request {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Request({})", self.about())
    }
}

impl Request {
    /// Makes a request without headers and body.
    pub fn new(method: impl Into<String>, url: Url) -> Self {
        Self {
            method: method.into(),
            url,
            headers: Vec::new(),
            body: Vec::new(),
            login: None,
            repeatable: false,
        }
    }

    /// Makes a GET.
    pub fn get(url: Url) -> Self {
        Self::new("GET", url)
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Sets the body.
    #[must_use]
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// Names the login to use.
    #[must_use]
    pub fn login(mut self, login: impl Into<String>) -> Self {
        self.login = Some(login.into());
        self
    }

    /// Says whether the request may be sent again after a lost connection.
    pub fn may_repeat(&self) -> bool {
        self.repeatable || matches!(self.method.as_str(), "GET" | "HEAD")
    }

    /// Gives method and URL without its query, for messages: a query may hold what nobody should read.
    pub fn about(&self) -> String {
        let mut url = self.url.clone();
        url.set_query(None);
        url.set_fragment(None);
        format!("{} {url}", self.method)
    }

    /// Gives method and server, for logs: a path may name a person.
    pub(crate) fn about_server(&self) -> String {
        format!("{} {}", self.method, self.url.origin().ascii_serialization())
    }
}

/// A response, of whatever status.
pub struct Response {
    /// The status.
    pub status: u16,
    /// Names in lower case; repeated headers stay separate.
    pub headers: Vec<(String, String)>,
    /// The body, decompressed.
    pub body: Box<dyn Body>,
}

impl std::fmt::Debug for Response {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Response").field("status", &self.status).finish_non_exhaustive()
    }
}

impl Response {
    /// Makes a response of bytes that are there already.
    pub fn whole(status: u16, headers: Vec<(String, String)>, body: impl Into<Vec<u8>>) -> Self {
        Self { status, headers, body: Box::new(Bytes::new(body)) }
    }

    /// Gives the first header of a name (in lower case).
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Reads the whole body.
    ///
    /// # Errors
    ///
    /// [`NetError::Refused`] where it is longer than `limit` bytes, and whatever reading it gives.
    pub async fn read_all(&mut self, limit: u64) -> Result<Vec<u8>, NetError> {
        let mut whole = Vec::new();
        while let Some(chunk) = self.body.chunk().await? {
            if (whole.len() + chunk.len()) as u64 > limit {
                return Err(over_limit("the answer", limit));
            }
            whole.extend_from_slice(&chunk);
        }
        Ok(whole)
    }
}

/// Gives the refusal of something that is longer than `limit` bytes.
pub(crate) fn over_limit(what: &str, limit: u64) -> NetError {
    let message = format!("{what} is longer than {limit} bytes");
    NetError::Refused(Box::new(Diagnostic::error(codes::CONNECTOR_REFUSED, message)))
}

/// A body that is pulled.
#[async_trait]
pub trait Body: Send {
    /// Gives the next bytes, never empty ones; `None` at the good end. Not to be asked again after an error.
    async fn chunk(&mut self) -> Result<Option<Vec<u8>>, NetError>;
}

/// A body that is there already, given in one chunk.
#[derive(Debug, Default)]
pub struct Bytes(Vec<u8>);

impl Bytes {
    /// Takes the whole body.
    pub fn new(body: impl Into<Vec<u8>>) -> Self {
        Self(body.into())
    }
}

#[async_trait]
impl Body for Bytes {
    async fn chunk(&mut self) -> Result<Option<Vec<u8>>, NetError> {
        let whole = std::mem::take(&mut self.0);
        Ok(if whole.is_empty() { None } else { Some(whole) })
    }
}

/// Carries requests to where they are answered. Dropping the future abandons the exchange.
#[async_trait]
pub trait Wire: Send + Sync {
    /// Sends a request and gives the response, whatever its status.
    async fn send(&self, request: Request) -> Result<Response, NetError>;
}

#[async_trait]
impl<W: Wire + ?Sized> Wire for Arc<W> {
    async fn send(&self, request: Request) -> Result<Response, NetError> {
        (**self).send(request).await
    }
}

#[async_trait]
impl<W: Wire + ?Sized> Wire for Box<W> {
    async fn send(&self, request: Request) -> Result<Response, NetError> {
        (**self).send(request).await
    }
}
