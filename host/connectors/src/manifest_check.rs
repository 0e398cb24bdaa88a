//! What a manifest must keep to besides its shape: names that exist, texts that can be filled in, choices that hold.
//! Mistakes here are the connector maker's; all are told at once.

use serde_json::Value;

use crate::expand::names_in;
use crate::manifest::{Login, LoginKind, Manifest, Setting, SettingKind, SettingType, Stage};
use crate::manifest_ldap;
use crate::manifest_mistakes::Mistakes;
use crate::manifest_servers::{check_filled, check_server};
use crate::packing::version;
use crate::words::{did_you_mean, listed};

/// The track of the contract that this host speaks.
pub(crate) const CONTRACT: &str = "0.1";
const NAME_BYTES: usize = 40;
const METHODS: &[&str] = &["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
/// What every mandatory sentence is for.
pub(crate) const REASON: &str = "say in one sentence why: whoever installs the connector reads it";

/// Gives every mistake of a manifest that matters at a stage.
pub(crate) fn check(manifest: &Manifest, stage: Stage) -> Mistakes {
    let mut wrong = Mistakes::default();
    check_head(manifest, &mut wrong);
    for (name, setting) in &manifest.settings {
        check_setting(name, setting, &mut wrong);
    }
    check_presets(manifest, &mut wrong);
    if let Some(select) = &manifest.attributes.select
        && manifest.settings.contains_key(select)
    {
        let message =
            format!("`{select}` is filled in by the host and must not be declared under `settings`");
        wrong.add(&["settings", select], message, "take it out here");
    }
    check_disabled(manifest, &mut wrong);
    check_credentials(manifest, &mut wrong);
    for (name, ways) in &manifest.login {
        if ways.is_empty() {
            let message = format!("the login `{name}` has no way to sign in");
            wrong.add(&["login", name], message, format!("write `[login.{name}]` with a `kind`"));
        }
        for (at, login) in ways.iter().enumerate() {
            check_login(manifest, (name, &at.to_string()), login, &mut wrong);
        }
    }
    check_grants(manifest, &mut wrong);
    if stage >= Stage::Install {
        version::check(&manifest.version, &mut wrong);
    }
    if stage >= Stage::Make {
        check_filled(manifest, &mut wrong);
    }
    wrong
}

fn check_head(manifest: &Manifest, wrong: &mut Mistakes) {
    let name = &manifest.name;
    let letters = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '-';
    if name.len() > NAME_BYTES
        || !name.chars().all(letters)
        || !name.starts_with(|letter: char| letter.is_ascii_lowercase())
    {
        let message = format!("the name `{}` is not of `[a-z0-9-]`, at most 40 long", name.escape_default());
        wrong.add(&["name"], message, "write it as in `my-hr`; it begins with a letter");
    }
    if manifest.about.is_empty() {
        wrong.add(&["about"], "`about` must not be empty", "say in one sentence what the connector reads");
    }
    if manifest.contract != CONTRACT {
        let message = format!(
            "the connector is made for contract `{}` and this program speaks `{CONTRACT}`",
            manifest.contract.escape_default()
        );
        wrong.add(
            &["contract"],
            message,
            format!("write `contract = \"{CONTRACT}\"`, and build with its SDK"),
        );
    }
}

fn check_setting(name: &str, setting: &Setting, wrong: &mut Mistakes) {
    let path = ["settings", name];
    let at = |key| ["settings", name, key];
    if name.is_empty() || !name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_') {
        let message = format!("the setting `{}` is not of `[a-z0-9_]`", name.escape_default());
        wrong.add(&path, message, "write it as in `base_url`");
    }
    if setting.about.is_empty() {
        let message = format!("the setting `{name}` has no `about`");
        wrong.add(&at("about"), message, "say in one sentence what a job writes there");
    }
    let texts = setting.kind_of_value == SettingType::Text;
    if setting.kind.is_some() && !texts {
        let message = format!("the setting `{name}` has a `kind` but is no text");
        wrong.add(&at("kind"), message, "write `type = \"text\"`, or take `kind` out");
    }
    if !setting.choices.is_empty()
        && matches!(setting.kind_of_value, SettingType::Integer | SettingType::Boolean)
    {
        let message = format!("the setting `{name}` has `choices` but holds no text");
        wrong.add(&at("choices"), message, "write `type = \"text\"`, or take `choices` out");
    }
    if let Some(default) = &setting.default {
        check_unfilled(setting, name, &at("default"), wrong);
        let words = setting.kind_of_value.words();
        match normal(setting.kind_of_value, default) {
            None => {
                let message = format!("the default of `{name}` is not {words}");
                wrong.add(&at("default"), message, format!("write {words}, or another `type`"));
            }
            Some(value) if outside_choices(setting, &value).is_some() => {
                let message = format!("the default of `{name}` is none of its choices");
                let choices: Vec<&str> = setting.choices.iter().map(String::as_str).collect();
                wrong.add(&at("default"), message, format!("it is one of {}", listed(&choices)));
            }
            Some(_) => {}
        }
    }
}

