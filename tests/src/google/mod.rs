//! A simulator of a Google account: the token endpoint, users, groups and their members of the Directory API.
//!
//! Facts: `directories.md`, section 3.1 (the Directory API's discovery document and its pages on limits and errors). It
//! is stateful, strict where Google is strict, and misbehaves on demand.

mod listing;
mod people;
#[cfg(test)]
mod tests;
mod token;
mod world;

pub use people::{id, people};
pub use world::{Account, Config, Group, World};

/// A running Google simulator; it stops when it is dropped.
pub type Simulator = crate::web::Simulator<World>;
