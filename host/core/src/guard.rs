//! Step 7, guard: the last look before anything is written. Only it makes a [`Cleared`] plan, and only such a plan is
//! applied.

use std::collections::BTreeMap;

use crate::codes;
use crate::diag::{Code, Diagnostic};
use crate::elsewhere;
use crate::memory::Memory;
use crate::plan::{Action, Plan};
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

/// What a job's runs applied, or may have applied, within the window of the limits; the plan at hand is not counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spent {
    /// Users that were made.
    pub creates: usize,
    /// Users that were adopted.
    pub adopts: usize,
    /// Users that were changed.
    pub updates: usize,
    /// Users that were deleted.
    pub deletes: usize,
    /// Users who lost a value or a group.
    pub clears: usize,
}

/// The window over whose sum the limits hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Window {
    /// Its length for people, such as `24h`.
    pub length: Text,
    /// What was applied within it.
    pub spent: Spent,
}

/// One limit and what is held against it.
struct Count<'a> {
    name: &'a str,
    code: Code,
    /// What is counted: one of it, and several.
    what: [&'a str; 2],
    now: usize,
    before: usize,
    limit: Option<Limit>,
    /// How many users a share is of.
    base: usize,
}

/// Clears a plan, or gives every reason why not. `accept` names guards that this one run may pass, each with the exact
/// figure.
///
/// Where limits hold over a window, a share is of everybody whom the job owned at some time within it: those it owns now
/// and those that the window's runs deleted, so that losses do not shrink what they are measured by. Joiners count, because
/// they can be lost like anybody else; only of creates they do not, or each hour's joiners would raise the next hour's
/// limit.
pub fn guard<'p>(
    plan: &'p Plan,
    limits: &Limits,
    memory: &Memory,
    accept: &BTreeMap<Text, usize>,
) -> Result<Cleared<'p>, Vec<Diagnostic>> {
    let mut why = Vec::new();
    if !plan.complete {
        why.push(Diagnostic::error(
            codes::READ_INCOMPLETE,
            "the reading is incomplete, so nothing is applied",
        ));
    }
    if plan.undoes.is_none() {
        directories(plan, limits, &memory.baseline, accept, &mut why);
    }
    vanished(plan, accept, &mut why);
    why.extend(elsewhere::refusal(plan, memory));
    for count in counts(plan, limits, memory) {
        why.extend(over(&count, memory.window.as_ref(), accept));
    }
    if why.is_empty() {
        return Ok(Cleared(plan));
    }
    why.extend(changed(&memory.changed).map(|message| Diagnostic::note(codes::SCOPE_CHANGED, message)));
    Err(why)
}

/// Names what is not as it was at the last run that passed; `None` where nothing is.
pub fn changed(parts: &[Text]) -> Option<String> {
    let names: Vec<String> = parts.iter().map(|part| format!("`{part}`")).collect();
    (!names.is_empty()).then(|| format!("since the last run that passed these changed: {}", names.join(", ")))
}

fn counts<'a>(plan: &Plan, limits: &Limits, memory: &Memory) -> [Count<'a>; 4] {
    let spent = memory.window.as_ref().map(|window| window.spent).unwrap_or_default();
    let all = plan.owned + spent.deletes;
    let began = all.saturating_sub(spent.creates + spent.adopts);
    let clears = plan.changes.iter().filter(|change| change.clears()).count();
    let count =
        |name, code, what, now, before, limit, base| Count { name, code, what, now, before, limit, base };
    let (deletes, creates) = (plan.count(Action::Delete), plan.count(Action::Create));
    let updates = plan.updates();
    [
        count(
            "max_delete",
            codes::GUARD_DELETE,
            ["delete", "deletes"],
            deletes,
            spent.deletes,
            Some(limits.max_delete),
            all,
        ),
        count(
            "max_create",
            codes::GUARD_CREATE,
            ["create", "creates"],
            creates,
            spent.creates,
            limits.max_create,
            began,
        ),
        count(
            "max_update",
            codes::GUARD_UPDATE,
            ["update", "updates"],
            updates,
            spent.updates,
            limits.max_update,
            all,
        ),
        count(
            "max_clear",
            codes::GUARD_CLEAR,
            ["user who loses a value or a group", "users who lose a value or a group"],
            clears,
            spent.clears,
            Some(limits.max_clear),
            all,
        ),
    ]
}

