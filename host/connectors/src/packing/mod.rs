//! A package as it is handed on: the component, its manifest, the contract that it was made for and its licence in one
//! file, `NAME-VERSION.rollcall`, of which the same contents are always the same bytes.

mod blake2b;
pub mod signature;
mod tar;
pub mod version;

use rollcall_core::{Code, Diagnostic, codes};
use sha2::{Digest as _, Sha256};

use crate::cache::hex;
use crate::limits::{LICENCE_BYTES, MANIFEST_BYTES, PACKAGE_BYTES, WIT_BYTES};
use crate::manifest::Stage;
use crate::package::Package;

/// What a package's file ends with.
pub const ENDING: &str = "rollcall";
/// The contract that connectors of today are made for, as its own file says it.
const WIT: &str = include_str!("../../../../plugins/wit/v0.1/connector.wit");

const MANIFEST: &str = "connector.toml";
const COMPONENT: &str = "connector.wasm";
const CONTRACT: &str = "wit/connector.wit";
const LICENCE: &str = "LICENSE";
/// The files of a package in their order; only the licence may be missing.
const FILES: [&str; 4] = [MANIFEST, COMPONENT, CONTRACT, LICENCE];

/// The largest package, in bytes: its files, each with a header and padding, and the end.
pub const BUNDLE_BYTES: usize = PACKAGE_BYTES + MANIFEST_BYTES + WIT_BYTES + LICENCE_BYTES + 16 * 512;

/// A package, looked at without running anything of it.
#[derive(Clone, Debug)]
pub struct Bundle {
    package: Package,
    bytes: Vec<u8>,
    licence: Option<String>,
}

impl Bundle {
    /// Packs a component.
    ///
    /// # Errors
    /// Refuses a licence that is too long, and what its maker has to mend in the manifest first.
    pub fn pack(package: Package, licence: Option<&str>) -> Result<Self, Vec<Diagnostic>> {
        package.check_for(Stage::Make)?;
        if licence.is_some_and(|licence| licence.len() > LICENCE_BYTES) {
            let message = format!("the licence is longer than {LICENCE_BYTES} bytes");
            return Err(wrong(codes::PACKAGE_DAMAGED, message, "give one file with the licence's text"));
        }
        let mut files =
            vec![(MANIFEST, package.sealed()), (COMPONENT, package.bytes()), (CONTRACT, WIT.as_bytes())];
        files.extend(licence.map(|licence| (LICENCE, licence.as_bytes())));
        let bytes = tar::write(&files);
        Ok(Self { bytes, licence: licence.map(str::to_owned), package })
    }

    /// Looks into a package.
    ///
    /// # Errors
    /// Refuses what is no package, is cut off, is not as [`Bundle::pack`] writes it, or holds no usable connector.
    pub fn read(bytes: Vec<u8>) -> Result<Self, Vec<Diagnostic>> {
        Self::read_if(bytes, |_| Ok(()))
    }

    /// Looks into a package, of which nothing but the outline is looked at where `holds` refuses its bytes.
    ///
    /// # Errors
    /// As [`Bundle::read`], and what `holds` says.
    pub fn read_if(
        bytes: Vec<u8>,
        holds: impl FnOnce(&[u8]) -> Result<(), Diagnostic>,
    ) -> Result<Self, Vec<Diagnostic>> {
        let damaged = |why: &str| {
            let message = format!("the package is damaged: {why}");
            wrong(
                codes::PACKAGE_DAMAGED,
                message,
                "fetch it again, and compare its digest with its publisher's",
            )
        };
        if !tar::is_archive(&bytes) {
            return Err(foreign(&bytes));
        }
        let files = tar::read(&bytes, |name| match name {
            MANIFEST => Some(MANIFEST_BYTES),
            COMPONENT => Some(PACKAGE_BYTES),
            CONTRACT => Some(WIT_BYTES),
            LICENCE => Some(LICENCE_BYTES),
            _ => None,
        });
        let files = files.map_err(|why| damaged(&why))?;
        holds(&bytes).map_err(|why| vec![why])?;
        let content = |name: &str| files.iter().find(|(known, _)| known == name).map(|(_, content)| *content);
        if let Some(missing) = FILES[..3].iter().find(|name| content(name).is_none()) {
            return Err(damaged(&format!("it has no `{missing}`")));
        }
        let text = |name: &str| {
            let text = content(name).map(std::str::from_utf8).transpose();
            text.map_err(|_| damaged(&format!("its `{name}` is no text")))
        };
        let licence = text(LICENCE)?.map(str::to_owned);
        let contract = text(CONTRACT)?.unwrap_or_default().as_bytes().to_vec();
        let package = Package::read(content(COMPONENT).unwrap_or_default().to_vec())?;
        package.check_for(Stage::Install)?;
        if content(MANIFEST) != Some(package.sealed()) {
            return Err(damaged("its manifest is not the one that is sealed into the component"));
        }
        // Whatever else differs (an owner, a time, another order) hides something or comes of another tool.
        let mut again =
            vec![(MANIFEST, package.sealed()), (COMPONENT, package.bytes()), (CONTRACT, &contract)];
        again.extend(licence.as_ref().map(|licence| (LICENCE, licence.as_bytes())));
        if tar::write(&again) != bytes {
            return Err(damaged("it is not as `rollcall connector pack` writes it"));
        }
        Ok(Self { package, bytes, licence })
    }

    /// Gives the component within.
    pub fn package(&self) -> &Package {
        &self.package
    }

    /// Takes the component out.
    pub fn into_package(self) -> Package {
        self.package
    }

    /// Gives the connector's name.
    pub fn name(&self) -> &str {
        &self.package.manifest().name
    }

    /// Gives its version.
    pub fn version(&self) -> &str {
        &self.package.manifest().version
    }

    /// Gives the whole file.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Gives the SHA-256 of the whole file, in lower-case hexadecimal.
    pub fn digest(&self) -> String {
        digest(&self.bytes)
    }

    /// Gives the licence's text.
    pub fn licence(&self) -> Option<&str> {
        self.licence.as_deref()
    }

    /// Gives the name of its file.
    pub fn file_name(&self) -> String {
        format!("{}-{}.{ENDING}", self.name(), self.version())
    }
}

/// Gives the SHA-256 of bytes, in lower-case hexadecimal.
pub fn digest(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// Says whether bytes begin as a package does; a component begins otherwise.
pub fn is_bundle(bytes: &[u8]) -> bool {
    tar::is_archive(bytes)
}

fn wrong(code: Code, message: String, hint: &str) -> Vec<Diagnostic> {
    vec![Diagnostic::error(code, message).hint(hint)]
}

fn foreign(bytes: &[u8]) -> Vec<Diagnostic> {
    // Too short to tell, or nothing of ours.
    let (what, hint) = match bytes {
        [b'\0', b'a', b's', b'm', ..] => {
            ("a component and no package", "`rollcall connector pack FILE.wasm` makes a package of it")
        }
        [0x1f, 0x8b, ..] | [b'P', b'K', ..] => ("a compressed archive and no package", "unpack it"),
        _ => ("no package", "a connector is handed on as `NAME-VERSION.rollcall`"),
    };
    wrong(codes::PACKAGE_FOREIGN, format!("the file is {what}"), hint)
}
