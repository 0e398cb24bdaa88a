//! A package: the bytes of a component, its digest and its manifest, looked at without compiling or running it.

use std::collections::BTreeSet;

use rollcall_core::{Diagnostic, codes};
use sha2::{Digest, Sha256};
use wasmparser::{Encoding, Parser, Payload};

use crate::limits::PACKAGE_BYTES;
use crate::manifest::{Manifest, Stage};
use crate::manifest_check::CONTRACT;
use crate::words::tame;

const SECTION: &str = "rollcall:manifest";
const OURS: &str = "rollcall:connector/";
/// What every runtime may import: it is linked, and gives nothing.
const INERT: &[&str] =
    &["wasi:cli/", "wasi:io/", "wasi:clocks/", "wasi:random/", "wasi:filesystem/", "wasi:sockets/"];

/// How a component is made.
const BUILD: &str = "`rollcall connector build` makes a component of a project";

/// A connector, ready to be compiled.
#[derive(Clone, Debug)]
pub struct Package {
    manifest: Manifest,
    digest: [u8; 32],
    bytes: Vec<u8>,
    sealed: Vec<u8>,
    contract: String,
    imports: BTreeSet<String>,
}

impl Package {
    /// Looks into a `.wasm` file.
    ///
    /// # Errors
    ///
    /// Refuses what is no component, is compiled already, is too large, has no manifest or several, imports what
    /// nobody gives, or was made for another contract.
    pub fn read(bytes: Vec<u8>) -> Result<Self, Vec<Diagnostic>> {
        let refuse = |message: String, hint: &str| {
            vec![Diagnostic::error(codes::CONNECTOR_INVALID, message).hint(hint)]
        };
        if bytes.len() > PACKAGE_BYTES {
            let message = format!("the package is larger than {} MiB", PACKAGE_BYTES >> 20);
            return Err(refuse(message, "build it for release, without what it does not need"));
        }
        if wasmtime::Engine::detect_precompiled(&bytes).is_some() {
            let message =
                "the package is machine code, which is never accepted; a `.wasm` component is needed";
            return Err(refuse(message.to_owned(), BUILD));
        }
        if !Parser::is_component(&bytes) {
            let message = if Parser::is_core_wasm(&bytes) {
                "the package is a WebAssembly module, not a component; build it for the target `wasm32-wasip2`"
            } else {
                "the package is no WebAssembly component"
            };
            return Err(refuse(message.to_owned(), BUILD));
        }
        let seen = look(&bytes).map_err(|message| {
            refuse(format!("the package is damaged: {message}"), "fetch or build it again")
        })?;
        let contract = seen.contract()?;
        let (manifest, sealed) = match seen.manifests.as_slice() {
            [one] => (Manifest::parse(one)?, one.clone()),
            [] => {
                let message = format!("the package has no manifest (custom section `{SECTION}`)");
                return Err(refuse(message, "the SDKs seal it in: `register!`, or `rollcall-componentize`"));
            }
            several => {
                let message = format!("the package has {} manifests", several.len());
                return Err(refuse(message, "say `register!` once, and link no other connector"));
            }
        };
        let wrong: Vec<Diagnostic> = seen
            .imports
            .iter()
            .filter_map(|name| import_refused(&manifest, name))
            .flat_map(|(message, hint)| refuse(message, &hint))
            .collect();
        if !wrong.is_empty() {
            return Err(wrong);
        }
        let digest = Sha256::digest(&bytes).into();
        Ok(Self { manifest, digest, imports: seen.imports, bytes, sealed, contract })
    }

    /// Gives the manifest.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Checks the manifest for what is to be done with the package.
    ///
    /// # Errors
    /// Gives one diagnostic for each mistake.
    pub fn check_for(&self, stage: Stage) -> Result<(), Vec<Diagnostic>> {
        Manifest::parse_file(&self.sealed, Manifest::FILE, stage).map(drop)
    }

    /// Gives the SHA-256 of the bytes.
    pub fn digest(&self) -> &[u8; 32] {
        &self.digest
    }

    /// Gives the digest as lower-case hexadecimal.
    pub fn digest_text(&self) -> String {
        crate::cache::hex(&self.digest)
    }

    /// Gives the component, as it was read.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Gives the manifest's text, as it is sealed into the component.
    pub fn sealed(&self) -> &[u8] {
        &self.sealed
    }

    /// Gives the version of the contract that the component was made for: `0.1.0`.
    pub fn contract(&self) -> &str {
        &self.contract
    }

    /// Gives the names of everything that the component imports: `rollcall:connector/http@0.1.0`, sorted.
    pub fn all_imports(&self) -> impl Iterator<Item = &str> {
        self.imports.iter().map(String::as_str)
    }

