//! `explain`: one user's whole way, step by step.

use std::fmt::Write as _;
use std::path::Path;

use rollcall_core::field::Value;
use rollcall_core::map::Mapped;
use rollcall_core::plan::Action;
use rollcall_core::script::{ExtensionKind, Rule};
use rollcall_core::{Cell, Diagnostic, Field, codes};
use rollcall_edges::state::{Journalled, Settled, State as _};
use rollcall_engine::explain::{Explained, explain};
use serde_json::json;

use crate::args::Global;
use crate::exit;
use crate::failure::Failure;
use crate::output::Output;
use crate::time::shown as at;
use crate::view::human::value;
use crate::view::json as shapes;
use crate::view::text::shown;
use crate::wiring::{self, Intent, Session};

/// A line of the history: the run, when, what, and how it went.
type Past = (String, String, String, String);

/// Runs the command.
pub(crate) async fn run(global: &Global, output: &Output, job: &Path, user: &str) -> Result<u8, Failure> {
    let session = Session::open(global, job)?;
    let mut ends = session.ends(None, Intent::Look).await?;
    let found = explain(ends.parts(&session), user).await.map_err(|error| session.failure(error))?;
    ends.office.office().close().await;
    session.progress.clear();
    if found.is_empty() {
        let message = format!("no user of the directory or of this job fits `{user}`");
        return Err(Failure::new(exit::ERROR, codes::USER_NOT_FOUND, message)
            .hint("give user identification, name, extension, e-mail or login name"));
    }
    if found.len() > 1 {
        let list: Vec<String> =
            found.iter().map(|one| format!("`{}`", one.key.as_deref().unwrap_or("?"))).collect();
        let message = format!("several users fit `{user}`: {}", list.join(", "));
        return Err(
            Failure::new(exit::ERROR, codes::USER_NOT_FOUND, message).hint("give the user identification")
        );
    }
    let Some(mut one) = found.into_iter().next() else { return Ok(exit::DONE) };
    one.diagnostics = session.located(one.diagnostics);
    let past = history(global, &session, &one).await?;
    if output.json {
        output.payload(&shapes::write(&document(&session, &one, &past)));
    }
    output.human(&text(&one, &past));
    Ok(exit::DONE)
}

async fn history(global: &Global, session: &Session, one: &Explained) -> Result<Vec<Past>, Failure> {
    let Some(id) = &one.id else { return Ok(Vec::new()) };
    let store = wiring::store(global).await?;
    let past = store.history(&session.job.name, id).await?;
    Ok(past.into_iter().map(|(run, when, op)| (run.to_string(), at(when), what(&op), how(&op))).collect())
}

fn what(op: &Journalled) -> String {
    use rollcall_core::ops::Write;
    match &op.intent.write {
        Write::CreateUser { .. } => "create the user".to_owned(),
        Write::CreateExtension { number, .. } => format!("create the extension {number}"),
        Write::UpdateUser { set, .. } => {
            let names: Vec<&str> = set.iter().map(|(field, _)| field.key()).collect();
            format!("update {}", names.join(", "))
        }
        Write::RenumberExtension { from, to } => format!("give the extension {from} the number {to}"),
        Write::AddMember { group, .. } => format!("make a member of {group}"),
        Write::RemoveMember { group, .. } => format!("take out of {group}"),
        Write::DeleteUser { .. } => "delete the user".to_owned(),
        Write::DeleteExtension { number } => format!("delete the extension {number}"),
    }
}

fn how(op: &Journalled) -> String {
    match &op.settled {
        None if op.sent.is_none() => "not sent".to_owned(),
        None => "unsettled".to_owned(),
        Some(Settled::Applied) => "applied".to_owned(),
        Some(Settled::Failed(why)) => format!("failed: {why}"),
        Some(Settled::Unknown(why)) => format!("unknown: {why}"),
    }
}

