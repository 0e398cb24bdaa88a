//! The simulator without its socket: a request goes in, an answer comes out.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, UNIX_EPOCH};

use serde_json::{Value, json};

use super::listing::{self, Cursor};
use super::token;
use crate::web::{Answer, Delivery, Entry, Faults, Journal, Request, Site, Trouble};

/// How the simulator behaves.
#[derive(Clone, Debug)]
pub struct Config {
    /// The API token; whoever made it may read everything that `role` names.
    pub api_token: String,
    /// The app's client ID.
    pub client_id: String,
    /// The app's public key.
    pub public_key: Option<Vec<u8>>,
    /// The key's ID; none: it is not looked at.
    pub key_id: Option<String>,
    /// The scopes that the app was granted.
    pub scopes: BTreeSet<String>,
    /// What app and token may read besides, as scopes: a scope without the administrator's right gives nothing.
    pub role: BTreeSet<String>,
    /// Whether the token endpoint wants a DPoP proof, as for new apps.
    pub demands_dpop: bool,
    /// The most rows that the server puts on a page, whatever `limit` asks for.
    pub page_rows: usize,
}

impl Default for Config {
    fn default() -> Self {
        let scopes: BTreeSet<String> =
            ["okta.users.read", "okta.schemas.read", "okta.groups.read"].map(str::to_owned).into();
        Self {
            api_token: "00simulated-api-token-0000000000000000000".to_owned(),
            client_id: "0oasimulatedclient00".to_owned(),
            public_key: None,
            key_id: None,
            role: scopes.clone(),
            scopes,
            demands_dpop: false,
            page_rows: 1000,
        }
    }
}

/// One group.
#[derive(Clone, Debug, Default)]
pub struct Group {
    /// `profile.name`.
    pub name: String,
    /// `OKTA_GROUP`, `APP_GROUP` or `BUILT_IN`.
    pub kind: String,
    /// The members' ids.
    pub members: BTreeSet<String>,
}

/// What the organisation holds.
#[derive(Clone, Debug, Default)]
pub struct Organisation {
    /// Users by id, as Okta shows them.
    pub users: BTreeMap<String, Value>,
    /// Groups by id.
    pub groups: BTreeMap<String, Group>,
    /// Attributes of its own, as the schema's `custom` part shows them.
    pub custom: BTreeMap<String, Value>,
}

/// The base profile, as far as the made-up people have it.
const BASE: [&str; 12] = [
    "login",
    "email",
    "secondEmail",
    "firstName",
    "lastName",
    "displayName",
    "mobilePhone",
    "primaryPhone",
    "department",
    "employeeNumber",
    "countryCode",
    "title",
];

impl Organisation {
    /// Gives the names of all profile attributes.
    pub(super) fn attributes(&self) -> Vec<String> {
        BASE.iter().map(|name| (*name).to_owned()).chain(self.custom.keys().cloned()).collect()
    }
}

/// The simulator's state.
#[derive(Debug)]
pub struct World {
    /// How it behaves; a test may change it at any time.
    pub config: Config,
    /// What it holds.
    pub organisation: Organisation,
    /// Its clock, in milliseconds since 1970.
    pub now_ms: i64,
    /// The faults in force.
    pub faults: Faults<Trouble>,
    /// What was asked.
    pub journal: Journal,
    pub(super) tokens: BTreeMap<String, BTreeSet<String>>,
    pub(super) cursors: BTreeMap<String, Cursor>,
}

impl World {
    /// Makes a simulator of an organisation.
    pub fn new(config: Config, organisation: Organisation, now_ms: i64) -> Self {
        Self {
            config,
            organisation,
            now_ms,
            faults: Faults::default(),
            journal: Journal::default(),
            tokens: BTreeMap::new(),
            cursors: BTreeMap::new(),
        }
    }

    /// Sets an attribute of a user's profile; `null` clears it.
    pub fn set(&mut self, id: &str, attribute: &str, value: impl Into<Value>) {
        let value = value.into();
        self.change(id, |user| match &value {
            Value::Null => drop(user["profile"].as_object_mut().map(|profile| profile.remove(attribute))),
            value => user["profile"][attribute] = value.clone(),
        });
    }

    /// Sets a user's status.
    pub fn set_status(&mut self, id: &str, status: &str) {
        self.change(id, |user| user["status"] = json!(status));
    }

    /// Adds a user or takes its place.
    pub fn put(&mut self, id: &str, user: Value) {
        self.organisation.users.insert(id.to_owned(), user);
        self.change(id, |_| {});
    }

    /// Deletes a user, which no search ever shows.
    pub fn delete(&mut self, id: &str) {
        self.organisation.users.remove(id);
        for group in self.organisation.groups.values_mut() {
            group.members.remove(id);
        }
    }

