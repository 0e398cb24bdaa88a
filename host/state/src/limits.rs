//! The bounds of this crate, with their units.

/// How long SQLite waits for another process's transaction, in milliseconds.
pub(crate) const BUSY_MS: u64 = 5_000;
/// How often a held lock is looked at again, in milliseconds.
pub(crate) const LOCK_POLL_MS: u64 = 100;
/// The longest line that a lock file may hold, in bytes.
pub(crate) const LOCK_NOTE_BYTES_MAX: usize = 200;
/// The length of the state's key, in bytes.
pub(crate) const KEY_BYTES: usize = 32;
