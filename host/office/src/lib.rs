//! The phone systems: an embedded office in a file, a real IP Office over its Management API, and what is read from
//! and written for people (office files, templates, Web Manager's exports).

#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod embedded;
pub mod import;
pub mod limits;
pub mod management;
pub mod model;
pub mod profile;

pub use embedded::{Embedded, EmbeddedUser};
