//! The Rust SDK for directory connectors of rollcall.
//!
//! A connector implements [`Connector`] and [`Listing`], ends with [`register!`], and is compiled for `wasm32-wasip2`.
//! Everything foreign goes through the host: [`http`], [`ldap`] and [`files`] reach what the manifest asks for and the job grants,
//! and sign-ins are named, never made. On a native target the same calls reach a [`testing::Host`], so the whole
//! connector runs under `cargo test` without a network, a host or WebAssembly.
#![deny(unsafe_code)]

#[doc(hidden)]
pub mod bindings;
mod cell;
mod connector;
pub mod encode;
mod error;
pub use error::quoted;
#[doc(hidden)]
pub mod export;
pub mod files;
mod filter;
pub mod http;
pub mod ldap;
pub mod limits;
pub mod link;
pub mod log;
pub mod run;
mod table;
#[cfg(not(target_arch = "wasm32"))]
pub mod testing;
pub mod time;
pub mod walk;

pub use bindings::exports::rollcall::connector::directory::{
    AttributeInfo, Connection, Finding, Kind, State,
};
pub use bindings::rollcall::connector::types::{
    Cell, Change, Coverage, Denied, Edit, Error, Fault, Page, Patch, Transient, User,
};
pub use connector::{Connector, Listing, attribute, failed, passed, warned};
pub use serde;
pub use serde_json;
pub use table::Table;
