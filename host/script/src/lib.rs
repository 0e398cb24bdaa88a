//! The operator's expressions and rules: Rhai in a sandbox, compiled once and asked for each user.
//!
//! [`Rules::compile`] takes the expressions of a job and its rule files and gives either [`Rules`] or every mistake
//! at once. `Rules` is [`rollcall_core::script::Script`]: a pure function of one user. Nothing here does I/O, knows
//! the time or is random; work is bounded by operations, never by a clock, so that results do not depend on a machine.
//!
//! - [`sandbox`] is the one place that builds a Rhai engine.
//! - [`library`] holds the functions that every expression may call; `rules/*.rhai` documents them.
//! - [`testing`] runs `*.test.toml` files.

#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod absent;
mod catalogue;
mod compile;
mod coverage;
mod eval;
mod failure;
mod input;
pub mod library;
pub mod limits;
mod provisioning;
mod sandbox;
mod source;
pub mod testing;
mod twinning;
mod values;
mod walk;

pub use compile::{Expression, RuleFile, Rules, Source};
pub use source::Origin;

#[cfg(test)]
mod tests;