    /// Makes every access token run out.
    pub fn expire_tokens(&mut self) {
        self.tokens.clear();
    }

    fn change(&mut self, id: &str, change: impl FnOnce(&mut Value)) {
        let now = stamp(self.now_ms);
        let user = self.organisation.users.get_mut(id).unwrap_or_else(|| panic!("no user `{id}`"));
        change(user);
        user["lastUpdated"] = json!(now);
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
        let segments: Vec<&str> = request.path.trim_matches('/').split('/').collect();
        match (request.method.as_str(), &segments[..]) {
            ("POST", ["oauth2", "v1", "token"]) => token::grant(self, request),
            ("GET", ["api", "v1", "users"]) => {
                self.allowed(request, "okta.users.read", |world| listing::users(world, request, trouble))
            }
            ("GET", ["api", "v1", "meta", "schemas", "user", "default"]) => {
                self.allowed(request, "okta.schemas.read", |world| world.schema())
            }
            ("GET", ["api", "v1", "groups"]) => {
                self.allowed(request, "okta.groups.read", |world| listing::groups(world, request, trouble))
            }
            ("GET", ["api", "v1", "groups", id, "users"]) => {
                self.allowed(request, "okta.groups.read", |world| {
                    listing::members(world, id, request, trouble)
                })
            }
            (_, ["api", "v1", ..]) => error(404, "E0000007", "Not found: Resource not found"),
            _ => Answer::of(404, "text/html", "<html>Not found</html>".to_owned()),
        }
    }

    fn allowed(
        &mut self,
        request: &Request,
        scope: &str,
        answer: impl FnOnce(&mut Self) -> Answer,
    ) -> Answer {
        let header = request.header("authorization").unwrap_or_default();
        let scopes = match header.split_once(' ') {
            Some(("SSWS", token)) if token == self.config.api_token => self.config.role.clone(),
            Some(("Bearer", token)) => match self.tokens.get(token) {
                Some(scopes) => scopes.intersection(&self.config.role).cloned().collect(),
                None => return error(401, "E0000011", "Invalid token provided"),
            },
            _ => return error(401, "E0000011", "Invalid token provided"),
        };
        if !scopes.contains(scope) {
            return error(403, "E0000006", "You do not have permission to perform the requested action");
        }
        answer(self)
    }

    fn schema(&self) -> Answer {
        let base: serde_json::Map<_, _> =
            BASE.iter().map(|name| ((*name).to_owned(), json!({"title": name, "type": "string"}))).collect();
        let body = json!({
            "id": "schema", "name": "user", "type": "object",
            "definitions": {
                "custom": {"id": "#custom", "type": "object", "properties": self.organisation.custom},
                "base": {"id": "#base", "type": "object", "properties": base},
            },
        });
        Answer::of(200, "application/json", body.to_string())
    }
}

impl Site for World {
    fn answer(&mut self, request: &Request) -> Answer {
        let now = UNIX_EPOCH + Duration::from_millis(u64::try_from(self.now_ms).unwrap_or_default());
        let window = (self.now_ms / 60_000 + 1) * 60;
        let answer = self
            .dispatch(request)
            .with("Date", &httpdate::fmt_http_date(now))
            .with("X-Rate-Limit-Limit", "600")
            .with("X-Rate-Limit-Remaining", "599");
        // A test that asks for a fault may say when the window ends.
        let told = answer.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("x-rate-limit-reset"));
        let answer = if told { answer } else { answer.with("X-Rate-Limit-Reset", &window.to_string()) };
        let status = if matches!(answer.delivery, Delivery::Nothing) { 0 } else { answer.status };
        self.journal.entries.push(Entry::of(request, status));
        answer
    }
}

/// Writes a time as Okta does.
pub(super) fn stamp(ms: i64) -> String {
    let time = UNIX_EPOCH + Duration::from_millis(u64::try_from(ms).unwrap_or_default());
    let text = httpdate::fmt_http_date(time);
    // `Sun, 06 Nov 1994 08:49:37 GMT` as `1994-11-06T08:49:37.000Z`.
    let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let month = months.iter().position(|month| *month == &text[8..11]).unwrap_or_default() + 1;
    format!("{}-{month:02}-{}T{}.{:03}Z", &text[12..16], &text[5..7], &text[17..25], ms.rem_euclid(1000))
}

/// An error in Okta's form.
pub(super) fn error(status: u16, code: &str, summary: &str) -> Answer {
    let body = json!({"errorCode": code, "errorSummary": summary, "errorLink": code, "errorId": "oae1", "errorCauses": []});
    Answer::of(status, "application/json", body.to_string())
}
