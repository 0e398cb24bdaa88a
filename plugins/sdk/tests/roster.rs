//! The connector of `plugins/README.md`, run as a partner would test it.

use rollcall_connector::testing::Host;
use rollcall_connector::{Cell, Change, Connector, Coverage, Error};

#[expect(unreachable_pub, reason = "it is a crate of its own outside of this test")]
#[path = "../examples/roster.rs"]
mod roster;

const SETTINGS: &str = r#"{"url": "https://roster.test/", "client_id": "c"}"#;

#[test]
fn the_roster_is_read_to_its_end() {
    let host = Host::new()
        .json(
            "https://roster.test/api/people?page=1",
            200,
            r#"{"people": [{"id": "7", "name": "Leela", "phones": ["2001", "2002"]}], "next": 2}"#,
        )
        .json("https://roster.test/api/people?page=2", 200, r#"{"people": []}"#);
    let pages = host.list::<roster::Roster>(SETTINGS, 100).unwrap();
    assert_eq!(pages.len(), 2);
    assert_eq!(pages[1].end, Some(Coverage::Everything));
    let Change::User(leela) = &pages[0].changes[0] else { panic!("no user") };
    let phones = Cell::Texts(vec!["2001".into(), "2002".into()]);
    assert_eq!(leela.cells, [Cell::Text("7".into()), Cell::Text("Leela".into()), Cell::None, phones]);
    assert!(host.requests().iter().all(|request| request.login.as_deref() == Some("roster")));
}

#[test]
fn a_missing_permission_is_named() {
    let host = Host::new().json("https://roster.test/api/people?page=1", 403, "{}");
    let settings = serde_json::from_str(SETTINGS).unwrap();
    match host.run(|| roster::Roster::check(&settings)) {
        Err(Error::Denied(denied)) => assert_eq!(denied.missing.as_deref(), Some("people.read")),
        other => panic!("{other:?}"),
    }
}

/// What the README shows is what is tested.
#[test]
fn the_readme_shows_this_connector() {
    let readme = include_str!("../../README.md");
    assert!(readme.contains(include_str!("../examples/roster.rs")), "the code has moved on");
    assert!(readme.contains(include_str!("../examples/roster.toml")), "the manifest has moved on");
}
