//! Reading a file that somebody names: never more of it than may be there.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

/// Reads a file of at most so many bytes.
///
/// # Errors
/// Where it cannot be read, is no file (a folder, a device), or is larger.
pub(crate) fn read(path: &Path, most: usize) -> io::Result<Vec<u8>> {
    let file = File::open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("it is no file"));
    }
    let mut bytes = Vec::new();
    // A file may grow while it is read.
    file.take(u64::try_from(most).unwrap_or(u64::MAX).saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() > most {
        return Err(io::Error::other(format!("it is larger than {most} bytes")));
    }
    Ok(bytes)
}
