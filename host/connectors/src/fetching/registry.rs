//! A package from an OCI registry, by the distribution specification 1.1 ("Pulling manifests", "Pulling blobs") and the
//! token flow of the distribution project: a manifest, and the blobs that it names, each held against its digest.
//!
//! A registry hands a blob out itself or sends elsewhere for it, as to a store of objects. That is followed, and the
//! credential stays behind. Where the operator did not name a server, it must be a public one.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rollcall_core::{Code, Diagnostic, Secret, codes};
use rollcall_net::{AddressPolicy, Online, Origin, Request, Response, Wire as _};
use serde::Deserialize;
use url::{Host, Url};

use super::challenge::Challenge;
use super::download::{refused, whole};
use super::reference::Reference;
use super::{Fetched, told, unreached};
use crate::installed::is_digest;
use crate::packing::signature::FILE_BYTES;
use crate::packing::{BUNDLE_BYTES, digest};

/// What a package's layer is.
pub const PACKAGE_TYPE: &str = "application/vnd.rollcall.connector.package.v1+tar";
/// What the layer of its signature is.
pub const SIGNATURE_TYPE: &str = "application/vnd.rollcall.connector.signature.v1";

/// The kind of manifest that is asked for (OCI image specification 1.1).
const MANIFEST_TYPE: &str = "application/vnd.oci.image.manifest.v1+json";
/// The largest manifest, in bytes: ours have two layers.
const MANIFEST_BYTES: usize = 64 << 10;
/// The longest answer of a token service, in bytes.
const TOKEN_BYTES: usize = 64 << 10;
/// How often a blob may be elsewhere, one after the other.
const REDIRECTS: usize = 3;

#[derive(Deserialize)]
struct Manifest {
    layers: Vec<Layer>,
}

#[derive(Deserialize)]
struct Layer {
    #[serde(rename = "mediaType")]
    media_type: String,
    digest: String,
    size: u64,
}

#[derive(Deserialize)]
struct Token {
    // Either name is in use.
    #[serde(alias = "access_token")]
    token: String,
}

/// Pulls a package and its signature. `login`: `user:password`, for registries that want one.
pub(super) async fn pull(
    wire: &Online,
    reference: &Reference,
    login: Option<&Secret>,
) -> Result<Fetched, Diagnostic> {
    let mut asked = Asked { wire, reference, login, authorization: None };
    let (manifest, sha256) = asked.manifest().await?;
    let layers =
        |kind: &str| manifest.layers.iter().filter(|layer| layer.media_type == kind).collect::<Vec<_>>();
    let (packages, signatures) = (layers(PACKAGE_TYPE), layers(SIGNATURE_TYPE));
    let ([package], true) = (packages.as_slice(), signatures.len() < 2) else {
        let kinds: Vec<&str> = manifest.layers.iter().map(|layer| &*layer.media_type).take(5).collect();
        let message = format!("`{reference}` holds no connector, but {}", kinds.join(", ").escape_default());
        return Err(foreign(codes::PACKAGE_FOREIGN, message));
    };
    let bytes = asked.blob(package, BUNDLE_BYTES).await?;
    let signature = match signatures.first() {
        Some(layer) => Some(String::from_utf8_lossy(&asked.blob(layer, FILE_BYTES).await?).into_owned()),
        None => None,
    };
    Ok(Fetched { bytes, signature, origin: reference.clone().at(&sha256).to_string() })
}

struct Asked<'a> {
    wire: &'a Online,
    reference: &'a Reference,
    login: Option<&'a Secret>,
    /// What the registry itself is told of who asks, and nobody else.
    authorization: Option<String>,
}

