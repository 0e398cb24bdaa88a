//! What a manifest must keep to besides its shape: names that exist, texts that can be filled in, choices that hold.
//! Mistakes here are the connector maker's; all are told at once.

use serde_json::Value;

use crate::expand::names_in;
use crate::manifest::{Login, LoginKind, Manifest, Setting, SettingKind, SettingType};
use crate::manifest_ldap;

/// The track of the contract that this host speaks.
pub(crate) const CONTRACT: &str = "0.1";
const NAME_BYTES: usize = 40;
const METHODS: &[&str] = &["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

/// Gives every mistake of a manifest as one clause each.
pub(crate) fn check(manifest: &Manifest) -> Vec<String> {
    let mut wrong = Vec::new();
    check_head(manifest, &mut wrong);
    for (name, setting) in &manifest.settings {
        check_setting(name, setting, &mut wrong);
    }
    check_presets(manifest, &mut wrong);
    if let Some(select) = &manifest.attributes.select
        && manifest.settings.contains_key(select)
    {
        wrong.push(format!("`{select}` is filled in by the host and must not be declared under `settings`"));
    }
    check_disabled(manifest, &mut wrong);
    check_credentials(manifest, &mut wrong);
    for (name, ways) in &manifest.login {
        if ways.is_empty() {
            wrong.push(format!("the login `{name}` has no way to sign in"));
        }
        for login in ways {
            check_login(manifest, name, login, &mut wrong);
        }
    }
    check_grants(manifest, &mut wrong);
    wrong
}

fn check_head(manifest: &Manifest, wrong: &mut Vec<String>) {
    let name = &manifest.name;
    let letters = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '-';
    if name.len() > NAME_BYTES
        || !name.chars().all(letters)
        || !name.starts_with(|letter: char| letter.is_ascii_lowercase())
    {
        wrong.push(format!("the name `{}` is not of `[a-z0-9-]`, at most 40 long", name.escape_default()));
    }
    if manifest.version.is_empty() || manifest.about.is_empty() {
        wrong.push("`version` and `about` must not be empty".to_owned());
    }
    if manifest.contract != CONTRACT {
        let message = format!(
            "the connector is made for contract `{}` and this program speaks `{CONTRACT}`",
            manifest.contract.escape_default()
        );
        wrong.push(message);
    }
}

fn check_setting(name: &str, setting: &Setting, wrong: &mut Vec<String>) {
    if name.is_empty() || !name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_') {
        wrong.push(format!("the setting `{}` is not of `[a-z0-9_]`", name.escape_default()));
    }
    if setting.about.is_empty() {
        wrong.push(format!("the setting `{name}` has no `about`"));
    }
    let texts = setting.kind_of_value == SettingType::Text;
    if setting.kind.is_some() && !texts {
        wrong.push(format!("the setting `{name}` has a `kind` but is no text"));
    }
    if !setting.choices.is_empty()
        && matches!(setting.kind_of_value, SettingType::Integer | SettingType::Boolean)
    {
        wrong.push(format!("the setting `{name}` has `choices` but holds no text"));
    }
    if let Some(default) = &setting.default {
        match normal(setting.kind_of_value, default) {
            None => {
                wrong.push(format!("the default of `{name}` is not {}", setting.kind_of_value.words()));
            }
            Some(value) if outside_choices(setting, &value).is_some() => {
                wrong.push(format!("the default of `{name}` is none of its choices"));
            }
            Some(_) => {}
        }
    }
}

fn check_disabled(manifest: &Manifest, wrong: &mut Vec<String>) {
    let Some(disabled) = &manifest.disabled else { return };
    if disabled.when.trim().is_empty() {
        wrong.push("`disabled.when` is empty".to_owned());
    }
    let Some(name) = &disabled.setting else { return };
    let boolean = |setting: &Setting| setting.kind_of_value == SettingType::Boolean;
    if !manifest.settings.get(name).is_some_and(boolean) {
        wrong.push(format!("`disabled.setting` names `{name}`, which is no boolean setting"));
    }
}

