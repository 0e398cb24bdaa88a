//! `/users/delta`: who has changed since a token was given out (user-delta, delta-query-overview).
//!
//! A token remembers how every user looked, so that it does not matter in which way a test changes the tenant. Changes
//! between two tokens are told once, as the last state.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use serde_json::{Value, json};

use super::answer::Refusal;
use super::fault::Fault;
use super::listing::{Link, body, cut, spoil};
use super::model::{Object, Tenant};
use super::properties;
use super::query::Options;
use super::world::World;
use crate::web::{Answer, Request};

/// The most rows of a page (seen: microsoft-graph-docs#5363).
const PAGE_ROWS: usize = 200;
/// How long a token of directory objects lives, in milliseconds.
const LIFE_MS: i64 = 7 * 24 * 60 * 60 * 1000;

/// The tokens that were given out.
#[derive(Debug, Default)]
pub(super) struct Tokens {
    /// By `$deltatoken`.
    marks: BTreeMap<String, Mark>,
    /// By `$skiptoken`.
    rounds: BTreeMap<String, Round>,
}

/// A moment of the directory.
#[derive(Clone, Debug)]
struct Mark {
    made_ms: i64,
    select: Vec<String>,
    users: Users,
}

/// Users with a digest of each selected property; nothing of those who lie in the bin.
type Users = BTreeMap<String, Option<Digests>>;
/// In the order of the selection; none of a property that was never set.
type Digests = Vec<Option<u64>>;

/// What is left of a round.
#[derive(Clone, Debug)]
struct Round {
    rows: Vec<Value>,
    page: usize,
    /// The token at its end.
    end: String,
}

/// Tells whether a path is that of the delta query.
pub(super) fn is_path(path: &str) -> bool {
    matches!(path.trim_matches('/'), "v1.0/users/delta" | "v1.0/users/microsoft.graph.delta()")
}

/// Gives which page of its round a request asks for, from 1; 0 where it asks for none.
pub(super) fn page_number(world: &World, request: &Request) -> usize {
    match request.parameter("$skiptoken").and_then(|token| world.deltas.rounds.get(&token)) {
        Some(round) => round.page,
        None => usize::from(request.parameter("$deltatoken").is_none_or(|token| token != "latest")),
    }
}

/// Answers a request for changes.
pub(super) fn answer(
    world: &mut World,
    request: &Request,
    origin: &str,
    fault: Option<&Fault>,
) -> Result<Answer, Refusal> {
    if !world.config.delta {
        // The documents say where there is none, and not what is answered there.
        return Err(Refusal::bad("Request_BadRequest", "Change tracking is not supported in this tenant."));
    }
    let tokens = [request.parameter("$deltatoken"), request.parameter("$skiptoken")];
    match tokens {
        [Some(token), None] if token == "latest" => {
            let select = selected(request)?;
            let end = mark(world, select);
            let link = Link::Changes(link(origin, "deltatoken", &end));
            Ok(body(&context(origin), None, vec![], Some(link), fault))
        }
        [None, None] => {
            let select = selected(request)?;
            let nothing = Mark { made_ms: world.now_ms(), select, users: Users::new() };
            let round = begin(world, &nothing, request);
            Ok(page(world, round, origin, fault))
        }
        [Some(token), None] if whole(request) => {
            let known = world.deltas.marks.get(&token).cloned().ok_or_else(unknown)?;
            if world.now_ms() - known.made_ms > LIFE_MS {
                let again = link(origin, "deltatoken", "");
                return Err(
                    Refusal::new(410, "resyncRequired", "The token has expired.").header("Location", &again)
                );
            }
            let round = begin(world, &known, request);
            Ok(page(world, round, origin, fault))
        }
        [None, Some(token)] if whole(request) => {
            let round = world.deltas.rounds.get(&token).cloned().ok_or_else(unknown)?;
            Ok(page(world, round, origin, fault))
        }
        _ => Err(Refusal::bad("Request_BadRequest", "A link must be sent as it was given.")),
    }
}

fn unknown() -> Refusal {
    Refusal::bad("syncStateNotFound", "The sync state generation is not found.")
}

/// A link has its token and nothing else: the query is a part of the token.
fn whole(request: &Request) -> bool {
    !request.query.contains('&')
}

