//! The simulator without its socket: a request goes in, an answer comes out. The recorder uses it as it stands.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use serde_json::json;

use super::answer::Refusal;
use super::control;
use super::delta;
use super::fault::Fault;
use super::listing::{self, Cursor};
use super::model::Tenant;
use super::token;
use crate::web::{Answer, Delivery, Entry, Faults, Journal, Request};

/// How the simulator behaves.
#[derive(Clone, Debug)]
pub struct Config {
    /// The tenants whose token endpoint answers; all show the same directory.
    pub tenants: Vec<String>,
    /// The application's id.
    pub client_id: String,
    /// The application's secret.
    pub client_secret: String,
    /// A secret that has run out.
    pub expired_secret: Option<String>,
    /// The uploaded certificate, as DER, for assertions.
    pub certificate: Option<Vec<u8>>,
    /// Whether assertions signed with PS256 are taken.
    pub accept_pss: bool,
    /// The application permissions that were granted.
    pub permissions: BTreeSet<String>,
    /// The lifetime of an access token, in seconds.
    pub token_seconds: u64,
    /// How long every answer takes, in milliseconds.
    pub latency_ms: u64,
    /// The most rows that the server puts on a page, whatever `$top` asks for.
    pub page_rows: usize,
    /// Whether there is a delta query; External ID tenants have none.
    pub delta: bool,
    /// Whether a changed user comes with every selected property that was ever set, as the reference has it. Else with
    /// those that have changed alone, which the overview leaves open.
    pub delta_rows_whole: bool,
    /// Scheme, host and port for `@odata.nextLink`; absent: the request's own.
    pub public_url: Option<String>,
    /// The server's clock for assertions and the age of delta tokens, in milliseconds since 1970; absent: the machine's.
    pub now_ms: Option<i64>,
}

impl Default for Config {
    fn default() -> Self {
        let permissions = ["User.Read.All", "GroupMember.Read.All"];
        Self {
            tenants: vec!["11111111-2222-4333-8444-555555555555".to_owned()],
            client_id: "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee".to_owned(),
            client_secret: "simulated-client-secret".to_owned(),
            expired_secret: None,
            certificate: None,
            accept_pss: true,
            permissions: permissions.map(str::to_owned).into(),
            token_seconds: 3599,
            latency_ms: 0,
            page_rows: 999,
            delta: true,
            delta_rows_whole: true,
            public_url: None,
            now_ms: None,
        }
    }
}

/// The simulator's state.
#[derive(Debug, Default)]
pub struct World {
    /// How it behaves; a test may change it at any time.
    pub config: Config,
    /// The directory.
    pub tenant: Tenant,
    /// The faults in force.
    pub faults: Faults<Fault>,
    /// What was asked.
    pub journal: Journal,
    pub(super) tokens: BTreeMap<String, Instant>,
    pub(super) cursors: BTreeMap<String, Cursor>,
    pub(super) deltas: delta::Tokens,
}

impl World {
    /// Makes a simulator of a directory.
    pub fn new(config: Config, tenant: Tenant) -> Self {
        Self { config, tenant, ..Self::default() }
    }

    /// Makes every access token run out.
    pub fn expire_tokens(&mut self) {
        self.tokens.clear();
    }

    /// Answers a request and writes it down.
    pub fn answer(&mut self, request: &Request) -> Answer {
        if request.path.starts_with("/_control") {
            return control::answer(self, request);
        }
        let answer = self.dispatch(request);
        let status = if matches!(answer.delivery, Delivery::Nothing) { 0 } else { answer.status };
        self.journal.entries.push(Entry::of(request, status));
        answer
    }

    fn dispatch(&mut self, request: &Request) -> Answer {
        let page = listing::page_number(self, request);
        let fault = self.faults.strike(&request.path, page);
        if let Some(answer) = fault.as_ref().and_then(|fault| self.instead(fault, request)) {
            return answer;
        }
        if let Some(Fault::Meanwhile { command }) = &fault {
            self.command((**command).clone()).unwrap_or_else(|why| panic!("{why}"));
        }
        let mut answer = self.properly(request, fault.as_ref());
        match fault {
            Some(Fault::Cut { after }) => answer.delivery = Delivery::Cut(after),
            Some(Fault::Slow { ms }) => answer.delivery = Delivery::Late(ms),
            _ => {}
        }
        answer
    }

