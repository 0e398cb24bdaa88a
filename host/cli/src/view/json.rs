//! The contract's JSON of a preview and a run. Core types do not serialize; these shapes do.

use std::collections::BTreeMap;

use rollcall_connectors::Usage;
use rollcall_core::diag::line_and_column;
use rollcall_core::field::Value;
use rollcall_core::plan::{Action, Change};
use rollcall_core::verify::Outcome;
use rollcall_core::{Diagnostic, Place};
use rollcall_engine::Report;
use rollcall_engine::durations::Durations;
use serde::Serialize;
use serde_json::json;

/// The version of the shapes.
pub(crate) const SCHEMA_VERSION: u32 = 1;

/// The document of a preview or a run.
#[derive(Serialize)]
pub(crate) struct Document {
    schema_version: u32,
    job: String,
    run: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    undoes: Option<String>,
    complete: bool,
    applyable: bool,
    summary: Summary,
    /// How long the steps of a run took; a preview carries no time.
    #[serde(skip_serializing_if = "Option::is_none")]
    durations_ms: Option<serde_json::Value>,
    /// What the connectors of a run used.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    connectors: Vec<serde_json::Value>,
    changes: Vec<ChangeLine>,
    diagnostics: Vec<DiagnosticLine>,
}

#[derive(Serialize, Default)]
struct Summary {
    directory_users: usize,
    create: usize,
    adopt: usize,
    update: usize,
    delete: usize,
    unchanged: usize,
    skipped: usize,
    pending_delete: usize,
    applied: usize,
    failed: usize,
}

#[derive(Serialize)]
struct ChangeLine {
    action: &'static str,
    user_identification: String,
    /// The directory that the user comes from, where the job has several.
    #[serde(skip_serializing_if = "Option::is_none")]
    directory: Option<String>,
    name: Option<String>,
    extension: Option<String>,
    system: Option<String>,
    rule: Option<String>,
    reason: String,
    matched_by: Option<String>,
    status: &'static str,
    fields: BTreeMap<&'static str, FromTo>,
}

#[derive(Serialize)]
struct FromTo {
    from: serde_json::Value,
    to: serde_json::Value,
    /// Whether what stands was changed by hand on the phone system; left out where it was not.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    by_hand: bool,
}

/// One diagnostic.
#[derive(Serialize)]
pub(crate) struct DiagnosticLine {
    code: &'static str,
    severity: &'static str,
    message: String,
    hint: Option<String>,
    file: Option<String>,
    line: Option<usize>,
    column: Option<usize>,
    user_identification: Option<String>,
}

impl From<&Diagnostic> for DiagnosticLine {
    fn from(diagnostic: &Diagnostic) -> Self {
        let (file, line, column) = match &diagnostic.place {
            Place::Span { file, source, bytes } => {
                let (line, column) = line_and_column(source, bytes.start);
                (Some(file.to_string()), Some(line), Some(column))
            }
            Place::Nowhere | Place::Path(_) => (None, None, None),
        };
        Self {
            code: diagnostic.code.0,
            severity: diagnostic.severity.word(),
            message: diagnostic.message.clone(),
            hint: diagnostic.hint.clone(),
            file,
            line,
            column,
            user_identification: diagnostic.user.as_ref().map(ToString::to_string),
        }
    }
}

/// Writes a report. `all` lists unchanged users too.
pub(crate) fn report(report: &Report, diagnostics: &[Diagnostic], all: bool) -> String {
    metered(report, diagnostics, all, Vec::new())
}

/// Says what a directory's connector used.
pub(crate) fn used(directory: &str, used: Usage) -> serde_json::Value {
    json!({
        "directory": directory,
        "memory_peak_bytes": used.memory_peak_bytes,
        "cpu_ms": used.cpu_ms,
        "requests": used.requests,
        "bytes": used.bytes,
    })
}

