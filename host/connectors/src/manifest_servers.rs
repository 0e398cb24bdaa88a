//! The servers that a manifest names, and the addresses that it fills in. What no job can make right is a mistake here, so that
//! its maker is told and not whoever runs it.

use std::collections::BTreeSet;

use rollcall_net::Origin;
use serde_json::{Map, Value};
use url::Url;

use crate::expand::{Place, expand, names_in};
use crate::manifest::{Manifest, Setting, SettingKind, SettingType};
use crate::manifest_mistakes::Mistakes;
use crate::settings::{ALLOW_INSECURE, check_address, is_in_the_clear};

/// What stands for a setting's text while nobody knows it: part of a host, of a port, a scheme, and this machine.
const STAND_INS: [&str; 4] = ["x", "1", "https", "localhost"];
/// How many ways to fill in a text are tried; one that has more is not judged.
const WAYS: usize = 4096;
const WRITE: &str = "write `https://host`, or `{setting}` with a setting of `kind = \"url\"`";

/// Checks a text that has to become the URL of a server. What is wrong with the settings in it is told by others.
pub(crate) fn check_server(manifest: &Manifest, path: &[&str], template: &str, wrong: &mut Mistakes) {
    let names = names_in(template).unwrap_or_else(|_| vec![""]);
    if !names.iter().all(|name| manifest.settings.contains_key(*name)) {
        return;
    }
    let Some(urls) = urls(manifest, template, &names) else { return };
    let mut servers = urls.iter().filter(|url| Origin::of(url).is_ok()).peekable();
    if servers.peek().is_none() {
        return wrong.add(path, format!("`{template}` is not the URL of a server"), WRITE);
    }
    if servers.all(is_in_the_clear) && !can_allow(manifest) {
        let hint = format!(
            "write `https://`; or declare the boolean setting `{ALLOW_INSECURE}`, with which a job takes that on itself"
        );
        wrong.add(path, format!("`{template}` is plain `http://` to another machine"), hint);
    }
}

/// Checks the addresses among defaults and presets. A job may write its own in their place, so that they are judged
/// where a connector is made, and at a run where they are used.
pub(crate) fn check_filled(manifest: &Manifest, wrong: &mut Mistakes) {
    let mut check = |name: &str, value: &Value, said: &str, path: &[&str]| {
        let kind = manifest.settings.get(name).and_then(|setting| setting.kind);
        let Some(text) = value.as_str().filter(|text| !text.is_empty()) else { return };
        // The job decides whether it is allowed, where it can.
        let allows = can_allow(manifest);
        if let Err(why) = check_address(kind, name, text, allows, allows) {
            wrong.add(path, format!("{said} {}", why.message), why.hint.unwrap_or_else(|| WRITE.to_owned()));
        }
    };
    for (name, setting) in &manifest.settings {
        if let Some(default) = &setting.default {
            check(name, default, "the default of", &["settings", name, "default"]);
        }
    }
    for (chooser, values) in &manifest.presets {
        for (choice, fills) in values {
            for (name, value) in fills {
                check(name, value, "in a preset", &["presets", chooser, choice, name]);
            }
        }
    }
}

/// Gives the URLs that a text can become, one for each way to fill in its settings; none where there are too many.
fn urls(manifest: &Manifest, template: &str, names: &[&str]) -> Option<Vec<Url>> {
    let mut ways = vec![Map::new()];
    for name in BTreeSet::from_iter(names) {
        let words = words(manifest.settings.get(*name)?);
        if ways.len() * words.len() > WAYS {
            return None;
        }
        let with = |way: &Map<String, Value>, word: &String| {
            let mut way = way.clone();
            way.insert((*name).to_owned(), Value::from(word.as_str()));
            way
        };
        ways = ways.iter().flat_map(|way| words.iter().map(move |word| with(way, word))).collect();
    }
    let url = |way| Url::parse(&expand(manifest, &way, template, Place::Url).ok()?).ok();
    Some(ways.into_iter().filter_map(url).collect())
}

/// Gives what a setting may hold: its choices, or else its default and what stands for any text.
fn words(setting: &Setting) -> Vec<String> {
    if !setting.choices.is_empty() {
        return setting.choices.clone();
    }
    let is_url = setting.kind == Some(SettingKind::Url);
    let any =
        STAND_INS.iter().map(|word| if is_url { format!("https://{word}") } else { (*word).to_owned() });
    any.chain(setting.default.as_ref().and_then(Value::as_str).map(str::to_owned)).collect()
}

