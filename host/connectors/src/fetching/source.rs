//! Where a package is fetched from, as an operator writes it.

use std::fmt;

use rollcall_core::{Diagnostic, codes};
use rollcall_net::Origin;
use url::Url;

use super::reference::Reference;

/// Where a package is, if it is no file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A file on a web server. Its signature is beside it, under the same name with `.minisig`.
    Url(Url),
    /// An artifact in an OCI registry.
    Registry(Reference),
}

impl Source {
    /// Reads an address; gives nothing where the text is no address but a path or a name.
    ///
    /// # Errors
    /// Where it is an address that nothing is fetched from.
    pub fn parse(text: &str) -> Result<Option<Self>, Diagnostic> {
        let Some((scheme, rest)) = text.split_once("://") else { return Ok(None) };
        match scheme.to_ascii_lowercase().as_str() {
            "https" | "http" => web(text).map(Some),
            "oci" => Reference::parse(rest).map(|reference| Some(Self::Registry(reference))),
            other => {
                let message = format!("a package is not fetched through `{}`", other.escape_default());
                Err(wrong(message, "give a file, or an address that begins with `https://` or `oci://`"))
            }
        }
    }

    /// Gives the host, as it is compared.
    pub(super) fn host(&self) -> String {
        match self {
            Self::Url(url) => url.host_str().unwrap_or_default().to_owned(),
            Self::Registry(reference) => reference.registry().host(),
        }
    }

    /// Says whether it is the same place, whatever version of it is meant, as far as it is noted: an address without its
    /// query, which a note never has.
    pub fn is(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Registry(one), Self::Registry(other)) => one.is(other),
            (Self::Url(one), Self::Url(other)) => bare(one) == bare(other),
            _ => false,
        }
    }
}

/// As it is noted: without a query, which may hold what nobody should read.
impl fmt::Display for Source {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Registry(reference) => reference.fmt(out),
            Self::Url(url) => bare(url).fmt(out),
        }
    }
}

/// Gives an address without its query.
fn bare(url: &Url) -> Url {
    let mut url = url.clone();
    url.set_query(None);
    url
}

fn web(text: &str) -> Result<Source, Diagnostic> {
    let mut url = Url::parse(text).map_err(|error| {
        wrong(format!("the address cannot be read: {error}"), "write it as a browser shows it")
    })?;
    url.set_fragment(None);
    let origin = Origin::of(&url).map_err(|said| {
        wrong(format!("the address cannot be used: {said}"), "give one without a password")
    })?;
    if !origin.is_encrypted() && !origin.is_loopback() {
        let message = format!("`{origin}` is not encrypted");
        return Err(wrong(message, "write `https://`; only this machine itself is asked in the clear"));
    }
    Ok(Source::Url(url))
}

pub(super) fn wrong(message: String, hint: &str) -> Diagnostic {
    Diagnostic::error(codes::USAGE, message).hint(hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expect: Result<Option<&str>, &str>) {
        let got = Source::parse(text).map(|source| source.map(|source| source.to_string()));
        match (&got, expect) {
            (Ok(got), Ok(expect)) if got.as_deref() == expect => {}
            (Err(got), Err(expect)) if got.message.contains(expect) => {}
            _ => panic!("{text}: {got:?} instead of {expect:?}"),
        }
    }

    #[test]
    fn an_address_is_told_from_a_file() {
        for file in ["hr-1.0.0.rollcall", "./x/hr.rollcall", "/x", "hr", "C:\\x"] {
            check(file, Ok(None));
        }
        check("https://hr.example/a.rollcall#x", Ok(Some("https://hr.example/a.rollcall")));
        check("HTTPS://hr.example/a?sig=secret", Ok(Some("https://hr.example/a")));
        check("http://127.0.0.1:80/a", Ok(Some("http://127.0.0.1/a")));
        check("http://localhost:8080/a", Ok(Some("http://localhost:8080/a")));
        let is = |one: &str, other: &str| {
            let read = |text| Source::parse(text).unwrap().unwrap();
            read(one).is(&read(other))
        };
        assert!(is("https://hr.example/a?sig=1", "https://hr.example/a"));
        assert!(is("https://hr.example/a?sig=1", "https://HR.example/a?sig=2"));
        assert!(!is("https://hr.example/a", "https://hr.example/b"));
        assert!(!is("https://hr.example/a", "oci://hr.example/a:1"));
        check("http://hr.example/a", Err("`http://hr.example` is not encrypted"));
        check("http://10.0.0.1/a", Err("is not encrypted"));
        check("https://ann:pw@hr.example/a", Err("cannot be used"));
        check("ftp://hr.example/a", Err("not fetched through `ftp`"));
        check("file:///etc/passwd", Err("not fetched through `file`"));
        check("https://", Err("cannot be read"));
    }
}
