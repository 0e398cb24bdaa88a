//! `check`: job, rules, templates and connector, without the network and without running a command.

use std::path::Path;

use rollcall_core::Severity;
use rollcall_core::text::count;
use serde_json::json;

use crate::args::Global;
use crate::exit;
use crate::failure::Failure;
use crate::output::Output;
use crate::view::json as shapes;
use crate::wiring::Session;

/// Runs the command.
pub(crate) async fn run(global: &Global, output: &Output, job: &Path) -> Result<u8, Failure> {
    let session = Session::open(global, job)?;
    let found = session.check_offline().await?;
    if found.iter().any(|diagnostic| diagnostic.severity == Severity::Error) {
        return Err(Failure::invalid(found));
    }
    if output.json {
        let lines: Vec<_> = found.iter().map(shapes::DiagnosticLine::from).collect();
        output.payload(&shapes::write(&json!({
            "schema_version": shapes::SCHEMA_VERSION, "job": &*session.job.name, "valid": true, "diagnostics": lines,
        })));
    }
    let connectors: Vec<&str> = session.job.directories.iter().map(|one| &*one.connector).collect();
    output.human(&format!(
        "The job {} is valid: {}, {}, {} {}.\n",
        session.job.name,
        count(session.job.policy.fields.len(), "field"),
        count(session.rule_count(), "provisioning rule"),
        if connectors.len() == 1 { "connector" } else { "connectors" },
        connectors.join(", ")
    ));
    output.diagnostics(&found);
    Ok(exit::DONE)
}
