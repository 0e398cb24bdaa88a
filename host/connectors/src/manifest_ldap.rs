//! What a manifest says of LDAP: a login of the kind `ldap-bind`, whose keys name settings, and the grant of its server.

use crate::manifest::{Login, LoginKind, Manifest, SettingKind, SettingType};
use crate::manifest_check::{REASON, credential_hint, setting_hint};
use crate::manifest_mistakes::Mistakes;

/// Checks a login of the kind `ldap-bind`: one way of a name.
pub(crate) fn check_login(
    manifest: &Manifest,
    (name, at): (&str, &str),
    login: &Login,
    wrong: &mut Mistakes,
) {
    let path = |key| ["login", name, at, key];
    if login.reason.is_empty() {
        wrong.add(&path("reason"), format!("the login `{name}` has no `reason`"), REASON);
    }
    let foreign = [
        ("origins", !login.origins.is_empty()),
        ("token_url", login.token_url.is_some()),
        ("scope", login.scope.is_some()),
        ("client_id", login.client_id.is_some()),
        ("secret", login.secret.is_some()),
        ("certificate", login.certificate.is_some()),
        ("private_key", login.private_key.is_some()),
        ("assertion", login.assertion.is_some()),
        ("key_id", login.key_id.is_some()),
        ("token", login.token.is_some()),
        ("scheme", login.scheme.is_some()),
        ("username", login.username.is_some()),
        ("service_account", login.service_account.is_some()),
        ("subject", login.subject.is_some()),
    ];
    for (key, _) in foreign.iter().filter(|(_, given)| *given) {
        let message = format!("the login `{name}` of the kind `ldap-bind` has no use for `{key}`");
        wrong.add(&path(key), message, "take it out, or write another `kind`");
    }
    let mut names = |key: &'static str,
                     named: &Option<String>,
                     fits: &dyn Fn(SettingType, Option<SettingKind>) -> bool,
                     what: &str| {
        let Some(setting) = named else { return };
        let found = manifest.settings.get(setting);
        if !found.is_some_and(|found| fits(found.kind_of_value, found.kind)) {
            let message = format!("`{key}` of the login `{name}` names `{setting}`, which is no {what}");
            let hint = format!("{}; it has to be a {what}", setting_hint(manifest, setting, "suitable"));
            wrong.add(&path(key), message, hint);
        }
    };
    names("url", &login.url, &|_, kind| kind == Some(SettingKind::LdapUrl), "setting of kind `ldap-url`");
    names("start_tls", &login.start_tls, &|value, _| value == SettingType::Boolean, "boolean setting");
    let skip = &login.skip_referrals;
    names("skip_referrals", skip, &|value, _| value == SettingType::Boolean, "boolean setting");
    names("bind_dn", &login.bind_dn, &|value, _| value == SettingType::Text, "text setting");
    names("ca_file", &login.ca_file, &|_, kind| kind == Some(SettingKind::Path), "setting of kind `path`");
    let pin = &login.certificate_sha256;
    names("certificate_sha256", pin, &|value, _| value == SettingType::Text, "text setting");
    if login.url.is_none() {
        let hint = "name the setting of kind `ldap-url` that has the server: `url = \"url\"`";
        wrong.add(&path("url"), format!("the login `{name}` has no `url`"), hint);
    }
    if login.bind_dn.is_some() != login.password.is_some() {
        let message = format!("the login `{name}` has one of `bind_dn` and `password` without the other");
        wrong.add(&path("bind_dn"), message, "write both, or neither where nobody signs in");
    }
    if let Some(credential) = &login.password
        && !manifest.credentials.named.contains_key(credential)
    {
        let message = format!("the login `{name}` uses the credential `{credential}`, which does not exist");
        wrong.add(&path("password"), message, credential_hint(manifest, credential));
    }
}

/// Checks the grants of LDAP servers.
pub(crate) fn check_grants(manifest: &Manifest, wrong: &mut Mistakes) {
    for (at, grant) in manifest.grant.ldap.iter().enumerate() {
        let at = at.to_string();
        if manifest
            .login
            .get(&grant.login)
            .is_none_or(|ways| !matches!(&ways[..], [login] if login.kind == LoginKind::LdapBind))
        {
            let login = &grant.login;
            let message = format!("`grant.ldap` names `{login}`, which is no login of the kind `ldap-bind`");
            let hint = format!("declare it once: `[login.{login}]` with `kind = \"ldap-bind\"`");
            wrong.add(&["grant", "ldap", &at, "login"], message, hint);
        }
        if grant.reason.is_empty() {
            let message = format!("the grant of the server of `{}` has no `reason`", grant.login);
            wrong.add(&["grant", "ldap", &at, "reason"], message, REASON);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::manifest::Manifest;

    const GOOD: &str = r#"
        name = "ldap"
        version = "0.1.0"
        about = "Users."
        contract = "0.1"
        settings.url = { type = "text", kind = "ldap-url", about = "x", required = true }
        settings.start_tls = { type = "boolean", about = "x", default = false }
        settings.bind_dn = { type = "text", about = "x" }
        settings.ca_file = { type = "text", kind = "path", about = "x" }
        [credentials.bind_password]
        about = "x"
        [login.directory]
        kind = "ldap-bind"
        url = "url"
        start_tls = "start_tls"
        bind_dn = "bind_dn"
        password = "bind_password"
        ca_file = "ca_file"
        reason = "Signs in."
        [[grant.ldap]]
        login = "directory"
        reason = "Reads."
    "#;

    #[test]
    fn mistakes_of_a_login() {
        let check = |from: &str, to: &str, expect: &[&str]| {
            assert!(GOOD.contains(from), "{from}");
            let told: Vec<String> = match Manifest::parse(GOOD.replacen(from, to, 1).as_bytes()) {
                Ok(_) => Vec::new(),
                Err(wrong) => wrong.into_iter().map(|one| one.message).collect(),
            };
            assert_eq!(told.len(), expect.len(), "{told:?}");
            for (told, expect) in told.iter().zip(expect) {
                assert!(told.contains(expect), "{told} has no `{expect}`");
            }
        };
        check("", "", &[]);
        check("url = \"url\"", "url = \"bind_dn\"", &["`bind_dn`, which is no setting of kind `ldap-url`"]);
        check("url = \"url\"", "", &["the login `directory` has no `url`"]);
        check("start_tls = \"start_tls\"", "start_tls = \"tls\"", &["`tls`, which is no boolean setting"]);
        let skips = "start_tls = \"start_tls\"\nskip_referrals = \"ca_file\"";
        check("start_tls = \"start_tls\"", skips, &["`ca_file`, which is no boolean setting"]);
        check("ca_file = \"ca_file\"", "ca_file = \"url\"", &["`url`, which is no setting of kind `path`"]);
        check(
            "password = \"bind_password\"",
            "password = \"pin\"",
            &["the credential `pin`, which does not exist"],
        );
        check("password = \"bind_password\"", "", &["one of `bind_dn` and `password` without the other"]);
        check("reason = \"Signs in.\"", "reason = \"Signs in.\"\nscope = \"x\"", &["has no use for `scope`"]);
        check("login = \"directory\"", "login = \"other\"", &["`grant.ldap` names `other`"]);
    }
}
