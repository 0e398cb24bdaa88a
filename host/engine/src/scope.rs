//! What a job was made of at each run that passed, as digests by name: so that a later run can name what has changed since.
//!
//! Only digests are kept. A setting may hold something that is nobody's business, and its name is enough to find it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use rollcall_core::{Diagnostic, Field, Text, codes};
use rollcall_edges::state::JobState;
use rollcall_job::job::Job;
use sha2::{Digest as _, Sha256};

/// The parts of a job by name, each with its digest.
pub type Digests = BTreeMap<Text, Vec<u8>>;

/// The parts that decide whom a directory lists, and how its users are told apart.
const SCOPE: [&str; 3] = ["directory.", "fields.user_identification", "leavers.disabled"];

/// Takes the digests of a job. `connectors` are the digests of the connectors' packages, in the order of the job's
/// directories, `rule_files` the files of `[rules] files` with their text.
pub fn digests<'a>(
    job: &Job,
    connectors: impl IntoIterator<Item = &'a str>,
    rule_files: &[(Text, Text)],
) -> Digests {
    let mut digests = Digests::new();
    let mut add = |name: &str, parts: &[&str]| _ = digests.insert(name.into(), digest(parts));
    for (directory, connector) in job.directories.iter().zip(connectors) {
        // A directory alone is called so; one of several by its name.
        let at = match job.directories.len() {
            1 => "directory".to_owned(),
            _ => format!("directory.{}", directory.name),
        };
        let recording = directory.recording.as_ref().map(|path| path.display().to_string());
        add(&format!("{at}.connector"), &[&directory.connector, connector]);
        add(&format!("{at}.name"), &[&directory.name]);
        add(&format!("{at}.recording"), &[&recording.unwrap_or_default()]);
        for (key, value) in &directory.settings {
            add(&format!("{at}.settings.{key}"), &[&value.to_string()]);
        }
        if let Some(rank) = directory.precedence {
            add(&format!("{at}.precedence"), &[&rank.to_string()]);
        }
    }
    for map in &job.fields {
        let treatment = format!("{:?}", job.policy.fields.get(&map.field));
        // How a field is treated on update does not change who is who.
        let treatment = if map.field == Field::UserIdentification { "" } else { &treatment };
        add(&format!("fields.{}", map.field.key()), &[&map.expression, treatment]);
    }
    let names: Vec<&str> = rule_files.iter().map(|(name, _)| shown(name, &job.folder)).collect();
    add("rules.files", &names);
    for (name, (_, text)) in names.iter().zip(rule_files) {
        add(name, &[text]);
    }
    let policy = &job.policy;
    add("rules.when_no_rule", &[&format!("{:?}", policy.when_no_rule)]);
    add("rules.number_precedence", &[&format!("{:?}", policy.number_precedence)]);
    add("numbers.reserved", &[&format!("{:?}", policy.reserved)]);
    add("synchronize", &[&format!("{} {} {}", policy.new, policy.update, policy.delete)]);
    let leavers = &job.leavers;
    let text = |expression: &Option<(Text, _)>| {
        expression.as_ref().map(|(text, _)| text.clone()).unwrap_or_default()
    };
    add("leavers.grace", &[&leavers.grace_ms.to_string()]);
    add("leavers.protect", &[&text(&leavers.protect)]);
    add("leavers.disabled", &[&leavers.keep_disabled.to_string(), &text(&leavers.disabled_when)]);
    digests
}

/// Takes a digest of each thing that decides a plan of a job, by its name for people: the job's parts, its files whole,
/// and the template files, `(name, content)`.
pub fn decided_by(job: &Job, digests: &Digests, templates: &[(Text, Vec<u8>)]) -> BTreeMap<Text, Text> {
    let hex = |digest: &[u8]| Text::from(digest.iter().map(|byte| format!("{byte:02x}")).collect::<String>());
    let files = job.spans.files().map(|(name, text)| (name, text.as_bytes()));
    let files = files.chain(templates.iter().map(|(name, content)| (name, content.as_slice())));
    let files = files.map(|(name, content)| (shown(name, &job.folder).into(), hex(&Sha256::digest(content))));
    digests.iter().map(|(name, digest)| (name.clone(), hex(digest))).chain(files).collect()
}

/// Gives the name of a file as a person knows it: relative to the job's folder where it lies there.
fn shown<'a>(name: &'a str, folder: &Path) -> &'a str {
    Path::new(name).strip_prefix(folder).ok().and_then(Path::to_str).unwrap_or(name)
}

