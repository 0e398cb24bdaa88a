//! The report as a person reads it on a terminal.

use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};
use rollcall_core::diff::FieldChange;
use rollcall_core::field::Value;
use rollcall_core::plan::{Action, Change};
use rollcall_core::text::count;
use rollcall_core::verify::Outcome;
use rollcall_engine::Report;

use crate::view::text::{column, shown};

/// The width of the column with names.
const NAME_WIDTH: usize = 16;
/// The width of the column with extensions.
const EXTENSION_WIDTH: usize = 8;

/// Writes a report.
pub(crate) fn report(report: &Report, all: bool) -> String {
    let mut out = String::new();
    let plan = &report.plan;
    for (change, outcome) in plan.changes.iter().zip(&report.outcomes) {
        out.push_str(&change_lines(change, outcome, plan.reading.of_several()));
    }
    for pending in &plan.pending {
        let name = column(pending.name.as_deref().unwrap_or("-"), NAME_WIDTH);
        let extension = column(pending.extension.as_deref().unwrap_or("-"), EXTENSION_WIDTH);
        let why = shown(&format!("{} ({})", pending.why, pending.key));
        let _ = writeln!(out, "{} {name} {extension} {why}", paint(AnsiColor::Yellow, "…"));
    }
    if all {
        for (key, name, extension) in &plan.unchanged {
            let name = column(name, NAME_WIDTH);
            let extension = column(extension.as_deref().unwrap_or("-"), EXTENSION_WIDTH);
            let _ = writeln!(out, "= {name} {extension} {}", shown(key));
        }
    }
    if !out.is_empty() {
        out.push('\n');
    }
    out.push_str(&summary(report));
    out
}

fn change_lines(change: &Change, outcome: &Outcome, several: bool) -> String {
    let (symbol, color) = symbol(change.action);
    let name = column(change.name.as_deref().unwrap_or("-"), NAME_WIDTH);
    let extension = column(change.extension.as_deref().unwrap_or("-"), EXTENSION_WIDTH);
    let mut out =
        format!("{} {name} {extension} {}\n", paint(color, symbol), shown(&headline(change, several)));
    match outcome {
        Outcome::Failed(why) => {
            _ = writeln!(out, "    {}: {}", paint(AnsiColor::Red, "failed"), shown(&why.message))
        }
        Outcome::Unknown(why) => {
            _ = writeln!(out, "    {}: {}", paint(AnsiColor::Red, "unknown"), shown(&why.message))
        }
        Outcome::Planned | Outcome::Applied => {}
    }
    if matches!(change.action, Action::Adopt | Action::Update) {
        for field in &change.fields {
            let _ = writeln!(out, "    {}", shown(&field_line(field)));
        }
    }
    out
}

/// `several`: whether the job has several directories, so that the user's own is named.
fn headline(change: &Change, several: bool) -> String {
    let whose = match several {
        true => format!("{} of {}", change.key, change.id.directory),
        false => change.key.to_string(),
    };
    let system = change.system.as_deref().filter(|_| change.action != Action::Skip);
    let groups =
        change.field(rollcall_core::Field::GroupMembership).filter(|_| change.action == Action::Create);
    let groups =
        groups.map(|groups| format!(", member of {}", value(groups.to.as_ref()))).unwrap_or_default();
    match system {
        Some(system) => format!("on {system}: {}{groups} ({whose})", change.reason),
        None => format!("{} ({whose})", change.reason),
    }
}

fn field_line(field: &FieldChange) -> String {
    let drift = if field.drift { "  (changed by hand)" } else { "" };
    format!("{}: {} -> {}{drift}", field.field.key(), value(field.from.as_ref()), value(field.to.as_ref()))
}

/// Gives a value for a person; codes are never shown.
pub(crate) fn value(value: Option<&Value>) -> String {
    match value {
        None => "(none)".to_owned(),
        Some(Value::Text(text)) => text.to_string(),
        Some(Value::List(list)) => list.join(", "),
        Some(Value::Secret(_) | Value::Random(_) | Value::Drawn(_)) => "(sensitive)".to_owned(),
    }
}

fn symbol(action: Action) -> (&'static str, AnsiColor) {
    match action {
        Action::Create => ("+", AnsiColor::Green),
        Action::Adopt => ("&", AnsiColor::Cyan),
        Action::Update => ("~", AnsiColor::Yellow),
        Action::Delete => ("-", AnsiColor::Red),
        Action::Skip => ("!", AnsiColor::Magenta),
    }
}

fn summary(report: &Report) -> String {
    let plan = &report.plan;
    let mut parts = Vec::new();
    for (action, words) in [
        (Action::Create, "to create"),
        (Action::Adopt, "to adopt"),
        (Action::Update, "to update"),
        (Action::Delete, "to delete"),
    ] {
        if plan.count(action) > 0 {
            parts.push(format!("{} {words}", plan.count(action)));
        }
    }
    if parts.is_empty() {
        parts.push("no change".to_owned());
    }
    if plan.undoes.is_none() {
        parts.push(format!("{} unchanged", plan.unchanged_users()));
    }
    for (number, words) in [(plan.count(Action::Skip), "skipped"), (plan.pending.len(), "pending delete")] {
        if number > 0 {
            parts.push(format!("{number} {words}"));
        }
    }
    let (job, parts) = (shown(&report.job), parts.join(", "));
    let mut out = match &plan.undoes {
        Some(run) => format!("Undo of the run {run} of {job}: {parts}.\n"),
        None => format!("Plan for {job}: {parts} of {}.\n", count(plan.reading.total(), "directory user")),
    };
    if let Some(run) = &report.run {
        let failed =
            if report.failed() > 0 { format!(", {} failed", report.failed()) } else { String::new() };
        let _ = writeln!(out, "Run {run}: {} applied{failed}.", report.applied());
    }
    out
}

/// Colours text; the stream drops colours where none are wanted.
pub(crate) fn paint(color: AnsiColor, text: &str) -> String {
    let style = Style::new().fg_color(Some(color.into())).bold();
    format!("{style}{text}{style:#}")
}
