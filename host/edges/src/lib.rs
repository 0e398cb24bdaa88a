//! What the engine needs of the outside: traits, their promises in words, and in-memory twins.
//!
//! An implementation knows core and this crate, and neither the engine nor another implementation.

#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod clock;
pub mod directory;
pub mod draw;
pub mod handover;
pub mod mirror;
pub mod office;
pub mod office_memory;
pub mod office_suite;
pub mod plans;
pub mod state;
