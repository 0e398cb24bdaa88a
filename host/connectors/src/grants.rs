//! What a connector may reach: what its manifest asks for **and** the job allows. A URL or path that the job itself
//! wrote into the settings is allowed by that; a bundled connector brings its own clouds; everything else needs a line
//! under `[directory.grants]`. A line for what nobody asks for opens nothing, and is a mistake (`grants_lines.rs`).

use std::collections::BTreeSet;

use rollcall_core::{Diagnostic, codes};
use rollcall_net::{Algorithm, Grant, Grants, Origin, pasted};
use serde_json::Value;
use url::Url;

use crate::expand::{Place, Unfilled, expand};
use crate::grants_ldap::{FilledLdap, LdapTerms};
use crate::manifest::{HttpGrant, Login, LoginKind, Manifest, SettingKind};
use crate::manifest_servers::can_allow;
use crate::settings::{Settings, is_in_the_clear};
use crate::words::tame;

/// A login with its texts filled in: the way that the job's credentials fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FilledLogin {
    pub(crate) name: String,
    pub(crate) origins: Vec<Url>,
    pub(crate) way: FilledWay,
}

/// How it signs in; credentials by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum FilledWay {
    Client { token: TokenRequest, client_id: String, proof: FilledProof },
    Token { scheme: String, token: String },
    Basic { username: String, password: String },
    ServiceAccount { token: TokenRequest, subject: String, key: String },
}

/// Where a token is asked for, and what for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TokenRequest {
    pub(crate) url: Url,
    pub(crate) scope: String,
}

/// How a client proves who it is; credentials by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum FilledProof {
    Secret(String),
    Certificate { certificate: String, private_key: String, algorithm: Algorithm },
    Key { private_key: String, key_id: Option<String> },
}

impl FilledLogin {
    /// Gives where tokens are asked for, if they are.
    pub(crate) fn token_url(&self) -> Option<&Url> {
        match &self.way {
            FilledWay::Client { token, .. } | FilledWay::ServiceAccount { token, .. } => Some(&token.url),
            FilledWay::Token { .. } | FilledWay::Basic { .. } => None,
        }
    }

    /// Says whether the host itself asks this server for a token, or shows it what signs in.
    pub(crate) fn reaches(&self, server: &Origin) -> bool {
        let mut urls = self.origins.iter().chain(self.token_url());
        urls.any(|url| Origin::of(url).as_ref() == Ok(server))
    }
}

/// What the network half of a connection is made with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Servers {
    pub(crate) http: Grants,
    pub(crate) logins: Vec<FilledLogin>,
    pub(crate) ldap: Vec<FilledLdap>,
}

/// Who may allow what.
pub(crate) struct Allow<'a> {
    pub(crate) manifest: &'a Manifest,
    pub(crate) settings: &'a Settings,
    /// The job's `[directory.grants] http`, as written.
    pub(crate) job: &'a [rollcall_core::Text],
    /// The names under `[directory.credentials]`, which decide between several ways to sign in.
    pub(crate) credentials: BTreeSet<&'a str>,
    /// Whether the connector is one of ours, which brings its own grants.
    pub(crate) bundled: bool,
    /// What an LDAP login is judged by besides.
    pub(crate) ldap: LdapTerms<'a>,
}

