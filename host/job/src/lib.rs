//! The job file: TOML to a [`Job`], with a place for every key. Reads files; knows no network and no Rhai.

#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod job;