    /// Says whether the component imports one of our capabilities (`http`, `ldap`, `files`).
    pub(crate) fn imports(&self, capability: &str) -> bool {
        self.imports.iter().any(|name| ours(name).is_some_and(|(interface, _)| interface == capability))
    }
}

#[derive(Default)]
struct Seen {
    manifests: Vec<Vec<u8>>,
    imports: BTreeSet<String>,
    exports: BTreeSet<String>,
}

impl Seen {
    /// Gives the version of the contract that the component was made for, where this program speaks it.
    fn contract(&self) -> Result<String, Vec<Diagnostic>> {
        let made_for = self
            .exports
            .iter()
            .filter_map(|name| ours(name))
            .find(|(interface, _)| *interface == "directory")
            .map(|(_, version)| version);
        match made_for {
            None => {
                let message = format!(
                    "the component does not export `{OURS}directory@{CONTRACT}.0`, so it is no connector"
                );
                Err(vec![Diagnostic::error(codes::CONNECTOR_INVALID, message).hint(BUILD)])
            }
            Some(version) if track(version) == CONTRACT => Ok(version.to_owned()),
            Some(version) => {
                let message = format!(
                    "the connector is made for the contract `{}` and this program speaks `{CONTRACT}`",
                    tame(version, 40)
                );
                let hint = format!("ask its author for one that is made for the contract `{CONTRACT}`");
                Err(vec![Diagnostic::error(codes::CONNECTOR_CONTRACT, message).hint(hint)])
            }
        }
    }
}

fn look(bytes: &[u8]) -> Result<Seen, String> {
    let mut seen = Seen::default();
    let mut depth = 0_u32;
    for payload in Parser::new(0).parse_all(bytes) {
        match payload.map_err(|error| tame(error.message(), 200))? {
            Payload::Version { encoding, .. } => {
                depth += 1;
                if depth == 1 && encoding != Encoding::Component {
                    return Err("it begins as something else".to_owned());
                }
            }
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::CustomSection(section) if section.name() == SECTION => {
                seen.manifests.push(section.data().to_vec());
            }
            Payload::ComponentImportSection(imports) if depth == 1 => {
                for import in imports {
                    let import = import.map_err(|error| tame(error.message(), 200))?;
                    seen.imports.insert(import.name.name.to_owned());
                }
            }
            Payload::ComponentExportSection(exports) if depth == 1 => {
                for export in exports {
                    let export = export.map_err(|error| tame(error.message(), 200))?;
                    seen.exports.insert(export.name.name.to_owned());
                }
            }
            _ => {}
        }
    }
    Ok(seen)
}

/// Splits `rollcall:connector/http@0.1.0` into interface and version.
fn ours(name: &str) -> Option<(&str, &str)> {
    let rest = name.strip_prefix(OURS)?;
    Some(rest.split_once('@').unwrap_or((rest, "")))
}

/// Gives the part of a version within which nothing that matters may change.
fn track(version: &str) -> String {
    let mut parts = version.split('.');
    match (parts.next(), parts.next()) {
        (Some("0"), Some(minor)) => format!("0.{minor}"),
        (Some(major), _) => major.to_owned(),
        (None, _) => String::new(),
    }
}

/// Says what is wrong with an import, and what to do.
fn import_refused(manifest: &Manifest, name: &str) -> Option<(String, String)> {
    if INERT.iter().any(|prefix| name.starts_with(prefix)) {
        return None;
    }
    let grant = &manifest.grant;
    let (what, keys) = match ours(name) {
        Some((interface, version)) if track(version) != CONTRACT => {
            let message = format!(
                "the component imports `{}` of the contract `{}` and this program speaks `{CONTRACT}`",
                tame(interface, 80),
                tame(version, 40)
            );
            return Some((message, format!("build it with the SDK for the contract `{CONTRACT}`")));
        }
        Some(("types" | "log" | "run", _)) => return None,
        Some(("http", _)) if grant.http.is_empty() => ("http", "`origin`, `methods`"),
        Some(("files", _)) if grant.files.is_empty() => ("files", "`folder_of`"),
        Some(("ldap", _)) if grant.ldap.is_empty() => ("ldap", "`login`"),
        Some(("http" | "files" | "ldap", _)) => return None,
        _ => {
            let message = format!("the component imports `{}`, which nobody gives", tame(name, 200));
            let hint = "use what the SDK gives: there is no socket, process or file of the machine";
            return Some((message, hint.to_owned()));
        }
    };
    let message = format!("the component imports `{what}` but its manifest has no `[[grant.{what}]]`");
    Some((
        message,
        format!(
            "its code uses it: write `[[grant.{what}]]` with {keys} and a `reason` into `connector.toml`"
        ),
    ))
}
