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

/// A server, or a part of it, that is asked for or allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    methods: Vec<String>,
    origin: Origin,
    path: String,
}

impl Grant {
    /// Means methods on a whole origin; none stand for GET. Whoever may GET may HEAD. CONNECT and TRACE are never
    /// granted.
    pub fn new(origin: Origin, methods: &[String]) -> Self {
        let mut methods: Vec<String> = methods.iter().map(|method| method.to_ascii_uppercase()).collect();
        if methods.is_empty() {
            methods.push("GET".to_owned());
        }
        if methods.iter().any(|method| method == "GET") && !methods.iter().any(|method| method == "HEAD") {
            methods.push("HEAD".to_owned());
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

    /// Gives the server.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// Says whether there is a request that both cover.
    pub fn meets(&self, other: &Self) -> bool {
        self.origin == other.origin
            && self.methods.iter().any(|method| other.methods.contains(method))
            && (self.has_path(&other.path) || other.has_path(&self.path))
    }

    /// Gives the lines of `[directory.grants] http` that allow all of it: a line has one method, and none is GET.
    pub fn lines(&self) -> Vec<String> {
        let (origin, path) = (&self.origin, if self.path == "/" { "" } else { &self.path });
        let gets = self.methods.iter().any(|method| method == "GET");
        let methods = self.methods.iter().filter(|method| !(gets && *method == "HEAD"));
        let line = |method: &String| match method.as_str() {
            "GET" => format!("{origin}{path}"),
            method => format!("{method} {origin}{path}"),
        };
        methods.map(line).collect()
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
        // A path parameter (RFC 3986 3.3) hides dots here that some servers see when they have taken it off.
        let plain = lower.replace("%2e", ".").replace("%3b", ";");
        if plain.split('/').any(|part| part.starts_with("..;") || part.starts_with(".;")) {
            return false;
        }
        match path.strip_prefix(&self.path) {
            Some(rest) => rest.is_empty() || rest.starts_with('/') || self.path.ends_with('/'),
            None => false,
        }
    }
}

/// What a connector may reach over HTTP: what is asked for **and** allowed. A request passes where one of either covers
/// it, so that of two methods, origins or paths the narrower one counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grants {
    /// By the connector's manifest.
    asked: Vec<Grant>,
    /// By the job.
    allowed: Vec<Grant>,
    /// The job's `[directory.grants] http`, as written.
    lines: Vec<String>,
}

impl Grants {
    /// Reads `[directory.grants] http`. Nothing is asked for yet, so that nothing passes.
    ///
    /// # Errors
    ///
    /// Gives one diagnostic for each line that is no grant.
    pub fn allowing<S: AsRef<str>>(lines: &[S]) -> Result<Self, Vec<Diagnostic>> {
        let mut grants = Self::default();
        let mut wrong = Vec::new();
        for line in lines.iter().map(AsRef::as_ref) {
            match Grant::parse(line) {
                Ok(grant) => grants.allowed.push(grant),
                Err(message) => wrong.push(
                    Diagnostic::error(codes::JOB_BAD_VALUE, message)
                        .path(&["directory", "grants", "http"])
                        .hint("write it as in `https://hr.example` or `POST https://hr.example/api/search`"),
                ),
            }
            grants.lines.push(line.to_owned());
        }
        if wrong.is_empty() { Ok(grants) } else { Err(wrong) }
    }

    /// Adds what the manifest asks for.
    pub fn ask(&mut self, grant: Grant) {
        self.asked.push(grant);
    }

    /// Adds what is allowed without a line of the job.
    pub fn allow(&mut self, grant: Grant) {
        self.allowed.push(grant);
    }

    /// Gives what is asked for.
    pub fn asked(&self) -> &[Grant] {
        &self.asked
    }

    /// Gives what is allowed: first the lines of the job in their order.
    pub fn allowed(&self) -> &[Grant] {
        &self.allowed
    }

    /// Lets a request pass, and brings its method and URL into the form in which they were compared.
    ///
    /// # Errors
    ///
    /// [`NetError::Refused`]: at the key of the job file where only the job does not allow it, and else at the connector, with what
    /// its manifest would have to ask for.
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
        let covered = |grants: &[Grant]| grants.iter().any(|grant| grant.covers(method, &origin, path));
        let (asked, allowed) = (covered(&self.asked), covered(&self.allowed));
        if asked && allowed {
            return Ok(());
        }
        let method = if method == "HEAD" { "GET" } else { method };
        let asks = format!("`origin = \"{origin}\"`, `methods = [\"{method}\"]`");
        let line = pasted("http", &self.lines, Grant::new(origin, &[method.to_owned()]).lines());
        let message = format!("`{}` is not granted", request.about());
        if asked {
            let hint = format!("if that is right, write {line} under `[directory.grants]`");
            return Err(refused(message, Some(hint)));
        }
        let then = if allowed {
            String::new()
        } else {
            format!("; then the job writes {line} under `[directory.grants]`")
        };
        let hint = format!(
            "the connector does not ask for it: its author writes `[[grant.http]]` with {asks} and a `reason` into \
             `connector.toml`{then}"
        );
        // No line of the job alone would mend it.
        let refused = Diagnostic::error(codes::CONNECTOR_REFUSED, message).path(&["directory", "connector"]);
        Err(NetError::Refused(Box::new(refused.hint(hint))))
    }
}

