//! `history`: export, retention, and erasing a person.

use std::io::IsTerminal as _;

use rollcall_core::codes;
use rollcall_core::text::count;
use rollcall_edges::state::State as _;
use rollcall_state::{PastChange, PastField, PastRun, Person, RunFilter, Store};
use serde_json::{Map, Value, json};

use crate::args::{ExportFormat, Global, HistoryCommand};
use crate::commands::runs::{head, job_name};
use crate::exit;
use crate::failure::Failure;
use crate::output::Output;
use crate::time::{self, shown as at};
use crate::view::csv;
use crate::view::json as shapes;
use crate::view::text::shown;
use crate::wiring;

/// The head of an export.
const COLUMNS: [&str; 18] = [
    "run",
    "job",
    "kind",
    "started",
    "ended",
    "state",
    "exit",
    "action",
    "status",
    "user_identification",
    "name",
    "extension",
    "system",
    "rule",
    "reason",
    "why",
    "at",
    "changed",
];

/// Runs the command.
pub(crate) async fn run(global: &Global, output: &Output, command: &HistoryCommand) -> Result<u8, Failure> {
    let now = time::clock()?.now();
    match command {
        HistoryCommand::Export { job, format, since, until } => {
            let job = job.as_deref().map(job_name).transpose()?;
            let filter = RunFilter {
                job: job.as_deref(),
                since: since.map(|since| time::of(since, now)),
                until: until.map(|until| time::of(until, now)),
                ..RunFilter::default()
            };
            let format = if output.json { ExportFormat::Json } else { *format };
            export(&wiring::store(global).await?, output, &filter, format).await
        }
        HistoryCommand::Prune { older_than } => {
            let forgotten = wiring::store(global).await?.prune(*older_than, now)?;
            if output.json {
                let document = json!({ "schema_version": shapes::SCHEMA_VERSION, "forgotten": forgotten });
                output.payload(&shapes::write(&document));
            }
            output.human(&format!("{} forgotten.\n", count(forgotten, "run")));
            Ok(exit::DONE)
        }
        HistoryCommand::Erase { user, job, yes, wait } => {
            let job = job.as_deref().map(job_name).transpose()?;
            erase(&wiring::store(global).await?, output, user, job.as_deref(), *yes, *wait).await
        }
    }
}

/// Prints run after run, so that a long history is never held as a whole.
async fn export(
    store: &Store,
    output: &Output,
    filter: &RunFilter<'_>,
    format: ExportFormat,
) -> Result<u8, Failure> {
    let runs = store.past_runs(filter)?;
    match format {
        ExportFormat::Csv => output.payload(&csv::row(COLUMNS)),
        ExportFormat::Json => {
            output.payload(&format!("{{\"schema_version\":{},\"runs\":[", shapes::SCHEMA_VERSION));
        }
    }
    // The oldest first: whoever appends exports to one another gets one history.
    for (index, run) in runs.iter().rev().enumerate() {
        let changes = store.past_changes(&run.id)?;
        match format {
            ExportFormat::Csv => output.payload(&rows(run, &changes)),
            ExportFormat::Json => {
                let border = if index == 0 { "\n" } else { ",\n" };
                output.payload(&format!("{border}{}", Value::Object(document(run, &changes))));
            }
        }
    }
    if format == ExportFormat::Json {
        output.payload("\n]}\n");
    }
    Ok(exit::DONE)
}

fn rows(run: &PastRun, changes: &[PastChange]) -> String {
    let exit_code = run.exit.map(|code| code.to_string()).unwrap_or_default();
    let first = [
        run.id.to_string(),
        run.job.to_string(),
        run.kind.to_string(),
        at(run.started),
        run.ended.map(at).unwrap_or_default(),
        run.state.word().to_owned(),
        exit_code,
    ];
    if changes.is_empty() {
        // A run that changed nothing is part of the history too.
        let empty = std::iter::repeat_n("", COLUMNS.len() - first.len());
        return csv::row(first.iter().map(String::as_str).chain(empty));
    }
    let line = |change: &PastChange| {
        let text = |name: &str| change.text(name).unwrap_or_default().to_owned();
        let rest = [
            change.action.to_string(),
            change.outcome.to_string(),
            change.key.to_string(),
            text("name"),
            text("extension"),
            text("system"),
            text("rule"),
            text("reason"),
            change.why.as_deref().unwrap_or_default().to_owned(),
            at(change.at),
            changed(change),
        ];
        csv::row(first.iter().chain(&rest).map(String::as_str))
    };
    changes.iter().map(line).collect()
}

