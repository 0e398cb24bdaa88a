//! Files of the granted folder, read only. Paths are relative to it.

use crate::Error;

/// Opens a file.
///
/// # Errors
/// The host's word where the file is missing, cannot be read or lies outside of the folder.
pub fn open(path: &str) -> Result<File, Error> {
    host::open(path).map(File)
}

/// Gives the names in a folder; `""` is the granted folder itself.
///
/// # Errors
/// The host's word where the folder is missing or lies outside.
pub fn names(folder: &str) -> Result<Vec<String>, Error> {
    host::names(folder)
}

/// An open file.
pub struct File(host::File);

impl File {
    /// Reads a part, at most `max` bytes; empty at the end.
    ///
    /// # Errors
    /// The host's word where reading failed.
    pub fn read(&mut self, max: u32) -> Result<Vec<u8>, Error> {
        self.0.read(max)
    }
}

#[cfg(target_arch = "wasm32")]
mod host {
    pub(super) use crate::bindings::rollcall::connector::files::{File, names, open};
}

#[cfg(not(target_arch = "wasm32"))]
mod host {
    use std::collections::VecDeque;

    use crate::{Error, testing};

    pub(super) struct File(VecDeque<u8>);

    impl File {
        #[expect(clippy::unnecessary_wraps, reason = "has the shape of the host's own file")]
        pub(super) fn read(&mut self, max: u32) -> Result<Vec<u8>, Error> {
            let count = self.0.len().min(usize::try_from(max).unwrap_or(usize::MAX));
            Ok(self.0.drain(..count).collect())
        }
    }

    pub(super) fn open(path: &str) -> Result<File, Error> {
        testing::file(path).map(|bytes| File(bytes.into()))
    }

    pub(super) fn names(folder: &str) -> Result<Vec<String>, Error> {
        testing::names(folder)
    }
}
