//! The whole connector against answers of Microsoft Graph that were written down.

use rollcall_connector::testing::Host;
use rollcall_connector::{Cell, Change, Connector, Error, Page, User};
use serde_json::{Value, json};

use crate::Entra;

mod changes;

const ROOT: &str = "http://127.0.0.1:1/graph";
const GROUP: &str = "02bd9fd6-8f93-4758-87c3-1fb73740a315";
const OTHER: &str = "12bd9fd6-8f93-4758-87c3-1fb73740a315";
const FIRST: &str = "http://127.0.0.1:1/graph/v1.0/users?$select=id%2CuserPrincipalName%2CuserType%2CaccountEnabled%2Cmail\
    &$top=999&$filter=accountEnabled%20eq%20true";

const LATEST: &str = "http://127.0.0.1:1/graph/v1.0/users/delta?$select=id%2CuserPrincipalName%2CuserType%2CaccountEnabled%2C\
    mail&$deltatoken=latest";

fn settings(more: Value) -> String {
    let mut all =
        json!({"tenant_id": "CONTOSO.test", "client_id": "c", "graph_url": ROOT, "select": ["mail"]});
    if let (Some(all), Value::Object(more)) = (all.as_object_mut(), more) {
        all.extend(more);
    }
    all.to_string()
}

fn members(group: &str) -> String {
    format!(
        "{ROOT}/v1.0/groups/{group}/members/microsoft.graph.user?$select=id%2CuserPrincipalName%2CuserType%2CaccountEnabled\
         %2Cmail&$top=999&$count=true"
    )
}

fn user(id: &str) -> Value {
    json!({"id": id, "userPrincipalName": format!("{id}@contoso.test"), "userType": "Member", "accountEnabled": true,
           "mail": format!("{id}@contoso.test")})
}

fn page(users: &[Value], next: Option<&str>) -> String {
    json!({"@odata.context": "x", "value": users, "@odata.nextLink": next}).to_string()
}

fn error(code: &str) -> String {
    json!({"error": {"code": code, "message": "no", "innerError": {"date": "x"}}}).to_string()
}

fn ids(pages: &[Page]) -> Vec<&str> {
    pages
        .iter()
        .flat_map(|page| &page.changes)
        .filter_map(|change| match change {
            Change::User(user) => Some(user.id.as_str()),
            _ => None,
        })
        .collect()
}

#[test]
fn a_tenant_is_read_page_by_page() {
    let next = format!("{ROOT}/v1.0/users?$skiptoken=a");
    let empty = format!("{ROOT}/v1.0/users?$skiptoken=b");
    let mut guest = user("g");
    guest["userType"] = json!("Guest");
    let mut old = user("old");
    old["userType"] = Value::Null;
    let host = Host::new()
        .json(FIRST, 200, &page(&[user("a"), guest, old], Some(&next)))
        .json(&next, 200, &page(&[], Some(&empty)))
        .json(&empty, 200, &page(&[user("b")], None));
    let pages = host.list::<Entra>(&settings(json!({})), 100).unwrap();
    assert_eq!(ids(&pages), ["a", "old", "b"]);
    assert!(pages.iter().all(|page| page.columns == ["mail"]));
    let first = pages.iter().flat_map(|page| &page.changes).next();
    let cells = vec![Cell::Text("a@contoso.test".into())];
    assert_eq!(first, Some(&Change::User(User { id: "a".into(), cells })));
    let requests = host.requests();
    assert!(requests.iter().all(|request| request.login.as_deref() == Some("graph")));
    assert_eq!(requests.len(), 4);
}

#[test]
fn pages_are_no_larger_than_asked() {
    let users: Vec<_> = (0..25).map(|n| user(&format!("u{n}"))).collect();
    let host = Host::new().json(FIRST, 200, &page(&users, None));
    let pages = host.list::<Entra>(&settings(json!({})), 10).unwrap();
    assert_eq!(ids(&pages).len(), 25);
    assert!(pages.iter().all(|page| page.changes.len() <= 10));
}

