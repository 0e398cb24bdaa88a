//! How core's values stand in the database: JSON shapes of this crate's own, codes sealed.

use std::borrow::Cow;
use std::collections::BTreeMap;

use rollcall_core::field::{Field, Fields, Value};
use rollcall_core::ops::Write;
use rollcall_core::script::ExtensionKind;
use rollcall_core::{Secret, Text};
use rollcall_edges::state::StateError;
use serde::{Deserialize, Serialize};

use crate::seal::{Seal, damaged};

/// A value.
#[derive(Serialize, Deserialize)]
pub(crate) enum Held {
    #[serde(rename = "t")]
    Text(String),
    #[serde(rename = "l")]
    List(Vec<String>),
    #[serde(rename = "s")]
    Sealed(String),
    /// A code that the state keeps beside the plan, by its place there.
    #[serde(rename = "k")]
    Kept(u32),
    /// A code of so many digits that is drawn when the user is written.
    #[serde(rename = "r")]
    Random(u8),
    /// A code that was drawn and not handed over yet.
    #[serde(rename = "d")]
    Drawn(Box<Held>),
}

/// How a drawn code begins in JSON.
pub(crate) const DRAWN: &str = "{\"d\":";

/// Says what stands for a code.
pub(crate) type Hide<'a> = &'a mut dyn FnMut(&Secret) -> Result<Held, StateError>;
/// Gives the code that something stands for.
pub(crate) type Show<'a> = &'a mut dyn FnMut(&Held) -> Result<Secret, StateError>;

/// A word of this program's own, such as a field's key.
pub(crate) type Word = Cow<'static, str>;

/// Fields by key.
pub(crate) type HeldFields = BTreeMap<Word, Held>;

/// Copies a text, as `to_string` would, which formats a shared one letter by letter.
pub(crate) fn copied(text: &Text) -> String {
    (**text).to_owned()
}

/// An operation.
#[derive(Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "snake_case")]
enum Op {
    CreateExtension { number: String, template: Option<String>, kind: Option<String>, system: String },
    CreateUser { fields: HeldFields, system: String, template: Option<String> },
    UpdateUser { guid: String, expect: Vec<(Word, Option<Held>)>, set: Vec<(Word, Option<Held>)> },
    Adopt { guid: String, expect: Vec<(Word, Option<Held>)> },
    Release { guid: String },
    RenumberExtension { from: String, to: String },
    AddMember { group: String, guid: String },
    RemoveMember { group: String, guid: String },
    DeleteUser { guid: String },
    DeleteExtension { number: String },
}

/// Turns values into shapes and back, for one row.
pub(crate) struct Shaper<'a> {
    pub(crate) seal: &'a Seal,
    /// What the row is called: codes are bound to it.
    pub(crate) row: &'a str,
}

