//! HTTP through the host, which owns TLS, proxy, retries, redirects (never followed) and the sign-in.
//!
//! An answer of any status is an answer; an error means that there was none, or that the host said no. The host has
//! already retried 429, 502, 503, 504 and lost connections, so a connector never does.

use serde::de::DeserializeOwned;

use crate::error::quoted;
use crate::limits::{ERROR_BODY_BYTES, JSON_BODY_BYTES, READ_CHUNK_BYTES};
use crate::{Error, encode};

/// Begins a GET request. The URL is absolute and its origin granted.
pub fn get(url: impl Into<String>) -> Request {
    Request { method: "GET".to_owned(), url: url.into(), headers: Vec::new(), body: Vec::new(), login: None }
}

/// A request in the making.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The method, in capitals.
    pub method: String,
    /// The absolute URL.
    pub url: String,
    /// The headers. `Authorization`, `Cookie`, `Host` and `Proxy-*` are the host's and refused.
    pub headers: Vec<(String, String)>,
    /// The body, as it is sent.
    pub body: Vec<u8>,
    /// The `[login.NAME]` of the manifest that signs the request.
    pub login: Option<String>,
}

impl Request {
    /// Names the login of the manifest that signs this request.
    #[must_use]
    pub fn login(mut self, name: &str) -> Self {
        self.login = Some(name.to_owned());
        self
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Adds a parameter to the query; the value is encoded here, the name is the connector's own and stays.
    #[must_use]
    pub fn query(mut self, name: &str, value: &str) -> Self {
        self.url.push(if self.url.contains('?') { '&' } else { '?' });
        self.url.push_str(name);
        self.url.push('=');
        self.url.push_str(&encode::query_value(value));
        self
    }

    /// Sends the request.
    ///
    /// # Errors
    /// The host's word where it refused the request or got no answer.
    pub fn send(self) -> Result<Response, Error> {
        send(self)
    }
}

/// An answer, whose body is read when it is asked for.
pub struct Response {
    /// The status.
    pub status: u16,
    /// The headers, names in lower case; repeated ones stay separate.
    pub headers: Vec<(String, String)>,
    body: Body,
}

impl Response {
    /// Gives a header's first value; the name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// Tells whether the status is in the two hundreds.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// Reads a part of the body, at most `max` bytes; empty at the end.
    ///
    /// # Errors
    /// The host's word where the connection broke or a limit was met.
    pub fn read(&mut self, max: u32) -> Result<Vec<u8>, Error> {
        self.body.read(max)
    }

    /// Reads the whole body, which may have `limit` bytes.
    ///
    /// # Errors
    /// A body that is longer is a permanent error, never a shorter one.
    pub fn read_all(&mut self, limit: usize) -> Result<Vec<u8>, Error> {
        let mut whole = Vec::new();
        loop {
            let part = self.read(READ_CHUNK_BYTES)?;
            if part.is_empty() {
                return Ok(whole);
            }
            if part.len() > limit.saturating_sub(whole.len()) {
                return Err(Error::permanent(format!("the answer has more than {limit} bytes")));
            }
            whole.extend_from_slice(&part);
        }
    }

    /// Reads the whole body as JSON.
    ///
    /// # Errors
    /// A body that is too long or no JSON of this shape is a permanent error.
    pub fn json<T: DeserializeOwned>(&mut self) -> Result<T, Error> {
        let body = self.read_all(JSON_BODY_BYTES)?;
        serde_json::from_slice(&body)
            .map_err(|error| Error::permanent(format!("the answer is no such JSON: {error}")))
    }

    /// Reads the beginning of the body as text for a message: one line, bounded, never an error.
    pub fn excerpt(&mut self) -> String {
        let mut body = Vec::new();
        while body.len() < ERROR_BODY_BYTES {
            match self.read(READ_CHUNK_BYTES) {
                Ok(part) if !part.is_empty() => body.extend_from_slice(&part),
                _ => break,
            }
        }
        quoted(&String::from_utf8_lossy(&body))
    }
}

#[cfg(target_arch = "wasm32")]
struct Body(crate::bindings::rollcall::connector::http::Response);

#[cfg(target_arch = "wasm32")]
impl Body {
    fn read(&mut self, max: u32) -> Result<Vec<u8>, Error> {
        self.0.read(max)
    }
}

#[cfg(target_arch = "wasm32")]
fn send(request: Request) -> Result<Response, Error> {
    use crate::bindings::rollcall::connector::http;
    let response = http::send(&http::Request {
        method: request.method,
        url: request.url,
        headers: request.headers,
        body: request.body,
        login: request.login,
    })?;
    Ok(Response { status: response.status(), headers: response.headers(), body: Body(response) })
}

#[cfg(not(target_arch = "wasm32"))]
struct Body(std::collections::VecDeque<u8>);

#[cfg(not(target_arch = "wasm32"))]
impl Body {
    #[expect(clippy::unnecessary_wraps, reason = "has the shape of the host's own body")]
    fn read(&mut self, max: u32) -> Result<Vec<u8>, Error> {
        let count = self.0.len().min(usize::try_from(max).unwrap_or(usize::MAX));
        Ok(self.0.drain(..count).collect())
    }
}

#[cfg(not(target_arch = "wasm32"))]
fn send(request: Request) -> Result<Response, Error> {
    let answer = crate::testing::answer(request)?;
    Ok(Response { status: answer.status, headers: answer.headers, body: Body(answer.body.into()) })
}
