//! Which servers a connector may talk to: grants, written `[METHOD ]scheme://host[:port][/path]`.
//!
//! Names are compared after the URL parser has made them comparable, so that a decimal address, an upper-case letter,
//! a trailing dot or user information in front of an `@` cannot pass for something else.

use std::fmt;

use rollcall_core::{Diagnostic, codes};
use url::{Host, Url};

use crate::address::{plain, unwrapped};
use crate::error::NetError;
use crate::wire::Request;

/// Scheme, host and port.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Origin {
    scheme: String,
    host: Host<String>,
    port: u16,
}

impl Origin {
    /// Reads a URL's origin; a path in it is ignored.
    ///
    /// # Errors
    ///
    /// Gives what is wrong with it as one clause.
    pub fn parse(text: &str) -> Result<Self, String> {
        let url = Url::parse(text).map_err(|error| format!("`{text}` is no URL: {error}"))?;
        Self::of(&url)
    }

    /// Takes the origin of a URL.
    ///
    /// # Errors
    ///
    /// Gives what is wrong as one clause: another scheme than http and https, user information, no host.
    pub fn of(url: &Url) -> Result<Self, String> {
        if !url.username().is_empty() || url.password().is_some() {
            return Err("a URL must not carry user information".to_owned());
        }
        if !matches!(url.scheme(), "http" | "https") {
            return Err(format!("`{}` is neither `https` nor `http`", url.scheme()));
        }
        let host = match url.host() {
            Some(Host::Domain(name)) if !plain(name).is_empty() => Host::Domain(plain(name)),
            Some(Host::Ipv4(address)) => Host::Ipv4(address),
            Some(Host::Ipv6(address)) => Host::Ipv6(address),
            _ => return Err("a URL must have a host".to_owned()),
        };
        let port = url.port_or_known_default().unwrap_or(443);
        Ok(Self { scheme: url.scheme().to_owned(), host, port })
    }

    /// Says whether the origin is this machine by its name: a loopback address or `localhost`.
    pub fn is_loopback(&self) -> bool {
        match &self.host {
            Host::Domain(name) => name == "localhost",
            Host::Ipv4(address) => address.is_loopback(),
            Host::Ipv6(address) => unwrapped((*address).into()).is_loopback(),
        }
    }

    /// Says whether the connection is encrypted.
    pub fn is_encrypted(&self) -> bool {
        self.scheme == "https"
    }

    /// Gives the port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Gives the host as it is compared; an IPv6 address in brackets.
    pub fn host(&self) -> String {
        self.host.to_string()
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}://{}", self.scheme, self.host)?;
        let usual = if self.is_encrypted() { 443 } else { 80 };
        if self.port == usual { Ok(()) } else { write!(out, ":{}", self.port) }
    }
}

/// One granted server, or a part of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    methods: Vec<String>,
    origin: Origin,
    path: String,
}

impl Grant {
    /// Grants methods on a whole origin; none stand for GET and HEAD. CONNECT and TRACE are never granted.
    pub fn new(origin: Origin, methods: &[String]) -> Self {
        let mut methods: Vec<String> = methods.iter().map(|method| method.to_ascii_uppercase()).collect();
        if methods.is_empty() || methods == ["GET"] {
            methods = vec!["GET".to_owned(), "HEAD".to_owned()];
        }
        Self { methods, origin, path: "/".to_owned() }
    }

