//! `runs` and `show`: the history.

use std::path::Path;

use rollcall_core::text::count;
use rollcall_core::{Text, codes};
use rollcall_state::{PastChange, PastField, PastOperation, PastRun, RunFilter, RunState, Store};
use serde_json::{Map, Value, json};

use crate::args::{Global, RunsArgs};
use crate::exit;
use crate::failure::Failure;
use crate::output::Output;
use crate::time::{self, shown as at};
use crate::view::json as shapes;
use crate::view::text::{shown, table};
use crate::wiring;

/// The widest column of a table, in characters.
const WIDEST: usize = 40;

/// Lists runs.
pub(crate) async fn list(global: &Global, output: &Output, args: &RunsArgs) -> Result<u8, Failure> {
    let now = time::clock()?.now();
    let job = args.job.as_deref().or(args.of.as_deref()).map(job_name).transpose()?;
    let store = wiring::store(global).await?;
    let filter = RunFilter {
        job: job.as_deref(),
        since: args.since.map(|since| time::of(since, now)),
        exit: args.exit,
        limit: Some(args.limit),
        ..RunFilter::default()
    };
    let runs = store.past_runs(&filter)?;
    if output.json {
        let rows: Vec<Value> = runs.iter().map(|run| Value::Object(head(run))).collect();
        output.payload(&shapes::write(&json!({ "schema_version": shapes::SCHEMA_VERSION, "runs": rows })));
    }
    let rows: Vec<Vec<String>> = runs.iter().map(row).collect();
    if rows.is_empty() {
        output.human(if filter.is_open() { "No run yet.\n" } else { "No run fits.\n" });
    } else {
        let head = ["run", "job", "kind", "started", "took", "exit", "applied", "failed", "skipped"];
        output.human(&table(&head, &rows, WIDEST));
    }
    Ok(exit::DONE)
}

/// Gives the name of a job that was typed: its file's, or the name itself.
pub(crate) fn job_name(typed: &str) -> Result<Text, Failure> {
    let path = Path::new(typed);
    if path.is_file() || path.extension().is_some_and(|end| end == "toml") {
        return Ok(wiring::load_job(path)?.name);
    }
    Ok(typed.into())
}

/// Gives what is known of a run besides its changes.
pub(crate) fn head(run: &PastRun) -> Map<String, Value> {
    let parsed = |text: &str| serde_json::from_str::<Value>(text).unwrap_or_default();
    let mut head = Map::new();
    let mut put = |name: &str, value: Value| head.insert(name.to_owned(), value);
    put("run", json!(&*run.id));
    put("job", json!(&*run.job));
    put("former_name", json!(run.named.as_deref()));
    put("kind", json!(&*run.kind));
    put("state", json!(run.state.word()));
    put("started", json!(at(run.started)));
    put("ended", json!(run.ended.map(at)));
    put("duration_ms", json!(run.ended.map(|ended| ended.since(run.started))));
    put("durations_ms", parsed(&run.durations));
    put("exit", json!(run.exit));
    put("accepted", parsed(&run.accepted));
    put("summary", parsed(&run.summary));
    head
}

fn row(run: &PastRun) -> Vec<String> {
    let summary: Value = serde_json::from_str(&run.summary).unwrap_or_default();
    let figure = |name: &str| summary.get(name).map(ToString::to_string).unwrap_or_default();
    vec![
        run.id.to_string(),
        named(run),
        run.kind.to_string(),
        at(run.started),
        run.ended.map(|ended| span(ended.since(run.started))).unwrap_or_default(),
        ending(run),
        figure("applied"),
        figure("failed"),
        figure("skipped"),
    ]
}

fn named(run: &PastRun) -> String {
    match &run.named {
        Some(before) => format!("{} (then {before})", run.job),
        None => run.job.to_string(),
    }
}

/// Gives how a run ended, or how far it is.
fn ending(run: &PastRun) -> String {
    match (&run.state, run.exit) {
        (RunState::Ended, Some(code)) => code.to_string(),
        (state, Some(code)) => format!("{code}, {}", state.word()),
        (state, _) => state.word().to_owned(),
    }
}

/// Writes a time span for a person.
fn span(ms: u64) -> String {
    match ms {
        0..10_000 => format!("{}.{} s", ms / 1000, ms % 1000 / 100),
        10_000..120_000 => format!("{} s", ms / 1000),
        _ => format!("{} min", ms / 60_000),
    }
}