/// Refuses a path that a manifest brings along: which file is opened is for the job to say.
fn check_unfilled(setting: &Setting, name: &str, path: &[&str], wrong: &mut Mistakes) {
    if setting.kind == Some(SettingKind::Path) {
        let message = format!("`{name}` is of kind `path` and is filled in by the manifest");
        wrong.add(path, message, "take it out: only a job says which file is opened");
    }
}

fn check_disabled(manifest: &Manifest, wrong: &mut Mistakes) {
    let Some(disabled) = &manifest.disabled else { return };
    if disabled.when.trim().is_empty() {
        let hint = "write an expression over an attribute: `when = \"active == false\"`";
        wrong.add(&["disabled", "when"], "`disabled.when` is empty", hint);
    }
    let Some(name) = &disabled.setting else { return };
    let boolean = |setting: &&Setting| setting.kind_of_value == SettingType::Boolean;
    if manifest.settings.get(name).filter(boolean).is_none() {
        let message = format!("`disabled.setting` names `{name}`, which is no boolean setting");
        wrong.add(&["disabled", "setting"], message, setting_hint(manifest, name, "boolean"));
    }
}

/// Says how a setting comes to be what it is named as.
pub(crate) fn setting_hint(manifest: &Manifest, name: &str, kind: &str) -> String {
    match manifest.settings.contains_key(name) {
        true => format!("name a {kind} setting"),
        false => format!(
            "{}; a setting is declared under `[settings.NAME]`",
            did_you_mean(name, manifest.settings.keys().map(String::as_str))
        ),
    }
}

fn check_presets(manifest: &Manifest, wrong: &mut Mistakes) {
    for (chooser, values) in &manifest.presets {
        match manifest.settings.get(chooser) {
            None => {
                let message = format!("presets hang on the setting `{chooser}`, which does not exist");
                wrong.add(&["presets", chooser], message, setting_hint(manifest, chooser, "text"));
            }
            Some(setting) => {
                for value in values.keys() {
                    if !setting.choices.is_empty() && !setting.choices.contains(value) {
                        let message =
                            format!("the preset `{chooser}.{value}` is none of the setting's choices");
                        let hint = did_you_mean(value, setting.choices.iter().map(String::as_str));
                        wrong.add(&["presets", chooser, value], message, hint);
                    }
                }
            }
        }
        for (choice, fills) in values {
            for (filled, value) in fills {
                let path = ["presets", chooser, choice, filled];
                match manifest.settings.get(filled) {
                    None => {
                        let message = format!("a preset fills the setting `{filled}`, which does not exist");
                        wrong.add(&path, message, setting_hint(manifest, filled, "text"));
                    }
                    Some(setting) => {
                        check_unfilled(setting, filled, &path, wrong);
                        if normal(setting.kind_of_value, value).is_none() {
                            let words = setting.kind_of_value.words();
                            let message = format!("a preset gives `{filled}` what is not {words}");
                            wrong.add(&path, message, format!("write {words}"));
                        }
                    }
                }
            }
        }
    }
}

fn check_credentials(manifest: &Manifest, wrong: &mut Mistakes) {
    for name in manifest.credentials.one_of.iter().flatten() {
        if !manifest.credentials.named.contains_key(name) {
            let message = format!("`one_of` names the credential `{name}`, which does not exist");
            wrong.add(&["credentials", "one_of"], message, credential_hint(manifest, name));
        }
    }
    for name in manifest.credentials.named.keys() {
        if manifest.settings.contains_key(name) {
            let hint = "give one of them another name";
            wrong.add(&["credentials", name], format!("`{name}` is a setting and a credential"), hint);
        }
    }
}

