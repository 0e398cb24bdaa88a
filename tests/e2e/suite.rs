//! The cases of `tests/suite`: one folder a case, its inputs and what must come of them as files.
//!
//! The format stands in `tests/suite/README.md`. `ROLLCALL_CASE=07` plays only the cases whose folder's name contains
//! that text; `ROLLCALL_BLESS=1` writes what came instead of comparing it, to be read before it is committed.

mod case;
mod compare;
mod edit;
mod play;

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Mutex;

use crate::repository;
use case::Case;

/// How many cases are played at a time.
const WORKERS: usize = 2;

#[test]
fn every_case_ends_as_its_files_say() {
    let wanted = std::env::var("ROLLCALL_CASE").unwrap_or_default();
    let mut folders: Vec<PathBuf> = std::fs::read_dir(repository("tests/suite"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_dir() && path.file_name().unwrap().to_string_lossy().contains(&wanted))
        .collect();
    folders.sort();
    assert!(!folders.is_empty(), "no case is called `{wanted}`");
    let count = folders.len();
    let (open, wrong) = (Mutex::new(VecDeque::from(folders)), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(|| {
                loop {
                    let Some(folder) = open.lock().unwrap().pop_front() else { return };
                    if let Err(why) = judge(&folder) {
                        wrong.lock().unwrap().push((folder, why));
                    }
                }
            });
        }
    });
    let mut wrong = wrong.into_inner().unwrap();
    wrong.sort();
    let told: Vec<String> = wrong
        .iter()
        .map(|(folder, why)| format!("== {}\n{why}", folder.file_name().unwrap().to_string_lossy()))
        .collect();
    assert!(told.is_empty(), "{} of {count} cases are wrong\n\n{}", told.len(), told.join("\n\n"));
}

/// Plays one case. One with `known` must fail: once it passes, the line has to go.
fn judge(folder: &std::path::Path) -> Result<(), String> {
    let case = Case::read(folder)?;
    let started = std::time::Instant::now();
    let played = play::play(&case);
    let name = folder.file_name().unwrap().to_string_lossy();
    println!("{name}: {} steps, {:.1} s", case.step.len(), started.elapsed().as_secs_f32());
    match (&case.known, played) {
        (None, played) => played,
        (Some(_), Err(_)) => Ok(()),
        (Some(known), Ok(())) => {
            Err(format!("it passes now: take `known` out of its case.toml (it says: {known})"))
        }
    }
}
