//! The simulator held against the facts that it was written from.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use serde_json::{Value, json};

use super::*;
use crate::web::{Answer, Request, Rule, Site as _, Trouble, der, public_key};

const NOW_MS: i64 = 1_800_000_000_000;

fn world(users: usize) -> World {
    World::new(Config::default(), people(users, NOW_MS - 86_400_000), NOW_MS)
}

fn request(world: &mut World, target: &str) -> Answer {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let authorization = format!("SSWS {}", world.config.api_token);
    let headers =
        vec![("authorization".to_owned(), authorization), ("host".to_owned(), "acme.test".to_owned())];
    let (method, path, query, body) = ("GET".to_owned(), path.to_owned(), query.to_owned(), String::new());
    world.answer(&Request { method, path, query, headers, body })
}

fn next(answer: &Answer) -> Option<String> {
    let links = answer.headers.iter().filter(|(name, _)| name == "Link").map(|(_, value)| value);
    let mut next = links.filter_map(|link| link.strip_suffix(">; rel=\"next\""));
    next.next().map(|link| link.trim_start_matches("<http://acme.test").to_owned())
}

fn ids(world: &mut World, first: &str) -> Vec<String> {
    let (mut target, mut found) = (Some(first.to_owned()), Vec::new());
    while let Some(at) = target {
        let answer = request(world, &at);
        assert_eq!(answer.status, 200, "{at}: {}", String::from_utf8_lossy(&answer.body));
        let rows: Vec<Value> = serde_json::from_slice(&answer.body).unwrap();
        found.extend(rows.iter().map(|row| row["id"].as_str().unwrap().to_owned()));
        target = next(&answer);
    }
    found
}

#[test]
fn a_listing_pages_by_its_second_link() {
    let mut world = world(450);
    assert_eq!(ids(&mut world, "/api/v1/users").len(), 450);
    assert_eq!(ids(&mut world, "/api/v1/users?limit=7").len(), 450);
    let first = request(&mut world, "/api/v1/users?limit=7");
    assert_eq!(first.headers.iter().filter(|(name, _)| name == "Link").count(), 2);
    let next = next(&first).unwrap();
    assert_eq!(request(&mut world, &next).status, 200);
    // A cursor belongs to its listing.
    let token = next.split("after=").nth(1).unwrap().split('&').next().unwrap();
    assert_eq!(request(&mut world, &format!("/api/v1/users?after={token}&limit=8")).status, 400);
    assert_eq!(request(&mut world, "/api/v1/users?limit=0").status, 400);
}

#[test]
fn only_a_search_finds_the_deactivated() {
    let mut world = world(10);
    world.set_status(&id(3), "DEPROVISIONED");
    assert_eq!(ids(&mut world, "/api/v1/users").len(), 9);
    assert_eq!(ids(&mut world, "/api/v1/users?search=status%20eq%20%22DEPROVISIONED%22"), [id(3)]);
    let since = "/api/v1/users?search=lastUpdated%20gt%20%222027-01-15T07%3A00%3A00.000Z%22";
    assert_eq!(ids(&mut world, since), [id(3)]);
    world.delete(&id(3));
    assert!(ids(&mut world, since).is_empty());
    for bad in ["profile.none%20eq%20%22x%22", "profile.Department%20eq%20%22x%22", "x"] {
        assert_eq!(request(&mut world, &format!("/api/v1/users?search={bad}")).status, 400, "{bad}");
    }
}

#[test]
fn groups_show_their_members() {
    let mut world = world(10);
    let members = [id(1), id(2)].into();
    let group = Group { name: "Sales".to_owned(), kind: "OKTA_GROUP".to_owned(), members };
    world.organisation.groups.insert("00g1".to_owned(), group);
    assert_eq!(ids(&mut world, "/api/v1/groups"), ["00g1"]);
    assert_eq!(ids(&mut world, "/api/v1/groups/00g1/users?limit=1"), [id(1), id(2)]);
    assert_eq!(request(&mut world, "/api/v1/groups/00g2/users").status, 404);
    world.config.role.remove("okta.groups.read");
    assert_eq!(request(&mut world, "/api/v1/groups").status, 403);
    world.config.api_token = "another".to_owned();
    let known = Request { method: "GET".into(), path: "/api/v1/users".into(), ..Request::default() };
    assert_eq!(world.answer(&known).status, 401);
}

