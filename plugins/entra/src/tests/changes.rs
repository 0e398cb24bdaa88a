//! Where the next run goes on, and what it reads from there.

use rollcall_connector::testing::Host;
use rollcall_connector::{Cell, Change, Coverage, Error, Page, User};
use serde_json::{Value, json};

use super::{FIRST, GROUP, LATEST, ROOT, error, members, page, settings, user};
use crate::Entra;
use crate::limits::CHANGED_MOST;

/// The link that the last run ended with.
const SINCE: &str = "http://127.0.0.1:1/graph/v1.0/users/delta?$deltatoken=one";
const LATER: &str = "http://127.0.0.1:1/graph/v1.0/users/delta?$deltatoken=two";
const NEXT: &str = "http://127.0.0.1:1/graph/v1.0/users/delta?$skiptoken=a";

/// A page of changes, which leads to another one or to later changes.
fn round(rows: &[Value], next: Option<&str>) -> String {
    let end = next.is_none().then_some(LATER);
    json!({"value": rows, "@odata.nextLink": next, "@odata.deltaLink": end}).to_string()
}

fn removed(id: &str, reason: &str) -> Value {
    json!({"id": id, "@removed": {"reason": reason}})
}

/// The request for users by their ids.
fn these(ids: &[&str]) -> String {
    let ids: Vec<String> = ids.iter().map(|id| format!("%27{id}%27")).collect();
    format!(
        "{ROOT}/v1.0/users?$select=id%2CuserPrincipalName%2CuserType%2CaccountEnabled%2Cmail&$filter=id%20in%20%28{}%29",
        ids.join("%2C")
    )
}

fn since(host: &Host, token: &str) -> Result<Vec<Page>, Error> {
    host.list_since::<Entra>(&settings(json!({})), Some(token.as_bytes().to_vec()), 100)
}

/// What came, in order: `id=mail`, or `-id` for who has gone.
fn told(pages: &[Page]) -> Vec<String> {
    let word = |change: &Change| match change {
        Change::User(User { id, cells }) => match &cells[..] {
            [Cell::Text(mail)] => format!("{id}={mail}"),
            [Cell::None] => format!("{id}="),
            other => panic!("{other:?}"),
        },
        Change::Gone(id) => format!("-{id}"),
        Change::Patch(patch) => panic!("{patch:?}"),
    };
    pages.iter().flat_map(|page| &page.changes).map(word).collect()
}

fn token(pages: &[Page]) -> Option<String> {
    let (last, others) = pages.split_last().unwrap();
    assert!(others.iter().all(|page| page.token.is_none() && page.end.is_none()));
    last.token.clone().map(|token| String::from_utf8(token).unwrap())
}

/// A full reading whose first request is answered so.
fn full(latest: &str, status: u16) -> (Host, Vec<Page>) {
    let host = Host::new().json(LATEST, status, latest).json(FIRST, 200, &page(&[user("a")], None));
    let pages = host.list::<Entra>(&settings(json!({})), 100).unwrap();
    (host, pages)
}

#[test]
fn a_reading_of_everything_first_marks_where_it_is() {
    let (host, pages) = full(&round(&[], None), 200);
    assert_eq!(token(&pages).as_deref(), Some(LATER));
    assert_eq!(pages.last().unwrap().end, Some(Coverage::Everything));
    let urls: Vec<String> = host.requests().into_iter().map(|request| request.url).collect();
    assert_eq!(urls, [LATEST, FIRST]);
    // Without a header `Prefer`, which would leave out what has not changed.
    let names =
        |request: rollcall_connector::http::Request| request.headers.into_iter().map(|(name, _)| name);
    assert!(host.requests().into_iter().flat_map(names).all(|name| name == "accept"));
    assert!(host.notes().is_empty());
}

#[test]
fn without_a_usable_mark_everything_is_read_each_time() {
    let link = |url: &str| json!({"value": [], "@odata.deltaLink": url}).to_string();
    let long = format!("{LATER}{}", "x".repeat(64 << 10));
    let cases = [
        (error("Request_UnsupportedQuery"), 400),
        (error(""), 403),
        (error("NotImplemented"), 501),
        (error("UnknownError"), 503),
        ("<!doctype html>".to_owned(), 200),
        (json!({"value": []}).to_string(), 200),
        (link("https://graph.evil.test/graph/v1.0/users/delta?$deltatoken=a"), 200),
        (link("http://127.0.0.1:1/graph/v1.0/groups/delta?$deltatoken=a"), 200),
        (link("http://127.0.0.1:1/other/v1.0/users/delta?$deltatoken=a"), 200),
        (link(&long), 200),
    ];
    for (latest, status) in cases {
        let (host, pages) = full(&latest, status);
        assert_eq!(
            (token(&pages), told(&pages)),
            (None, vec!["a=a@contoso.test".to_owned()]),
            "{latest:.200}"
        );
        assert!(!host.notes().is_empty(), "{latest:.200}");
    }
    // The function's full name is as good.
    let named = "http://127.0.0.1:1/graph/v1.0/users/microsoft.graph.delta()?$deltatoken=a";
    assert_eq!(token(&full(&link(named), 200).1).as_deref(), Some(named));
}

