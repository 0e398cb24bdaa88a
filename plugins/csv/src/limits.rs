//! Bounds on a file, so that one that is no CSV ends in a sentence and not for want of memory.

/// A cell's size, in bytes.
pub(crate) const CELL_BYTES: usize = 64 << 10;

/// A line's size, in bytes, line breaks within quotes included.
pub(crate) const ROW_BYTES: usize = 1 << 20;

/// How many columns a file has.
pub(crate) const COLUMNS: usize = 1000;

/// How much is read at a time, in bytes.
pub(crate) const CHUNK_BYTES: u32 = 64 << 10;