#[test]
fn an_assertion_is_really_verified() {
    let mut world = world(1);
    world.config.public_key = Some(public_key(&der(include_str!("../../data/app.crt.pem"))));
    world.config.key_id = Some("key-1".to_owned());
    let client = world.config.client_id.clone();
    let claims = json!({"aud": "http://acme.test/oauth2/v1/token", "iss": client, "sub": client,
                        "iat": NOW_MS / 1000, "exp": NOW_MS / 1000 + 600});
    let with = |key: &str, value: Value| {
        let mut changed = claims.clone();
        changed[key] = value;
        changed
    };
    let mut check = |kid: &str, claims: &Value, scope: &str, spoil: bool, expect: &str| {
        let mut assertion = signed(&json!({"alg": "RS256", "typ": "JWT", "kid": kid}), claims);
        if spoil {
            assertion.truncate(assertion.len() - 8);
            assertion.push_str("AAAAAAAA");
        }
        let body = format!(
            "grant_type=client_credentials&scope={scope}&client_assertion={assertion}\
             &client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer"
        );
        let headers = vec![("host".to_owned(), "acme.test".to_owned())];
        let ask = Request {
            method: "POST".into(),
            path: "/oauth2/v1/token".into(),
            headers,
            body,
            ..Request::default()
        };
        let answer = world.answer(&ask);
        let said: Value = serde_json::from_slice(&answer.body).unwrap();
        let told = format!("{} {}", said["error"].as_str().unwrap_or("fine"), said["error_description"]);
        assert!(told.starts_with(expect), "{told} instead of {expect}");
    };
    let read = "okta.users.read";
    check("key-1", &claims, read, false, "fine");
    check("key-1", &claims, read, true, "invalid_client \"The client_assertion is invalid: `signature`");
    check("key-2", &claims, read, false, "invalid_client \"The client_assertion is invalid: `kid`");
    for (claim, value) in [
        ("aud", json!("http://evil.test/oauth2/v1/token")),
        ("iss", json!("x")),
        ("sub", json!("x")),
        ("iat", json!(NOW_MS / 1000 + 9999)),
        ("exp", json!(NOW_MS / 1000 + 9999)),
        ("exp", Value::Null),
    ] {
        let expect = format!("invalid_client \"The client_assertion is invalid: `{claim}`");
        check("key-1", &with(claim, value), read, false, &expect);
    }
    check("key-1", &claims, "okta.apps.manage", false, "invalid_scope");
    assert_eq!(world.journal.issued.len(), 1);
}

fn signed(head: &Value, claims: &Value) -> String {
    let key = RsaKeyPair::from_pkcs8(&der(include_str!("../../data/app.key.pem"))).unwrap();
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let text = format!("{}.{}", part(head), part(claims));
    let mut signature = vec![0; key.public().modulus_len()];
    key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), text.as_bytes(), &mut signature).unwrap();
    format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature))
}

#[test]
fn troubles_strike_pages() {
    let mut world = world(30);
    let rule = |fault| Rule { path: "users".into(), page: Some(2), times: Some(1), fault };
    world.faults.push(rule(Trouble::NoRows));
    assert_eq!(ids(&mut world, "/api/v1/users?limit=10").len(), 30);
    world.faults.push(rule(Trouble::RepeatRows(4)));
    assert_eq!(ids(&mut world, "/api/v1/users?limit=10").len(), 34);
    world.faults.push(rule(Trouble::DropRows(4)));
    assert_eq!(ids(&mut world, "/api/v1/users?limit=10").len(), 26);
}
