//! The bounds of this crate, with their units.

/// How long SQLite waits for another process's transaction, in milliseconds.
pub(crate) const BUSY_MS: u64 = 5_000;
/// How often a held lock is looked at again, in milliseconds.
pub(crate) const LOCK_POLL_MS: u64 = 100;
/// The longest line that a lock file may hold, in bytes.
pub(crate) const LOCK_NOTE_BYTES_MAX: usize = 200;
/// The length of the state's key, in bytes.
pub(crate) const KEY_BYTES: usize = 32;
/// The longest line of a plan file, in bytes.
pub(crate) const PLAN_LINE_BYTES_MAX: u64 = 16 << 20;
/// How many moves a line of a plan file holds.
pub(crate) const PLAN_LINE_MOVES: usize = 1_000;
/// How long the state knows a plan file and keeps its codes, in days.
pub(crate) const PLAN_KEPT_DAYS: i64 = 30;
/// How long the handover's command may take for one user, in milliseconds.
pub(crate) const HANDOVER_MS_MAX: u64 = 60_000;
/// How often the running command is looked at, in milliseconds.
pub(crate) const HANDOVER_POLL_MS: u64 = 5;
/// Below so much free space `doctor` warns, in bytes.
pub(crate) const SPACE_LOW_BYTES: u64 = 200_000_000;
/// Below so much free space `doctor` speaks of an error, in bytes.
pub(crate) const SPACE_NONE_BYTES: u64 = 10_000_000;
/// How long a run stays in the history, in milliseconds.
pub(crate) const RETENTION_MS: u64 = 180 * 24 * 60 * 60 * 1000;
