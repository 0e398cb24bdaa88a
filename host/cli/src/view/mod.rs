//! What a person or a program gets to see of a report.

pub(crate) mod csv;
pub(crate) mod finding;
pub(crate) mod human;
pub(crate) mod json;
pub(crate) mod past;
pub(crate) mod text;