#[test]
fn groups_are_one_union() {
    let group = settings(json!({"scope": "group", "group_id": [GROUP, OTHER, GROUP]}));
    let next = format!("{ROOT}/v1.0/groups/x?$skiptoken=a");
    let mut disabled = user("d");
    disabled["accountEnabled"] = json!(false);
    let host = Host::new()
        .json(&members(GROUP), 200, &page(&[user("a"), disabled], Some(&next)))
        .json(&next, 200, &page(&[user("b")], None))
        .json(&members(OTHER), 200, &page(&[user("b"), user("c")], None));
    let pages = host.list::<Entra>(&group, 100).unwrap();
    assert_eq!(ids(&pages), ["a", "b", "c"]);
    for request in host.requests() {
        let header = ("ConsistencyLevel".to_owned(), "eventual".to_owned());
        assert!(request.headers.contains(&header), "{}", request.url);
    }
}

#[test]
fn a_forgotten_page_begins_again_twice_at_most() {
    let next = format!("{ROOT}/v1.0/users?$skiptoken=a");
    let start = page(&[user("a")], Some(&next));
    let gone = error("Directory_ExpiredPageToken");
    let host = Host::new().json(FIRST, 200, &start).json(&next, 400, &gone).json(&next, 410, "").json(
        &next,
        200,
        &page(&[user("b")], None),
    );
    let pages = host.list::<Entra>(&settings(json!({})), 100).unwrap();
    assert_eq!(ids(&pages), ["a", "a", "a", "b"]);

    let host = Host::new().json(FIRST, 200, &start).json(&next, 400, &gone);
    let end = host.list::<Entra>(&settings(json!({})), 100);
    assert!(matches!(end, Err(Error::Transient(_))), "{end:?}");
}

#[test]
fn the_next_page_stays_with_graph() {
    for evil in [
        "https://graph.microsoft.com.evil.test/v1.0/users",
        "http://127.0.0.1:2/graph/v1.0/users",
        "https://127.0.0.1:1/graph/v1.0/users",
        "http://127.0.0.1:1@evil.test/",
        "//127.0.0.1:1/graph",
        "/v1.0/users",
    ] {
        let host = Host::new().json(FIRST, 200, &page(&[user("a")], Some(evil)));
        let end = host.list::<Entra>(&settings(json!({})), 100);
        assert!(matches!(end, Err(Error::Permanent(_))), "{evil}: {end:?}");
        assert_eq!(host.requests().len(), 2);
    }
}

#[test]
fn a_page_is_all_that_it_should_be() {
    for bad in [
        "{}",
        "[]",
        "",
        "{\"value\": {}}",
        "{\"value\": [], \"@odata.deltaLink\": \"http://127.0.0.1:1/graph/v1.0/users/delta?$deltatoken=a\"}",
        "{\"value\": [1]}",
        "{\"value\": [{\"mail\": \"x\", \"accountEnabled\": true}]}",
    ] {
        let host = Host::new().json(FIRST, 200, bad);
        let end = host.list::<Entra>(&settings(json!({})), 100);
        assert!(matches!(end, Err(Error::Permanent(_))), "{bad}: {end:?}");
    }
    let same = format!("{ROOT}/v1.0/users?$skiptoken=a");
    let again = page(&[user("a")], Some(&same));
    let host = Host::new().json(FIRST, 200, &again).json(&same, 200, &again);
    assert!(matches!(host.list::<Entra>(&settings(json!({})), 100), Err(Error::Permanent(_))));
}