/// Writes an attribute.
fn cell(cell: &Cell) -> String {
    match cell {
        Cell::None => "(none)".to_owned(),
        Cell::Text(text) => format!("\"{text}\""),
        Cell::Integer(number) => number.to_string(),
        Cell::Boolean(yes) => yes.to_string(),
        Cell::Bytes(bytes) => format!("({} bytes)", bytes.len()),
        Cell::Texts(texts) => {
            format!("[{}]", texts.iter().map(|t| format!("\"{t}\"")).collect::<Vec<_>>().join(", "))
        }
    }
}

fn candidates(values: &[Value]) -> String {
    match values {
        [] => "(not set)".to_owned(),
        values => values.iter().map(|one| value(Some(one))).collect::<Vec<_>>().join(" | "),
    }
}

fn text(one: &Explained, past: &[Past]) -> String {
    let mut out = format!("{}\n", one.key.as_deref().unwrap_or("?"));
    let mut section = |title: &str, lines: Vec<String>| {
        let _ = writeln!(out, "\n{title}");
        for line in lines {
            let _ = writeln!(out, "  {}", shown(&line));
        }
    };
    section("1 pull: what the directory gives", pulled(one));
    section("2 map: what the fields make of it, preferred values first", mapped(one));
    section("3 match", vec![matched(one)]);
    section("4 provision: what the phone user should hold", provisioned(one));
    section("5 diff and 6 plan", planned(one));
    if !one.diagnostics.is_empty() {
        section("notes", one.diagnostics.iter().map(note).collect());
    }
    let lines = past.iter().map(|(run, when, what, how)| format!("{when}  {run}  {what}: {how}"));
    section("history", if past.is_empty() { vec!["nothing yet".to_owned()] } else { lines.collect() });
    out
}

fn note(diagnostic: &Diagnostic) -> String {
    let hint = diagnostic.hint.as_ref().map(|hint| format!(" ({hint})")).unwrap_or_default();
    format!("{} [{}]: {}{hint}", diagnostic.severity.word(), diagnostic.code.0, diagnostic.message)
}

fn pulled(one: &Explained) -> Vec<String> {
    match &one.record {
        None => vec!["nothing: the last reading lacks this user".to_owned()],
        Some(record) => std::iter::once(format!("id = {}", record.id.native))
            .chain(record.iter().map(|(name, value)| format!("{name} = {}", cell(value))))
            .collect(),
    }
}

fn mapped(one: &Explained) -> Vec<String> {
    match &one.mapped {
        None => vec!["nothing".to_owned()],
        Some(Mapped::Skipped(skip)) => skip.why.iter().map(note).collect(),
        Some(Mapped::Draft(draft)) => std::iter::once(format!("user_identification = {}", draft.key))
            .chain(
                draft
                    .fields
                    .iter()
                    .map(|(field, values)| format!("{} = {}", field.key(), candidates(values))),
            )
            .chain([rule_line(draft.rule.as_ref())])
            .collect(),
    }
}

fn rule_line(rule: Option<&Rule>) -> String {
    let Some(rule) = rule else { return "rule: none matches".to_owned() };
    let mut parts = Vec::new();
    parts.extend(rule.system.as_ref().map(|system| format!("system {system}")));
    parts.extend(
        rule.range.map(|range| format!("numbers {:0w$}-{:0w$}", range.first, range.last, w = range.width)),
    );
    parts.extend(rule.user_template.as_ref().map(|name| format!("user template {name}")));
    parts.extend(rule.extension.as_ref().map(|kind| match kind {
        ExtensionKind::Template(name) => format!("extension template {name}"),
        ExtensionKind::Type(name) => format!("extension type {name}"),
    }));
    format!("rule: `{}` ({})", rule.name, parts.join(", "))
}

fn matched(one: &Explained) -> String {
    match (&one.link, &one.stands) {
        (None, _) => "no phone user of this job yet".to_owned(),
        (Some(link), None) => format!("linked to the phone user {}, which is gone", link.guid),
        (Some(link), Some(phone)) => {
            let made =
                link.rule.as_ref().map(|rule| format!(", made with the rule `{rule}`")).unwrap_or_default();
            format!("linked to `{}` ({}){made}", phone.name(), link.guid)
        }
    }
}

