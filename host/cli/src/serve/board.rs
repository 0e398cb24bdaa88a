//! What `serve` knows of its jobs at any moment: what the health endpoint answers and the metrics count. No names of
//! people, only counts.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use rollcall_core::Text;
use rollcall_edges::clock::Instant;
use serde_json::{Value, json};

use crate::exit;
use crate::time;

/// How long the loop may be silent before it counts as dead, in milliseconds of the machine's clock.
const SILENCE_MS: u128 = 60_000;

/// All jobs.
pub(crate) struct Board {
    /// After how many failed slots in a row a job is unhealthy.
    unhealthy_after: u32,
    /// When the loop last came by, on the machine's own clock.
    beat: std::time::Instant,
    jobs: BTreeMap<Text, Line>,
}

/// One job.
#[derive(Clone, Debug, Default)]
pub(crate) struct Line {
    /// Whether its file can be used.
    pub(crate) valid: bool,
    /// Why its slots are passed over, if they are.
    pub(crate) held: bool,
    /// When its next run begins.
    pub(crate) next: Option<Instant>,
    /// Whether it runs now.
    pub(crate) running: bool,
    /// When it last ended well.
    pub(crate) succeeded: Option<Instant>,
    /// How its last slot ended.
    pub(crate) exit: Option<u8>,
    /// How many slots in a row have failed.
    pub(crate) failures: u32,
    /// How many users it owns.
    pub(crate) owned: u64,
    runs: BTreeMap<u8, u64>,
    changes: BTreeMap<&'static str, u64>,
    duration_ms: u64,
    duration_sum_ms: u64,
    skipped: usize,
    directory_users: usize,
}

/// The figures of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Figures {
    /// How many users the directory gave; `None` where it came to no plan.
    pub(crate) directory_users: Option<usize>,
    /// How many users were skipped.
    pub(crate) skipped: usize,
    /// How many changes were applied, by action.
    pub(crate) applied: BTreeMap<&'static str, u64>,
    /// How many changes failed.
    pub(crate) failed: usize,
    /// How long it took, in milliseconds of the machine's clock.
    pub(crate) duration_ms: u64,
}

impl Line {
    /// Counts a run that has ended.
    pub(crate) fn ended(&mut self, exit: u8, figures: &Figures, now: Instant) {
        self.running = false;
        self.exit = Some(exit);
        *self.runs.entry(exit).or_default() += 1;
        if well(exit) {
            (self.failures, self.succeeded) = (0, Some(now));
        } else if !interrupted(exit) {
            self.failures = self.failures.saturating_add(1);
        }
        for (action, count) in &figures.applied {
            *self.changes.entry(action).or_default() += count;
        }
        self.duration_ms = figures.duration_ms;
        self.duration_sum_ms += figures.duration_ms;
        if let Some(users) = figures.directory_users {
            (self.directory_users, self.skipped) = (users, figures.skipped);
        }
    }
}

/// Tells whether a run did its work; single users that were skipped are no failure of it.
pub(crate) fn well(exit: u8) -> bool {
    matches!(exit, exit::DONE | exit::PARTIAL)
}

/// Tells whether a run was ended by a signal.
pub(crate) fn interrupted(exit: u8) -> bool {
    matches!(exit, 130 | 143)
}

impl Board {
    /// Begins without jobs.
    pub(crate) fn new(unhealthy_after: u32) -> Self {
        Self { unhealthy_after, beat: std::time::Instant::now(), jobs: BTreeMap::new() }
    }

    /// Notes that the loop lives.
    pub(crate) fn beat(&mut self) {
        self.beat = std::time::Instant::now();
    }

    /// Gives a job's line, and makes it where there is none.
    pub(crate) fn line(&mut self, job: &Text) -> &mut Line {
        self.jobs.entry(job.clone()).or_default()
    }

    /// Forgets the jobs that are not served any more.
    pub(crate) fn keep(&mut self, served: impl Fn(&str) -> bool) {
        self.jobs.retain(|job, _| served(job));
    }

    /// Gives whether all is well, and the answer of `/healthz`.
    pub(crate) fn health(&self) -> (bool, Value) {
        let alive = self.beat.elapsed().as_millis() < SILENCE_MS;
        let mut healthy = alive;
        let mut jobs = Vec::new();
        for (name, line) in &self.jobs {
            let well = line.valid && line.failures < self.unhealthy_after;
            healthy &= well;
            jobs.push(json!({
                "job": &**name,
                "healthy": well,
                "valid": line.valid,
                "held": line.held,
                "running": line.running,
                "exit": line.exit,
                "failures": line.failures,
                "last_success": line.succeeded.map(time::shown),
                "next_run": line.next.map(time::shown),
            }));
        }
        (healthy, json!({ "healthy": healthy, "alive": alive, "jobs": jobs }))
    }

