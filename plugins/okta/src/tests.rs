//! The whole connector against answers of Okta that were written down.

use rollcall_connector::testing::Host;
use rollcall_connector::{Cell, Change, Connector, Coverage, Error, Page};
use serde_json::{Value, json};

use crate::Okta;

const ROOT: &str = "https://acme.okta.test";
const ALL: &str = "https://acme.okta.test/api/v1/users?limit=200";
const SCHEMA: &str = "https://acme.okta.test/api/v1/meta/schemas/user/default";
const DATE: (&str, &str) = ("date", "Mon, 23 Nov 2026 09:00:00 GMT");

fn settings(more: Value) -> String {
    let mut all = json!({"org_url": format!("{ROOT}/"), "select": ["email"]});
    if let (Some(all), Value::Object(more)) = (all.as_object_mut(), more) {
        all.extend(more);
    }
    all.to_string()
}

fn user(id: &str, status: &str) -> Value {
    json!({"id": id, "status": status, "profile": {"email": format!("{id}@acme.test"), "firstName": "A", "lastName": "B"}})
}

fn list(rows: &[Value]) -> String {
    Value::from(rows).to_string()
}

fn link(url: &str) -> String {
    format!("<{url}>; rel=\"next\"")
}

/// Pages of Okta, which name their own address in a first `Link`.
trait Pages {
    fn page(self, url: &str, headers: &[(&str, &str)], rows: &str) -> Self;
}

impl Pages for Host {
    fn page(self, url: &str, headers: &[(&str, &str)], rows: &str) -> Self {
        let own = format!("<{url}>; rel=\"self\"");
        self.answer(url, 200, &[&[("link", own.as_str())], headers].concat(), rows)
    }
}

fn error(code: &str) -> String {
    json!({"errorCode": code, "errorSummary": "no", "errorCauses": [{"errorSummary": "because"}]}).to_string()
}

fn told(pages: &[Page]) -> Vec<String> {
    let changes = pages.iter().flat_map(|page| &page.changes);
    changes
        .map(|change| match change {
            Change::User(user) => user.id.clone(),
            Change::Gone(id) => format!("-{id}"),
            Change::Patch(_) => "?".to_owned(),
        })
        .collect()
}

#[test]
fn everybody_is_read_page_by_page_by_the_second_of_two_links() {
    let next = format!("{ROOT}/api/v1/users?after=x%2C1&limit=200");
    let host = Host::new()
        .page(
            ALL,
            &[("link", &link(&next)), DATE],
            &list(&[user("a", "ACTIVE"), user("s", "SUSPENDED"), user("l", "LOCKED_OUT")]),
        )
        .page(&next, &[], &list(&[user("b", "PASSWORD_EXPIRED"), user("d", "DEPROVISIONED")]));
    let pages = host.list::<Okta>(&settings(json!({})), 100).unwrap();
    assert_eq!(told(&pages), ["a", "l", "b"]);
    assert_eq!(pages[0].columns, ["displayName", "givenName", "surname", "email"]);
    let Change::User(first) = &pages[0].changes[0] else { panic!() };
    let text = |text: &str| Cell::Text(text.into());
    assert_eq!(first.cells, [Cell::None, text("A"), text("B"), text("a@acme.test")]);
    assert_eq!(pages[1].end, Some(Coverage::Everything));
    assert!(host.requests().iter().all(|request| request.login.as_deref() == Some("users")));
    assert!(!pages.iter().any(|page| page.columns.contains(&"profile".to_owned())));
}

#[test]
fn a_page_says_itself_that_it_is_one_of_this_listing() {
    let other = format!("<{ROOT}/api/v1/groups?limit=200>; rel=\"self\"");
    for headers in [&[][..], &[("link", other.as_str())]] {
        let end = Host::new().answer(ALL, 200, headers, "[]").list::<Okta>(&settings(json!({})), 100);
        assert!(matches!(end, Err(Error::Permanent(_))), "{end:?}");
    }
}

#[test]
fn the_next_run_reads_what_changed() {
    let host = Host::new().page(ALL, &[DATE], &list(&[user("a", "ACTIVE"), user("b", "ACTIVE")]));
    let token = host.list::<Okta>(&settings(json!({})), 100).unwrap().pop().unwrap().token;
    assert!(token.is_some());
    let changes =
        format!("{ROOT}/api/v1/users?limit=200&search=lastUpdated%20gt%20%222026-11-23T08%3A45%3A00.000Z%22");
    let rows = list(&[user("a", "DEPROVISIONED"), user("c", "ACTIVE")]);
    let soon = ("date", "Mon, 23 Nov 2026 10:00:00 GMT");
    let host = Host::new().page(&changes, &[soon], &rows);
    let pages = host.list_since::<Okta>(&settings(json!({})), token.clone(), 100).unwrap();
    assert_eq!(told(&pages), ["-a", "c"]);
    let last = pages.last().unwrap();
    assert_eq!(last.end, Some(Coverage::Changes));
    assert_ne!(last.token, token);

    // Okta's clock was set back.
    let later =
        format!("{ROOT}/api/v1/users?limit=200&search=lastUpdated%20gt%20%222026-11-23T09%3A45%3A00.000Z%22");
    let host = Host::new().page(&later, &[DATE], "[]");
    let end = host.list_since::<Okta>(&settings(json!({})), last.token.clone(), 100);
    assert!(matches!(end, Err(Error::TokenExpired)), "{end:?}");
    // Okta's clock decides; without it there is nothing to go on from.
    let host = Host::new().page(ALL, &[], "[]");
    assert_eq!(host.list::<Okta>(&settings(json!({})), 100).unwrap()[0].token, None);
}

