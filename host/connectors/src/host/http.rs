//! `http`: send, and pull the body. A connector names a login and never sees what it yields; it cannot set the headers
//! that carry credentials or frame the message. The grants are checked on every request here, the resolved address and
//! the login's origins by the wire below.

use std::collections::BTreeSet;
use std::sync::Arc;

use rollcall_core::{Diagnostic, codes};
use rollcall_net::{Body, Grants, Wire};
use url::Url;
use wasmtime::component::Resource;

use crate::blame::Blame;
use crate::limits::{HEADER_BYTES, READ_BYTES, REQUEST_BYTES, REQUEST_HEADERS};
use crate::store::{Guest, Reach};
use crate::v0_1::http::{Host, HostResponse, Request};
use crate::v0_1::types::Error;
use crate::words::{did_you_mean, tame};

/// Headers that the host alone sets: they carry credentials, frame the message or name its receiver.
const OURS: &[&str] = &[
    "accept-encoding",
    "authorization",
    "connection",
    "content-length",
    "cookie",
    "cookie2",
    "expect",
    "forwarded",
    "host",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    // Servers behind some frameworks take these for another method, path or host than the one that was granted.
    "x-forwarded-host",
    "x-http-method",
    "x-http-method-override",
    "x-method-override",
    "x-original-url",
    "x-rewrite-url",
];

/// How a connector reaches servers.
#[derive(Default)]
pub(crate) struct HttpGranted {
    /// None where the manifest asks for no server.
    pub(crate) wire: Option<Arc<dyn Wire>>,
    /// The servers that it may reach, and how.
    pub(crate) grants: Grants,
    /// The logins of the manifest.
    pub(crate) logins: BTreeSet<String>,
    /// The headers that the logins set, in lower case.
    pub(crate) login_headers: BTreeSet<String>,
}

/// A response that a guest is reading.
#[expect(unreachable_pub, reason = "the generated bindings re-export it")]
pub struct Response {
    status: u16,
    headers: Vec<(String, String)>,
    body: Box<dyn Body>,
    /// The piece that was pulled last, and how far it has been handed over.
    piece: Vec<u8>,
    given: usize,
    /// Bytes pulled so far.
    pulled: u64,
    ended: bool,
}

/// Turns a guest's request into one for the wire, or says what is wrong with it.
fn call(granted: &HttpGranted, request: Request) -> Result<rollcall_net::Request, Diagnostic> {
    let refused = |message: String| Diagnostic::error(codes::CONNECTOR_REFUSED, message);
    let url = Url::parse(&request.url)
        .ok()
        .filter(|url| {
            request.url.len() <= HEADER_BYTES && matches!(url.scheme(), "https" | "http") && url.has_host()
        })
        .ok_or_else(|| {
            refused(format!("the connector asked for `{}`, which is no URL", tame(&request.url, 200)))
        })?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(refused(format!("the connector put user information into a URL of `{}`", origin(&url))));
    }
    let method = request.method;
    if method.is_empty() || method.len() > 20 || !method.bytes().all(|byte| byte.is_ascii_uppercase()) {
        return Err(refused(format!("the connector used the method `{}`", tame(&method, 40))));
    }
    if request.body.len() > REQUEST_BYTES {
        return Err(refused(format!("the connector sent a body of more than {} MiB", REQUEST_BYTES >> 20)));
    }
    if request.headers.len() > REQUEST_HEADERS {
        return Err(refused(format!("the connector sent more than {REQUEST_HEADERS} headers")));
    }
    let mut headers = Vec::with_capacity(request.headers.len());
    for (name, value) in request.headers {
        headers.push(header(granted, &name, value).map_err(refused)?);
    }
    if let Some(login) = &request.login
        && !granted.logins.contains(login)
    {
        let message =
            format!("the connector named the login `{}`, which its manifest does not have", tame(login, 80));
        return Err(refused(message).hint(did_you_mean(login, granted.logins.iter().map(String::as_str))));
    }
    Ok(rollcall_net::Request {
        method,
        url,
        headers,
        body: request.body,
        login: request.login,
        repeatable: false,
    })
}

/// Turns a guest's request into one for the wire, where it is granted.
fn admitted(granted: &HttpGranted, request: Request) -> Result<rollcall_net::Request, Blame> {
    let mut call = call(granted, request).map_err(|diagnostic| Blame::Refused(Box::new(diagnostic)))?;
    granted.grants.admit(&mut call)?;
    Ok(call)
}

fn header(granted: &HttpGranted, name: &str, value: String) -> Result<(String, String), String> {
    let lower = name.to_ascii_lowercase();
    let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if lower.is_empty() || lower.len() > 200 || !lower.bytes().all(token) {
        return Err(format!("the connector sent a header called `{}`", tame(name, 80)));
    }
    let is_ours =
        OURS.contains(&&*lower) || lower.starts_with("proxy-") || granted.login_headers.contains(&lower);
    if is_ours {
        return Err(format!("the connector set the header `{lower}`, which the host alone sets"));
    }
    let shows = |byte: u8| byte == b'\t' || (byte >= b' ' && byte != 0x7f);
    if value.len() > HEADER_BYTES || !value.bytes().all(shows) {
        return Err(format!(
            "the connector sent a header `{lower}` that is too long or has control characters"
        ));
    }
    Ok((lower, value))
}

fn origin(url: &Url) -> String {
    url.origin().ascii_serialization()
}

