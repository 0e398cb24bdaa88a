//! Jobs on the disk: those that we ship, and what keeps a file from being read.

#![expect(clippy::unwrap_used, reason = "helpers of tests may fail as tests do")]

use std::path::{Path, PathBuf};

use rollcall_core::Place;

fn shipped() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut jobs = Vec::new();
    for folder in ["examples/teams", "examples/csv", "host/cli/src/templates"] {
        let Ok(entries) = std::fs::read_dir(root.join(folder)) else { continue };
        jobs.extend(entries.map(|entry| entry.unwrap().path()).filter(|path| {
            path.extension().is_some_and(|extension| extension == "toml")
                && std::fs::read_to_string(path).unwrap().contains("[directory]")
        }));
    }
    jobs.sort();
    jobs
}

#[test]
fn every_job_that_we_ship_is_valid() {
    let jobs = shipped();
    assert!(jobs.len() >= 2, "{jobs:?}");
    for path in jobs {
        if let Err(problems) = rollcall_job::load(&path) {
            let shown: Vec<_> = problems.iter().map(|problem| (&problem.message, &problem.hint)).collect();
            panic!("{}: {shown:?}", path.display());
        }
    }
}

fn refused(path: &Path) -> String {
    let problems = rollcall_job::load(path).unwrap_err();
    assert_eq!(problems.len(), 1);
    assert_eq!(problems[0].place, Place::Nowhere);
    format!("{} {}", problems[0].code.0, problems[0].message.replace(&path.display().to_string(), "FILE"))
}

#[test]
fn what_cannot_be_read() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(refused(folder.path()), "E0100 the job file `FILE` cannot be read: it is a folder");
    let path = folder.path().join("job.toml");
    assert_eq!(refused(&path), "E0100 the job file `FILE` cannot be read: there is no such file");
    std::fs::write(&path, b"name = \"\xff\"").unwrap();
    assert_eq!(refused(&path), "E0100 the job file `FILE` cannot be read: it is not UTF-8");
    std::fs::write(&path, "#".repeat(1024 * 1024 + 1)).unwrap();
    assert_eq!(refused(&path), "E0100 the job file `FILE` cannot be read: it is larger than 1048576 bytes");
}