#[test]
fn members_without_properties_are_a_missing_permission() {
    let group = settings(json!({"scope": "group", "group_id": [GROUP]}));
    let hidden = json!({"@odata.type": "#microsoft.graph.user", "id": "h", "userPrincipalName": null, "userType": null,
                        "accountEnabled": null, "mail": null});
    let bare = json!({"@odata.type": "#microsoft.graph.user", "id": "h"});
    for row in [hidden, bare] {
        let host = Host::new().json(&members(GROUP), 200, &page(&[user("a"), row], None));
        match host.list::<Entra>(&group, 100) {
            Err(Error::Denied(denied)) => assert_eq!(denied.missing.as_deref(), Some("User.Read.All")),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_status_says_what_to_do() {
    let group = settings(json!({"scope": "group", "group_id": [GROUP]}));
    let end = |url: &str, status: u16, code: &str, settings: &str| {
        let host = Host::new().json(url, status, &error(code));
        host.list::<Entra>(settings, 100).unwrap_err()
    };
    let tenant = settings(json!({}));
    let missing = |error: Error| match error {
        Error::Denied(denied) => denied.missing,
        other => panic!("{other:?}"),
    };
    assert_eq!(missing(end(FIRST, 401, "InvalidAuthenticationToken", &tenant)), None);
    let denied = "Authorization_RequestDenied";
    assert_eq!(missing(end(FIRST, 403, denied, &tenant)).as_deref(), Some("User.Read.All"));
    assert_eq!(missing(end(&members(GROUP), 403, denied, &group)).as_deref(), Some("GroupMember.Read.All"));
    let setting = |error: Error| match error {
        Error::InvalidSettings(faults) => faults[0].setting.clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!(setting(end(&members(GROUP), 404, "Request_ResourceNotFound", &group)), "group_id");
    let filtered = settings(json!({"filter": "a eq 'b'"}));
    let url = format!("{FIRST}%20and%20%28a%20eq%20%27b%27%29&$count=true");
    assert_eq!(setting(end(&url, 400, "Request_UnsupportedQuery", &filtered)), "filter");
    for status in [429, 500, 503] {
        assert!(matches!(end(FIRST, status, "", &tenant), Error::Transient(_)));
    }
    assert!(matches!(end(FIRST, 501, "NotImplemented", &tenant), Error::Permanent(_)));
    assert!(matches!(end(FIRST, 400, "Request_BadRequest", &tenant), Error::Permanent(_)));
}

#[test]
fn mistakes_between_settings_are_named_together() {
    let check = |more: Value, expect: &[&str]| {
        let mut settings: crate::settings::Settings = serde_json::from_str(&settings(more)).unwrap();
        settings.login_url = "https://login.test".to_owned();
        let faults = Entra::validate(&settings);
        let names: Vec<_> = faults.iter().map(|fault| fault.setting.as_str()).collect();
        assert_eq!(names, expect);
    };
    check(json!({}), &[]);
    check(json!({"scope": "group"}), &["group_id"]);
    check(json!({"scope": "group", "group_id": ["Sales", GROUP]}), &["group_id"]);
    check(json!({"group_id": [GROUP]}), &["group_id"]);
    check(json!({"transitive": true}), &["transitive"]);
    check(json!({"tenant_id": "common", "filter": "a)"}), &["tenant_id", "filter"]);
    check(json!({"tenant_id": "a/b", "graph_url": "http://graph.test"}), &["tenant_id", "graph_url"]);
    check(json!({"graph_url": "http://graph.test", "allow_insecure": true}), &[]);
}

#[test]
fn a_connection_is_counted() {
    let url = format!(
        "{ROOT}/v1.0/users?$select=id%2CuserPrincipalName&$top=1&$filter=accountEnabled%20eq%20true%20and%20userType%20ne\
         %20%27Guest%27&$count=true"
    );
    let body = json!({"@odata.count": 42, "value": [user("a")]}).to_string();
    let host = Host::new().json(&url, 200, &body);
    let settings = serde_json::from_str(&settings(json!({}))).unwrap();
    let found = host.run(|| Entra::check(&settings)).unwrap();
    assert_eq!(found.users, Some(42));
    assert_eq!(found.findings.len(), 2);
    assert_eq!(Entra::identity(&settings).unwrap(), "contoso.test");
}
