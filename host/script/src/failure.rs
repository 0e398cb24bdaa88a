//! Rhai's errors in the words of the people who read them, at the innermost place where they happened.

use rhai::{Dynamic, EvalAltResult, LexError, ParseError, ParseErrorType, Position};

use crate::limits;

/// What went wrong while a script ran, and where.
pub(crate) struct Failure {
    pub(crate) message: String,
    pub(crate) hint: Option<String>,
    pub(crate) position: Position,
    /// The functions that were being called, outermost first; the place is in the last one's file.
    pub(crate) calls: Vec<String>,
}

/// Describes an error. `secret` keeps what a script threw out of the message.
pub(crate) fn describe(error: &EvalAltResult, secret: bool) -> Failure {
    let mut calls = Vec::new();
    let mut inner = error;
    let mut position = error.position();
    loop {
        match inner {
            EvalAltResult::ErrorInFunctionCall(name, _, next, _) => {
                calls.push(name.clone());
                inner = next;
            }
            EvalAltResult::ErrorInModule(_, next, _) => inner = next,
            _ => break,
        }
        if !inner.position().is_none() {
            position = inner.position();
        }
    }
    let (message, hint) = words(inner, secret);
    Failure { message, hint: hint.map(Into::into), position, calls }
}

fn words(error: &EvalAltResult, secret: bool) -> (String, Option<&'static str>) {
    use EvalAltResult as E;
    match error {
        E::ErrorFunctionNotFound(signature, _) => function(signature),
        E::ErrorMismatchDataType(wanted, found, _) | E::ErrorMismatchOutputType(wanted, found, _) => {
            let hint = (found == "()").then_some("an absent attribute is `()`; compare it: `user.x == true`");
            (format!("{} is needed, and this is {}", noun(wanted), noun(found)), hint)
        }
        E::ErrorVariableNotFound(name, _) => (format!("there is no variable `{name}`"), None),
        E::ErrorPropertyNotFound(name, _) => (format!("there is no property `{name}`"), None),
        E::ErrorModuleNotFound(name, _) => (format!("there is no module `{name}`"), None),
        E::ErrorIndexingType(name, _) if name.contains("()") => (
            "an absent value has no elements".into(),
            Some("`text::first(list)` passes absent values through"),
        ),
        E::ErrorIndexingType(name, _) => (format!("{} has no elements", noun(name)), None),
        E::ErrorArrayBounds(length, index, _) => (
            format!("there is no element {index} in a list of {length}"),
            Some("`text::first(list)` gives the first one or `()`"),
        ),
        E::ErrorStringBounds(length, index, _) => (
            format!("there is no character {index} in a text of {length}"),
            Some("`sub_string` gives what there is"),
        ),
        E::ErrorFor(_) => ("`for` goes over a list, a map or a range, and this is none".into(), None),
        E::ErrorNonPureMethodCallOnConstant(name, _) => (
            format!("`{name}` changes what it is called on, and this cannot be changed"),
            Some("copy it first: `let x = …;`"),
        ),
        E::ErrorAssignmentToConstant(name, _) => (format!("`{name}` cannot be changed"), None),
        E::ErrorDotExpr(_, _) => {
            ("this has no properties".into(), Some("an absent attribute is `()`; `x?.y` passes it through"))
        }
        E::ErrorArithmetic(text, _) => (lower(text), None),
        E::ErrorTooManyOperations(_) => (
            format!("it does not end within {} steps", limits::OPERATIONS_MAX),
            Some("look for a loop without an end"),
        ),
        E::ErrorStackOverflow(_) => {
            (format!("functions call one another more than {} deep", limits::CALL_LEVELS_MAX), None)
        }
        E::ErrorTooManyVariables(_) => (format!("more than {} variables", limits::VARIABLES_MAX), None),
        E::ErrorTooManyModules(_) => (format!("more than {} modules", limits::MODULES_MAX), None),
        E::ErrorDataTooLarge(what, _) => {
            (format!("{} grows larger than is allowed", thing_of_limit(what)), None)
        }
        E::ErrorRuntime(_, _) if secret => ("the expression ended with an error".into(), None),
        E::ErrorRuntime(value, _) if value.is_unit() => ("the expression ended with an error".into(), None),
        E::ErrorRuntime(value, _) => (value.to_string(), None),
        E::ErrorParsing(kind, _) => syntax_words(kind),
        other => (lower(&other.unwrap_inner().to_string()), None),
    }
}

