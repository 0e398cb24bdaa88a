//! Office files, templates and Web Manager's exports: what people and real systems hand over in files.

mod compare;
mod export;
mod file;
mod office_toml;
mod office_users;
mod source;
mod templates;
mod user_keys;
mod web_manager;
mod xml;

#[cfg(test)]
mod tests;

use std::path::Path;

use rollcall_core::Diagnostic;
use rollcall_core::phone::Standing;

pub use compare::{Change, Comparison, UserComparison, compare};
pub use export::{export, template_from_user};
pub use file::{ExtensionEntry, GroupEntry, LicenceEntry, OfficeFile, UserEntry};
pub use office_toml::{Mode, parse};
pub use source::read_file;
pub use templates::{Templates, read_templates};
pub use web_manager::{ExportedUser, office_from_export, read_users};

/// Reads an office file or an export of Web Manager, whichever it is: for `office init` (no `standing`) and for
/// `office import` (what stands already).
///
/// # Errors
/// All mistakes at once.
pub fn read_office(path: &Path, standing: Option<&Standing>) -> Result<OfficeFile, Vec<Diagnostic>> {
    let text = read_file(path, crate::limits::XML_BYTES_MAX).map_err(|wrong| vec![wrong])?;
    let file = path.to_string_lossy();
    if text.trim_start().starts_with('<') {
        let users = read_users(&file, &text).map_err(|wrong| vec![wrong])?;
        return office_from_export(&file, &users, standing);
    }
    parse(&file, &text, standing.map_or(Mode::Init, Mode::Add))
}

/// Compares two exports of Web Manager: `office compare BEFORE.xml AFTER.xml`.
///
/// # Errors
/// One diagnostic for each file that cannot be read.
pub fn compare_files(before: &Path, after: &Path) -> Result<Comparison, Vec<Diagnostic>> {
    let read = |path: &Path| {
        let text = read_file(path, crate::limits::XML_BYTES_MAX)?;
        read_users(&path.to_string_lossy(), &text)
    };
    match (read(before), read(after)) {
        (Ok(before), Ok(after)) => Ok(compare(&before, &after)),
        (before, after) => Err(before.err().into_iter().chain(after.err()).collect()),
    }
}
