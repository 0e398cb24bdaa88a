//! Compiled connectors on disk. Machine code that is loaded runs with all our rights, so an entry counts only where
//! the digest that was recorded when we made it still fits; anything else is compiled anew.
//!
//! The folder is the user's alone (0700) and so are the files (0600). Whoever can write here already is the user.

use std::fs;
use std::hash::{Hash, Hasher};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use sha2::{Digest, Sha256};
use wasmtime::Engine;
use wasmtime::component::Component;

use crate::package::Package;

/// A folder of compiled connectors.
#[derive(Clone, Debug)]
pub(crate) struct Cache {
    folder: Option<PathBuf>,
}

impl Cache {
    /// Uses a folder, which is made when it is first needed; none: everything is compiled each time.
    pub(crate) fn new(folder: Option<PathBuf>) -> Self {
        Self { folder }
    }

    /// Gives a connector's machine code: from the folder where it stands there unharmed, else compiled and kept.
    ///
    /// Keeping it may fail, and that is only slow.
    pub(crate) fn component(&self, engine: &Engine, package: &Package) -> wasmtime::Result<Component> {
        let Some(folder) = &self.folder else {
            return Component::from_binary(engine, package.bytes());
        };
        let key = key(engine, package);
        match load(engine, folder, &key) {
            Ok(Some(component)) => return Ok(component),
            Ok(None) => {}
            Err(error) => tracing::warn!("a compiled connector is not used and made anew: {error}"),
        }
        let component = Component::from_binary(engine, package.bytes())?;
        if let Err(error) = keep(folder, &key, &component) {
            tracing::warn!("a compiled connector cannot be kept in `{}`: {error}", folder.display());
        }
        Ok(component)
    }
}

/// Names an entry by everything that decides on the machine code.
fn key(engine: &Engine, package: &Package) -> String {
    struct Into256(Sha256);
    impl Hasher for Into256 {
        fn write(&mut self, bytes: &[u8]) {
            self.0.update(bytes);
        }
        fn finish(&self) -> u64 {
            0
        }
    }
    let mut hasher = Into256(Sha256::new());
    engine.precompile_compatibility_hash().hash(&mut hasher);
    hasher.0.update(env!("CARGO_PKG_VERSION"));
    hasher.0.update(package.digest());
    hex(&hasher.0.finalize())
}

fn paths(folder: &Path, key: &str) -> (PathBuf, PathBuf) {
    (folder.join(format!("{key}.cwasm")), folder.join(format!("{key}.sha256")))
}

fn load(engine: &Engine, folder: &Path, key: &str) -> io::Result<Option<Component>> {
    let (code, recorded) = paths(folder, key);
    let (bytes, digest) = match (fs::read(code), fs::read_to_string(recorded)) {
        (Ok(bytes), Ok(digest)) => (bytes, digest),
        (Err(error), _) | (_, Err(error)) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        (Err(error), _) | (_, Err(error)) => return Err(error),
    };
    if !is_ours(folder)? {
        return Err(io::Error::other("others may write into its folder"));
    }
    if digest.trim() != digest_of(key, &bytes) {
        return Err(io::Error::other("its digest is not the one that was recorded"));
    }
    #[expect(
        unsafe_code,
        reason = "wasmtime cannot check machine code; these bytes are the ones that `keep` wrote: the folder is the \
                  user's alone and the recorded digest, which covers the entry's key, was compared just now"
    )]
    // SAFETY: the bytes come from `Component::serialize` of the same version and settings, as said above.
    let component = unsafe { Component::deserialize(engine, &bytes) };
    component.map(Some).map_err(|error| io::Error::other(error.to_string()))
}

fn keep(folder: &Path, key: &str, component: &Component) -> io::Result<()> {
    let bytes = component.serialize().map_err(|error| io::Error::other(error.to_string()))?;
    make_folder(folder)?;
    let (code, recorded) = paths(folder, key);
    // The digest goes last: without it, code that was written in part is never looked at.
    write(&code, &bytes)?;
    write(&recorded, digest_of(key, &bytes).as_bytes())
}

fn digest_of(key: &str, bytes: &[u8]) -> String {
    let mut hasher = Sha256::new();
    hasher.update(key);
    hasher.update(bytes);
    hex(&hasher.finalize())
}

fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    // Two threads may keep the same connector at once.
    static WRITTEN: AtomicU64 = AtomicU64::new(0);
    let number = WRITTEN.fetch_add(1, Ordering::Relaxed);
    let temporary = path.with_extension(format!("{}-{number}.tmp", std::process::id()));
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let written = options.open(&temporary).and_then(|mut file| file.write_all(bytes));
    let moved = written.and_then(|()| fs::rename(&temporary, path));
    if moved.is_err() {
        // What is left of a failed attempt is of no use; that it stays is no second failure.
        let _ = fs::remove_file(&temporary);
    }
    moved
}

fn make_folder(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)?;
    if is_ours(folder)? { Ok(()) } else { Err(io::Error::other("others may write into it")) }
}

/// Says whether a folder belongs to this process's user and nobody else may write into it.
#[cfg(unix)]
fn is_ours(folder: &Path) -> io::Result<bool> {
    use std::os::unix::fs::MetadataExt;
    let folder = fs::metadata(folder)?;
    // Where there is no such folder (not Linux), the mode alone has to do.
    let owner = fs::metadata("/proc/self").map_or(folder.uid(), |process| process.uid());
    Ok(folder.uid() == owner && folder.mode() & 0o022 == 0)
}

#[cfg(not(unix))]
fn is_ours(_: &Path) -> io::Result<bool> {
    Ok(true)
}

/// Gives bytes as lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