impl Asked<'_> {
    /// Gets the manifest, with the SHA-256 of its bytes.
    async fn manifest(&mut self) -> Result<(Manifest, String), Diagnostic> {
        let url = self.reference.manifest()?;
        let mut answer = self.get(&url, MANIFEST_TYPE).await?;
        self.good(&answer, &url)?;
        let kind = answer.header("content-type").unwrap_or_default();
        let kind = kind.split(';').next().unwrap_or_default().trim().to_owned();
        let bytes = whole(&mut answer, MANIFEST_BYTES).await?;
        let came = digest(&bytes);
        if let Some(expect) = self.reference.digest().filter(|expect| *expect != came) {
            return Err(differs("the manifest", &came, expect));
        }
        if kind != MANIFEST_TYPE {
            let message =
                format!("`{}` is `{}` and no image manifest", self.reference, kind.escape_default());
            return Err(foreign(codes::PACKAGE_FOREIGN, message));
        }
        let manifest = serde_json::from_slice(&bytes).map_err(|error| {
            foreign(
                codes::PACKAGE_DAMAGED,
                format!("the manifest of `{}` cannot be read: {error}", self.reference),
            )
        })?;
        Ok((manifest, came))
    }

    /// Gets a blob of at most so many bytes, from wherever the registry has it.
    async fn blob(&mut self, layer: &Layer, most: usize) -> Result<Vec<u8>, Diagnostic> {
        let expect = layer.digest.strip_prefix("sha256:").filter(|digest| is_digest(digest));
        let size = usize::try_from(layer.size).unwrap_or(usize::MAX);
        let Some(expect) = expect.filter(|_| size <= most) else {
            let message = format!(
                "`{}` names a layer of {} bytes by `{}`: at most {most}, by a SHA-256, are taken",
                self.reference,
                layer.size,
                layer.digest.escape_default()
            );
            return Err(foreign(codes::PACKAGE_DAMAGED, message));
        };
        let mut url = self.reference.blob(expect)?;
        let mut answer = self.get(&url, "*/*").await?;
        for _ in 0..REDIRECTS {
            let (300..=399, Some(to)) = (answer.status, answer.header("location")) else { break };
            let next = url.join(to).map_err(|error| {
                unreached(format!("the registry sends elsewhere for a layer, to no address: {error}"), ASK)
            })?;
            url = self.elsewhere(next)?;
            answer = self.get(&url, "*/*").await?;
        }
        self.good(&answer, &url)?;
        let bytes = whole(&mut answer, size).await?;
        let came = digest(&bytes);
        if came == expect { Ok(bytes) } else { Err(differs("a layer", &came, expect)) }
    }

    /// Asks for something; the registry itself once more where it wants to know who asks.
    async fn get(&mut self, url: &Url, accept: &str) -> Result<Response, Diagnostic> {
        let ours = Origin::of(url).is_ok_and(|origin| origin == *self.reference.registry());
        let request = |authorization: Option<&String>| {
            let request = Request::get(url.clone()).header("accept", accept);
            match authorization.filter(|_| ours) {
                Some(value) => request.header("authorization", value),
                None => request,
            }
        };
        let answer = self.wire.send(request(self.authorization.as_ref())).await.map_err(told)?;
        if answer.status != 401 || !ours || self.authorization.is_some() {
            return Ok(answer);
        }
        let challenges = answer.headers.iter().filter(|(name, _)| name == "www-authenticate");
        let Some(challenge) = challenges.filter_map(|(_, value)| Challenge::parse(value)).next() else {
            return Ok(answer);
        };
        self.authorization = Some(self.authorize(challenge).await?);
        self.wire.send(request(self.authorization.as_ref())).await.map_err(told)
    }

    /// Gives the header that answers a challenge.
    async fn authorize(&self, challenge: Challenge) -> Result<String, Diagnostic> {
        let basic = self.login.map(|login| format!("Basic {}", STANDARD.encode(login.expose())));
        let (realm, service, scope) = match challenge {
            Challenge::Basic => return basic.ok_or_else(|| self.denied("it wants a login")),
            Challenge::Bearer { realm, service, scope } => (realm, service, scope),
        };
        let mut url = Url::parse(&realm).map_err(|_| self.denied("its token service has no address"))?;
        let scope = scope.unwrap_or_else(|| format!("repository:{}:pull", self.reference.repository()));
        for (name, value) in [("service", service), ("scope", Some(scope))] {
            if let Some(value) = value {
                url.query_pairs_mut().append_pair(name, &value);
            }
        }
        let mut request = Request::get(self.elsewhere(url)?).header("accept", "application/json");
        if let Some(basic) = basic {
            request = request.header("authorization", basic);
        }
        let mut answer = self.wire.send(request).await.map_err(told)?;
        if answer.status != 200 {
            return Err(self.denied(&format!("its token service answers with {}", answer.status)));
        }
        let token = whole(&mut answer, TOKEN_BYTES).await?;
        let token: Token =
            serde_json::from_slice(&token).map_err(|_| self.denied("its token service gave no token"))?;
        Ok(format!("Bearer {}", token.token))
    }

    /// Lets the registry send to another server: an encrypted one, or one on this machine if the registry is there too; at
    /// a public address, unless it is the host that the operator named.
    fn elsewhere(&self, url: Url) -> Result<Url, Diagnostic> {
        let refused = |why: String| {
            let message = format!("the registry `{}` sends elsewhere, {why}", self.reference.registry());
            Diagnostic::error(codes::CONNECTOR_REFUSED, message).hint(ASK)
        };
        let origin = Origin::of(&url).map_err(|said| refused(format!("to what cannot be used: {said}")))?;
        let registry = self.reference.registry();
        if origin.host() == registry.host() && (origin.is_encrypted() || origin.is_loopback()) {
            return Ok(url);
        }
        if !origin.is_encrypted() || origin.is_loopback() {
            return Err(refused(format!("to `{origin}`, which is not encrypted, or is this machine")));
        }
        let address = match url.host() {
            Some(Host::Ipv4(address)) => Some(address.into()),
            Some(Host::Ipv6(address)) => Some(address.into()),
            // A name is held against the same rule once it is resolved.
            _ => None,
        };
        match address.map(|address| AddressPolicy::public().check("it", address)) {
            Some(Err(_)) => Err(refused(format!("to `{origin}`, which is no public address"))),
            _ => Ok(url),
        }
    }

    /// Refuses an answer that is not what was asked for.
    fn good(&self, answer: &Response, url: &Url) -> Result<(), Diagnostic> {
        match answer.status {
            200 => Ok(()),
            401 | 403 => Err(self.denied(&format!("it answers with {}", answer.status))),
            _ => Err(refused(answer, &Request::get(url.clone()).about())),
        }
    }

    fn denied(&self, why: &str) -> Diagnostic {
        let hint = match self.login {
            Some(_) => "may this login pull it, and is the reference right?",
            None => {
                "if it is not for everybody, give `--registry-login env:NAME` or `file:PATH` with `user:password`"
            }
        };
        let message = format!("the registry does not give `{}`: {why}", self.reference);
        Diagnostic::error(codes::PACKAGE_DENIED, message).hint(hint)
    }
}

const ASK: &str = "ask whoever runs the registry; the package's file can be installed as well";

fn foreign(code: Code, message: String) -> Diagnostic {
    Diagnostic::error(code, message).hint("a publisher pushes a package as plugins/README.md says")
}

fn differs(what: &str, came: &str, expect: &str) -> Diagnostic {
    let message = format!("the registry gave {what} sha256:{came} in the place of sha256:{expect}");
    Diagnostic::error(codes::PACKAGE_TAMPERED, message).hint("do not use it; tell whoever runs the registry")
}
