//! The whole connector against answers of the Directory API that were written down.

use rollcall_connector::testing::Host;
use rollcall_connector::{Cell, Change, Connector, Coverage, Error, Page};
use serde_json::{Value, json};

use crate::Google;

const ROOT: &str = "https://admin.test/admin/directory/v1";

fn settings(more: Value) -> String {
    let mut all = json!({"admin": "boss@acme.test", "api_url": "https://admin.test/", "select": ["email"]});
    if let (Some(all), Value::Object(more)) = (all.as_object_mut(), more) {
        all.extend(more);
    }
    all.to_string()
}

fn users(query: &str) -> String {
    format!(
        "{ROOT}/users?customer=my_customer&maxResults=500&projection=basic\
         &fields=kind%2CnextPageToken%2Cusers%28id%2Csuspended%2Carchived%2Cname%2CprimaryEmail%29{query}"
    )
}

fn user(id: &str) -> Value {
    json!({"id": id, "primaryEmail": format!("{id}@acme.test"), "suspended": false, "archived": false, "name": {"fullName": "A B"}})
}

fn page(key: &str, rows: &[Value], next: Option<&str>) -> String {
    let mut body = json!({"kind": format!("admin#directory#{key}"), key: rows});
    if let Some(next) = next {
        body["nextPageToken"] = json!(next);
    }
    body.to_string()
}

fn error(reason: &str) -> String {
    json!({"error": {"code": 0, "message": "no", "errors": [{"domain": "global", "reason": reason}]}})
        .to_string()
}

fn ids(pages: &[Page]) -> Vec<&str> {
    let changes = pages.iter().flat_map(|page| &page.changes);
    changes
        .filter_map(|change| match change {
            Change::User(user) => Some(user.id.as_str()),
            _ => None,
        })
        .collect()
}