fn provisioned(one: &Explained) -> Vec<String> {
    match &one.desired {
        None => vec!["nothing".to_owned()],
        Some(desired) => std::iter::once(format!("system = {}", desired.system))
            .chain(
                desired.fields.iter().map(|(field, held)| format!("{} = {}", field.key(), value(Some(held)))),
            )
            .collect(),
    }
}

fn planned(one: &Explained) -> Vec<String> {
    let Some(change) = &one.change else {
        return vec![one.pending.clone().unwrap_or_else(|| "nothing changes".to_owned())];
    };
    let head = format!("{}: {}", change.action.word(), change.reason);
    let fields = change
        .fields
        .iter()
        .filter(|field| change.action != Action::Create || field.field != Field::UserIdentification);
    let lines = fields.map(|field| {
        let drift = if field.drift { "  (changed by hand)" } else { "" };
        format!(
            "{}: {} -> {}{drift}",
            field.field.key(),
            value(field.from.as_ref()),
            value(field.to.as_ref())
        )
    });
    std::iter::once(head).chain(lines).collect()
}

fn document(session: &Session, one: &Explained, past: &[Past]) -> serde_json::Value {
    let attributes: serde_json::Map<String, serde_json::Value> = one
        .record
        .iter()
        .flat_map(|record| record.iter())
        .map(|(name, value)| (name.to_string(), attribute(value)))
        .collect();
    let fields: serde_json::Map<String, serde_json::Value> = match &one.mapped {
        Some(Mapped::Draft(draft)) => draft
            .fields
            .iter()
            .map(|(field, values)| {
                (field.key().to_owned(), values.iter().map(|one| shapes::value(Some(one))).collect())
            })
            .collect(),
        _ => serde_json::Map::new(),
    };
    let rule = match &one.mapped {
        Some(Mapped::Draft(draft)) => draft.rule.as_ref().map(|rule| rule.name.to_string()),
        _ => None,
    };
    let desired: serde_json::Map<String, serde_json::Value> = one
        .desired
        .iter()
        .flat_map(|desired| &desired.fields)
        .map(|(field, held)| (field.key().to_owned(), shapes::value(Some(held))))
        .collect();
    let why = match &one.mapped {
        Some(Mapped::Skipped(skip)) => skip.why.clone(),
        _ => Vec::new(),
    };
    let diagnostics: Vec<shapes::DiagnosticLine> = session
        .located(why.into_iter().chain(one.diagnostics.clone()).collect())
        .iter()
        .map(shapes::DiagnosticLine::from)
        .collect();
    json!({
        "schema_version": shapes::SCHEMA_VERSION,
        "job": &*session.job.name,
        "user_identification": one.key.as_deref(),
        "attributes": attributes,
        "fields": fields,
        "rule": rule,
        "linked_to": one.link.as_ref().map(|link| &*link.guid),
        "desired": desired,
        "action": one.change.as_ref().map_or(if one.pending.is_some() { "pending_delete" } else { "none" }, |c| c.action.word()),
        "reason": one.change.as_ref().map(|c| c.reason.clone()).or(one.pending.clone()),
        "diagnostics": diagnostics,
        "history": past.iter().map(|(run, when, what, how)| json!({ "run": run, "at": when, "what": what, "how": how })).collect::<Vec<_>>(),
    })
}

fn attribute(cell: &Cell) -> serde_json::Value {
    match cell {
        Cell::None => serde_json::Value::Null,
        Cell::Text(text) => json!(&**text),
        Cell::Integer(number) => json!(number),
        Cell::Boolean(yes) => json!(yes),
        Cell::Bytes(bytes) => json!(format!("({} bytes)", bytes.len())),
        Cell::Texts(texts) => json!(texts.iter().map(|text| &**text).collect::<Vec<_>>()),
    }
}
