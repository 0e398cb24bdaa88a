//! Compiles the bundled connectors to WebAssembly, in one cargo call.
//!
//! They are components like a partner's, so that the partner's way is the only way. The target folder is their own
//! (`target/connectors`), because the outer cargo holds the lock of the usual one while this runs, and because flags for
//! the host's machine must not reach the sandbox. `ROLLCALL_CONNECTORS=DIR` takes ready `NAME.wasm` files instead.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::{env, fs};

const TARGET: &str = "wasm32-wasip2";
const PROFILE: &str = "connector";

/// Name and package of each bundled connector, sorted by name.
const CONNECTORS: &[(&str, &str)] = &[
    ("csv", "rollcall-connector-csv"),
    ("entra", "rollcall-connector-entra"),
    ("google", "rollcall-connector-google"),
    ("ldap", "rollcall-connector-ldap"),
    ("okta", "rollcall-connector-okta"),
    ("scim", "rollcall-connector-scim"),
];

/// What the outer cargo sets for the host's own crates (or for clippy) and the inner one must not see.
const CLEARED: &[&str] = &[
    "CARGO_BUILD_TARGET",
    "CARGO_ENCODED_RUSTFLAGS",
    "CARGO_TARGET_DIR",
    "CARGO_BUILD_TARGET_DIR",
    "CLIPPY_ARGS",
    "RUSTC",
    "RUSTC_LINKER",
    "RUSTC_WORKSPACE_WRAPPER",
    "RUSTC_WRAPPER",
    "RUSTDOC",
    "RUSTFLAGS",
    "TARGET",
];

fn main() -> ExitCode {
    match bundle() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // The one way in which a build script can say something to a person.
            println!("cargo::error={error}");
            ExitCode::FAILURE
        }
    }
}

fn bundle() -> Result<(), Box<dyn Error>> {
    let here = PathBuf::from(var("CARGO_MANIFEST_DIR")?);
    let root = here.join("../..").canonicalize()?;
    let out = PathBuf::from(var("OUT_DIR")?);
    println!("cargo::rerun-if-env-changed=ROLLCALL_CONNECTORS");
    println!("cargo::rerun-if-changed=build.rs");
    let ready = env::var_os("ROLLCALL_CONNECTORS").filter(|folder| !folder.is_empty());
    let mut list = String::from("&[\n");
    if ready.is_none() {
        watch(&root);
        compile(&root)?;
    }
    for (name, package) in CONNECTORS {
        let from = match &ready {
            Some(folder) => root.join(folder).join(format!("{name}.wasm")),
            None => built(&root).join(format!("{}.wasm", package.replace('-', "_"))),
        };
        if ready.is_some() {
            println!("cargo::rerun-if-changed={}", from.display());
        }
        let to = out.join(format!("{name}.wasm"));
        fs::copy(&from, &to).map_err(|error| {
            format!("cannot take the connector `{name}` from `{}`: {error}", from.display())
        })?;
        list.push_str(&format!(
            "    Bundled {{ name: {name:?}, bytes: include_bytes!({:?}) }},\n",
            to.display().to_string()
        ));
    }
    list.push(']');
    fs::write(out.join("bundled.rs"), list)?;
    for (list, folders) in SDKS {
        fs::write(out.join(list), sdk(&root, folders)?)?;
    }
    Ok(())
}

/// The SDKs: the file that lists one's sources, and the folders of `plugins` with them, each with its path in a project.
const SDKS: &[(&str, &[(&str, &str)])] = &[
    ("sdk.rs", &[("wit/v0.1", "wit/v0.1/"), ("sdk/src", "rollcall-connector/src/")]),
    ("sdk-javascript.rs", &[("sdk-javascript", ""), ("sdk-javascript/testing", "testing/")]),
    ("sdk-python.rs", &[("sdk-python", ""), ("sdk-python/rollcall_connector", "rollcall_connector/")]),
];

