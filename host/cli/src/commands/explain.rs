//! `explain`: one user's whole way, step by step.

use std::fmt::Write as _;
use std::path::Path;

use rollcall_core::field::Value;
use rollcall_core::map::Mapped;
use rollcall_core::memory::MatchedBy;
use rollcall_core::plan::Action;
use rollcall_core::script::{ExtensionKind, Rule};
use rollcall_core::{Cell, Diagnostic, Field, RecordId, codes};
use rollcall_engine::explain::{Explained, explain};
use rollcall_engine::named::several;
use rollcall_state::Person;
use serde_json::json;

use crate::args::Global;
use crate::exit;
use crate::failure::Failure;
use crate::output::Output;
use crate::view::human::value;
use crate::view::json as shapes;
use crate::view::past::Past;
use crate::view::text::shown;
use crate::wiring::{Intent, Session};

/// Runs the command.
pub(crate) async fn run(global: &Global, output: &Output, job: &Path, user: &str) -> Result<u8, Failure> {
    let session = Session::open(global, job)?;
    let mut ends = session.ends(None, Intent::Look).await?;
    let found = explain(ends.parts(&session), user).await.map_err(|error| session.failure(error))?;
    ends.office.office().close().await;
    session.progress.clear();
    // Also those whose phone user is gone: the history outlives them.
    let known = ends.store.people(Some(&session.job.name), user)?;
    let mut one = single(found, &known, user)?;
    one.diagnostics = session.located(one.diagnostics);
    let past = match &one.id {
        Some(id) => Past::of(&ends.store, &session.job.name, id).await?,
        None => Past::default(),
    };
    let others: Vec<&Person> = known.iter().filter(|person| Some(&person.id) != one.id.as_ref()).collect();
    if output.json {
        output.payload(&shapes::write(&document(&session, &one, &past, &others)));
    }
    output.human(&text(&one, &past, &others, session.job.directories.len() > 1));
    Ok(exit::DONE)
}

/// Gives the one user who was meant: of the directory or the links, else somebody whom only the history knows.
fn single(mut found: Vec<Explained>, known: &[Person], user: &str) -> Result<Explained, Failure> {
    if found.is_empty() {
        found.extend(known.iter().map(|person| Explained {
            id: Some(person.id.clone()),
            key: Some(person.key.clone()),
            ..Explained::default()
        }));
    }
    if found.len() > 1 {
        let none = RecordId::default();
        let users: Vec<_> = found
            .iter()
            .map(|one| (one.key.as_deref().unwrap_or("?"), one.id.as_ref().unwrap_or(&none)))
            .collect();
        return Err(Failure { exit: exit::ERROR, diagnostics: vec![several(user, &users)] });
    }
    found.pop().ok_or_else(|| {
        let message = format!("no user of the directory, of this job or of its history fits `{user}`");
        Failure::new(exit::ERROR, codes::USER_NOT_FOUND, message)
            .hint("give user identification, name, extension, e-mail or login name")
    })
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

/// Names the directory of a user, where the job has several.
fn of_several(one: &Explained, several: bool) -> String {
    one.id.as_ref().filter(|_| several).map(|id| format!(" `{}`", id.directory)).unwrap_or_default()
}

fn text(one: &Explained, past: &Past, others: &[&Person], several: bool) -> String {
    let mut out = format!("{}\n", one.key.as_deref().unwrap_or("?"));
    let mut section = |title: &str, lines: Vec<String>| {
        let _ = writeln!(out, "\n{title}");
        for line in lines {
            let _ = writeln!(out, "  {}", shown(&line));
        }
    };
    section(&format!("1 pull: what the directory{} gives", of_several(one, several)), pulled(one));
    section("2 map: what the fields make of it, preferred values first", mapped(one));
    section("3 match", vec![matched(one)]);
    section("4 provision: what the phone user should hold", provisioned(one));
    section("5 diff and 6 plan", planned(one));
    if !one.diagnostics.is_empty() {
        section("notes", one.diagnostics.iter().map(note).collect());
    }
    section("history, the latest first", past.lines());
    if !others.is_empty() {
        let told =
            others.iter().map(|person| format!("{} ({})", person.key, person.name.as_deref().unwrap_or("-")));
        section("others of the history who fit", told.collect());
    }
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
    let adoption = one.change.as_ref().and_then(|change| change.adoption.as_ref().zip(change.guid.as_ref()));
    match (&one.link, &one.stands) {
        (None, _) => match adoption {
            Some((adoption, guid)) => {
                format!("matched by {} with the phone user {guid}, whom nobody owns yet", adoption.by.word())
            }
            None => "no phone user of this job yet".to_owned(),
        },
        (Some(link), None) => format!("linked to the phone user {}, which is gone", link.guid),
        (Some(link), Some(phone)) => {
            let made =
                link.rule.as_ref().map(|rule| format!(", made with the rule `{rule}`")).unwrap_or_default();
            let by = link.matched_by.map(|by| format!(", {}", origin(by))).unwrap_or_default();
            format!("linked to `{}` ({}){made}{by}", phone.name(), link.guid)
        }
    }
}

/// Says how a user that stood already came to the job.
pub(crate) fn origin(by: MatchedBy) -> String {
    match by {
        MatchedBy::Hand => "linked by hand".to_owned(),
        MatchedBy::Import => "imported".to_owned(),
        by => format!("adopted by {}", by.word()),
    }
}

/// Gives how the phone user was matched, in the plan or before.
fn matched_by(one: &Explained) -> Option<&'static str> {
    let planned = one.change.as_ref().and_then(|change| change.adoption.as_ref()).map(|adoption| adoption.by);
    planned.or(one.link.as_ref().and_then(|link| link.matched_by)).map(MatchedBy::word)
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

fn document(session: &Session, one: &Explained, past: &Past, others: &[&Person]) -> serde_json::Value {
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
                (
                    field.key().to_owned(),
                    values.iter().map(|one| json!(shapes::Shown::from(Some(one)))).collect(),
                )
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
        .map(|(field, held)| (field.key().to_owned(), json!(shapes::Shown::from(Some(held)))))
        .collect();
    let why = match &one.mapped {
        Some(Mapped::Skipped(skip)) => skip.why.clone(),
        _ => Vec::new(),
    };
    let located = session.located(why.into_iter().chain(one.diagnostics.clone()).collect());
    let diagnostics: Vec<_> = located.iter().map(shapes::DiagnosticLine::from).collect();
    json!({
        "schema_version": shapes::SCHEMA_VERSION,
        "job": &*session.job.name,
        "user_identification": one.key.as_deref(),
        "directory": one.id.as_ref().map(|id| &*id.directory),
        "attributes": attributes,
        "fields": fields,
        "rule": rule,
        "matched_by": matched_by(one),
        "linked_to": one.link.as_ref().map(|link| &*link.guid),
        "desired": desired,
        "action": one.change.as_ref().map_or(if one.pending.is_some() { "pending_delete" } else { "none" }, |c| c.action.word()),
        "reason": one.change.as_ref().map(|c| c.reason.clone()).or(one.pending.clone()),
        "diagnostics": diagnostics,
        "history": past.operations_json(),
        "past_changes": past.changes_json(),
        "others": others.iter().map(|person| &*person.key).collect::<Vec<_>>(),
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