#[test]
fn an_account_is_read_page_by_page() {
    let mut suspended = user("s");
    suspended["suspended"] = json!(true);
    let mut archived = user("z");
    archived["archived"] = json!(true);
    let host = Host::new()
        .json(&users(""), 200, &page("users", &[user("a"), suspended, archived], Some("t/1")))
        .json(&users("&pageToken=t%2F1"), 200, r#"{"kind": "admin#directory#users", "nextPageToken": "t2"}"#)
        .json(&users("&pageToken=t2"), 200, &page("users", &[user("b")], None));
    let pages = host.list::<Google>(&settings(json!({})), 100).unwrap();
    assert_eq!(ids(&pages), ["a", "b"]);
    assert_eq!(pages[0].columns, ["displayName", "givenName", "surname", "email"]);
    let Change::User(first) = &pages[0].changes[0] else { panic!() };
    assert_eq!(first.cells[0], Cell::Text("A B".into()));
    assert_eq!(first.cells[3], Cell::Text("a@acme.test".into()));
    assert_eq!(pages.last().unwrap().end, Some(Coverage::Everything));
    assert!(host.requests().iter().all(|request| request.login.as_deref() == Some("users")));
    let all = host.list::<Google>(&settings(json!({"include_disabled": true})), 100).unwrap();
    assert_eq!(ids(&all), ["a", "s", "z", "b"]);
    // A page without users has no list; an account without users has one such page.
    let host = Host::new().json(&users(""), 200, r#"{"kind": "admin#directory#users"}"#);
    assert!(ids(&host.list::<Google>(&settings(json!({})), 100).unwrap()).is_empty());
}

#[test]
fn what_the_job_says_becomes_the_query() {
    let check = |more: Value, url: &str| {
        let host = Host::new().json(url, 200, r#"{"kind": "admin#directory#users"}"#);
        let end = host.list::<Google>(&settings(more), 100);
        assert!(end.is_ok(), "{:?}", host.requests().first().map(|request| request.url.clone()));
    };
    check(json!({"org_unit": "/R&D/O'Neil"}), &users("&query=orgUnitPath%3D%27%2FR%26D%2FO%5C%27Neil%27"));
    check(
        json!({"org_unit": "/Sales", "query": "orgTitle:Boss"}),
        &users("&query=orgUnitPath%3D%27%2FSales%27%20orgTitle%3ABoss"),
    );
    check(json!({"domain": "acme.test"}), &users("").replace("customer=my_customer", "domain=acme.test"));
    check(json!({"customer": "C01x"}), &users("").replace("my_customer", "C01x"));
    let full = users("").replace("basic", "full").replace("primaryEmail", "customSchemas");
    check(json!({"select": ["customSchemas.Phone.ext"]}), &full);
}

#[test]
fn names_of_groups_take_a_request_each() {
    let groups = format!(
        "{ROOT}/groups?customer=my_customer&maxResults=200&fields=kind%2CnextPageToken%2Cgroups%28id%2Cname%2Cemail%29"
    );
    let members = |id: &str| {
        format!(
            "{ROOT}/groups/{id}/members?maxResults=200&includeDerivedMembership=true&fields=kind%2CnextPageToken%2Cmembers%28id%2Ctype%29"
        )
    };
    let group = |id: &str, name: &str| json!({"id": id, "name": name, "email": "x@acme.test"});
    let member = |id: &str| json!({"id": id, "type": "USER"});
    let host = Host::new()
        .json(&groups, 200, &page("groups", &[group("g1", "Sales")], Some("more")))
        .json(
            &format!("{groups}&pageToken=more"),
            200,
            &page("groups", &[group("g2", "IT"), group("g3", "Gone")], None),
        )
        .json(
            &members("g1"),
            200,
            &page("members", &[member("a"), json!({"id": "g2", "type": "GROUP"})], Some("m")),
        )
        .json(&format!("{}&pageToken=m", members("g1")), 200, &page("members", &[member("b")], None))
        .json(&members("g2"), 200, &page("members", &[member("a"), json!({"type": "CUSTOMER"})], None))
        .json(&members("g3"), 404, &error("notFound"))
        .json(
            &users("").replace("%2CprimaryEmail", ""),
            200,
            &page("users", &[user("a"), user("b"), user("c")], None),
        );
    let pages = host.list::<Google>(&settings(json!({"select": ["groups"]})), 100).unwrap();
    let groups: Vec<Option<&Cell>> = pages
        .iter()
        .flat_map(|page| &page.changes)
        .map(|change| match change {
            Change::User(user) => user.cells.last(),
            _ => None,
        })
        .collect();
    let texts = |names: &[&str]| Cell::Texts(names.iter().map(|name| (*name).to_owned()).collect());
    assert_eq!(groups, [Some(&texts(&["IT", "Sales"])), Some(&texts(&["Sales"])), Some(&Cell::None)]);
    let logins: Vec<_> = host.requests().into_iter().filter_map(|request| request.login).collect();
    assert_eq!(logins, ["groups", "groups", "groups", "groups", "groups", "groups", "users"]);
}

#[test]
fn a_forgotten_page_begins_again_twice_at_most() {
    let host = Host::new().json(&users(""), 200, &page("users", &[user("a")], Some("t"))).json(
        &users("&pageToken=t"),
        400,
        &error("invalid"),
    );
    let end = host.list::<Google>(&settings(json!({})), 100);
    assert!(matches!(end, Err(Error::Transient(_))), "{end:?}");
    assert_eq!(host.requests().len(), 6);
    let same = Host::new().json(&users(""), 200, &page("users", &[user("a")], Some("t"))).json(
        &users("&pageToken=t"),
        200,
        &page("users", &[user("b")], Some("t")),
    );
    assert!(matches!(same.list::<Google>(&settings(json!({})), 100), Err(Error::Permanent(_))));
}

#[test]
fn a_page_is_all_that_it_should_be() {
    for bad in [
        "[]",
        "",
        "<html>",
        "{}",
        r#"{"kind": "admin#directory#groups", "users": []}"#,
        r#"{"kind": "admin#directory#users", "users": {}}"#,
        r#"{"kind": "admin#directory#users", "users": [1]}"#,
        r#"{"kind": "admin#directory#users", "users": [{"suspended": false}]}"#,
        r#"{"kind": "admin#directory#users", "nextPageToken": 1}"#,
    ] {
        let end = Host::new().json(&users(""), 200, bad).list::<Google>(&settings(json!({})), 100);
        assert!(matches!(end, Err(Error::Permanent(_))), "{bad}: {end:?}");
    }
    let untold = r#"{"kind": "admin#directory#users", "users": [{"id": "a"}]}"#;
    let end = Host::new().json(&users(""), 200, untold).list::<Google>(&settings(json!({})), 100);
    assert!(matches!(end, Err(Error::Denied(_))), "{end:?}");
}

#[test]
fn a_reason_says_what_to_do_and_not_the_status() {
    let end = |status: u16, body: &str, more: Value| {
        let query = if more.get("query").is_some() { "&query=x" } else { "" };
        let query = if more.get("org_unit").is_some() { "&query=orgUnitPath%3D%27%2Fx%27" } else { query };
        Host::new().json(&users(query), status, body).list::<Google>(&settings(more), 100).unwrap_err()
    };
    let missing = |error: Error| match error {
        Error::Denied(denied) => denied.missing.unwrap_or_default(),
        other => panic!("{other:?}"),
    };
    let setting = |error: Error| match error {
        Error::InvalidSettings(faults) => faults[0].setting.clone(),
        other => panic!("{other:?}"),
    };
    for reason in ["rateLimitExceeded", "userRateLimitExceeded", "quotaExceeded"] {
        assert!(matches!(end(403, &error(reason), json!({})), Error::Transient(_)), "{reason}");
    }
    let scope = "https://www.googleapis.com/auth/admin.directory.user.readonly";
    assert_eq!(missing(end(403, &error("insufficientPermissions"), json!({}))), scope);
    let newer = json!({"error": {"message": "no", "errors": [{"reason": "forbidden"}],
                                 "details": [{"@type": "x"}, {"reason": "ACCESS_TOKEN_SCOPE_INSUFFICIENT"}]}});
    assert_eq!(missing(end(403, &newer.to_string(), json!({}))), scope);
    assert!(missing(end(403, &error("forbidden"), json!({}))).contains("Users > Read"));
    assert!(missing(end(403, &error("accessNotConfigured"), json!({}))).contains("Admin SDK API"));
    assert_eq!(missing(end(401, &error("authError"), json!({}))), "");
    assert_eq!(setting(end(404, &error("domainNotFound"), json!({}))), "customer");
    assert_eq!(setting(end(400, &error("invalid"), json!({"query": "x"}))), "query");
    assert_eq!(setting(end(400, &error("invalid"), json!({"org_unit": "/x"}))), "org_unit");
    assert!(matches!(end(400, &error("invalid"), json!({})), Error::Permanent(_)));
    for status in [429, 500, 503] {
        assert!(matches!(end(status, "", json!({})), Error::Transient(_)));
    }
}

#[test]
fn mistakes_between_settings_are_named_together() {
    let check = |more: Value, expect: &[&str]| {
        let settings: crate::settings::Settings = serde_json::from_str(&settings(more)).unwrap();
        let faults = Google::validate(&settings);
        let names: Vec<_> = faults.iter().map(|fault| fault.setting.as_str()).collect();
        assert_eq!(names, expect);
    };
    check(json!({}), &[]);
    check(json!({"customer": "C1", "domain": "acme.test"}), &["domain"]);
    check(json!({"customer": "", "domain": "acme.test"}), &[]);
    check(json!({"admin": "boss", "org_unit": "Sales"}), &["admin", "org_unit"]);
    check(json!({"admin": "robot@project.iam.gserviceaccount.com"}), &["admin"]);
}

#[test]
fn an_account_has_one_name() {
    let check = |more: Value, expect: &str| {
        let settings = serde_json::from_str(&settings(more)).unwrap();
        assert_eq!(Google::identity(&settings).unwrap(), expect);
    };
    check(json!({}), "acme.test");
    check(json!({"customer": "my_customer"}), "acme.test");
    check(json!({"customer": "C01aB"}), "C01aB");
    check(json!({"domain": "Other.TEST"}), "other.test");
}