    /// Gives the answer of a fault that leaves nothing of the true one.
    fn instead(&self, fault: &Fault, request: &Request) -> Option<Answer> {
        Some(match fault {
            Fault::Status { status, code, retry_after } => {
                let mut refusal = Refusal::new(*status, code, "This fault was asked for.");
                if let Some(seconds) = retry_after {
                    refusal = refusal.header("Retry-After", &seconds.to_string());
                }
                refusal.answer()
            }
            Fault::Unauthorized => {
                Refusal::unauthorized("Lifetime validation failed, the token is expired.").answer()
            }
            Fault::ExpiredPageToken => Refusal::bad(
                "Directory_ExpiredPageToken",
                "The specified page token value has expired and can no longer be included in your request.",
            )
            .answer(),
            Fault::Reset => Answer { delivery: Delivery::Nothing, ..Answer::json(200, &json!({})) },
            Fault::Html => Answer::text("text/html", "<!doctype html><title>Proxy</title>".to_owned()),
            Fault::EchoAuthorization => {
                let seen = request.header("authorization").unwrap_or_default();
                Answer::json(200, &json!({"value": [{"id": "1", "displayName": seen}]}))
            }
            Fault::Redirect { location } => {
                Refusal::new(302, "Redirect", "Moved.").header("Location", location).answer()
            }
            _ => return None,
        })
    }

    fn properly(&mut self, request: &Request, fault: Option<&Fault>) -> Answer {
        let origin = self.origin(request);
        let segments: Vec<&str> = request.path.trim_matches('/').split('/').collect();
        if let [tenant, "oauth2", "v2.0", "token"] = segments[..] {
            return if request.method == "POST" {
                token::grant(self, tenant, &origin, &request.body)
            } else {
                super::answer::sign_in_error(
                    400,
                    "invalid_request",
                    900_561,
                    "The endpoint only accepts POST requests.",
                )
            };
        }
        let answer = self.check_bearer(request).and_then(|()| match segments[..] {
            ["v1.0", ref resource @ ..] if request.method == "GET" => {
                listing::resource(self, resource, request, &origin, fault)
            }
            ["v1.0", ..] => {
                Err(Refusal::new(405, "Request_BadRequest", "Specified HTTP method is not allowed."))
            }
            _ => Err(Refusal::bad("BadRequest", "Invalid version.")),
        });
        answer.unwrap_or_else(Refusal::answer)
    }

    fn check_bearer(&self, request: &Request) -> Result<(), Refusal> {
        let Some(token) = request.header("authorization").and_then(|value| value.strip_prefix("Bearer "))
        else {
            return Err(Refusal::unauthorized("Access token is empty."));
        };
        match self.tokens.get(token) {
            Some(until) if *until > Instant::now() => Ok(()),
            Some(_) => Err(Refusal::unauthorized("Lifetime validation failed, the token is expired.")),
            None => Err(Refusal::unauthorized("CompactToken validation failed.")),
        }
    }

    /// Gives scheme, host and port as the client sees them.
    fn origin(&self, request: &Request) -> String {
        self.config
            .public_url
            .clone()
            .unwrap_or_else(|| format!("http://{}", request.header("host").unwrap_or("127.0.0.1")))
    }

    /// Gives the server's time, in milliseconds since 1970.
    pub(super) fn now_ms(&self) -> i64 {
        self.config.now_ms.unwrap_or_else(token::wall_clock_ms)
    }

    /// Tells whether one of these application permissions was granted.
    pub(super) fn permits(&self, any_of: &[&str]) -> bool {
        any_of.iter().any(|permission| self.config.permissions.contains(*permission))
    }
}
