//! The files that a connector may read: what its manifest asks for and the job allows. The manifest asks for the folder
//! of a setting; the file that the setting names is allowed by that, and more of the folder takes a line of the job.

use std::path::{Component, Path, PathBuf};

use rollcall_core::{Diagnostic, codes};
use serde_json::Value;

use crate::grants_lines::unasked;
use crate::host::files::Named;
use crate::manifest::Manifest;
use crate::settings::Settings;
use crate::words::tame;

/// Gives the files and folders that the manifest asks for and the settings name, and checks that they are there. What
/// lies beside a file, or deeper in a folder, is not granted: that takes a line under `[directory.grants] files`.
pub(crate) fn files(
    manifest: &Manifest,
    settings: &Settings,
    must_exist: bool,
) -> Result<Vec<Named>, Vec<Diagnostic>> {
    let mut files = Vec::new();
    let mut wrong = Vec::new();
    for grant in &manifest.grant.files {
        let name = &grant.folder_of;
        let Some(path) = settings.path(name) else { continue };
        let folder = settings.is_folder(name);
        if must_exist && !(if folder { path.is_dir() } else { path.is_file() }) {
            let written = settings.values().get(name).and_then(Value::as_str).unwrap_or_default();
            let absent = absent(path, &tame(written, 200), folder);
            wrong.push(absent.path(&["directory", "settings", name]));
            continue;
        }
        let path = path.to_owned();
        files.push(if folder { Named::Folder(path) } else { Named::File(path) });
    }
    if wrong.is_empty() { Ok(files) } else { Err(wrong) }
}

/// Gives the folders that the manifest asks for and the job allows: of the job's line and the folder of a setting the
/// inner one.
///
/// # Errors
///
/// Gives each line that has nothing in common with what is asked for.
pub(crate) fn folders(
    manifest: &Manifest,
    settings: &Settings,
    job: &[PathBuf],
) -> Result<Vec<PathBuf>, Vec<Diagnostic>> {
    let grants = manifest.grant.files.iter().filter_map(|grant| {
        let path = settings.path(&grant.folder_of)?;
        let folder = if settings.is_folder(&grant.folder_of) { Some(path) } else { path.parent() };
        Some((grant.folder_of.as_str(), real(folder.unwrap_or(path))))
    });
    let asked: Vec<(&str, PathBuf)> = grants.collect();
    let mut folders: Vec<PathBuf> = Vec::new();
    let mut wrong = Vec::new();
    for (at, line) in job.iter().enumerate() {
        let line = real(line);
        let before = folders.len();
        for (_, folder) in &asked {
            if line.starts_with(folder) {
                folders.push(line.clone());
            } else if folder.starts_with(&line) {
                folders.push(folder.clone());
            }
        }
        if folders.len() == before {
            let names: Vec<String> =
                asked.iter().map(|(name, _)| format!("the folder of the setting `{name}`")).collect();
            let what = format!("`{}`", line.display());
            wrong.push(unasked(manifest, ("files", at), &what, &names, "[[grant.files]]"));
        }
    }
    if wrong.is_empty() { Ok(folders) } else { Err(wrong) }
}

/// Gives a path without links and dots; where it does not exist, as beside a recording, by its names alone.
fn real(path: &Path) -> PathBuf {
    let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
    path.canonicalize().unwrap_or_else(|_| {
        let mut plain = PathBuf::new();
        for part in std::path::absolute(path).unwrap_or_else(|_| path.to_owned()).components() {
            match part {
                Component::ParentDir => drop(plain.pop()),
                other => plain.push(other),
            }
        }
        plain
    })
}

