//! The functions that every expression and rule may call: `names`, `numbers` and `text`.
//!
//! They are native; `rules/*.rhai` documents them, and its examples run as tests. Each takes `()` and gives `()` back.

pub mod names;
pub mod numbers;
pub mod text;

use rhai::{Dynamic, EvalAltResult, Module, Position};

/// What a library function gives.
pub(crate) type Answer = Result<Dynamic, Box<EvalAltResult>>;

/// The shipped library by file name: what it says about itself.
pub const FILES: [(&str, &str); 3] = [
    ("names.rhai", include_str!("../../../../rules/names.rhai")),
    ("numbers.rhai", include_str!("../../../../rules/numbers.rhai")),
    ("text.rhai", include_str!("../../../../rules/text.rhai")),
];

/// Builds the modules.
pub(crate) fn modules() -> [(&'static str, Module); 3] {
    [("names", names::module()), ("numbers", numbers::module()), ("text", text::module())]
}

/// An error whose place Rhai fills in: the call.
pub(crate) fn fail<T>(message: impl Into<String>) -> Result<T, Box<EvalAltResult>> {
    Err(EvalAltResult::ErrorRuntime(message.into().into(), Position::NONE).into())
}

/// Gives the texts of an argument, or the error that it is something else.
pub(crate) fn texts(function: &str, value: &Dynamic) -> Result<Vec<String>, Box<EvalAltResult>> {
    match crate::absent::texts(value) {
        Some(texts) => Ok(texts),
        None => {
            fail(format!("`{function}` takes text or a list of texts, not {}", crate::failure::thing(value)))
        }
    }
}

#[cfg(test)]
mod tests;
