//! What decides the plan: `[rules]`, `[numbers]`, `[synchronize]`, `[leavers]`, `[guard]`.

use std::path::PathBuf;

use rollcall_core::constraint::Reserved;
use rollcall_core::memory::MatchedBy;
use rollcall_core::policy::{Adopt, Limit, Limits, NumberPrecedence, Policy, WhenNoRule};
use rollcall_core::{Field, Text};

use crate::fields::origin;
use crate::job::{Leavers, Origin};
use crate::keys;
use crate::tree::{Kind, Node};
use crate::values;
use crate::walk::{Section, Walk};

/// Reads `[rules]` into the policy and gives the rule files.
pub(crate) fn rules(walk: &mut Walk<'_>, root: &Section<'_>, policy: &mut Policy) -> Vec<PathBuf> {
    let Some(section) = walk.section(root, "rules", "rules") else { return Vec::new() };
    let when = [("defaults", WhenNoRule::Defaults), ("skip", WhenNoRule::Skip), ("error", WhenNoRule::Error)];
    let precedence = [("rule", NumberPrecedence::Rule), ("directory", NumberPrecedence::Directory)];
    policy.when_no_rule = walk.choice(&section, "when_no_rule", &when).unwrap_or_default();
    policy.number_precedence = walk.choice(&section, "number_precedence", &precedence).unwrap_or_default();
    let files = walk.texts(&section, "files");
    files.into_iter().map(|(text, node)| walk.resolved(&text, &node.at)).collect()
}

/// Reads `[numbers]`: gives the reserved numbers and the countries of mobile twinning.
pub(crate) fn numbers(walk: &mut Walk<'_>, root: &Section<'_>) -> (Reserved, Vec<Text>) {
    let (mut reserved, mut countries) = (Reserved::default(), Vec::new());
    let Some(section) = walk.section(root, "numbers", "numbers") else { return (reserved, countries) };
    for (text, node) in walk.texts(&section, "reserved") {
        if let Err(why) = values::reserve(&text, &mut reserved) {
            let message = format!("`{}` cannot be reserved: {why}", text.escape_debug());
            walk.bad(&node.at, message, "write `\"2000\"` or `\"2500-2510\"`");
        }
    }
    for (text, node) in walk.texts(&section, "twinning_countries") {
        match values::country(&text) {
            Ok(country) => countries.push(country),
            Err(why) => {
                let message = format!("`{}` is {why}", text.escape_debug());
                walk.bad(&node.at, message, "write the ISO 3166 code, such as `\"GB\"`");
            }
        }
    }
    (reserved, countries)
}

/// Reads the three ticks.
pub(crate) fn synchronize(walk: &mut Walk<'_>, root: &Section<'_>, policy: &mut Policy) {
    let Some(section) = walk.section(root, "synchronize", "synchronize") else { return };
    policy.new = walk.boolean(&section, "new");
    policy.update = walk.boolean(&section, "update");
    policy.delete = walk.boolean(&section, "delete");
}

/// Reads `[leavers]`.
pub(crate) fn leavers(walk: &mut Walk<'_>, root: &Section<'_>) -> Leavers {
    const HINT: &str = "write a duration such as `7d`, `12h`, `30m` or `90s`";
    let mut leavers = Leavers::default();
    let Some(section) = walk.section(root, "leavers", "leavers") else { return leavers };
    if let Some(ms) = walk.parsed(&section, "grace", HINT, values::duration) {
        leavers.grace_ms = ms;
    }
    if let Some(ms) = walk.parsed(&section, "quarantine", HINT, values::duration) {
        leavers.quarantine_ms = ms;
    }
    leavers.keep_disabled =
        walk.choice(&section, "disabled", &[("leaver", false), ("keep", true)]).unwrap_or_default();
    leavers.disabled_when = expression(walk, &section, "disabled_when");
    if let Some(node) = section.get("disabled_when").filter(|_| !leavers.keep_disabled) {
        let message = "`leavers.disabled_when` has no effect without `disabled = \"keep\"`";
        walk.bad(&node.key, message, "add `disabled = \"keep\"`; without it whoever is listed is no leaver");
    }
    leavers.protect = expression(walk, &section, "protect");
    leavers
}

/// Reads an expression with its place.
fn expression(walk: &mut Walk<'_>, section: &Section<'_>, key: &str) -> Option<(Text, Option<Origin>)> {
    let text = walk.text(section, key)?;
    let node = section.get(key)?;
    let origin = origin(walk, &node.at, &text);
    Some((text, origin))
}