fn digest(parts: &[&str]) -> Vec<u8> {
    let mut digest = Sha256::new();
    parts.iter().for_each(|part| add(&mut digest, part.as_bytes()));
    digest.finalize().to_vec()
}

/// Adds a part with its length, so that no two lists of parts are one.
pub(crate) fn add(digest: &mut Sha256, part: &[u8]) {
    digest.update((part.len() as u64).to_le_bytes());
    digest.update(part);
}

/// Names the parts that are not as they were at the last run that passed: changed, new or gone. Nothing where no run has
/// passed, or where it is not known what it was made of.
pub fn changed(before: &Digests, now: &Digests) -> Vec<Text> {
    if before.is_empty() {
        return Vec::new();
    }
    let names: BTreeSet<&Text> = before.keys().chain(now.keys()).collect();
    names.into_iter().filter(|name| before.get(*name) != now.get(*name)).cloned().collect()
}

/// Tells why nothing is deleted in the first run after the scope has changed.
pub fn deletes_held(known: &JobState, changed: &[Text]) -> Option<Diagnostic> {
    let held = |what: String| {
        let message = format!("scope changed: {what}, so nothing is deleted this time");
        let hint = "look at who is pending; the next run deletes whoever is still missing and due";
        Some(Diagnostic::note(codes::SCOPE_CHANGED, message).hint(hint))
    };
    if !known.directories.is_empty() && known.parts.is_empty() {
        return held("what the last run that passed was made of is not known".into());
    }
    let parts: Vec<String> = changed
        .iter()
        .filter(|name| SCOPE.iter().any(|scope| name.starts_with(scope)))
        .map(|name| format!("`{name}`"))
        .collect();
    match parts.len() {
        0 => None,
        1 => held(format!("{} is not as it was at the last run that passed", parts[0])),
        _ => held(format!("{} are not as they were at the last run that passed", parts.join(", "))),
    }
}

#[cfg(test)]
mod tests {
    use rollcall_edges::state::KnownDirectory;

    use super::*;

    fn tenant() -> BTreeMap<Text, KnownDirectory> {
        let known = KnownDirectory { identity: "tenant".into(), baseline: None };
        [("entra".into(), known)].into()
    }

    fn of(parts: &[(&str, &str)]) -> Digests {
        parts.iter().map(|(name, value)| (Text::from(*name), digest(&[value]))).collect()
    }

    #[test]
    fn what_changed_came_or_went_is_named_and_only_the_scope_holds_deletes() {
        let before = of(&[
            ("directory.settings.filter", "a"),
            ("fields.email", "mail"),
            ("old.rhai", "x"),
            ("same", "1"),
        ]);
        let check = |now: &[(&str, &str)], names: &[&str], held: Option<&str>| {
            let changed = changed(&before, &of(now));
            assert_eq!(changed.iter().map(|name| &**name).collect::<Vec<_>>(), names);
            let known = JobState { directories: tenant(), parts: before.clone(), ..JobState::default() };
            let found = deletes_held(&known, &changed);
            assert_eq!(found.as_ref().map(|why| why.message.as_str()), held);
        };
        check(
            &[("directory.settings.filter", "a"), ("fields.email", "mail"), ("old.rhai", "x"), ("same", "1")],
            &[],
            None,
        );
        check(
            &[
                ("directory.settings.filter", "a"),
                ("fields.email", "other"),
                ("new.rhai", "x"),
                ("same", "1"),
            ],
            &["fields.email", "new.rhai", "old.rhai"],
            None,
        );
        check(
            &[("directory.settings.scope", "a"), ("fields.email", "mail"), ("old.rhai", "x"), ("same", "1")],
            &["directory.settings.filter", "directory.settings.scope"],
            Some(
                "scope changed: `directory.settings.filter`, `directory.settings.scope` are not as they were at the last \
                 run that passed, so nothing is deleted this time",
            ),
        );
    }

    #[test]
    fn a_state_that_does_not_know_holds_deletes_once_and_a_first_run_holds_nothing() {
        let known = JobState { directories: tenant(), ..JobState::default() };
        assert!(deletes_held(&known, &changed(&known.parts, &of(&[("same", "1")]))).is_some());
        assert!(deletes_held(&JobState::default(), &[]).is_none());
    }
}