/// Says how a credential comes to be there.
pub(crate) fn credential_hint(manifest: &Manifest, name: &str) -> String {
    let known = manifest.credentials.named.keys().map(String::as_str);
    format!("{}; a credential is declared under `[credentials.NAME]`", did_you_mean(name, known))
}

fn check_login(manifest: &Manifest, (name, at): (&str, &str), login: &Login, wrong: &mut Mistakes) {
    if login.kind == LoginKind::LdapBind {
        return manifest_ldap::check_login(manifest, (name, at), login, wrong);
    }
    let path = |key| ["login", name, at, key];
    if login.reason.is_empty() {
        wrong.add(&path("reason"), format!("the login `{name}` has no `reason`"), REASON);
    }
    if login.origins.is_empty() {
        let hint = "name the servers that may receive what it yields: `origins = [\"{url}\"]`";
        wrong.add(&path("origins"), format!("the login `{name}` has no `origins`"), hint);
    }
    // What the kind needs and what it may have, besides `origins`.
    let (needs, may): (&[&str], &[&str]) = match login.kind {
        LoginKind::ClientCredentials => (
            &["token_url", "client_id", "scope"],
            &["secret", "certificate", "private_key", "assertion", "key_id"],
        ),
        LoginKind::Token => (&["token"], &["scheme"]),
        LoginKind::Basic => (&["username", "password"], &[]),
        LoginKind::ServiceAccount => (&["token_url", "scope", "subject", "service_account"], &[]),
        LoginKind::LdapBind => return,
    };
    let has: Vec<&str> = login.texts().chain(login.credentials()).map(|(key, _)| key).collect();
    for key in needs.iter().filter(|key| !has.contains(key)) {
        let hint = format!("this kind needs {}", listed(needs));
        wrong.add(&path(key), format!("the login `{name}` has no `{key}`"), hint);
    }
    for key in has.iter().filter(|key| **key != "origins" && !needs.contains(key) && !may.contains(key)) {
        let message = format!("the login `{name}` has `{key}`, which its kind has no use for");
        wrong.add(&path(key), message, "take it out, or write another `kind`");
    }
    if login.kind == LoginKind::ClientCredentials && login.secret.is_none() && login.private_key.is_none() {
        let message = format!("the login `{name}` has neither `secret` nor `private_key`");
        wrong.add(&path("kind"), message, "write `secret = \"…\"` with the name of a credential");
    }
    for (key, text) in login.texts() {
        check_template(manifest, &path(key), text, wrong);
        if matches!(key, "origins" | "token_url") {
            check_server(manifest, &path(key), text, wrong);
        }
    }
    for (key, credential) in login.credentials() {
        if !manifest.credentials.named.contains_key(credential) {
            let message =
                format!("the login `{name}` uses the credential `{credential}`, which does not exist");
            wrong.add(&path(key), message, credential_hint(manifest, credential));
        }
    }
}

fn check_grants(manifest: &Manifest, wrong: &mut Mistakes) {
    for (at, grant) in manifest.grant.http.iter().enumerate() {
        let at = at.to_string();
        let path = |key| ["grant", "http", at.as_str(), key];
        check_template(manifest, &path("origin"), &grant.origin, wrong);
        check_server(manifest, &path("origin"), &grant.origin, wrong);
        if grant.reason.is_empty() {
            wrong.add(&path("reason"), format!("the grant of `{}` has no `reason`", grant.origin), REASON);
        }
        if grant.methods.is_empty() {
            let message = format!("the grant of `{}` has no `methods`", grant.origin);
            wrong.add(&path("methods"), message, "write `methods = [\"GET\"]`");
        }
        for (method_at, method) in grant.methods.iter().enumerate() {
            if !METHODS.contains(&&**method) {
                let message = format!("the method `{}` cannot be granted", method.escape_default());
                let hint = did_you_mean(&method.to_ascii_uppercase(), METHODS.iter().copied());
                wrong.add(&["grant", "http", &at, "methods", &method_at.to_string()], message, hint);
            }
        }
    }
    manifest_ldap::check_grants(manifest, wrong);
    for (at, grant) in manifest.grant.files.iter().enumerate() {
        let at = at.to_string();
        let kind = manifest.settings.get(&grant.folder_of).and_then(|setting| setting.kind);
        if kind != Some(SettingKind::Path) {
            let message =
                format!("`folder_of` names `{}`, which is no setting of kind `path`", grant.folder_of);
            let hint = format!("declare it: `[settings.{}]` with `kind = \"path\"`", grant.folder_of);
            wrong.add(&["grant", "files", &at, "folder_of"], message, hint);
        }
        if grant.reason.is_empty() {
            let message = format!("the grant of the folder of `{}` has no `reason`", grant.folder_of);
            wrong.add(&["grant", "files", &at, "reason"], message, REASON);
        }
    }
}