fn function(signature: &str) -> (String, Option<&'static str>) {
    let (name, arguments) = signature.split_once(" (").unwrap_or((signature, ""));
    let arguments: Vec<String> = arguments
        .trim_end_matches(')')
        .split(", ")
        .filter(|name| !name.is_empty())
        .map(|name| noun(name.trim_start_matches("&mut ").trim_start_matches("mut ")))
        .collect();
    let hint = arguments
        .iter()
        .any(|argument| argument == ABSENT)
        .then_some("an absent attribute is `()`; `x ?? \"…\"` puts something in its place");
    match arguments.as_slice() {
        [] => (format!("there is no function `{name}` without arguments"), hint),
        [one] => (format!("`{name}` cannot be used on {one}"), hint),
        [first, rest @ ..] => {
            (format!("`{name}` cannot be used on {first} with {}", rest.join(" and ")), hint)
        }
    }
}

const ABSENT: &str = "an absent value";

/// What a Rhai type is to a reader.
pub(crate) fn noun(name: &str) -> String {
    // Rhai lists what a parameter may be written as: `&str | ImmutableString | String`.
    let name = name.split(" | ").next().unwrap_or(name);
    let short = name.rsplit("::").next().unwrap_or(name);
    match short {
        "()" => ABSENT,
        "string" | "&str" | "String" | "ImmutableString" => "text",
        "i64" => "a whole number",
        "f64" => "a decimal number",
        "bool" => "yes or no",
        "char" => "a character",
        "array" | "Array" => "a list",
        "blob" | "Blob" => "raw bytes",
        "map" | "Map" => "a map",
        "Fn" | "FnPtr" => "a function",
        "User" => "the user",
        "Phone" => "the phone user",
        other => return other.to_owned(),
    }
    .to_owned()
}

/// What a value is to a reader.
pub(crate) fn thing(value: &Dynamic) -> String {
    noun(value.type_name())
}

fn thing_of_limit(what: &str) -> &'static str {
    let what = what.to_lowercase();
    if what.contains("string") {
        "a text"
    } else if what.contains("map") {
        "a map"
    } else {
        "a list"
    }
}

/// Describes a script that cannot be read.
pub(crate) fn syntax(error: &ParseError) -> (String, Option<&'static str>) {
    syntax_words(error.err_type())
}

fn syntax_words(kind: &ParseErrorType) -> (String, Option<&'static str>) {
    match kind {
        ParseErrorType::BadInput(LexError::ImproperSymbol(word, _)) if word == "eval" => {
            ("`eval` is switched off".into(), None)
        }
        ParseErrorType::Reserved(word) => (
            format!("`{word}` is a word of the language"),
            Some("an attribute of that name is reached by `user[\"…\"]`"),
        ),
        ParseErrorType::UnexpectedEOF => ("it ends too early".into(), None),
        ParseErrorType::ExprTooDeep => ("it is nested too deeply".into(), None),
        ParseErrorType::MissingToken(sign, _) if sign == ";" => (
            "two expressions stand side by side".into(),
            Some(
                "join them with an operator, or part statements with `;`; an attribute with `-` in its name is `user[\"…\"]`",
            ),
        ),
        other => (lower(&quoted(&other.to_string())), None),
    }
}

/// `'x'` -> `` `x` ``, as everywhere in our messages.
fn quoted(text: &str) -> String {
    if text.matches('\'').count().is_multiple_of(2) { text.replace('\'', "`") } else { text.to_owned() }
}

fn lower(text: &str) -> String {
    let text = text.trim().trim_end_matches('.');
    let first_word = text.split(' ').next().unwrap_or_default();
    let shouted = first_word.chars().filter(|c| c.is_uppercase()).count() > 1;
    let mut chars = text.chars();
    match chars.next() {
        Some(first) if !shouted => first.to_lowercase().chain(chars).collect(),
        _ => text.to_owned(),
    }
}