/// Writes the changed fields on one line.
pub(crate) fn changed(change: &PastChange) -> String {
    let value = |value: &Value| match value {
        Value::Null => "(none)".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(list) => list.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    };
    let fields = change.fields();
    let lines = fields.iter().map(|field| {
        let PastField { name, from, to, .. } = field;
        format!("{name}: {} -> {}", value(from), value(to))
    });
    lines.collect::<Vec<_>>().join("; ")
}

/// Gives one change as the contract's JSON, with times.
pub(crate) fn change_line(change: &PastChange) -> Value {
    let fields: Map<String, Value> = change
        .fields()
        .into_iter()
        .map(|PastField { name, from, to, .. }| (name.to_owned(), json!({ "from": from, "to": to })))
        .collect();
    json!({
        "action": &*change.action,
        "user_identification": &*change.key,
        "name": change.text("name"),
        "extension": change.text("extension"),
        "system": change.text("system"),
        "rule": change.text("rule"),
        "reason": change.text("reason"),
        "status": &*change.outcome,
        "why": change.why.as_deref(),
        "at": at(change.at),
        "fields": fields,
    })
}

fn document(run: &PastRun, changes: &[PastChange]) -> Map<String, Value> {
    let mut all = head(run);
    all.insert("changes".to_owned(), changes.iter().map(change_line).collect());
    all
}

async fn erase(
    store: &Store,
    output: &Output,
    user: &str,
    job: Option<&str>,
    yes: bool,
    wait_ms: u64,
) -> Result<u8, Failure> {
    let found = store.people(job, user)?;
    let Some(first) = found.first().cloned() else {
        let message = format!("the state knows nobody who fits `{user}`");
        return Err(Failure::new(exit::ERROR, codes::USER_NOT_FOUND, message)
            .hint("give user identification, immutable id, name, extension or e-mail"));
    };
    // One person may have been in several jobs; two people are never erased by one word.
    if found.iter().any(|other| other.id != first.id) {
        let list: Vec<String> = found.iter().map(|one| format!("{} in `{}`", told(one), one.job)).collect();
        let message = format!("several people fit `{user}`: {}", list.join(", "));
        return Err(Failure::new(exit::ERROR, codes::USER_NOT_FOUND, message)
            .hint("give the immutable id, or one job's people with `--job JOB`"));
    }
    if let Some(owner) = found.iter().find(|one| one.linked) {
        let message = format!("the job `{}` owns a phone user for {}", owner.job, told(owner));
        let hint = "let a sync delete the phone user, or let it go with `rollcall unlink`, first";
        return Err(Failure::new(exit::ERROR, codes::STILL_LINKED, message).hint(hint));
    }
    if !yes {
        if !(std::io::stdin().is_terminal() && std::io::stderr().is_terminal()) {
            let message = "nobody can be asked whether to erase this person";
            return Err(Failure::new(exit::USAGE, codes::NOT_CONFIRMED, message).hint("give `--yes`"));
        }
        let question =
            format!("Erase {} from the history for good? Only `yes` is accepted:", shown(&told(&first)));
        if !output.confirm(&question) {
            output.say("nothing was erased");
            return Ok(exit::ERROR);
        }
    }
    let jobs: Vec<&str> = found.iter().map(|one| &*one.job).collect();
    let mut leases = Vec::new();
    for job in &jobs {
        let office = store.job(job).await?.office.unwrap_or_default();
        // Jobs of one phone system share its lock; a process does not wait for itself.
        if !leases.iter().any(|(held, _)| *held == office) {
            let lease = store.lease(job, &office, wait_ms).await?;
            leases.push((office, lease));
        }
    }
    let done = store.erase(&jobs, &first.id, time::clock()?.now())?;
    if output.json {
        let backups: Vec<String> = done.backups.iter().map(|path| path.display().to_string()).collect();
        output.payload(&shapes::write(&json!({
            "schema_version": shapes::SCHEMA_VERSION, "jobs": jobs, "changes": done.changes,
            "operations": done.operations, "documents": done.documents, "backups_deleted": backups,
        })));
    }
    output.human(&format!(
        "Erased from {}: {}, {}, {}.\n",
        count(jobs.len(), "job"),
        count(done.changes, "change"),
        count(done.operations, "operation"),
        count(done.documents, "report")
    ));
    for backup in &done.backups {
        output.say(&format!("deleted the backup `{}`, which held the person too", backup.display()));
    }
    output.say(
        "exports, recordings, plan files, handovers and your own backups are not in reach of this command",
    );
    Ok(exit::DONE)
}

/// Names somebody for a person who types.
fn told(person: &Person) -> String {
    let name = person.name.as_deref().map(|name| format!(" ({name}, id {})", person.id.native));
    format!("`{}`{}", person.key, name.unwrap_or_default())
}