#[test]
fn groups_and_filters_have_no_mark() {
    let group = settings(json!({"scope": "group", "group_id": [GROUP]}));
    let host = Host::new().json(&members(GROUP), 200, &page(&[user("a")], None));
    assert_eq!(token(&host.list::<Entra>(&group, 100).unwrap()), None);
    let filtered = settings(json!({"filter": "a eq 'b'"}));
    let url = format!("{FIRST}%20and%20%28a%20eq%20%27b%27%29&$count=true");
    let host = Host::new().json(&url, 200, &page(&[user("a")], None));
    assert_eq!(token(&host.list::<Entra>(&filtered, 100).unwrap()), None);
    for settings in [group, filtered] {
        let end = Host::new().list_since::<Entra>(&settings, Some(SINCE.as_bytes().to_vec()), 100);
        assert!(matches!(end, Err(Error::TokenExpired)), "{end:?}");
    }
}

#[test]
fn nothing_new_takes_one_request() {
    let host = Host::new().json(SINCE, 200, &round(&[], None));
    let pages = since(&host, SINCE).unwrap();
    assert_eq!((told(&pages), token(&pages).as_deref()), (vec![], Some(LATER)));
    assert_eq!(pages.last().unwrap().end, Some(Coverage::Changes));
    assert_eq!(host.requests().len(), 1);
}

#[test]
fn whoever_changed_is_asked_for_whole() {
    let mut guest = user("guest");
    guest["userType"] = json!("Guest");
    let mut converted = user("converted");
    converted["userType"] = json!("Guest");
    // Rows may have what has changed alone, may repeat, and come in any order.
    let first = [
        json!({"id": "renamed", "mail": "old@contoso.test"}),
        json!({"id": "disabled", "accountEnabled": false}),
        json!({"id": "cleared", "mail": null}),
        removed("deleted", "changed"),
        removed("restored", "changed"),
        json!({"id": "back"}),
    ];
    let second = [
        json!({"id": "renamed", "mail": "new@contoso.test"}),
        json!({"id": "enabled", "accountEnabled": true}),
        json!({"id": "restored", "accountEnabled": true}),
        removed("back", "deleted"),
        json!({"id": "guest"}),
        json!({"id": "converted", "userType": "Member"}),
        json!({"id": "other"}),
    ];
    // The listing is a replica that may be older, in any respect.
    let mut renamed = user("renamed");
    renamed["mail"] = json!("before@contoso.test");
    let mut enabled = user("enabled");
    enabled["accountEnabled"] = json!(false);
    let mut off = user("other");
    off["accountEnabled"] = json!(false);
    let asked = these(&["back", "cleared", "converted", "enabled", "guest", "other", "renamed", "restored"]);
    let more = format!("{ROOT}/v1.0/users?$skiptoken=b");
    let host = Host::new()
        .json(SINCE, 200, &round(&first, Some(NEXT)))
        .json(NEXT, 200, &round(&second, None))
        .json(&asked, 200, &page(&[user("back"), user("cleared"), converted, enabled, guest], Some(&more)))
        .json(&more, 200, &page(&[off, renamed, user("restored")], None));
    let pages = since(&host, SINCE).unwrap();
    assert_eq!(
        told(&pages),
        [
            "-deleted",
            "-disabled",
            "back=back@contoso.test",
            "cleared=",
            "converted=converted@contoso.test",
            "enabled=enabled@contoso.test",
            "-guest",
            "-other",
            "renamed=new@contoso.test",
            "restored=restored@contoso.test",
        ]
    );
    assert_eq!(token(&pages).as_deref(), Some(LATER));
}

/// Nothing is known of how he is now, and his row may be a part of him: the same round tells it to the next run again.
#[test]
fn who_is_not_listed_stays_as_he_was_and_is_asked_for_again() {
    let asked = these(&["known", "new"]);
    let listed = page(&[user("known")], None);
    for rows in [
        vec![user("new"), user("known")],
        vec![json!({"id": "new", "mail": null}), user("known")],
        vec![removed("new", "changed"), user("new"), user("known")],
        vec![user("new"), user("known"), removed("new", "deleted")],
    ] {
        let host = Host::new().json(SINCE, 200, &round(&rows, None)).json(&asked, 200, &listed);
        let pages = since(&host, SINCE).unwrap();
        assert_eq!(told(&pages), ["known=known@contoso.test"]);
        assert_eq!(pages.last().unwrap().end, Some(Coverage::Changes));
        assert_eq!(token(&pages).as_deref(), Some(SINCE));
    }
}

