//! A job that owns nobody, and whose people belong to other jobs: most likely it was renamed, or its file was copied.

use std::collections::BTreeMap;

use crate::codes;
use crate::diag::Diagnostic;
use crate::memory::Memory;
use crate::plan::{Action, Change, Plan};
use crate::text::{Text, count, several};

/// Warns of a job that owns nobody, where people of its directory belong to other jobs: whoever is new would become this
/// job's, and the people of one directory would be torn apart.
pub(crate) fn warning(plan: &Plan, memory: &Memory) -> Option<Diagnostic> {
    let (message, hint) = told(plan, memory)?;
    (!renamed(plan, memory))
        .then(|| Diagnostic::warning(codes::ALL_ELSEWHERE, message).path(&["name"]).hint(hint))
}

/// Tells why a renamed job has nothing to do here at all: it owns nobody, and everybody whom it reads belongs to the job
/// that it is or was. That is no skip by choice; it would go on for ever in silence, and leavers would keep their
/// telephones. Jobs that were never one leave each other's people alone by choice.
pub(crate) fn refusal(plan: &Plan, memory: &Memory) -> Option<Diagnostic> {
    let (message, hint) = told(plan, memory)?;
    renamed(plan, memory).then(|| Diagnostic::error(codes::ALL_ELSEWHERE, message).path(&["name"]).hint(hint))
}

/// Tells whether everybody belongs to the very job that this one is or was.
fn renamed(plan: &Plan, memory: &Memory) -> bool {
    let whose = |change: &Change| memory.others_records.get(&change.id).map(|owner| &owner.job);
    let Some(same) = &memory.same_job else { return false };
    plan.changes.iter().all(|change| elsewhere(change) && whose(change) == Some(same))
}

fn elsewhere(change: &Change) -> bool {
    change.action == Action::Skip && change.why.iter().any(|why| why.code == codes::OWNED_ELSEWHERE)
}

fn told(plan: &Plan, memory: &Memory) -> Option<(String, String)> {
    if plan.owned > 0 || plan.undoes.is_some() {
        return None;
    }
    let mut owners: BTreeMap<&Text, usize> = BTreeMap::new();
    for change in plan.changes.iter().filter(|change| elsewhere(change)) {
        if let Some(owner) = memory.others_records.get(&change.id) {
            *owners.entry(&owner.job).or_default() += 1;
        }
    }
    let same = memory.same_job.as_ref().filter(|same| owners.contains_key(same));
    let first = same.or(owners.keys().next().copied())?;
    let users: usize = owners.values().sum();
    let jobs: Vec<String> = owners.keys().map(|job| format!("`{job}`")).collect();
    let message = format!(
        "this job owns nobody, and {users} of the {} that it reads {} to the {} {}",
        count(plan.reading.total(), "user"),
        if users == 1 { "belongs" } else { "belong" },
        several(&owners.len(), "job"),
        jobs.join(", ")
    );
    let hint = format!(
        "was the job renamed, or its file copied? `name = \"{first}\"` in the job file gives it its users back, and \
         `rollcall rename-job {first} NEW` gives them to its new name; else narrow the scope of one of the jobs"
    );
    Some((message, hint))
}
