//! The job file: TOML to a [`Job`](job::Job), with a place for every key. Reads files; knows no network and no Rhai.
//!
//! [`load`] is the way in; [`read`] gives, beside the mistakes, what could be understood of a file that has some, so
//! that its rules and expressions can be checked in the same breath. [`credential::resolve`] is the only function that
//! touches a credential itself.

#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod credential;
pub mod cron;
mod directory;
pub mod expiry;
mod fields;
mod handover;
mod hidden;
pub mod job;
mod keys;
mod limits;
mod load;
pub mod notify;
mod phone_system;
mod plan;
pub mod schedule;
mod schema;
pub mod spans;
#[cfg(test)]
mod tests;
mod tree;
mod values;
mod walk;

pub use load::{load, read};
pub use schema::schema;