fn selected(request: &Request) -> Result<Vec<String>, Refusal> {
    // Filters by id alone are supported by Graph, and none here.
    for option in ["$top", "$filter", "$orderby", "$expand", "$search", "$count"] {
        if request.parameter(option).is_some() {
            let message = format!("'{option}' is not supported for the delta query.");
            return Err(Refusal::bad("Request_UnsupportedQuery", &message));
        }
    }
    let mut query = request.clone();
    query.query =
        query.query.split('&').filter(|pair| !pair.contains("deltatoken=")).collect::<Vec<_>>().join("&");
    let default = || properties::DEFAULT.iter().map(|name| (*name).to_owned()).collect();
    Ok(Options::parse(&query.query)?.select.unwrap_or_else(default))
}

fn context(origin: &str) -> String {
    format!("{origin}/v1.0/$metadata#users")
}

fn link(origin: &str, kind: &str, token: &str) -> String {
    format!("{origin}/v1.0/users/delta?${kind}={token}")
}

/// Gives a token for now.
fn mark(world: &mut World, select: Vec<String>) -> String {
    let users = seen(&world.tenant, &select);
    let token = format!("oEBwdSP6uehIAxQO{:06}", world.deltas.marks.len() + 1);
    world.deltas.marks.insert(token.clone(), Mark { made_ms: world.now_ms(), select, users });
    token
}

fn seen(tenant: &Tenant, select: &[String]) -> Users {
    let there = tenant.users.iter().map(|(id, user)| (id.clone(), Some(digests(user, select))));
    tenant.deleted.keys().map(|id| (id.clone(), None)).chain(there).collect()
}

fn digests(user: &Object, select: &[String]) -> Digests {
    let digest = |value: &Value| {
        let mut hasher = DefaultHasher::new();
        value.to_string().hash(&mut hasher);
        hasher.finish()
    };
    select.iter().map(|name| user.get(name).map(digest)).collect()
}

fn begin(world: &mut World, since: &Mark, request: &Request) -> Round {
    let minimal = !world.config.delta_rows_whole || request.header("prefer") == Some("return=minimal");
    let rows = rows(&world.tenant, since, minimal);
    let end = mark(world, since.select.clone());
    Round { rows, page: 1, end }
}

/// Gives everybody who looks otherwise than at a moment.
fn rows(tenant: &Tenant, since: &Mark, minimal: bool) -> Vec<Value> {
    let ids: BTreeSet<&String> =
        since.users.keys().chain(tenant.users.keys()).chain(tenant.deleted.keys()).collect();
    let mut rows = Vec::new();
    for id in ids {
        let before = since.users.get(id);
        let Some(user) = tenant.users.get(id) else {
            let binned = tenant.deleted.contains_key(id);
            // Who lies in the bin as before is no change.
            if !(binned && before == Some(&None)) {
                let reason = if binned { "changed" } else { "deleted" };
                rows.push(json!({"id": id, "@removed": {"reason": reason}}));
            }
            continue;
        };
        let now = digests(user, &since.select);
        let before = before.and_then(Option::as_ref);
        if before == Some(&now) {
            continue;
        }
        // A property that was never set is absent, one that was cleared is null.
        let mut row = Object::from_iter([("id".to_owned(), json!(id))]);
        for (at, name) in since.select.iter().enumerate() {
            let same = before.is_some_and(|before| before[at] == now[at]);
            if let Some(value) = user.get(name).filter(|_| !(minimal && same)) {
                row.insert(name.clone(), value.clone());
            }
        }
        rows.push(Value::Object(row));
    }
    rows
}

fn page(world: &mut World, mut round: Round, origin: &str, fault: Option<&Fault>) -> Answer {
    let most = PAGE_ROWS.min(world.config.page_rows).max(1);
    let later = round.rows.split_off(cut(fault, most).min(round.rows.len()));
    let mut shown = std::mem::replace(&mut round.rows, later);
    spoil(&mut shown, fault);
    let link = if round.rows.is_empty() {
        Link::Changes(link(origin, "deltatoken", &round.end))
    } else {
        let token = format!("pqwSUjGYvb3jQpbw{:06}", world.deltas.rounds.len() + 1);
        round.page += 1;
        world.deltas.rounds.insert(token.clone(), round);
        Link::Page(link(origin, "skiptoken", &token))
    };
    body(&context(origin), None, shown, Some(link), fault)
}
