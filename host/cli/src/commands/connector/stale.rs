//! A component that is older than what it was made of: whoever tries or packs it has yesterday's in hand.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use rollcall_connectors::Manifest;
use rollcall_core::{Diagnostic, codes};

/// How many folders above a component its project may be: cargo's `target/TARGET/release`.
const ABOVE: usize = 4;
/// How deep a project is looked through, in folders.
const DEPTH: usize = 6;
/// What no component is made of: what tools and tests leave there, and the SDK.
const OTHERS: [&str; 11] = [
    "target",
    "node_modules",
    "venv",
    "env",
    "dist",
    "build",
    "sdk",
    "test",
    "tests",
    "examples",
    "__pycache__",
];
/// What sources end with; of the rest only the manifests of connector and project count.
const SOURCES: [&str; 6] = ["rs", "js", "mjs", "ts", "py", "wit"];
const MANIFESTS: [&str; 4] = [Manifest::FILE, "Cargo.toml", "package.json", "requirements.txt"];

/// Warns of a component whose project has a newer source; says nothing where there is no project around it.
pub(super) fn warning(component: &Path) -> Option<Diagnostic> {
    let built = modified(component).filter(|_| component.is_file())?;
    let whole = std::path::absolute(component).ok()?;
    let project = whole.ancestors().skip(1).take(ABOVE).find(|folder| is_project(folder))?;
    let (source, _) = newest(project, DEPTH).filter(|(_, written)| *written > built)?;
    let source = source.strip_prefix(project).unwrap_or(&source).display().to_string();
    let message = format!("`{}` is older than `{source}` in its project", component.display());
    let hint = format!("`rollcall connector build {}` makes it anew", project.display());
    Some(Diagnostic::warning(codes::BUILD, message).hint(hint))
}

/// Notes that a component is as new as the build that began then: a tool that had nothing to do for a change leaves it
/// as old as it was. Where that cannot be noted nothing is lost but a warning too many.
pub(super) fn built(component: &Path, begun: SystemTime) {
    if modified(component).is_some_and(|written| written < begun) {
        let file = std::fs::File::options().append(true).open(component);
        let _ = file.and_then(|file| file.set_modified(begun));
    }
}

/// Says whether `connector build` could have made a component here.
fn is_project(folder: &Path) -> bool {
    let has = |name: &str| folder.join(name).is_file();
    MANIFESTS[1..].iter().any(|name| has(name))
        && (has(Manifest::FILE) || folder.join("src").join(Manifest::FILE).is_file())
}

fn modified(path: &Path) -> Option<SystemTime> {
    path.metadata().and_then(|meta| meta.modified()).ok()
}

/// Gives the source that was written last.
fn newest(folder: &Path, depth: usize) -> Option<(PathBuf, SystemTime)> {
    let entries = std::fs::read_dir(folder).ok()?.flatten();
    let found = entries.filter_map(|entry| {
        let (name, path) = (entry.file_name(), entry.path());
        let name = name.to_str().filter(|name| !name.starts_with('.') && !OTHERS.contains(name))?;
        // Of a link neither the kind nor what it leads to is asked for.
        let kind = entry.file_type().ok()?;
        if kind.is_dir() {
            return newest(&path, depth.checked_sub(1)?);
        }
        let is_source = path.extension().is_some_and(|ending| SOURCES.iter().any(|known| ending == *known));
        let counts = kind.is_file() && (is_source || MANIFESTS.contains(&name));
        counts.then(|| modified(&path)).flatten().map(|written| (path, written))
    });
    found.max_by_key(|(_, written)| *written)
}
