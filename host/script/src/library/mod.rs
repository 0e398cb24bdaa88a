//! The functions that every expression and rule may call: `names`, `numbers` and `text`.
//!
//! They are native; `rules/*.rhai` documents them, and its examples run as tests. Each takes `()` and gives `()` back.

pub mod names;
pub mod numbers;
pub mod text;

use rhai::{Dynamic, EvalAltResult, ImmutableString, Module, NativeCallContext, Position};

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

fn one(module: &mut Module, name: &str, function: fn(&Dynamic) -> Answer) {
    module.set_native_fn(name, move |context: NativeCallContext<'_>, value: Dynamic| -> Answer {
        function(&value).map_err(|error| placed(&context, error))
    });
}

fn two(module: &mut Module, name: &str, function: fn(&Dynamic, &Dynamic) -> Answer) {
    module.set_native_fn(
        name,
        move |context: NativeCallContext<'_>, first: Dynamic, second: Dynamic| -> Answer {
            function(&first, &second).map_err(|error| placed(&context, error))
        },
    );
}

fn three(module: &mut Module, name: &str, function: fn(&Dynamic, &Dynamic, &Dynamic) -> Answer) {
    module.set_native_fn(
        name,
        move |context: NativeCallContext<'_>, first: Dynamic, second: Dynamic, third: Dynamic| -> Answer {
            function(&first, &second, &third).map_err(|error| placed(&context, error))
        },
    );
}

/// Rhai gives the place of a call to its own functions only, not to those of a module.
fn placed(context: &NativeCallContext<'_>, mut error: Box<EvalAltResult>) -> Box<EvalAltResult> {
    error.set_position(context.call_position());
    error
}

/// Gives an argument that must be text.
fn text_argument(function: &str, value: &Dynamic) -> Result<ImmutableString, Box<EvalAltResult>> {
    match value.as_immutable_string_ref() {
        Ok(text) => Ok(text.clone()),
        Err(_) => fail(format!("`{function}` takes text here, not {}", crate::failure::thing(value))),
    }
}

/// An error of a library function.
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
