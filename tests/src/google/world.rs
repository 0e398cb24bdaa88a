//! The simulator without its socket: a request goes in, an answer comes out.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::listing::{self, Cursor};
use super::token;
use crate::web::{Answer, Delivery, Entry, Faults, Journal, Request, Site, Trouble, der, public_key};

const USERS: &str = "https://www.googleapis.com/auth/admin.directory.user.readonly";
const GROUPS: &str = "https://www.googleapis.com/auth/admin.directory.group.readonly";

/// How the simulator behaves.
#[derive(Clone, Debug)]
pub struct Config {
    /// The service account's e-mail address.
    pub client_email: String,
    /// Its public key.
    pub public_key: Vec<u8>,
    /// The key's ID; none: it is not looked at.
    pub key_id: Option<String>,
    /// The scopes that the account has delegated to it.
    pub delegated: BTreeSet<String>,
    /// The administrator.
    pub admin: String,
    /// What the administrator's role may read, as scopes.
    pub role: BTreeSet<String>,
    /// The most rows that the server puts on a page, whatever `maxResults` asks for.
    pub page_rows: usize,
}

impl Default for Config {
    /// The key is the one of `tests/data`.
    fn default() -> Self {
        let scopes: BTreeSet<String> = [USERS, GROUPS].map(str::to_owned).into();
        Self {
            client_email: "rollcall@project.iam.gserviceaccount.example".to_owned(),
            public_key: public_key(&der(include_str!("../../data/app.crt.pem"))),
            key_id: Some("simulated-key".to_owned()),
            delegated: scopes.clone(),
            admin: "admin@contoso.example".to_owned(),
            role: scopes,
            page_rows: 500,
        }
    }
}

/// One group.
#[derive(Clone, Debug, Default)]
pub struct Group {
    /// The name.
    pub name: String,
    /// The ids of its members, users and groups.
    pub members: Vec<String>,
}

/// What the account holds.
#[derive(Clone, Debug)]
pub struct Account {
    /// Its ID.
    pub customer: String,
    /// Its one domain.
    pub domain: String,
    /// Users by id, as Google shows them.
    pub users: BTreeMap<String, Value>,
    /// Groups by id.
    pub groups: BTreeMap<String, Group>,
}

impl Default for Account {
    fn default() -> Self {
        let (customer, domain) = ("C01simulated".to_owned(), "contoso.example".to_owned());
        Self { customer, domain, users: BTreeMap::new(), groups: BTreeMap::new() }
    }
}

/// What a token gives.
#[derive(Clone, Debug)]
pub(super) struct Granted {
    pub(super) scopes: BTreeSet<String>,
    pub(super) is_admin: bool,
}

/// The simulator's state.
#[derive(Debug)]
pub struct World {
    /// How it behaves; a test may change it at any time.
    pub config: Config,
    /// What it holds.
    pub account: Account,
    /// Its clock, in milliseconds since 1970.
    pub now_ms: i64,
    /// The faults in force.
    pub faults: Faults<Trouble>,
    /// What was asked.
    pub journal: Journal,
    pub(super) tokens: BTreeMap<String, Granted>,
    pub(super) cursors: BTreeMap<String, Cursor>,
}

impl World {
    /// Makes a simulator of an account.
    pub fn new(config: Config, account: Account, now_ms: i64) -> Self {
        Self {
            config,
            account,
            now_ms,
            faults: Faults::default(),
            journal: Journal::default(),
            tokens: BTreeMap::new(),
            cursors: BTreeMap::new(),
        }
    }

    /// Gives a user to change.
    pub fn user(&mut self, id: &str) -> &mut Value {
        self.account.users.get_mut(id).unwrap_or_else(|| panic!("no user `{id}`"))
    }

    /// Makes every access token run out.
    pub fn expire_tokens(&mut self) {
        self.tokens.clear();
    }

    fn dispatch(&mut self, request: &Request) -> Answer {
        let page = listing::page_number(self, request);
        let trouble = self.faults.strike(&request.path, page);
        if let Some(answer) = trouble.as_ref().and_then(|trouble| trouble.instead(request)) {
            return answer;
        }
        let mut answer = self.properly(request, trouble.as_ref());
        if let Some(trouble) = trouble {
            trouble.spoil(&mut answer);
        }
        answer
    }

    fn properly(&mut self, request: &Request, trouble: Option<&Trouble>) -> Answer {
        let path = request.path.trim_matches('/');
        if request.method == "POST" && path == "token" {
            return token::grant(self, request);
        }
        let segments: Vec<&str> =
            path.strip_prefix("admin/directory/v1/").unwrap_or_default().split('/').collect();
        match (request.method.as_str(), &segments[..]) {
            ("GET", ["users"]) => {
                self.allowed(request, USERS, |world| listing::users(world, request, trouble))
            }
            ("GET", ["groups"]) => {
                self.allowed(request, GROUPS, |world| listing::groups(world, request, trouble))
            }
            ("GET", ["groups", id, "members"]) => {
                self.allowed(request, GROUPS, |world| listing::members(world, id, request, trouble))
            }
            _ => error(404, "notFound", "Not Found"),
        }
    }

    fn allowed(
        &mut self,
        request: &Request,
        scope: &str,
        answer: impl FnOnce(&mut Self) -> Answer,
    ) -> Answer {
        let token = request
            .header("authorization")
            .and_then(|value| value.strip_prefix("Bearer "))
            .unwrap_or_default();
        let Some(granted) = self.tokens.get(token) else {
            return error(401, "authError", "Request had invalid authentication credentials.");
        };
        if !granted.scopes.contains(scope) {
            return error(
                403,
                "insufficientPermissions",
                "Insufficient Permission: Request had insufficient authentication scopes.",
            );
        }
        if !granted.is_admin || !self.config.role.contains(scope) {
            return error(403, "forbidden", "Not Authorized to access this resource/api");
        }
        answer(self)
    }
}

impl Site for World {
    fn answer(&mut self, request: &Request) -> Answer {
        let answer = self.dispatch(request);
        let status = if matches!(answer.delivery, Delivery::Nothing) { 0 } else { answer.status };
        self.journal.entries.push(Entry::of(request, status));
        answer
    }
}

/// An error in Google's form.
pub(super) fn error(status: u16, reason: &str, message: &str) -> Answer {
    let body = json!({"error": {"code": status, "message": message, "errors": [
        {"message": message, "domain": "global", "reason": reason},
    ]}});
    Answer::of(status, "application/json; charset=UTF-8", body.to_string())
}
