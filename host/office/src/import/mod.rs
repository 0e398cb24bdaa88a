//! Office files, templates and Web Manager's exports: what people and real systems hand over in files.

mod compare;
mod export;
mod file;
mod office_toml;
mod source;
mod templates;
mod user_keys;
mod web_manager;
mod xml;

#[cfg(test)]
mod tests;

pub use compare::{Change, Comparison, UserComparison, compare};
pub use export::{export, template_from_user};
pub use file::{ExtensionEntry, GroupEntry, LicenceEntry, OfficeFile, UserEntry};
pub use office_toml::{Mode, parse};
pub use templates::{Templates, read_templates};
pub use web_manager::{ExportedUser, office_from_export, read_users};
pub use source::read_file;
