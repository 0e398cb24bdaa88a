//! The simulator held against the facts that it was written from.

use std::io::{Read as _, Write as _};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RSA_PSS_SHA256, RsaKeyPair};
use serde_json::{Value, json};

use super::*;

const TENANT: &str = "11111111-2222-4333-8444-555555555555";
const CLIENT: &str = "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee";

fn world(users: usize) -> World {
    World::new(Config::default(), people(users))
}

fn request(method: &str, target: &str, headers: &[(&str, &str)], body: &str) -> Request {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    Request {
        method: method.into(),
        path: path.into(),
        query: query.into(),
        headers: headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        body: body.into(),
    }
}

fn sign_in(world: &mut World, form: &str) -> (u16, Value) {
    let form = format!("grant_type=client_credentials&scope=http://127.0.0.1/.default&{form}");
    let answer = world.answer(&request("POST", &format!("/{TENANT}/oauth2/v2.0/token"), &[], &form));
    (answer.status, serde_json::from_slice(&answer.body).unwrap())
}

fn bearer(world: &mut World) -> String {
    let (status, body) = sign_in(world, &format!("client_id={CLIENT}&client_secret=simulated-client-secret"));
    assert_eq!(status, 200, "{body}");
    format!("Bearer {}", body["access_token"].as_str().unwrap())
}

fn get(world: &mut World, target: &str, eventual: bool) -> (u16, Value) {
    let bearer = bearer(world);
    let mut headers = vec![("authorization", bearer.as_str())];
    if eventual {
        headers.push(("consistencylevel", "eventual"));
    }
    let target = target.strip_prefix("http://127.0.0.1").unwrap_or(target);
    let answer = world.answer(&request("GET", target, &headers, ""));
    (answer.status, serde_json::from_slice(&answer.body).unwrap())
}

fn rows(world: &mut World, first: &str, eventual: bool) -> Vec<Value> {
    let (mut target, mut found) = (first.to_owned(), Vec::new());
    loop {
        let (status, body) = get(world, &target, eventual);
        assert_eq!(status, 200, "{target}: {body}");
        found.extend(body["value"].as_array().unwrap().iter().cloned());
        match body["@odata.nextLink"].as_str() {
            Some(next) => target = next.to_owned(),
            None => return found,
        }
    }
}

#[test]
fn refused_signs_in_carry_their_number() {
    let mut world = world(1);
    let secret = "client_secret=simulated-client-secret";
    let cases = [
        (format!("client_id={CLIENT}&client_secret=wrong"), 401, "invalid_client", 7_000_215),
        (format!("client_id={CLIENT}"), 401, "invalid_client", 7_000_218),
        (format!("client_id=other&{secret}"), 400, "unauthorized_client", 700_016),
        (format!("client_id={CLIENT}&client_assertion=x.y.z"), 401, "invalid_client", 7_000_218),
    ];
    for (form, status, error, number) in cases {
        let got = sign_in(&mut world, &form);
        assert_eq!((got.0, got.1["error"].as_str().unwrap()), (status, error), "{form}");
        assert_eq!(got.1["error_codes"], json!([number]));
    }
}