#[test]
fn a_listing_without_properties_is_a_missing_permission() {
    let asked = these(&["a"]);
    let hidden =
        json!({"id": "a", "userPrincipalName": null, "userType": null, "accountEnabled": null, "mail": null});
    for row in [hidden, json!({"id": "a", "userPrincipalName": "a@contoso.test", "accountEnabled": null})] {
        let round = round(&[json!({"id": "a"})], None);
        let host = Host::new().json(SINCE, 200, &round).json(&asked, 200, &page(&[row], None));
        match since(&host, SINCE) {
            Err(Error::Denied(denied)) => assert_eq!(denied.missing.as_deref(), Some("User.Read.All")),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn many_are_asked_for_by_fifteen_and_too_many_are_read_with_everybody() {
    let name = |n: usize| format!("u{n:04}");
    let rows = |count: usize| -> Vec<Value> { (0..count).map(|n| json!({"id": name(n)})).collect() };
    let mut host = Host::new().json(SINCE, 200, &round(&rows(40), None));
    for from in [0, 15, 30] {
        let names: Vec<String> = (from..40.min(from + 15)).map(name).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let users: Vec<Value> = names.iter().map(|id| user(id)).collect();
        host = host.json(&these(&names), 200, &page(&users, None));
    }
    assert_eq!(told(&since(&host, SINCE).unwrap()).len(), 40);
    assert_eq!(host.requests().len(), 4);
    let host = Host::new().json(SINCE, 200, &round(&rows(CHANGED_MOST + 1), Some(NEXT)));
    assert!(matches!(since(&host, SINCE), Err(Error::TokenExpired)));
    assert_eq!(host.requests().len(), 1);
}

#[test]
fn a_link_that_graph_does_not_take_is_an_old_token() {
    let cases = [
        (410, ""),
        (400, "syncStateNotFound"),
        (404, "UnknownError"),
        (409, "resyncRequired"),
        (400, "Directory_ExpiredPageToken"),
        (501, "NotImplemented"),
    ];
    for (status, code) in cases {
        let host = Host::new().json(SINCE, status, &error(code));
        assert!(matches!(since(&host, SINCE), Err(Error::TokenExpired)), "{status} {code}");
        let host =
            Host::new().json(SINCE, 200, &round(&[user("a")], Some(NEXT))).json(NEXT, status, &error(code));
        assert!(matches!(since(&host, SINCE), Err(Error::TokenExpired)), "{status} {code}");
        let host = Host::new().json(SINCE, 200, &round(&[user("a")], None)).json(
            &these(&["a"]),
            status,
            &error(code),
        );
        assert!(matches!(since(&host, SINCE), Err(Error::TokenExpired)), "{status} {code}");
    }
    for token in ["", "\u{0}", "https://evil.test/graph/v1.0/users/delta", FIRST, "{\"read\": 1}"] {
        let host = Host::new();
        assert!(matches!(since(&host, token), Err(Error::TokenExpired)), "{token}");
        assert!(host.requests().is_empty(), "{token}");
    }
}

#[test]
fn a_broken_round_is_no_round() {
    let ends = |body: &str, status: u16| {
        let host = Host::new().json(SINCE, 200, &round(&[user("a")], Some(NEXT))).json(NEXT, status, body);
        since(&host, SINCE).unwrap_err()
    };
    assert!(matches!(ends(&error(""), 503), Error::Transient(_)));
    assert!(matches!(ends(&error(""), 429), Error::Transient(_)));
    assert!(matches!(ends(&error("InvalidAuthenticationToken"), 401), Error::Denied(_)));
    assert!(matches!(ends(&error("Authorization_RequestDenied"), 403), Error::TokenExpired));
    assert!(matches!(ends("<!doctype html>", 200), Error::Permanent(_)));
    // Neither a further page nor an end, and the same page for ever.
    assert!(matches!(ends(&json!({"value": []}).to_string(), 200), Error::Permanent(_)));
    assert!(matches!(ends(&round(&[], Some(NEXT)), 200), Error::Permanent(_)));
    let evil = "https://graph.evil.test/graph/v1.0/users/delta?$skiptoken=a";
    assert!(matches!(ends(&round(&[], Some(evil)), 200), Error::Permanent(_)));
    // A link of no use at the end: the changes count, and the next run reads everything.
    let end = json!({"value": [removed("a", "deleted")], "@odata.deltaLink": evil}).to_string();
    let pages = since(&Host::new().json(SINCE, 200, &end), SINCE).unwrap();
    assert_eq!((told(&pages), token(&pages)), (vec!["-a".to_owned()], None));
}
