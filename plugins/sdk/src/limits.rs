//! The SDK's own bounds. The host has others, and its own decide; these keep a connector from reading a body that
//! could only end in a refusal or in a trap for want of memory.

/// How much of an answer [`http::Response::json`](crate::http::Response::json) reads, in bytes.
pub const JSON_BODY_BYTES: usize = 32 << 20;

/// How much of an answer that reports an error is worth reading, in bytes.
pub const ERROR_BODY_BYTES: usize = 64 << 10;

/// How much one call asks the host for, in bytes.
pub const READ_CHUNK_BYTES: u32 = 256 << 10;

/// How much foreign text goes into a message, in characters.
pub const QUOTED_CHARACTERS: usize = 300;