#[test]
fn an_assertion_is_really_verified() {
    let text = include_str!("../../data/app.crt.pem");
    let certificate = der(text);
    let mut world = world(1);
    world.config.certificate = Some(certificate.clone());
    world.config.now_ms = Some(1_800_000_000_000);
    let aud = format!("http://127.0.0.1/{TENANT}/oauth2/v2.0/token");
    let claims = json!({"aud": aud, "iss": CLIENT, "sub": CLIENT, "jti": "1", "nbf": 1_799_999_990, "exp": 1_800_000_300});
    let x5t = URL_SAFE_NO_PAD.encode(ring::digest::digest(&ring::digest::SHA256, &certificate));
    let mut check = |alg: &str, x5t: &str, claims: &Value, spoil: bool, expect: Option<u32>| {
        let mut assertion = signed(alg, &json!({"alg": alg, "typ": "JWT", "x5t#S256": x5t}), claims);
        if spoil {
            assertion.truncate(assertion.len() - 8);
            assertion.push_str("AAAAAAAA");
        }
        let form = format!(
            "client_id={CLIENT}&client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer\
             &client_assertion={assertion}"
        );
        let (status, body) = sign_in(&mut world, &form);
        assert_eq!(expect.map_or(200, |_| 401), status, "{body}");
        assert_eq!(expect.map(|number| json!([number])), body.get("error_codes").cloned(), "{body}");
    };
    let with = |key: &str, value: Value| {
        let mut changed = claims.clone();
        changed[key] = value;
        changed
    };
    check("PS256", &x5t, &claims, false, None);
    check("RS256", &x5t, &claims, false, None);
    check("PS256", &x5t, &claims, true, Some(700_027));
    check("PS256", "other", &claims, false, Some(700_027));
    check("PS256", &x5t, &with("aud", json!("https://elsewhere")), false, Some(700_023));
    check("PS256", &x5t, &with("sub", json!("other")), false, Some(700_021));
    check("PS256", &x5t, &with("exp", json!(1_799_000_000)), false, Some(700_024));
}

fn signed(alg: &str, head: &Value, claims: &Value) -> String {
    let key = RsaKeyPair::from_pkcs8(&der(include_str!("../../data/app.key.pem"))).unwrap();
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let text = format!("{}.{}", part(head), part(claims));
    let mut signature = vec![0; key.public().modulus_len()];
    let padding: &'static dyn ring::signature::RsaEncoding =
        if alg == "PS256" { &RSA_PSS_SHA256 } else { &RSA_PKCS1_SHA256 };
    key.sign(padding, &SystemRandom::new(), text.as_bytes(), &mut signature).unwrap();
    format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature))
}

#[test]
fn a_listing_pages_to_its_end_and_only_by_whole_links() {
    let mut world = world(250);
    assert_eq!(rows(&mut world, "/v1.0/users", false).len(), 250);
    assert_eq!(rows(&mut world, "/v1.0/users?$top=7&$select=id", false).len(), 250);
    let (_, first) = get(&mut world, "/v1.0/users?$top=7&$select=id", false);
    let next = first["@odata.nextLink"].as_str().unwrap();
    let token = next.split("skiptoken=").nth(1).unwrap();
    assert_eq!(get(&mut world, &format!("/v1.0/users?$skiptoken={token}"), false).0, 400);
    assert_eq!(get(&mut world, "/v1.0/users?$top=1000", false).0, 400);
    assert_eq!(get(&mut world, "/v1.0/users?$skip=3", false).0, 400);
}

#[test]
fn select_and_filter_are_honoured() {
    let mut world = world(20);
    let id = guid(1, 0);
    world.tenant.set(&id, "mail", Value::Null);
    world.tenant.users.get_mut(&id).unwrap().remove("businessPhones");
    let shown = rows(&mut world, "/v1.0/users?$select=id,mail,businessPhones,faxNumber", false);
    let user = shown.iter().find(|user| user["id"] == json!(id)).unwrap();
    assert_eq!(*user, json!({"id": id, "mail": null, "businessPhones": [], "faxNumber": null}));
    assert!(rows(&mut world, "/v1.0/users", false)[0].get("department").is_none());
    assert_eq!(get(&mut world, "/v1.0/users?$select=id,skills", false).0, 501);
    assert_eq!(get(&mut world, "/v1.0/users?$select=nonsense", false).0, 400);
    world.tenant.set(&id, "accountEnabled", false);
    assert_eq!(rows(&mut world, "/v1.0/users?$filter=accountEnabled%20eq%20true", false).len(), 19);
    let these = |count: usize| {
        let ids: Vec<String> = (0..count).map(|n| format!("'{}'", guid(1, n))).collect();
        format!("/v1.0/users?$filter=id%20in%20({})", ids.join(","))
    };
    assert_eq!(rows(&mut world, &these(15), false).len(), 15);
    assert_eq!(get(&mut world, &these(16), false).0, 400);
    let advanced = "/v1.0/users?$filter=department%20ne%20'IT'&$count=true";
    assert_eq!(get(&mut world, advanced, false).0, 400);
    assert_eq!(rows(&mut world, advanced, true).len(), 20);
    let (_, page) = get(&mut world, "/v1.0/users?$top=5&$count=true", true);
    assert_eq!(page["@odata.count"], json!(20));
    // The header is not carried by the link.
    assert_eq!(get(&mut world, page["@odata.nextLink"].as_str().unwrap(), false).0, 400);
    assert_eq!(get(&mut world, page["@odata.nextLink"].as_str().unwrap(), true).0, 200);
}

