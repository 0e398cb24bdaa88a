//! Lines under `[directory.grants]` that the connector does not ask for. They open nothing; whoever wrote one believes
//! otherwise, so that it is a mistake of the job, with what is asked for.

use rollcall_core::{Diagnostic, Text, codes};
use rollcall_net::{Grant, LdapServer};

use crate::grants::{Allow, Servers};
use crate::manifest::Manifest;

/// How many things that are asked for a hint names.
const NAMED: usize = 8;

impl Allow<'_> {
    /// Gives each line for a server that nobody asks for.
    pub(crate) fn unasked(&self, servers: &Servers) -> Vec<Diagnostic> {
        let mut wrong = Vec::new();
        let asked: Vec<String> = servers.http.asked().iter().flat_map(Grant::lines).collect();
        // The lines of the job stand first in what is allowed.
        for (at, (text, line)) in self.job.iter().zip(servers.http.allowed()).enumerate() {
            let mut of_server =
                servers.http.asked().iter().filter(|asked| asked.origin() == line.origin()).peekable();
            let asks = match of_server.peek() {
                Some(_) => of_server.any(|asked| asked.meets(line)),
                None => servers.logins.iter().any(|login| login.reaches(line.origin())),
            };
            if !asks {
                let asked = quoted(&asked);
                let what = format!("`{text}`");
                wrong.push(unasked(self.manifest, ("http", at), &what, &asked, "[[grant.http]]"));
            }
        }
        let asked: Vec<String> = servers.ldap.iter().map(|login| login.server.to_string()).collect();
        for (at, text) in self.ldap.job.iter().enumerate() {
            let is_line = |line: LdapServer| servers.ldap.iter().any(|login| login.server == line);
            if !LdapServer::parse(text).is_ok_and(is_line) {
                let what = format!("`{text}`");
                wrong.push(unasked(self.manifest, ("ldap", at), &what, &quoted(&asked), "[[grant.ldap]]"));
            }
        }
        wrong
    }
}

/// Gives each line for an address, where the connector asks for no server at all.
pub(crate) fn unasked_addresses(manifest: &Manifest, job: &[Text]) -> Vec<Diagnostic> {
    if !manifest.grant.http.is_empty() || !manifest.grant.ldap.is_empty() {
        return Vec::new();
    }
    let lines = job.iter().enumerate();
    lines
        .map(|(at, text)| {
            let what = format!("`{text}`");
            unasked(manifest, ("addresses", at), &what, &[], "[[grant.http]]")
        })
        .collect()
}

/// Says that a line (its key and its place in the list) is for nothing, and what is asked for instead.
pub(crate) fn unasked(
    manifest: &Manifest,
    (key, at): (&str, usize),
    what: &str,
    asked: &[String],
    section: &str,
) -> Diagnostic {
    let name = &manifest.name;
    let message = format!("{what} allows what the connector `{name}` does not ask for");
    let mut named = asked.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", ");
    if asked.len() > NAMED {
        named += " and more";
    }
    let asks = match asked {
        [] => "it asks for nothing of this kind".to_owned(),
        _ => format!("it asks for {named} and nothing more of this kind"),
    };
    let hint = format!(
        "{asks}: take the line out; what else it needs its author asks for under `{section}` in `connector.toml`"
    );
    let place = ["directory", "grants", key, &at.to_string()];
    Diagnostic::error(codes::GRANT_UNASKED, message).path(&place).hint(hint)
}

