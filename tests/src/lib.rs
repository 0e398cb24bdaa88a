//! What the end-to-end tests stand on: the simulators of the outside and the harness that runs the binary.
//!
//! A simulator is written from the facts in `directories.md` and knows nothing of our connectors, so that a wrong
//! belief of ours shows as a failing test and not as two halves that agree.

#![forbid(unsafe_code)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "test support: a broken assumption must stop the test at once"
)]

pub mod cloud;
pub mod google;
pub mod graph;
pub mod harness;
pub mod hr;
pub mod ldap;
pub mod okta;
pub mod partners;
pub mod proxy;
pub mod registry;
pub mod scene;
pub mod scim;
pub mod service;
pub mod shelves;
pub mod staff;
pub mod web;

/// Gives a path inside the repository.
pub fn repository(path: &str) -> std::path::PathBuf {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join(path)
}
