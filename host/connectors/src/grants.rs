//! What a connector may reach: what its manifest asks for and the job allows. A URL or path that the job itself wrote
//! into the settings is allowed by that; a bundled connector brings its own clouds; everything else needs a line under
//! `[directory.grants]`.

use std::collections::BTreeSet;
use std::path::Path;

use rollcall_core::{Diagnostic, codes};
use rollcall_net::Algorithm;
use serde_json::Value;
use url::{Origin, Url};

use crate::expand::{Place, Unfilled, expand};
use crate::grants_ldap::{FilledLdap, LdapTerms};
use crate::host::files::Named;
use crate::manifest::{Login, LoginKind, Manifest, SettingKind};
use crate::settings::{Settings, is_loopback};
use crate::words::tame;

/// A server that is granted: `GET https://graph.microsoft.com`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Server {
    pub(crate) method: String,
    pub(crate) origin: Url,
}

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
}

/// What the network half of a connection is made with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Servers {
    pub(crate) granted: Vec<Server>,
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
        let mut servers = Servers::default();
        let mut wrong = Vec::new();
        for grant in &self.manifest.grant.http {
            match self.url(&grant.origin).and_then(|url| self.allowed(&grant.origin, url, &grant.reason)) {
                // Where the job's own line allows the origin, that line says which methods and paths, and nothing more.
                Ok(_) if !self.bundled && !self.comes_from_job(&grant.origin) => {}
                Ok(origin) => servers.granted.extend(
                    grant
                        .methods
                        .iter()
                        .map(|method| Server { method: method.clone(), origin: origin.clone() }),
                ),
                Err(diagnostic) => wrong.push(diagnostic),
            }
        }
        // A login of which the job gives no credentials is told by the check of the credentials, where they are needed.
        let given = |name: &str| self.credentials.contains(name);
        let ways =
            self.manifest.login.iter().filter_map(|(name, ways)| {
                Some((name, ways.iter().find(|way| way.has_what_it_takes(given))?))
            });
        for (name, login) in ways {
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
        if told.is_empty() { Ok(servers) } else { Err(told) }
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
                return Err(Diagnostic::error(codes::CONNECTOR_INVALID, message));
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
            Diagnostic::error(codes::CONNECTOR_INVALID, message)
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
                Diagnostic::error(codes::CONNECTOR_INVALID, message)
            })
    }

    /// Gives the URL back where it is allowed.
    fn allowed(&self, template: &str, url: Url, reason: &str) -> Result<Url, Diagnostic> {
        let origin = url.origin();
        let written = origin.ascii_serialization();
        if url.scheme() == "http" && !is_loopback(&url) && !self.settings.allow_insecure() {
            let message =
                format!("the connector asks for `{written}`, which is plain `http://` to another machine");
            return Err(Diagnostic::error(codes::CONNECTOR_REFUSED, message).path(&["directory", "settings"]));
        }
        if self.bundled || self.comes_from_job(template) || self.job_covers(&origin) {
            return Ok(url);
        }
        let name = &self.manifest.name;
        let message = format!("the connector `{name}` asks for `{written}`, which the job does not grant");
        let reason = tame(reason.trim_end_matches('.'), 200);
        let hint = format!(
            "if that is meant, write `http = [\"{written}\"]` under `[directory.grants]`; it says: {reason}"
        );
        Err(Diagnostic::error(codes::CONNECTOR_REFUSED, message).path(&["directory", "grants"]).hint(hint))
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

    fn job_covers(&self, origin: &Origin) -> bool {
        self.job.iter().any(|line| {
            let url = line.rsplit_once(' ').map_or(&**line, |(_, url)| url);
            Url::parse(url).is_ok_and(|url| url.origin() == *origin)
        })
    }
}