/// Tells why a plan does more than a limit allows. What was done before is no reason by itself: a plan that adds nothing
/// to it passes.
fn over(count: &Count<'_>, window: Option<&Window>, accept: &BTreeMap<Text, usize>) -> Option<Diagnostic> {
    let Count { name, code, what, now, before, limit, base } = count;
    let (limit, sum) = ((*limit)?, now + before);
    let allowed = limit.of(*base);
    if *now == 0 || sum <= allowed || accept.get(*name) == Some(&sum) {
        return None;
    }
    let what = what[usize::from(*now != 1)];
    let figures = match window {
        Some(window) if *before > 0 => {
            format!("{now} {what} now and {before} within the last {}", window.length)
        }
        _ => format!("the plan has {now} {what}"),
    };
    let message = format!("{figures}; `{name}` allows {allowed}{}", share(limit, *base));
    let hint = format!("look at the plan; if it is meant, run again with `--accept {name}={sum}`");
    Some(Diagnostic::error(*code, message).path(&["guard", name]).hint(hint))
}

fn share(limit: Limit, base: usize) -> String {
    match limit {
        Limit::Count(_) => String::new(),
        Limit::Percent(percent) => format!(" ({percent}% of {base} owned users)"),
    }
}

fn vanished(plan: &Plan, accept: &BTreeMap<Text, usize>, why: &mut Vec<Diagnostic>) {
    if plan.vanished * 10 <= plan.owned || accept.get("vanished") == Some(&plan.vanished) {
        return;
    }
    let message = format!(
        "{} of {} owned users are gone from the phone system, more than a tenth",
        plan.vanished, plan.owned
    );
    let hint = format!(
        "is it the right phone system, and is its file or backup the latest? if it is meant, run again with `--accept vanished={}`",
        plan.vanished
    );
    why.push(Diagnostic::error(codes::GUARD_OFFICE, message).hint(hint));
}

/// Holds each directory's reading against its last one that passed.
fn directories(
    plan: &Plan,
    limits: &Limits,
    baseline: &BTreeMap<Text, u32>,
    accept: &BTreeMap<Text, usize>,
    why: &mut Vec<Diagnostic>,
) {
    for (name, users) in &plan.reading.users {
        let (called, passes) = match plan.reading.of_several() {
            false => ("the directory".to_owned(), "min_directory".to_owned()),
            true => (format!("the directory `{name}`"), format!("min_directory.{name}")),
        };
        // Where nobody was read, everybody whom the job owns is missing.
        let owned = plan.missing.iter().filter(|id| id.directory == *name).count();
        if *users == 0 && owned > 0 {
            let message = format!("{called} gave no users at all, and the job owns {owned}");
            why.push(
                Diagnostic::error(codes::GUARD_DIRECTORY, message)
                    .hint("check scope, filter and permissions; an empty reading never passes, and `rollcall unlink` lets users go"),
            );
            continue;
        }
        let Some(baseline) = baseline.get(name) else { continue };
        let least = limits.min_directory.of(*baseline as usize);
        if *users < least && accept.get(passes.as_str()) != Some(users) {
            let message = format!(
                "{called} gave {users} users; the last reading that passed had {baseline}, and `min_directory` wants at least {least}"
            );
            why.push(
                Diagnostic::error(codes::GUARD_DIRECTORY, message)
                    .path(&["guard", "min_directory"])
                    .hint(format!("check scope, filter and permissions; if it is meant, run again with `--accept {passes}={users}`")),
            );
        }
    }
}