fn check_template(manifest: &Manifest, path: &[&str], template: &str, wrong: &mut Mistakes) {
    match names_in(template) {
        Err(message) => wrong.add(path, message, "close it: `{setting}`"),
        Ok(names) => {
            for name in names {
                let is_text = manifest.settings.get(name).map(|one| one.kind_of_value == SettingType::Text);
                let message = match is_text {
                    None => format!("`{template}` needs the setting `{name}`, which does not exist"),
                    Some(false) => format!("`{template}` needs the setting `{name}`, which is no text"),
                    Some(true) => continue,
                };
                wrong.add(path, message, setting_hint(manifest, name, "text"));
            }
        }
    }
}

/// Gives a value in the one form in which it is kept (a lone text of a list as a list), or none for a wrong type.
pub(crate) fn normal(kind: SettingType, value: &Value) -> Option<Value> {
    let texts = |list: &[Value]| list.iter().all(Value::is_string);
    match (kind, value) {
        (SettingType::Text, Value::String(_)) | (SettingType::Boolean, Value::Bool(_)) => Some(value.clone()),
        (SettingType::Integer, Value::Number(number)) => number.as_i64().map(Value::from),
        (SettingType::List | SettingType::TextOrList, Value::Array(list)) if texts(list) => {
            Some(value.clone())
        }
        (SettingType::TextOrList, Value::String(_)) => Some(Value::Array(vec![value.clone()])),
        _ => None,
    }
}

