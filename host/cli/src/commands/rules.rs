//! `rules test`: the cases beside the rules.

use std::path::{Path, PathBuf};

use rollcall_core::policy::Policy;
use rollcall_core::text::count;
use rollcall_core::{Diagnostic, codes};
use rollcall_script::testing::{TestFile, run_under};
use rollcall_script::{RuleFile, Source};
use serde_json::json;

use crate::args::RulesCommand;
use crate::exit;
use crate::failure::Failure;
use crate::output::Output;
use crate::view::json as shapes;
use crate::{rules, wiring};

/// The largest file that is read, in bytes.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// Runs the command.
pub(crate) fn run(output: &Output, command: &RulesCommand) -> Result<u8, Failure> {
    let RulesCommand::Test { path } = command;
    let Found { source, policy, files } = gather(path)?;
    if files.is_empty() {
        let message = format!("there is no `*.test.toml` at `{}`", path.display());
        return Err(Failure::new(exit::ERROR, codes::FILE, message)
            .hint("write cases beside the rules: `[[case]]` with `user = { … }` and what is expected"));
    }
    let report = run_under(&source, &policy, &files).map_err(Failure::invalid)?;
    if output.json {
        let lines: Vec<_> = report.diagnostics.iter().map(shapes::DiagnosticLine::from).collect();
        output.payload(&shapes::write(&json!({
            "schema_version": shapes::SCHEMA_VERSION, "cases": report.cases, "passed": report.passed,
            "failed": report.cases - report.passed, "rules": report.rules, "branches": report.branches,
            "diagnostics": lines,
        })));
    }
    output.diagnostics(&report.diagnostics);
    let reached = report.all_reached().map(|all| format!("; {all}")).unwrap_or_default();
    output.human(&format!(
        "{}, {} passed, {} failed{reached}.\n",
        count(report.cases, "case"),
        report.passed,
        report.cases - report.passed
    ));
    Ok(if report.passed() { exit::DONE } else { exit::ERROR })
}

/// Rules, what the job says of them, and their cases.
struct Found {
    source: Source,
    policy: Policy,
    files: Vec<TestFile>,
}

/// Finds rules and cases: of a job file, of a folder, or of one test file.
fn gather(path: &Path) -> Result<Found, Failure> {
    if !path.exists() {
        return Err(Failure::new(exit::ERROR, codes::FILE, format!("there is no `{}`", path.display())));
    }
    let ends = |end: &str| path.to_string_lossy().ends_with(end);
    let folder = if path.is_dir() { path.to_owned() } else { folder_of(path) };
    let beside = folder.join("job.toml");
    let job = match path {
        path if path.is_file() && !ends(".test.toml") && !ends(".rhai") => Some(path.to_owned()),
        _ => beside.is_file().then_some(beside),
    };
    let (source, policy, mut folders) = match job {
        Some(file) => {
            let job = wiring::load_job(&file)?;
            let (source, wrong) = rules::source(&job);
            if !wrong.is_empty() {
                return Err(Failure::invalid(wrong));
            }
            let folders: Vec<PathBuf> =
                job.rule_files.iter().map(|file| folder_of(file)).chain([folder_of(&file)]).collect();
            (source, job.policy, folders)
        }
        None => {
            let source = Source { rule_files: rule_files(&folder)?, ..Source::default() };
            (source, Policy::default(), vec![folder])
        }
    };
    let tests = if ends(".test.toml") {
        vec![path.to_owned()]
    } else {
        folders.sort();
        folders.dedup();
        folders.iter().map(|folder| listed(folder, ".test.toml")).collect::<Result<Vec<_>, _>>()?.concat()
    };
    let tests = tests.iter().map(|file| Ok(TestFile { name: shown(file), source: read(file)?.into() }));
    Ok(Found { source, policy, files: tests.collect::<Result<_, Failure>>()? })
}

fn folder_of(file: &Path) -> PathBuf {
    match file.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    }
}

fn rule_files(folder: &Path) -> Result<Vec<RuleFile>, Failure> {
    let files = listed(folder, ".rhai")?;
    files.iter().map(|file| Ok(RuleFile { name: shown(file), source: read(file)?.into() })).collect()
}

fn listed(folder: &Path, end: &str) -> Result<Vec<PathBuf>, Failure> {
    let entries = std::fs::read_dir(folder).map_err(|error| unreadable(folder, &error))?;
    let mut files: Vec<PathBuf> = entries
        .filter_map(Result::ok)
        .map(|entry| entry.path())
        .filter(|file| file.to_string_lossy().ends_with(end))
        .collect();
    files.sort();
    Ok(files)
}

fn shown(file: &Path) -> rollcall_core::Text {
    let text = file.display().to_string();
    text.strip_prefix("./").unwrap_or(&text).into()
}

fn read(file: &Path) -> Result<String, Failure> {
    let length = std::fs::metadata(file).map_err(|error| unreadable(file, &error))?.len();
    if length > FILE_BYTES_MAX {
        return Err(unreadable(file, &std::io::Error::other("it is too large")));
    }
    std::fs::read_to_string(file).map_err(|error| unreadable(file, &error))
}

fn unreadable(path: &Path, error: &std::io::Error) -> Failure {
    let message = format!("`{}` cannot be read: {error}", path.display());
    Failure { exit: exit::ERROR, diagnostics: vec![Diagnostic::error(codes::RULE_UNREADABLE, message)] }
}
