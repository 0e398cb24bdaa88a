//! The package that `install` and `update` are given: a file, or one that is fetched from elsewhere. What is fetched must be
//! what somebody named by its digest, on the command line or in `rollcall.lock`: its server is not asked who it is.

use std::path::Path;

use rollcall_connectors::fetching::{Fetched, Source, Way, fetch};
use rollcall_connectors::installed::Register;
use rollcall_connectors::packing::digest;
use rollcall_connectors::packing::signature::Signature;
use rollcall_connectors::pins::{FILE, Pin, Pins};
use rollcall_core::{Diagnostic, codes};

use crate::args::InstallArgs;
use crate::commands::connector::files;
use crate::commands::connector::install::not_installed;
use crate::exit;
use crate::failure::Failure;
use crate::wiring::read_pins;

/// A package with its signature, read once.
pub(super) struct Given {
    /// The whole file.
    pub(super) bytes: Vec<u8>,
    /// The signature and its text.
    pub(super) signature: Option<(Signature, String)>,
    /// Where it was fetched from.
    pub(super) origin: Option<String>,
}

impl Given {
    /// Reads or fetches what is to be installed. `update`: the name of an installed connector stands for where it came from.
    pub(super) async fn of(register: &Register, args: &InstallArgs, update: bool) -> Result<Self, Failure> {
        let text = args.package.to_str().unwrap_or_default();
        let is_name = update && register.connectors.contains_key(text) && !args.package.exists();
        let source = match is_name {
            true => Some(came_from(register, text)?),
            false => Source::parse(text).map_err(usage)?,
        };
        let Some(source) = source else {
            // A name, and no file's.
            if update && !args.package.exists() && !text.contains(['.', '/']) {
                return Err(not_installed(register, text));
            }
            let bytes = files::package(&args.package)?;
            if let Some(expect) = &args.sha256 {
                same(&digest(&bytes), expect, "the file is")?;
            }
            return Ok(Self { bytes, signature: files::signature(&args.package)?, origin: None });
        };
        let folder = args.lock.as_deref().unwrap_or(Path::new(""));
        let pins = read_pins(folder).map_err(|why| Failure::invalid(vec![why]))?.unwrap_or_default();
        let pinned = pinned(&pins, is_name.then_some(text), &source);
        let source = asked_for(source, args.sha256.is_none().then(|| pinned.first().copied()).flatten());
        let way = Way {
            proxy: args.proxy.as_deref().map(Into::into),
            ca_file: args.ca_file.clone(),
            registry_login: args
                .registry_login
                .as_deref()
                .map(|text| files::credential("--registry-login", text))
                .transpose()?,
        };
        let fetched = fetch(&source, &way).await;
        let fetched =
            fetched.map_err(|why| failed(if is_name { without_query(why, &source) } else { why }))?;
        let came = digest(&fetched.bytes);
        match (&args.sha256, pinned.first()) {
            (Some(expect), _) => same(&came, expect, "the server gave")?,
            // Of one address there are several where only its query, which is not noted, tells them apart.
            (None, Some(_)) if pinned.iter().any(|pin| pin.sha256 == came) => {}
            // What is pinned is the digest, wherever it was had from: a file's pin names no address.
            (None, _) if !is_name && pins.iter().any(|pin| pin.sha256 == came) => {}
            (None, Some(pin)) => return Err(moved(&came, pin)),
            // The digest of a manifest is one of everything that it names.
            (None, None) if matches!(&source, Source::Registry(one) if one.digest().is_some()) => {}
            (None, None) => return Err(unpinned(&came, &source, &fetched.origin)),
        }
        let Fetched { bytes, signature, origin } = fetched;
        let signature = signature
            .map(|text| files::parsed(&text, &origin).map(|signature| (signature, text)))
            .transpose()?;
        Ok(Self { bytes, signature, origin: Some(origin) })
    }
}