impl Shaper<'_> {
    pub(crate) fn fields(&self, fields: &Fields) -> Result<String, StateError> {
        json(&self.held_fields(fields)?)
    }

    pub(crate) fn fields_back(&self, text: &str) -> Result<Fields, StateError> {
        self.back_fields(parse(text)?)
    }

    pub(crate) fn write(&self, write: &Write) -> Result<String, StateError> {
        let pairs = |pairs: &[(Field, Option<Value>)]| {
            pairs
                .iter()
                .map(|(field, value)| {
                    Ok((field.key().into(), value.as_ref().map(|v| self.held(v)).transpose()?))
                })
                .collect::<Result<Vec<_>, StateError>>()
        };
        json(&match write {
            Write::CreateExtension { number, kind, system } => {
                let (template, kind) = match kind {
                    ExtensionKind::Template(name) => (Some(copied(name)), None),
                    ExtensionKind::Type(name) => (None, Some(copied(name))),
                };
                Op::CreateExtension { number: copied(number), template, kind, system: copied(system) }
            }
            Write::CreateUser { fields, system, template } => Op::CreateUser {
                fields: self.held_fields(fields)?,
                system: copied(system),
                template: template.as_ref().map(copied),
            },
            Write::UpdateUser { guid, expect, set } => {
                Op::UpdateUser { guid: copied(guid), expect: pairs(expect)?, set: pairs(set)? }
            }
            Write::Adopt { guid, expect } => Op::Adopt { guid: copied(guid), expect: pairs(expect)? },
            Write::Release { guid } => Op::Release { guid: copied(guid) },
            Write::RenumberExtension { from, to } => {
                Op::RenumberExtension { from: copied(from), to: copied(to) }
            }
            Write::AddMember { group, guid } => Op::AddMember { group: copied(group), guid: copied(guid) },
            Write::RemoveMember { group, guid } => {
                Op::RemoveMember { group: copied(group), guid: copied(guid) }
            }
            Write::DeleteUser { guid } => Op::DeleteUser { guid: copied(guid) },
            Write::DeleteExtension { number } => Op::DeleteExtension { number: copied(number) },
        })
    }

    /// Gives an operation again without the codes that were drawn for it; `None` where it has none.
    pub(crate) fn forgotten(&self, text: &str) -> Result<Option<String>, StateError> {
        // No text of a value can hold these characters: within it a quotation mark is escaped.
        if !text.contains(DRAWN) {
            return Ok(None);
        }
        let Write::CreateUser { mut fields, system, template } = self.write_back(text)? else {
            return Ok(None);
        };
        for value in fields.values_mut() {
            *value = value.remembered();
        }
        self.write(&Write::CreateUser { fields, system, template }).map(Some)
    }

    pub(crate) fn write_back(&self, text: &str) -> Result<Write, StateError> {
        let pairs = |pairs: Vec<(Word, Option<Held>)>| {
            pairs
                .into_iter()
                .map(|(key, held)| Ok((field(&key)?, held.map(|held| self.back(held)).transpose()?)))
                .collect::<Result<Vec<_>, StateError>>()
        };
        Ok(match parse::<Op>(text)? {
            Op::CreateExtension { number, template, kind, system } => {
                let kind = match (template, kind) {
                    (Some(name), _) => ExtensionKind::Template(name.into()),
                    (None, kind) => ExtensionKind::Type(kind.unwrap_or_default().into()),
                };
                Write::CreateExtension { number: number.into(), kind, system: system.into() }
            }
            Op::CreateUser { fields, system, template } => Write::CreateUser {
                fields: self.back_fields(fields)?,
                system: system.into(),
                template: template.map(Text::from),
            },
            Op::UpdateUser { guid, expect, set } => {
                Write::UpdateUser { guid: guid.into(), expect: pairs(expect)?, set: pairs(set)? }
            }
            Op::Adopt { guid, expect } => Write::Adopt { guid: guid.into(), expect: pairs(expect)? },
            Op::Release { guid } => Write::Release { guid: guid.into() },
            Op::RenumberExtension { from, to } => {
                Write::RenumberExtension { from: from.into(), to: to.into() }
            }
            Op::AddMember { group, guid } => Write::AddMember { group: group.into(), guid: guid.into() },
            Op::RemoveMember { group, guid } => {
                Write::RemoveMember { group: group.into(), guid: guid.into() }
            }
            Op::DeleteUser { guid } => Write::DeleteUser { guid: guid.into() },
            Op::DeleteExtension { number } => Write::DeleteExtension { number: number.into() },
        })
    }

    fn held_fields(&self, fields: &Fields) -> Result<HeldFields, StateError> {
        fields.iter().map(|(field, value)| Ok((field.key().into(), self.held(value)?))).collect()
    }

    fn back_fields(&self, fields: HeldFields) -> Result<Fields, StateError> {
        fields.into_iter().map(|(key, held)| Ok((field(&key)?, self.back(held)?))).collect()
    }

    fn held(&self, value: &Value) -> Result<Held, StateError> {
        held_value(value, &mut |code| Ok(Held::Sealed(self.seal.seal(code, self.row)?)))
    }

    fn back(&self, held: Held) -> Result<Value, StateError> {
        back_value(held, &mut |held| self.shown(held))
    }

    /// Opens a code that was sealed for this row.
    pub(crate) fn shown(&self, held: &Held) -> Result<Secret, StateError> {
        match held {
            Held::Sealed(text) => self.seal.unseal(text, self.row),
            _ => Err(damaged("a code is not sealed")),
        }
    }
}

/// Gives a value its shape.
pub(crate) fn held_value(value: &Value, hide: Hide<'_>) -> Result<Held, StateError> {
    Ok(match value {
        Value::Text(text) => Held::Text(copied(text)),
        Value::List(list) => Held::List(list.iter().map(copied).collect()),
        Value::Secret(code) => hide(code)?,
        Value::Random(digits) => Held::Random(*digits),
        Value::Drawn(code) => Held::Drawn(Box::new(hide(code)?)),
    })
}

/// Makes a value of its shape.
pub(crate) fn back_value(held: Held, show: Show<'_>) -> Result<Value, StateError> {
    Ok(match held {
        Held::Text(text) => Value::Text(text.into()),
        Held::List(list) => Value::List(list.into_iter().map(Text::from).collect()),
        Held::Sealed(_) | Held::Kept(_) => Value::Secret(show(&held)?),
        Held::Random(digits) => Value::Random(digits),
        Held::Drawn(sealed) => Value::Drawn(show(&sealed)?),
    })
}

pub(crate) fn field(key: &str) -> Result<Field, StateError> {
    Field::by_key(key).ok_or_else(|| damaged(&format!("`{key}` is no field")))
}

/// Writes any shape.
pub(crate) fn json(shape: &impl Serialize) -> Result<String, StateError> {
    serde_json::to_string(shape).map_err(|error| damaged(&error.to_string()))
}

/// Reads any shape.
pub(crate) fn parse<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, StateError> {
    serde_json::from_str(text).map_err(|error| damaged(&error.to_string()))
}
