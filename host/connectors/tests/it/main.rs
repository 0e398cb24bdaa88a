//! Connectors in their sandbox, from the outside: real components, real limits, a server on loopback.

#![forbid(unsafe_code)]
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test's helper fails by panicking, as the test does"
)]

mod bench;
mod cache;
mod compatibility;
mod conformance;
mod elsewhere;
mod files;
mod http;
mod offline;
mod packages;
mod reading;
mod settings;
