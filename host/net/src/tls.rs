//! Which server certificates are believed.

use std::path::PathBuf;

/// What a server's certificate is held against. There is no way to believe any.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trust {
    /// The machine's authorities.
    Machine,
    /// The machine's authorities and those of a PEM file.
    WithFile(PathBuf),
    /// The one certificate with this SHA-256 of its DER form (hexadecimal, colons allowed), whoever signed it and
    /// whatever name it carries.
    Pin(String),
}
