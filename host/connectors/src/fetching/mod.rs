//! Fetching a package from elsewhere. What comes is bytes from a stranger: whoever asks holds them against a digest that
//! came on another way, and against the signature, as with a file.
//!
//! An operator typed the address, so it may lead inside, as the phone system's may; never to a metadata service. Plain
//! `http` stays on this machine.

mod challenge;
mod download;
mod reference;
mod registry;
mod source;

use std::path::PathBuf;
use std::time::Duration;

use rollcall_core::{Diagnostic, Secret, Text, codes};
use rollcall_net::{AddressPolicy, NetError, Online, Options, Patience, Trust};

use crate::packing::BUNDLE_BYTES;
pub use reference::Reference;
pub use registry::{PACKAGE_TYPE, SIGNATURE_TYPE};
pub use source::Source;

/// How long fetching a package may take, all of its requests together.
pub const FETCH: Duration = Duration::from_secs(300);

/// How servers are reached.
#[derive(Clone, Debug, Default)]
pub struct Way {
    /// `http://host:port` of a proxy.
    pub proxy: Option<Text>,
    /// A PEM file of authorities, besides the machine's.
    pub ca_file: Option<PathBuf>,
    /// `user:password` of a registry, for the registry and the token service that it names.
    pub registry_login: Option<Secret>,
}

/// What came.
#[derive(Clone, Debug)]
pub struct Fetched {
    /// The package's bytes, compared with nothing yet.
    pub bytes: Vec<u8>,
    /// The text of its signature; none where there is none.
    pub signature: Option<String>,
    /// Where it came from, to be noted and asked again.
    pub origin: String,
}

/// Fetches a package.
///
/// # Errors
/// Where it cannot be had: [`codes::PACKAGE_UNREACHED`], [`codes::PACKAGE_DENIED`], [`codes::TLS_UNTRUSTED`], or what a
/// limit says. What a registry gives that is no connector, or not what its digest says, is refused as a file is.
pub async fn fetch(source: &Source, way: &Way) -> Result<Fetched, Diagnostic> {
    let fetched = async {
        match source {
            Source::Url(url) => download::download(&wire(&source.host(), way)?, url).await,
            Source::Registry(reference) => {
                registry::pull(&wire(&source.host(), way)?, reference, way.registry_login.as_ref()).await
            }
        }
    };
    tokio::time::timeout(FETCH, fetched).await.unwrap_or_else(|_| {
        let message = format!("`{source}` did not come within {} seconds", FETCH.as_secs());
        Err(unreached(message, "try again, or fetch it on another way and install the file"))
    })
}

/// Prepares the way to a server that the operator named.
fn wire(host: &str, way: &Way) -> Result<Online, Diagnostic> {
    let trust = way.ca_file.clone().map_or(Trust::Machine, Trust::WithFile);
    let patience = Patience { exchange: FETCH, ..Patience::default() };
    let options = Options {
        addresses: AddressPolicy::public().trusting(host),
        trust,
        proxy: way.proxy.clone(),
        response_bytes: u64::try_from(BUNDLE_BYTES).unwrap_or(u64::MAX),
        patience,
        ..Options::default()
    };
    Online::new(options).map_err(told)
}

fn unreached(message: String, hint: &str) -> Diagnostic {
    Diagnostic::error(codes::PACKAGE_UNREACHED, message).hint(hint)
}

/// Gives an error of the network as a diagnostic. There is no job whose lines could be named.
fn told(error: NetError) -> Diagnostic {
    match error {
        NetError::Untrusted { message, .. } => Diagnostic::error(codes::TLS_UNTRUSTED, message)
            .hint("if it is the right server, name the PEM file of who signed it with `--ca-file`"),
        NetError::Refused(why) | NetError::Recording(why) | NetError::Invalid(why) => {
            Diagnostic::error(why.code, why.message)
                .hint("`rollcall connector install --help` says what may be fetched, and from where")
        }
        other => unreached(other.to_string(), "fetch it on another way and install the file"),
    }
}
