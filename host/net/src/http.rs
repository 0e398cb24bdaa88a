//! The wire that reaches the network: TLS, resolved and checked addresses, caps and timeouts.
//!
//! Redirects are not followed, no cookie is kept, and the environment's proxy variables are not read: what a request
//! does is in the job file alone.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue, USER_AGENT};
use rollcall_core::{Diagnostic, Text, codes};
use url::{Host, Url};

use crate::address::AddressPolicy;
use crate::error::NetError;
use crate::failure::explain;
use crate::limits;
use crate::origin::Origin;
use crate::resolver::{Filtering, Resolver, SystemResolver};
use crate::tls::Trust;
use crate::wire::{Body, Request, Response, Wire, over_limit};

/// How servers are reached.
#[derive(Clone)]
pub struct Options {
    /// The addresses that may be connected to.
    pub addresses: AddressPolicy,
    /// The certificates that are believed.
    pub trust: Trust,
    /// `http://host:port` of a proxy. It resolves names itself, so that names are then not held against `addresses`;
    /// loopback addresses are reached without it.
    pub proxy: Option<Text>,
    /// Whether plain `http` may leave this machine.
    pub allow_insecure: bool,
    /// The most bytes of a response's body, decompressed.
    pub response_bytes: u64,
    /// Looks names up.
    pub resolver: Arc<dyn Resolver>,
    /// How long a server may take.
    pub patience: Patience,
}

/// How long a server may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// Until there is a connection, TLS included.
    pub connect: Duration,
    /// Between two pieces of an answer, and before the first.
    pub silence: Duration,
    /// For a whole exchange.
    pub exchange: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self { connect: limits::CONNECT, silence: limits::SILENCE, exchange: limits::EXCHANGE }
    }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            addresses: AddressPolicy::public(),
            trust: Trust::Machine,
            proxy: None,
            allow_insecure: false,
            response_bytes: limits::RESPONSE_BYTES,
            resolver: Arc::new(SystemResolver),
            patience: Patience::default(),
        }
    }
}

/// The network. Connections are kept and used again within one `Online`, never across two.
pub struct Online {
    client: reqwest::Client,
    policy: Arc<AddressPolicy>,
    allow_insecure: bool,
    response_bytes: u64,
}

impl Online {
    /// Prepares the way to the network; nothing is connected yet.
    ///
    /// # Errors
    ///
    /// [`NetError::Invalid`] where the authorities' file, the pin or the proxy cannot be used.
    pub fn new(options: Options) -> Result<Self, NetError> {
        let Options { mut addresses, trust, proxy, allow_insecure, response_bytes, resolver, patience } =
            options;
        let mut builder = reqwest::Client::builder()
            .tls_backend_preconfigured(trust.client_config()?)
            .redirect(reqwest::redirect::Policy::none())
            // What may be sent again is decided by `Retrying` and by nobody below it.
            .retry(reqwest::retry::never())
            .referer(false)
            .no_proxy()
            .connect_timeout(patience.connect)
            .read_timeout(patience.silence)
            .timeout(patience.exchange)
            .pool_idle_timeout(limits::IDLE)
            .http1_max_headers(limits::RESPONSE_HEADERS)
            .http2_max_header_list_size(u32::try_from(limits::RESPONSE_HEADER_BYTES).unwrap_or(u32::MAX));
        if let Some(proxy) = proxy {
            let (host, proxy) = read_proxy(&proxy)?;
            addresses = addresses.trusting(&host);
            builder = builder.proxy(proxy);
        }
        let policy = Arc::new(addresses);
        let client = builder
            .dns_resolver(Filtering { resolver, policy: Arc::clone(&policy) })
            .build()
            .map_err(|error| invalid(format!("the network cannot be set up: {error}")))?;
        Ok(Self { client, policy, allow_insecure, response_bytes })
    }

    /// Refuses what must not leave, whoever asks.
    fn check(&self, url: &Url) -> Result<(), NetError> {
        let origin = Origin::of(url).map_err(|message| refused(message, None))?;
        if !origin.is_encrypted() && !origin.is_loopback() && !self.allow_insecure {
            let message = format!("`{origin}` is not encrypted");
            let hint = "write `https://`; `allow_insecure = true` sends data and tokens in the clear";
            return Err(refused(message, Some(hint)));
        }
        let address: IpAddr = match url.host() {
            Some(Host::Ipv4(address)) => address.into(),
            Some(Host::Ipv6(address)) => address.into(),
            // Names are checked once they are resolved.
            _ => return Ok(()),
        };
        self.policy.check(&origin.host(), address).map_err(|refusal| NetError::Refused(Box::new(refusal)))
    }
}

