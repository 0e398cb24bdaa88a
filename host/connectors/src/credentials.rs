//! Which credentials a job must name. Only names are looked at here: a credential's value goes to the host's sign-in
//! and nowhere else.

use std::collections::BTreeSet;

use rollcall_core::{Diagnostic, codes};

use crate::manifest::Manifest;
use crate::words::{did_you_mean, listed, tame};

/// Parts of names that only credentials have.
const TELLING: &[&str] = &[
    "password",
    "passwd",
    "secret",
    "token",
    "private_key",
    "privatekey",
    "api_key",
    "apikey",
    "credential",
];

/// Checks the names under `[directory.credentials]`: unknown ones, and sets that are not complete.
///
/// # Errors
///
/// Gives one diagnostic for each mistake.
pub fn check_credentials<'a>(
    manifest: &Manifest,
    given: impl IntoIterator<Item = &'a str>,
) -> Result<(), Vec<Diagnostic>> {
    let given: BTreeSet<&str> = given.into_iter().collect();
    let mut wrong = Vec::new();
    let named = &manifest.credentials.named;
    for name in &given {
        if !named.contains_key(*name) {
            let message =
                format!("the connector `{}` takes no credential `{}`", manifest.name, tame(name, 200));
            let hint = did_you_mean(name, named.keys().map(String::as_str));
            let place = ["directory", "credentials", name];
            wrong.push(Diagnostic::error(codes::SETTING_INVALID, message).path(&place).hint(hint));
        }
    }
    if wrong.is_empty() {
        wrong.extend(incomplete(manifest, &given));
    }
    if wrong.is_empty() { Ok(()) } else { Err(wrong) }
}

fn incomplete(manifest: &Manifest, given: &BTreeSet<&str>) -> Option<Diagnostic> {
    let all: Vec<String> = manifest.credentials.named.keys().cloned().collect();
    let sets =
        if manifest.credentials.one_of.is_empty() { vec![all] } else { manifest.credentials.one_of.clone() };
    // No credential at all is a way of its own where a set is empty, and only where none is given.
    let is_complete = |set: &&Vec<String>| {
        set.iter().all(|name| given.contains(&**name)) && (!set.is_empty() || given.is_empty())
    };
    let complete = sets.iter().filter(is_complete).count();
    let used: BTreeSet<&str> = sets.iter().filter(is_complete).flatten().map(String::as_str).collect();
    let place = ["directory", "credentials"];
    if complete == 1 && used.len() == given.len() {
        return None;
    }
    let ways: Vec<String> =
        sets.iter().map(|set| listed(&set.iter().map(String::as_str).collect::<Vec<_>>())).collect();
    if complete >= 1 {
        let message = format!("several ways to sign in are given, and one is needed: {}", ways.join(", or "));
        return Some(Diagnostic::error(codes::SETTING_INVALID, message).path(&place));
    }
    // The set of which most is there already is the one that was meant.
    let meant = sets
        .iter()
        .enumerate()
        .max_by_key(|(index, set)| {
            let there = set.iter().filter(|name| given.contains(&***name)).count();
            (there, sets.len() - index)
        })
        .map(|(_, set)| set)?;
    let lacking: Vec<&str> = meant.iter().map(String::as_str).filter(|name| !given.contains(name)).collect();
    let message = match lacking.as_slice() {
        [one] => format!("the credential `{one}` is missing"),
        several => format!("the credentials {} are missing", listed(several)),
    };
    let lines: Vec<String> = lacking.iter().map(|name| format!("`{}`", reference(manifest, name))).collect();
    let hint = format!("write {} under `[directory.credentials]`", lines.join(" and "));
    Some(Diagnostic::error(codes::CREDENTIAL_MISSING, message).path(&place).hint(hint))
}

/// Gives the credential that a key under the settings was probably meant to be, if it looks like one.
pub(crate) fn looks_like_credential(manifest: &Manifest, key: &str) -> Option<String> {
    let named = &manifest.credentials.named;
    if named.contains_key(key) {
        return Some(key.to_owned());
    }
    let lower = key.to_lowercase().replace('-', "_");
    if !TELLING.iter().any(|part| lower.contains(part)) {
        return None;
    }
    let closest = named.keys().min_by_key(|name| strsim::damerau_levenshtein(name, &lower));
    Some(closest.cloned().unwrap_or(lower))
}

/// Gives the line that refers to a credential.
pub(crate) fn reference(manifest: &Manifest, credential: &str) -> String {
    let variable = format!("{}_{credential}", manifest.name).to_uppercase().replace('-', "_");
    format!("{credential} = {{ env = \"{variable}\" }}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_credential_is_a_way_of_its_own() {
        let manifest = r#"
            name = "x"
            version = "1.0.0"
            about = "x"
            contract = "0.1"
            credentials.one_of = [["password"], []]
            credentials.password.about = "x"
        "#;
        let manifest = Manifest::parse(manifest.as_bytes()).unwrap();
        assert!(check_credentials(&manifest, []).is_ok());
        assert!(check_credentials(&manifest, ["password"]).is_ok());
        assert!(check_credentials(&manifest, ["pasword"]).is_err());
    }
}
