//! `{setting}` in the texts of a manifest: the host fills them in once, offline.

use serde_json::{Map, Value};

use crate::manifest::{Manifest, SettingKind};

/// Gives the names of the settings that a text needs, in order.
pub(crate) fn names_in(template: &str) -> Result<Vec<&str>, String> {
    let mut names = Vec::new();
    let mut rest = template;
    while let Some(start) = rest.find('{') {
        let after = &rest[start + 1..];
        let Some(end) = after.find('}') else {
            return Err(format!("`{template}` has a `{{` without `}}`"));
        };
        names.push(&after[..end]);
        rest = &after[end + 1..];
    }
    Ok(names)
}

/// What a text becomes, which decides what a value in it may be.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// A URL: a value beside other text must be one path segment, unless it is a URL itself.
    Url,
    /// Any other text.
    Plain,
}

/// Why a text cannot be filled in: the setting and what is wrong with it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Unfilled {
    pub(crate) setting: String,
    pub(crate) message: String,
}

/// Fills settings into a text.
pub(crate) fn expand(
    manifest: &Manifest,
    settings: &Map<String, Value>,
    template: &str,
    place: Place,
) -> Result<String, Unfilled> {
    let mut filled = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        filled.push_str(before);
        let (name, after) = after.split_once('}').unwrap_or((after, ""));
        let unfilled = |message: String| Unfilled { setting: name.to_owned(), message };
        let Some(value) = settings.get(name).and_then(Value::as_str).filter(|value| !value.is_empty()) else {
            return Err(unfilled(format!("the setting `{name}` is missing")));
        };
        let is_url =
            manifest.settings.get(name).is_some_and(|setting| setting.kind == Some(SettingKind::Url));
        if is_url {
            filled.push_str(value.trim_end_matches('/'));
        } else if place == Place::Plain || is_segment(value) {
            filled.push_str(value);
        } else {
            let message =
                format!("`{value}` cannot stand in a URL: only letters, digits, `.`, `_` and `-` can");
            return Err(unfilled(message));
        }
        rest = after;
    }
    filled.push_str(rest);
    Ok(filled)
}

fn is_segment(value: &str) -> bool {
    let letters = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '.' | '_' | '-');
    value.chars().all(letters) && value != "." && value != ".."
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANIFEST: &str = r#"
        name = "x"
        version = "1.0.0"
        about = "x"
        contract = "0.1"
        settings.url = { type = "text", about = "x", kind = "url" }
        settings.tenant = { type = "text", about = "x" }
    "#;

    fn check(template: &str, tenant: &str, expect: Result<&str, &str>) {
        let manifest = Manifest::parse(MANIFEST.as_bytes()).unwrap();
        let mut settings = Map::new();
        settings.insert("url".into(), "https://login.example/".into());
        settings.insert("tenant".into(), tenant.into());
        let got = expand(&manifest, &settings, template, Place::Url);
        assert_eq!(got.as_deref().map_err(|error| error.message.as_str()), expect);
    }

    #[test]
    fn settings_are_filled_in() {
        check("{url}/{tenant}/token", "a-1.b", Ok("https://login.example/a-1.b/token"));
        check("{url}", "", Ok("https://login.example"));
        check("{url}/{tenant}", "", Err("the setting `tenant` is missing"));
        check(
            "{url}/{tenant}",
            "..",
            Err("`..` cannot stand in a URL: only letters, digits, `.`, `_` and `-` can"),
        );
        let odd = "`a/b?` cannot stand in a URL: only letters, digits, `.`, `_` and `-` can";
        check("{url}/{tenant}", "a/b?", Err(odd));
        check("https://plain.example", "", Ok("https://plain.example"));
    }
}
