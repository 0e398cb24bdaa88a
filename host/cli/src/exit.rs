//! The exit codes: one table.

use rollcall_core::{Diagnostic, codes};
use rollcall_engine::{Class, Report};

/// Done, or nothing to do.
pub(crate) const DONE: u8 = 0;
/// Error.
pub(crate) const ERROR: u8 = 1;
/// Changes are pending (`preview --detailed-exitcode`).
pub(crate) const PENDING: u8 = 2;
/// Some changes failed, or users were skipped with errors.
pub(crate) const PARTIAL: u8 = 3;
/// Credentials were refused.
pub(crate) const DENIED: u8 = 4;
/// The guard refused; nothing was applied.
pub(crate) const REFUSED: u8 = 5;
/// Job or rules are invalid.
pub(crate) const INVALID: u8 = 12;
/// The directory cannot be reached, or its reading is incomplete.
pub(crate) const DIRECTORY: u8 = 13;
/// The phone system cannot be reached, or its reading is incomplete.
pub(crate) const OFFICE: u8 = 14;
/// Wrong usage.
pub(crate) const USAGE: u8 = 64;

/// Gives the code of a class; `signal` is what interrupted.
pub(crate) fn of_class(class: Class, signal: Option<i32>) -> u8 {
    match class {
        Class::Error => ERROR,
        Class::Denied => DENIED,
        Class::Refused => REFUSED,
        Class::Stale => 6,
        Class::Held => 11,
        Class::Invalid => INVALID,
        Class::Directory => DIRECTORY,
        Class::Office => OFFICE,
        Class::Interrupted => 128u8.saturating_add(u8::try_from(signal.unwrap_or(2)).unwrap_or(2)),
    }
}

/// Gives the code of what keeps a directory from being asked: a file that is not there is a directory that cannot be
/// reached, and anything else a mistake of the job.
pub(crate) fn of_directory(wrong: &[Diagnostic]) -> u8 {
    let unreachable = wrong.iter().all(|why| why.code == codes::DIRECTORY_UNREACHABLE);
    if unreachable && !wrong.is_empty() { DIRECTORY } else { INVALID }
}

/// Gives the code of a report.
pub(crate) fn of_report(report: &Report) -> u8 {
    if report.signal.is_some() {
        of_class(Class::Interrupted, report.signal)
    } else if let Some((class, _)) = &report.stopped {
        of_class(*class, None)
    } else if !report.refusals.is_empty() {
        REFUSED
    } else if report.partial() {
        PARTIAL
    } else {
        DONE
    }
}
