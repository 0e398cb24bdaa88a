//! `connector new` and `connector build`: a project of a partner's own, and its component.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rollcall_connectors::{Manifest, Package};
use rollcall_core::codes;
use serde_json::{Value, json};

use crate::args::Language;
use crate::commands::connector::files;
use crate::commands::connector::read::size;
use crate::exit;
use crate::failure::Failure;
use crate::output::Output;
use crate::view::json as shapes;
use crate::view::text::shown;

/// What components are compiled for.
const TARGET: &str = "wasm32-wasip2";
/// The connector of `plugins/README.md`, which is tested there.
const EXAMPLE: &str = include_str!("../../../../../plugins/sdk/examples/roster.rs");
const MANIFEST: &str = include_str!("../../../../../plugins/sdk/examples/roster.toml");
const IGNORED: &str = "/target\n*.key\n*.rollcall*\noffice.db*\n";

/// Makes a project.
pub(super) fn new(output: &Output, name: &str, dir: Option<&Path>, lang: Language) -> Result<u8, Failure> {
    if lang != Language::Rust {
        let message = "a project is made for Rust alone";
        let hint = "plugins/README.md says what there is for other languages; the contract is plugins/wit/v0.1/connector.wit";
        return Err(Failure::new(exit::USAGE, codes::USAGE, message).hint(hint));
    }
    let manifest = MANIFEST.replacen("name = \"roster\"", &format!("name = \"{name}\""), 1);
    Manifest::parse(manifest.as_bytes()).map_err(|_| {
        let message = format!("`{}` is no name for a connector", name.escape_default());
        let hint = "it is of `[a-z0-9-]`, begins with a letter, and is at most 40 long";
        Failure::new(exit::USAGE, codes::USAGE, message).hint(hint)
    })?;
    if rollcall_bundled::find(name).is_some() {
        let message = format!("`{name}` is the name of a connector that comes with rollcall");
        return Err(Failure::new(exit::USAGE, codes::NAME_RESERVED, message).hint("give another name"));
    }
    let dir = dir.map_or_else(|| PathBuf::from(name), Path::to_owned);
    if std::fs::read_dir(&dir).is_ok_and(|mut entries| entries.next().is_some()) {
        let message = format!("the folder `{}` is not empty", dir.display());
        return Err(Failure::new(exit::USAGE, codes::FILE, message).hint("give the name of a new one"));
    }
    let filled = |text: &str| text.replace("NAME", name).replace("CRATE", &name.replace('-', "_"));
    let own = [
        ("Cargo.toml", filled(include_str!("template/Cargo.toml.txt"))),
        ("src/lib.rs", EXAMPLE.replace("\"roster.toml\"", "\"connector.toml\"")),
        ("src/connector.toml", manifest),
        ("tests/reads.rs", filled(include_str!("template/reads.rs.txt"))),
        ("job.toml", filled(include_str!("template/job.toml.txt"))),
        ("people.recording", filled(include_str!("template/people.recording.txt"))),
        (".gitignore", IGNORED.to_owned()),
        ("sdk/rollcall-connector/Cargo.toml", include_str!("template/sdk.toml.txt").to_owned()),
    ];
    for (path, text) in own {
        write(&dir.join(path), &text)?;
    }
    for (path, text) in rollcall_bundled::SDK {
        write(&dir.join("sdk").join(path), text)?;
    }
    if output.json {
        output.payload(&shapes::write(&json!({
            "schema_version": shapes::SCHEMA_VERSION, "name": name, "folder": dir.display().to_string(),
        })));
    }
    let dir = dir.display().to_string();
    output.human(&format!(
        "{0}\n\n  src/lib.rs          the connector; src/connector.toml says what it asks for\n  \
         tests/reads.rs      `cargo test` runs it natively\n  job.toml            runs it, against the answers in \
         people.recording\n  sdk/                the SDK's sources\n\nNext: cd {0} && rollcall connector build && \
         rollcall connector run\n",
        shown(&dir)
    ));
    Ok(exit::DONE)
}

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(|error| {
            let message = format!("`{}` cannot be made: {error}", folder.display());
            Failure::new(exit::ERROR, codes::FILE, message)
        })?;
    }
    files::write(path, text.as_bytes(), false)
}

/// Builds a project.
pub(super) fn build(output: &Output, dir: &Path) -> Result<u8, Failure> {
    let failed =
        |message: String, hint: &str| Err(Failure::new(exit::ERROR, codes::BUILD, message).hint(hint));
    if !dir.join("Cargo.toml").is_file() {
        let message = format!("there is no `Cargo.toml` in `{}`", dir.display());
        return failed(message, "this builds projects in Rust; plugins/README.md says how others are built");
    }
    let libraries = Command::new("rustc").args(["--print", "target-libdir", "--target", TARGET]).output();
    let Ok(libraries) = libraries else {
        return failed("there is no `rustc` on the path".to_owned(), "install Rust: https://rustup.rs");
    };
    if !Path::new(String::from_utf8_lossy(&libraries.stdout).trim()).is_dir() {
        let hint = format!("type `rustup target add {TARGET}`");
        return failed(format!("this Rust does not compile for `{TARGET}`"), &hint);
    }
    let told = ["--release", "--target", TARGET, "--message-format", "json-render-diagnostics"];
    let built =
        Command::new("cargo").arg("build").args(told).current_dir(dir).stderr(Stdio::inherit()).output();
    let built = match built {
        Ok(built) if built.status.success() => built.stdout,
        Ok(_) => return failed("the project does not compile".to_owned(), "what cargo said stands above"),
        Err(error) => {
            return failed(format!("`cargo` cannot be run: {error}"), "install Rust: https://rustup.rs");
        }
    };
    let lines = String::from_utf8_lossy(&built);
    let artefacts = lines.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let component = artefacts.filter_map(|line| component(&line)).next_back();
    let Some(component) = component else {
        let hint = "`crate-type` under `[lib]` has to name `cdylib`";
        return failed("the project makes no component".to_owned(), hint);
    };
    // What would be refused later is told now.
    let package = Package::read(files::package(&component)?).map_err(Failure::invalid)?;
    if output.json {
        output.payload(&shapes::write(&json!({
            "schema_version": shapes::SCHEMA_VERSION, "component": component.display().to_string(),
            "name": package.manifest().name, "version": package.manifest().version,
            "component_sha256": package.digest_text(), "size_bytes": package.bytes().len(),
        })));
    }
    let bytes = u64::try_from(package.bytes().len()).unwrap_or(u64::MAX);
    output.human(&format!("{}\n{}, sha256:{}\n", component.display(), size(bytes), package.digest_text()));
    Ok(exit::DONE)
}

/// Gives the component that a line of cargo's speaks of.
fn component(line: &Value) -> Option<PathBuf> {
    let names = line.get("filenames")?.as_array()?.iter().filter_map(Value::as_str);
    names.map(PathBuf::from).find(|path| path.extension().is_some_and(|ending| ending == "wasm"))
}
