//! `connector build`: a project's component, by the tools of its language.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::SystemTime;

use rollcall_connectors::{Manifest, Package, Stage};
use rollcall_core::{Diagnostic, codes};
use serde_json::{Value, json};

use crate::commands::connector::read::size;
use crate::commands::connector::{files, stale};
use crate::exit;
use crate::failure::Failure;
use crate::output::Output;
use crate::view::json as shapes;
use crate::wiring::reserved;

/// What components are compiled for.
const TARGET: &str = "wasm32-wasip2";
/// The most that is read of a manifest, in bytes; what is too much for one is said by the check.
const MANIFEST_TEXT: usize = 1 << 20;
const RUST_HINT: &str = "install Rust: https://rustup.rs";
const NODE_HINT: &str = "install Node 20 or newer: https://nodejs.org";
const PYTHON_HINT: &str = "install Python 3.11 or newer, with venv and pip";

/// Builds a project.
pub(super) fn build(output: &Output, dir: &Path) -> Result<u8, Failure> {
    let begun = SystemTime::now();
    let has = |name: &str| dir.join(name).is_file();
    // Where the manifest stands by itself, its mistakes are told before the tools run, by its own name.
    for path in
        [Manifest::FILE.into(), Path::new("src").join(Manifest::FILE)].map(|path: PathBuf| dir.join(path))
    {
        if path.is_file() {
            let file = path.display().to_string();
            Manifest::parse_file(files::text(&path, MANIFEST_TEXT)?.as_bytes(), &file, Stage::Make)
                .map_err(Failure::invalid)?;
        }
    }
    // Cargo finds its own; the other builds seal the one beside the sources.
    if !has("Cargo.toml") && (has("package.json") || has("requirements.txt")) && !has(Manifest::FILE) {
        let message = format!("there is no `{}` in `{}`", Manifest::FILE, dir.display());
        return Err(failed(
            message,
            "it says what the connector asks for; `rollcall connector new NAME` makes one",
        ));
    }
    let built = match () {
        () if has("Cargo.toml") => rust(dir).map_err(|failure| (failure, made_by_cargo(dir))),
        () if has("package.json") => javascript(dir).map_err(|failure| (failure, made_in(dir))),
        () if has("requirements.txt") => python(dir).map_err(|failure| (failure, made_in(dir))),
        () => {
            let message = format!(
                "there is no `Cargo.toml`, `package.json` or `requirements.txt` in `{}`",
                dir.display()
            );
            return Err(failed(message, "`rollcall connector new NAME` makes a project"));
        }
    };
    let component = built.map_err(|(failure, earlier)| set_aside(failure, &earlier))?;
    // What would be refused later is told now.
    let package = Package::read(files::package(&component)?).map_err(Failure::invalid)?;
    package.check_for(Stage::Make).map_err(Failure::invalid)?;
    reserved(&package).map_err(|why| Failure::invalid(vec![why]))?;
    stale::built(&component, begun);
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

/// Moves what earlier builds have made away, so that no job takes it for what was to be built now.
fn set_aside(mut failure: Failure, earlier: &[PathBuf]) -> Failure {
    for path in earlier {
        let aside = PathBuf::from(format!("{}.old", path.display()));
        let (from, to) = (path.display(), aside.display());
        failure.diagnostics.push(match std::fs::rename(path, &aside) {
            Ok(()) => {
                Diagnostic::note(codes::BUILD, format!("`{from}` is of an earlier build and is `{to}` now"))
            }
            Err(error) => {
                let message = format!("`{from}` is of an earlier build and cannot be moved: {error}");
                Diagnostic::error(codes::BUILD, message).hint("remove it, or jobs go on with it")
            }
        });
    }
    failure
}

/// Gives the connectors right inside a folder.
fn made_in(dir: &Path) -> Vec<PathBuf> {
    let is_connector = |path: &PathBuf| files::package(path).is_ok_and(|bytes| Package::read(bytes).is_ok());
    with_ending(dir, "wasm").unwrap_or_default().into_iter().filter(is_connector).collect()
}

/// Gives the component of a project where cargo would put it; cargo knows the folder and the name.
fn made_by_cargo(dir: &Path) -> Vec<PathBuf> {
    let told = ["metadata", "--no-deps", "--offline", "--format-version", "1"];
    let told = Command::new("cargo").args(told).current_dir(dir).stderr(Stdio::null()).output();
    let known: Option<Value> = told.ok().and_then(|told| serde_json::from_slice(&told.stdout).ok());
    let Some(known) = known else {
        return made_in(&dir.join("target").join(TARGET).join("release"));
    };
    let folder =
        Path::new(known["target_directory"].as_str().unwrap_or("target")).join(TARGET).join("release");
    let own = dir.join("Cargo.toml").canonicalize().ok();
    let packages = known["packages"].as_array().into_iter().flatten();
    let ours = packages.filter(|one| own.as_deref() == one["manifest_path"].as_str().map(Path::new));
    let targets = ours.flat_map(|one| one["targets"].as_array().into_iter().flatten());
    let components =
        targets.filter(|one| one["crate_types"].as_array().is_some_and(|all| all.contains(&"cdylib".into())));
    let names = components.filter_map(|one| one["name"].as_str());
    let paths = names.map(|name| folder.join(format!("{}.wasm", name.replace('-', "_"))));
    paths.filter(|path| path.is_file()).collect()
}

fn failed(message: String, hint: &str) -> Failure {
    Failure::new(exit::ERROR, codes::BUILD, message).hint(hint)
}

/// Runs a tool in the project; what it says goes to the standard error, for the standard output is ours.
fn run(tool: &Path, arguments: &[&str], dir: &Path, missing: &str) -> Result<(), Failure> {
    let shown = tool.file_name().unwrap_or(tool.as_os_str()).to_string_lossy();
    let status = Command::new(tool).args(arguments).current_dir(dir).stdout(std::io::stderr()).status();
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(_) => {
            let message = format!("`{shown} {}` failed", arguments.join(" "));
            Err(failed(message, "what it said stands above"))
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            Err(failed(format!("there is no `{shown}` on the path"), missing))
        }
        Err(error) => Err(failed(format!("`{shown}` cannot be run: {error}"), missing)),
    }
}

