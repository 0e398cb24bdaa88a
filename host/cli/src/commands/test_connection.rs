//! `test-connection`: both ends, each thing looked at in a line of its own.

use std::path::Path;

use rollcall_core::text::count;
use rollcall_core::{Field, Place, Severity};
use rollcall_edges::directory::{Directory as _, Finding, FindingState};
use rollcall_job::expiry::expiring;
use rollcall_job::job::DirectoryJob;
use serde_json::json;

use crate::args::Global;
use crate::exit;
use crate::failure::Failure;
use crate::output::Output;
use crate::view::finding::TRIED;
use crate::view::json as shapes;
use crate::wiring::{Intent, Loaded, Session};

/// Runs the command.
pub(crate) async fn run(global: &Global, output: &Output, job: &Path) -> Result<u8, Failure> {
    let session = Session::open(global, job)?;
    let (mut directory, directory_exit) = directory(&session).await;
    let (mut office, office_exit) = office(&session).await;
    session.progress.clear();
    for found in expiring(&session.job, session.clock.now().0) {
        let state = match found.severity {
            Severity::Error => FindingState::Failed,
            Severity::Warning | Severity::Note => FindingState::Warned,
        };
        let phone = matches!(&found.place, Place::Path(path) if path.first().is_some_and(|key| **key == *"phone_system"));
        let list = if phone { &mut office } else { &mut directory };
        list.push(finding("credential", state, found.message, found.hint));
    }
    if output.json {
        output.payload(&shapes::write(&json!({
            "schema_version": shapes::SCHEMA_VERSION,
            "job": &*session.job.name,
            "directory": directory.iter().map(|one| TRIED.json(one)).collect::<Vec<_>>(),
            "phone_system": office.iter().map(|one| TRIED.json(one)).collect::<Vec<_>>(),
        })));
    }
    let connectors: Vec<&str> = session.job.directories.iter().map(|one| &*one.connector).collect();
    output.human(&format!("Directory ({})\n", connectors.join(", ")));
    directory.iter().for_each(|finding| output.human(&TRIED.line(finding)));
    output.human("Phone system\n");
    office.iter().for_each(|finding| output.human(&TRIED.line(finding)));
    Ok(if directory_exit == exit::DONE { office_exit } else { directory_exit })
}

/// Reaches the directories; with several of them each finding names its own.
pub(crate) async fn directory(session: &Session) -> (Vec<Finding>, u8) {
    let (mut all, mut worst) = (Vec::new(), exit::DONE);
    for both in session.both() {
        let (findings, ended) = one(session, both).await;
        all.extend(findings.into_iter().map(|finding| match session.job.directories.len() {
            1 => finding,
            _ => Finding { subject: format!("{}: {}", both.0.name, finding.subject), ..finding },
        }));
        worst = if worst == exit::DONE { ended } else { worst };
    }
    (all, worst)
}

async fn one(session: &Session, both: (&DirectoryJob, &Loaded)) -> (Vec<Finding>, u8) {
    let answer = async {
        let mut directory = session.connect(both, None, &[]).await?;
        let connection = directory
            .check()
            .await
            .map_err(|error| session.beyond_recording("test-connection", session.failure(error.into())))?;
        Ok::<_, Failure>(connection)
    };
    match answer.await {
        Ok(connection) => {
            let mut findings = connection.findings;
            if let Some(users) = connection.users {
                findings.push(finding("users", FindingState::Passed, format!("{users} in scope"), None));
            }
            let failed = findings.iter().any(|finding| finding.state == FindingState::Failed);
            (findings, if failed { 4 } else { exit::DONE })
        }
        Err(failure) => (failed("connection", &failure), failure.exit),
    }
}

/// Reaches the phone system.
pub(crate) async fn office(session: &Session) -> (Vec<Finding>, u8) {
    let mut notes = Vec::new();
    let answer = async {
        let reached = session.office(Intent::Look).await?;
        notes.extend(reached.note().cloned());
        let office = reached.office();
        let abilities = office.abilities().await?;
        let standing = office.read().await?;
        let warnings = office.warnings().await?;
        office.close().await;
        Ok::<_, Failure>((abilities, standing, warnings))
    };
    let (abilities, standing, warnings) = match answer.await {
        Ok(answer) => answer,
        Err(failure) => return (failed("connection", &failure), failure.exit),
    };
    let message = format!(
        "{}, {}, {}, {}",
        count(standing.systems.len(), "system"),
        count(standing.users.len(), "user"),
        count(standing.extensions.len(), "extension"),
        count(standing.groups.len(), "hunt group")
    );
    let mut findings = vec![finding("connection", FindingState::Passed, message, None)];
    for &field in session.job.policy.fields.keys() {
        let decided_here =
            matches!(field, Field::UserIdentification | Field::UserProvisioningRule | Field::System);
        if !decided_here && !abilities.writes(field) {
            let message = "this phone system cannot take the field, so it is left out".to_owned();
            findings.push(finding(field.key(), FindingState::Warned, message, None));
        }
    }
    findings.extend(
        warnings.into_iter().chain(notes).map(|w| finding(w.code.0, FindingState::Warned, w.message, w.hint)),
    );
    for system in &standing.unreached {
        findings.push(finding(system, FindingState::Failed, "did not answer".to_owned(), None));
    }
    let code = if standing.unreached.is_empty() { exit::DONE } else { 14 };
    (findings, code)
}

fn finding(subject: &str, state: FindingState, message: String, hint: Option<String>) -> Finding {
    Finding { subject: subject.to_owned(), state, message, hint }
}

fn failed(subject: &str, failure: &Failure) -> Vec<Finding> {
    let one = |why: &rollcall_core::Diagnostic| {
        finding(subject, FindingState::Failed, why.message.clone(), why.hint.clone())
    };
    failure.diagnostics.iter().map(one).collect()
}
