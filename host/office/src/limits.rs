//! Bounds on everything that comes from outside: office files, template files, exports, and elements sent to a store.

/// The greatest size of an office file or a TOML template file, in bytes.
pub const OFFICE_FILE_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// The greatest size of an XML export or template, in bytes. 3,000 users of 400 elements take about 60 MB.
pub const XML_BYTES_MAX: u64 = 512 * 1024 * 1024;
/// How deep XML elements may nest.
pub const XML_DEPTH_MAX: usize = 64;
/// How many users an export may hold.
pub const XML_USERS_MAX: usize = 50_000;
/// How many elements one user or template may have.
pub const ELEMENTS_MAX: usize = 4_096;
/// The greatest length of an element's name, in bytes.
pub const ELEMENT_NAME_BYTES_MAX: usize = 128;
/// The greatest length of an element's text, in bytes.
pub const ELEMENT_TEXT_BYTES_MAX: usize = 64 * 1024;
/// How long a call waits for another process that holds the office's file, in milliseconds.
pub const BUSY_WAIT_MS: u64 = 10_000;
/// How many calls the embedded office does in one transaction.
pub(crate) const CALLS_AT_ONCE: usize = 64;