/// Says whether a job can let plain `http://` leave its machine.
pub(crate) fn can_allow(manifest: &Manifest) -> bool {
    let setting = manifest.settings.get(ALLOW_INSECURE);
    setting.is_some_and(|setting| setting.kind_of_value == SettingType::Boolean)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::Stage;

    const HEAD: &str = "name = \"x\"\nversion = \"1.0.0\"\nabout = \"x\"\ncontract = \"0.1\"\n\
        settings.url = { type = \"text\", about = \"x\", kind = \"url\", default = \"https://hr.example\" }\n\
        settings.host = { type = \"text\", about = \"x\" }\n\
        settings.tenant = { type = \"text\", about = \"x\" }\n\
        settings.scheme = { type = \"text\", about = \"x\", choices = [\"ftp\", \"https\"] }\n\
        settings.insecure = { type = \"text\", about = \"x\", choices = [\"http\"] }\n";
    const ALLOWS: &str = "settings.allow_insecure = { type = \"boolean\", about = \"x\", default = false }\n";

    fn told(manifest: &str) -> Vec<String> {
        let made = Manifest::parse_file(manifest.as_bytes(), Manifest::FILE, Stage::Make);
        let wrong = made.err().unwrap_or_default();
        let said = |one: &rollcall_core::Diagnostic| {
            assert!(matches!(one.place, rollcall_core::Place::Span { .. }) && one.hint.is_some(), "{one:?}");
            one.message.trim_start_matches("the manifest is wrong: ").to_owned()
        };
        wrong.iter().map(said).collect()
    }

    #[test]
    fn a_server_is_a_url_whatever_the_job_says() {
        let check = |origin: &str, more: &str, expect: Option<&str>| {
            let grant = format!(
                "{HEAD}{more}[[grant.http]]\norigin = \"{origin}\"\nmethods = [\"GET\"]\nreason = \"Reads.\"\n"
            );
            let expect: Vec<String> = expect.iter().map(|why| format!("`{origin}` {why}")).collect();
            assert_eq!(told(&grant), expect);
        };
        for good in [
            "https://hr.example",
            "https://hr.example:8443/api",
            "{url}",
            "{url}/api",
            "https://{host}/api",
            "https://hr.{host}",
            "https://hr.example:{host}",
            "http://localhost:8080",
            "http://127.0.0.1",
            "http://{host}",
            "{host}://hr.example",
            "{scheme}://hr.example",
            "{scheme}://{host}:{tenant}",
        ] {
            check(good, "", None);
        }
        for bad in ["hr.example", "", "{host}", "ftp://hr.example", "https://", "https://ann:pw@hr.example"] {
            check(bad, "", Some("is not the URL of a server"));
        }
        let clear = Some("is plain `http://` to another machine");
        check("http://hr.example", "", clear);
        check("http://hr.example/{host}", "", clear);
        check("http://{host}.example", "", clear);
        check("http://{host}.example", ALLOWS, None);
        check("{insecure}://hr.example", "", clear);
        check("http://hr.example", ALLOWS, None);
    }

    #[test]
    fn what_is_filled_in_is_an_address() {
        let check = |default: &str, more: &str, expect: &[&str]| {
            let text = format!("{HEAD}{more}").replacen("https://hr.example", default, 1);
            assert_eq!(told(&text), expect);
            // A job may write its own.
            Manifest::parse(text.as_bytes()).unwrap();
        };
        check("", "", &[]);
        check("hr.example", "", &["the default of `url` is no URL"]);
        check("http://hr.example", "", &["the default of `url` is plain `http://` to another machine"]);
        check("http://hr.example", ALLOWS, &[]);
        let directory = "settings.dc = { type = \"text\", about = \"x\", kind = \"ldap-url\", default = \"dc.example\" }\n";
        assert_eq!(told(&format!("{HEAD}{directory}")).len(), 1);
        let preset = "[presets.host.one]\nurl = \"ftp://hr.example\"\n";
        check("", preset, &["in a preset `url` must begin with `https://`, not `ftp:`"]);
    }
}