/// Gives the files and folders that the manifest asks for and the settings name, and checks that they are there. What
/// lies beside a file, or deeper in a folder, is not granted: that takes a line under `[directory.grants] files`.
pub(crate) fn files(
    manifest: &Manifest,
    settings: &Settings,
    must_exist: bool,
) -> Result<Vec<Named>, Vec<Diagnostic>> {
    let mut files = Vec::new();
    let mut wrong = Vec::new();
    for grant in &manifest.grant.files {
        let name = &grant.folder_of;
        let Some(path) = settings.path(name) else { continue };
        let folder = settings.is_folder(name);
        if must_exist && !(if folder { path.is_dir() } else { path.is_file() }) {
            let written = settings.values().get(name).and_then(Value::as_str).unwrap_or_default();
            let absent = absent(path, &tame(written, 200), folder);
            wrong.push(absent.path(&["directory", "settings", name]));
            continue;
        }
        let path = path.to_owned();
        files.push(if folder { Named::Folder(path) } else { Named::File(path) });
    }
    if wrong.is_empty() { Ok(files) } else { Err(wrong) }
}

/// Says that a path leads nowhere. The setting may well be right: whoever writes the file has not done so, or its disk
/// is not there.
fn absent(path: &Path, shown: &str, folder: bool) -> Diagnostic {
    let what = if folder { "folder" } else { "file" };
    // A file does not exist for a path with a slash behind it.
    let path = path.components().as_path();
    if path.is_dir() {
        let hint = format!("write `{shown}/` where every file in it is to be read");
        let message = format!("`{shown}` is a folder");
        return Diagnostic::error(codes::DIRECTORY_UNREACHABLE, message).hint(hint);
    }
    let message = if path.exists() {
        format!("`{shown}` is no {what}")
    } else {
        format!("there is no {what} `{shown}`")
    };
    let looked = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let hint =
        format!("it was looked for at `{}`; a path counts from the job file's folder", looked.display());
    Diagnostic::error(codes::DIRECTORY_UNREACHABLE, message).hint(hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANIFEST: &str = r#"
        name = "x"
        version = "1"
        about = "x"
        contract = "0.1"
        settings.base_url = { type = "text", about = "x", kind = "url", default = "https://default.example" }
        settings.allow_insecure = { type = "boolean", about = "x", default = false }
        [[grant.http]]
        origin = "{base_url}"
        methods = ["GET"]
        reason = "Reads."
    "#;

    fn check(settings: &str, job: &[&str], bundled: bool, expect: Result<&str, &str>) {
        let manifest = Manifest::parse(MANIFEST.as_bytes()).unwrap();
        let given = serde_json::from_str(settings).unwrap();
        let settings = Settings::check(&manifest, &given, Path::new("/job")).unwrap();
        let job: Vec<rollcall_core::Text> = job.iter().map(|line| (*line).into()).collect();
        let (credentials, ldap) = (BTreeSet::new(), LdapTerms::default());
        let allow = Allow { manifest: &manifest, settings: &settings, job: &job, credentials, bundled, ldap };
        let line = || "the job's own line".to_owned();
        let got =
            allow.servers().map(|s| s.granted.first().map_or_else(line, |server| server.origin.to_string()));
        match (got, expect) {
            (Ok(got), Ok(expect)) => assert_eq!(got, expect),
            (Err(wrong), Err(expect)) => assert!(wrong[0].message.contains(expect), "{wrong:?}"),
            (got, expect) => panic!("{got:?} instead of {expect:?}"),
        }
    }

    #[test]
    fn a_partner_needs_the_jobs_word() {
        check("{}", &[], true, Ok("https://default.example/"));
        check("{}", &[], false, Err("asks for `https://default.example`, which the job does not grant"));
        // The line itself grants its method and path; the manifest's own wish adds nothing to it.
        check("{}", &["GET https://default.example/api"], false, Ok("the job's own line"));
        check("{}", &["https://default.example:444"], false, Err("does not grant"));
        check(r#"{"base_url": "https://mine.example/api/"}"#, &[], false, Ok("https://mine.example/api"));
        check(r#"{"base_url": "http://127.0.0.1:8080"}"#, &[], false, Ok("http://127.0.0.1:8080/"));
        let insecure = r#"{"base_url": "http://mine.example", "allow_insecure": true}"#;
        check(insecure, &[], false, Ok("http://mine.example/"));
    }
}