    /// Reads a line of `[directory.grants] http`.
    ///
    /// # Errors
    ///
    /// Gives what is wrong with it as one clause.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (method, url) = match text.trim().split_once(char::is_whitespace) {
            Some((method, url)) => (Some(method), url.trim()),
            None => (None, text.trim()),
        };
        let parsed = Url::parse(url).map_err(|error| format!("`{url}` is no URL: {error}"))?;
        let origin = Origin::of(&parsed)?;
        if parsed.query().is_some() || parsed.fragment().is_some() {
            return Err(format!("`{url}` must end with its path"));
        }
        let methods = match method {
            None => Vec::new(),
            Some(method) => {
                check_method(method)?;
                vec![method.to_owned()]
            }
        };
        Ok(Self { path: parsed.path().to_owned(), ..Self::new(origin, &methods) })
    }

    fn covers(&self, method: &str, origin: &Origin, path: &str) -> bool {
        self.methods.iter().any(|granted| granted == method) && self.origin == *origin && self.has_path(path)
    }

    fn has_path(&self, path: &str) -> bool {
        if self.path == "/" {
            return true;
        }
        // Servers differ on what an encoded separator means, so a part of a server is never reached through one.
        let lower = path.to_ascii_lowercase();
        if lower.contains("%2f") || lower.contains("%5c") {
            return false;
        }
        match path.strip_prefix(&self.path) {
            Some(rest) => rest.is_empty() || rest.starts_with('/') || self.path.ends_with('/'),
            None => false,
        }
    }
}

/// What a connector may reach over HTTP.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grants(Vec<Grant>);

impl Grants {
    /// Collects grants.
    pub fn new(grants: Vec<Grant>) -> Self {
        Self(grants)
    }

    /// Reads `[directory.grants] http`.
    ///
    /// # Errors
    ///
    /// Gives one diagnostic for each line that is no grant.
    pub fn parse<S: AsRef<str>>(lines: &[S]) -> Result<Self, Vec<Diagnostic>> {
        let mut grants = Vec::new();
        let mut wrong = Vec::new();
        for line in lines {
            match Grant::parse(line.as_ref()) {
                Ok(grant) => grants.push(grant),
                Err(message) => wrong.push(
                    Diagnostic::error(codes::JOB_BAD_VALUE, message)
                        .path(&["directory", "grants", "http"])
                        .hint("write it as in `https://hr.example` or `POST https://hr.example/api/search`"),
                ),
            }
        }
        if wrong.is_empty() { Ok(Self(grants)) } else { Err(wrong) }
    }

    /// Adds the grants of another source.
    pub fn extend(&mut self, more: Grants) {
        self.0.extend(more.0);
    }

    /// Lets a request pass, and brings its method and URL into the form in which they were compared.
    ///
    /// # Errors
    ///
    /// [`NetError::Refused`] with the line to add to the job file.
    pub fn admit(&self, request: &mut Request) -> Result<(), NetError> {
        request.method.make_ascii_uppercase();
        check_method(&request.method).map_err(|message| refused(message, None))?;
        let origin = Origin::of(&request.url).map_err(|message| refused(message, None))?;
        if let Host::Domain(name) = &origin.host {
            let named = request.url.host_str() == Some(name) || request.url.set_host(Some(name)).is_ok();
            if !named {
                return Err(refused(format!("`{name}` is no host"), None));
            }
        }
        request.url.set_fragment(None);
        let (method, path) = (request.method.as_str(), request.url.path());
        if self.0.iter().any(|grant| grant.covers(method, &origin, path)) {
            return Ok(());
        }
        let line = if method == "GET" || method == "HEAD" {
            origin.to_string()
        } else {
            format!("{method} {origin}")
        };
        let hint = format!("if that is right, add `http = [\"{line}\"]` under `[directory.grants]`");
        Err(refused(format!("`{}` is not granted", request.about()), Some(hint)))
    }
}

fn refused(message: String, hint: Option<String>) -> NetError {
    let mut diagnostic =
        Diagnostic::error(codes::CONNECTOR_REFUSED, message).path(&["directory", "grants", "http"]);
    diagnostic.hint = hint;
    NetError::Refused(Box::new(diagnostic))
}