/// Finds the one run that was meant.
pub(crate) async fn one(store: &Store, id: &str) -> Result<PastRun, Failure> {
    let mut found = store.runs_beginning(id)?;
    match found.len() {
        1 => Ok(found.remove(0)),
        0 => Err(Failure::new(exit::ERROR, codes::RUN_UNKNOWN, format!("no run begins with `{id}`"))
            .hint("`rollcall runs` lists them")),
        _ => {
            let list: Vec<String> = found
                .iter()
                .map(|run| format!("`{}` ({}, {})", run.id, named(run), at(run.started)))
                .collect();
            let message = format!("several runs begin with `{id}`: {}", list.join(", "));
            Err(Failure::new(exit::ERROR, codes::RUN_UNKNOWN, message).hint("give more of the id"))
        }
    }
}

/// Shows one run.
pub(crate) async fn show(global: &Global, output: &Output, id: &str) -> Result<u8, Failure> {
    let store = wiring::store(global).await?;
    let run = match one(&store, id).await {
        // Somebody named a file, and it is not what can be shown.
        Err(_) if Path::new(id).exists() => {
            let message = format!("`{id}` is neither a run nor a plan file");
            return Err(Failure::new(exit::USAGE, codes::USAGE, message)
                .hint("`rollcall runs` lists the runs; `rollcall preview --out PLAN` writes a plan file"));
        }
        found => found?,
    };
    let changes = store.past_changes(&run.id)?;
    let operations = store.past_operations(&run.id)?;
    let document: Value = serde_json::from_str(&store.document(&run.id)?).unwrap_or_default();
    if output.json {
        output.payload(&shapes::write(&whole(&run, document, &changes, &operations)));
        return Ok(exit::DONE);
    }
    output.human(&told(&run, &document, &changes, &operations));
    Ok(exit::DONE)
}

/// Gives the contract's JSON of a run, with what the history knows besides: times, and each change's operations.
fn whole(run: &PastRun, document: Value, changes: &[PastChange], operations: &[PastOperation]) -> Value {
    let mut all = match document {
        Value::Object(all) => all,
        _ => Map::new(),
    };
    let several = all.remove("several") == Some(Value::Bool(true));
    for (name, value) in head(run) {
        if name != "summary" || !all.contains_key("summary") {
            all.insert(name, value);
        }
    }
    // An earlier rollcall kept the lines of the changes there too.
    if let Some(Value::Array(lines)) = all.get_mut("changes").filter(|lines| **lines == json!([])) {
        lines.extend(changes.iter().map(|change| Value::Object(line(change, several))));
    }
    if let Some(Value::Array(lines)) = all.get_mut("changes") {
        for (line, change) in lines.iter_mut().zip(changes) {
            let Some(line) = line.as_object_mut() else { continue };
            line.insert("status".to_owned(), json!(&*change.outcome));
            line.insert("why".to_owned(), json!(change.why.as_deref()));
            let ops: Vec<Value> = of_change(operations, change.idx)
                .map(|op| {
                    json!({ "what": &*op.what, "status": standing(op)[0],
                        "why": op.why.as_deref(), "at": op.at.map(at) })
                })
                .collect();
            line.insert("operations".to_owned(), Value::Array(ops));
        }
    }
    Value::Object(all)
}

/// Gives a change as the run's own JSON had it. `several`: whether its job has several directories.
fn line(change: &PastChange, several: bool) -> Map<String, Value> {
    let mut fields = change.fields();
    fields.sort_by_key(|field| field.name);
    let field = |PastField { name, from, to, by_hand }: PastField<'_>| {
        let mut field = json!({ "from": from, "to": to });
        if by_hand {
            field["by_hand"] = json!(true);
        }
        (name.to_owned(), field)
    };
    let mut line = Map::new();
    let mut put = |name: &str, value: Value| _ = line.insert(name.to_owned(), value);
    put("action", json!(&*change.action));
    put("user_identification", json!(&*change.key));
    if several {
        put("directory", json!(&*change.id.directory));
    }
    for name in ["name", "extension", "system", "rule"] {
        put(name, json!(change.text(name)));
    }
    put("reason", json!(change.text("reason").unwrap_or_default()));
    put("matched_by", json!(change.matched_by()));
    put("status", json!(&*change.outcome));
    put("fields", Value::Object(fields.into_iter().map(field).collect()));
    line
}

/// Says how far an operation came, for programs and for people.
fn standing(op: &PastOperation) -> [&str; 2] {
    match &op.settled {
        Some(settled) => [settled; 2],
        None if op.sent => ["sent", "sent, its outcome not noted yet"],
        None => ["planned", "not sent"],
    }
}

fn of_change(operations: &[PastOperation], idx: i64) -> impl Iterator<Item = &PastOperation> {
    operations.iter().filter(move |op| op.change == idx)
}

