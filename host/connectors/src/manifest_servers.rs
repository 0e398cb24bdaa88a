//! The servers that a manifest names, and the addresses that it fills in. What no job can make right is a mistake here, so that
//! its maker is told and not whoever runs it.

use rollcall_net::Origin;
use serde_json::{Map, Value};
use url::Url;

use crate::expand::{Place, expand, names_in};
use crate::manifest::{Manifest, SettingKind, SettingType};
use crate::manifest_mistakes::Mistakes;
use crate::settings::{ALLOW_INSECURE, check_address};

/// What stands for a setting's text while nobody knows it: one is part of any host, the other of a port.
const STAND_INS: [&str; 2] = ["x", "1"];
const WRITE: &str = "write `https://host`, or `{setting}` with a setting of `kind = \"url\"`";

/// Checks a text that has to become the URL of a server. What is wrong with the settings in it is told by others.
pub(crate) fn check_server(manifest: &Manifest, path: &[&str], template: &str, wrong: &mut Mistakes) {
    let names = names_in(template).unwrap_or_else(|_| vec![""]);
    if !names.iter().all(|name| manifest.settings.contains_key(*name)) {
        return;
    }
    let servers = STAND_INS.iter().filter_map(|word| with(manifest, template, &names, word));
    let Some(server) = servers.into_iter().find_map(|url| Origin::of(&url).ok()) else {
        return wrong.add(path, format!("`{template}` is not the URL of a server"), WRITE);
    };
    let is_known = !authority(template).contains('{');
    if is_known && !server.is_encrypted() && !server.is_loopback() && !can_allow(manifest) {
        let hint = format!(
            "write `https://`; or declare the boolean setting `{ALLOW_INSECURE}`, with which a job takes that on itself"
        );
        wrong.add(path, format!("`{template}` is plain `http://` to another machine"), hint);
    }
}

/// Checks the addresses among defaults and presets.
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

/// Gives the URL that a text becomes where its settings hold a word.
fn with(manifest: &Manifest, template: &str, names: &[&str], word: &str) -> Option<Url> {
    let is_url =
        |name: &str| manifest.settings.get(name).is_some_and(|one| one.kind == Some(SettingKind::Url));
    let value = |name: &str| if is_url(name) { format!("https://{word}") } else { word.to_owned() };
    let settings: Map<String, Value> =
        names.iter().map(|name| ((*name).to_owned(), Value::from(value(name)))).collect();
    Url::parse(&expand(manifest, &settings, template, Place::Url).ok()?).ok()
}

/// Says whether a job can let plain `http://` leave its machine.
pub(crate) fn can_allow(manifest: &Manifest) -> bool {
    let setting = manifest.settings.get(ALLOW_INSECURE);
    setting.is_some_and(|setting| setting.kind_of_value == SettingType::Boolean)
}

fn authority(template: &str) -> &str {
    let rest = template.split_once("://").map_or(template, |(_, rest)| rest);
    rest.split(['/', '?', '#']).next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "name = \"x\"\nversion = \"1.0.0\"\nabout = \"x\"\ncontract = \"0.1\"\n\
        settings.url = { type = \"text\", about = \"x\", kind = \"url\", default = \"https://hr.example\" }\n\
        settings.host = { type = \"text\", about = \"x\" }\n";
    const ALLOWS: &str = "settings.allow_insecure = { type = \"boolean\", about = \"x\", default = false }\n";

    fn told(manifest: &str) -> Vec<String> {
        let wrong = Manifest::parse(manifest.as_bytes()).err().unwrap_or_default();
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
        ] {
            check(good, "", None);
        }
        for bad in ["hr.example", "", "{host}", "ftp://hr.example", "https://", "https://ann:pw@hr.example"] {
            check(bad, "", Some("is not the URL of a server"));
        }
        let clear = Some("is plain `http://` to another machine");
        check("http://hr.example", "", clear);
        check("http://hr.example/{host}", "", clear);
        check("http://hr.example", ALLOWS, None);
    }

    #[test]
    fn what_is_filled_in_is_an_address() {
        let check = |default: &str, more: &str, expect: &[&str]| {
            let text = format!("{HEAD}{more}").replacen("https://hr.example", default, 1);
            assert_eq!(told(&text), expect);
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
