//! `doctor`: looks after the state, the clock and, with a job, both ends; each finding comes with what to do.

use std::path::Path;

use rollcall_edges::clock::Instant;
use rollcall_edges::directory::{Finding, FindingState};
use rollcall_net::Looked;
use serde_json::json;

use crate::args::Global;
use crate::commands::test_connection;
use crate::exit;
use crate::failure::Failure;
use crate::offices;
use crate::output::Output;
use crate::time::{self, shown as at};
use crate::view::finding::LOOKED_AT;
use crate::view::json as shapes;
use crate::view::text::shown;
use crate::wiring::{self, Session};

/// From how long before its end a certificate is warned of, in milliseconds.
const CERTIFICATE_ENDS_MS: i64 = 30 * 24 * 60 * 60 * 1000;
/// What systemd's time service leaves while the clock is not synchronised, and while it is.
const TIMESYNC: [&str; 2] = ["/run/systemd/timesync", "/run/systemd/timesync/synchronized"];

/// Findings about one part.
struct Part {
    name: &'static str,
    findings: Vec<Finding>,
}

/// Runs the command.
pub(crate) async fn run(global: &Global, output: &Output, job: Option<&Path>) -> Result<u8, Failure> {
    let now = time::clock()?.now();
    let folder = wiring::state_folder(global)?;
    let mut state = rollcall_state::examine(&folder, now);
    state.extend(synchronised());
    let mut parts = vec![Part { name: "state", findings: state }];
    if let Some(job) = job {
        parts.extend(both_ends(global, job, now).await);
    }
    let failed = parts.iter().flat_map(|part| &part.findings).any(|one| one.state == FindingState::Failed);
    if output.json {
        let document: serde_json::Map<String, serde_json::Value> = parts
            .iter()
            .map(|part| {
                (part.name.to_owned(), part.findings.iter().map(|finding| LOOKED_AT.json(finding)).collect())
            })
            .collect();
        output.payload(&shapes::write(&json!({
            "schema_version": shapes::SCHEMA_VERSION, "folder": folder, "healthy": !failed, "findings": document,
        })));
    }
    output.human(&format!("State in {}\n", shown(&folder.display().to_string())));
    for part in &parts {
        if part.name != "state" {
            output.human(&format!("{}\n", part.name.replace('_', " ")));
        }
        part.findings.iter().for_each(|finding| output.human(&LOOKED_AT.line(finding)));
    }
    Ok(if failed { exit::ERROR } else { exit::DONE })
}

/// Reaches both ends of a job and looks at their certificates.
async fn both_ends(global: &Global, job: &Path, now: Instant) -> Vec<Part> {
    let session = match Session::open(global, job) {
        Ok(session) => session,
        Err(failure) => {
            let findings = failure.diagnostics.into_iter().map(|why| Finding {
                subject: why.code.0.to_owned(),
                state: FindingState::Failed,
                message: why.message,
                hint: why.hint,
            });
            return vec![Part { name: "job", findings: findings.collect() }];
        }
    };
    let mut directory = match session.certificates().await {
        Ok(seen) => seen.iter().filter_map(|(origin, looked)| certificate(origin, looked, now)).collect(),
        // Whatever is wrong with the job is told by the connection below.
        Err(_) => Vec::new(),
    };
    let (findings, _) = test_connection::directory(&session).await;
    directory.extend(findings);
    let mut phone_system: Vec<Finding> = offices::certificate(&session.job)
        .await
        .iter()
        .filter_map(|(origin, looked)| certificate(origin, looked, now))
        .collect();
    let (findings, _) = test_connection::office(&session).await;
    phone_system.extend(findings);
    session.progress.clear();
    vec![
        Part { name: "directory", findings: directory },
        Part { name: "phone_system", findings: phone_system },
    ]
}

/// Judges a certificate; nothing is said of a server that is reached without TLS.
fn certificate(origin: &dyn std::fmt::Display, looked: &Looked, now: Instant) -> Option<Finding> {
    let told = |state, message: String, hint: Option<&str>| {
        Some(Finding { subject: "certificate".to_owned(), state, message, hint: hint.map(str::to_owned) })
    };
    let seen = match looked {
        Ok(None) => return None,
        Ok(Some(seen)) => seen,
        Err(why) => {
            return told(FindingState::Failed, why.clone(), Some("is the address right, and the server up?"));
        }
    };
    let about = format!("`{origin}`, {}…", seen.fingerprint.get(..16).unwrap_or_default());
    let ends = at(Instant(seen.ends_ms));
    if let Some(why) = &seen.distrust {
        let hint =
            "renew it on the server; or trust it by `ca_file` or `certificate_sha256`, after comparing it";
        return told(FindingState::Failed, format!("{about} is not trusted: {why}"), Some(hint));
    }
    // A pinned certificate is believed after its end too, so the end is judged by itself.
    match seen.ends_ms - now.0 {
        left if left < 0 => told(
            FindingState::Warned,
            format!("{about} is trusted by its fingerprint, and ended {ends}"),
            Some("renew it on the server, then pin the new one"),
        ),
        left if left < CERTIFICATE_ENDS_MS => told(
            FindingState::Warned,
            format!("{about} is trusted and ends {ends}"),
            Some("renew it before; runs stop when it has ended"),
        ),
        _ => told(FindingState::Passed, format!("{about} is trusted until {ends}"), None),
    }
}

/// Tells whether the machine's clock is known to be right, where systemd keeps it.
fn synchronised() -> Option<Finding> {
    let [service, done] = TIMESYNC.map(|path| Path::new(path).exists());
    service.then(|| Finding {
        subject: "clock".to_owned(),
        state: if done { FindingState::Passed } else { FindingState::Warned },
        message: if done { "synchronised over the network" } else { "never synchronised since the start" }
            .to_owned(),
        hint: (!done).then(|| "let systemd-timesyncd or chrony reach a time server".to_owned()),
    })
}
