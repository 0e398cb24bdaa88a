//! Pages with tokens that belong to their query, and what `fields` and `query` leave of the rows.

use serde_json::{Map, Value, json};

use super::world::{World, error};
use crate::web::{Answer, Request, Trouble};

/// What the server remembers of a listing that is under way.
#[derive(Clone, Debug)]
pub(super) struct Cursor {
    path: String,
    query: String,
    after: usize,
    pub(super) page: usize,
}

/// Gives which page of its listing a request asks for, from 1.
pub(super) fn page_number(world: &World, request: &Request) -> usize {
    request.parameter("pageToken").and_then(|token| world.cursors.get(&token)).map_or(1, |cursor| cursor.page)
}

/// Answers `GET /users`.
pub(super) fn users(world: &mut World, request: &Request, trouble: Option<&Trouble>) -> Answer {
    if let Some(refused) = whose(world, request) {
        return refused;
    }
    let Some(parts) = query(&request.parameter("query").unwrap_or_default()) else {
        return error(400, "invalid", "Invalid Input: query");
    };
    let admitted = |user: &&Value| parts.iter().all(|(name, value)| meets(user, name, value));
    let rows = world.account.users.values().filter(admitted).cloned().collect();
    page(world, request, "users", rows, 500, trouble)
}

/// Answers `GET /groups`.
pub(super) fn groups(world: &mut World, request: &Request, trouble: Option<&Trouble>) -> Answer {
    if let Some(refused) = whose(world, request) {
        return refused;
    }
    let shown = |(id, group): (&String, &super::Group)| json!({"id": id, "name": group.name, "email": format!("{id}@contoso.example")});
    let rows = world.account.groups.iter().map(shown).collect();
    page(world, request, "groups", rows, 200, trouble)
}

/// Answers `GET /groups/{id}/members`, nested ones included where that is asked for.
pub(super) fn members(world: &mut World, id: &str, request: &Request, trouble: Option<&Trouble>) -> Answer {
    if !world.account.groups.contains_key(id) {
        return error(404, "notFound", "Resource Not Found: groupKey");
    }
    let derived = request.parameter("includeDerivedMembership").as_deref() == Some("true");
    let (mut found, mut open, mut seen) = (Vec::new(), vec![id.to_owned()], vec![id.to_owned()]);
    while let Some(group) = open.pop() {
        for member in world.account.groups.get(&group).map(|group| group.members.clone()).unwrap_or_default()
        {
            if seen.contains(&member) {
                continue;
            }
            seen.push(member.clone());
            let is_group = world.account.groups.contains_key(&member);
            if is_group && derived {
                open.push(member.clone());
            }
            found.push(
                json!({"id": member, "type": if is_group { "GROUP" } else { "USER" }, "status": "ACTIVE"}),
            );
        }
    }
    page(world, request, "members", found, 200, trouble)
}

/// One of `customer` and `domain` is required, and must be the account's own.
fn whose(world: &World, request: &Request) -> Option<Answer> {
    let own = &world.account;
    match (request.parameter("customer"), request.parameter("domain")) {
        (None, None) => Some(error(400, "badRequest", "Bad Request")),
        (Some(customer), _) if customer != "my_customer" && customer != own.customer => {
            Some(error(404, "notFound", "Resource Not Found: customer"))
        }
        (None, Some(domain)) if domain != own.domain => {
            Some(error(404, "domainNotFound", "Domain not found."))
        }
        _ => None,
    }
}

/// Reads `orgDepartment=Sales orgUnitPath='/Sales'`; none where Google answers "Invalid Input".
fn query(text: &str) -> Option<Vec<(String, String)>> {
    let mut parts = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        let (name, after) = rest.split_once('=')?;
        let known =
            ["orgUnitPath", "orgDepartment", "isSuspended", "givenName", "familyName"].contains(&name);
        known.then_some(())?;
        let (value, after) = match after.strip_prefix('\'') {
            None => after.split_once(' ').unwrap_or((after, "")),
            Some(quoted) => {
                let end =
                    quoted.char_indices().find(|(at, c)| *c == '\'' && !quoted[..*at].ends_with('\\'))?.0;
                (&quoted[..end], &quoted[end + 1..])
            }
        };
        parts.push((name.to_owned(), value.replace("\\'", "'").replace("\\\\", "\\")));
        rest = after.trim_start();
    }
    Some(parts)
}

fn meets(user: &Value, name: &str, value: &str) -> bool {
    match name {
        // An organisational unit and everything below it.
        "orgUnitPath" => user["orgUnitPath"].as_str().is_some_and(|path| {
            path == value
                || path.strip_prefix(value.trim_end_matches('/')).is_some_and(|rest| rest.starts_with('/'))
        }),
        "orgDepartment" => user["organizations"][0]["department"] == value,
        "isSuspended" => user["suspended"] == (value == "true"),
        name => user["name"][name] == value,
    }
}

fn page(
    world: &mut World,
    request: &Request,
    key: &str,
    rows: Vec<Value>,
    most: usize,
    trouble: Option<&Trouble>,
) -> Answer {
    let limit = match request.parameter("maxResults").map(|text| text.parse::<usize>()) {
        None => 100,
        Some(Ok(limit)) if (1..=most).contains(&limit) => limit,
        Some(_) => {
            return error(
                400,
                "invalid",
                &format!("Invalid value for maxResults: must be within 1 and {most}"),
            );
        }
    }
    .min(world.config.page_rows);
    let query: Vec<&str> = request.query.split('&').filter(|pair| !pair.starts_with("pageToken=")).collect();
    let query = query.join("&");
    let cursor = match request.parameter("pageToken") {
        None => Cursor { path: request.path.clone(), query, after: 0, page: 1 },
        Some(token) => match world.cursors.get(&token) {
            Some(cursor) if cursor.path == request.path && cursor.query == query => cursor.clone(),
            _ => return error(400, "invalid", "Invalid Input: pageToken"),
        },
    };
    let take = if trouble == Some(&Trouble::NoRows) { 0 } else { limit };
    let more = rows.len() > cursor.after + take;
    let mut shown: Vec<Value> = rows.into_iter().skip(cursor.after).take(take).collect();
    if let Some(trouble) = trouble {
        trouble.page(&mut shown);
    }
    let fields = request.parameter("fields");
    let shown: Vec<Value> = shown.into_iter().map(|row| projected(row, key, fields.as_deref())).collect();
    let mut body = Map::from_iter([("kind".to_owned(), json!(format!("admin#directory#{key}")))]);
    if more {
        let token = format!("CjMwLi9+{:04}==", world.cursors.len());
        world
            .cursors
            .insert(token.clone(), Cursor { after: cursor.after + take, page: cursor.page + 1, ..cursor });
        body.insert("nextPageToken".into(), json!(token));
    }
    // A page without rows has no list.
    if !shown.is_empty() {
        body.insert(key.to_owned(), Value::Array(shown));
    }
    Answer::of(200, "application/json; charset=UTF-8", Value::Object(body).to_string())
}

/// Leaves what `fields=nextPageToken,users(id,name)` names.
fn projected(row: Value, key: &str, fields: Option<&str>) -> Value {
    let inner = fields
        .and_then(|fields| fields.split_once(&format!("{key}(")))
        .and_then(|(_, rest)| rest.split_once(')'));
    let Some((inner, _)) = inner else { return row };
    let names: Vec<&str> = inner.split(',').collect();
    let Value::Object(row) = row else { return row };
    Value::Object(row.into_iter().filter(|(name, _)| names.contains(&name.as_str())).collect())
}