    /// Gives the answer of `/metrics`, in Prometheus' text form.
    pub(crate) fn metrics(&self) -> String {
        let mut out = String::new();
        family(&mut out, "rollcall_build_info", "gauge", "The version that runs.");
        let _ = writeln!(out, "rollcall_build_info{{version=\"{}\"}} 1", env!("CARGO_PKG_VERSION"));
        family(&mut out, "rollcall_runs_total", "counter", "Runs that ended, by job and exit code.");
        for (job, line) in &self.jobs {
            for (exit, count) in &line.runs {
                let job = label(job);
                let _ = writeln!(out, "rollcall_runs_total{{job=\"{job}\",exit=\"{exit}\"}} {count}");
            }
        }
        family(
            &mut out,
            "rollcall_changes_total",
            "counter",
            "Changes that were applied, by job and action.",
        );
        for (job, line) in &self.jobs {
            for (action, count) in &line.changes {
                let job = label(job);
                let _ = writeln!(out, "rollcall_changes_total{{job=\"{job}\",action=\"{action}\"}} {count}");
            }
        }
        let mut one = |name: &str, kind: &str, help: &str, value: &dyn Fn(&Line) -> Option<String>| {
            family(&mut out, name, kind, help);
            for (job, line) in &self.jobs {
                if let Some(value) = value(line) {
                    let _ = writeln!(out, "{name}{{job=\"{}\"}} {value}", label(job));
                }
            }
        };
        let flag = |yes: bool| Some(u8::from(yes).to_string());
        let at = |at: Option<Instant>| at.map(|at| seconds(u64::try_from(at.0).unwrap_or(0)));
        one(
            "rollcall_last_success_timestamp_seconds",
            "gauge",
            "When a run last ended with 0 or 3.",
            &|line| at(line.succeeded),
        );
        one("rollcall_next_run_timestamp_seconds", "gauge", "When the next run begins.", &|line| {
            at(line.next)
        });
        one("rollcall_consecutive_failures", "gauge", "Slots in a row whose run failed.", &|line| {
            Some(line.failures.to_string())
        });
        one("rollcall_job_valid", "gauge", "Whether the job file can be used.", &|line| flag(line.valid));
        one("rollcall_job_held", "gauge", "Whether the job waits for a sync by hand.", &|line| {
            flag(line.held)
        });
        one("rollcall_job_running", "gauge", "Whether a run goes on.", &|line| flag(line.running));
        one("rollcall_directory_users", "gauge", "Users in the directory at the last reading.", &|line| {
            Some(line.directory_users.to_string())
        });
        one("rollcall_users_owned", "gauge", "Users that the job owns.", &|line| {
            Some(line.owned.to_string())
        });
        one("rollcall_users_skipped", "gauge", "Users that the last run skipped.", &|line| {
            Some(line.skipped.to_string())
        });
        one("rollcall_run_duration_seconds", "gauge", "How long the last run took.", &|line| {
            line.exit.map(|_| seconds(line.duration_ms))
        });
        one("rollcall_run_duration_seconds_total", "counter", "How long all runs took together.", &|line| {
            Some(seconds(line.duration_sum_ms))
        });
        out
    }
}

fn family(out: &mut String, name: &str, kind: &str, help: &str) {
    let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}");
}

fn seconds(ms: u64) -> String {
    format!("{}.{:03}", ms / 1000, ms % 1000)
}

/// Writes a label's value as the text form wants it.
fn label(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn board() -> Board {
        let mut board = Board::new(2);
        board.line(&"Teams \"UK\"".into()).valid = true;
        board
    }

    #[test]
    fn health_follows_the_slots() {
        let mut board = board();
        let name = Text::from("Teams \"UK\"");
        let mut ended = |exit: u8| {
            board.line(&name).ended(exit, &Figures::default(), Instant(1_000));
            board.health().0
        };
        // One failed slot is no reason to wake anybody; the second in a row is, and a good one ends it.
        let said: Vec<bool> = [13, 13, 0, 5, 143, 3, 1, 1].map(&mut ended).to_vec();
        assert_eq!(said, [true, false, true, true, true, true, true, false]);
        board.line(&name).ended(0, &Figures::default(), Instant(1_000));
        board.line(&name).valid = false;
        assert!(!board.health().0);
        board.keep(|_| false);
        assert!(board.health().0);
    }

    #[test]
    fn metrics_count() {
        let mut board = board();
        let figures = Figures {
            directory_users: Some(120),
            skipped: 2,
            applied: BTreeMap::from([("create", 3)]),
            failed: 0,
            duration_ms: 1_250,
        };
        let line = board.line(&"Teams \"UK\"".into());
        line.ended(0, &figures, Instant(5_000));
        line.ended(0, &figures, Instant(6_000));
        line.ended(13, &Figures { duration_ms: 1, ..Figures::default() }, Instant(7_000));
        (line.owned, line.next) = (118, Some(Instant(8_000)));
        let text = board.metrics();
        let job = "job=\"Teams \\\"UK\\\"\"";
        for expect in [
            format!("rollcall_runs_total{{{job},exit=\"0\"}} 2"),
            format!("rollcall_runs_total{{{job},exit=\"13\"}} 1"),
            format!("rollcall_changes_total{{{job},action=\"create\"}} 6"),
            format!("rollcall_last_success_timestamp_seconds{{{job}}} 6.000"),
            format!("rollcall_next_run_timestamp_seconds{{{job}}} 8.000"),
            format!("rollcall_directory_users{{{job}}} 120"),
            format!("rollcall_users_owned{{{job}}} 118"),
            format!("rollcall_users_skipped{{{job}}} 2"),
            format!("rollcall_run_duration_seconds{{{job}}} 0.001"),
            format!("rollcall_run_duration_seconds_total{{{job}}} 2.501"),
            format!("rollcall_consecutive_failures{{{job}}} 1"),
        ] {
            assert!(text.lines().any(|line| line == expect), "{expect} in\n{text}");
        }
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let (_, value) = line.rsplit_once(' ').unwrap();
            assert!(value.parse::<f64>().is_ok(), "{line}");
        }
    }
}
