//! The LDAP half of what a connector may reach: the one server that its login names, and what may be sent there.

use std::path::Path;

use rollcall_core::{Diagnostic, Text, codes};
use rollcall_net::{LdapServer, Trust, pasted};
use serde_json::Value;

use crate::grants::Allow;
use crate::manifest::Login;
use crate::words::tame;

/// What the job says besides its settings.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct LdapTerms<'a> {
    /// `[directory.grants] ldap`, as written.
    pub(crate) job: &'a [Text],
    /// The names of the credentials that the job gives.
    pub(crate) credentials: &'a [&'a str],
    /// `[directory.network] ca_file`.
    pub(crate) ca_file: Option<&'a Path>,
    /// Whether a recording stands for the network, which needs neither files nor credentials.
    pub(crate) replays: bool,
}

/// A login of the kind `ldap-bind`, filled in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FilledLdap {
    pub(crate) name: String,
    pub(crate) server: LdapServer,
    pub(crate) start_tls: bool,
    pub(crate) skip_referrals: bool,
    /// The name to sign in with and the credential that is its password.
    pub(crate) bind: Option<(String, String)>,
    pub(crate) trust: Trust,
}

impl Allow<'_> {
    /// Fills in and judges a login.
    pub(crate) fn ldap_login(&self, name: &str, login: &Login) -> Result<FilledLdap, Vec<Diagnostic>> {
        let (url, text) = self.given(&login.url);
        let Some(text) = text else {
            let message = format!("the setting `{url}` is missing");
            return Err(vec![at(&[], message)]);
        };
        // Judged with the settings already; what is left is a default of the manifest.
        let server = LdapServer::parse(text).map_err(|why| vec![at(&[url], tame(&why, 200))])?;
        let mut wrong = Vec::new();
        wrong.extend(self.ungranted_ldap(url, &server, &login.reason));
        let start_tls = self.says(&login.start_tls);
        if start_tls && server.is_encrypted() {
            let key = login.start_tls.as_deref().unwrap_or_default();
            let message = format!("`{server}` is encrypted from the beginning, and `{key}` is for `ldap://`");
            wrong.push(at(&[key], message).hint(format!("take `{key}` out, or write `ldap://`")));
        }
        let bind = self.bind(login, &mut wrong);
        if !start_tls && !server.is_encrypted() {
            wrong.extend(self.in_the_clear(url, &server, bind.is_some()));
        }
        let trust = self.trust(login, &mut wrong);
        if !wrong.is_empty() {
            return Err(wrong);
        }
        Ok(FilledLdap {
            name: name.to_owned(),
            server,
            start_tls,
            skip_referrals: self.says(&login.skip_referrals),
            bind,
            trust,
        })
    }

    /// Gives the name of a setting that a login names, and its text.
    fn given<'a>(&'a self, named: &'a Option<String>) -> (&'a str, Option<&'a str>) {
        let name = named.as_deref().unwrap_or_default();
        let text = self.settings.values().get(name).and_then(Value::as_str);
        (name, text.filter(|text| !text.trim().is_empty()))
    }

    /// Gives the truth value of a setting that a login names; without one: no.
    fn says(&self, named: &Option<String>) -> bool {
        let value = named.as_deref().and_then(|name| self.settings.values().get(name));
        value.and_then(Value::as_bool).unwrap_or(false)
    }

    fn ungranted_ldap(&self, url: &str, server: &LdapServer, reason: &str) -> Option<Diagnostic> {
        let line = |line: &Text| LdapServer::parse(line).is_ok_and(|granted| granted == *server);
        if self.bundled || self.settings.is_given(url) || self.ldap.job.iter().any(line) {
            return None;
        }
        let name = &self.manifest.name;
        let message = format!("the connector `{name}` asks for `{server}`, which the job does not grant");
        let reason = tame(reason.trim_end_matches('.'), 200);
        let line = pasted("ldap", self.ldap.job, [server.to_string()]);
        let hint = format!("if that is meant, write {line} under `[directory.grants]`; it says: {reason}");
        let refused = Diagnostic::error(codes::CONNECTOR_REFUSED, message);
        Some(refused.path(&["directory", "grants"]).hint(hint))
    }

    fn bind(&self, login: &Login, wrong: &mut Vec<Diagnostic>) -> Option<(String, String)> {
        let (key, name) = self.given(&login.bind_dn);
        let credential = login.password.as_deref().unwrap_or_default();
        let has_password = self.ldap.credentials.contains(&credential);
        match name {
            Some(name) if has_password || self.ldap.replays => Some((name.to_owned(), credential.to_owned())),
            Some(_) => {
                let message = format!("`{key}` is given, and the credential `{credential}` is missing");
                let hint =
                    format!("write `{credential} = {{ env = \"…\" }}` under `[directory.credentials]`");
                let missing = Diagnostic::error(codes::SETTING_INVALID, message);
                wrong.push(missing.path(&["directory", "credentials"]).hint(hint));
                None
            }
            None if has_password => {
                let message = format!("the credential `{credential}` is given, and `{key}` is missing");
                wrong.push(
                    at(&[], message)
                        .hint(format!("write `{key}` under `[directory.settings]`: who signs in")),
                );
                None
            }
            None => None,
        }
    }

    fn in_the_clear(&self, url: &str, server: &LdapServer, bind: bool) -> Option<Diagnostic> {
        let hint = "write `ldaps://`, or `start_tls = true`";
        if bind {
            // Not even on this machine, and not with `allow_insecure` either.
            return Some(
                at(&[url], format!("the bind password would go to `{server}` in the clear")).hint(hint),
            );
        }
        if server.is_loopback() || self.settings.allow_insecure() {
            return None;
        }
        let message = format!("`{server}` is plain `ldap://` to another machine");
        Some(at(&[url], message).hint(format!("{hint}; `allow_insecure = true` reads in the clear")))
    }

    fn trust(&self, login: &Login, wrong: &mut Vec<Diagnostic>) -> Trust {
        let (pin, fingerprint) = self.given(&login.certificate_sha256);
        let (file, _) = self.given(&login.ca_file);
        let (key, trust) = match (fingerprint, self.settings.path(file), self.ldap.ca_file) {
            (Some(fingerprint), ..) => (pin, Trust::Pin(fingerprint.to_owned())),
            (None, Some(path), _) => (file, Trust::WithFile(path.to_owned())),
            (None, None, Some(path)) => return Trust::WithFile(path.to_owned()),
            (None, None, None) => return Trust::Machine,
        };
        if !self.ldap.replays
            && let Err(error) = trust.check()
        {
            wrong.extend(
                crate::network::told(error).into_iter().map(|why| why.path(&["directory", "settings", key])),
            );
        }
        trust
    }
}

