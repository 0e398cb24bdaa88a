//! A simulator of a SCIM 2.0 service: users, paged by index and by cursor, its configuration and its schemas.
//!
//! Facts: `directories.md`, section 3.3 (RFC 7643, RFC 7644, RFC 9865, and what known services do otherwise). It is
//! stateful, and misbehaves on demand in the ways of those services.

mod filter;
mod listing;
mod people;
mod reference;
#[cfg(test)]
mod tests;
mod world;

pub use people::{id, people};
pub use reference::Reference;
pub use world::{Config, Directory, World};

/// A running SCIM simulator; it stops when it is dropped.
pub type Simulator = crate::web::Simulator<World>;
