//! `connector test`: the conformance suite, against the directories that a job names.

use std::path::Path;

use rollcall_connectors::conformance::conformance;
use rollcall_core::text::count;
use rollcall_edges::directory::FindingState;
use serde_json::json;

use crate::args::Global;
use crate::commands::connector::stale;
use crate::exit;
use crate::failure::Failure;
use crate::output::Output;
use crate::view::finding::TRIED;
use crate::view::json as shapes;
use crate::wiring::Session;

/// Runs the command.
pub(super) async fn test(global: &Global, output: &Output, job: &Path) -> Result<u8, Failure> {
    let session = Session::open(global, job)?;
    let (mut payload, mut failed, mut tried) = (Vec::new(), 0, 0);
    for both in session.both() {
        let directory = both.0;
        // Of an installed one the name is no path of a file.
        output.diagnostics(stale::warning(Path::new(&*directory.connector)).as_slice());
        // Everything that the directory has is read, so that everything is looked at.
        let all = session.every_attribute(both).await?;
        let spec = session.asked(both, None, &all).await?;
        let own = session.asked(both, None, &[]).await?.select;
        output.human(&format!("{} ({})\n", directory.name, directory.connector));
        let told = |finding: &_| output.human(&TRIED.line(finding));
        let suite = conformance(session.host(), both.1.package(), &spec, &own, &told);
        let findings = session.unless_stopped(suite).await?;
        tried += findings.len();
        failed += findings.iter().filter(|finding| finding.state == FindingState::Failed).count();
        payload.push(json!({
            "name": &*directory.name,
            "connector": &*directory.connector,
            "findings": findings.iter().map(|finding| TRIED.json(finding)).collect::<Vec<_>>(),
        }));
    }
    session.progress.clear();
    if output.json {
        output.payload(&shapes::write(&json!({
            "schema_version": shapes::SCHEMA_VERSION, "job": &*session.job.name, "failed": failed, "directories": payload,
        })));
    }
    output.human(&format!("\n{} looked at, {failed} failed.\n", count(tried, "rule")));
    Ok(if failed == 0 { exit::DONE } else { exit::ERROR })
}
