//! Measurements, never assertions on time: `cargo test -p rollcall-tests --test e2e bench -- --ignored --nocapture`.
//!
//! `ROLLCALL_BENCH_CHANGES` says how many changes (10 000 unless it is set), `ROLLCALL_BENCH_LATENCY` how many
//! milliseconds each call takes (20).

use std::path::Path;
use std::time::{Duration, Instant};

use crate::kills::{Before, Into, SYNC, copy};

fn figure(name: &str, usual: usize) -> usize {
    std::env::var(name).ok().map_or(usual, |text| text.parse().unwrap())
}

/// Syncs once with the state in a folder, and gives how long it took, the calls, and the writes among them.
fn timed(before: &Before, latency: usize, state: Option<&Path>) -> (Duration, usize, usize) {
    let (mut env, stage) = before.again(&[&format!("latency={latency}")]);
    if let Some(folder) = state {
        copy(&env.state(), folder);
        env.set("ROLLCALL_STATE", folder.to_str().unwrap());
    }
    let begun = Instant::now();
    let run = env.run(&SYNC).success();
    let took = begun.elapsed();
    assert_eq!(run.figure("applied"), before.changes as u64);
    let served = stage.served.as_ref().unwrap();
    (took, served.calls(), served.writes())
}

#[test]
#[ignore = "a measurement of many minutes"]
fn bench_changes_through_the_management_api() {
    let (changes, latency) = (figure("ROLLCALL_BENCH_CHANGES", 10_000), figure("ROLLCALL_BENCH_LATENCY", 20));
    let before = Before::make(Into::Served, changes);
    let told = |name: &str, (took, calls, writes): (Duration, usize, usize)| {
        // Joiners and leavers go eight at once, an update goes alone: it may take less than the calls one by one.
        let waiting = Duration::from_millis((calls * latency) as u64);
        println!(
            "{name}: {changes} changes in {:.1} s, {:.1} changes a second; {calls} calls, {writes} of them writes; the \
             calls one by one would wait {:.1} s alone, and it took {:.1} % of that",
            took.as_secs_f64(),
            changes as f64 / took.as_secs_f64(),
            waiting.as_secs_f64(),
            took.as_secs_f64() / waiting.as_secs_f64() * 100.0,
        );
        took
    };
    let disk = told("state on the disk", timed(&before, latency, None));
    // Memory that looks like a disk: what is left without the journal's waiting for the disk.
    if let Ok(folder) = tempfile::TempDir::new_in("/dev/shm") {
        let memory = told("state in memory", timed(&before, latency, Some(folder.path())));
        println!(
            "waiting for the disk adds {:.1} %",
            (disk.as_secs_f64() / memory.as_secs_f64() - 1.0) * 100.0
        );
    }
}
