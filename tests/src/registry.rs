//! A simulator of an OCI registry (distribution specification 1.1), with the token service of the distribution project:
//! anonymous or by a user's name and password.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::digest::{SHA256, digest};
use serde_json::{Value, json};

use crate::web::{Answer, Entry, Journal, Request, Site};

/// The kind of manifest that the simulator has.
pub const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

/// A running registry; it stops when it is dropped.
pub type Simulator = crate::web::Simulator<Registry>;

/// Who may pull.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Door {
    /// Anybody, without a token.
    #[default]
    Open,
    /// Anybody with a token, and who asks for one gets it.
    Token,
    /// Who has this `user:password`, with which tokens are to be had.
    Login(String),
    /// Who has this `user:password`, which is sent with every request.
    Basic(String),
}

/// The registry's state.
#[derive(Debug, Default)]
pub struct Registry {
    /// Who may pull.
    pub door: Door,
    /// Where the token service is, if it is not the usual place.
    pub realm: Option<String>,
    /// Where blobs are handed out, if that is another server.
    pub blobs_at: Option<String>,
    /// What a path is answered with in the place of the true answer.
    pub instead: BTreeMap<String, Answer>,
    /// What was asked.
    pub journal: Journal,
    manifests: BTreeMap<String, (&'static str, Vec<u8>)>,
    blobs: BTreeMap<String, Vec<u8>>,
}

/// Gives a digest as registries write it.
pub fn sha256(content: &[u8]) -> String {
    let hex = digest(&SHA256, content).as_ref().iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    format!("sha256:{hex}")
}

impl Registry {
    /// Pushes layers of these kinds under a tag of `partner/hr`, and gives the manifest's digest.
    pub fn push(&mut self, tag: &str, layers: &[(&str, Vec<u8>)]) -> String {
        let described: Vec<Value> = layers
            .iter()
            .map(|(kind, content)| {
                let digest = sha256(content);
                let layer = json!({"mediaType": kind, "digest": digest, "size": content.len()});
                let _ = self.blobs.insert(digest, content.clone());
                layer
            })
            .collect();
        let empty =
            json!({"mediaType": "application/vnd.oci.empty.v1+json", "digest": sha256(b"{}"), "size": 2});
        let manifest =
            json!({"schemaVersion": 2, "mediaType": MANIFEST, "config": empty, "layers": described});
        self.put(tag, MANIFEST, manifest.to_string().into_bytes())
    }

    /// Puts a manifest under a tag, whatever it is, and gives its digest.
    pub fn put(&mut self, tag: &str, kind: &'static str, manifest: Vec<u8>) -> String {
        let digest = sha256(&manifest);
        let _ = self.manifests.insert(tag.to_owned(), (kind, manifest.clone()));
        let _ = self.manifests.insert(digest.clone(), (kind, manifest));
        digest
    }

    fn token(&mut self, request: &Request) -> Answer {
        if let Door::Login(login) = &self.door
            && request.header("authorization") != Some(&basic(login))
        {
            return errors(401, "UNAUTHORIZED");
        }
        let scope = request.parameter("scope").unwrap_or_default();
        if request.parameter("service").as_deref() != Some("simulated")
            || scope != "repository:partner/hr:pull"
        {
            return errors(400, "DENIED");
        }
        let token = format!("registry.token.{:08}.9e3779b97f4a7c15", self.journal.issued.len());
        self.journal.issued.push(token.clone());
        // The names differ between registries.
        let name = if self.journal.issued.len().is_multiple_of(2) { "token" } else { "access_token" };
        Answer::of(200, "application/json", json!({ name: token }).to_string())
    }

    /// Says who must come with what, where the one who asks did not.
    fn challenge(&self, request: &Request) -> Option<String> {
        let given = request.header("authorization").unwrap_or_default();
        let token = given.strip_prefix("Bearer ").unwrap_or_default();
        let realm = || self.realm.clone().unwrap_or_else(|| format!("{}/token", request.origin()));
        match &self.door {
            Door::Open => None,
            Door::Basic(login) => (given != basic(login)).then(|| "Basic realm=\"simulated\"".to_owned()),
            Door::Token | Door::Login(_) if self.journal.issued.iter().any(|known| known == token) => None,
            Door::Token | Door::Login(_) => Some(format!(
                "Bearer realm=\"{}\",service=\"simulated\",scope=\"repository:partner/hr:pull\"",
                realm()
            )),
        }
    }

    fn pulled(&mut self, request: &Request) -> Answer {
        if request.path == "/token" {
            return self.token(request);
        }
        if let Some(challenge) = self.challenge(request) {
            return errors(401, "UNAUTHORIZED").with("www-authenticate", &challenge);
        }
        let Some(rest) = request.path.strip_prefix("/v2/partner/hr/") else {
            return errors(404, "NAME_UNKNOWN");
        };
        if let Some(name) = rest.strip_prefix("manifests/") {
            let accepts = request.header("accept").unwrap_or_default().contains(MANIFEST);
            return match self.manifests.get(name) {
                Some((kind, manifest)) if accepts => Answer::of(200, kind, manifest.clone()),
                _ => errors(404, "MANIFEST_UNKNOWN"),
            };
        }
        let name = rest.strip_prefix("blobs/").unwrap_or_default();
        match (self.blobs.get(name), &self.blobs_at) {
            (None, _) => errors(404, "BLOB_UNKNOWN"),
            (Some(_), Some(elsewhere)) => {
                errors(307, "").with("location", &format!("{elsewhere}/{name}?signed=canary"))
            }
            (Some(content), None) => Answer::of(200, "application/octet-stream", content.clone()),
        }
    }
}

impl Site for Registry {
    fn answer(&mut self, request: &Request) -> Answer {
        let answer = match self.instead.get(&request.path) {
            Some(answer) => answer.clone(),
            None => self.pulled(request),
        };
        self.journal.entries.push(Entry::of(request, answer.status));
        answer
    }
}

fn basic(login: &str) -> String {
    format!("Basic {}", STANDARD.encode(login))
}

fn errors(status: u16, code: &str) -> Answer {
    Answer::of(status, "application/json", json!({"errors": [{"code": code}]}).to_string())
}