/// Gives what is asked for: of a registry the manifest that is pinned, whatever its tag says meanwhile.
fn asked_for(source: Source, pin: Option<&Pin>) -> Source {
    let pinned =
        pin.and_then(|pin| pin.origin.as_deref()).and_then(|origin| Source::parse(origin).ok().flatten());
    match (source, pinned) {
        (Source::Registry(wanted), Some(Source::Registry(pinned))) => {
            match (wanted.digest(), pinned.digest()) {
                (None, Some(digest)) => Source::Registry(wanted.clone().at(digest)),
                _ => Source::Registry(wanted),
            }
        }
        (source, _) => source,
    }
}

/// Gives what pins a package that is to be fetched: by its connector's name, or by where it comes from.
fn pinned<'a>(pins: &'a Pins, name: Option<&str>, source: &Source) -> Vec<&'a Pin> {
    let from_there = |pin: &&Pin| {
        let known = pin.origin.as_deref().and_then(|origin| Source::parse(origin).ok().flatten());
        known.is_some_and(|known| known.is(source))
    };
    match name {
        Some(name) => pins.iter().filter(|pin| pin.name == name).collect(),
        None => pins.iter().filter(from_there).collect(),
    }
}

fn came_from(register: &Register, name: &str) -> Result<Source, Failure> {
    let origin = register.connectors.get(name).and_then(|installed| installed.origin.as_deref());
    let source = origin.map(Source::parse).transpose().map_err(usage)?.flatten();
    // The manifest that was installed is known; a newer one is behind the tag.
    let source = source.map(|source| match source {
        Source::Registry(reference) => Source::Registry(reference.newest()),
        other => other,
    });
    source.ok_or_else(|| {
        let message = format!("the connector `{name}` was installed from a file");
        Failure::new(exit::USAGE, codes::USAGE, message)
            .hint("give the file of the newer package, or its address")
    })
}

/// Says of an address that is known from a note that it may once have had a query.
fn without_query(mut why: Diagnostic, source: &Source) -> Diagnostic {
    if matches!(source, Source::Url(_)) {
        let query = format!(
            "`{source}` is noted without what stood behind a `?`, which may be secret: if it is needed, give the whole \
             address in place of the name"
        );
        why.hint = Some(why.hint.map_or_else(|| query.clone(), |hint| format!("{hint}; {query}")));
    }
    why
}

fn usage(why: Diagnostic) -> Failure {
    Failure { exit: exit::USAGE, diagnostics: vec![why] }
}

fn failed(why: Diagnostic) -> Failure {
    let exit = match why.code {
        codes::JOB_BAD_VALUE => exit::USAGE,
        codes::PACKAGE_DENIED => exit::DENIED,
        codes::PACKAGE_FOREIGN | codes::PACKAGE_DAMAGED | codes::PACKAGE_TAMPERED => exit::INVALID,
        _ => exit::ERROR,
    };
    Failure { exit, diagnostics: vec![why] }
}

fn same(came: &str, expect: &str, gave: &str) -> Result<(), Failure> {
    if came == expect {
        return Ok(());
    }
    let message = format!("{gave} sha256:{came}, and `--sha256` says {expect}");
    Err(Failure::new(exit::INVALID, codes::PACKAGE_TAMPERED, message)
        .hint("do not use it; ask the publisher which of the two is right"))
}

fn moved(came: &str, pin: &Pin) -> Failure {
    let message = format!(
        "the server gave sha256:{came}, and `{FILE}` pins the digest {} of the connector `{}`",
        pin.sha256, pin.name
    );
    Failure::new(exit::INVALID, codes::LOCK_DIFFERS, message).hint(
        "if that is meant, give the digest that the publisher told you with `--sha256`, and `--lock DIR`",
    )
}

fn unpinned(came: &str, source: &Source, origin: &str) -> Failure {
    let (named, more) = match source {
        Source::Url(_) => (String::new(), ""),
        Source::Registry(_) => {
            (format!(", as `{origin}`"), ", or for its manifest's, behind the reference as `@sha256:…`")
        }
    };
    let message = format!(
        "nobody says which package `{source}` must give; what the server gave is sha256:{came}{named}"
    );
    Failure::new(exit::INVALID, codes::PACKAGE_UNPINNED, message).hint(format!(
        "what the server gave proves nothing: ask the publisher on another way for the package's digest and give it as \
         `--sha256 HEX`{more}"
    ))
}
