//! What was promised with v0.1: packages that were made for it run on every later host, and its contract stays what it is.

use std::path::{Path, PathBuf};

use rollcall_connectors::Package;
use rollcall_core::Cell;
use rollcall_edges::directory::RecordChange;
use serde_json::json;
use wit_parser::Resolve;

use crate::bench::{SECRET, host, job, read};
use crate::http::serve;

fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)
}

fn kept(name: &str) -> Package {
    Package::read(std::fs::read(repository("tests/data/packages").join(name)).unwrap()).unwrap()
}

#[tokio::test]
async fn a_package_of_the_first_day_reads_a_directory() {
    let server = serve();
    let mut spec = job(json!({ "url": server.url, "client_id": "c" }));
    spec.credentials.insert("client_secret".into(), Some(rollcall_core::Secret::new(SECRET)));
    let mut connector = host().connect(&kept("roster-0.1.0.wasm"), &spec).await.unwrap();
    let pages = read(&mut connector).await.unwrap();
    let names = pages.iter().flat_map(|page| &page.changes).map(|change| match change {
        RecordChange::Whole(record) => (record.id.to_string(), record.get("name").clone()),
        other => panic!("{other:?}"),
    });
    let expect = [("hr:7", "Ada"), ("hr:8", "Bo")];
    let expect = expect.map(|(id, name)| (id.to_owned(), Cell::Text(name.into())));
    assert_eq!(names.collect::<Vec<_>>(), expect);
}

#[tokio::test]
async fn a_package_that_asks_for_nothing_ends_well() {
    let mut connector = host().connect(&kept("nobody-0.1.0.wasm"), &job(json!({}))).await.unwrap();
    let pages = read(&mut connector).await.unwrap();
    assert_eq!(pages.iter().map(|page| page.changes.len()).sum::<usize>(), 0);
}

/// The contract as it was frozen.
fn frozen() -> String {
    std::fs::read_to_string(repository("tests/data/packages/connector-0.1.0.wit")).unwrap()
}

/// The worlds of the contract.
const WORLDS: [&str; 4] = ["connector", "http-connector", "ldap-connector", "file-connector"];

/// Holds a later text of the contract against an earlier one: a component that was made for the earlier must fit wherever
/// the later is spoken.
fn compared(before: &str, after: &str) -> Result<(), String> {
    for world in WORLDS {
        let mut resolve = Resolve::default();
        let mut find = |text: &str, version: &str| {
            // Two packages of one name must differ in their version; it is left out of the comparison.
            let head = "package rollcall:connector@0.1.0;";
            assert!(text.contains(head));
            let text = text.replace(head, &format!("package rollcall:connector@{version};"));
            let package = resolve.push_source(version, &text).map_err(|error| format!("{error:#}"))?;
            resolve.select_world(&[package], Some(world)).map_err(|error| format!("{error:#}"))
        };
        let before = find(before, "0.1.0")?;
        let after = find(after, "0.1.1")?;
        wit_component::semver_check(resolve, before, after).map_err(|error| format!("{error:#}"))?;
    }
    Ok(())
}

#[test]
fn the_contract_says_what_it_said() {
    let now = std::fs::read_to_string(repository("plugins/wit/v0.1/connector.wit")).unwrap();
    if let Err(why) = compared(&frozen(), &now) {
        panic!(
            "`plugins/wit/v0.1/connector.wit` no longer fits what was made for it: {why}\nThe rules stand at its head and in \
             `plugins/README.md`: this needs `v0.2` beside it."
        );
    }
}

#[test]
fn what_may_change_and_what_may_not() {
    let frozen = frozen();
    let with = |from: &str, to: &str| {
        assert!(frozen.contains(from), "{from}");
        compared(&frozen, &frozen.replacen(from, to, 1))
    };
    let added = with(
        "  write: func(level: level, message: string);",
        "  write: func(level: level, message: string);\n  flush: func();",
    );
    assert_eq!(added, Ok(()), "a function of what the host gives");
    let added = with(
        "world connector { import log;",
        "interface more { now: func() -> u64; }\nworld connector { import more; import log;",
    );
    assert_eq!(added, Ok(()), "an interface that the host gives");
    for (from, to) in [
        ("many: bool, about: string", "many: bool, about: string, unit: option<string>"),
        ("text(string), integer(s64)", "text(string), moment(s64), integer(s64)"),
        ("next: func(max: u32)", "next: func(max: u32, hint: u32)"),
        ("write: func(level: level,", "write: func(at: u64, level: level,"),
        ("  status: func() -> u16;", "  status: func() -> u32;"),
        ("  progress: func(done: u32, total: option<u32>);", ""),
        ("  /// Which directory this is", "  close: func();\n  /// Which directory this is"),
    ] {
        assert!(with(from, to).is_err(), "`{to}` is no change within 0.1");
    }
}