impl Allow<'_> {
    /// Fills in and judges everything that the manifest asks of the network.
    pub(crate) fn servers(&self) -> Result<Servers, Vec<Diagnostic>> {
        let mut servers = Servers { http: Grants::allowing(self.job)?, ..Servers::default() };
        let mut wrong = Vec::new();
        for grant in &self.manifest.grant.http {
            match self.asked(grant) {
                Ok(asked) if self.is_own(&grant.origin) => {
                    servers.http.allow(asked.clone());
                    servers.http.ask(asked);
                }
                Ok(asked) if self.has_line(&asked) => servers.http.ask(asked),
                Ok(asked) => {
                    wrong.push(self.ungranted(&asked.lines().join("` and `"), &grant.reason));
                }
                Err(diagnostic) => wrong.push(diagnostic),
            }
        }
        for (name, login) in self.ways() {
            if login.kind == LoginKind::LdapBind {
                match self.ldap_login(name, login) {
                    Ok(login) => servers.ldap.push(login),
                    Err(found) => wrong.extend(found),
                }
                continue;
            }
            match self.login(name, login) {
                Ok(login) => servers.logins.push(login),
                Err(diagnostic) => wrong.push(diagnostic),
            }
        }
        // One setting that is missing would otherwise be told once for each text that needs it.
        let mut told: Vec<Diagnostic> = Vec::new();
        for diagnostic in wrong {
            if !told.contains(&diagnostic) {
                told.push(diagnostic);
            }
        }
        if told.is_empty() {
            told = self.unasked(&servers);
        }
        if told.is_empty() { Ok(servers) } else { Err(told) }
    }

    /// Gives the way of each login that the job's credentials fit. A login of which it gives none is told by the check
    /// of the credentials, where they are needed.
    fn ways(&self) -> impl Iterator<Item = (&String, &Login)> {
        let given = |name: &str| self.credentials.contains(name);
        let ways = self.manifest.login.iter();
        ways.filter_map(move |(name, ways)| {
            Some((name, ways.iter().find(|way| way.has_what_it_takes(given))?))
        })
    }

    /// Gives what a manifest asks for, with its texts filled in.
    fn asked(&self, grant: &HttpGrant) -> Result<Grant, Diagnostic> {
        let origin = self.encrypted(self.url(&grant.origin)?).and_then(|url| origin(&url))?;
        Ok(Grant::new(origin, &grant.methods))
    }

    /// Gives the lines that the job has.
    fn lines(&self) -> impl Iterator<Item = Grant> {
        self.job.iter().filter_map(|line| Grant::parse(line).ok())
    }

    /// Says whether a line of the job allows something of what is asked for; less than all of it is the job's to decide.
    fn has_line(&self, asked: &Grant) -> bool {
        self.lines().any(|line| line.meets(asked))
    }

    /// Says whether a line of the job names a server, for the host's own sign-in.
    fn names(&self, server: &Origin) -> bool {
        self.lines().any(|line| line.origin() == server)
    }

    /// Says whether what a text asks for needs no line: it is of the bundled connector, or the job's own words.
    fn is_own(&self, template: &str) -> bool {
        self.bundled || self.comes_from_job(template)
    }

    fn login(&self, name: &str, login: &Login) -> Result<FilledLogin, Diagnostic> {
        let plain = |text: &Option<String>| self.fill(text.as_deref().unwrap_or_default(), Place::Plain);
        let credential = |name: &Option<String>| name.clone().unwrap_or_default();
        let token = || {
            let template = login.token_url.as_deref().unwrap_or_default();
            let url = self.allowed(template, self.url(template)?, &login.reason)?;
            Ok(TokenRequest { url, scope: plain(&login.scope)? })
        };
        let way = match login.kind {
            LoginKind::ClientCredentials => FilledWay::Client {
                token: token()?,
                client_id: plain(&login.client_id)?,
                proof: self.proof(name, login)?,
            },
            LoginKind::Token => FilledWay::Token {
                scheme: self.fill(login.scheme.as_deref().unwrap_or("Bearer"), Place::Plain)?,
                token: credential(&login.token),
            },
            LoginKind::Basic => FilledWay::Basic {
                username: credential(&login.username),
                password: credential(&login.password),
            },
            LoginKind::ServiceAccount => FilledWay::ServiceAccount {
                token: token()?,
                subject: plain(&login.subject)?,
                key: credential(&login.service_account),
            },
            LoginKind::LdapBind => {
                let message = format!("the login `{name}` is for LDAP alone");
                let hint = "have its author use it for `[[grant.ldap]]` alone";
                return Err(Diagnostic::error(codes::CONNECTOR_INVALID, message).hint(hint));
            }
        };
        let mut origins = Vec::new();
        for origin in &login.origins {
            origins.push(self.allowed(origin, self.url(origin)?, &login.reason)?);
        }
        Ok(FilledLogin { name: name.to_owned(), origins, way })
    }

    fn proof(&self, name: &str, login: &Login) -> Result<FilledProof, Diagnostic> {
        if let Some(secret) =
            login.secret.as_ref().filter(|secret| self.credentials.contains(secret.as_str()))
        {
            return Ok(FilledProof::Secret(secret.clone()));
        }
        let private_key = login.private_key.clone().unwrap_or_default();
        let Some(certificate) = login.certificate.clone() else {
            return Ok(FilledProof::Key { private_key, key_id: self.optional(&login.key_id)? });
        };
        let written = self.optional(&login.assertion)?;
        let written = written.as_deref().unwrap_or("PS256");
        let algorithm = Algorithm::named(written).ok_or_else(|| {
            let message =
                format!("the login `{name}` wants to sign with `{}`, which is not known", tame(written, 40));
            Diagnostic::error(codes::CONNECTOR_INVALID, message).hint("there are `PS256` and `RS256`")
        })?;
        Ok(FilledProof::Certificate { certificate, private_key, algorithm })
    }

    /// Fills in a text that may be absent, or consist of a setting that is.
    fn optional(&self, template: &Option<String>) -> Result<Option<String>, Diagnostic> {
        let Some(template) = template else { return Ok(None) };
        let alone = template.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
        let absent =
            |name: &str| self.settings.values().get(name).and_then(Value::as_str).is_none_or(str::is_empty);
        if alone.is_some_and(absent) { Ok(None) } else { self.fill(template, Place::Plain).map(Some) }
    }

    fn fill(&self, template: &str, place: Place) -> Result<String, Diagnostic> {
        expand(self.manifest, self.settings.values(), template, place).map_err(
            |Unfilled { setting, message }| {
                let given = self.settings.is_given(&setting);
                let path = ["directory", "settings", setting.as_str()];
                let wrong = Diagnostic::error(codes::SETTING_INVALID, message);
                wrong.path(if given { &path[..] } else { &path[..2] })
            },
        )
    }

    fn url(&self, template: &str) -> Result<Url, Diagnostic> {
        let text = self.fill(template, Place::Url)?;
        Url::parse(&text)
            .ok()
            .filter(|url| url.has_host() && matches!(url.scheme(), "https" | "http"))
            .ok_or_else(|| {
                let message = format!("the connector asks for `{}`, which is no URL", tame(&text, 200));
                let hint =
                    "its author writes `https://host` into `connector.toml`, or a setting of kind `url`";
                Diagnostic::error(codes::CONNECTOR_INVALID, message).hint(hint)
            })
    }

    /// Gives the URL back where nothing goes to another machine in the clear.
    fn encrypted(&self, url: Url) -> Result<Url, Diagnostic> {
        if !is_in_the_clear(&url) || self.settings.allow_insecure() {
            return Ok(url);
        }
        let written = url.origin().ascii_serialization();
        let message =
            format!("the connector asks for `{written}`, which is plain `http://` to another machine");
        let hint = match can_allow(self.manifest) {
            true => {
                "write `allow_insecure = true` under `[directory.settings]` where everybody on the way may read along"
            }
            false => {
                "its author asks for `https://`, or declares the boolean setting `allow_insecure` for a job to set"
            }
        };
        Err(Diagnostic::error(codes::CONNECTOR_REFUSED, message).path(&["directory", "settings"]).hint(hint))
    }

    /// Gives the URL of a login back where it is allowed.
    fn allowed(&self, template: &str, url: Url, reason: &str) -> Result<Url, Diagnostic> {
        let url = self.encrypted(url)?;
        let server = origin(&url)?;
        if self.is_own(template) || self.names(&server) {
            return Ok(url);
        }
        Err(self.ungranted(&server.to_string(), reason))
    }

    fn ungranted(&self, what: &str, reason: &str) -> Diagnostic {
        let name = &self.manifest.name;
        let message = format!("the connector `{name}` asks for `{what}`, which the job does not grant");
        let reason = tame(reason.trim_end_matches('.'), 200);
        let line = pasted("http", self.job, self.lacking().iter().flat_map(Grant::lines));
        let hint = format!("if that is meant, write {line} under `[directory.grants]`; it says: {reason}");
        Diagnostic::error(codes::CONNECTOR_REFUSED, message).path(&["directory", "grants"]).hint(hint)
    }

    /// Gives everything that the job does not grant yet, so that one line of a hint has it all.
    fn lacking(&self) -> Vec<Grant> {
        let mut lacking = Vec::new();
        for grant in self.manifest.grant.http.iter().filter(|grant| !self.is_own(&grant.origin)) {
            lacking.extend(self.asked(grant).ok().filter(|asked| !self.has_line(asked)));
        }
        for (_, login) in self.ways() {
            let origins = login.origins.iter().map(|text| (text, "GET"));
            for (text, method) in origins.chain(login.token_url.iter().map(|text| (text, "POST"))) {
                let Ok(server) = self.url(text).and_then(|url| origin(&url)) else { continue };
                let known = lacking.iter().any(|grant| *grant.origin() == server);
                if !known && !self.is_own(text) && !self.names(&server) {
                    lacking.push(Grant::new(server, &[method.to_owned()]));
                }
            }
        }
        lacking
    }

    /// Says whether scheme, host and port of a text are those of a URL that the job itself wrote.
    fn comes_from_job(&self, template: &str) -> bool {
        let Some((name, rest)) = template.strip_prefix('{').and_then(|rest| rest.split_once('}')) else {
            return false;
        };
        let is_url =
            self.manifest.settings.get(name).is_some_and(|setting| setting.kind == Some(SettingKind::Url));
        is_url && (rest.is_empty() || rest.starts_with('/')) && self.settings.is_given(name)
    }
}

