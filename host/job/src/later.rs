//! What the contract knows and this version does not do yet: refused by name, so that nobody believes it is in force.

use rollcall_core::codes;

use crate::spans::At;
use crate::walk::Walk;

/// Reports something that this version does not do yet.
pub(crate) fn not_yet(walk: &mut Walk<'_>, at: &At, what: &str, hint: &str) {
    walk.error(at, codes::JOB_NOT_YET, format!("{what} not in this version yet"), hint);
}
