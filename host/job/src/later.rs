//! What the contract knows and this version does not do yet: refused by name, so that nobody believes it is in force.

use rollcall_core::codes;

use crate::spans::At;
use crate::tree::Kind;
use crate::walk::{Section, Walk};

/// Refuses several directories.
pub(crate) fn refuse(walk: &mut Walk<'_>, root: &Section<'_>) {
    if let Some(node) = root.get("directory")
        && matches!(node.kind, Kind::Array(_))
    {
        not_yet(
            walk,
            &node.key,
            "`[[directory]]`: several directories in one job are",
            "write one `[directory]`, and a job for each directory",
        );
    }
}

/// Reports something that this version does not do yet.
pub(crate) fn not_yet(walk: &mut Walk<'_>, at: &At, what: &str, hint: &str) {
    walk.error(at, codes::JOB_NOT_YET, format!("{what} not in this version yet"), hint);
}
