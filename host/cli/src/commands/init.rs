//! `init`: a job to start from.

use std::path::{Path, PathBuf};

use rollcall_core::codes;
use serde_json::json;

use crate::exit;
use crate::failure::Failure;
use crate::output::Output;
use crate::view::json as shapes;

/// A file of a template: its name and content.
type File = (&'static str, &'static str);

/// The job that runs as it stands: the example of the repository, so that it is tested.
const STARTER: &[File] = &[
    ("job.toml", include_str!("../../../../examples/csv/job.toml")),
    ("people.csv", include_str!("../../../../examples/csv/people.csv")),
    ("provisioning.rhai", include_str!("../../../../examples/csv/provisioning.rhai")),
    ("provisioning.test.toml", include_str!("../../../../examples/csv/provisioning.test.toml")),
];
const ENTRA: &[File] = &[
    ("job.toml", include_str!("../templates/entra.toml")),
    ("provisioning.rhai", include_str!("../templates/provisioning.rhai")),
];
const GOOGLE: &[File] = &[
    ("job.toml", include_str!("../templates/google.toml")),
    ("provisioning.rhai", include_str!("../templates/provisioning.rhai")),
];
const LDAP: &[File] = &[
    ("job.toml", include_str!("../templates/ldap.toml")),
    ("provisioning.rhai", include_str!("../templates/provisioning.rhai")),
];
const OKTA: &[File] = &[
    ("job.toml", include_str!("../templates/okta.toml")),
    ("provisioning.rhai", include_str!("../templates/provisioning.rhai")),
];
const SCIM: &[File] = &[
    ("job.toml", include_str!("../templates/scim.toml")),
    ("provisioning.rhai", include_str!("../templates/provisioning.rhai")),
];
const CSV: &[File] = &[
    ("job.toml", include_str!("../templates/csv.toml")),
    ("people.csv", include_str!("../templates/people.csv")),
    ("provisioning.rhai", include_str!("../templates/provisioning.rhai")),
];

/// Runs the command.
pub(crate) fn run(output: &Output, dir: &Path, from: Option<&str>) -> Result<u8, Failure> {
    let (files, next) = match from {
        None => (STARTER, "preview"),
        Some("entra") => (ENTRA, "check"),
        Some("ldap") => (LDAP, "check"),
        Some("csv") => (CSV, "check"),
        Some("google") => (GOOGLE, "check"),
        Some("okta") => (OKTA, "check"),
        Some("scim") => (SCIM, "check"),
        Some(other) => {
            let message = format!("there is no commented job for the connector `{other}`");
            return Err(Failure::new(exit::USAGE, codes::USAGE, message)
                .hint("there is one for each of csv, entra, google, ldap, okta and scim"));
        }
    };
    for (name, _) in files {
        if dir.join(name).exists() {
            let message =
                format!("`{}` stands there already, and nothing was written", dir.join(name).display());
            return Err(Failure::new(exit::ERROR, codes::FILE, message)
                .hint("give an empty folder: `rollcall init DIR`"));
        }
    }
    let name = job_name(dir);
    let written: Result<Vec<PathBuf>, Failure> =
        files.iter().map(|(file, content)| write(dir, file, &named(content, &name))).collect();
    let written = written?;
    let job = dir.join("job.toml");
    if output.json {
        let names: Vec<String> = written.iter().map(|path| path.display().to_string()).collect();
        output.payload(&shapes::write(&json!({ "schema_version": shapes::SCHEMA_VERSION, "files": names })));
    }
    for path in &written {
        output.human(&format!("wrote {}\n", path.display()));
    }
    output.human(&format!("\nNext:\n  rollcall {next} {}\n", job.display()));
    Ok(exit::DONE)
}

/// Names the job after its folder: links belong to a job by its name, so two jobs must not share one.
fn job_name(dir: &Path) -> String {
    let folder = std::fs::canonicalize(dir).unwrap_or_else(|_| dir.to_owned());
    let name = folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let name: String = name.chars().filter(|c| c.is_alphanumeric() || matches!(c, '-' | '_' | ' ')).collect();
    if name.trim().is_empty() { "Users".to_owned() } else { name }
}

/// Puts the job's name into a template.
fn named(content: &str, name: &str) -> String {
    let line = |line: &str| match line.strip_prefix("name = ") {
        Some(_) => format!("name = \"{name}\"\n"),
        None => format!("{line}\n"),
    };
    let (head, rest) = content.split_once("[directory]").unwrap_or((content, ""));
    if rest.is_empty() {
        return content.to_owned();
    }
    format!("{}[directory]{rest}", head.lines().map(line).collect::<String>())
}

fn write(dir: &Path, name: &str, content: &str) -> Result<PathBuf, Failure> {
    let path = dir.join(name);
    std::fs::create_dir_all(dir).and_then(|()| std::fs::write(&path, content)).map_err(|error| {
        Failure::new(exit::ERROR, codes::FILE, format!("`{}` cannot be written: {error}", path.display()))
    })?;
    Ok(path)
}
