//! Step 7, guard: the last look before anything is written. Only it makes a [`Cleared`] plan, and only such a plan is
//! applied.

use std::collections::BTreeMap;

use crate::codes;
use crate::diag::{Code, Diagnostic};
use crate::plan::{Action, Change, Plan};
use crate::policy::{Limit, Limits};
use crate::text::Text;

/// A plan that may be applied.
#[derive(Debug)]
pub struct Cleared<'p>(&'p Plan);

impl<'p> Cleared<'p> {
    /// Gives the plan.
    pub const fn plan(&self) -> &'p Plan {
        self.0
    }
}

/// Clears a plan, or gives every reason why not. `baseline` is the size of the last reading that passed; `accept` names
/// guards that this one run may pass, each with the exact figure.
pub fn guard<'p>(
    plan: &'p Plan,
    limits: &Limits,
    baseline: Option<u32>,
    accept: &BTreeMap<Text, usize>,
) -> Result<Cleared<'p>, Vec<Diagnostic>> {
    let mut why = Vec::new();
    if !plan.complete {
        why.push(Diagnostic::error(
            codes::READ_INCOMPLETE,
            "the reading is incomplete, so nothing is applied",
        ));
    }
    directory(plan, limits, baseline, accept, &mut why);
    if plan.vanished * 10 > plan.owned && accept.get("vanished") != Some(&plan.vanished) {
        let message = format!(
            "{} of {} owned users are gone from the phone system, more than a tenth",
            plan.vanished, plan.owned
        );
        why.push(
            Diagnostic::error(codes::GUARD_OFFICE, message)
                .hint(format!(
                "is it the right phone system, and is its file or backup the latest? if it is meant, run again with `--accept vanished={}`",
                plan.vanished
            )),
        );
    }
    let counts: [(&str, Code, &str, usize, Option<Limit>); 4] = [
        ("max_delete", codes::GUARD_DELETE, "deletes", plan.count(Action::Delete), Some(limits.max_delete)),
        ("max_create", codes::GUARD_CREATE, "creates", plan.count(Action::Create), limits.max_create),
        ("max_update", codes::GUARD_UPDATE, "updates", plan.count(Action::Update), limits.max_update),
        (
            "max_clear",
            codes::GUARD_CLEAR,
            "clears values or groups of",
            plan.changes.iter().filter(|c| Change::clears(c)).count(),
            Some(limits.max_clear),
        ),
    ];
    for (name, code, verb, count, limit) in counts {
        let Some(limit) = limit else { continue };
        let allowed = limit.of(plan.owned);
        if count > allowed && accept.get(name) != Some(&count) {
            let message = format!(
                "the plan {verb} {count} users; `{name}` allows {allowed}{}",
                share(limit, plan.owned)
            );
            why.push(
                Diagnostic::error(code, message).path(&["guard", name]).hint(format!(
                    "look at the plan; if it is meant, run again with `--accept {name}={count}`"
                )),
            );
        }
    }
    if why.is_empty() { Ok(Cleared(plan)) } else { Err(why) }
}

fn share(limit: Limit, owned: usize) -> String {
    match limit {
        Limit::Count(_) => String::new(),
        Limit::Percent(percent) => format!(" ({percent}% of {owned} owned users)"),
    }
}

fn directory(
    plan: &Plan,
    limits: &Limits,
    baseline: Option<u32>,
    accept: &BTreeMap<Text, usize>,
    why: &mut Vec<Diagnostic>,
) {
    let users = plan.reading.users;
    if users == 0 && plan.owned > 0 {
        let message = format!("the directory gave no users at all, and the job owns {}", plan.owned);
        why.push(
            Diagnostic::error(codes::GUARD_DIRECTORY, message)
                .hint("check scope, filter and permissions; an empty reading never passes"),
        );
        return;
    }
    let Some(baseline) = baseline else { return };
    let least = limits.min_directory.of(baseline as usize);
    if users < least && accept.get("min_directory") != Some(&users) {
        let message = format!(
            "the directory gave {users} users; the last reading that passed had {baseline}, and `min_directory` wants at least {least}"
        );
        why.push(
            Diagnostic::error(codes::GUARD_DIRECTORY, message)
                .path(&["guard", "min_directory"])
                .hint(format!("check scope, filter and permissions; if it is meant, run again with `--accept min_directory={users}`")),
        );
    }
}
