//! A parsed file as an owned tree in which every node knows its bytes, and the merging of several such trees.

use std::collections::BTreeMap;

use rollcall_core::{Text, diag::line_and_column};
use toml::de::{DeTable, DeValue};

use crate::spans::{At, Source};

/// A table's entries, by key.
pub(crate) type Table = BTreeMap<Text, Node>;

/// One value with its place.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    /// Where its key stands; of an array's member the member itself.
    pub(crate) key: At,
    /// Where its value stands; of a table that was written with a header the header.
    pub(crate) at: At,
    /// What it is.
    pub(crate) kind: Kind,
}

/// What a node holds.
#[derive(Clone, Debug)]
pub(crate) enum Kind {
    Text(Text),
    Integer(i64),
    Float(f64),
    Boolean(bool),
    /// A date, a time or both, as written.
    Moment(Text),
    Array(Vec<Node>),
    Table(Table),
    /// A number that TOML allows and that fits nothing here.
    Unusable,
}

impl Kind {
    /// Names the type for a message.
    pub(crate) const fn word(&self) -> &'static str {
        match self {
            Kind::Text(_) => "text",
            Kind::Integer(_) | Kind::Unusable => "a whole number",
            Kind::Float(_) => "a decimal number",
            Kind::Boolean(_) => "true or false",
            Kind::Moment(_) => "a date or time",
            Kind::Array(_) => "a list",
            Kind::Table(_) => "a table",
        }
    }
}

/// Makes a parsed table an owned one.
pub(crate) fn table(source: usize, parsed: &DeTable<'_>) -> Table {
    parsed
        .iter()
        .map(|(key, value)| {
            let key_at = At { source, bytes: key.span() };
            let at = At { source, bytes: value.span() };
            (Text::from(&**key.get_ref()), Node { key: key_at, at, kind: kind(source, value.get_ref()) })
        })
        .collect()
}

fn kind(source: usize, value: &DeValue<'_>) -> Kind {
    match value {
        DeValue::String(text) => Kind::Text(Text::from(&**text)),
        DeValue::Integer(number) => {
            i64::from_str_radix(number.as_str(), number.radix()).map_or(Kind::Unusable, Kind::Integer)
        }
        DeValue::Float(number) => number.as_str().parse().map_or(Kind::Unusable, Kind::Float),
        DeValue::Boolean(yes) => Kind::Boolean(*yes),
        DeValue::Datetime(moment) => Kind::Moment(moment.to_string().into()),
        DeValue::Array(members) => Kind::Array(
            members
                .iter()
                .map(|member| {
                    let at = At { source, bytes: member.span() };
                    Node { key: at.clone(), at, kind: kind(source, member.get_ref()) }
                })
                .collect(),
        ),
        DeValue::Table(entries) => Kind::Table(table(source, entries)),
    }
}

/// A key that two files give.
pub(crate) struct Twice {
    /// Its path, with dots.
    pub(crate) path: String,
    /// Where it stands for the second time.
    pub(crate) at: At,
    /// Where it stands first.
    pub(crate) first: At,
}

impl Twice {
    /// Says what is wrong, naming the first place.
    pub(crate) fn message(&self, sources: &[Source]) -> String {
        let first = sources.get(self.first.source).map_or_else(String::new, |source| {
            let (line, _) = line_and_column(&source.text, self.first.bytes.start);
            format!(" in `{}`, line {line}", source.file)
        });
        format!("`{}` stands{first} too", self.path)
    }
}

/// Merges `from` into `into`: tables by their entries; any other key that both have is reported and stays as it was.
pub(crate) fn merge(into: &mut Table, from: Table, path: &str, twice: &mut Vec<Twice>) {
    for (key, node) in from {
        let path = if path.is_empty() { key.to_string() } else { format!("{path}.{key}") };
        match into.get_mut(&key) {
            None => {
                into.insert(key, node);
            }
            Some(Node { kind: Kind::Table(known), .. }) if matches!(node.kind, Kind::Table(_)) => {
                if let Kind::Table(entries) = node.kind {
                    merge(known, entries, &path, twice);
                }
            }
            Some(known) => twice.push(Twice { path, at: node.key, first: known.key.clone() }),
        }
    }
}

/// Collects the place of every key: of a table its key, of anything else its value.
pub(crate) fn places(table: &Table, path: &mut Vec<Text>, into: &mut BTreeMap<Vec<Text>, At>) {
    for (key, node) in table {
        path.push(key.clone());
        place(node, path, into);
        path.pop();
    }
}

fn place(node: &Node, path: &mut Vec<Text>, into: &mut BTreeMap<Vec<Text>, At>) {
    match &node.kind {
        Kind::Table(entries) => {
            into.insert(path.clone(), node.key.clone());
            places(entries, path, into);
        }
        Kind::Array(members) => {
            into.insert(path.clone(), node.at.clone());
            for (index, member) in members.iter().enumerate() {
                path.push(index.to_string().into());
                place(member, path, into);
                path.pop();
            }
        }
        _ => {
            into.insert(path.clone(), node.at.clone());
        }
    }
}
