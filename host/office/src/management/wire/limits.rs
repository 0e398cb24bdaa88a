//! Bounds on what comes over the wire, and how long to wait for it.

/// The greatest size of one answer or request body, in bytes: 3,000 users of 400 elements take about 60 MB.
pub(crate) const ANSWER_BYTES_MAX: usize = 128 * 1024 * 1024;
/// How deep XML elements may nest; JSON is bounded by its parser at 128.
pub(crate) const DEPTH_MAX: usize = 32;
/// How many objects one answer may hold.
pub(crate) const ITEMS_MAX: usize = 50_000;
/// The greatest length of an error text that is shown, in characters.
pub(crate) const ERROR_CHARS_MAX: usize = 300;
