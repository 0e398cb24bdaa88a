//! The whole connector against answers of a service that were written down.

use rollcall_connector::testing::Host;
use rollcall_connector::{Cell, Change, Connector, Coverage, Error, Page};
use serde_json::{Value, json};

use crate::Scim;

const ROOT: &str = "https://idp.test/scim/v2";
const CONFIG: &str = "https://idp.test/scim/v2/ServiceProviderConfig";

fn settings(more: Value) -> String {
    let mut all = json!({"base_url": format!("{ROOT}/"), "page_size": 2, "select": ["email"]});
    if let (Some(all), Value::Object(more)) = (all.as_object_mut(), more) {
        all.extend(more);
    }
    all.to_string()
}

fn by_index() -> String {
    settings(json!({"paging": "index"}))
}

fn at(start: u32) -> String {
    format!("{ROOT}/Users?startIndex={start}&count=2")
}

fn of(cursor: &str) -> String {
    format!("{ROOT}/Users?cursor={cursor}&count=2")
}

fn user(id: &str) -> Value {
    json!({"id": id, "userName": id, "active": true, "emails": [{"value": format!("{id}@x.test")}]})
}

fn page(ids: &[&str], total: u32) -> String {
    let users: Vec<Value> = ids.iter().map(|id| user(id)).collect();
    json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:ListResponse"], "totalResults": total, "Resources": users})
        .to_string()
}

fn cursor_page(ids: &[&str], next: Option<&str>) -> String {
    let users: Vec<Value> = ids.iter().map(|id| user(id)).collect();
    json!({"totalResults": 2, "Resources": users, "nextCursor": next}).to_string()
}

