//! One request: headers, session, faults on demand, and the way to the resource.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;
use hyper::{HeaderMap, Method, Request, StatusCode};
use rollcall_core::phone::System;

use super::super::wire::{ANSWER_BYTES_MAX, Encoding, Kind};
use super::elements::ElementStore;
use super::limits::LOGGED_MAX;
use super::modes::Modes;
use super::reply::{self, Reply, Said};
use super::resource::{self, Call};
use super::session::Sessions;

const BASE: &str = "/WebManagement/ws/sdk";
/// Where a login goes; some clients log out at the second place.
const AUTHENTICATE: [&str; 2] =
    ["/WebManagement/ws/sdk/security/authenticate", "/WebManagement/ws/security/authenticate"];

/// One request as the log keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Logged {
    /// `GET`, `POST`, `PUT` or `DELETE`.
    pub method: String,
    /// The path with its query.
    pub path: String,
}

/// Says that the connection breaks without an answer.
#[derive(Debug, thiserror::Error)]
#[error("the answer is lost, as the mode says")]
pub(super) struct Lost;

/// What all connections share.
pub(super) struct Shared {
    pub(super) store: Arc<dyn ElementStore>,
    /// Read when the server starts: no call of the Management API changes them.
    pub(super) systems: Vec<System>,
    pub(super) modes: Modes,
    pub(super) sessions: Sessions,
    pub(super) log: Mutex<Vec<Logged>>,
    pub(super) calls: AtomicU64,
    pub(super) writes: AtomicU64,
}

/// Answers one request, or breaks the connection.
pub(super) async fn handle(shared: Arc<Shared>, request: Request<Incoming>) -> Result<Reply, Lost> {
    shared.record(&request);
    if shared.modes.latency_ms > 0 {
        tokio::time::sleep(Duration::from_millis(shared.modes.latency_ms)).await;
    }
    let (head, body) = request.into_parts();
    let encoding = reply::encoding(&head.headers);
    let path = head.uri.path();
    if AUTHENTICATE.contains(&path) {
        return Ok(shared.authenticate(&head.method, &head.headers, encoding));
    }
    let Some(kind) = resource_of(path) else {
        return Ok(reply::page(StatusCode::NOT_FOUND, "there is nothing here"));
    };
    if let Some(missing) = missing_header(&head.headers) {
        return Ok(reply::page(
            StatusCode::BAD_REQUEST,
            &format!("the header {missing} is missing or wrong"),
        ));
    }
    if !shared.sessions.admit(&head.headers) {
        return Ok(match shared.modes.login_page {
            true => reply::login_page(),
            false => reply::page(StatusCode::UNAUTHORIZED, "there is no session"),
        });
    }
    let Ok(body) = Limited::new(body, ANSWER_BYTES_MAX).collect().await else {
        return Ok(reply::page(StatusCode::PAYLOAD_TOO_LARGE, "the body is too large or broke off"));
    };
    let query = head.uri.query().unwrap_or_default();
    let query: BTreeMap<String, String> =
        url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    let if_match = head.headers.get("if-match").and_then(|value| value.to_str().ok()).map(str::to_owned);
    let call = Call { method: head.method, kind, query, if_match, body: body.to_bytes().to_vec() };
    let said = shared.serve(call).await?;
    Ok(reply::write(said, encoding, shared.modes.mislabel))
}

impl Shared {
    fn record(&self, request: &Request<Incoming>) {
        let mut log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        if log.len() < LOGGED_MAX {
            let path =
                request.uri().path_and_query().map(|path| path.as_str().to_owned()).unwrap_or_default();
            log.push(Logged { method: request.method().to_string(), path });
        }
    }

    fn authenticate(&self, method: &Method, headers: &HeaderMap, encoding: Encoding) -> Reply {
        match method.as_str() {
            "GET" => {
                if let Some(missing) = missing_header(headers) {
                    return reply::page(
                        StatusCode::BAD_REQUEST,
                        &format!("the header {missing} is missing or wrong"),
                    );
                }
                let Some(cookies) = self.sessions.login(headers) else {
                    return reply::page(StatusCode::UNAUTHORIZED, "the credential is wrong");
                };
                let mut answer = reply::write(Said::Done, encoding, self.modes.mislabel);
                for cookie in cookies.iter().filter_map(|cookie| cookie.parse().ok()) {
                    answer.headers_mut().append("set-cookie", cookie);
                }
                answer
            }
            "DELETE" if !self.modes.no_logout => {
                self.sessions.logout(headers);
                reply::write(Said::Done, encoding, self.modes.mislabel)
            }
            _ => reply::page(StatusCode::METHOD_NOT_ALLOWED, "not possible here"),
        }
    }

    async fn answer(&self, call: Call) -> Said {
        resource::serve(&*self.store, &self.systems, &self.modes, call).await
    }

    /// Does a call with the faults that its number asks for.
    async fn serve(self: &Arc<Self>, call: Call) -> Result<Said, Lost> {
        let number = self.calls.fetch_add(1, Ordering::Relaxed) + 1;
        if self.modes.fails.contains(&number) {
            return Ok(Said::Status(StatusCode::SERVICE_UNAVAILABLE, "busy, as the mode says".into()));
        }
        if call.method == Method::GET {
            return Ok(self.answer(call).await);
        }
        let write = self.writes.fetch_add(1, Ordering::Relaxed) + 1;
        if self.modes.lost_before.contains(&write) {
            return Err(Lost);
        }
        if self.modes.idle.contains(&write) {
            return Ok(Said::Done);
        }
        if let Some(wait) = self.modes.lost_while.get(&write) {
            let (shared, wait) = (Arc::clone(self), Duration::from_millis(*wait));
            tokio::spawn(async move {
                tokio::time::sleep(wait).await;
                shared.answer(call).await;
            });
            return Err(Lost);
        }
        // On a task of its own: a client that gives up waiting does not take the write back.
        let shared = Arc::clone(self);
        let done = tokio::spawn(async move { shared.answer(call).await }).await;
        let said = done.map_err(|_| Lost)?;
        if self.modes.lost_after.contains(&write) {
            return Err(Lost);
        }
        if self.modes.page_after.contains(&write) {
            return Ok(Said::Page);
        }
        let late = self.modes.late_ms(write);
        if late > 0 {
            tokio::time::sleep(Duration::from_millis(late)).await;
        }
        Ok(said)
    }
}

fn resource_of(path: &str) -> Option<Kind> {
    let name = path.strip_prefix(BASE)?.strip_prefix("/admin/v1/")?;
    [Kind::User, Kind::Extension, Kind::Licence, Kind::System]
        .into_iter()
        .find(|kind| kind.resource() == name)
}

/// The headers that all clients send with every call (P1-P3).
fn missing_header(headers: &HeaderMap) -> Option<&'static str> {
    let is = |name: &str, expect: &str| {
        headers.get(name).is_some_and(|value| value.as_bytes() == expect.as_bytes())
    };
    if !is("x-user-client", "Avaya-WebAdmin") {
        return Some("X-User-Client");
    }
    if !is("x-user-agent", "Avaya-SDKUser") {
        return Some("X-User-Agent");
    }
    let label = headers.get("content-type").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let known = label.starts_with("application/json") || label.starts_with("application/xml");
    (!known).then_some("Content-Type")
}
