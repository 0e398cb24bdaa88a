//! `runs` and `show`: the history.

use std::path::Path;

use rollcall_core::codes;
use rollcall_edges::state::{RunRow, State as _};
use serde_json::{Value, json};

use crate::args::Global;
use crate::exit;
use crate::failure::Failure;
use crate::output::Output;
use crate::time::shown as at;
use crate::view::json as shapes;
use crate::view::text::{shown, table};
use crate::wiring;

/// Lists runs.
pub(crate) async fn list(
    global: &Global,
    output: &Output,
    job: Option<&Path>,
    limit: u32,
) -> Result<u8, Failure> {
    let store = wiring::store(global).await?;
    let name = job.map(wiring::load_job).transpose()?.map(|job| job.name);
    let runs = store.runs(name.as_deref(), limit).await?;
    if output.json {
        let rows: Vec<Value> = runs
            .iter()
            .map(|run| {
                json!({ "run": &*run.id, "job": &*run.job, "kind": &*run.kind, "started": at(run.started),
                    "ended": run.ended.map(at), "exit": run.exit, "summary": summary(run) })
            })
            .collect();
        output.payload(&shapes::write(&json!({ "schema_version": shapes::SCHEMA_VERSION, "runs": rows })));
    }
    let rows: Vec<Vec<String>> = runs.iter().map(row).collect();
    if rows.is_empty() {
        output.human("No run yet.\n");
    } else {
        output.human(&table(&["run", "job", "started", "exit", "applied", "failed"], &rows, 40));
    }
    Ok(exit::DONE)
}

fn summary(run: &RunRow) -> Value {
    serde_json::from_str::<Value>(&run.document)
        .ok()
        .and_then(|doc| doc.get("summary").cloned())
        .unwrap_or(Value::Null)
}

fn row(run: &RunRow) -> Vec<String> {
    let summary = summary(run);
    let figure = |name: &str| summary.get(name).map(ToString::to_string).unwrap_or_default();
    let exit = run.exit.map_or_else(|| "interrupted".to_owned(), |code| code.to_string());
    vec![run.id.to_string(), run.job.to_string(), at(run.started), exit, figure("applied"), figure("failed")]
}

/// Shows one run.
pub(crate) async fn show(global: &Global, output: &Output, id: &str) -> Result<u8, Failure> {
    let store = wiring::store(global).await?;
    let Some(run) = store.run(id).await? else {
        return Err(Failure::new(
            exit::ERROR,
            codes::RUN_UNKNOWN,
            format!("no run, or more than one, begins with `{id}`"),
        )
        .hint("`rollcall runs` lists them"));
    };
    if output.json {
        output.payload(&run.document);
    }
    let document: Value = serde_json::from_str(&run.document).unwrap_or_default();
    let ended = run.ended.map_or_else(|| "interrupted".to_owned(), at);
    let exit_code = run.exit.map(|code| format!(", exit {code}")).unwrap_or_default();
    output.human(&format!(
        "Run {} of {}: {} to {ended}{exit_code}\n",
        run.id,
        shown(&run.job),
        at(run.started)
    ));
    let text = |value: &Value, key: &str| value.get(key).and_then(Value::as_str).unwrap_or("-").to_owned();
    let changes = document.get("changes").and_then(Value::as_array).cloned().unwrap_or_default();
    let rows: Vec<Vec<String>> = changes
        .iter()
        .map(|c| {
            ["action", "status", "name", "extension", "user_identification", "reason"]
                .map(|key| text(c, key))
                .to_vec()
        })
        .collect();
    if !rows.is_empty() {
        output.human(&table(
            &["action", "status", "name", "extension", "identification", "reason"],
            &rows,
            36,
        ));
    }
    for found in document.get("diagnostics").and_then(Value::as_array).into_iter().flatten() {
        let user = found
            .get("user_identification")
            .and_then(Value::as_str)
            .map(|user| format!("{user}: "))
            .unwrap_or_default();
        let line =
            format!("{} {}: {user}{}", text(found, "severity"), text(found, "code"), text(found, "message"));
        output.human(&format!("{}\n", shown(&line)));
    }
    Ok(exit::DONE)
}
