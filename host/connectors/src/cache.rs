//! Compiled connectors on disk. Machine code that is loaded runs with all our rights, so an entry counts only where it
//! is authenticated with the folder's key, which only this program's user can read; anything else is compiled anew.
//!
//! The folder is the user's alone (0700) and so are the files (0600). Whoever can read the key is the user.

use std::fs;
use std::hash::{Hash, Hasher};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use ring::hmac;
use ring::rand::{SecureRandom, SystemRandom};
use sha2::{Digest, Sha256};
use wasmtime::Engine;
use wasmtime::component::Component;

use crate::package::Package;

/// The file of the folder's key.
const KEY: &str = "key";
/// How long the key is, in bytes.
const KEY_BYTES: usize = 32;

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

    /// Gives a connector's machine code where it stands in the folder, unharmed.
    pub(crate) fn stored(&self, engine: &Engine, package: &Package) -> Option<Component> {
        let folder = self.folder.as_ref()?;
        load(engine, folder, &name(engine, package)).unwrap_or_else(|error| {
            tracing::warn!("a compiled connector is not used and made anew: {error}");
            None
        })
    }

    /// Compiles a connector in this process, and keeps the code.
    pub(crate) fn compiled(&self, engine: &Engine, package: &Package) -> wasmtime::Result<Component> {
        let component = Component::from_binary(engine, package.bytes())?;
        if self.folder.is_some() {
            self.keep(engine, package, &component.serialize()?);
        }
        Ok(component)
    }

    /// Takes the code that a process of ours has made, and keeps it.
    pub(crate) fn taken(
        &self,
        engine: &Engine,
        package: &Package,
        code: &[u8],
    ) -> wasmtime::Result<Component> {
        #[expect(
            unsafe_code,
            reason = "wasmtime cannot check machine code; these bytes come from the pipe of a child process that runs \
                      this program, and nobody else writes into it"
        )]
        // SAFETY: they were made by `Component::serialize` of the same program with the same settings.
        let component = unsafe { Component::deserialize(engine, code) }?;
        self.keep(engine, package, code);
        Ok(component)
    }

    /// Keeping code may fail, and that is only slow.
    fn keep(&self, engine: &Engine, package: &Package, code: &[u8]) {
        let Some(folder) = &self.folder else { return };
        if let Err(error) = keep(folder, &name(engine, package), code) {
            tracing::warn!("a compiled connector cannot be kept in `{}`: {error}", folder.display());
        }
    }
}

/// Names an entry by everything that decides on the machine code.
fn name(engine: &Engine, package: &Package) -> String {
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

fn paths(folder: &Path, name: &str) -> (PathBuf, PathBuf) {
    (folder.join(format!("{name}.cwasm")), folder.join(format!("{name}.mac")))
}

fn load(engine: &Engine, folder: &Path, name: &str) -> io::Result<Option<Component>> {
    let (code, mac) = paths(folder, name);
    let (bytes, mac) = match (fs::read(code), fs::read(mac)) {
        (Ok(bytes), Ok(mac)) => (bytes, mac),
        (Err(error), _) | (_, Err(error)) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        (Err(error), _) | (_, Err(error)) => return Err(error),
    };
    if !is_ours(folder)? {
        return Err(io::Error::other("others may write into its folder"));
    }
    if hmac::verify(&key(folder)?, &digest_of(name, &bytes), &mac).is_err() {
        return Err(io::Error::other("it is not what was written there"));
    }
    #[expect(
        unsafe_code,
        reason = "wasmtime cannot check machine code; these bytes are the ones that `keep` wrote: the folder is the \
                  user's alone, and they were authenticated with its key just now, together with the entry's name"
    )]
    // SAFETY: the bytes come from `Component::serialize` of the same version and settings, as said above.
    let component = unsafe { Component::deserialize(engine, &bytes) };
    component.map(Some).map_err(|error| io::Error::other(error.to_string()))
}

fn keep(folder: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    make_folder(folder)?;
    let key = match key(folder) {
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::InvalidData) => {
            make_key(folder)?
        }
        key => key?,
    };
    let (code, mac) = paths(folder, name);
    // The authentication goes last: without it, code that was written in part is never looked at.
    write(&code, bytes)?;
    write(&mac, hmac::sign(&key, &digest_of(name, bytes)).as_ref())
}

/// Reads the key of a folder.
fn key(folder: &Path) -> io::Result<hmac::Key> {
    let bytes = fs::read(folder.join(KEY))?;
    if bytes.len() != KEY_BYTES {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "the key of its folder is none"));
    }
    Ok(hmac::Key::new(hmac::HMAC_SHA256, &bytes))
}

/// Gives a folder a key, where it has none that can be used. What was authenticated with another one counts no more.
fn make_key(folder: &Path) -> io::Result<hmac::Key> {
    let mut bytes = [0; KEY_BYTES];
    SystemRandom::new().fill(&mut bytes).map_err(|_| io::Error::other("there is no randomness"))?;
    let (path, mine) = (folder.join(KEY), folder.join(format!("{KEY}-{}", std::process::id())));
    // Another process may have made a good one meanwhile.
    if key(folder).is_err_and(|error| error.kind() == io::ErrorKind::InvalidData) {
        fs::remove_file(&path)?;
    }
    write(&mine, &bytes)?;
    // A link takes nobody's place: where another process was first, its key is used.
    let linked = fs::hard_link(&mine, &path);
    match linked {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        // A file system without links.
        Err(_) if !path.exists() => fs::rename(&mine, &path)?,
        _ => {}
    }
    let _ = fs::remove_file(&mine);
    key(folder)
}

fn digest_of(name: &str, bytes: &[u8]) -> [u8; 32] {
    let mut hasher = Sha256::new();
    hasher.update(name);
    hasher.update(bytes);
    hasher.finalize().into()
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