fn error(kind: &str) -> String {
    json!({"status": "400", "scimType": kind, "detail": "no"}).to_string()
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

fn listed(host: Host) -> Result<Vec<String>, Error> {
    let pages = host.list::<Scim>(&by_index(), 100)?;
    assert_eq!(pages.last().and_then(|page| page.end), Some(Coverage::Everything));
    Ok(ids(&pages).into_iter().map(str::to_owned).collect())
}

#[test]
fn pages_by_index_go_on_by_what_came() {
    // The service gives one where two were asked for.
    let host = Host::new().json(&at(1), 200, &page(&["a"], 3)).json(&at(2), 200, &page(&["b", "c"], 3)).json(
        &at(4),
        200,
        &page(&[], 3),
    );
    assert_eq!(listed(host).unwrap(), ["a", "b", "c"]);
    let empty = r#"{"totalResults": 0}"#;
    assert!(listed(Host::new().json(&at(1), 200, empty)).unwrap().is_empty());
    let null = r#"{"TOTALRESULTS": 1, "resources": [{"ID": "a", "Active": true}]}"#;
    let none = page(&[], 1);
    assert_eq!(listed(Host::new().json(&at(1), 200, null).json(&at(2), 200, &none)).unwrap(), ["a"]);
    // Behind the end some refuse, and some give the last users again.
    let full = Host::new().json(&at(1), 200, &page(&["a", "b"], 2));
    assert_eq!(listed(full.clone().json(&at(3), 404, "")).unwrap(), ["a", "b"]);
    let again = Host::new().json(&at(1), 200, &page(&["a", "b"], 2)).json(&at(3), 200, &page(&["b"], 2));
    assert_eq!(listed(again).unwrap(), ["a", "b"]);
}

#[test]
fn a_total_that_is_the_pages_size_is_not_believed() {
    let host = Host::new()
        .json(&at(1), 200, &page(&["a", "b"], 2))
        .json(&at(3), 200, &page(&["c", "d"], 2))
        .json(&at(5), 200, &page(&["e"], 1))
        .json(&at(6), 200, &page(&[], 0));
    // Its counts differ, so that it is read twice.
    assert_eq!(listed(host).unwrap(), ["a", "b", "c", "d", "e", "a", "b", "c", "d", "e"]);
    // Pages that are smaller than what was asked for.
    let host = Host::new()
        .json(&at(1), 200, &page(&["a"], 1))
        .json(&at(2), 200, &page(&["b"], 1))
        .json(&at(3), 200, &page(&["c"], 1))
        .json(&at(4), 200, r#"{"totalResults": 1}"#);
    assert_eq!(listed(host).unwrap(), ["a", "b", "c"]);
}

#[test]
fn pages_that_overlap_and_lose_somebody_are_no_success() {
    let overlapping =
        || Host::new().json(&at(1), 200, &page(&["a", "b"], 4)).json(&at(3), 200, &page(&["b", "c"], 4));
    let end = listed(overlapping().json(&at(5), 200, &page(&[], 4)));
    assert!(
        matches!(&end, Err(Error::Transient(error)) if error.message.contains("counts 4 users and gave 3")),
        "{end:?}"
    );
    // The second reading is right.
    let host = Host::new()
        .json(&at(1), 200, &page(&["a", "b"], 4))
        .json(&at(3), 200, &page(&["b", "c"], 4))
        .json(&at(3), 200, &page(&["c", "d"], 4))
        .json(&at(5), 200, &page(&[], 4));
    assert_eq!(listed(host).unwrap(), ["a", "b", "c", "a", "b", "c", "d"]);
}

#[test]
fn who_slipped_through_while_others_left_is_read_again() {
    let host = Host::new()
        .json(&at(1), 200, &page(&["a", "b"], 4))
        .json(&at(3), 200, &page(&["d"], 3))
        .json(&at(1), 200, &page(&["b", "c"], 3))
        .json(&at(3), 200, &page(&["d"], 3));
    assert_eq!(listed(host).unwrap(), ["a", "b", "d", "b", "c", "d"]);
}

#[test]
fn pages_by_cursor_are_followed_where_the_service_has_them() {
    let config = json!({"pagination": {"cursor": true, "index": true, "maxPageSize": 1}}).to_string();
    let one = |cursor: &str| format!("{ROOT}/Users?cursor={cursor}&count=1");
    let host = Host::new()
        .json(CONFIG, 200, &config)
        .json(&one(""), 200, &cursor_page(&["a"], Some("x y")))
        .json(&one("x%20y"), 200, &cursor_page(&["b"], None));
    let pages = host.list::<Scim>(&settings(json!({})), 100).unwrap();
    assert_eq!(ids(&pages), ["a", "b"]);
    let Some(Change::User(first)) = pages.iter().flat_map(|page| &page.changes).next() else { panic!() };
    assert_eq!(first.cells, [Cell::None, Cell::None, Cell::None, Cell::Text("a@x.test".into())]);
    assert!(host.requests().iter().all(|request| request.login.as_deref() == Some("scim")));

    // It only says so.
    for (status, body) in [(501, String::new()), (400, error("invalidValue"))] {
        let host = Host::new()
            .json(CONFIG, 200, &json!({"pagination": {"cursor": true}}).to_string())
            .json(&of(""), status, &body)
            .json(&at(1), 200, &page(&["a"], 1))
            .json(&at(2), 200, &page(&[], 1));
        assert_eq!(ids(&host.list::<Scim>(&settings(json!({})), 100).unwrap()), ["a"]);
    }
    // It knows no cursor and gives its first page whatever it is asked for: that page is not everything.
    let host = Host::new()
        .json(CONFIG, 200, &json!({"pagination": {"cursor": true}}).to_string())
        .json(&of(""), 200, &page(&["a"], 2))
        .json(&at(1), 200, &page(&["a", "b"], 2))
        .json(&at(3), 200, &page(&[], 2));
    assert_eq!(ids(&host.list::<Scim>(&settings(json!({})), 100).unwrap()), ["a", "b"]);
    // It does not say anything.
    let host = Host::new().json(CONFIG, 404, "").json(&at(1), 200, &page(&["a"], 1)).json(
        &at(2),
        200,
        &page(&[], 1),
    );
    assert_eq!(ids(&host.list::<Scim>(&settings(json!({})), 100).unwrap()), ["a"]);
}

#[test]
fn a_cursor_that_is_lost_is_no_end() {
    let by_cursor = settings(json!({"paging": "cursor"}));
    let lost = json!({"totalResults": 3, "Resources": [user("b")]}).to_string();
    let host = Host::new().json(&of(""), 200, &cursor_page(&["a"], Some("x"))).json(
        &of("x"),
        200,
        &cursor_page(&[], None),
    );
    assert!(matches!(host.list::<Scim>(&by_cursor, 100), Err(Error::Transient(_))));
    let number = json!({"totalResults": 2, "Resources": [user("a")], "nextCursor": 7}).to_string();
    for bad in [number, lost.replace("\"totalResults\":3", "\"nextCursor\":{}")] {
        let end = Host::new().json(&of(""), 200, &bad).list::<Scim>(&by_cursor, 100);
        assert!(matches!(end, Err(Error::Permanent(_))), "{bad}: {end:?}");
    }
}

#[test]
fn a_broken_page_behind_the_end_is_no_end() {
    for bad in ["<html>", "{}", "[]"] {
        let host = Host::new().json(&at(1), 200, &page(&["a", "b"], 2)).json(&at(3), 200, bad);
        assert!(matches!(listed(host), Err(Error::Permanent(_))), "{bad}");
    }
}

#[test]
fn a_forgotten_cursor_begins_again_twice_at_most() {
    let by_cursor = settings(json!({"paging": "cursor"}));
    for kind in ["invalidCursor", "expiredCursor"] {
        let host =
            Host::new().json(&of(""), 200, &cursor_page(&["a"], Some("x"))).json(&of("x"), 400, &error(kind));
        let end = host.list::<Scim>(&by_cursor, 100);
        assert!(matches!(end, Err(Error::Transient(_))), "{end:?}");
        assert_eq!(host.requests().len(), 6);
    }
    let host = Host::new().json(&of(""), 200, &cursor_page(&["a"], Some("x"))).json(
        &of("x"),
        200,
        &cursor_page(&[], Some("x")),
    );
    assert!(matches!(host.list::<Scim>(&by_cursor, 100), Err(Error::Permanent(_))));
    let end = Host::new().json(&of(""), 501, "").list::<Scim>(&by_cursor, 100);
    assert!(matches!(end, Err(Error::InvalidSettings(faults)) if faults[0].setting == "paging"));
}

#[test]
fn who_is_not_active_is_left_out_unless_asked_for() {
    let rows = json!({"totalResults": 3, "Resources": [
        {"id": "a", "active": false}, {"id": "b"}, {"id": "c", "active": "False"},
    ]});
    let settings = |more: Value| {
        let mut all = json!({"paging": "index", "page_size": 10});
        all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        settings(all)
    };
    let url = |start: u32| format!("{ROOT}/Users?startIndex={start}&count=10");
    let host = Host::new().json(&url(1), 200, &rows.to_string()).json(&url(4), 200, &page(&[], 3));
    assert_eq!(ids(&host.list::<Scim>(&settings(json!({})), 100).unwrap()), ["b"]);
    let all = host.list::<Scim>(&settings(json!({"include_disabled": true})), 100).unwrap();
    assert_eq!(ids(&all), ["a", "b", "c"]);
}

#[test]
fn a_page_is_all_that_it_should_be() {
    for bad in [
        "{}",
        "[]",
        "",
        "<html>",
        r#"{"totalResults": 1, "Resources": [1]}"#,
        r#"{"totalResults": 1, "Resources": [{}]}"#,
    ] {
        let end = listed(Host::new().json(&at(1), 200, bad));
        assert!(matches!(end, Err(Error::Permanent(_))), "{bad}: {end:?}");
    }
}

#[test]
fn a_status_says_what_to_do() {
    let end = |status: u16, kind: &str, more: Value| {
        let mut all = json!({"paging": "index"});
        all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let filter = if more.get("filter").is_some() { "&filter=x%20eq%20%22y%22" } else { "" };
        let host = Host::new().json(&format!("{}{filter}", at(1)), status, &error(kind));
        host.list::<Scim>(&settings(all), 100).unwrap_err()
    };
    let setting = |error: Error| match error {
        Error::InvalidSettings(faults) => faults[0].setting.clone(),
        other => panic!("{other:?}"),
    };
    let filter = json!({"filter": "x eq \"y\""});
    assert!(matches!(end(401, "", json!({})), Error::Denied(denied) if denied.missing.is_none()));
    assert!(
        matches!(end(403, "", json!({})), Error::Denied(denied) if denied.missing.as_deref() == Some("GET /Users"))
    );
    assert_eq!(setting(end(404, "", json!({}))), "base_url");
    assert_eq!(setting(end(400, "invalidFilter", filter.clone())), "filter");
    assert_eq!(setting(end(501, "", filter)), "filter");
    assert!(
        matches!(end(400, "tooMany", json!({})), Error::Permanent(message) if message.contains("tooMany"))
    );
    for status in [429, 500, 503] {
        assert!(matches!(end(status, "", json!({})), Error::Transient(_)));
    }
}

#[test]
fn mistakes_between_settings_are_named() {
    let check = |more: Value, expect: &[&str]| {
        let settings: crate::settings::Settings = serde_json::from_str(&settings(more)).unwrap();
        let faults = Scim::validate(&settings);
        let names: Vec<_> = faults.iter().map(|fault| fault.setting.as_str()).collect();
        assert_eq!(names, expect);
    };
    check(json!({}), &[]);
    check(json!({"base_url": "https://idp.test/v2/Users"}), &["base_url"]);
    check(json!({"page_size": 0}), &["page_size"]);
    check(json!({"page_size": 10_001}), &["page_size"]);
}

#[test]
fn a_connection_is_counted() {
    let host = Host::new()
        .json(&format!("{ROOT}/Users?startIndex=1&count=1"), 200, &page(&["a"], 42))
        .json(CONFIG, 200, "{}")
        .json(&format!("{ROOT}/Schemas"), 501, "");
    let check = |more: Value, expect: Option<u32>| {
        let settings = serde_json::from_str(&settings(more)).unwrap();
        let found = host.run(|| Scim::check(&settings)).unwrap();
        assert_eq!((found.users, found.findings.len()), (expect, 4));
        assert_eq!(Scim::identity(&settings).unwrap(), "idp.test/scim/v2");
    };
    check(json!({}), None);
    check(json!({"include_disabled": true}), Some(42));
}
