//! Measurements, never assertions on time: `cargo test -p rollcall-tests --test e2e bench -- --ignored --nocapture`.
//!
//! `ROLLCALL_BENCH_CHANGES` says how many changes (10 000 unless it is set), `ROLLCALL_BENCH_LATENCY` how many
//! milliseconds each call takes (20).

use std::path::Path;
use std::time::{Duration, Instant};

use rollcall_tests::okta::Config;

use crate::clouds::Side as _;
use crate::kills::{Before, Into, SYNC, copy};
use crate::okta::Okta;

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
        let waiting = Duration::from_millis((calls * latency) as u64);
        println!(
            "{name}: {changes} changes in {:.1} s, {:.1} changes a second; {calls} calls, {writes} of them writes; the \
             calls alone wait {:.1} s, so that everything else adds {:.1} %",
            took.as_secs_f64(),
            changes as f64 / took.as_secs_f64(),
            waiting.as_secs_f64(),
            (took.as_secs_f64() / waiting.as_secs_f64() - 1.0) * 100.0,
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

/// What a process has used.
struct Used {
    wall: Duration,
    /// In user and system mode together.
    cpu: Duration,
    /// The most memory at any time, in bytes.
    memory: u64,
}

/// Gives what the children that have ended used in CPU time, in hundredths of a second (`proc(5)`, cutime and cstime).
fn ticks() -> u64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    fields[13].parse::<u64>().unwrap() + fields[14].parse::<u64>().unwrap()
}

/// Runs a sync and watches it.
fn watched(side: &mut Okta) -> (Used, serde_json::Value) {
    let (begun, before) = (Instant::now(), ticks());
    let mut command = side.cloud().env.command(&SYNC);
    let child = command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::null()).spawn();
    let child = child.unwrap();
    let status = format!("/proc/{}/status", child.id());
    let watch = std::thread::spawn(move || {
        let mut most = 0;
        while let Ok(text) = std::fs::read_to_string(&status) {
            let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
            let Some(line) = line else { break };
            most = most.max(line.trim().trim_end_matches(" kB").parse::<u64>().unwrap_or_default() * 1024);
            std::thread::sleep(Duration::from_millis(10));
        }
        most
    });
    let output = child.wait_with_output().unwrap();
    let wall = begun.elapsed();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    let used =
        Used { wall, cpu: Duration::from_millis((ticks() - before) * 10), memory: watch.join().unwrap() };
    (used, serde_json::from_slice(&output.stdout).unwrap())
}

/// A full reading, one without a change, increments with none and with fifty changes. `ROLLCALL_BENCH_USERS`: 100 000.
#[test]
#[ignore = "a measurement of minutes"]
fn bench_increments_of_a_large_directory() {
    let users = figure("ROLLCALL_BENCH_USERS", 100_000);
    let mut okta = Okta::sized(Config { page_rows: 200, ..Config::default() }, users);
    okta.cloud().job.fields = "email = \"email\"\n".to_owned();
    okta.cloud().job.rest = String::new();
    let rule =
        "rule(\"All\", #{ start_extension: 200000, end_extension: 499999, extension_type: \"SIP\" });\n";
    okta.cloud().env.write("provisioning.rhai", rule);
    okta.cloud().write();
    let hour = Duration::from_secs(3600);
    let mut asked = 0;
    let mut told = |okta: &mut Okta, name: &str| {
        let (used, report) = watched(okta);
        let requests = okta.users() - asked;
        asked += requests;
        let summary = &report["summary"];
        println!(
            "{name}: {requests} requests for users, {:.2} s, {:.2} s of CPU, {:.0} MB; {} applied, {} unchanged",
            used.wall.as_secs_f64(),
            used.cpu.as_secs_f64(),
            used.memory as f64 / 1e6,
            summary["applied"],
            summary["unchanged"],
        );
        okta.wait(hour);
    };
    told(&mut okta, "first sync, everything read");
    told(&mut okta, "increment, nothing changed, made sure once");
    told(&mut okta, "increment, nothing changed");
    for n in 0..50 {
        okta.rename(n, "Other", &format!("Name {n}"));
    }
    told(&mut okta, "increment, 50 changed");
    told(&mut okta, "increment, nothing changed, made sure once");
    told(&mut okta, "increment, nothing changed");
    okta.wait(24 * hour);
    told(&mut okta, "everything read again, nothing changed");
}