fn at(key: &[&str], message: String) -> Diagnostic {
    let path = [&["directory", "settings"], key].concat();
    Diagnostic::error(codes::SETTING_INVALID, message).path(&path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::Manifest;
    use crate::settings::Settings;

    const MANIFEST: &str = r#"
        name = "x"
        version = "1.0.0"
        about = "x"
        contract = "0.1"
        settings.url = { type = "text", about = "x", kind = "ldap-url", default = "ldaps://default.example" }
        settings.start_tls = { type = "boolean", about = "x", default = false }
        settings.allow_insecure = { type = "boolean", about = "x", default = false }
        settings.bind_dn = { type = "text", about = "x" }
        settings.pin = { type = "text", about = "x" }
        [credentials]
        one_of = [[], ["bind_password"]]
        [credentials.bind_password]
        about = "x"
        [login.directory]
        kind = "ldap-bind"
        url = "url"
        start_tls = "start_tls"
        bind_dn = "bind_dn"
        password = "bind_password"
        certificate_sha256 = "pin"
        reason = "Reads."
        [[grant.ldap]]
        login = "directory"
        reason = "Reads."
    "#;

    fn check(settings: &str, credentials: &[&str], job: &[&str], expect: Result<&str, &str>) {
        let manifest = Manifest::parse(MANIFEST.as_bytes()).unwrap();
        let given = serde_json::from_str(settings).unwrap();
        let checked = Settings::check(&manifest, &given, Path::new("/job")).unwrap();
        let job: Vec<Text> = job.iter().map(|line| (*line).into()).collect();
        let ldap = LdapTerms { job: &job, credentials, ..LdapTerms::default() };
        let credentials = credentials.iter().copied().collect();
        let allow =
            Allow { manifest: &manifest, settings: &checked, job: &[], credentials, bundled: false, ldap };
        match (allow.ldap_login("directory", &manifest.login["directory"][0]), expect) {
            (Ok(login), Ok(expect)) => assert_eq!(login.server.to_string(), expect),
            (Err(wrong), Err(expect)) => assert_eq!(wrong[0].message, expect, "{settings}"),
            (got, expect) => panic!("{settings}: {got:?} instead of {expect:?}"),
        }
    }

    #[test]
    fn a_partner_needs_the_jobs_word() {
        let none = "the connector `x` asks for `ldaps://default.example`, which the job does not grant";
        check("{}", &[], &[], Err(none));
        check("{}", &[], &["ldaps://DEFAULT.example:636"], Ok("ldaps://default.example"));
        check("{}", &[], &["ldap://default.example"], Err(none));
        check(r#"{"url": "ldaps://mine.example"}"#, &[], &[], Ok("ldaps://mine.example"));
    }

    #[test]
    fn a_password_never_goes_in_the_clear() {
        let bind = |more: &str| format!(r#"{{"bind_dn": "cn=a", {more}}}"#);
        let password = &["bind_password"][..];
        let clear = "the bind password would go to `ldap://dc1.example` in the clear";
        check(&bind(r#""url": "ldap://dc1.example""#), password, &[], Err(clear));
        check(&bind(r#""url": "ldap://dc1.example", "allow_insecure": true"#), password, &[], Err(clear));
        check(
            &bind(r#""url": "ldap://127.0.0.1""#),
            password,
            &[],
            Err("the bind password would go to `ldap://127.0.0.1` in the clear"),
        );
        check(
            &bind(r#""url": "ldap://dc1.example", "start_tls": true"#),
            password,
            &[],
            Ok("ldap://dc1.example"),
        );
        check(&bind(r#""url": "ldaps://dc1.example""#), password, &[], Ok("ldaps://dc1.example"));
        check(r#"{"url": "ldap://127.0.0.1"}"#, &[], &[], Ok("ldap://127.0.0.1"));
        check(
            r#"{"url": "ldap://dc1.example"}"#,
            &[],
            &[],
            Err("`ldap://dc1.example` is plain `ldap://` to another machine"),
        );
        check(r#"{"url": "ldap://dc1.example", "allow_insecure": true}"#, &[], &[], Ok("ldap://dc1.example"));
    }

    #[test]
    fn what_belongs_together_is_given_together() {
        check(
            r#"{"url": "ldaps://dc1.example", "bind_dn": "cn=a"}"#,
            &[],
            &[],
            Err("`bind_dn` is given, and the credential `bind_password` is missing"),
        );
        check(
            r#"{"url": "ldaps://dc1.example"}"#,
            &["bind_password"],
            &[],
            Err("the credential `bind_password` is given, and `bind_dn` is missing"),
        );
        check(
            r#"{"url": "ldaps://dc1.example", "start_tls": true}"#,
            &[],
            &[],
            Err("`ldaps://dc1.example` is encrypted from the beginning, and `start_tls` is for `ldap://`"),
        );
        check(
            r#"{"url": "ldaps://dc1.example", "pin": "abc"}"#,
            &[],
            &[],
            Err("`abc` is no SHA-256 fingerprint: it has 64 hexadecimal digits"),
        );
    }
}