/// Writes a report with what the connectors used.
pub(crate) fn metered(
    report: &Report,
    diagnostics: &[Diagnostic],
    all: bool,
    used: Vec<serde_json::Value>,
) -> String {
    let plan = &report.plan;
    let several = plan.reading.of_several();
    let lines = plan.changes.iter().zip(&report.outcomes);
    let mut changes: Vec<ChangeLine> =
        lines.map(|(change, outcome)| line(change, outcome, several)).collect();
    if all {
        changes.extend(plan.unchanged.iter().map(|(key, name, extension)| ChangeLine {
            action: "unchanged",
            user_identification: key.to_string(),
            directory: None,
            name: Some(name.to_string()),
            extension: extension.as_ref().map(ToString::to_string),
            system: None,
            rule: None,
            reason: String::new(),
            matched_by: None,
            status: "planned",
            fields: BTreeMap::new(),
        }));
    }
    write(&Document {
        schema_version: SCHEMA_VERSION,
        job: report.job.to_string(),
        run: report.run.as_ref().map(ToString::to_string),
        undoes: plan.undoes.as_ref().map(ToString::to_string),
        complete: plan.complete,
        applyable: report.applyable(),
        summary: Summary {
            directory_users: plan.reading.total(),
            create: plan.count(Action::Create),
            adopt: plan.count(Action::Adopt),
            update: plan.count(Action::Update),
            delete: plan.count(Action::Delete),
            unchanged: plan.unchanged_users(),
            skipped: plan.count(Action::Skip),
            pending_delete: plan.pending.len(),
            applied: report.applied(),
            failed: report.failed(),
        },
        durations_ms: report.run.as_ref().map(|_| durations(&report.durations)),
        connectors: used,
        changes,
        diagnostics: diagnostics.iter().map(DiagnosticLine::from).collect(),
    })
}

fn durations(steps: &Durations) -> serde_json::Value {
    json!({ "pull": steps.pull, "map": steps.map, "read": steps.read, "plan": steps.plan, "apply": steps.apply })
}

/// Writes the document of a run that came to no plan.
pub(crate) fn nothing(job: &str, diagnostics: &[Diagnostic]) -> String {
    write(&Document {
        schema_version: SCHEMA_VERSION,
        job: job.to_owned(),
        run: None,
        undoes: None,
        complete: false,
        applyable: false,
        summary: Summary::default(),
        durations_ms: None,
        connectors: Vec::new(),
        changes: Vec::new(),
        diagnostics: diagnostics.iter().map(DiagnosticLine::from).collect(),
    })
}

/// Writes diagnostics alone.
pub(crate) fn diagnostics(diagnostics: &[Diagnostic]) -> String {
    let lines: Vec<DiagnosticLine> = diagnostics.iter().map(DiagnosticLine::from).collect();
    write(&json!({ "schema_version": SCHEMA_VERSION, "diagnostics": lines }))
}

/// Writes any document, indented, with a line break at its end.
pub(crate) fn write(document: &impl Serialize) -> String {
    serde_json::to_string_pretty(document).unwrap_or_default() + "\n"
}

fn line(change: &Change, outcome: &Outcome, several: bool) -> ChangeLine {
    let text = |text: &Option<rollcall_core::Text>| text.as_ref().map(ToString::to_string);
    let fields = change.fields.iter().map(|change| {
        let (from, to) = (value(change.from.as_ref()), value(change.to.as_ref()));
        (change.field.key(), FromTo { from, to, by_hand: change.drift })
    });
    let adopted = change.adoption.as_ref().filter(|_| change.action == Action::Adopt);
    ChangeLine {
        action: change.action.word(),
        user_identification: change.key.to_string(),
        directory: several.then(|| change.id.directory.to_string()),
        name: text(&change.name),
        extension: text(&change.extension),
        system: text(&change.system),
        rule: text(&change.rule),
        reason: change.reason.clone(),
        matched_by: adopted.map(|adoption| adoption.by.word().to_owned()),
        status: outcome.word(),
        fields: fields.collect(),
    }
}

/// Gives a value as JSON; codes are never shown.
pub(crate) fn value(value: Option<&Value>) -> serde_json::Value {
    match value {
        None => serde_json::Value::Null,
        Some(Value::Text(text)) => json!(&**text),
        Some(Value::List(list)) => json!(list.iter().map(|text| &**text).collect::<Vec<_>>()),
        Some(Value::Secret(_) | Value::Random(_) | Value::Drawn(_)) => json!("(sensitive)"),
    }
}