/// Gives the text of a value that is none of a setting's choices.
pub(crate) fn outside_choices<'a>(setting: &Setting, value: &'a Value) -> Option<&'a str> {
    if setting.choices.is_empty() {
        return None;
    }
    let outside = |text: &&str| !setting.choices.iter().any(|choice| choice == text);
    match value {
        Value::String(text) => Some(text.as_str()).filter(outside),
        Value::Array(list) => list.iter().filter_map(Value::as_str).find(outside),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"
        name = "entra"
        version = "0.1.0"
        about = "Users."
        contract = "0.1"
        [settings.tenant_id]
        type = "text"
        about = "The tenant."
        required = true
        [settings.login_url]
        type = "text"
        about = "Where to sign in."
        kind = "url"
        [settings.cloud]
        type = "text"
        about = "Which cloud."
        default = "global"
        choices = ["global", "china"]
        [presets.cloud.global]
        login_url = "https://login.example"
        [credentials.client_secret]
        about = "The secret."
        [login.graph]
        kind = "oauth2-client-credentials"
        token_url = "{login_url}/{tenant_id}/token"
        scope = "x"
        client_id = "{tenant_id}"
        origins = ["{login_url}"]
        secret = "client_secret"
        reason = "Signs in."
        [[grant.http]]
        origin = "{login_url}"
        methods = ["GET"]
        reason = "Reads."
    "#;

    fn check_text(from: &str, to: &str, expect: &[&str]) {
        assert!(GOOD.contains(from), "{from}");
        let told: Vec<String> = match Manifest::parse(GOOD.replacen(from, to, 1).as_bytes()) {
            Ok(_) => Vec::new(),
            Err(wrong) => wrong.into_iter().map(|one| one.message).collect(),
        };
        assert_eq!(told.len(), expect.len(), "{told:?}");
        for (told, expect) in told.iter().zip(expect) {
            assert!(told.contains(expect), "{told} has no `{expect}`");
        }
    }

    /// A token where the job gives one, else a key: two ways of one login.
    #[test]
    fn a_login_may_have_several_ways() {
        let login = GOOD.find("[login.graph]").unwrap();
        let grant = GOOD.find("[[grant.http]]").unwrap();
        let ways = r#"
            [credentials.key]
            about = "The key."
            [[login.graph]]
            kind = "token"
            token = "client_secret"
            scheme = "SSWS"
            origins = ["{login_url}"]
            reason = "Signs in."
            [[login.graph]]
            kind = "oauth2-client-credentials"
            token_url = "{login_url}/token"
            scope = "x"
            client_id = "{tenant_id}"
            private_key = "key"
            origins = ["{login_url}"]
            reason = "Signs in."
        "#;
        let text = format!("{}{ways}{}", &GOOD[..login], &GOOD[grant..]);
        let manifest = Manifest::parse(text.as_bytes()).unwrap();
        let way = |given: &[&str]| {
            let ways = &manifest.login["graph"];
            ways.iter().position(|way| way.has_what_it_takes(|name| given.contains(&name)))
        };
        assert_eq!(way(&["client_secret"]), Some(0));
        assert_eq!(way(&["key"]), Some(1));
        assert_eq!(way(&[]), None);
    }

    #[test]
    fn mistakes_of_a_manifest() {
        check_text("", "", &[]);
        check_text("name = \"entra\"", "name = \"Entra\"", &["the name `Entra`"]);
        check_text(
            "contract = \"0.1\"",
            "contract = \"0.2\"",
            &["contract `0.2` and this program speaks `0.1`"],
        );
        check_text("required = true", "mandatory = true", &["unknown field `mandatory`"]);
        check_text("default = \"global\"", "default = 1", &["the default of `cloud` is not text"]);
        check_text("default = \"global\"", "default = \"mars\"", &["none of its choices"]);
        let path = "[settings.file]\ntype = \"text\"\nkind = \"path\"\nabout = \"A file.\"";
        let filled = &["`file` is of kind `path` and is filled in by the manifest"][..];
        let with = |more: &str, expect: &[&str]| {
            check_text("[presets.cloud.global]", &format!("{path}\n{more}\n[presets.cloud.global]"), expect);
        };
        with("", &[]);
        with("default = \"/etc/shadow\"", filled);
        with("[presets.cloud.china]\nfile = \"/etc/shadow\"", filled);
        check_text("[presets.cloud.global]", "[presets.cloud.mars]", &["none of the setting's choices"]);
        check_text("{tenant_id}/token", "{tenant}/token", &["needs the setting `tenant`"]);
        check_text("{tenant_id}/token", "{tenant_id/token", &["`{` without `}`"]);
        check_text("secret = \"client_secret\"", "secret = \"key\"", &["uses the credential `key`"]);
        check_text("secret = \"client_secret\"", "", &["neither `secret` nor `private_key`"]);
        check_text("scope = \"x\"", "", &["the login `graph` has no `scope`"]);
        check_text(
            "scope = \"x\"",
            "scope = \"x\"\nsubject = \"y\"",
            &["has `subject`, which its kind has no use for"],
        );
        check_text("methods = [\"GET\"]", "methods = [\"TRACE\"]", &["the method `TRACE` cannot be granted"]);
        check_text("[[grant.http]]", "[[grant.ftp]]", &["unknown field `ftp`"]);
        check_text(
            "kind = \"oauth2-client-credentials\"",
            "kind = \"basic\"",
            &[
                "the login `graph` has no `username`",
                "the login `graph` has no `password`",
                "has `token_url`, which its kind",
                "has `scope`, which its kind",
                "has `client_id`, which its kind",
                "has `secret`, which its kind",
            ],
        );
        check_text("kind = \"oauth2-client-credentials\"", "kind = \"magic\"", &["unknown variant `magic`"]);
        let disabled = |section: &str, expect: &[&str]| {
            check_text(
                "[credentials.client_secret]",
                &format!("[disabled]\n{section}\n[credentials.client_secret]"),
                expect,
            );
        };
        disabled("when = \"suspended\"", &[]);
        disabled("when = \" \"", &["`disabled.when` is empty"]);
        disabled("when = \"suspended\"\nsetting = \"cloud\"", &["`cloud`, which is no boolean setting"]);
        disabled("when = \"suspended\"\nsetting = \"none\"", &["`none`, which is no boolean setting"]);
    }
}
