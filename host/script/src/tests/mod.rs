//! Whole jobs in small: expressions and rules compiled together and asked about people.

mod fields;
mod mistakes;
mod rules;
mod testing;

use std::sync::Arc;

use rollcall_core::script::Script;
use rollcall_core::{Cell, Diagnostic, Field, Record, RecordId, Text, Value, diag};

use crate::{Expression, RuleFile, Rules, Source};

/// A source of fields, each `(key, expression)`, and of one rule file.
pub(crate) fn source(fields: &[(&str, &str)], rules: &str) -> Source {
    let field = |(key, text): &(&str, &str)| Expression {
        field: Field::by_key(key).unwrap(),
        text: (*text).into(),
        origin: Some(crate::Origin {
            file: format!("{key}.toml").into(),
            source: (*text).into(),
            bytes: 0..text.len(),
            verbatim: true,
        }),
    };
    Source {
        fields: fields.iter().map(field).collect(),
        rule_files: vec![RuleFile { name: "provisioning.rhai".into(), source: rules.into() }],
        ..Source::default()
    }
}

pub(crate) fn compile(fields: &[(&str, &str)], rules: &str) -> Rules {
    match Rules::compile(&source(fields, rules)) {
        Ok((rules, _)) => rules,
        Err(found) => panic!("{}", shown(&found)),
    }
}

/// Diagnostics as people would see them, a line each: file, line, column, underlined text, message, hint.
pub(crate) fn shown(found: &[Diagnostic]) -> String {
    let line = |found: &Diagnostic| {
        let place = match &found.place {
            rollcall_core::Place::Span { file, source, bytes } => {
                let (line, column) = diag::line_and_column(source, bytes.start);
                format!("{file}:{line}:{column} [{}]", &source[bytes.clone()])
            }
            rollcall_core::Place::Path(keys) => keys.join("."),
            rollcall_core::Place::Nowhere => "?".into(),
        };
        let hint = found.hint.as_ref().map(|hint| format!(" ({hint})")).unwrap_or_default();
        format!("{} {} {place} {}{hint}\n", found.code.0, found.severity.word(), found.message)
    };
    found.iter().map(line).collect()
}

/// A record of the given attributes.
pub(crate) fn record(cells: &[(&str, Cell)]) -> Record {
    let columns: Vec<Text> = cells.iter().map(|(name, _)| Text::from(*name)).collect();
    Record {
        id: RecordId { directory: "entra".into(), native: "42".into() },
        columns: columns.into(),
        cells: cells.iter().map(|(_, cell)| cell.clone()).collect(),
    }
}

pub(crate) fn text(text: &str) -> Cell {
    Cell::Text(text.into())
}

pub(crate) fn texts(texts: &[&str]) -> Cell {
    Cell::Texts(texts.iter().map(|text| Text::from(*text)).collect::<Vec<_>>().into())
}

/// Adele of the Graph example data.
pub(crate) fn adele() -> Record {
    record(&[
        ("id", text("6513270e")),
        ("displayName", text("Adele Vance")),
        ("givenName", text("Adele")),
        ("surname", text("Vance")),
        ("mail", text("AdeleV@contoso.example")),
        ("businessPhones", texts(&["+1 425 555 0109"])),
        ("mobilePhone", text("+1 425 555 0109")),
        ("department", text("Retail")),
        ("officeLocation", text("18/2111")),
        ("usageLocation", text("US")),
        ("employeeId", text("1000")),
        ("accountEnabled", Cell::Boolean(true)),
        ("level", Cell::Integer(7)),
        ("faxNumber", Cell::None),
        ("msRTCSIP-Line", text("tel:+14255550109;ext=0109")),
        ("photo", Cell::Bytes(Arc::from([1u8, 2].as_slice()))),
    ])
}

/// The candidates of one expression for Adele, joined by `|`; of an error its text.
pub(crate) fn gives(key: &str, expression: &str) -> String {
    let rules = compile(&[(key, expression)], "fn shout(x) { x.to_upper() + \"!\" }");
    match rules.fields(&adele()) {
        Ok(all) => all[&Field::by_key(key).unwrap()].iter().map(plain).collect::<Vec<_>>().join("|"),
        Err(found) => shown(&found),
    }
}

fn plain(value: &Value) -> String {
    match value {
        Value::Text(text) => text.to_string(),
        Value::List(list) => format!("{list:?}"),
        Value::Secret(secret) | Value::Drawn(secret) => format!("secret {}", secret.expose()),
        Value::Random(digits) => format!("random {digits}"),
    }
}
