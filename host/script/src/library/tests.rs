//! The library by its own documentation: each example runs, and the page people read is made of the same files.

use rhai::Dynamic;

use super::FILES;
use crate::sandbox;

fn shown(value: &Dynamic) -> String {
    let text = value.to_string();
    format!("{text} ({})", value.type_name())
}

#[test]
fn examples_hold() {
    let engine = sandbox::engine();
    let mut count = 0;
    for (file, source) in FILES {
        engine.compile(source).unwrap();
        for line in source.lines().filter_map(|line| line.strip_prefix("//     ")) {
            let (call, expect) =
                line.split_once(" => ").unwrap_or_else(|| panic!("{file}: no `=>` in {line}"));
            let got: Dynamic = engine.eval(call).unwrap_or_else(|error| panic!("{file}: {call}: {error}"));
            let expect: Dynamic = engine.eval(expect).unwrap();
            assert_eq!(shown(&got), shown(&expect), "{file}: {call}");
            count += 1;
        }
    }
    assert!(count > 30, "{count} examples");
}

#[test]
fn every_function_is_documented() {
    for (namespace, module) in super::modules() {
        let (_, page) =
            FILES.into_iter().find(|(file, _)| file.strip_suffix(".rhai") == Some(namespace)).unwrap();
        for signature in module.gen_fn_signatures_with_mapper(|name| name.into()) {
            let name = signature.split('(').next().unwrap_or_default().trim().to_owned();
            assert!(
                page.contains(&format!("## `{namespace}::{name}(")),
                "{namespace}::{name} is not documented"
            );
        }
    }
}

#[test]
fn the_page_is_made_of_the_files() {
    let mut page = String::from(
        "<!-- Made from the .rhai files here: `UPDATE_EXPECT=1 cargo test -p rollcall-script` writes it. -->\n\n\
         # The library\n\n\
         Functions that every expression and rule can call, without an import. The examples run as tests.\n",
    );
    for (_, source) in FILES {
        page.push('\n');
        for line in source.lines() {
            let line = line.strip_prefix("//").unwrap();
            let line = line.strip_prefix(' ').unwrap_or(line);
            let heading = if line.starts_with('#') { "#" } else { "" };
            page.push_str(heading);
            page.push_str(line);
            page.push('\n');
        }
    }
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../rules/README.md");
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        std::fs::write(path, &page).unwrap();
    }
    let stands = std::fs::read_to_string(path).unwrap_or_default();
    assert!(stands == page, "rules/README.md is out of date: UPDATE_EXPECT=1 cargo test -p rollcall-script");
}
