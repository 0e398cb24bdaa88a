//! One command a file. A command writes its payload to the output and gives an exit code.

pub(crate) mod check;
pub(crate) mod compile_component;
pub(crate) mod connector;
pub(crate) mod doctor;
pub(crate) mod explain;
pub(crate) mod fields;
pub(crate) mod history;
pub(crate) mod init;
pub(crate) mod links;
mod links_file;
pub(crate) mod office;
pub(crate) mod plans;
pub(crate) mod preview;
pub(crate) mod rename_job;
pub(crate) mod reprovision;
pub(crate) mod resume;
pub(crate) mod rules;
pub(crate) mod runs;
pub(crate) mod support;
pub(crate) mod sync;
pub(crate) mod test_connection;
pub(crate) mod undo;
