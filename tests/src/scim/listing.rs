//! Pages by index, which remember nothing, and by cursor, which only their issuer understands.

use serde_json::{Map, Value, json};

use super::filter::Filter;
use super::world::{World, error};
use crate::web::{Answer, Request, Trouble};

/// What the service remembers of a listing by cursor.
#[derive(Clone, Debug)]
pub(super) struct Cursor {
    filter: Option<String>,
    /// The users that are still to come.
    left: Vec<Value>,
    pub(super) page: usize,
}

/// Gives which page of its listing a request asks for, from 1.
pub(super) fn page_number(world: &World, request: &Request) -> usize {
    if let Some(cursor) = request.parameter("cursor") {
        return world.cursors.get(&cursor).map_or(1, |cursor| cursor.page);
    }
    let number = |name: &str| request.parameter(name).and_then(|text| text.parse::<usize>().ok());
    let count = number("count").unwrap_or(world.config.page_rows).clamp(1, world.config.page_rows);
    (number("startIndex").unwrap_or(1).max(1) - 1) / count + 1
}

/// Answers `GET /Users`.
pub(super) fn users(world: &mut World, request: &Request, trouble: Option<&Trouble>) -> Answer {
    let filter = request.parameter("filter");
    let read = filter.as_deref().map(|text| Filter::parse(text).ok_or(()));
    let Ok(admits) = read.transpose() else {
        return error(400, Some("invalidFilter"), "The specified filter syntax was invalid.");
    };
    let all =
        world.directory.users.iter().filter(|user| admits.as_ref().is_none_or(|filter| filter.admits(user)));
    let rows: Vec<Value> = all.cloned().collect();
    let count = match request.parameter("count").map(|count| count.parse::<i64>()) {
        None => world.config.page_rows,
        // A negative one is taken for zero (RFC 7644, 3.4.2.4).
        Some(Ok(count)) => usize::try_from(count).unwrap_or(0).min(world.config.page_rows),
        Some(Err(_)) => return error(400, Some("invalidValue"), "`count` is no number."),
    };
    match request.parameter("cursor") {
        Some(cursor) => by_cursor(world, &cursor, filter, rows, count, trouble),
        None => by_index(world, request, rows, count, trouble),
    }
}

fn by_index(
    world: &World,
    request: &Request,
    rows: Vec<Value>,
    count: usize,
    trouble: Option<&Trouble>,
) -> Answer {
    let start = request.parameter("startIndex").and_then(|text| text.parse::<i64>().ok()).unwrap_or(1);
    let start = usize::try_from(start).unwrap_or(1).max(1);
    let total = rows.len();
    let take = if trouble == Some(&Trouble::NoRows) { 0 } else { count };
    let mut page: Vec<Value> = rows.into_iter().skip(start - 1).take(take).collect();
    if let Some(trouble) = trouble {
        trouble.page(&mut page);
    }
    page.retain(|user| user["id"].as_str() != world.config.hides.as_deref());
    let total = if world.config.total_is_page_size { page.len() } else { total };
    list(page, total, Some(start), None)
}

fn by_cursor(
    world: &mut World,
    cursor: &str,
    filter: Option<String>,
    rows: Vec<Value>,
    count: usize,
    trouble: Option<&Trouble>,
) -> Answer {
    if !world.config.cursor {
        return error(501, None, "The service does not page by cursor.");
    }
    let total = rows.len();
    let mut at = match world.cursors.get(cursor) {
        None if cursor.is_empty() => Cursor { filter, left: rows, page: 1 },
        None => return error(400, Some("invalidCursor"), "The cursor is not known."),
        Some(_) if world.expired => return error(400, Some("expiredCursor"), "The cursor has expired."),
        // Nothing may change on the way (RFC 9865, 2.2).
        Some(known) if known.filter != filter => {
            return error(400, Some("invalidCursor"), "The filter changed.");
        }
        Some(known) => known.clone(),
    };
    let take = if trouble == Some(&Trouble::NoRows) { 0 } else { count };
    let later = at.left.split_off(take.min(at.left.len()));
    let mut page = at.left;
    if let Some(trouble) = trouble {
        trouble.page(&mut page);
    }
    let next = (!later.is_empty()).then(|| {
        let token = format!("VZUTiyhEQJ94{:04}+/=", world.cursors.len());
        world.cursors.insert(token.clone(), Cursor { filter: at.filter, left: later, page: at.page + 1 });
        token
    });
    list(page, total, None, next)
}

fn list(rows: Vec<Value>, total: usize, start: Option<usize>, next: Option<String>) -> Answer {
    let mut body = Map::new();
    body.insert("schemas".into(), json!(["urn:ietf:params:scim:api:messages:2.0:ListResponse"]));
    body.insert("totalResults".into(), json!(total));
    body.insert("itemsPerPage".into(), json!(rows.len()));
    if let Some(start) = start {
        body.insert("startIndex".into(), json!(start));
    }
    if let Some(next) = next {
        body.insert("nextCursor".into(), json!(next));
    }
    // An empty list may lack it (RFC 7644, 3.4.2).
    if !rows.is_empty() {
        body.insert("Resources".into(), Value::Array(rows));
    }
    Answer::of(200, "application/scim+json", Value::Object(body).to_string())
}
