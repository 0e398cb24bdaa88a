//! The simulator held against the facts that it was written from.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use serde_json::{Value, json};

use super::*;
use crate::web::{Answer, Request, Site as _, der};

const NOW_MS: i64 = 1_800_000_000_000;
const READ: &str = "https://www.googleapis.com/auth/admin.directory.user.readonly";

fn world(users: usize) -> World {
    World::new(Config::default(), people(users), NOW_MS)
}

fn claims(world: &World) -> Value {
    json!({"iss": world.config.client_email, "sub": world.config.admin, "aud": "http://google.test/token",
           "scope": READ, "iat": NOW_MS / 1000, "exp": NOW_MS / 1000 + 600})
}

fn signed(claims: &Value) -> String {
    let key = RsaKeyPair::from_pkcs8(&der(include_str!("../../data/app.key.pem"))).unwrap();
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let head = json!({"alg": "RS256", "typ": "JWT", "kid": "simulated-key"});
    let text = format!("{}.{}", part(&head), part(claims));
    let mut signature = vec![0; key.public().modulus_len()];
    key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), text.as_bytes(), &mut signature).unwrap();
    format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature))
}

fn ask(world: &mut World, method: &str, target: &str, authorization: &str, body: String) -> (u16, Value) {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let headers = [("host", "google.test"), ("authorization", authorization)];
    let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    let request = Request { method: method.into(), path: path.into(), query: query.into(), headers, body };
    let Answer { status, body, .. } = world.answer(&request);
    (status, serde_json::from_slice(&body).unwrap())
}

fn sign_in(world: &mut World, assertion: &str) -> (u16, Value) {
    let body =
        format!("grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion={assertion}");
    ask(world, "POST", "/token", "", body)
}

fn get(world: &mut World, path: &str) -> (u16, Value) {
    let assertion = signed(&claims(world));
    let (_, token) = sign_in(world, &assertion);
    let bearer = format!("Bearer {}", token["access_token"].as_str().unwrap());
    ask(world, "GET", &format!("/admin/directory/v1/{path}"), &bearer, String::new())
}

fn ids(world: &mut World, first: &str) -> Vec<String> {
    let (mut target, mut found) = (first.to_owned(), Vec::new());
    loop {
        let (status, body) = get(world, &target);
        assert_eq!(status, 200, "{target}: {body}");
        let rows = body["users"].as_array().cloned().unwrap_or_default();
        found.extend(rows.iter().map(|row| row["id"].as_str().unwrap().to_owned()));
        let Some(next) = body["nextPageToken"].as_str() else { return found };
        let next: String = url::form_urlencoded::byte_serialize(next.as_bytes()).collect();
        target = format!("{first}&pageToken={next}");
    }
}

#[test]
fn an_assertion_is_really_verified() {
    let mut world = world(3);
    let good = claims(&world);
    let mut check = |claim: &str, value: Value, expect: (u16, &str)| {
        let mut changed = good.clone();
        changed[claim] = value;
        let (status, body) = sign_in(&mut world, &signed(&changed));
        assert_eq!((status, body["error"].as_str().unwrap_or("fine")), expect, "{claim}: {body}");
    };
    check("jti", json!("1"), (200, "fine"));
    check("iss", json!("other@x.example"), (400, "invalid_grant"));
    check("aud", json!("https://oauth2.googleapis.com/token"), (400, "invalid_grant"));
    check("sub", json!("nobody@contoso.example"), (400, "invalid_grant"));
    check("iat", json!(NOW_MS / 1000 + 9999), (400, "invalid_grant"));
    check("exp", json!(NOW_MS / 1000 + 9999), (400, "invalid_grant"));
    check(
        "scope",
        json!(format!("{READ} https://www.googleapis.com/auth/admin.directory.user")),
        (401, "unauthorized_client"),
    );
    check("scope", json!(""), (401, "unauthorized_client"));
    let mut spoiled = signed(&good);
    spoiled.truncate(spoiled.len() - 8);
    assert_eq!(sign_in(&mut world, &format!("{spoiled}AAAAAAAA")).0, 400);
}

#[test]
fn a_listing_pages_and_shows_what_was_asked_for() {
    let mut world = world(250);
    assert_eq!(ids(&mut world, "users?customer=my_customer").len(), 250);
    assert_eq!(ids(&mut world, "users?domain=contoso.example&maxResults=7").len(), 250);
    assert_eq!(get(&mut world, "users?maxResults=7").0, 400);
    assert_eq!(get(&mut world, "users?customer=my_customer&maxResults=501").0, 400);
    assert_eq!(
        get(&mut world, "users?domain=other.example").1["error"]["errors"][0]["reason"],
        "domainNotFound"
    );
    let (_, page) =
        get(&mut world, "users?customer=my_customer&maxResults=1&fields=nextPageToken,users(id,suspended)");
    assert_eq!(page["users"][0], json!({"id": id(0), "suspended": false}));
    // A token belongs to its query.
    let token = page["nextPageToken"].as_str().unwrap().replace('+', "%2B");
    assert_eq!(get(&mut world, &format!("users?customer=my_customer&maxResults=2&pageToken={token}")).0, 400);
    let sales = ids(&mut world, "users?customer=my_customer&query=orgUnitPath%3D%27%2FSales%27").len();
    assert!(sales > 0 && sales < 250);
    assert_eq!(get(&mut world, "users?customer=my_customer&query=nonsense").0, 400);
    world.account.users.clear();
    assert_eq!(get(&mut world, "users?customer=my_customer").1, json!({"kind": "admin#directory#users"}));
}

#[test]
fn rights_are_told_apart() {
    let mut world = world(3);
    assert_eq!(
        get(&mut world, "groups?customer=my_customer").1["error"]["errors"][0]["reason"],
        "insufficientPermissions"
    );
    world.config.role.clear();
    assert_eq!(get(&mut world, "users?customer=my_customer").1["error"]["errors"][0]["reason"], "forbidden");
    assert_eq!(ask(&mut world, "GET", "/admin/directory/v1/users", "Bearer x", String::new()).0, 401);
}
