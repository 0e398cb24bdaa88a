//! The contract's JSON of a preview and a run. Core types do not serialize; these shapes do.

use std::collections::BTreeMap;

use rollcall_connectors::Usage;
use rollcall_core::diag::line_and_column;
use rollcall_core::field::Value;
use rollcall_core::plan::{Action, Change};
use rollcall_core::verify::Outcome;
use rollcall_core::{Diagnostic, Place, Text};
use rollcall_engine::Report;
use rollcall_engine::durations::Durations;
use serde::Serialize;
use serde_json::json;

/// The version of the shapes.
pub(crate) const SCHEMA_VERSION: u32 = 1;

/// The document of a preview or a run.
#[derive(Serialize)]
pub(crate) struct Document<'r> {
    schema_version: u32,
    job: &'r str,
    run: Option<&'r str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    undoes: Option<&'r str>,
    complete: bool,
    applyable: bool,
    summary: Summary,
    /// How long the steps of a run took; a preview carries no time.
    #[serde(skip_serializing_if = "Option::is_none")]
    durations_ms: Option<serde_json::Value>,
    /// What the connectors of a run used.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    connectors: Vec<serde_json::Value>,
    changes: Vec<ChangeLine<'r>>,
    diagnostics: Vec<DiagnosticLine<'r>>,
    /// In the history alone: whether the lines of its changes name the directory.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    several: bool,
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
struct ChangeLine<'r> {
    action: &'static str,
    user_identification: &'r str,
    /// The directory that the user comes from, where the job has several.
    #[serde(skip_serializing_if = "Option::is_none")]
    directory: Option<&'r str>,
    name: Option<&'r str>,
    extension: Option<&'r str>,
    system: Option<&'r str>,
    rule: Option<&'r str>,
    reason: &'r str,
    matched_by: Option<&'static str>,
    status: &'static str,
    fields: BTreeMap<&'static str, FromTo<'r>>,
}

#[derive(Serialize)]
struct FromTo<'r> {
    from: Shown<'r>,
    to: Shown<'r>,
    /// Whether what stands was changed by hand on the phone system; left out where it was not.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    by_hand: bool,
}

/// A value as JSON; codes are never shown.
#[derive(Serialize)]
#[serde(untagged)]
pub(crate) enum Shown<'r> {
    Nothing,
    Text(&'r str),
    List(&'r [Text]),
}

impl<'r> From<Option<&'r Value>> for Shown<'r> {
    fn from(value: Option<&'r Value>) -> Self {
        match value {
            None => Self::Nothing,
            Some(Value::Text(text)) => Self::Text(text),
            Some(Value::List(list)) => Self::List(list),
            Some(Value::Secret(_) | Value::Random(_) | Value::Drawn(_)) => Self::Text("(sensitive)"),
        }
    }
}

/// One diagnostic.
#[derive(Serialize)]
pub(crate) struct DiagnosticLine<'r> {
    code: &'static str,
    severity: &'static str,
    message: &'r str,
    hint: Option<&'r str>,
    file: Option<String>,
    line: Option<usize>,
    column: Option<usize>,
    user_identification: Option<&'r str>,
}

impl<'r> From<&'r Diagnostic> for DiagnosticLine<'r> {
    fn from(diagnostic: &'r Diagnostic) -> Self {
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
            message: &diagnostic.message,
            hint: diagnostic.hint.as_deref(),
            file,
            line,
            column,
            user_identification: diagnostic.user.as_deref(),
        }
    }
}

/// Writes a report. `all` lists unchanged users too.
pub(crate) fn report(report: &Report, diagnostics: &[Diagnostic], all: bool) -> String {
    let plan = &report.plan;
    let several = plan.reading.of_several();
    let lines = plan.changes.iter().zip(&report.outcomes);
    let mut changes: Vec<ChangeLine> =
        lines.map(|(change, outcome)| line(change, outcome, several)).collect();
    if all {
        changes.extend(plan.unchanged.iter().map(|(key, name, extension)| ChangeLine {
            action: "unchanged",
            user_identification: key,
            directory: None,
            name: Some(name),
            extension: extension.as_deref(),
            system: None,
            rule: None,
            reason: "",
            matched_by: None,
            status: "planned",
            fields: BTreeMap::new(),
        }));
    }
    write(&Document { changes, ..document(report, diagnostics) })
}

/// Writes a report as the history keeps it, with what the connectors used. Its changes stand there by
/// themselves, and `rollcall show` puts them together again.
pub(crate) fn kept(report: &Report, diagnostics: &[Diagnostic], used: Vec<serde_json::Value>) -> String {
    let several = report.plan.reading.of_several();
    write(&Document { connectors: used, several, ..document(report, diagnostics) })
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

/// Gives a report's document without its changes.
fn document<'r>(report: &'r Report, diagnostics: &'r [Diagnostic]) -> Document<'r> {
    let plan = &report.plan;
    Document {
        schema_version: SCHEMA_VERSION,
        job: &report.job,
        run: report.run.as_deref(),
        undoes: plan.undoes.as_deref(),
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
        connectors: Vec::new(),
        changes: Vec::new(),
        diagnostics: diagnostics.iter().map(DiagnosticLine::from).collect(),
        several: false,
    }
}

fn durations(steps: &Durations) -> serde_json::Value {
    json!({ "pull": steps.pull, "map": steps.map, "read": steps.read, "plan": steps.plan, "apply": steps.apply })
}

/// Writes the document of a run that came to no plan.
pub(crate) fn nothing(job: &str, diagnostics: &[Diagnostic]) -> String {
    write(&Document {
        schema_version: SCHEMA_VERSION,
        job,
        run: None,
        undoes: None,
        complete: false,
        applyable: false,
        summary: Summary::default(),
        durations_ms: None,
        connectors: Vec::new(),
        changes: Vec::new(),
        diagnostics: diagnostics.iter().map(DiagnosticLine::from).collect(),
        several: false,
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

fn line<'r>(change: &'r Change, outcome: &Outcome, several: bool) -> ChangeLine<'r> {
    let fields = change.fields.iter().map(|change| {
        let (from, to) = (change.from.as_ref().into(), change.to.as_ref().into());
        (change.field.key(), FromTo { from, to, by_hand: change.drift })
    });
    let adopted = change.adoption.as_ref().filter(|_| change.action == Action::Adopt);
    ChangeLine {
        action: change.action.word(),
        user_identification: &change.key,
        directory: several.then_some(&*change.id.directory),
        name: change.name.as_deref(),
        extension: change.extension.as_deref(),
        system: change.system.as_deref(),
        rule: change.rule.as_deref(),
        reason: &change.reason,
        matched_by: adopted.map(|adoption| adoption.by.word()),
        status: outcome.word(),
        fields: fields.collect(),
    }
}
