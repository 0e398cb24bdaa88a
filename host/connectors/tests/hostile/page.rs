//! `plugins/security.md` says what the tests and the limits say: its tables are made here.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use rollcall_connectors::limits::NAMED;

use crate::forty::FORTY;

fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)
}

fn behaviours() -> String {
    let mut table = "| # | it does | what comes of it | held by |\n|---|---|---|---|\n".to_owned();
    for one in FORTY {
        let tests = one.held_by.iter().map(|test| {
            let (file, name) = test.split_once("::").unwrap();
            format!("[`{name}`](../{file})")
        });
        let tests = tests.collect::<Vec<_>>().join(", ");
        writeln!(table, "| {} | {} | {} | {tests} |", one.number, one.does, one.comes_of_it).unwrap();
    }
    table
}

fn limits() -> String {
    let mut table = "| limit | default | at most | bounds |\n|---|---|---|---|\n".to_owned();
    for limit in NAMED {
        writeln!(table, "| `{}` | {} | {} | {} |", limit.name, limit.default, limit.most, limit.about)
            .unwrap();
    }
    table
}

/// Puts a text between the page's two marks of a name.
fn between(page: &str, name: &str, text: &str) -> String {
    let (begin, end) = (format!("<!-- {name}: made by the tests -->\n"), format!("<!-- {name} end -->"));
    let (before, rest) = page.split_once(&begin).expect("a table begins");
    let (_, after) = rest.split_once(&end).expect("a table ends");
    format!("{before}{begin}{text}{end}{after}")
}

#[test]
fn the_page_says_what_is_tested() {
    let path = repository("plugins/security.md");
    let page = std::fs::read_to_string(&path).unwrap();
    let expect = between(&between(&page, "behaviours", &behaviours()), "limits", &limits());
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        std::fs::write(&path, expect).unwrap();
        return;
    }
    assert!(
        page == expect,
        "`plugins/security.md` is not as the tests say; write it anew with UPDATE_EXPECT=1"
    );
}

#[test]
fn every_test_that_is_named_is_there() {
    assert_eq!(FORTY.iter().map(|one| one.number).collect::<Vec<_>>(), (1..=40).collect::<Vec<_>>());
    for test in FORTY.iter().flat_map(|one| one.held_by) {
        let (file, name) = test.split_once("::").unwrap();
        let text = std::fs::read_to_string(repository(file)).unwrap_or_else(|_| panic!("no file `{file}`"));
        let at = text.find(&format!("fn {name}(")).unwrap_or_else(|| panic!("no `{name}` in `{file}`"));
        let head = text[..at].rsplit("\n\n").next().unwrap();
        // What every one of them goes through is no test of its own.
        let is_test = head.contains("#[test]") || head.contains("#[tokio::test]") || name == "fails";
        assert!(is_test && !head.contains("#[ignore"), "`{name}` in `{file}` is no test that runs");
    }
    assert!(FORTY.iter().all(|one| !one.held_by.is_empty()));
}