impl Guest {
    async fn send_call(&mut self, request: Request) -> Result<Response, Error> {
        let granted = self.http.clone();
        let refused =
            |message: &str| Blame::Refused(Box::new(Diagnostic::error(codes::CONNECTOR_REFUSED, message)));
        if self.reach != Reach::Everything {
            return Err(self.blamed.note(refused("no request is sent while settings are checked")));
        }
        let Some(wire) = &granted.wire else {
            return Err(self.blamed.note(refused("the connector's manifest asks for no server")));
        };
        let call = match admitted(&granted, request) {
            Ok(call) => call,
            Err(blame) => return Err(self.blamed.note(blame)),
        };
        if !self.meter.request(&self.limits) {
            return Err(self.over_limit("requests", self.limits.requests, "requests"));
        }
        match wire.send(call).await {
            Ok(rollcall_net::Response { status, headers, body }) => {
                Ok(Response { status, headers, body, piece: Vec::new(), given: 0, pulled: 0, ended: false })
            }
            Err(error) => Err(self.blamed.note(error.into())),
        }
    }

    /// Pulls pieces until there is something to hand over or the body ends.
    async fn pull(&mut self, response: &Resource<Response>) -> wasmtime::Result<Result<(), Error>> {
        loop {
            let most = self.limits.response_bytes;
            let response = self.table.get_mut(response)?;
            if response.ended || response.given < response.piece.len() {
                return Ok(Ok(()));
            }
            match response.body.chunk().await {
                Ok(None) => response.ended = true,
                Ok(Some(piece)) => {
                    let count = piece.len();
                    response.pulled += u64::try_from(count)?;
                    let too_large = response.pulled > most;
                    (response.piece, response.given) = (piece, 0);
                    if too_large {
                        return Ok(Err(self.over_limit("response_mib", most >> 20, "MiB in one response")));
                    }
                    if !self.meter.read(count, &self.limits) {
                        return Ok(Err(self.too_many_bytes()));
                    }
                }
                Err(error) => {
                    response.ended = true;
                    return Ok(Err(self.blamed.note(error.into())));
                }
            }
        }
    }
}

impl Host for Guest {
    async fn send(&mut self, request: Request) -> wasmtime::Result<Result<Resource<Response>, Error>> {
        match self.send_call(request).await {
            Ok(response) => Ok(Ok(self.table.push(response)?)),
            Err(error) => Ok(Err(error)),
        }
    }
}

impl HostResponse for Guest {
    async fn status(&mut self, response: Resource<Response>) -> wasmtime::Result<u16> {
        Ok(self.table.get(&response)?.status)
    }

    async fn headers(&mut self, response: Resource<Response>) -> wasmtime::Result<Vec<(String, String)>> {
        Ok(self.table.get(&response)?.headers.clone())
    }

    async fn read(
        &mut self,
        response: Resource<Response>,
        max: u32,
    ) -> wasmtime::Result<Result<Vec<u8>, Error>> {
        if let Err(error) = self.pull(&response).await? {
            return Ok(Err(error));
        }
        let response = self.table.get_mut(&response)?;
        let max = usize::try_from(max.clamp(1, READ_BYTES))?;
        let end = response.piece.len().min(response.given + max);
        let bytes = response.piece[response.given..end].to_vec();
        response.given = end;
        Ok(Ok(bytes))
    }

    async fn drop(&mut self, response: Resource<Response>) -> wasmtime::Result<()> {
        self.table.delete(response)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(url: &str, method: &str, header: (&str, &str), login: Option<&str>, expect: Result<(), &str>) {
        let mut grants = Grants::allowing(&["https://graph.example"]).unwrap();
        grants.ask(grants.allowed()[0].clone());
        let granted = HttpGranted {
            wire: None,
            grants,
            logins: BTreeSet::from(["graph".to_owned()]),
            login_headers: BTreeSet::from(["x-api-key".to_owned()]),
        };
        let request = Request {
            method: method.to_owned(),
            url: url.to_owned(),
            headers: vec![(header.0.to_owned(), header.1.to_owned())],
            body: Vec::new(),
            login: login.map(str::to_owned),
        };
        let got = admitted(&granted, request).map(|_| ()).map_err(|blame| blame.into_error().to_string());
        match (got, expect) {
            (Ok(()), Ok(())) => {}
            (Err(message), Err(expect)) if message.contains(expect) => {}
            (got, expect) => panic!("{got:?} instead of {expect:?}"),
        }
    }

    #[test]
    fn what_a_connector_may_not_send() {
        let url = "https://graph.example/v1.0/users";
        let plain = ("ConsistencyLevel", "eventual");
        check(url, "GET", plain, Some("graph"), Ok(()));
        check(url, "GET", plain, Some("grpah"), Err("the login `grpah`"));
        check(url, "get", plain, None, Err("the method `get`"));
        check(url, "GET /", plain, None, Err("the method `GET /`"));
        check("https://other.example/", "GET", plain, None, Err("other.example"));
        check(url, "POST", plain, None, Err("POST"));
        check("/v1.0/users", "GET", plain, None, Err("which is no URL"));
        check("ftp://graph.example/", "GET", plain, None, Err("which is no URL"));
        check("https://a@graph.example/", "GET", plain, None, Err("user information"));
        for name in [
            "Authorization",
            "COOKIE",
            "Host",
            "Proxy-Authorization",
            "proxy-x",
            "X-Api-Key",
            "Content-Length",
        ] {
            check(url, "GET", (name, "x"), None, Err("which the host alone sets"));
        }
        check(url, "GET", ("a b", "x"), None, Err("a header called `a b`"));
        check(url, "GET", ("a", "x\r\nHost: y"), None, Err("control characters"));
    }
}