/// How the names of sources end; what a build leaves beside them does not matter.
const SOURCES: &[&str] = &["js", "json", "py", "rs", "toml", "ts", "wit"];

/// Lists the sources that a project outside of this repository needs of an SDK: path and text, in order.
fn sdk(root: &Path, folders: &[(&str, &str)]) -> Result<String, Box<dyn Error>> {
    let mut files = Vec::new();
    for (folder, place) in folders {
        let folder = root.join("plugins").join(folder);
        // A file that is added to the folder changes the folder.
        println!("cargo::rerun-if-changed={}", folder.display());
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            let source = path.extension().is_some_and(|ending| SOURCES.iter().any(|known| ending == *known));
            if source && path.is_file() {
                let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
                files.push((format!("{place}{name}"), path));
            }
        }
    }
    files.sort();
    let mut list = String::from("&[\n");
    for (name, path) in files {
        list.push_str(&format!("    ({name:?}, include_str!({:?})),\n", path.display().to_string()));
    }
    list.push(']');
    Ok(list)
}

/// Names everything that the connectors are made of.
fn watch(root: &Path) {
    let mut paths = vec!["Cargo.toml".to_owned(), "Cargo.lock".to_owned(), "plugins/wit".to_owned()];
    for crate_name in CONNECTORS.iter().map(|(name, _)| *name).chain(["sdk"]) {
        for part in ["src", "Cargo.toml", "connector.toml"] {
            paths.push(format!("plugins/{crate_name}/{part}"));
        }
    }
    for path in paths {
        let path = root.join(path);
        // A path that does not exist would make cargo run this script every time.
        if path.exists() {
            println!("cargo::rerun-if-changed={}", path.display());
        }
    }
}

fn compile(root: &Path) -> Result<(), Box<dyn Error>> {
    add_target()?;
    let mut cargo = Command::new(var("CARGO")?);
    cargo
        .current_dir(root)
        .args(["build", "--locked", "--profile", PROFILE, "--target", TARGET])
        .arg("--target-dir")
        .arg(root.join("target/connectors"));
    for (_, package) in CONNECTORS {
        cargo.args(["-p", package]);
    }
    for name in CLEARED {
        cargo.env_remove(name);
    }
    for (name, _) in env::vars_os() {
        // Features and profile settings of this crate, as cargo tells its build script of them.
        let text = name.to_string_lossy();
        if ["CARGO_FEATURE_", "CARGO_CFG_", "CARGO_PROFILE_"].iter().any(|prefix| text.starts_with(prefix)) {
            cargo.env_remove(&name);
        }
    }
    let output = cargo.output()?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("the connectors do not compile:\n{}", String::from_utf8_lossy(&output.stderr))
        .replace('\n', "\ncargo::error=")
        .into())
}

/// Adds the WebAssembly target where it is missing.
fn add_target() -> Result<(), Box<dyn Error>> {
    if has_target()? {
        return Ok(());
    }
    let added = Command::new("rustup").args(["target", "add", TARGET]).output();
    if added.is_ok_and(|output| output.status.success()) && has_target()? {
        return Ok(());
    }
    Err(format!(
        "connectors are compiled for `{TARGET}`, which this Rust does not have; type `rustup target add {TARGET}`, or \
         set `ROLLCALL_CONNECTORS` to a folder with ready .wasm files"
    )
    .into())
}

/// Tells whether the target's standard library is there; without rustup there is nobody else to ask.
fn has_target() -> Result<bool, Box<dyn Error>> {
    let output =
        Command::new(var("RUSTC")?).args(["--print", "target-libdir", "--target", TARGET]).output()?;
    let folder = String::from_utf8_lossy(&output.stdout);
    Ok(output.status.success() && Path::new(folder.trim()).is_dir())
}

fn built(root: &Path) -> PathBuf {
    root.join("target/connectors").join(TARGET).join(PROFILE)
}

fn var(name: &str) -> Result<String, Box<dyn Error>> {
    env::var(name).map_err(|error| format!("`{name}`: {error}").into())
}
