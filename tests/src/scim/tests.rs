//! The simulator held against the facts that it was written from.

use serde_json::{Value, json};

use super::*;
use crate::web::{Request, Site as _};

fn get(world: &mut World, target: &str) -> (u16, Value) {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let headers = vec![("authorization".to_owned(), format!("Bearer {}", world.config.token))];
    let path = format!("/scim/v2/{path}");
    let ask = Request { method: "GET".into(), path, query: query.into(), headers, body: String::new() };
    let answer = world.answer(&ask);
    (answer.status, serde_json::from_slice(&answer.body).unwrap())
}

fn rows(body: &Value) -> usize {
    body["Resources"].as_array().map_or(0, Vec::len)
}

#[test]
fn an_index_begins_at_one_and_counts_are_bounded() {
    let mut world = World::new(Config { page_rows: 10, ..Config::default() }, people(25));
    for (query, expect) in [
        ("", 10),
        ("startIndex=0&count=7", 7),
        ("startIndex=21", 5),
        ("startIndex=26", 0),
        ("count=0", 0),
        ("count=-3", 0),
    ] {
        let (status, body) = get(&mut world, &format!("Users?{query}"));
        assert_eq!((status, rows(&body), &body["totalResults"]), (200, expect, &json!(25)), "{query}");
        assert_eq!(body.get("Resources").is_some(), expect > 0);
    }
    let (_, body) = get(&mut world, "Users?filter=USERNAME%20sw%20%22o%22%20and%20active%20eq%20true");
    assert!(rows(&body) > 0 && body["totalResults"].as_u64().unwrap() < 25);
    assert_eq!(get(&mut world, "Users?filter=x").1["scimType"], "invalidFilter");
}

#[test]
fn a_cursor_is_its_issuers_alone() {
    let mut world = World::new(Config { page_rows: 10, ..Config::default() }, people(25));
    assert_eq!(get(&mut world, "Users?cursor=").0, 501);
    world.config.cursor = true;
    let (mut cursor, mut found) = (String::new(), 0);
    loop {
        let encoded: String = url::form_urlencoded::byte_serialize(cursor.as_bytes()).collect();
        let (_, body) = get(&mut world, &format!("Users?cursor={encoded}&count=10"));
        found += rows(&body);
        match body["nextCursor"].as_str() {
            Some(next) => next.clone_into(&mut cursor),
            None => break,
        }
    }
    assert_eq!(found, 25);
    assert_eq!(get(&mut world, "Users?cursor=made-up").1["scimType"], "invalidCursor");
    world.expired = true;
    let encoded: String = url::form_urlencoded::byte_serialize(cursor.as_bytes()).collect();
    assert_eq!(get(&mut world, &format!("Users?cursor={encoded}")).1["scimType"], "expiredCursor");
}

#[test]
fn who_is_not_known_or_not_allowed_gets_nothing() {
    let mut world = World::new(Config::default(), people(1));
    world.config.may_read = false;
    assert_eq!(get(&mut world, "Users").0, 403);
    let ask = Request { method: "GET".into(), path: "/scim/v2/Users".into(), ..Request::default() };
    let answer = world.answer(&ask);
    assert_eq!(answer.status, 401);
    assert_eq!(serde_json::from_slice::<Value>(&answer.body).unwrap()["status"], "401");
}
