//! The connector's bounds on what a directory may make it do.

/// The most entries that a page may be asked for.
pub(crate) const PAGE_SIZE_MOST: u32 = 5_000;

/// The most groups that are read.
pub(crate) const GROUPS: usize = 200_000;

/// How many pages a connection test counts before it says that there are more.
pub(crate) const COUNTED_PAGES: u32 = 40;

/// Above so many columns the server is asked for everything instead of a list of names.
pub(crate) const NAMED_COLUMNS: usize = 200;

/// How many pages in a row may have nobody in scope before the host hears of it.
pub(crate) const QUIET_PAGES: u32 = 1_000;

/// The most entries that may have changed; where there are more, everything is read.
pub(crate) const CHANGED: usize = 200_000;

/// How far a reading of changes goes back behind the last one, in seconds: clocks are set, and servers that copy from
/// each other are late. Who comes again is compared and left alone.
pub(crate) const OVERLAP_SECONDS: i64 = 900;
