//! The pure core: from a directory's record to a plan that a guard has cleared.
//!
//! One user record passes, in this order, [`map`](map::map), [`pair`](pair::pair), [`provision`](provision::provision),
//! [`diff`](diff::diff), [`plan`](plan::plan) and [`guard`](guard::guard); [`ops`] turns a cleared change into calls to
//! the phone system, and [`verify`](verify::verify) holds what came of them against the plan. Nothing here does I/O,
//! knows the time, or is random: the same inputs give the same plan, byte for byte.

#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod adopt;
pub mod adoption;
mod claims;
pub mod codes;
pub mod constraint;
pub mod diag;
pub mod diff;
mod drift;
pub mod elapsed;
mod elsewhere;
pub mod field;
pub mod groups;
pub mod guard;
mod inverse;
mod leavers;
pub mod map;
pub mod memory;
mod notes;
pub mod ops;
pub mod order;
pub mod pair;
pub mod phone;
mod places;
pub mod plan;
pub mod policy;
pub mod provision;
mod rebirth;
pub mod record;
mod records;
pub mod reprovision;
mod restored;
pub mod script;
pub mod settled;
pub mod stale;
pub mod text;
pub mod undo;
pub mod verify;
pub mod waves;
pub mod weak;
pub mod witness;

pub use diag::{Code, Diagnostic, Place, Severity};
pub use field::{Field, Fields, Value};
pub use record::{Cell, Record, RecordId};
pub use text::{Guid, Secret, Text};
