//! Bounds on a file, so that one that is no directory ends in a sentence and not for want of memory.

/// The size of one value, in bytes of UTF-8.
pub(crate) const CELL_BYTES: usize = 64 << 10;

/// The size of one user, in bytes of UTF-8: a row, or an object with everything in it.
pub(crate) const RECORD_BYTES: usize = 1 << 20;

/// How many columns, or keys, a file has.
pub(crate) const COLUMNS: usize = 1000;

/// How many values one attribute of one user has.
pub(crate) const VALUES: usize = 10_000;

/// The length of a column's name, in bytes of UTF-8; the host takes no longer one.
pub(crate) const NAME_BYTES: usize = 256;

/// How deeply objects and lists are nested within one another.
pub(crate) const DEPTH: usize = 32;

/// How much is read at a time, in bytes; in tests so little that everything is cut somewhere.
pub(crate) const CHUNK_BYTES: u32 = if cfg!(test) { 5 } else { 64 << 10 };

/// How many mistakes of a file are told one by one.
pub(crate) const TOLD: usize = 10;
