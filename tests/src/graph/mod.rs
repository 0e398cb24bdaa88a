//! A simulator of Microsoft Entra ID and Microsoft Graph: the token endpoint, users, groups and their members.
//!
//! Facts: Microsoft's documentation as gathered in `directories.md` section 1, and the property list of
//! `schemas/v1.0-Prod.csdl`. It is stateful (a test moves people between two runs), strict where Graph is strict, and
//! misbehaves on demand in the ways in which Graph is known to misbehave.

mod answer;
mod assertion;
mod control;
mod delta;
mod fault;
mod filter;
mod listing;
mod model;
mod people;
mod properties;
mod query;
mod server;
mod token;
mod world;

#[cfg(test)]
mod tests;

pub use control::Command;
pub use fault::{Fault, FaultRule};
pub use model::{Group, Member, Object, Tenant};
pub use people::{guid, people};
pub use server::Simulator;
pub use world::{Config, World};

pub use crate::web::{Answer, Delivery, Entry, Journal, Request, der};
