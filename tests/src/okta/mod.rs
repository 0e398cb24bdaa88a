//! A simulator of an Okta organisation: the token endpoint, users, groups and their members, the schema of users.
//!
//! Facts: `directories.md`, section 3.2 (Okta's management API specification and its pages on pagination, rate limits and
//! OAuth for service apps). It is stateful, strict where Okta is strict, and misbehaves on demand.

mod listing;
mod people;
mod search;
#[cfg(test)]
mod tests;
mod token;
mod world;

pub use people::{id, people};
pub use world::{Config, Group, Organisation, World};

/// A running Okta simulator; it stops when it is dropped.
pub type Simulator = crate::web::Simulator<World>;
