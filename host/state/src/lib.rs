//! What is kept between runs, in SQLite: the ledger of links, the journal of operations, the history, the leases, and
//! for each job a mirror of its directory.
//!
//! Files are 0600 and folders 0700 from the moment they exist. Codes are sealed with a key of this state.

#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod changes;
mod files;
mod journal;
mod lease;
mod ledger;
mod limits;
mod mirror;
mod passed;
mod rows;
mod runs;
mod schema;
mod seal;
mod shapes;
mod slots;
mod store;

pub use mirror::MirrorFile;
pub use slots::Slot;
pub use store::Store;
