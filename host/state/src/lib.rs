//! What is kept between runs, in SQLite: the ledger of links, the journal of operations, the history, the leases,
//! for each job a mirror of its directory, and the connectors that are installed.
//!
//! Files are 0600 and folders 0700 from the moment they exist. Codes are sealed with a key of this state.

#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod audit;
mod care;
mod changes;
mod doctor;
mod erase;
mod files;
mod handover;
mod journal;
mod keyed;
mod lease;
mod ledger;
mod limits;
mod migrate;
mod mirror;
mod passed;
mod past;
mod persons;
mod planless;
mod plans;
mod rows;
mod runs;
mod schema;
mod seal;
mod shapes;
mod shelf;
mod slots;
mod sql;
mod steady;
mod store;

pub use audit::{Act, Chain};
pub use doctor::examine;
pub use erase::Erasure;
pub use handover::{HandoverCommand, HandoverFile};
pub use mirror::MirrorFile;
pub use past::{CodesWaiting, PastChange, PastField, PastOperation, PastRun, Person, RunFilter, RunState};
pub use persons::ERASED;
pub use planless::Planless;
pub use shelf::{Held, Shelf};
pub use slots::Slot;
pub use store::Store;
