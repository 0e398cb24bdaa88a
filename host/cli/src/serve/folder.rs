//! Which job files are served: those that were named, and those that lie in a folder that was named.

use std::fs::Metadata;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use crate::exit;
use crate::failure::Failure;
use rollcall_core::codes;

/// A job file to serve.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Found {
    /// Its path.
    pub(crate) path: PathBuf,
    /// Whether it was named itself; one that only lies in a folder may also be no job for a schedule.
    pub(crate) named: bool,
}

/// Lists the job files. In a folder these are its `*.toml` with a `name` at the top, and the `job.toml` of each folder
/// below.
pub(crate) fn list(named: &[PathBuf]) -> Result<Vec<Found>, Failure> {
    let mut found = Vec::new();
    for path in named {
        if path.is_dir() {
            let within = inside(path).map_err(|why| {
                let message = format!("the folder `{}` cannot be read: {why}", path.display());
                Failure::new(exit::ERROR, codes::FILE, message)
            })?;
            found.extend(within.into_iter().map(|path| Found { path, named: false }));
        } else {
            found.push(Found { path: path.clone(), named: true });
        }
    }
    found.sort();
    // A file that was named and lies in a folder too counts as named.
    found.reverse();
    found.dedup_by(|second, first| second.path == first.path);
    found.reverse();
    Ok(found)
}

fn inside(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let path = entry.path();
        // An editor's own copies begin with a dot.
        if entry.file_name().as_encoded_bytes().starts_with(b".") {
            continue;
        }
        if path.is_dir() {
            let job = path.join("job.toml");
            found.extend(job.is_file().then_some(job));
        } else if path.extension().is_some_and(|end| end == "toml") && is_job(&path) {
            found.push(path);
        }
    }
    Ok(found)
}

/// Tells whether a file is a job and not a part of one, an office or a rule test: only jobs have a `name` at the top.
fn is_job(path: &Path) -> bool {
    let Ok(text) = std::fs::read_to_string(path) else { return true };
    let top = text.lines().map(str::trim_start).take_while(|line| !line.starts_with('['));
    let mut keys = top.filter_map(|line| line.split_once('=')).map(|(key, _)| key.trim().trim_matches('"'));
    keys.any(|key| key == "name")
}

/// What shows that a file was changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stamp(Option<(u64, u64, u64, i64, i64, i64, i64)>);

impl Stamp {
    /// Looks at a file.
    pub(crate) fn of(path: &Path) -> Self {
        let of = |meta: Metadata| {
            let (written, changed) = ((meta.mtime(), meta.mtime_nsec()), (meta.ctime(), meta.ctime_nsec()));
            (meta.dev(), meta.ino(), meta.size(), written.0, written.1, changed.0, changed.1)
        };
        Self(path.metadata().ok().map(of))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_a_job() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        let write = |name: &str, text: &str| {
            let path = root.join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, text).unwrap();
        };
        write("b.toml", "# a job\nname = \"B\"\n[directory]\n");
        write("a.toml", "include = [\"phone.toml\"]\n\"name\" = \"A\"\n");
        write("phone.toml", "[phone_system]\nname = \"x\"\n");
        write("rules.test.toml", "[[case]]\nname = \"x\"\n");
        write("rules.rhai", "");
        write(".b.toml", "name = \"B\"\n");
        write("teams/job.toml", "name = \"C\"\n");
        write("teams/other.toml", "name = \"D\"\n");
        let names = |named: &[&str]| -> Vec<String> {
            let named: Vec<PathBuf> = named.iter().map(|name| root.join(name)).collect();
            let shown = |found: Found| {
                let path = found.path.strip_prefix(root).unwrap().display().to_string();
                format!("{path}{}", if found.named { " named" } else { "" })
            };
            list(&named).unwrap().into_iter().map(shown).collect()
        };
        assert_eq!(names(&[""]), ["a.toml", "b.toml", "teams/job.toml"]);
        assert_eq!(
            names(&["", "b.toml", "teams/other.toml"]),
            ["a.toml", "b.toml named", "teams/job.toml", "teams/other.toml named"]
        );
        assert_eq!(names(&["none.toml"]), ["none.toml named"]);
    }

    #[test]
    fn a_stamp_moves_with_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        let none = Stamp::of(&path);
        std::fs::write(&path, "1").unwrap();
        let one = Stamp::of(&path);
        std::fs::write(&path, "22").unwrap();
        assert_ne!(none, one);
        assert_ne!(one, Stamp::of(&path));
        assert_eq!(Stamp::of(&path), Stamp::of(&path));
    }
}
