//! `[fields]`: one expression a field, and how an update treats it.

use std::collections::BTreeMap;

use rollcall_core::policy::{FieldPolicy, OnUpdate, WhenEmpty};
use rollcall_core::{Field, Text, codes};

use crate::handover;
use crate::job::{FieldMap, Origin};
use crate::keys;
use crate::spans::At;
use crate::tree::{Kind, Node, Table};
use crate::values::words;
use crate::walk::{Section, Walk};

/// What `[fields]` gives.
#[derive(Default)]
pub(crate) struct Mapped {
    /// The expressions in the order of the fields.
    pub(crate) expressions: Vec<FieldMap>,
    /// How an update treats each mapped field, the random ones among them.
    pub(crate) policies: BTreeMap<Field, FieldPolicy>,
    /// How many digits each random code has.
    pub(crate) random: BTreeMap<Field, u8>,
}

/// What a field is made from.
enum Source {
    Expression(FieldMap),
    Random(u8),
}

/// Reads `[fields]`.
pub(crate) fn fields(walk: &mut Walk<'_>, root: &Section<'_>) -> Mapped {
    let mut mapped = Mapped::default();
    let mut asked = Vec::new();
    let nothing = Table::new();
    let section = match root.get("fields") {
        None => Section { path: "fields", at: root.at, table: &nothing },
        Some(_) => match walk.section(root, "fields", "fields") {
            Some(section) => section,
            None => return mapped,
        },
    };
    for field in Field::ALL {
        match section.get(field.key()) {
            Some(node) => {
                if let Kind::Table(table) = &node.kind
                    && let Some(random) = table.get("random").filter(|_| field.secret())
                {
                    asked.push((field, random));
                }
                let Some((source, policy)) = one(walk, &section, field, node) else { continue };
                match source {
                    Source::Expression(map) => mapped.expressions.push(map),
                    Source::Random(digits) => _ = mapped.random.insert(field, digits),
                }
                mapped.policies.insert(field, policy);
            }
            None if field.mandatory() => {
                let hint = match field {
                    Field::Name => "write `name = \"names::phone_name(user)\"`",
                    _ => "write the attribute that identifies a user: `user_identification = \"id\"`",
                };
                walk.missing(&section, field.key(), hint);
            }
            None => {}
        }
    }
    handover::needed(walk, root, &asked);
    mapped
}

fn one(
    walk: &mut Walk<'_>,
    section: &Section<'_>,
    field: Field,
    node: &Node,
) -> Option<(Source, FieldPolicy)> {
    let path = section.child(field.key());
    let mut policy = FieldPolicy::default_of(field);
    let expression = match &node.kind {
        Kind::Table(table) => {
            let section = Section { path: &path, at: &node.key, table };
            walk.known(&section, keys::FIELD);
            treat(walk, &section, field, &mut policy);
            if let Some(random) = section.get("random") {
                let digits = handover::random(walk, &section, field, random)?;
                return Some((Source::Random(digits), policy));
            }
            let Some(value) = section.get("value") else {
                walk.missing(&section, "value", "write the expression: `value = \"…\"`");
                return None;
            };
            value
        }
        _ => node,
    };
    let Kind::Text(text) = &expression.kind else {
        let hint = match expression.kind {
            Kind::Integer(_) | Kind::Unusable => {
                "a value is an expression in quotes, and a number for all is '\"1234\"'"
            }
            _ => "a value is one Rhai expression in quotes, such as \"displayName\"",
        };
        walk.wrong_type(&path, expression, "text", hint);
        return None;
    };
    if text.trim().is_empty() {
        walk.bad(&expression.at, format!("`{path}` is empty"), "write an expression, or leave the field out");
        return None;
    }
    let origin = origin(walk, &expression.at, text);
    Some((Source::Expression(FieldMap { field, expression: text.clone(), origin }), policy))
}

/// Reads `on_update` and `when_empty`; both concern updates, so a field that is never updated has neither.
fn treat(walk: &mut Walk<'_>, section: &Section<'_>, field: Field, policy: &mut FieldPolicy) {
    let update = [("always", OnUpdate::Always), ("once", OnUpdate::Once), ("never", OnUpdate::Never)];
    let empty = [("clear", WhenEmpty::Clear), ("keep", WhenEmpty::Keep)];
    if let Some(on_update) = walk.choice(section, "on_update", &update) {
        if field.updatable() || on_update == OnUpdate::Never {
            policy.on_update = on_update;
        } else {
            never_updated(walk, section, "on_update", field);
        }
    }
    if let Some(when_empty) = walk.choice(section, "when_empty", &empty) {
        if field.updatable() {
            policy.when_empty = when_empty;
        } else {
            never_updated(walk, section, "when_empty", field);
        }
    }
}

fn never_updated(walk: &mut Walk<'_>, section: &Section<'_>, key: &str, field: Field) {
    let Some(node) = section.get(key) else { return };
    let why = match field {
        Field::UserIdentification => "it ties the two users together",
        _ => "it is written for new users only",
    };
    let message = format!("`{}` is never updated: {why}", field.key());
    let updatable: Vec<&str> =
        Field::ALL.into_iter().filter(|field| field.updatable()).map(Field::key).collect();
    let hint = format!("take `{key}` out; it is for {}", words(&updatable).replace(" or ", " and "));
    walk.error(&node.at, codes::JOB_FIELD_POLICY, message, hint);
}

/// Says where the text of an expression stands between its quotes.
pub(crate) fn origin(walk: &Walk<'_>, at: &At, text: &Text) -> Option<Origin> {
    let source = walk.sources.get(at.source)?;
    let raw = source.text.get(at.bytes.clone())?;
    let quote = ["\"\"\"", "'''", "\"", "'"].into_iter().find(|quote| raw.starts_with(quote))?;
    let inner = raw.strip_prefix(quote)?.strip_suffix(quote)?;
    // TOML drops a line break that follows the opening quotes of a text over several lines.
    let trimmed = match quote.len() {
        3 => inner.strip_prefix("\r\n").or(inner.strip_prefix('\n')).unwrap_or(inner),
        _ => inner,
    };
    let start = at.bytes.start + quote.len() + (inner.len() - trimmed.len());
    Some(Origin {
        file: source.file.clone(),
        source: source.text.clone(),
        bytes: start..start + trimmed.len(),
        verbatim: trimmed == &**text,
    })
}