/// Refuses what is no method of ordinary requests.
fn check_method(method: &str) -> Result<(), String> {
    let known = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "REPORT", "SEARCH", "QUERY"];
    if known.contains(&method) { Ok(()) } else { Err(format!("`{method}` is no method that can be granted")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GRANTS: &[&str] = &[
        "https://graph.microsoft.com",
        "POST https://hr.example/api/search",
        "https://files.example:8443/pub/",
        "http://127.0.0.1:5000",
        "https://bücher.example",
        "https://[2001:db8::1]",
    ];

    fn check(method: &str, url: &str, expect: bool) {
        let grants = Grants::parse(GRANTS).unwrap();
        let mut request = Request::new(method, Url::parse(url).unwrap());
        let got = grants.admit(&mut request);
        assert_eq!(got.is_ok(), expect, "{method} {url}: {got:?}");
    }

    #[test]
    fn what_is_granted_passes() {
        for (method, url) in [
            ("GET", "https://graph.microsoft.com/v1.0/users?$top=999"),
            ("HEAD", "https://graph.microsoft.com/"),
            ("get", "https://graph.microsoft.com/"),
            ("GET", "https://GRAPH.Microsoft.com./v1.0/users"),
            ("GET", "https://graph.microsoft.com:443/"),
            ("POST", "https://hr.example/api/search"),
            ("POST", "https://hr.example/api/search/more?x=1"),
            ("GET", "https://files.example:8443/pub/a.csv"),
            ("GET", "http://127.0.0.1:5000/x"),
            ("GET", "http://2130706433:5000/x"),
            ("GET", "https://xn--bcher-kva.example/"),
            ("GET", "https://BÜCHER.example/"),
            ("GET", "https://[2001:DB8:0::1]/"),
        ] {
            check(method, url, true);
        }
    }

    #[test]
    fn what_is_not_granted_is_refused() {
        for (method, url) in [
            ("POST", "https://graph.microsoft.com/v1.0/users"),
            ("GET", "http://graph.microsoft.com/"),
            ("GET", "https://graph.microsoft.com:8443/"),
            ("GET", "https://graph.microsoft.com.evil.example/"),
            ("GET", "https://evil-graph.microsoft.com/"),
            ("GET", "https://graph.microsoft.com@evil.example/"),
            ("GET", "https://user:secret@graph.microsoft.com/"),
            ("GET", "https://hr.example/api/search"),
            ("POST", "https://hr.example/api/searching"),
            ("POST", "https://hr.example/api/search/../admin"),
            ("POST", "https://hr.example/api/search/%2e%2e/admin"),
            ("POST", "https://hr.example/api/search/..%2fadmin"),
            ("GET", "https://files.example:8443/public"),
            ("GET", "https://files.example/pub/a.csv"),
            ("GET", "http://127.0.0.1/x"),
            ("GET", "http://localhost:5000/x"),
            ("GET", "http://0x7f.1:5001/x"),
            ("GET", "https://bucher.example/"),
            ("CONNECT", "https://graph.microsoft.com/"),
            ("TRACE", "https://graph.microsoft.com/"),
            ("GET /x", "https://graph.microsoft.com/"),
            ("GET", "ftp://graph.microsoft.com/"),
        ] {
            check(method, url, false);
        }
    }

    #[test]
    fn a_refusal_has_the_line_to_add() {
        let mut request = Request::new("POST", Url::parse("https://HR.example./v1?token=x").unwrap());
        let error = Grants::default().admit(&mut request).unwrap_err();
        let NetError::Refused(said) = error else { panic!("{error:?}") };
        assert_eq!(said.message, "`POST https://hr.example/v1` is not granted");
        assert_eq!(
            said.hint.as_deref(),
            Some("if that is right, add `http = [\"POST https://hr.example\"]` under `[directory.grants]`"),
        );
    }

    #[test]
    fn a_line_that_is_no_grant_is_named() {
        for (line, expect) in [
            ("hr.example", "`hr.example` is no URL: relative URL without a base"),
            ("ldap://dc1", "`ldap` is neither `https` nor `http`"),
            ("https://a:b@hr.example", "a URL must not carry user information"),
            ("CONNECT https://hr.example", "`CONNECT` is no method that can be granted"),
            ("https://hr.example/?a=b", "`https://hr.example/?a=b` must end with its path"),
        ] {
            assert_eq!(Grant::parse(line).unwrap_err(), expect);
        }
    }
}
