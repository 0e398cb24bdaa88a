//! The simulator without its socket: a request goes in, an answer comes out.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::listing::{self, Cursor};
use crate::web::{Answer, Delivery, Entry, Faults, Journal, Request, Site, Trouble};

/// How the simulator behaves.
#[derive(Clone, Debug)]
pub struct Config {
    /// The bearer token.
    pub token: String,
    /// The user name of basic authentication.
    pub username: String,
    /// Its password.
    pub password: String,
    /// Whether users may be read.
    pub may_read: bool,
    /// Whether it pages by cursor.
    pub cursor: bool,
    /// What it says of that, where it says something else.
    pub claims_cursor: Option<bool>,
    /// Whether it shows its configuration and its schemas.
    pub tells: bool,
    /// The most rows on a page.
    pub page_rows: usize,
    /// Whether `totalResults` is the size of the page (WSO2 product-is#7320).
    pub total_is_page_size: bool,
    /// The id of a user that is counted and never shown (WSO2 product-is#27973).
    pub hides: Option<String>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            token: "simulated-scim-token".to_owned(),
            username: "robot".to_owned(),
            password: "simulated-password".to_owned(),
            may_read: true,
            cursor: false,
            claims_cursor: None,
            tells: true,
            page_rows: 100,
            total_is_page_size: false,
            hides: None,
        }
    }
}

/// What the service holds: users in the order in which it gives them.
#[derive(Clone, Debug, Default)]
pub struct Directory {
    /// Users as the service shows them.
    pub users: Vec<Value>,
}

/// The simulator's state.
#[derive(Debug)]
pub struct World {
    /// How it behaves; a test may change it at any time.
    pub config: Config,
    /// What it holds.
    pub directory: Directory,
    /// The faults in force.
    pub faults: Faults<Trouble>,
    /// What was asked.
    pub journal: Journal,
    /// Whether all cursors have run out.
    pub expired: bool,
    pub(super) cursors: BTreeMap<String, Cursor>,
}

impl World {
    /// Makes a simulator of a directory.
    pub fn new(config: Config, directory: Directory) -> Self {
        let (faults, journal) = (Faults::default(), Journal::default());
        Self { config, directory, faults, journal, expired: false, cursors: BTreeMap::new() }
    }

    /// Gives a user to change.
    pub fn user(&mut self, id: &str) -> &mut Value {
        let mut users = self.directory.users.iter_mut();
        users.find(|user| user["id"] == id).unwrap_or_else(|| panic!("no user `{id}`"))
    }

    /// Removes a user.
    pub fn remove(&mut self, id: &str) {
        self.directory.users.retain(|user| user["id"] != id);
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
        let basic = STANDARD.encode(format!("{}:{}", self.config.username, self.config.password));
        let known = [format!("Bearer {}", self.config.token), format!("Basic {basic}")];
        if !known.iter().any(|known| Some(known.as_str()) == request.header("authorization")) {
            return error(401, None, "The authorization header is invalid or missing.");
        }
        match (request.method.as_str(), request.path.strip_prefix("/scim/v2/").unwrap_or_default()) {
            ("GET", "Users") if !self.config.may_read => error(403, None, "Operation is not permitted."),
            ("GET", "Users") => listing::users(self, request, trouble),
            ("GET", "ServiceProviderConfig") if self.config.tells => self.about(),
            ("GET", "Schemas") if self.config.tells => schemas(),
            _ => error(404, None, "The endpoint does not exist."),
        }
    }

    fn about(&self) -> Answer {
        let cursor = self.config.claims_cursor.unwrap_or(self.config.cursor);
        let body = json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"],
            "patch": {"supported": true}, "filter": {"supported": true, "maxResults": 1000},
            "pagination": {"cursor": cursor, "index": true, "maxPageSize": self.config.page_rows},
        });
        Answer::of(200, "application/scim+json", body.to_string())
    }
}

fn schemas() -> Answer {
    let own = json!({"id": "urn:acme:scim:2.0:User", "name": "Acme", "attributes": [
        {"name": "badge", "type": "complex", "multiValued": false, "subAttributes": [{"name": "number", "type": "integer", "multiValued": false}]},
    ]});
    let core = json!({"id": "urn:ietf:params:scim:schemas:core:2.0:User", "name": "User", "attributes": []});
    let body = json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:ListResponse"], "totalResults": 2, "Resources": [core, own],
    });
    Answer::of(200, "application/scim+json", body.to_string())
}

impl Site for World {
    fn answer(&mut self, request: &Request) -> Answer {
        let answer = self.dispatch(request);
        let status = if matches!(answer.delivery, Delivery::Nothing) { 0 } else { answer.status };
        self.journal.entries.push(Entry::of(request, status));
        answer
    }
}

/// An error in the standard's form, in which the status is text (RFC 7644, 3.12).
pub(super) fn error(status: u16, kind: Option<&str>, detail: &str) -> Answer {
    let mut body = json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:Error"], "status": status.to_string(), "detail": detail,
    });
    if let Some(kind) = kind {
        body["scimType"] = json!(kind);
    }
    Answer::of(status, "application/scim+json", body.to_string())
}
