//! The shell around the pure core: it pulls, keeps time, holds the lease, journals, writes and reports.
//!
//! [`run`] reads like the nine steps. What it needs of the outside comes as traits of `rollcall-edges`; it prints
//! nothing, opens no socket and knows neither WebAssembly nor SQL.

#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod apply;
pub mod attributes;
pub mod before;
mod delete_now;
mod drawing;
pub mod durations;
pub mod error;
pub mod execute;
pub mod explain;
mod grace;
pub mod kept;
pub mod known;
pub mod ledger;
pub mod links;
pub mod mapping;
pub mod named;
pub mod observe;
mod prepare;
pub mod pull;
pub mod recall;
pub mod recover;
pub mod report;
pub mod reprovision;
pub mod resume;
pub mod run;
pub mod schedule;
pub mod scope;
pub mod settle;
mod settled;
mod steady;
mod taken;
pub mod tools;
pub mod undo;
mod wave;

pub use drawing::Codes;
pub use error::{Class, RunError};
pub use execute::Writer;
pub use kept::sync_kept;
pub use report::Report;
pub use resume::resume;
pub use run::{Options, Parts, Previewed, preview, sync};