/// Gives a key of `[directory.grants]` as it is to be written: what stands there, and what is to be added.
pub fn pasted<S: AsRef<str>>(key: &str, lines: &[S], more: impl IntoIterator<Item = String>) -> String {
    let mut all: Vec<String> = lines.iter().map(|line| line.as_ref().to_owned()).collect();
    for line in more {
        if !all.contains(&line) {
            all.push(line);
        }
    }
    let quoted: Vec<String> = all.iter().map(|line| format!("\"{line}\"")).collect();
    format!("`{key} = [{}]`", quoted.join(", "))
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
        // Either alone lets nothing pass, and both do in either order.
        let lines = Grants::allowing(GRANTS).unwrap();
        let mut asked = Grants::default();
        for grant in lines.allowed() {
            asked.ask(grant.clone());
        }
        let mut both = lines.clone();
        both.asked.clone_from(&asked.asked);
        let mut request = Request::new(method, Url::parse(url).unwrap());
        assert!(lines.admit(&mut request).is_err() && asked.admit(&mut request).is_err(), "{method} {url}");
        let got = both.admit(&mut request);
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
            ("POST", "https://hr.example/api/search/more;v=1/...;x?back=/..;/"),
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
            ("POST", "https://hr.example/api/search/..;/admin"),
            ("POST", "https://hr.example/api/search/.;x=1/more"),
            ("POST", "https://hr.example/api/search/%2e%2E;x/admin"),
            ("POST", "https://hr.example/api/search/..%3B/admin"),
            ("GET", "https://files.example:8443/pub/..;a=b"),
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

    fn both(asked: &[&str], allowed: &[&str]) -> Grants {
        let mut grants = Grants::allowing(allowed).unwrap();
        for grant in Grants::allowing(asked).unwrap().allowed {
            grants.ask(grant);
        }
        grants
    }

    #[test]
    fn of_what_is_asked_and_what_is_allowed_the_narrower_counts() {
        let check = |asked: &[&str], allowed: &[&str], request: &str, expect: bool| {
            let (method, url) = request.split_once(' ').unwrap();
            let got = both(asked, allowed).admit(&mut Request::new(method, Url::parse(url).unwrap()));
            assert_eq!(got.is_ok(), expect, "{asked:?} and {allowed:?}: {request}: {got:?}");
        };
        let (whole, post) = (&["https://hr.example"][..], &["POST https://hr.example"][..]);
        // The server.
        check(whole, whole, "GET https://hr.example/", true);
        check(whole, &["https://hr.example", "https://b.example"], "GET https://b.example/", false);
        check(&["https://hr.example", "https://b.example"], whole, "GET https://b.example/", false);
        check(&["https://hr.example:8443"], whole, "GET https://hr.example/", false);
        check(&["http://hr.example"], whole, "GET http://hr.example/", false);
        // A star is a letter of a name and nothing more.
        check(whole, &["https://*.example"], "GET https://hr.example/", false);
        check(&["https://*.example"], whole, "GET https://hr.example/", false);
        // The method.
        check(whole, post, "GET https://hr.example/", false);
        check(whole, post, "POST https://hr.example/", false);
        check(post, whole, "POST https://hr.example/", false);
        check(&["GET https://hr.example"], &["HEAD https://hr.example"], "HEAD https://hr.example/", true);
        check(&["GET https://hr.example"], &["HEAD https://hr.example"], "GET https://hr.example/", false);
        // The path, whichever side names it.
        for (one, other) in [(whole, &["https://hr.example/api"][..]), (&["https://hr.example/api"], whole)] {
            check(one, other, "GET https://hr.example/api/people", true);
            check(one, other, "GET https://hr.example/apiary", false);
            check(one, other, "GET https://hr.example/", false);
        }
        check(&["https://hr.example/a"], &["https://hr.example/b"], "GET https://hr.example/a", false);
    }

    #[test]
    fn lines_that_meet_share_a_request() {
        let check = |one: &str, other: &str, expect: bool| {
            let (one, other) = (Grant::parse(one).unwrap(), Grant::parse(other).unwrap());
            assert_eq!((one.meets(&other), other.meets(&one)), (expect, expect), "{one:?} and {other:?}");
        };
        check("https://a.example", "https://A.example./api", true);
        check("GET https://a.example/api", "HEAD https://a.example/api/x", true);
        check("https://a.example", "POST https://a.example", false);
        check("https://a.example", "https://b.example", false);
        check("https://a.example/api", "https://a.example/apiary", false);
    }

    #[test]
    fn a_refusal_has_the_line_to_add() {
        let check = |asked: &[&str], allowed: &[&str], request: &str, expect: &str| {
            let (method, url) = request.split_once(' ').unwrap();
            let mut request = Request::new(method, Url::parse(url).unwrap());
            let error = both(asked, allowed).admit(&mut request).unwrap_err();
            let NetError::Refused(said) = error else { panic!("{error:?}") };
            assert!(said.message.ends_with(" is not granted"), "{}", said.message);
            assert_eq!(said.hint.as_deref(), Some(expect));
        };
        check(
            &["POST https://hr.example"],
            &[],
            "POST https://HR.example./v1?token=x",
            "if that is right, write `http = [\"POST https://hr.example\"]` under `[directory.grants]`",
        );
        check(
            &["https://hr.example", "POST https://hr.example"],
            &["https://hr.example/v1"],
            "POST https://hr.example/v1",
            "if that is right, write `http = [\"https://hr.example/v1\", \"POST https://hr.example\"]` under \
             `[directory.grants]`",
        );
        check(
            &["https://hr.example"],
            &["https://hr.example"],
            "PUT https://hr.example/v1",
            "the connector does not ask for it: its author writes `[[grant.http]]` with \
             `origin = \"https://hr.example\"`, `methods = [\"PUT\"]` and a `reason` into `connector.toml`; then the job writes \
             `http = [\"https://hr.example\", \"PUT https://hr.example\"]` under `[directory.grants]`",
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