#[test]
fn groups_show_their_members_as_far_as_permitted() {
    let mut world = world(100);
    let all = guid(3, 0);
    assert_eq!(rows(&mut world, &format!("/v1.0/groups/{all}/members"), false).len(), 8);
    let cast =
        format!("/v1.0/groups/{all}/transitiveMembers/microsoft.graph.user?$select=id,mail&$count=true");
    assert_eq!(rows(&mut world, &cast, true).len(), 100);
    assert_eq!(get(&mut world, "/v1.0/groups/none/members", false).0, 404);
    world.config.permissions = ["GroupMember.Read.All".to_owned()].into();
    let hidden = rows(&mut world, &cast, true);
    assert!(hidden.iter().all(|row| row["mail"].is_null() && row["id"].is_string()));
    assert_eq!(get(&mut world, "/v1.0/users", false).0, 403);
    world.config.permissions = ["User.Read.All".to_owned()].into();
    assert_eq!(get(&mut world, &cast, true).1["error"]["code"], json!("Authorization_RequestDenied"));
}

#[test]
fn faults_strike_pages() {
    let mut world = world(30);
    let rule = |fault| FaultRule { path: "users".into(), page: Some(2), times: Some(1), fault };
    let top = "/v1.0/users?$top=10";
    world.faults.push(rule(Fault::NoRows));
    assert_eq!(rows(&mut world, top, false).len(), 30);
    world.faults.push(rule(Fault::FewerRows { rows: 3 }));
    assert_eq!(rows(&mut world, top, false).len(), 30);
    world.faults.push(rule(Fault::RepeatRows { rows: 4 }));
    assert_eq!(rows(&mut world, top, false).len(), 34);
    world.faults.push(rule(Fault::ExpiredPageToken));
    let (_, first) = get(&mut world, top, false);
    let next = first["@odata.nextLink"].as_str().unwrap().to_owned();
    assert_eq!(get(&mut world, &next, false).1["error"]["code"], json!("Directory_ExpiredPageToken"));
    assert_eq!(get(&mut world, &next, false).0, 200);
    world.config.token_seconds = 0;
    assert_eq!(get(&mut world, top, false).0, 401);
}

