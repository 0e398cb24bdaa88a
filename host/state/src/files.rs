//! Folders and files that nobody else can read, from the moment they exist.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use rollcall_edges::state::StateError;

/// Makes a folder and those above it, 0700.
pub(crate) fn folder(path: &Path) -> Result<(), StateError> {
    if path.is_dir() {
        return Ok(());
    }
    DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(|error| unusable(path, &error))
}

/// Opens a file for reading and writing, and makes it 0600 where it is missing. What stands there with wider
/// permissions is narrowed.
pub(crate) fn private(path: &Path) -> Result<File, StateError> {
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)
        .map_err(|error| unusable(path, &error))?;
    let permissions = file.metadata().map_err(|error| unusable(path, &error))?.permissions();
    if permissions.mode() & 0o077 != 0 {
        file.set_permissions(std::fs::Permissions::from_mode(0o600))
            .map_err(|error| unusable(path, &error))?;
    }
    Ok(file)
}

/// Makes a new, empty file, 0600; an error where there is one already.
pub(crate) fn new(path: &Path) -> std::io::Result<File> {
    OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(path)
}

/// Writes what is to become a file beside it, whole, and gives where that is.
fn write_beside(path: &Path, content: &[u8]) -> std::io::Result<PathBuf> {
    static WRITTEN: AtomicU64 = AtomicU64::new(0);
    // No other process uses the name, and no other thread of this one.
    let number = WRITTEN.fetch_add(1, Ordering::Relaxed);
    let beside = path.with_extension(format!("new-{}-{number}", std::process::id()));
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
    file.write_all(content)?;
    file.sync_all()?;
    Ok(beside)
}

/// Writes a new file whole: beside it first, then into its place, unless another process was faster.
pub(crate) fn write_new(path: &Path, content: &[u8]) -> Result<(), StateError> {
    let written = write_beside(path, content).and_then(|beside| {
        let linked = std::fs::hard_link(&beside, path);
        std::fs::remove_file(&beside)?;
        match linked {
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
            other => other,
        }
    });
    written.map_err(|error| unusable(path, &error))
}

/// Writes a file whole, in the place of what stands there: whoever reads it sees the old one or the new one.
pub(crate) fn replace(path: &Path, content: &[u8]) -> Result<(), StateError> {
    let written = write_beside(path, content).and_then(|beside| std::fs::rename(beside, path));
    written.map_err(|error| unusable(path, &error))
}

/// Says that a file of the state cannot be used.
pub(crate) fn unusable(path: &Path, error: &std::io::Error) -> StateError {
    StateError::Unusable {
        message: format!("the state's `{}` cannot be used: {error}", path.display()),
        hint: Some(
            "check the permissions and the free space, or give another folder with `--state DIR`".into(),
        ),
    }
}
