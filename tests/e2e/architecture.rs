//! The architecture, held: which crate may know which, who may print, how long a file may be.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::repository;

/// The longest a source file may be, in lines.
const FILE_LINES_MAX: usize = 500;

/// Who may use whom of our own crates; the binary and the tests may use all.
const DIRECTION: [(&str, &[&str]); 19] = [
    ("rollcall-core", &[]),
    ("rollcall-job", &["rollcall-core"]),
    ("rollcall-script", &["rollcall-core"]),
    ("rollcall-edges", &["rollcall-core"]),
    ("rollcall-net", &["rollcall-core", "rollcall-edges"]),
    ("rollcall-sqlite", &[]),
    ("rollcall-connectors", &["rollcall-core", "rollcall-edges", "rollcall-net"]),
    ("rollcall-office", &["rollcall-core", "rollcall-edges", "rollcall-net", "rollcall-sqlite"]),
    ("rollcall-state", &["rollcall-core", "rollcall-edges", "rollcall-sqlite"]),
    ("rollcall-engine", &["rollcall-core", "rollcall-edges", "rollcall-job", "rollcall-script"]),
    ("rollcall-bundled", &[]),
    ("rollcall-connector", &[]),
    ("rollcall-connector-entra", &["rollcall-connector"]),
    ("rollcall-connector-csv", &["rollcall-connector"]),
    ("rollcall-connector-google", &["rollcall-connector"]),
    ("rollcall-connector-ldap", &["rollcall-connector"]),
    ("rollcall-connector-okta", &["rollcall-connector"]),
    ("rollcall-connector-scim", &["rollcall-connector"]),
    ("rollcall-guest-hostile", &["rollcall-connector"]),
];

/// What a crate must not reach, directly or through others.
const FORBIDDEN: [(&str, &[&str]); 9] = [
    ("rollcall-core", &["wasmtime", "reqwest", "rusqlite", "tokio", "rhai", "serde"]),
    ("rollcall-job", &["wasmtime", "reqwest", "rusqlite", "tokio", "rhai"]),
    ("rollcall-script", &["wasmtime", "reqwest", "rusqlite", "tokio"]),
    ("rollcall-edges", &["wasmtime", "reqwest", "rusqlite", "rhai"]),
    ("rollcall-engine", &["wasmtime", "reqwest", "rusqlite"]),
    ("rollcall-net", &["wasmtime", "rusqlite", "rhai"]),
    ("rollcall-sqlite", &["wasmtime", "reqwest", "rhai"]),
    ("rollcall-state", &["wasmtime", "reqwest", "rhai"]),
    ("rollcall-office", &["wasmtime", "rhai"]),
];

/// The adapters, which must not know the engine even in their tests.
const ADAPTERS: [&str; 4] = ["rollcall-connectors", "rollcall-office", "rollcall-state", "rollcall-net"];

/// The workspace as cargo resolves it.
struct Graph {
    names: BTreeMap<String, String>,
    ours: BTreeSet<String>,
    /// Package id to the package ids of its normal and build dependencies.
    edges: BTreeMap<String, Vec<String>>,
    /// Our packages' names to the names of their dev-dependencies.
    dev: BTreeMap<String, Vec<String>>,
}

impl Graph {
    fn read() -> Self {
        // Only this machine's platform: packages of the others were never downloaded.
        let platform = format!("{}-{}", std::env::consts::ARCH, host_rest());
        let output = Command::new(env!("CARGO"))
            .args(["metadata", "--format-version", "1", "--offline", "--locked", "--all-features"])
            .args(["--filter-platform", &platform])
            .current_dir(repository(""))
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let root: Value = serde_json::from_slice(&output.stdout).unwrap();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let list = |value: &Value| value.as_array().unwrap().clone();
        let names = list(&root["packages"]).iter().map(|p| (text(&p["id"]), text(&p["name"]))).collect();
        let ours: BTreeSet<String> = list(&root["workspace_members"]).iter().map(text).collect();
        let (mut edges, mut dev) = (BTreeMap::new(), BTreeMap::new());
        for node in list(&root["resolve"]["nodes"]) {
            let of_kind = |wanted: &dyn Fn(&str) -> bool| -> Vec<String> {
                let has = |dep: &Value| {
                    list(&dep["dep_kinds"]).iter().any(|k| wanted(k["kind"].as_str().unwrap_or("normal")))
                };
                list(&node["deps"]).iter().filter(|dep| has(dep)).map(|dep| text(&dep["pkg"])).collect()
            };
            dev.insert(text(&node["id"]), of_kind(&|kind| kind == "dev"));
            edges.insert(text(&node["id"]), of_kind(&|kind| kind != "dev"));
        }
        Self { names, ours, edges, dev }
    }

    fn id(&self, name: &str) -> &str {
        self.ours
            .iter()
            .find(|id| self.names[*id] == name)
            .unwrap_or_else(|| panic!("there is no crate `{name}`"))
    }

    fn ours_used_by<'a>(
        &'a self,
        edges: &'a BTreeMap<String, Vec<String>>,
        id: &str,
    ) -> impl Iterator<Item = &'a str> {
        edges[id].iter().filter(|id| self.ours.contains(*id)).map(|id| self.names[id].as_str())
    }

    /// Gives the names of everything that a crate reaches, with the way there.
    fn reached(&self, name: &str) -> BTreeMap<String, String> {
        let mut found = BTreeMap::new();
        let mut open = vec![(self.id(name).to_owned(), name.to_owned())];
        while let Some((id, way)) = open.pop() {
            for next in &self.edges[&id] {
                let name = &self.names[next];
                if !found.contains_key(name) {
                    let way = format!("{way} -> {name}");
                    found.insert(name.clone(), way.clone());
                    open.push((next.clone(), way));
                }
            }
        }
        found
    }
}

