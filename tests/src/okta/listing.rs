//! Pages with two `Link` headers, and cursors that only their issuer understands.

use std::ops::Bound::{Excluded, Unbounded};

use serde_json::{Value, json};

use super::search::Search;
use super::world::{World, error};
use crate::web::{Answer, Request, Trouble};

/// Users a page has at most.
const USERS_A_PAGE: usize = 200;

/// What the server remembers of a listing that is under way.
#[derive(Clone, Debug)]
pub(super) struct Cursor {
    path: String,
    query: String,
    /// The id after which it goes on.
    after: String,
    pub(super) page: usize,
}

/// Gives which page of its listing a request asks for, from 1.
pub(super) fn page_number(world: &World, request: &Request) -> usize {
    request.parameter("after").and_then(|after| world.cursors.get(&after)).map_or(1, |cursor| cursor.page)
}

/// Answers `GET /api/v1/users`.
pub(super) fn users(world: &mut World, request: &Request, trouble: Option<&Trouble>) -> Answer {
    let search = match request.parameter("search") {
        // The plain listing leaves out the deactivated.
        None => None,
        Some(text) => match Search::parse(&text, &world.organisation.attributes()) {
            Some(search) => Some(search),
            None => {
                let answer = error(400, "E0000031", "Invalid search criteria.");
                return answer;
            }
        },
    };
    let admitted = |user: &&Value| match &search {
        Some(search) => search.admits(user),
        None => user["status"] != "DEPROVISIONED",
    };
    // No more than a page can show, and one that tells whether there is another: of a large organisation all would take long.
    let after =
        request.parameter("after").and_then(|after| world.cursors.get(&after)).map(|at| at.after.clone());
    let rest =
        world.organisation.users.range::<str, _>((Excluded(after.as_deref().unwrap_or_default()), Unbounded));
    let rows = rest.map(|(_, user)| user).filter(admitted).take(USERS_A_PAGE + 1).cloned().collect();
    page(world, request, rows, USERS_A_PAGE, trouble)
}

/// Answers `GET /api/v1/groups`.
pub(super) fn groups(world: &mut World, request: &Request, trouble: Option<&Trouble>) -> Answer {
    let shown = |(id, group): (&String, &super::Group)| json!({"id": id, "type": group.kind, "profile": {"name": group.name}});
    let rows = world.organisation.groups.iter().map(shown).collect();
    page(world, request, rows, 10_000, trouble)
}

/// Answers `GET /api/v1/groups/{id}/users`.
pub(super) fn members(world: &mut World, id: &str, request: &Request, trouble: Option<&Trouble>) -> Answer {
    let Some(group) = world.organisation.groups.get(id) else {
        return error(404, "E0000007", &format!("Not found: Resource not found: {id} (UserGroup)"));
    };
    let users = &world.organisation.users;
    let rows = group.members.iter().filter_map(|id| users.get(id).cloned()).collect();
    page(world, request, rows, 1000, trouble)
}

/// Rows are in the order of their ids, so that those added or removed meanwhile do not shift the others.
fn page(
    world: &mut World,
    request: &Request,
    rows: Vec<Value>,
    most: usize,
    trouble: Option<&Trouble>,
) -> Answer {
    let limit = match request.parameter("limit").map(|limit| limit.parse::<usize>()) {
        None => most,
        Some(Ok(limit)) if limit > 0 => limit.min(most),
        Some(_) => return error(400, "E0000001", "Api validation failed: limit"),
    }
    .min(world.config.page_rows);
    let first = strip(&request.query);
    let cursor = match request.parameter("after") {
        None => Cursor { path: request.path.clone(), query: first.clone(), after: String::new(), page: 1 },
        Some(after) => match world.cursors.get(&after) {
            Some(cursor) if cursor.path == request.path && cursor.query == first => cursor.clone(),
            _ => return error(400, "E0000001", "Api validation failed: Invalid paging request"),
        },
    };
    let key = |row: &Value| row["id"].as_str().unwrap_or_default().to_owned();
    let mut left: Vec<Value> = rows.into_iter().filter(|row| key(row) > cursor.after).collect();
    left.sort_by_key(key);
    let take = if trouble == Some(&Trouble::NoRows) { 0 } else { limit };
    let later = left.split_off(take.min(left.len()));
    let after = left.last().map_or(cursor.after.clone(), key);
    if let Some(trouble) = trouble {
        trouble.page(&mut left);
    }
    let url = |query: &str| format!("{}{}?{query}", request.origin(), request.path);
    let mut answer = Answer::of(200, "application/json", Value::from(left).to_string());
    answer = answer.with("Link", &format!("<{}>; rel=\"self\"", url(&request.query)));
    if let Some(Trouble::ForeignLink(origin)) = trouble {
        return answer.with("Link", &format!("<{origin}/api/v1/users?after=stolen>; rel=\"next\""));
    }
    if !later.is_empty() {
        let token = format!("200u{:06}", world.cursors.len() + 1);
        let next = format!("after={token}&{first}");
        world.cursors.insert(token, Cursor { after, page: cursor.page + 1, ..cursor });
        answer = answer.with("Link", &format!("<{}>; rel=\"next\"", url(&next)));
    }
    answer
}

/// Gives a query without the cursor.
fn strip(query: &str) -> String {
    query.split('&').filter(|pair| !pair.starts_with("after=")).collect::<Vec<_>>().join("&")
}
