//! `connector pack`, `keygen`, `sign` and `verify`: the publisher's half, and how anybody looks at what came of it.

use std::path::{Path, PathBuf};

use rollcall_connectors::Package;
use rollcall_connectors::installed::{Publisher, Register};
use rollcall_connectors::limits::LICENCE_BYTES;
use rollcall_connectors::packing::Bundle;
use rollcall_connectors::packing::signature::{FILE_BYTES, SecretKey};
use rollcall_core::codes;
use serde_json::json;

use crate::args::Global;
use crate::commands::connector::files;
use crate::commands::connector::read::size;
use crate::commands::connector::stale;
use crate::exit;
use crate::failure::Failure;
use crate::output::Output;
use crate::view::json as shapes;
use crate::view::text::shown;
use crate::wiring::{Connectors, reserved, state_folder};

/// Where a licence is looked for.
const LICENCES: [&str; 4] = ["LICENSE", "LICENSE.txt", "LICENSE.md", "LICENCE"];

/// Packs a component.
pub(super) fn pack(
    output: &Output,
    component: &Path,
    out: &Path,
    licence: Option<&Path>,
) -> Result<u8, Failure> {
    let package = Package::read(files::package(component)?).map_err(Failure::invalid)?;
    reserved(&package).map_err(|why| Failure::invalid(vec![why]))?;
    output.diagnostics(stale::warning(component).as_slice());
    let found = || LICENCES.iter().map(PathBuf::from).find(|path| path.is_file());
    let licence = licence.map(Path::to_owned).or_else(found);
    let licence = licence.map(|path| files::text(&path, LICENCE_BYTES)).transpose()?;
    let bundle = Bundle::pack(package, licence.as_deref()).map_err(Failure::invalid)?;
    let path = if out.is_dir() { out.join(bundle.file_name()) } else { out.to_owned() };
    files::write(&path, bundle.bytes(), false)?;
    if licence.is_none() {
        output.say("note: the package has no licence; `--license FILE` adds one");
    }
    if output.json {
        output.payload(&shapes::write(&json!({
            "schema_version": shapes::SCHEMA_VERSION, "package": path.display().to_string(), "name": bundle.name(),
            "version": bundle.version().to_string(), "sha256": bundle.digest(), "size_bytes": bundle.bytes().len(),
        })));
    }
    let bytes = u64::try_from(bundle.bytes().len()).unwrap_or(u64::MAX);
    let (path, digest) = (path.display().to_string(), bundle.digest());
    output.human(&format!("{}\n{}, sha256:{digest}\n", shown(&path), size(bytes)));
    output.human(&format!("\nNext: rollcall connector sign {} --key NAME.key\n", shown(&path)));
    Ok(exit::DONE)
}

/// Draws a key.
pub(super) fn keygen(output: &Output, name: &Path) -> Result<u8, Failure> {
    let failed =
        |why: String| Failure::new(exit::ERROR, codes::KEY_INVALID, format!("no key can be drawn: {why}"));
    let (secret, file) = SecretKey::draw().map_err(failed)?;
    let public = secret.public();
    let path = |ending: &str| PathBuf::from(format!("{}.{ending}", name.display()));
    if let Some(there) = [path("key"), path("pub")].into_iter().find(|path| path.exists()) {
        let message = format!("there is a `{}` already", there.display());
        let hint = "a key is never written over another one; give another name";
        return Err(Failure::new(exit::ERROR, codes::FILE, message).hint(hint));
    }
    files::write(&path("key"), file.as_bytes(), true)?;
    files::write(&path("pub"), public.file().as_bytes(), false)?;
    if output.json {
        output.payload(&shapes::write(&json!({
            "schema_version": shapes::SCHEMA_VERSION, "key": public.to_string(), "id": public.id(),
        })));
    }
    let (key, public_file) = (path("key").display().to_string(), path("pub").display().to_string());
    output.human(&format!(
        "The key {} was drawn.\n\n  {}  signs; keep it secret, and a copy of it safe\n  {}  is for whoever installs \
         your connectors:\n\n{public}\n",
        public.id(),
        shown(&key),
        shown(&public_file),
    ));
    Ok(exit::DONE)
}

/// Signs a package.
pub(super) fn sign(output: &Output, path: &Path, key: &Path) -> Result<u8, Failure> {
    // What nobody could install is not signed either.
    let bundle = Bundle::read(files::package(path)?).map_err(Failure::invalid)?;
    reserved(bundle.package()).map_err(|why| Failure::invalid(vec![why]))?;
    let secret = SecretKey::parse(&files::text(key, FILE_BYTES)?).map_err(|why| {
        let message = format!("`{}`: {why}", key.display());
        Failure::new(exit::USAGE, codes::KEY_INVALID, message).hint("`rollcall connector keygen` draws one")
    })?;
    let comment = format!("file:{}\tsha256:{}", bundle.file_name(), bundle.digest());
    let beside = files::signature_path(path);
    files::write(&beside, secret.sign(bundle.bytes(), &comment).as_bytes(), false)?;
    if output.json {
        output.payload(&shapes::write(&json!({
            "schema_version": shapes::SCHEMA_VERSION, "signature": beside.display().to_string(),
            "key": secret.public().to_string(), "sha256": bundle.digest(),
        })));
    }
    let beside = beside.display().to_string();
    output.human(&format!(
        "{}\nsigned with the key {}; hand both files on\n",
        shown(&beside),
        secret.public().id()
    ));
    Ok(exit::DONE)
}

/// Says who signed a package. `key`: the one that is trusted for this; else those of the state are.
pub(super) fn verify(
    global: &Global,
    output: &Output,
    path: &Path,
    key: Option<&str>,
) -> Result<u8, Failure> {
    let register = match key {
        Some(given) => {
            let key = files::public_key(given)?.to_string();
            let publisher = Publisher { name: "the given key".to_owned(), key, connectors: Vec::new() };
            Register { publishers: vec![publisher], ..Register::default() }
        }
        None => Connectors::of(&state_folder(global)?)?.register,
    };
    let (bytes, signature) = (files::package(path)?, files::signature(path)?);
    let signature = signature.as_ref().map(|(signature, _)| signature);
    let bundle =
        Bundle::read_if(bytes, |bytes| register.untampered(bytes, signature)).map_err(Failure::invalid)?;
    reserved(bundle.package()).map_err(|why| Failure::invalid(vec![why]))?;
    let standing = register.judge(&bundle, signature, false).map_err(|why| Failure::invalid(vec![why]))?;
    let (id, publisher) = (standing.key.map(|key| key.id()), standing.publisher.unwrap_or_default());
    if output.json {
        output.payload(&shapes::write(&json!({
            "schema_version": shapes::SCHEMA_VERSION, "name": bundle.name(), "version": bundle.version().to_string(),
            "sha256": bundle.digest(), "key_id": id, "publisher": publisher,
        })));
    }
    let id = id.unwrap_or_default();
    output.human(&format!(
        "{} {}\nsigned by {} with the key {id}\nsha256:{}\n",
        bundle.name(),
        bundle.version(),
        shown(&publisher),
        bundle.digest()
    ));
    Ok(exit::DONE)
}