fn quoted(texts: &[String]) -> Vec<String> {
    texts.iter().map(|text| format!("`{text}`")).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;
    use crate::grants_ldap::LdapTerms;
    use crate::settings::Settings;

    const MANIFEST: &str = r#"
        name = "x"
        version = "1.0.0"
        about = "x"
        contract = "0.1"
        settings.url = { type = "text", about = "x", kind = "url", default = "https://hr.example" }
        settings.server = { type = "text", about = "x", kind = "ldap-url", default = "ldaps://dc.example" }
        credentials.key = { about = "x" }
        [[grant.http]]
        origin = "{url}"
        methods = ["GET"]
        reason = "Reads."
        [[grant.http]]
        origin = "https://search.example"
        methods = ["POST"]
        reason = "Searches."
        [login.hr]
        kind = "oauth2-client-credentials"
        token_url = "https://login.example/token"
        scope = "x"
        client_id = "x"
        secret = "key"
        origins = ["{url}"]
        reason = "Signs in."
        [login.directory]
        kind = "ldap-bind"
        url = "server"
        reason = "Reads."
        [[grant.ldap]]
        login = "directory"
        reason = "Reads."
    "#;

    /// Gives the key, the place and the text of each line that is for nothing.
    fn lines(settings: &str, bundled: bool, http: &[&str], ldap: &[&str]) -> Vec<String> {
        let manifest = Manifest::parse(MANIFEST.as_bytes()).unwrap();
        let given = serde_json::from_str(settings).unwrap();
        let settings = Settings::check(&manifest, &given, Path::new("/job")).unwrap();
        let texts = |lines: &[&str]| lines.iter().map(|line| Text::from(*line)).collect::<Vec<_>>();
        let (http, ldap) = (texts(http), texts(ldap));
        let terms = LdapTerms { job: &ldap, ..LdapTerms::default() };
        let credentials = BTreeSet::from(["key"]);
        let allow =
            Allow { manifest: &manifest, settings: &settings, job: &http, credentials, bundled, ldap: terms };
        let wrong = allow.servers().err().unwrap_or_default();
        let told = wrong.iter().map(|one| match &one.place {
            rollcall_core::Place::Path(path) => {
                assert_eq!(one.code, codes::GRANT_UNASKED, "{one:?}");
                format!("{}: {}", path[2..].join(" "), one.message.split('`').nth(1).unwrap())
            }
            other => panic!("{other:?}"),
        });
        told.collect()
    }

    #[test]
    fn a_line_that_nobody_asks_for_is_named_with_its_place() {
        let good = ["https://hr.example/v1", "POST https://search.example", "https://login.example"];
        let ldap = ["ldaps://DC.example:636"];
        assert_eq!(lines("{}", false, &good, &ldap), Vec::<String>::new());
        // What the bundled connectors bring need no line, and one for it says nothing wrong.
        assert_eq!(lines("{}", true, &good, &ldap), Vec::<String>::new());
        let none = Vec::<String>::new();
        assert_eq!(lines(r#"{"url": "https://mine.example"}"#, true, &["https://mine.example"], &[]), none);
        for bundled in [true, false] {
            let check = |line: &str| {
                let mut all = good.to_vec();
                all.push(line);
                assert_eq!(lines("{}", bundled, &all, &ldap), [format!("http 3: {line}")]);
            };
            check("https://elsewhere.example");
            check("https://hr.example:8443");
            check("http://hr.example");
            check("https://*.example");
            // A server that is asked for in another way.
            check("POST https://hr.example");
            check("https://search.example");
            let more = ["ldaps://DC.example", "ldap://dc.example", "ldaps://other.example"];
            assert_eq!(
                lines("{}", bundled, &good, &more),
                ["ldap 1: ldap://dc.example", "ldap 2: ldaps://other.example"]
            );
        }
        // The setting names another server now, and the line of the old one does nothing.
        let moved = r#"{"url": "https://mine.example"}"#;
        assert_eq!(lines(moved, true, &["https://hr.example"], &[]), ["http 0: https://hr.example"]);
    }

    #[test]
    fn what_is_asked_for_is_said() {
        let manifest = Manifest::parse(MANIFEST.as_bytes()).unwrap();
        let asked: Vec<String> = (0..10).map(|at| format!("`{at}`")).collect();
        let told = unasked(&manifest, ("http", 0), "`x`", &asked, "[[grant.http]]");
        assert_eq!(told.message, "`x` allows what the connector `x` does not ask for");
        assert_eq!(
            told.hint.as_deref(),
            Some(
                "it asks for `0`, `1`, `2`, `3`, `4`, `5`, `6`, `7` and more and nothing more of this kind: take the \
                 line out; what else it needs its author asks for under `[[grant.http]]` in `connector.toml`"
            )
        );
        let head = &MANIFEST[..MANIFEST.find("credentials.key").unwrap()];
        let silent = Manifest::parse(head.as_bytes()).unwrap();
        let lines = ["10.0.0.0/8".into(), "fd00::/8".into()];
        assert_eq!(unasked_addresses(&manifest, &lines), []);
        let told = unasked_addresses(&silent, &lines);
        assert_eq!(told.len(), 2);
        assert!(told[1].message.starts_with("`fd00::/8`"), "{told:?}");
        assert!(
            told[1].hint.as_ref().unwrap().starts_with("it asks for nothing of this kind: take the line out")
        );
    }
}