fn told(run: &PastRun, document: &Value, changes: &[PastChange], operations: &[PastOperation]) -> String {
    let mut out = format!("Run {} of {}: {}, {}", run.id, shown(&named(run)), run.kind, at(run.started));
    match (run.ended, run.exit) {
        (Some(ended), Some(code)) => {
            let more = if run.state == RunState::Ended { String::new() } else { format!(", {}", hint(run)) };
            out.push_str(&format!(" to {}, exit {code}{more}\n", at(ended)));
        }
        _ => out.push_str(&format!(", {}\n", hint(run))),
    }
    let durations: Value = serde_json::from_str(&run.durations).unwrap_or_default();
    let steps: Vec<String> = durations
        .as_object()
        .into_iter()
        .flatten()
        .filter_map(|(name, ms)| Some(format!("{name} {}", span(ms.as_u64()?))))
        .collect();
    if !steps.is_empty() {
        out.push_str(&format!("Took: {}\n", steps.join(", ")));
    }
    for used in document.get("connectors").and_then(Value::as_array).into_iter().flatten() {
        out.push_str(&format!("{}\n", shown(&connector(used))));
    }
    if run.accepted != "{}" {
        out.push_str(&format!("Accepted: {}\n", shown(&run.accepted)));
    }
    let rows: Vec<Vec<String>> = changes
        .iter()
        .map(|change| {
            let text = |name: &str| change.text(name).unwrap_or("-").to_owned();
            vec![
                change.action.to_string(),
                change.outcome.to_string(),
                text("name"),
                text("extension"),
                change.key.to_string(),
                text("reason"),
            ]
        })
        .collect();
    if !rows.is_empty() {
        let head = ["action", "status", "name", "extension", "identification", "reason"];
        out.push_str(&table(&head, &rows, WIDEST));
    }
    for change in changes {
        let broken: Vec<String> = of_change(operations, change.idx)
            .filter(|op| op.settled.as_deref() != Some("applied"))
            .map(|op| {
                let why = op.why.as_deref().map(|why| format!(": {why}")).unwrap_or_default();
                let codes = if op.codes { ", and its codes wait to be handed over" } else { "" };
                format!("  {} {}{codes}{why}", op.what.replace('_', " "), standing(op)[1])
            })
            .collect();
        let told = broken.is_empty().then(|| change.why.as_deref().map(|why| format!("  {why}"))).flatten();
        if !broken.is_empty() || told.is_some() {
            let name = change.text("name").unwrap_or("-");
            out.push_str(&format!("{}\n", shown(&format!("{name} ({}):", change.key))));
            broken.iter().chain(&told).for_each(|line| out.push_str(&format!("{}\n", shown(line))));
        }
    }
    for found in document.get("diagnostics").and_then(Value::as_array).into_iter().flatten() {
        let text = |key: &str| found.get(key).and_then(Value::as_str).unwrap_or("-");
        let user = found.get("user_identification").and_then(Value::as_str);
        let user = user.map(|user| format!("{user}: ")).unwrap_or_default();
        let line = format!("{} {}: {user}{}", text("severity"), text("code"), text("message"));
        out.push_str(&format!("{}\n", shown(&line)));
    }
    out
}

/// Says what the connector of a directory used.
fn connector(used: &Value) -> String {
    let figure = |name: &str| used.get(name).and_then(Value::as_u64).unwrap_or_default();
    format!(
        "Connector of {}: {}, {} read, {} MiB of memory at the most, {} of the processor",
        used.get("directory").and_then(Value::as_str).unwrap_or("-"),
        count(figure("requests"), "request"),
        size(figure("bytes")),
        figure("memory_peak_bytes").div_ceil(1 << 20),
        span(figure("cpu_ms")),
    )
}

/// Writes a number of bytes for a person.
fn size(bytes: u64) -> String {
    match bytes {
        0..10_240 => format!("{bytes} bytes"),
        10_240..10_485_760 => format!("{} KiB", bytes >> 10),
        _ => format!("{} MiB", bytes >> 20),
    }
}

/// Says what an unfinished run waits for.
fn hint(run: &PastRun) -> String {
    match &run.state {
        RunState::Ended => "ended".to_owned(),
        RunState::Running(holder) => format!("still running in process {holder}"),
        RunState::Resumable => {
            format!(
                "interrupted; `rollcall resume {}` goes on with it, the next sync makes its own plan",
                run.id
            )
        }
        RunState::Recovered => "interrupted; a later run looked after what it left".to_owned(),
        RunState::Interrupted => "interrupted; later runs went on without it".to_owned(),
    }
}
