//! A simulator of Bellbird, the made-up HR system of `examples/partner-connector`: the token endpoint of OAuth 2 client
//! credentials (RFC 6749, 4.4), and the employees in pages.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::web::{Answer, Entry, Journal, Request, Site};

/// The only client, and its secret.
pub const CLIENT_ID: &str = "rollcall";
/// The client's secret.
pub const CLIENT_SECRET: &str = "canary-bellbird-5b1f";
/// What a token is good for.
const SCOPE: &str = "employees.read";

/// A running Bellbird; it stops when it is dropped.
pub type Simulator = crate::web::Simulator<Bellbird>;

/// The simulator's state.
#[derive(Debug)]
pub struct Bellbird {
    /// The employees, as it shows them.
    pub employees: Vec<Value>,
    /// How many stand on a page.
    pub page_rows: usize,
    /// Whether the client may list employees.
    pub may_list: bool,
    /// What was asked.
    pub journal: Journal,
    tokens: BTreeSet<String>,
}

impl Bellbird {
    /// Makes one with these employees.
    pub fn new(employees: Vec<Value>, page_rows: usize) -> Self {
        Self { employees, page_rows, may_list: true, journal: Journal::default(), tokens: BTreeSet::new() }
    }

    fn token(&mut self, request: &Request) -> Answer {
        let is = |name: &str, expect: &str| request.field(name).as_deref() == Some(expect);
        if !is("client_id", CLIENT_ID) || !is("client_secret", CLIENT_SECRET) {
            return refuse(401, "invalid_client");
        }
        if !is("grant_type", "client_credentials") || !is("scope", SCOPE) {
            return refuse(400, "invalid_request");
        }
        let token = format!("bellbird.access.{:08}.9e3779b97f4a7c15", self.tokens.len());
        self.tokens.insert(token.clone());
        self.journal.issued.push(token.clone());
        answer(200, &json!({"token_type": "Bearer", "expires_in": 3600, "access_token": token}))
    }

    fn page(&self, request: &Request) -> Answer {
        let token = request.header("authorization").and_then(|value| value.strip_prefix("Bearer "));
        if !token.is_some_and(|token| self.tokens.contains(token)) {
            return refuse(401, "invalid_token");
        }
        if !self.may_list {
            return refuse(403, "insufficient_scope");
        }
        let page = request.parameter("page").unwrap_or_default().parse().unwrap_or(0);
        if page == 0 {
            return refuse(400, "invalid_request");
        }
        let department = request.parameter("department");
        let is_in = |one: &&Value| department.as_deref().is_none_or(|name| one["department"] == name);
        let all: Vec<&Value> = self.employees.iter().filter(is_in).collect();
        let shown: Vec<_> = all.iter().skip((page - 1) * self.page_rows).take(self.page_rows).collect();
        let pages = all.len().div_ceil(self.page_rows).max(1);
        answer(200, &json!({"page": page, "pages": pages, "total": all.len(), "employees": shown}))
    }
}

impl Site for Bellbird {
    fn answer(&mut self, request: &Request) -> Answer {
        let answer = match (request.method.as_str(), request.path.as_str()) {
            ("POST", "/oauth/token") => self.token(request),
            ("GET", "/v1/employees") => self.page(request),
            _ => refuse(404, "not_found"),
        };
        self.journal.entries.push(Entry::of(request, answer.status));
        answer
    }
}

fn answer(status: u16, body: &Value) -> Answer {
    Answer::of(status, "application/json", body.to_string())
}

fn refuse(status: u16, error: &str) -> Answer {
    answer(status, &json!({"error": error}))
}
