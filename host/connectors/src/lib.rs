//! Directory connectors as WebAssembly components: the only crate that knows wasmtime.
//!
//! A [`Package`] is looked into without running it; [`Host::connect`] checks a job against its manifest, links what is
//! asked for and granted, and gives a [`Directory`](rollcall_edges::directory::Directory). The guest runs within
//! [`limits`], sees no secret, and cannot pass over an error of the host: then the listing is incomplete whatever it
//! says.

#![deny(unsafe_code)]
#![warn(missing_docs)]

pub mod asks;
mod blame;
mod cache;
mod compile;
pub mod conformance;
mod connector;
mod credentials;
mod engine;
mod expand;
pub mod fetching;
mod grants;
mod grants_files;
mod grants_ldap;
mod grants_lines;
mod host;
pub mod installed;
pub mod limits;
mod listing;
pub mod manifest;
mod manifest_check;
mod manifest_ldap;
mod manifest_mistakes;
mod manifest_servers;
mod meter;
mod network;
mod network_ldap;
mod package;
pub mod packing;
mod page;
pub mod pins;
mod recording;
mod sandbox;
mod session;
mod settings;
mod store;
mod tape;
mod threads;
mod v0_1;
mod words;

pub use compile::{ChildCompiler, CompileLimits, compile};
pub use connector::{Connector, Tail};
pub use credentials::check_credentials;
pub use host::run::Progress;
pub use manifest::{Manifest, Stage};
pub use meter::Usage;
pub use package::Package;
pub use recording::Recording;
pub use sandbox::{ConnectSpec, Host, Trial};
pub use settings::Settings;
