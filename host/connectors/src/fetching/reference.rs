//! A name in an OCI registry: `oci://host[:port]/repository[:tag][@sha256:digest]`, by the grammar of the distribution
//! specification 1.1 ("Pulling manifests").

use std::fmt;

use rollcall_core::Diagnostic;
use rollcall_net::Origin;
use url::Url;

use super::source::wrong;
use crate::installed::is_digest;

/// The longest repository, in bytes: the specification lets a client refuse 255 with the host's name in it.
const REPOSITORY_BYTES: usize = 255;
/// The longest tag, in bytes.
const TAG_BYTES: usize = 128;

/// What is asked of a registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    registry: Origin,
    repository: String,
    tag: Option<String>,
    /// The manifest's SHA-256, in lower-case hexadecimal.
    digest: Option<String>,
}

impl Reference {
    /// Reads what follows `oci://`.
    ///
    /// # Errors
    /// Where it names nothing that could be pulled.
    pub fn parse(text: &str) -> Result<Self, Diagnostic> {
        let odd = |why: &str| {
            let message = format!("`oci://{}` names nothing in a registry: {why}", text.escape_default());
            wrong(
                message,
                "write it as `oci://registry.example/partner/hr:1.0.0`, or with `@sha256:…` behind it",
            )
        };
        let (host, rest) = text.split_once('/').ok_or_else(|| odd("it has no `/`"))?;
        let (rest, digest) = match rest.split_once('@') {
            None => (rest, None),
            Some((rest, digest)) => {
                let digest = digest.strip_prefix("sha256:").filter(|digest| is_digest(digest));
                (rest, Some(digest.ok_or_else(|| odd("a digest is `sha256:` and 64 lower-case digits"))?))
            }
        };
        let (repository, tag) = match rest.split_once(':') {
            None => (rest, None),
            Some((repository, tag)) => (repository, Some(tag)),
        };
        if repository.len() > REPOSITORY_BYTES || !repository.split('/').all(is_component) {
            return Err(odd("a repository is lower-case letters and digits, with `.`, `_` or `-` between"));
        }
        if tag.is_some_and(|tag| !is_tag(tag)) {
            return Err(odd("that is no tag"));
        }
        if tag.is_none() && digest.is_none() {
            return Err(odd("it has neither a tag nor a digest"));
        }
        // As elsewhere, this machine alone is asked in the clear; a registry of one's own listens there.
        let clear = Origin::parse(&format!("http://{host}")).ok().filter(Origin::is_loopback);
        let registry = clear.map_or_else(|| Origin::parse(&format!("https://{host}")), Ok);
        let registry = registry.map_err(|said| odd(&said))?;
        let owned = |text: &str| text.to_owned();
        Ok(Self { registry, repository: owned(repository), tag: tag.map(owned), digest: digest.map(owned) })
    }

    /// Gives the registry.
    pub(super) fn registry(&self) -> &Origin {
        &self.registry
    }

    /// Gives the repository.
    pub(super) fn repository(&self) -> &str {
        &self.repository
    }

    /// Gives the digest that the manifest must have.
    pub fn digest(&self) -> Option<&str> {
        self.digest.as_deref()
    }

    /// Demands a manifest of this digest, whatever the tag says meanwhile.
    #[must_use]
    pub fn at(mut self, digest: &str) -> Self {
        self.digest = Some(digest.to_owned());
        self
    }

    /// Forgets the digest where a tag can be asked for instead: that is how a newer one is found.
    #[must_use]
    pub fn newest(mut self) -> Self {
        self.digest = self.digest.filter(|_| self.tag.is_none());
        self
    }

    /// Says whether it is the same place: the same tag, or the same digest where there is no tag.
    pub(super) fn is(&self, other: &Self) -> bool {
        self.clone().newest() == other.clone().newest()
    }

    /// Gives the address of the manifest.
    pub(super) fn manifest(&self) -> Result<Url, Diagnostic> {
        let digest = self.digest.as_ref().map(|digest| format!("sha256:{digest}"));
        let named = digest.or_else(|| self.tag.clone()).unwrap_or_default();
        self.address(&format!("manifests/{named}"))
    }

    /// Gives the address of a blob.
    pub(super) fn blob(&self, digest: &str) -> Result<Url, Diagnostic> {
        self.address(&format!("blobs/sha256:{digest}"))
    }

    fn address(&self, rest: &str) -> Result<Url, Diagnostic> {
        let text = format!("{}/v2/{}/{rest}", self.registry, self.repository);
        Url::parse(&text)
            .map_err(|error| wrong(format!("`{text}` is no address: {error}"), "check the reference"))
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let registry = self.registry.to_string();
        let host = registry.split_once("://").map_or(&*registry, |(_, host)| host);
        write!(out, "oci://{host}/{}", self.repository)?;
        self.tag.iter().try_for_each(|tag| write!(out, ":{tag}"))?;
        self.digest.iter().try_for_each(|digest| write!(out, "@sha256:{digest}"))
    }
}

fn is_component(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let ends = [text.bytes().next(), text.bytes().next_back()];
    ends.into_iter().all(|byte| byte.is_some_and(plain))
        && text.bytes().all(|byte| plain(byte) || matches!(byte, b'.' | b'_' | b'-'))
}

fn is_tag(text: &str) -> bool {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    (1..=TAG_BYTES).contains(&text.len())
        && text.bytes().next().is_some_and(word)
        && text.bytes().all(|byte| word(byte) || matches!(byte, b'.' | b'-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expect: Result<(&str, &str), &str>) {
        let got = Reference::parse(text);
        let seen = got.as_ref().map(|got| (got.to_string(), got.manifest().unwrap().to_string()));
        match (&seen, expect) {
            (Ok((shown, manifest)), Ok((name, address))) => {
                assert_eq!((&**shown, &**manifest), (name, address))
            }
            (Err(why), Err(says)) if why.message.contains(says) => {}
            _ => panic!("{text}: {seen:?} instead of {expect:?}"),
        }
    }

    #[test]
    fn a_reference_is_read_as_the_specification_has_it() {
        let digest = "ab".repeat(32);
        check(
            "r.example/p/hr:1.0",
            Ok(("oci://r.example/p/hr:1.0", "https://r.example/v2/p/hr/manifests/1.0")),
        );
        check(
            "localhost:5000/hr:1",
            Ok(("oci://localhost:5000/hr:1", "http://localhost:5000/v2/hr/manifests/1")),
        );
        check(
            &format!("r.example:8443/hr:1@sha256:{digest}"),
            Ok((
                &format!("oci://r.example:8443/hr:1@sha256:{digest}"),
                &format!("https://r.example:8443/v2/hr/manifests/sha256:{digest}"),
            )),
        );
        check("r.example/hr", Err("neither a tag nor a digest"));
        check("r.example", Err("it has no `/`"));
        check("r.example/HR:1", Err("a repository is"));
        check("r.example/../hr:1", Err("a repository is"));
        check("r.example//hr:1", Err("a repository is"));
        check("r.example/hr:a/b", Err("that is no tag"));
        check("r.example/hr:", Err("that is no tag"));
        check("r.example/hr@sha256:abc", Err("64 lower-case digits"));
        check("ann:pw@r.example/hr:1", Err("names nothing in a registry"));
        let moved = Reference::parse(&format!("r.example/hr:1@sha256:{digest}")).unwrap();
        assert!(moved.is(&Reference::parse("r.example/hr:1").unwrap()));
        assert!(!moved.is(&Reference::parse("r.example/hr:2").unwrap()));
        assert!(!moved.is(&Reference::parse(&format!("r.example/hr@sha256:{digest}")).unwrap()));
    }
}
