//! Connectors that mean harm: each ends with an error of its class, in time, within memory, and the next one is served.
//!
//! A binary of its own whose tests run one after the other, so that what the process grows by is a guest's doing. What
//! a Rust guest can do is done by `tests/guests/hostile`; what it cannot, by components from text (`made`).

#![forbid(unsafe_code)]
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test's helper fails by panicking, as the test does"
)]

#[path = "../it/bench.rs"]
mod bench;
mod bombs;
mod bounds;
mod forty;
mod guests;
mod made;
mod page;
mod trial;
mod values;
