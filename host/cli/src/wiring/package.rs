//! The package of a connector that is not bundled: installed under a name, or a component at a path.

use std::path::Path;

use rollcall_connectors::Package;
use rollcall_connectors::limits::PACKAGE_BYTES;
use rollcall_connectors::pins::Pin;
use rollcall_core::{Diagnostic, Place, codes};
use rollcall_job::job::DirectoryJob;

use super::installed::{Connectors, reserved};
use crate::bounded;

/// Reads a partner's connector, with what pins it. `state`: the folder of the state, where the installed ones are.
pub(super) fn of_job(state: &Path, directory: &DirectoryJob) -> Result<(Package, Pin), Vec<Diagnostic>> {
    let name = &*directory.connector;
    // A path is resolved already, against the folder of the file that it stands in.
    let found =
        if name.ends_with(".wasm") { at_path(state, Path::new(name)) } else { installed(state, name) };
    // A mistake of a manifest stays where it stands.
    let placed = |one: Diagnostic| match one.place {
        Place::Span { .. } => one,
        _ => one.path(&["directory", "connector"]),
    };
    found.map_err(|found| found.into_iter().map(placed).collect())
}

fn unknown(message: String, hint: &str) -> Vec<Diagnostic> {
    vec![Diagnostic::error(codes::CONNECTOR_UNKNOWN, message).hint(hint)]
}

fn installed(state: &Path, name: &str) -> Result<(Package, Pin), Vec<Diagnostic>> {
    let connectors = Connectors::of(state).map_err(|failure| failure.diagnostics)?;
    let Some(installed) = connectors.register.connectors.get(name) else {
        let bundled: Vec<&str> = rollcall_bundled::BUNDLED.iter().map(|bundled| bundled.name).collect();
        let bundled = bundled.join(", ");
        let names: Vec<&str> = connectors.register.connectors.keys().map(String::as_str).collect();
        let hint = if name.ends_with(".rollcall") {
            "a package is installed first: `rollcall connector install PACKAGE`; then its name stands here"
                .to_owned()
        } else if names.is_empty() {
            format!("the bundled ones are {bundled}; a partner's is installed, or a path to a .wasm file")
        } else {
            format!("the bundled ones are {bundled}; installed are {}", names.join(", "))
        };
        return Err(unknown(format!("there is no connector `{name}`"), &hint));
    };
    let (bundle, _) = connectors.open(name, installed)?;
    let pin = installed.pin(bundle.package());
    Ok((bundle.into_package(), pin))
}

fn at_path(state: &Path, path: &Path) -> Result<(Package, Pin), Vec<Diagnostic>> {
    let bytes = bounded::read(path, PACKAGE_BYTES).map_err(|error| {
        unknown(format!("the connector `{}` cannot be read: {error}", path.display()), "check the path")
    })?;
    let package = Package::read(bytes)?;
    reserved(&package).map_err(|why| vec![why])?;
    let connectors = Connectors::of(state).map_err(|failure| failure.diagnostics)?;
    connectors.register.not_revoked(&package).map_err(|why| vec![why])?;
    let (name, version) = (package.manifest().name.clone(), package.manifest().version.clone());
    let pin = Pin { name, version, sha256: package.digest_text(), key: None, origin: None, component: None };
    Ok((package, pin))
}
