//! A Management API server over an office that keeps every element: for trials against the real protocol, for tests
//! with faults on demand, and for measuring.
//!
//! It does what public clients expect (ipoffice.md 3.1); where they disagree or say nothing, [`Modes`] choose.

mod elements;
mod embedded;
mod handle;
mod limits;
mod modes;
mod reply;
mod resource;
mod serve;
mod session;
mod tls;

pub use elements::{ElementStore, Object};
pub use handle::Logged;
pub use modes::Modes;
pub use serve::{Running, Server, ServerError};
pub use tls::Keep;
