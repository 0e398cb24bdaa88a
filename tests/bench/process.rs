//! A process and what it used.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rollcall_tests::harness::TestEnv;

/// What a process has used.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Used {
    pub(crate) wall: Duration,
    /// In user and system mode together, in steps of 10 ms.
    pub(crate) cpu: Duration,
    /// The most memory at any time, in bytes.
    pub(crate) memory: u64,
}

/// Gives the CPU time of a process, or of its children that have ended (`proc(5)`).
pub(crate) fn cpu(process: &str, of_children: bool) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    let first = if of_children { 13 } else { 11 };
    let ticks = |at: usize| fields[at].parse::<u64>().unwrap();
    // In hundredths of a second.
    Duration::from_millis((ticks(first) + ticks(first + 1)) * 10)
}

/// Gives the most memory that a process has had, in bytes; none where it is gone.
pub(crate) fn peak(process: &str) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().trim_end_matches(" kB").parse::<u64>().unwrap_or_default() * 1024)
}

/// Runs a process to its end and gives what it used and printed. One at a time.
///
/// # Panics
/// Where it does not end well.
pub(crate) fn measured(command: &mut Command) -> (Used, Vec<u8>) {
    let (begun, before) = (Instant::now(), cpu("self", true));
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let process = child.id().to_string();
    let watch = std::thread::spawn(move || {
        let mut most = 0;
        while let Some(now) = peak(&process) {
            most = most.max(now);
            std::thread::sleep(Duration::from_millis(5));
        }
        most
    });
    let output = child.wait_with_output().unwrap();
    let wall = begun.elapsed();
    // Some users may be left out for want of a number: 3.
    assert!(matches!(output.status.code(), Some(0 | 3)), "{}", String::from_utf8_lossy(&output.stderr));
    let cpu = cpu("self", true) - before;
    (Used { wall, cpu, memory: watch.join().unwrap() }, output.stdout)
}

/// A machine for a measurement.
pub(crate) fn machine() -> TestEnv {
    TestEnv::new(env!("CARGO_BIN_EXE_rollcall"), concat!(env!("CARGO_TARGET_TMPDIR"), "/cache"))
}

/// How a job is synced.
pub(crate) const SYNC: [&str; 4] = ["sync", "job.toml", "--yes", "--json"];

/// Runs `rollcall` and gives what it used, and its JSON.
pub(crate) fn rollcall(command: &mut Command) -> (Used, serde_json::Value) {
    let (used, printed) = measured(command);
    (used, serde_json::from_slice(&printed).unwrap_or_default())
}