#[test]
fn what_changes_do_not_show_is_read_whole() {
    let token = Some(br#"{"read":1795424400}"#.to_vec());
    for more in [
        json!({"group_id": ["00g1"]}),
        json!({"search": "profile.department eq \"Sales\""}),
        json!({"select": ["groups"]}),
    ] {
        let end = Host::new().list_since::<Okta>(&settings(more.clone()), token.clone(), 100);
        assert!(matches!(end, Err(Error::TokenExpired)), "{more}: {end:?}");
    }
    let end = Host::new().list_since::<Okta>(&settings(json!({})), Some(b"rubbish".to_vec()), 100);
    assert!(matches!(end, Err(Error::TokenExpired)));
}

#[test]
fn the_deactivated_are_found_by_a_search_alone() {
    let anybody =
        format!("{ROOT}/api/v1/users?limit=200&search=lastUpdated%20gt%20%221970-01-01T00%3A00%3A00.000Z%22");
    let host = Host::new().page(&anybody, &[], &list(&[user("d", "DEPROVISIONED"), user("s", "SUSPENDED")]));
    let pages = host.list::<Okta>(&settings(json!({"include_disabled": true})), 100).unwrap();
    assert_eq!(told(&pages), ["d", "s"]);
    let own = format!("{ROOT}/api/v1/users?limit=200&search=profile.department%20eq%20%22R%26D%22");
    let host = Host::new().page(&own, &[], &list(&[user("d", "DEPROVISIONED"), user("a", "ACTIVE")]));
    let search = settings(json!({"search": " profile.department eq \"R&D\" "}));
    assert_eq!(told(&host.list::<Okta>(&search, 100).unwrap()), ["a"]);
}

#[test]
fn groups_are_one_union_and_their_names_take_a_request_each() {
    let members = |id: &str| format!("{ROOT}/api/v1/groups/{id}/users?limit=1000");
    let host = Host::new().page(&members("00g1"), &[], &list(&[user("a", "ACTIVE")])).page(
        &members("00g2"),
        &[],
        &list(&[user("a", "ACTIVE"), user("b", "ACTIVE")]),
    );
    let pages = host.list::<Okta>(&settings(json!({"group_id": ["00g1", "00g2", "00g1"]})), 100).unwrap();
    assert_eq!(told(&pages), ["a", "a", "b"]);
    assert_eq!(host.requests().len(), 2);
    assert!(host.requests().iter().all(|request| request.login.as_deref() == Some("groups")));

    let group = |id: &str, kind: &str, name: &str| json!({"id": id, "type": kind, "profile": {"name": name}});
    let groups = list(&[
        group("00g0", "BUILT_IN", "Everyone"),
        group("00g2", "OKTA_GROUP", "Sales"),
        group("00g1", "APP_GROUP", "IT"),
        group("00g9", "OKTA_GROUP", "Gone meanwhile"),
    ]);
    let more = format!("{ROOT}/api/v1/groups/00g2/users?after=a&limit=1000");
    let host = Host::new()
        .page(&format!("{ROOT}/api/v1/groups?limit=200"), &[], &groups)
        .page(&members("00g2"), &[("link", &link(&more))], &list(&[user("a", "ACTIVE")]))
        .page(&more, &[], &list(&[user("b", "ACTIVE")]))
        .page(&members("00g1"), &[], &list(&[user("a", "ACTIVE")]))
        .json(&members("00g9"), 404, &error("E0000007"))
        .page(ALL, &[], &list(&[user("a", "ACTIVE"), user("b", "ACTIVE"), user("c", "ACTIVE")]));
    let pages = host.list::<Okta>(&settings(json!({"select": ["groups"]})), 100).unwrap();
    let groups: Vec<&Cell> = pages
        .iter()
        .flat_map(|page| &page.changes)
        .filter_map(|change| match change {
            Change::User(user) => user.cells.last(),
            _ => None,
        })
        .collect();
    let texts = |names: &[&str]| Cell::Texts(names.iter().map(|name| (*name).to_owned()).collect());
    assert_eq!(groups, [&texts(&["IT", "Sales"]), &texts(&["Sales"]), &Cell::None]);
}

#[test]
fn a_forgotten_page_begins_again_twice_at_most() {
    let next = format!("{ROOT}/api/v1/users?after=x&limit=200");
    let first = list(&[user("a", "ACTIVE")]);
    let host = Host::new().page(ALL, &[("link", &link(&next))], &first).json(&next, 400, &error("E0000031"));
    let end = host.list::<Okta>(&settings(json!({})), 100);
    assert!(matches!(end, Err(Error::Transient(_))), "{end:?}");
    assert_eq!(host.requests().len(), 6);
    let host = host.page(&next, &[], &list(&[user("b", "ACTIVE")]));
    assert_eq!(told(&host.list::<Okta>(&settings(json!({})), 100).unwrap()), ["a", "a", "b"]);
}

#[test]
fn a_page_is_all_that_it_should_be() {
    let bad = [
        "{}".to_owned(),
        String::new(),
        "[1]".to_owned(),
        json!([{"id": "", "status": "ACTIVE"}]).to_string(),
        json!([{"id": "a"}]).to_string(),
        json!([{"status": "ACTIVE"}]).to_string(),
    ];
    for bad in bad {
        let end = Host::new().page(ALL, &[], &bad).list::<Okta>(&settings(json!({})), 100);
        assert!(matches!(end, Err(Error::Permanent(_))), "{bad}: {end:?}");
    }
    for evil in ["https://evil.test/api/v1/users?after=x", "http://acme.okta.test/x", "/api/v1/users?after=x"]
    {
        let host = Host::new().page(ALL, &[("link", &link(evil))], "[]");
        let end = host.list::<Okta>(&settings(json!({})), 100);
        assert!(matches!(end, Err(Error::Permanent(_))), "{evil}: {end:?}");
        assert_eq!(host.requests().len(), 1);
    }
}

#[test]
fn a_status_says_what_to_do() {
    let end = |url: &str, status: u16, more: Value| {
        Host::new().json(url, status, &error("E0000000")).list::<Okta>(&settings(more), 100).unwrap_err()
    };
    let missing = |error: Error| match error {
        Error::Denied(denied) => denied.missing,
        other => panic!("{other:?}"),
    };
    let setting = |error: Error| match error {
        Error::InvalidSettings(faults) => faults[0].setting.clone(),
        other => panic!("{other:?}"),
    };
    let group = format!("{ROOT}/api/v1/groups/00g1/users?limit=1000");
    let in_group = json!({"group_id": ["00g1"]});
    assert_eq!(missing(end(ALL, 401, json!({}))), None);
    assert_eq!(missing(end(ALL, 403, json!({}))).as_deref(), Some("okta.users.read"));
    assert_eq!(missing(end(&group, 403, in_group.clone())).as_deref(), Some("okta.groups.read"));
    assert_eq!(setting(end(&group, 404, in_group)), "group_id");
    let search = format!("{ROOT}/api/v1/users?limit=200&search=x");
    assert_eq!(setting(end(&search, 400, json!({"search": "x"}))), "search");
    for status in [429, 500, 503] {
        assert!(matches!(end(ALL, status, json!({})), Error::Transient(_)));
    }
    assert!(
        matches!(end(ALL, 400, json!({})), Error::Permanent(message) if message.contains("no (because)"))
    );
}

#[test]
fn mistakes_between_settings_are_named_together() {
    let check = |more: Value, expect: &[&str]| {
        let settings: crate::settings::Settings = serde_json::from_str(&settings(more)).unwrap();
        let faults = Okta::validate(&settings);
        let names: Vec<_> = faults.iter().map(|fault| fault.setting.as_str()).collect();
        assert_eq!(names, expect);
    };
    check(json!({}), &[]);
    check(json!({"org_url": "https://acme-admin.okta.com"}), &["org_url"]);
    check(json!({"org_url": "https://acme.okta.com/oauth2/default"}), &["org_url"]);
    check(json!({"search": "x", "group_id": ["Sales people"]}), &["search", "group_id"]);
    check(json!({"group_id": ["00g1emaKYZTWRYYRRTSK", ""]}), &["group_id"]);
}

#[test]
fn a_connection_names_what_may_be_read() {
    let settings: crate::settings::Settings =
        serde_json::from_str(&settings(json!({"select": ["groups"]}))).unwrap();
    let one = format!("{ROOT}/api/v1/users?limit=1");
    let host = Host::new()
        .page(&one, &[], &list(&[user("a", "ACTIVE")]))
        .json(SCHEMA, 403, &error("E0000006"))
        .page(&format!("{ROOT}/api/v1/groups?limit=1"), &[], "[]");
    let found = host.run(|| Okta::check(&settings)).unwrap();
    let subjects: Vec<_> = found.findings.iter().map(|finding| finding.subject.as_str()).collect();
    assert_eq!(subjects, ["sign-in", "okta.users.read", "okta.schemas.read", "okta.groups.read"]);
    assert_eq!(Okta::identity(&settings).unwrap(), "acme.okta.test");
    let known = Host::new().json(SCHEMA, 403, "").run(|| Okta::attributes(&settings)).unwrap();
    assert!(known.iter().any(|info| info.name == "department"));
    let end = Host::new().json(SCHEMA, 401, "").run(|| Okta::attributes(&settings));
    assert!(matches!(end, Err(Error::Denied(_))));
}
