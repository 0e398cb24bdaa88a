//! Where installed connectors stand: `connectors/`, with a register and the packages by their digests. What the register
//! says, and whether a package is to be believed, others judge; here are bytes.

use std::collections::BTreeSet;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use rollcall_edges::state::StateError;

use crate::files;

/// The connectors of a state.
#[derive(Clone, Debug)]
pub struct Shelf {
    folder: PathBuf,
}

/// The right to change them, which one process has at a time.
#[derive(Debug)]
pub struct Held<'a> {
    shelf: &'a Shelf,
    // Closing the file gives the lock back.
    _lock: File,
}

impl Shelf {
    /// Names the connectors of the state in a folder. Nothing is made yet.
    pub fn of(state: &Path) -> Self {
        Self { folder: state.join("connectors") }
    }

    /// Gives the file that says what is installed and who is trusted.
    pub fn register_file(&self) -> PathBuf {
        self.folder.join("register.json")
    }

    /// Reads the register; none where nothing was ever installed nor trusted.
    ///
    /// # Errors
    /// Where the file cannot be read.
    pub fn register(&self) -> Result<Option<String>, StateError> {
        let path = self.register_file();
        match std::fs::read_to_string(&path) {
            Ok(text) => Ok(Some(text)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(files::unusable(&path, &error)),
        }
    }

    /// Reads a file beside the register; none where there is no such file.
    ///
    /// # Errors
    /// Where the file cannot be read.
    pub fn file(&self, name: &str) -> Result<Option<Vec<u8>>, StateError> {
        let path = self.folder.join(name);
        match std::fs::read(&path) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(files::unusable(&path, &error)),
        }
    }

    /// Waits until nobody else changes anything.
    ///
    /// # Errors
    /// Where the folder cannot be made or written.
    pub fn hold(&self) -> Result<Held<'_>, StateError> {
        files::folder(&self.folder)?;
        let path = self.folder.join("lock");
        let lock = files::private(&path)?;
        lock.lock().map_err(|error| files::unusable(&path, &error))?;
        Ok(Held { shelf: self, _lock: lock })
    }
}

impl Held<'_> {
    /// Writes a file beside the register, whole.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn put(&self, name: &str, content: &[u8]) -> Result<(), StateError> {
        files::replace(&self.shelf.folder.join(name), content)
    }

    /// Writes the register, whole, and removes every other file that is not named: what was installed before, or what an
    /// interrupted change left.
    ///
    /// # Errors
    /// Where the register cannot be written. A file that cannot be removed is in nobody's way.
    pub fn put_register(&self, text: &str, keep: &BTreeSet<String>) -> Result<(), StateError> {
        let folder = &self.shelf.folder;
        files::replace(&self.shelf.register_file(), text.as_bytes())?;
        let entries = std::fs::read_dir(folder).map_err(|error| files::unusable(folder, &error))?;
        for entry in entries.flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            if !keep.contains(&name) && name != "lock" && name != "register.json" {
                let _ = std::fs::remove_file(entry.path());
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn what_is_named_stays_and_nobody_else_reads_it() {
        let state = tempfile::tempdir().unwrap();
        let shelf = Shelf::of(state.path());
        assert_eq!((shelf.register().unwrap(), shelf.file("a").unwrap()), (None, None));
        let held = shelf.hold().unwrap();
        held.put("a", b"one").unwrap();
        held.put("b", b"two").unwrap();
        held.put_register("{}", &["b".to_owned()].into()).unwrap();
        assert_eq!((shelf.file("a").unwrap(), shelf.file("b").unwrap()), (None, Some(b"two".to_vec())));
        assert_eq!(shelf.register().unwrap().as_deref(), Some("{}"));
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        let folder = state.path().join("connectors");
        assert_eq!(mode(&folder), 0o700);
        for name in ["b", "lock", "register.json"] {
            assert_eq!(mode(&folder.join(name)), 0o600, "{name}");
        }
        // A second one waits: it does not get it while the first one has it.
        let file = File::open(folder.join("lock")).unwrap();
        assert!(file.try_lock().is_err());
        drop(held);
        assert!(file.try_lock().is_ok());
    }
}