/// Says that a path leads nowhere. The setting may well be right: whoever writes the file has not done so, or its disk
/// is not there.
fn absent(path: &Path, shown: &str, folder: bool) -> Diagnostic {
    let what = if folder { "folder" } else { "file" };
    // A file does not exist for a path with a slash behind it.
    let path = path.components().as_path();
    if path.is_dir() {
        let hint = format!("write `{shown}/` where every file in it is to be read");
        let message = format!("`{shown}` is a folder");
        return Diagnostic::error(codes::DIRECTORY_UNREACHABLE, message).hint(hint);
    }
    let message = if path.exists() {
        format!("`{shown}` is no {what}")
    } else {
        format!("there is no {what} `{shown}`")
    };
    let looked = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let hint =
        format!("it was looked for at `{}`; a path counts from the job file's folder", looked.display());
    Diagnostic::error(codes::DIRECTORY_UNREACHABLE, message).hint(hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANIFEST: &str = r#"
        name = "x"
        version = "1.0.0"
        about = "x"
        contract = "0.1"
        settings.path = { type = "text", about = "x", kind = "path" }
        [[grant.files]]
        folder_of = "path"
        reason = "Reads."
    "#;

    #[test]
    #[cfg(unix)]
    fn a_line_opens_no_folder_that_is_not_asked_for() {
        let base = tempfile::tempdir().unwrap();
        let root = base.path().canonicalize().unwrap();
        std::fs::create_dir_all(root.join("data/exports/old")).unwrap();
        std::fs::create_dir_all(root.join("payroll")).unwrap();
        let manifest = Manifest::parse(MANIFEST.as_bytes()).unwrap();
        let check = |path: &str, line: &str, expect: Result<&str, &str>| {
            let given = serde_json::from_str(&format!("{{\"path\": \"{path}\"}}")).unwrap();
            let settings = Settings::check(&manifest, &given, &root).unwrap();
            match (folders(&manifest, &settings, &[root.join(line)]), expect) {
                (Ok(got), Ok(expect)) => assert_eq!(got, [root.join(expect)]),
                (Err(wrong), Err(expect)) => {
                    assert_eq!(
                        (wrong[0].code, wrong[0].hint.as_deref()),
                        (codes::GRANT_UNASKED, Some(expect))
                    );
                    let name = line.rsplit('/').next().unwrap();
                    assert!(wrong[0].message.contains(name), "{wrong:?}");
                }
                (got, expect) => panic!("{path} and {line}: {got:?} instead of {expect:?}"),
            }
        };
        check("data/people.csv", "data", Ok("data"));
        check("data/people.csv", "data/exports", Ok("data/exports"));
        check("data/exports/", "data/exports", Ok("data/exports"));
        // A line that holds more than is asked for opens what is asked for.
        check("data/exports/", ".", Ok("data/exports"));
        check("data/exports/people.csv", "data/exports/old/..", Ok("data/exports"));
        let outside = "it asks for the folder of the setting `path` and nothing more of this kind: take the line out; \
                       what else it needs its author asks for under `[[grant.files]]` in `connector.toml`";
        check("data/people.csv", "payroll", Err(outside));
        check("data/exports/", "data/exports-of-others", Err(outside));
        // What does not exist is judged by its names.
        check("none/people.csv", "none/more", Ok("none/more"));
        check("none/people.csv", "none/../payroll-of-later", Err(outside));
        check("none/people.csv", "data", Err(outside));
        std::os::unix::fs::symlink(root.join("payroll"), root.join("data/link")).unwrap();
        let given = serde_json::from_str("{\"path\": \"data/people.csv\"}").unwrap();
        let settings = Settings::check(&manifest, &given, &root).unwrap();
        let leads_out = folders(&manifest, &settings, &[root.join("data/link")]);
        assert!(leads_out.is_err(), "{leads_out:?}");
        // What a manifest brings along opens nothing, and no folder either; it is refused before, but once is not enough.
        let mut brought = manifest.clone();
        let outside = root.join("payroll/people.csv");
        std::fs::write(&outside, "id").unwrap();
        brought.settings.get_mut("path").unwrap().default = outside.to_str().map(Value::from);
        let settings = Settings::check(&brought, &Default::default(), &root).unwrap();
        assert!(settings.values().contains_key("path"));
        assert!(files(&brought, &settings, true).unwrap().is_empty());
        assert!(folders(&brought, &settings, &[root.join("payroll")]).is_err());
        // Where no setting names a file, no folder is asked for.
        let settings = Settings::check(&manifest, &Default::default(), &root).unwrap();
        assert!(folders(&manifest, &settings, &[root]).is_err());
    }
}
