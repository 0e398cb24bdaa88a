//! An absent attribute is `()`, and what is done to it stays `()`: an expression need not ask at every step.
//!
//! The second half gives the text functions that Rhai makes change their text in place, and answer nothing, a result
//! too: `mail.replace("a", "b")` is then an expression as people expect, and still changes a variable.

use rhai::{Array, Dynamic, Engine, FnPtr, FuncRegistration, INT, ImmutableString};

/// Functions of a text that give `()` for `()`, with the number of further arguments.
const PASSED_THROUGH: [(&str, usize); 26] = [
    ("to_upper", 0),
    ("to_lower", 0),
    ("make_upper", 0),
    ("make_lower", 0),
    ("trim", 0),
    ("len", 0),
    ("to_chars", 0),
    ("to_int", 0),
    ("to_float", 0),
    ("parse_int", 0),
    ("parse_int", 1),
    ("parse_float", 0),
    ("split", 0),
    ("split", 1),
    ("split", 2),
    ("split_rev", 1),
    ("sub_string", 1),
    ("sub_string", 2),
    ("crop", 1),
    ("crop", 2),
    ("truncate", 1),
    ("remove", 1),
    ("replace", 2),
    ("pad", 2),
    ("extract", 1),
    ("extract", 2),
];

/// Teaches an engine that absent values pass through.
pub(crate) fn register(engine: &mut Engine) {
    for (name, further) in PASSED_THROUGH {
        match further {
            0 => engine.register_fn(name, |_: ()| ()),
            1 => engine.register_fn(name, |_: (), _: Dynamic| ()),
            _ => engine.register_fn(name, |_: (), _: Dynamic, _: Dynamic| ()),
        };
    }
    for name in ["contains", "starts_with", "ends_with"] {
        engine.register_fn(name, |_: (), _: Dynamic| false);
        // `mail.ends_with(domain)` with an absent `domain` is no match either.
        engine.register_fn(name, |_: ImmutableString, _: ()| false);
    }
    engine
        .register_fn("is_empty", |_: ()| true)
        .register_fn("index_of", |_: (), _: Dynamic| -1 as INT)
        .register_fn("filter", |_: (), _: FnPtr| ())
        .register_fn("map", |_: (), _: FnPtr| ())
        .register_fn("some", |_: (), _: FnPtr| false)
        .register_fn("+", |_: (), _: ()| ())
        .register_fn("+", |_: (), _: ImmutableString| ())
        .register_fn("+", |_: ImmutableString, _: ()| ())
        .register_fn("+", |_: (), _: INT| ())
        .register_fn("+", |_: INT, _: ()| ())
        .register_fn("+", |_: (), _: char| ())
        .register_fn("+", |_: char, _: ()| ());
    in_place(engine);
}

fn in_place(engine: &mut Engine) {
    pure(engine, "trim", |text: &mut ImmutableString| changed(text, |old| old.trim().into()));
    pure(engine, "make_upper", |text: &mut ImmutableString| changed(text, |old| old.to_uppercase()));
    pure(engine, "make_lower", |text: &mut ImmutableString| changed(text, |old| old.to_lowercase()));
    pure(engine, "remove", |text: &mut ImmutableString, part: ImmutableString| {
        changed(text, |old| old.replace(&*part, ""))
    });
    pure(engine, "remove", |text: &mut ImmutableString, part: char| {
        changed(text, |old| old.replace(part, ""))
    });
    pure(engine, "replace", |text: &mut ImmutableString, from: ImmutableString, to: ImmutableString| {
        changed(text, |old| replaced(old, &from, &to))
    });
    pure(engine, "replace", |text: &mut ImmutableString, from: char, to: char| {
        changed(text, |old| old.replace(from, &to.to_string()))
    });
    pure(engine, "replace", |text: &mut ImmutableString, from: char, to: ImmutableString| {
        changed(text, |old| old.replace(from, &to))
    });
    pure(engine, "replace", |text: &mut ImmutableString, from: ImmutableString, to: char| {
        changed(text, |old| replaced(old, &from, &to.to_string()))
    });
    pure(engine, "truncate", |text: &mut ImmutableString, chars: INT| {
        changed(text, |old| old.chars().take(usize::try_from(chars).unwrap_or(0)).collect())
    });
    pure(engine, "crop", |text: &mut ImmutableString, start: INT| {
        changed(text, |old| part(old, start, INT::MAX))
    });
    pure(engine, "crop", |text: &mut ImmutableString, start: INT, chars: INT| {
        changed(text, |old| part(old, start, chars))
    });
    pure(engine, "pad", |text: &mut ImmutableString, chars: INT, with: char| {
        changed(text, |old| padded(old, chars, with))
    });
}

/// Replaces, but by an empty text nothing: Rust would put the new text between all characters.
pub(crate) fn replaced(text: &str, from: &str, to: &str) -> String {
    if from.is_empty() { text.into() } else { text.replace(from, to) }
}

fn changed(text: &mut ImmutableString, change: impl Fn(&str) -> String) -> ImmutableString {
    *text = change(text).into();
    text.clone()
}

/// Some characters of a text; a negative start counts from the end, as everywhere in Rhai.
fn part(text: &str, start: INT, chars: INT) -> String {
    let length = INT::try_from(text.chars().count()).unwrap_or(INT::MAX);
    let start = if start < 0 { (length + start).max(0) } else { start };
    let skip = usize::try_from(start).unwrap_or(usize::MAX);
    text.chars().skip(skip).take(usize::try_from(chars).unwrap_or(0)).collect()
}

fn padded(text: &str, chars: INT, with: char) -> String {
    let most = INT::try_from(crate::limits::TEXT_BYTES_MAX).unwrap_or(INT::MAX);
    let wanted = usize::try_from(chars.min(most)).unwrap_or(0);
    let missing = wanted.saturating_sub(text.chars().count());
    let mut text = text.to_owned();
    text.extend(std::iter::repeat_n(with, missing));
    text
}

/// Registers a function whose first argument may be a constant: attributes are.
fn pure<A: 'static, const N: usize, const X: bool, R, const F: bool, FUNC>(
    engine: &mut Engine,
    name: &str,
    function: FUNC,
) where
    R: rhai::Variant + Clone,
    FUNC: rhai::RhaiNativeFunc<A, N, X, R, F> + Send + Sync + 'static,
{
    FuncRegistration::new(name)
        .in_global_namespace()
        .with_purity(true)
        .register_into_engine(engine, function);
}

/// Gives the texts in a value: none of `()`, one of a text, those of a list; `None` for anything else.
pub(crate) fn texts(value: &Dynamic) -> Option<Vec<String>> {
    if value.is_unit() {
        return Some(Vec::new());
    }
    if let Ok(text) = value.as_immutable_string_ref() {
        return Some(vec![text.to_string()]);
    }
    if let Ok(number) = value.as_int() {
        return Some(vec![number.to_string()]);
    }
    let list = value.read_lock::<Array>()?;
    let mut all = Vec::with_capacity(list.len());
    for item in list.iter() {
        all.extend(texts(item)?);
    }
    Some(all)
}