/// Gives the server of a URL that the manifest asks for.
pub(crate) fn origin(url: &Url) -> Result<Origin, Diagnostic> {
    Origin::of(url).map_err(|message| {
        let hint = "its author writes scheme, host and port of a server into `connector.toml`";
        Diagnostic::error(codes::CONNECTOR_INVALID, message).hint(hint)
    })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use rollcall_core::Text;

    use super::*;

    const MANIFEST: &str = r#"
        name = "x"
        version = "1.0.0"
        about = "x"
        contract = "0.1"
        settings.base_url = { type = "text", about = "x", kind = "url", default = "https://default.example" }
        settings.allow_insecure = { type = "boolean", about = "x", default = false }
        [[grant.http]]
        origin = "{base_url}"
        methods = ["GET"]
        reason = "Reads."
    "#;

    const SEARCHES: &str = r#"
        [[grant.http]]
        origin = "https://search.example/v1"
        methods = ["GET", "POST"]
        reason = "Searches."
        [credentials.key]
        about = "x"
        [login.hr]
        kind = "oauth2-client-credentials"
        token_url = "https://login.example/token"
        scope = "x"
        client_id = "x"
        secret = "key"
        origins = ["{base_url}", "https://files.example"]
        reason = "Signs in."
    "#;

    fn judged(more: &str, settings: &str, job: &[&str], bundled: bool) -> Result<Servers, Vec<Diagnostic>> {
        let manifest = Manifest::parse(format!("{MANIFEST}{more}").as_bytes()).unwrap();
        let given = serde_json::from_str(settings).unwrap();
        let settings = Settings::check(&manifest, &given, Path::new("/job")).unwrap();
        let job: Vec<Text> = job.iter().map(|line| (*line).into()).collect();
        let (credentials, ldap) = (BTreeSet::from(["key"]), LdapTerms::default());
        let allow = Allow { manifest: &manifest, settings: &settings, job: &job, credentials, bundled, ldap };
        allow.servers()
    }

    /// Holds that a request passes, or what is wrong with the job.
    fn check(settings: &str, job: &[&str], bundled: bool, expect: Result<&str, &str>) {
        match (judged("", settings, job, bundled), expect) {
            (Ok(servers), Ok(url)) => {
                let admitted = |method: &str| {
                    let mut request = rollcall_net::Request::new(method, Url::parse(url).unwrap());
                    servers.http.admit(&mut request).is_ok()
                };
                assert_eq!((admitted("GET"), admitted("POST")), (true, false), "{url}");
            }
            (Err(wrong), Err(expect)) => assert!(wrong[0].message.contains(expect), "{wrong:?}"),
            (got, expect) => panic!("{got:?} instead of {expect:?}"),
        }
    }

    #[test]
    fn a_partner_needs_the_jobs_word() {
        check("{}", &[], true, Ok("https://default.example/"));
        check("{}", &[], false, Err("asks for `https://default.example`, which the job does not grant"));
        check("{}", &["GET https://default.example/api"], false, Ok("https://default.example/api"));
        check("{}", &["https://default.example:444"], false, Err("does not grant"));
        check("{}", &["POST https://default.example"], false, Err("does not grant"));
        check(r#"{"base_url": "https://mine.example/api/"}"#, &[], false, Ok("https://mine.example/"));
        check(r#"{"base_url": "http://127.0.0.1:8080"}"#, &[], false, Ok("http://127.0.0.1:8080/"));
        let insecure = r#"{"base_url": "http://mine.example", "allow_insecure": true}"#;
        check(insecure, &[], false, Ok("http://mine.example/"));
    }

    #[test]
    fn one_hint_has_every_line_that_is_missing_and_those_that_are_there() {
        let hints = |job: &[&str]| {
            let wrong = judged(SEARCHES, "{}", job, false).unwrap_err();
            wrong.into_iter().map(|one| one.hint.unwrap()).collect::<Vec<_>>()
        };
        let all = "if that is meant, write `http = [\"https://default.example\", \"https://search.example\", \
                   \"POST https://search.example\", \"https://files.example\", \"POST https://login.example\"]` \
                   under `[directory.grants]`; it says: ";
        assert_eq!(hints(&[]), ["Reads", "Searches", "Signs in"].map(|reason| format!("{all}{reason}")));
        let rest = "if that is meant, write `http = [\"https://default.example/v1\", \"POST https://search.example\", \
                    \"https://login.example\", \"https://files.example\"]` under `[directory.grants]`; it says: \
                    Signs in";
        let some = ["https://default.example/v1", "POST https://search.example", "https://login.example"];
        assert_eq!(hints(&some), [rest]);
    }

    /// What a login signs in at is the host's: no request of the connector goes there.
    #[test]
    fn a_line_for_a_login_lets_no_request_pass() {
        let job = ["https://search.example", "https://login.example", "https://files.example"];
        let own = r#"{"base_url": "https://mine.example"}"#;
        let servers = judged(SEARCHES, own, &job, false).unwrap();
        let admitted = |method: &str, url: &str| {
            servers.http.admit(&mut rollcall_net::Request::new(method, Url::parse(url).unwrap())).is_ok()
        };
        assert!(admitted("GET", "https://search.example/") && admitted("GET", "https://mine.example/"));
        assert!(!admitted("POST", "https://search.example/"));
        assert!(!admitted("GET", "https://login.example/") && !admitted("GET", "https://files.example/"));
    }
}
