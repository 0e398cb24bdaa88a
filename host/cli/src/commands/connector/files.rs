//! The files that these commands read and write: packages, their signatures, keys.

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use rollcall_connectors::packing::BUNDLE_BYTES;
use rollcall_connectors::packing::signature::{ENDING, FILE_BYTES, PublicKey, Signature};
use rollcall_core::{Secret, codes};
use rollcall_job::job::{Credential, CredentialSource};

use crate::exit;
use crate::failure::Failure;

/// Reads a file that has at most so many bytes.
fn bounded(path: &Path, most: usize) -> Result<Vec<u8>, Failure> {
    crate::bounded::read(path, most).map_err(|error| {
        let message = format!("`{}` cannot be read: {error}", path.display());
        Failure::new(exit::ERROR, codes::FILE, message).hint("check the path")
    })
}

/// Reads the file of a component or a package.
pub(super) fn package(path: &Path) -> Result<Vec<u8>, Failure> {
    bounded(path, BUNDLE_BYTES)
}

/// Reads a text: a licence, a key.
pub(super) fn text(path: &Path, most: usize) -> Result<String, Failure> {
    String::from_utf8(bounded(path, most)?).map_err(|_| {
        let message = format!("`{}` is no text", path.display());
        Failure::new(exit::ERROR, codes::FILE, message).hint("give a text file in UTF-8")
    })
}

/// Gives where the signature of a package stands.
pub(super) fn signature_path(package: &Path) -> PathBuf {
    PathBuf::from(format!("{}.{ENDING}", package.display()))
}

/// Reads the signature beside a package with its text; none where there is no such file.
pub(super) fn signature(package: &Path) -> Result<Option<(Signature, String)>, Failure> {
    let path = signature_path(package);
    if !path.exists() {
        return Ok(None);
    }
    let text = text(&path, FILE_BYTES)?;
    Ok(Some((parsed(&text, &path.display().to_string())?, text)))
}

/// Reads a signature's text. `from`: where it was found.
pub(super) fn parsed(text: &str, from: &str) -> Result<Signature, Failure> {
    Signature::parse(text).map_err(|why| {
        let message = format!("the signature `{from}` cannot be used: {why}");
        Failure::new(exit::INVALID, codes::PACKAGE_TAMPERED, message)
            .hint("fetch it again from the publisher")
    })
}

/// Reads a public key: a file of one, or the key itself.
pub(super) fn public_key(given: &str) -> Result<PublicKey, Failure> {
    let path = Path::new(given);
    let text = if path.is_file() { text(path, FILE_BYTES)? } else { given.to_owned() };
    PublicKey::parse(&text).map_err(|why| {
        Failure::new(exit::USAGE, codes::KEY_INVALID, format!("`{given}`: {why}"))
            .hint("`rollcall connector keygen` writes one to `NAME.pub`")
    })
}

/// Gets a credential that an option says the place of; what it says else is not repeated, for it may be the credential.
pub(super) fn credential(option: &str, text: &str) -> Result<Secret, Failure> {
    let source = match text.split_once(':') {
        Some(("env", name)) if !name.is_empty() => CredentialSource::Env(name.into()),
        Some(("file", path)) if !path.is_empty() => CredentialSource::File(path.into()),
        _ => {
            let hint =
                "write `env:NAME` or `file:PATH`; what stands on the command line is seen by everybody";
            let message = format!("`{option}` does not say where to look");
            return Err(Failure::new(exit::USAGE, codes::USAGE, message).hint(hint));
        }
    };
    let found = rollcall_job::credential::resolve(&Credential { source, expires: None });
    found.map_err(|why| Failure { exit: exit::DENIED, diagnostics: vec![why] })
}

/// Writes a file; a secret one is its owner's alone, and takes the place of nothing.
pub(super) fn write(path: &Path, content: &[u8], secret: bool) -> Result<(), Failure> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    if secret {
        options.truncate(false).create_new(true).mode(0o600);
    }
    options.open(path).and_then(|mut file| file.write_all(content)).map_err(|error| {
        let message = format!("`{}` cannot be written: {error}", path.display());
        Failure::new(exit::ERROR, codes::FILE, message)
            .hint("check the folder, its permissions and its space")
    })
}