fn rust(dir: &Path) -> Result<PathBuf, Failure> {
    let libraries = Command::new("rustc").args(["--print", "target-libdir", "--target", TARGET]).output();
    let libraries = libraries.map_err(|_| failed("there is no `rustc` on the path".to_owned(), RUST_HINT))?;
    if !Path::new(String::from_utf8_lossy(&libraries.stdout).trim()).is_dir() {
        let hint = format!("type `rustup target add {TARGET}`");
        return Err(failed(format!("this Rust does not compile for `{TARGET}`"), &hint));
    }
    let told = ["--release", "--target", TARGET, "--message-format", "json-render-diagnostics"];
    let built =
        Command::new("cargo").arg("build").args(told).current_dir(dir).stderr(Stdio::inherit()).output();
    let built = match built {
        Ok(built) if built.status.success() => built.stdout,
        Ok(_) => {
            return Err(failed("the project does not compile".to_owned(), "what cargo said stands above"));
        }
        Err(error) => return Err(failed(format!("`cargo` cannot be run: {error}"), RUST_HINT)),
    };
    let lines = String::from_utf8_lossy(&built);
    let artefacts = lines.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    artefacts.filter_map(|line| artefact(&line)).next_back().ok_or_else(|| {
        let hint = "`crate-type` under `[lib]` has to name `cdylib`";
        failed("the project makes no component".to_owned(), hint)
    })
}

/// Gives the component that a line of cargo's speaks of.
fn artefact(line: &Value) -> Option<PathBuf> {
    let names = line.get("filenames")?.as_array()?.iter().filter_map(Value::as_str);
    names.map(PathBuf::from).find(|path| path.extension().is_some_and(|ending| ending == "wasm"))
}

fn javascript(dir: &Path) -> Result<PathBuf, Failure> {
    let npm = Path::new("npm");
    if !dir.join("node_modules/.bin/rollcall-componentize").exists() {
        run(npm, &["install"], dir, NODE_HINT)?;
    }
    let begun = SystemTime::now();
    run(npm, &["run", "--silent", "build"], dir, NODE_HINT)?;
    let made = with_ending(dir, "wasm")?.into_iter().filter_map(|path| {
        let written = path.metadata().and_then(|meta| meta.modified()).ok()?;
        Some((written, path))
    });
    // Clocks of files are coarser than the system's.
    let newest = made.max().filter(|(written, _)| *written + std::time::Duration::from_secs(2) >= begun);
    newest.map(|(_, path)| path).ok_or_else(|| {
        let hint = "the script `build` in `package.json` is `rollcall-componentize FILE.js`";
        failed("the script `build` makes no component in the project's folder".to_owned(), hint)
    })
}

fn python(dir: &Path) -> Result<PathBuf, Failure> {
    // Programs of the project, wherever this one was started.
    let own = |name: &str| {
        let path = dir.join(".venv/bin").join(name);
        std::path::absolute(&path).unwrap_or(path)
    };
    let sources = with_ending(dir, "py")?;
    let [source] = sources.as_slice() else {
        let message = format!("there are {} Python files beside `requirements.txt`", sources.len());
        let hint = "keep the connector there and its modules in a folder; or type `.venv/bin/rollcall-componentize FILE.py`";
        return Err(failed(message, hint));
    };
    if !own("rollcall-componentize").exists() {
        run(Path::new("python3"), &["-m", "venv", ".venv"], dir, PYTHON_HINT)?;
        run(&own("pip"), &["install", "--quiet", "-r", "requirements.txt"], dir, PYTHON_HINT)?;
    }
    let file = source.file_name().unwrap_or_default().to_string_lossy();
    let hint = "`requirements.txt` names the SDK: `./sdk`";
    run(&own("rollcall-componentize"), &[&file], dir, hint)?;
    Ok(source.with_extension("wasm"))
}

/// Gives the files right inside a folder whose names end so, sorted.
fn with_ending(dir: &Path, ending: &str) -> Result<Vec<PathBuf>, Failure> {
    let unreadable = |error: std::io::Error| {
        let message = format!("the folder `{}` cannot be read: {error}", dir.display());
        Failure::new(exit::ERROR, codes::FILE, message)
    };
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if path.extension().is_some_and(|other| other == ending) {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}
