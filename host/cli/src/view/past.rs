//! One user's history: every change that a run planned for them, with its operations.

use rollcall_core::RecordId;
use rollcall_edges::clock::Instant;
use rollcall_edges::state::{Journalled, Settled, State as _, StateError};
use rollcall_state::{PastChange, Store};
use serde_json::{Value, json};

use crate::commands::history::{change_line, changed};
use crate::time::shown as at;

/// What the history has of one user.
#[derive(Default)]
pub(crate) struct Past {
    /// The changes, the latest first.
    changes: Vec<PastChange>,
    /// The operations, the latest run first.
    operations: Vec<Operation>,
}

struct Operation {
    run: String,
    at: Instant,
    what: String,
    how: String,
    applied: bool,
}

impl Past {
    /// Reads it.
    pub(crate) async fn of(store: &Store, job: &str, id: &RecordId) -> Result<Self, StateError> {
        let operations = store.history(job, id).await?;
        let one = |(run, when, op): (rollcall_core::Text, Instant, Journalled)| Operation {
            run: run.to_string(),
            at: when,
            what: what(&op),
            how: how(&op),
            applied: op.settled == Some(Settled::Applied),
        };
        Ok(Self { changes: store.past_of(job, id)?, operations: operations.into_iter().map(one).collect() })
    }

    /// Writes it for a person.
    pub(crate) fn lines(&self) -> Vec<String> {
        let mut runs: Vec<(Instant, &str)> =
            self.changes.iter().map(|change| (change.at, &*change.run)).collect();
        // Runs of the first version kept operations only.
        runs.extend(
            self.operations
                .iter()
                .filter(|op| !self.changes.iter().any(|change| *change.run == *op.run))
                .map(|op| (op.at, op.run.as_str())),
        );
        // A run's id sorts by its beginning.
        runs.sort_by(|a, b| b.1.cmp(a.1));
        runs.dedup_by(|a, b| a.1 == b.1);
        let mut lines = Vec::new();
        for (when, run) in runs {
            let changes = self.changes.iter().filter(|change| *change.run == *run);
            let mut told: Vec<String> = changes.map(told).collect();
            if told.is_empty() {
                told.push("operations".to_owned());
            }
            lines.push(format!("{}  {run}  {}", at(when), told.join("; then ")));
            let operations = self.operations.iter().filter(|op| op.run == run);
            lines.extend(operations.map(|op| format!("    {}: {}", op.what, op.how)));
        }
        if lines.is_empty() {
            lines.push("nothing yet".to_owned());
        }
        lines
    }

    /// Gives the operations as JSON.
    pub(crate) fn operations_json(&self) -> Vec<Value> {
        let line = |op: &Operation| json!({ "run": op.run, "at": at(op.at), "what": op.what, "how": op.how, "applied": op.applied });
        self.operations.iter().map(line).collect()
    }

    /// Gives the changes as JSON.
    pub(crate) fn changes_json(&self) -> Vec<Value> {
        let line = |change: &PastChange| {
            let mut line = change_line(change);
            line["run"] = json!(&*change.run);
            line
        };
        self.changes.iter().map(line).collect()
    }
}

/// Writes a change on one line.
fn told(change: &PastChange) -> String {
    let why = change.why.as_deref().map(|why| format!(": {why}")).unwrap_or_default();
    let mut out = format!("{} {}{why}", change.action, change.outcome);
    if &*change.action == "skip" {
        out = "skipped".to_owned();
    }
    let parts = [change.text("reason").unwrap_or_default().to_owned(), changed(change)];
    for part in parts.iter().filter(|part| !part.is_empty()) {
        out.push_str(" - ");
        out.push_str(part);
    }
    out
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
        Write::Adopt { .. } => "adopt the user".to_owned(),
        Write::Release { .. } => "let the user go".to_owned(),
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
        None => "sent, its outcome not noted yet".to_owned(),
        Some(Settled::Applied) => "applied".to_owned(),
        Some(Settled::Failed(why)) => format!("failed: {why}"),
        Some(Settled::Unknown(why)) => format!("unknown: {why}"),
    }
}