fn check_presets(manifest: &Manifest, wrong: &mut Vec<String>) {
    for (chooser, values) in &manifest.presets {
        match manifest.settings.get(chooser) {
            None => wrong.push(format!("presets hang on the setting `{chooser}`, which does not exist")),
            Some(setting) => {
                for value in values.keys() {
                    if !setting.choices.is_empty() && !setting.choices.contains(value) {
                        wrong
                            .push(format!("the preset `{chooser}.{value}` is none of the setting's choices"));
                    }
                }
            }
        }
        for (filled, value) in values.values().flatten() {
            match manifest.settings.get(filled) {
                None => wrong.push(format!("a preset fills the setting `{filled}`, which does not exist")),
                Some(setting) if normal(setting.kind_of_value, value).is_none() => {
                    wrong.push(format!(
                        "a preset gives `{filled}` what is not {}",
                        setting.kind_of_value.words()
                    ));
                }
                Some(_) => {}
            }
        }
    }
}

fn check_credentials(manifest: &Manifest, wrong: &mut Vec<String>) {
    for name in manifest.credentials.one_of.iter().flatten() {
        if !manifest.credentials.named.contains_key(name) {
            wrong.push(format!("`one_of` names the credential `{name}`, which does not exist"));
        }
    }
    for name in manifest.credentials.named.keys() {
        if manifest.settings.contains_key(name) {
            wrong.push(format!("`{name}` is a setting and a credential"));
        }
    }
}

fn check_login(manifest: &Manifest, name: &str, login: &Login, wrong: &mut Vec<String>) {
    if login.kind == LoginKind::LdapBind {
        return manifest_ldap::check_login(manifest, name, login, wrong);
    }
    if login.reason.is_empty() || login.origins.is_empty() {
        wrong.push(format!("the login `{name}` has no `reason` or no `origins`"));
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
        wrong.push(format!("the login `{name}` has no `{key}`"));
    }
    for key in has.iter().filter(|key| **key != "origins" && !needs.contains(key) && !may.contains(key)) {
        wrong.push(format!("the login `{name}` has `{key}`, which its kind has no use for"));
    }
    if login.kind == LoginKind::ClientCredentials && login.secret.is_none() && login.private_key.is_none() {
        wrong.push(format!("the login `{name}` has neither `secret` nor `private_key`"));
    }
    for (_, text) in login.texts() {
        check_template(manifest, text, wrong);
    }
    for (_, credential) in login.credentials() {
        if !manifest.credentials.named.contains_key(credential) {
            wrong
                .push(format!("the login `{name}` uses the credential `{credential}`, which does not exist"));
        }
    }
}

fn check_grants(manifest: &Manifest, wrong: &mut Vec<String>) {
    for grant in &manifest.grant.http {
        check_template(manifest, &grant.origin, wrong);
        if grant.reason.is_empty() {
            wrong.push(format!("the grant of `{}` has no `reason`", grant.origin));
        }
        if grant.methods.is_empty() {
            wrong.push(format!("the grant of `{}` has no `methods`", grant.origin));
        }
        for method in &grant.methods {
            if !METHODS.contains(&&**method) {
                wrong.push(format!("the method `{}` cannot be granted", method.escape_default()));
            }
        }
    }
    manifest_ldap::check_grants(manifest, wrong);
    for grant in &manifest.grant.files {
        let kind = manifest.settings.get(&grant.folder_of).and_then(|setting| setting.kind);
        if kind != Some(SettingKind::Path) {
            wrong
                .push(format!("`folder_of` names `{}`, which is no setting of kind `path`", grant.folder_of));
        }
        if grant.reason.is_empty() {
            wrong.push(format!("the grant of the folder of `{}` has no `reason`", grant.folder_of));
        }
    }
}

fn check_template(manifest: &Manifest, template: &str, wrong: &mut Vec<String>) {
    match names_in(template) {
        Err(message) => wrong.push(message),
        Ok(names) => {
            for name in names {
                match manifest.settings.get(name) {
                    None => {
                        wrong.push(format!("`{template}` needs the setting `{name}`, which does not exist"))
                    }
                    Some(setting) if setting.kind_of_value != SettingType::Text => {
                        wrong.push(format!("`{template}` needs the setting `{name}`, which is no text"));
                    }
                    Some(_) => {}
                }
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
