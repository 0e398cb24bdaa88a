//! The package of a connector that is not bundled.

use std::path::Path;

use rollcall_connectors::Package;
use rollcall_core::{Diagnostic, codes};
use rollcall_job::job::DirectoryJob;

/// The largest connector package that is read, in bytes.
const PACKAGE_BYTES_MAX: u64 = 64 << 20;

/// Reads a partner's connector.
pub(super) fn of_job(directory: &DirectoryJob) -> Result<Package, Vec<Diagnostic>> {
    let name = &*directory.connector;
    let wrong = |message: String, hint: &str| {
        vec![
            Diagnostic::error(codes::CONNECTOR_UNKNOWN, message).path(&["directory", "connector"]).hint(hint),
        ]
    };
    let bundled: Vec<&str> = rollcall_bundled::BUNDLED.iter().map(|bundled| bundled.name).collect();
    if !name.ends_with(".wasm") {
        let hint =
            format!("the bundled ones are {}; a partner's is a path to a .wasm file", bundled.join(", "));
        return Err(wrong(format!("there is no connector `{name}`"), &hint));
    }
    // A path is resolved already, against the folder of the file that it stands in.
    let path = Path::new(name);
    let read = std::fs::metadata(path).and_then(|meta| {
        if meta.len() > PACKAGE_BYTES_MAX {
            return Err(std::io::Error::other("it is too large for a connector"));
        }
        std::fs::read(path)
    });
    match read {
        Ok(bytes) => {
            let package = Package::read(bytes).map_err(|found| {
                found.into_iter().map(|one| one.path(&["directory", "connector"])).collect::<Vec<_>>()
            })?;
            if bundled.contains(&&*package.manifest().name) {
                let message =
                    format!("the package `{name}` takes the bundled name `{}`", package.manifest().name);
                return Err(wrong(message, "bundled names are reserved; ask its author for another one"));
            }
            Ok(package)
        }
        Err(error) => Err(wrong(
            format!("the connector `{}` cannot be read: {error}", path.display()),
            "check the path",
        )),
    }
}