/// Gives what follows the processor in the platform's name.
fn host_rest() -> &'static str {
    match std::env::consts::OS {
        "macos" => "apple-darwin",
        "windows" => "pc-windows-msvc",
        _ => "unknown-linux-gnu",
    }
}

#[test]
fn dependencies_point_inwards() {
    let graph = Graph::read();
    let rules: BTreeMap<_, _> = DIRECTION.into_iter().collect();
    let mut wrong = Vec::new();
    for id in &graph.ours {
        let name = graph.names[id].as_str();
        if matches!(name, "rollcall" | "rollcall-tests") {
            continue;
        }
        let Some(allowed) = rules.get(name) else {
            wrong.push(format!("`{name}` has no line in DIRECTION"));
            continue;
        };
        let used = graph.ours_used_by(&graph.edges, id).filter(|used| !allowed.contains(used));
        wrong.extend(used.map(|used| format!("`{name}` uses `{used}`")));
    }
    for adapter in ADAPTERS {
        let dev = graph.ours_used_by(&graph.dev, graph.id(adapter));
        wrong.extend(
            dev.filter(|used| matches!(*used, "rollcall-engine" | "rollcall"))
                .map(|used| format!("the tests of `{adapter}` use `{used}`")),
        );
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn crates_stay_free_of_what_they_must_not_know() {
    let graph = Graph::read();
    let mut wrong = Vec::new();
    for (name, forbidden) in FORBIDDEN {
        let reached = graph.reached(name);
        wrong.extend(forbidden.iter().filter_map(|there| reached.get(*there)).cloned());
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn only_the_binary_prints_or_exits() {
    // Written in two parts so that this file does not find itself.
    let words = ["println", "print"].map(|word| format!("{word}{}(", '!'));
    let exit = concat!("process", "::exit(");
    let mut wrong = Vec::new();
    for file in sources(&["host", "plugins"]) {
        let shown = shown(&file);
        if shown.starts_with("host/cli/")
            || shown.ends_with("/build.rs")
            || shown.contains("/tests")
            || shown.contains("/examples/")
        {
            continue;
        }
        for (line, text) in code(&file) {
            if words.iter().any(|word| text.contains(word.as_str())) || text.contains(exit) {
                wrong.push(format!("{shown}:{line}: {}", text.trim()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn files_are_short_enough_to_read() {
    let mut wrong = Vec::new();
    for file in sources(&["host", "plugins", "tests"]) {
        let lines = std::fs::read_to_string(&file).unwrap().lines().count();
        if lines > FILE_LINES_MAX {
            wrong.push(format!("{} has {lines} lines", shown(&file)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn files_say_why_they_exist() {
    let mut wrong = Vec::new();
    for file in sources(&["host", "plugins", "tests"]) {
        if !std::fs::read_to_string(&file).unwrap().starts_with("//!") {
            wrong.push(shown(&file));
        }
    }
    assert!(wrong.is_empty(), "no `//!` paragraph on top:\n{}", wrong.join("\n"));
}

#[test]
fn no_file_names_a_folder_of_somebodys_machine() {
    let output = Command::new("git").args(["ls-files", "-z"]).current_dir(repository("")).output();
    let Ok(output) =
        output.map_err(drop).and_then(|output| output.status.success().then_some(output).ok_or(()))
    else {
        // A source archive has no list of tracked files.
        return;
    };
    let machine = [concat!("/wo", "rk/"), concat!("/ro", "ot/"), concat!("/home", "/user")];
    let mut wrong = Vec::new();
    for name in String::from_utf8(output.stdout).unwrap().split('\0').filter(|name| !name.is_empty()) {
        let Ok(text) = std::fs::read_to_string(repository(name)) else { continue };
        let hits =
            text.lines().enumerate().filter(|(_, line)| machine.iter().any(|path| line.contains(path)));
        wrong.extend(hits.map(|(at, line)| format!("{name}:{}: {}", at + 1, line.trim())));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_file_of_this_suite_is_listed() {
    let listed: BTreeSet<String> = std::fs::read_to_string(repository("tests/e2e/main.rs"))
        .unwrap()
        .lines()
        .filter_map(|line| line.strip_prefix("mod ")?.strip_suffix(';').map(str::to_owned))
        .collect();
    let there: BTreeSet<String> = std::fs::read_dir(repository("tests/e2e"))
        .unwrap()
        .filter_map(|entry| entry.unwrap().file_name().to_str()?.strip_suffix(".rs").map(str::to_owned))
        .filter(|name| name != "main")
        .collect();
    assert_eq!(listed, there);
}

/// Gives every Rust file below some folders, in order.
fn sources(folders: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open: Vec<PathBuf> = folders.iter().map(|folder| repository(folder)).collect();
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                if !path.ends_with("target") && !path.ends_with("node_modules") {
                    open.push(path);
                }
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

fn shown(path: &Path) -> String {
    path.strip_prefix(repository("")).unwrap_or(path).display().to_string()
}

/// Gives the numbered lines of a file that are neither comment nor inside its `#[cfg(test)]` module.
fn code(path: &Path) -> Vec<(usize, String)> {
    let text = std::fs::read_to_string(path).unwrap();
    let mut lines = Vec::new();
    for (at, line) in text.lines().enumerate() {
        if line.trim() == "#[cfg(test)]" {
            break;
        }
        if !line.trim_start().starts_with("//") {
            lines.push((at + 1, line.to_owned()));
        }
    }
    lines
}