#[async_trait]
impl Wire for Online {
    async fn send(&self, request: Request) -> Result<Response, NetError> {
        self.check(&request.url)?;
        let (about, server) = (request.about(), request.about_server());
        let method = reqwest::Method::from_bytes(request.method.as_bytes())
            .map_err(|_| refused(format!("`{}` is no method", request.method), None))?;
        let mut sent = reqwest::Request::new(method, request.url);
        *sent.headers_mut() = header_map(&request.headers)?;
        if !request.body.is_empty() {
            *sent.body_mut() = Some(request.body.into());
        }
        let answer = self.client.execute(sent).await.map_err(|error| explain(&error, &about))?;
        let headers = read_headers(answer.headers())?;
        let status = answer.status().as_u16();
        tracing::debug!(status, request = server, "answered");
        let body = Box::new(Pulled { answer, about, left: self.response_bytes, limit: self.response_bytes });
        Ok(Response { status, headers, body })
    }
}

/// A body as it comes from the network, decompressed and counted.
struct Pulled {
    answer: reqwest::Response,
    about: String,
    left: u64,
    limit: u64,
}

#[async_trait]
impl Body for Pulled {
    async fn chunk(&mut self) -> Result<Option<Vec<u8>>, NetError> {
        loop {
            let chunk = self.answer.chunk().await.map_err(|error| explain(&error, &self.about))?;
            let Some(chunk) = chunk else { return Ok(None) };
            // Counted after decompression: a few bytes on the wire may stand for very many.
            self.left = match self.left.checked_sub(chunk.len() as u64) {
                Some(left) => left,
                None => return Err(over_limit(&format!("the answer to `{}`", self.about), self.limit)),
            };
            if !chunk.is_empty() {
                return Ok(Some(chunk.to_vec()));
            }
        }
    }
}

/// Headers that belong to the connection. A caller that sets one would confuse what the server reads.
const OWN: &[&str] = &[
    "host",
    "connection",
    "content-length",
    "transfer-encoding",
    "upgrade",
    "te",
    "trailer",
    "keep-alive",
    "expect",
    "accept-encoding",
    "proxy-authorization",
    "proxy-connection",
    "http2-settings",
];

fn header_map(headers: &[(String, String)]) -> Result<HeaderMap, NetError> {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        let name = HeaderName::from_bytes(name.as_bytes())
            .map_err(|_| refused(format!("`{}` is no header name", name.escape_default()), None))?;
        if OWN.contains(&name.as_str()) {
            return Err(refused(format!("the header `{name}` is the host's own"), None));
        }
        let value = HeaderValue::from_str(value).map_err(|_| {
            refused(format!("the header `{name}` holds a character that headers cannot carry"), None)
        })?;
        map.append(name, value);
    }
    if !map.contains_key(USER_AGENT) {
        map.insert(USER_AGENT, HeaderValue::from_static(concat!("rollcall/", env!("CARGO_PKG_VERSION"))));
    }
    Ok(map)
}

fn read_headers(headers: &HeaderMap) -> Result<Vec<(String, String)>, NetError> {
    let mut read = Vec::with_capacity(headers.len());
    let mut bytes = 0;
    for (name, value) in headers {
        bytes += name.as_str().len() + value.len();
        if read.len() >= limits::RESPONSE_HEADERS || bytes > limits::RESPONSE_HEADER_BYTES {
            return Err(refused("the answer has too many headers".to_owned(), None));
        }
        read.push((name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned()));
    }
    Ok(read)
}

/// Gives a proxy's host, and the proxy.
fn read_proxy(text: &str) -> Result<(String, reqwest::Proxy), NetError> {
    let wrong = |said: String| {
        let diagnostic = Diagnostic::error(codes::JOB_BAD_VALUE, said)
            .path(&["directory", "network", "proxy"])
            .hint("write it as in `http://proxy.corp.example:3128`");
        NetError::Invalid(Box::new(diagnostic))
    };
    let url = Url::parse(text).map_err(|error| wrong(format!("the proxy is no URL: {error}")))?;
    let origin = Origin::of(&url).map_err(|said| wrong(format!("the proxy cannot be used: {said}")))?;
    let proxy = reqwest::Proxy::all(origin.to_string())
        .map_err(|_| wrong("the proxy cannot be used".to_owned()))?
        .no_proxy(reqwest::NoProxy::from_string("localhost,127.0.0.0/8,::1"));
    Ok((origin.host(), proxy))
}

fn refused(message: String, hint: Option<&str>) -> NetError {
    let mut diagnostic = Diagnostic::error(codes::CONNECTOR_REFUSED, message);
    diagnostic.hint = hint.map(str::to_owned);
    NetError::Refused(Box::new(diagnostic))
}

fn invalid(message: String) -> NetError {
    NetError::Invalid(Box::new(Diagnostic::error(codes::JOB_BAD_VALUE, message)))
}

#[cfg(test)]
#[path = "http_tests.rs"]
mod tests;
