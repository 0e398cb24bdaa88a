//! Where files that a connector reads are recorded, or come from.

use std::fmt::Debug;
use std::sync::Arc;

/// A recording of files.
pub(crate) trait FileTape: Debug + Send + Sync {
    /// Says whether files come from the recording rather than the disk.
    fn replays(&self) -> bool;
    /// Gives a recorded file, or says that there is none.
    fn replay(&self, path: &str) -> Result<Vec<u8>, String>;
    /// Keeps a file that was read.
    fn keep(&self, path: &str, bytes: &[u8]) -> Result<(), String>;
}

/// No recording, one that is made, or one that is replayed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tape(pub(crate) Option<Arc<dyn FileTape>>);

impl Tape {
    pub(crate) fn records(&self) -> bool {
        self.0.as_ref().is_some_and(|tape| !tape.replays())
    }

    /// Gives a file where a recording is replayed.
    pub(crate) fn file(&self, path: &str) -> Option<Result<Vec<u8>, String>> {
        self.0.as_ref().filter(|tape| tape.replays()).map(|tape| tape.replay(path))
    }

    /// Keeps a file where a recording is made.
    pub(crate) fn keep_file(&self, path: &str, bytes: &[u8]) -> Result<(), String> {
        self.0.as_ref().filter(|tape| !tape.replays()).map_or(Ok(()), |tape| tape.keep(path, bytes))
    }
}