#[test]
fn the_socket_serves_cuts_and_resets() {
    let simulator = Simulator::start(Config::default(), people(3)).unwrap();
    let talk = |text: &str| {
        let mut stream = std::net::TcpStream::connect(simulator.address()).unwrap();
        stream.write_all(text.as_bytes()).unwrap();
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        String::from_utf8_lossy(&answer).into_owned()
    };
    let ask = "GET /v1.0/users HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    assert!(talk(ask).starts_with("HTTP/1.1 401"));
    simulator.world().faults.push(FaultRule {
        path: String::new(),
        page: None,
        times: Some(1),
        fault: Fault::Reset,
    });
    assert_eq!(talk(ask), "");
    simulator.world().faults.push(FaultRule {
        path: String::new(),
        page: None,
        times: Some(1),
        fault: Fault::Cut { after: 5 },
    });
    let cut = talk(ask);
    assert!(cut.ends_with("{\"err"), "{cut}");
    let command = r#"{"do":"remove_user","id":"nobody"}"#;
    let control = format!(
        "POST /_control HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{command}",
        command.len()
    );
    assert!(talk(&control).ends_with(r#"{"done":true}"#));
    assert_eq!(simulator.world().journal.count("/users"), 3);
}

#[test]
fn stray_secrets_are_seen() {
    let mut world = world(1);
    let bearer = bearer(&mut world);
    assert!(!world.journal.secret_strayed("simulated-client-secret"));
    world.answer(&request("GET", "/v1.0/users?x=simulated-client-secret", &[("authorization", &bearer)], ""));
    assert!(world.journal.secret_strayed("simulated-client-secret"));
    assert!(!world.journal.token_strayed());
    world.answer(&request("GET", "/v1.0/users", &[("x-debug", &bearer)], ""));
    assert!(world.journal.token_strayed());
}

/// Follows changes from a link to the next one.
fn changes(world: &mut World, link: &str) -> (Vec<Value>, String) {
    let (mut target, mut found) = (link.to_owned(), Vec::new());
    loop {
        let (status, body) = get(world, &target, false);
        assert_eq!(status, 200, "{target}: {body}");
        found.extend(body["value"].as_array().unwrap().iter().cloned());
        match (body["@odata.nextLink"].as_str(), body["@odata.deltaLink"].as_str()) {
            (Some(next), None) => target = next.to_owned(),
            (None, Some(link)) => return (found, link.to_owned()),
            other => panic!("{other:?}"),
        }
    }
}

const LATEST: &str = "/v1.0/users/delta?$select=id,mail,department,faxNumber&$deltatoken=latest";

#[test]
fn changes_are_told_from_a_point_on() {
    let mut world = world(6);
    let id = |n: usize| guid(1, n);
    let (rows, link) = changes(&mut world, LATEST);
    assert!(rows.is_empty() && link.starts_with("http://127.0.0.1/v1.0/users/delta?$deltatoken="), "{link}");
    assert!(changes(&mut world, &link).0.is_empty());
    // What was not selected is no change; what was never set is absent, and what was cleared is null.
    world.tenant.set(&id(0), "displayName", "Somebody Else");
    world.tenant.set(&id(1), "department", Value::Null);
    world.tenant.remove_user(&id(2));
    world.tenant.purge_user(&id(3));
    world.tenant.users.insert("new".into(), json!({"id": "new", "mail": "n@x"}).as_object().unwrap().clone());
    let mail = world.tenant.users[&id(1)]["mail"].clone();
    let (mut rows, later) = changes(&mut world, &link);
    rows.sort_by_key(|row| {
        row.get("@removed").map(Value::to_string).unwrap_or_default() + &row["id"].to_string()
    });
    let mut expect = vec![
        json!({"id": id(1), "mail": mail, "department": null}),
        json!({"id": "new", "mail": "n@x"}),
        json!({"id": id(2), "@removed": {"reason": "changed"}}),
        json!({"id": id(3), "@removed": {"reason": "deleted"}}),
    ];
    expect[..2].sort_by_key(|row| row["id"].to_string());
    assert_eq!(rows, expect);
    // A link may be followed again, and a restored user is a row like any other.
    assert_eq!(changes(&mut world, &link).0.len(), 4);
    assert!(changes(&mut world, &later).0.is_empty());
    world.tenant.restore_user(&id(2)).unwrap();
    world.config.delta_rows_whole = false;
    world.tenant.set(&id(1), "mail", "other@x");
    let (rows, last) = changes(&mut world, &later);
    let row = |id: &str| rows.iter().find(|row| row["id"] == id).unwrap().as_object().unwrap().len();
    assert_eq!((rows.len(), row(&id(1)), row(&id(2))), (2, 2, 3));
    // In the bin, and then gone for good.
    world.tenant.remove_user(&id(2));
    let (_, link) = changes(&mut world, &last);
    world.tenant.purge_user(&id(2));
    assert_eq!(changes(&mut world, &link).0, [json!({"id": id(2), "@removed": {"reason": "deleted"}})]);
}

#[test]
fn changes_have_pages_of_their_own_size_and_links_of_seven_days() {
    let mut world = world(450);
    let (_, link) = changes(&mut world, LATEST);
    for n in 0..450 {
        world.tenant.set(&guid(1, n), "department", "Moved");
    }
    let (_, first) = get(&mut world, &link, false);
    assert_eq!(first["value"].as_array().unwrap().len(), 200);
    assert!(first["@odata.nextLink"].as_str().unwrap().contains("?$skiptoken="));
    assert_eq!(changes(&mut world, &link).0.len(), 450);
    assert_eq!(changes(&mut world, "/v1.0/users/delta").0.len(), 450, "from the beginning");
    let rule = |page, fault| FaultRule { path: "/users".into(), page: Some(page), times: Some(1), fault };
    world.faults.push(rule(3, Fault::RepeatRows { rows: 4 }));
    assert_eq!(changes(&mut world, &link).0.len(), 454);
    // A request for a point in time is no page.
    world.faults.push(rule(1, Fault::ExpiredPageToken));
    assert_eq!(get(&mut world, LATEST, false).0, 200);
    assert_eq!(get(&mut world, &link, false).0, 400);

    world.config.now_ms = Some(1_800_000_000_000);
    let (_, link) = changes(&mut world, LATEST);
    world.config.now_ms = Some(1_800_000_000_000 + 7 * 86_400_000);
    assert_eq!(get(&mut world, &link, false).0, 200);
    world.config.now_ms = Some(1_800_000_000_001 + 7 * 86_400_000);
    let bearer = bearer(&mut world);
    let target = link.strip_prefix("http://127.0.0.1").unwrap();
    let gone = world.answer(&request("GET", target, &[("authorization", &bearer)], ""));
    assert_eq!(gone.status, 410);
    assert!(
        gone.headers.iter().any(|(name, value)| name == "Location" && value.ends_with("/delta?$deltatoken="))
    );
}

#[test]
fn what_the_delta_query_does_not_do_is_refused() {
    let mut world = world(3);
    for option in ["$top=5", "$filter=accountEnabled%20eq%20true", "$orderby=mail", "$expand=manager"] {
        assert_eq!(get(&mut world, &format!("/v1.0/users/delta?{option}"), false).0, 400, "{option}");
        assert_eq!(get(&mut world, &format!("{LATEST}&{option}"), false).0, 400, "{option}");
    }
    assert_eq!(get(&mut world, "/v1.0/users/delta?$select=skills&$deltatoken=latest", false).0, 501);
    let (_, link) = changes(&mut world, LATEST);
    assert_eq!(get(&mut world, &format!("{link}&$select=id"), false).0, 400);
    let unknown = get(&mut world, "/v1.0/users/delta?$deltatoken=another", false);
    assert_eq!((unknown.0, &unknown.1["error"]["code"]), (400, &json!("syncStateNotFound")));
    world.config.delta = false;
    assert_eq!(get(&mut world, LATEST, false).0, 400);
    world.config.permissions.clear();
    assert_eq!(get(&mut world, LATEST, false).0, 403);
}

#[test]
fn the_directory_changes_meanwhile() {
    let mut world = world(3);
    let command = Box::new(Command::RemoveUser { id: guid(1, 0) });
    let fault = Fault::Meanwhile { command };
    world.faults.push(FaultRule { path: "/users".into(), page: None, times: Some(1), fault });
    assert_eq!(rows(&mut world, "/v1.0/users", false).len(), 2);
    assert!(world.tenant.deleted.contains_key(&guid(1, 0)));
}
