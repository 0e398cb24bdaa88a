//! One run of one job, with nobody looking.

use std::collections::BTreeMap;

use rollcall_core::plan::Action;
use rollcall_core::verify::Outcome;
use rollcall_core::{Diagnostic, Severity, Text};
use rollcall_engine::{Options, Report, sync};
use serde_json::Value;

use crate::exit;
use crate::failed;
use crate::failure::Failure;
use crate::report;
use crate::serve::board::Figures;
use crate::view::json;
use crate::wiring::{Intent, Session};

/// How long a run waits for another process that holds the job or its phone system, in milliseconds.
const LEASE_WAIT_MS: u64 = 60_000;

/// What a run came to.
pub(crate) struct Turn {
    /// The exit code that a sync by hand would have ended with.
    pub(crate) exit: u8,
    /// The run's id, if there was a plan.
    pub(crate) run: Option<Text>,
    /// The contract's JSON of it.
    pub(crate) document: Value,
    /// Its figures.
    pub(crate) figures: Figures,
    /// Everything that there is to say of it.
    pub(crate) diagnostics: Vec<Diagnostic>,
}

impl Turn {
    /// A run that came to no plan.
    pub(crate) fn nothing(job: &str, failure: Failure) -> Self {
        Self {
            exit: failure.exit,
            run: None,
            document: parsed(&json::nothing(job, &failure.diagnostics)),
            figures: Figures::default(),
            diagnostics: failure.diagnostics,
        }
    }

    /// Takes a report over.
    pub(crate) fn of_report(report: &Report, diagnostics: Vec<Diagnostic>) -> Self {
        let mut applied = BTreeMap::new();
        for (change, outcome) in report.plan.changes.iter().zip(&report.outcomes) {
            if *outcome == Outcome::Applied {
                *applied.entry(change.action.word()).or_default() += 1;
            }
        }
        Self {
            exit: exit::of_report(report),
            run: report.run.clone(),
            document: parsed(&json::report(report, &diagnostics, false)),
            figures: Figures {
                directory_users: Some(report.plan.reading.total()),
                skipped: report.plan.count(Action::Skip),
                applied,
                failed: report.failed(),
                duration_ms: 0,
            },
            diagnostics,
        }
    }

    /// Gives what may stand in a log: what is about the run as a whole, and of single users only how many have which
    /// trouble.
    pub(crate) fn loggable(&self) -> Vec<Diagnostic> {
        let mut of_users: BTreeMap<(&str, Severity), usize> = BTreeMap::new();
        let mut told = Vec::new();
        for found in self.diagnostics.iter().filter(|found| found.severity != Severity::Note) {
            if found.user.is_none() && self.run.is_none() {
                told.push(found.clone());
            } else {
                *of_users.entry((found.code.0, found.severity)).or_default() += 1;
            }
        }
        for ((code, severity), count) in of_users {
            let Some((code, meaning)) = rollcall_core::codes::ALL.iter().find(|(known, _)| known.0 == code)
            else {
                continue;
            };
            let message = format!("{count} × {}", meaning.trim().trim_end_matches('.'));
            told.push(match severity {
                Severity::Error => Diagnostic::error(*code, message),
                Severity::Warning | Severity::Note => Diagnostic::warning(*code, message),
            });
        }
        told
    }
}

/// Runs a job once.
pub(crate) async fn turn(session: &Session) -> Turn {
    let (begun, started) = (std::time::Instant::now(), session.clock.now());
    let mut turn = match applied(session).await {
        Ok(report) => {
            let diagnostics = session.located(report::gather(&report));
            Turn::of_report(&report, diagnostics)
        }
        Err(failure) => {
            failed::note(session, started, &failure).await;
            Turn::nothing(&session.job.name, failure)
        }
    };
    turn.figures.duration_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
    turn
}

async fn applied(session: &Session) -> Result<Report, Failure> {
    let options = Options { wait_ms: LEASE_WAIT_MS, scheduled: true, ..Options::default() };
    let mut ends = session.ends(None, Intent::Write).await?;
    let meters = ends.meters(session);
    let render = |report: &Report| report::metered(&session.job, report, &meters);
    let result = sync(ends.parts(session), &options, &|_| true, &render).await;
    ends.office.office().close().await;
    let none = || rollcall_engine::RunError::Internal("nobody was asked, and somebody said no".to_owned());
    result.and_then(|report| report.ok_or_else(none)).map_err(|error| session.failure(error))
}

fn parsed(document: &str) -> Value {
    serde_json::from_str(document).unwrap_or_default()
}