/// Reads `[adopt]`.
pub(crate) fn adopt(walk: &mut Walk<'_>, root: &Section<'_>, policy: &Policy) -> Option<Adopt> {
    let section = walk.section(root, "adopt", "adopt")?;
    let mut adopt = Adopt { unattended: walk.boolean(&section, "unattended"), ..Adopt::default() };
    let mapped = |by: &MatchedBy| by.field().is_some_and(|field| policy.fields.contains_key(&field));
    adopt.by.retain(mapped);
    if section.get("by").is_some() {
        let ways = [MatchedBy::Email, MatchedBy::Extension, MatchedBy::Name];
        let words: Vec<&str> = ways.iter().map(|by| by.word()).collect();
        adopt.by = listed(walk, &section, "by", &words)
            .into_iter()
            .filter_map(|(word, node)| {
                let by = MatchedBy::by_word(&word)?;
                if !mapped(&by) {
                    let message = format!("`adopt.by` names `{word}`, and `[fields]` does not map it");
                    walk.bad(&node.at, message, format!("map `{word}` under [fields], or take it out here"));
                }
                Some(by)
            })
            .collect();
        if adopt.by.is_empty()
            && let Some(node) = section.get("by")
            && matches!(&node.kind, Kind::Array(members) if members.is_empty())
        {
            walk.bad(
                &node.at,
                "`adopt.by` is empty",
                "name one of `email`, `extension` and `name`, or take the table out",
            );
        }
    }
    if section.get("keep").is_some() {
        let updatable: Vec<&str> = Field::ALL.into_iter().filter(|f| f.updatable()).map(Field::key).collect();
        let listed = listed(walk, &section, "keep", &updatable);
        adopt.keep = listed.into_iter().filter_map(|(key, _)| Field::by_key(&key)).collect();
    }
    Some(adopt)
}

/// Gives the members of a list that are among `words`, each once.
fn listed<'b>(
    walk: &mut Walk<'_>,
    section: &Section<'b>,
    key: &str,
    words: &[&str],
) -> Vec<(Text, &'b Node)> {
    let path = section.child(key);
    let mut out: Vec<(Text, &'b Node)> = Vec::new();
    for (text, node) in walk.texts(section, key) {
        if !words.contains(&&*text) {
            let hint = match keys::nearest(&text, words.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("it takes {}", values::words(words)),
            };
            walk.bad(&node.at, format!("`{path}` cannot name `{}`", text.escape_debug()), hint);
        } else if out.iter().any(|(other, _)| *other == text) {
            walk.bad(&node.at, format!("`{path}` names `{text}` twice"), "name it once");
        } else {
            out.push((text, node));
        }
    }
    out
}

/// Reads `[guard]`.
pub(crate) fn guard(walk: &mut Walk<'_>, root: &Section<'_>) -> Limits {
    let mut limits = Limits::default();
    let Some(section) = walk.section(root, "guard", "guard") else { return limits };
    let mut limit = |key: &str| section.get(key).and_then(|node| limit(walk, &section.child(key), node));
    limits.max_delete = limit("max_delete").unwrap_or(limits.max_delete);
    limits.max_create = limit("max_create");
    limits.max_update = limit("max_update");
    limits.max_clear = limit("max_clear").unwrap_or(limits.max_clear);
    limits.min_directory = limit("min_directory").unwrap_or(limits.min_directory);
    if let (Limit::Percent(share), Some(node)) = (limits.min_directory, section.get("min_directory"))
        && share > 100.0
    {
        let message = "`guard.min_directory` is more than the last reading had";
        walk.bad(&node.at, message, "write at most `100%`");
    }
    const HINT: &str = "write a duration such as `24h`; `0s` holds the limits against each run by itself";
    limits.window_ms = walk.parsed(&section, "window", HINT, values::duration);
    limits
}

fn limit(walk: &mut Walk<'_>, path: &str, node: &Node) -> Option<Limit> {
    const HINT: &str = "write a number, `42`, or a share, `\"5%\"`";
    match &node.kind {
        Kind::Integer(number) => {
            let count = u32::try_from(*number).ok();
            if count.is_none() {
                walk.bad(&node.at, format!("`{path}` cannot be `{number}`"), HINT);
            }
            count.map(Limit::Count)
        }
        Kind::Text(text) => values::percent(text)
            .inspect_err(|why| {
                walk.bad(&node.at, format!("`{path}` is `{}`: {why}", text.escape_debug()), HINT);
            })
            .ok(),
        _ => {
            walk.wrong_type(path, node, "a number or a share", HINT);
            None
        }
    }
}
