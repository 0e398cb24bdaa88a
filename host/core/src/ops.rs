//! Operations: the single calls to the phone system that a change is made of.

use std::borrow::Cow;

use crate::field::{Field, Fields, Value};
use crate::groups::group_moves;
use crate::plan::{Action, Change};
use crate::script::ExtensionKind;
use crate::text::{Guid, Text};

/// One call to the phone system.
#[derive(Clone, Debug, PartialEq)]
pub enum Write {
    /// Makes an extension record.
    CreateExtension {
        /// Its number.
        number: Text,
        /// The template or type.
        kind: ExtensionKind,
        /// The system by name.
        system: Text,
    },
    /// Makes a user. Fields that are absent get the template's or the system's default.
    CreateUser {
        /// Name, full name, e-mail, extension, twinning number and codes; never groups.
        fields: Fields,
        /// The system by name.
        system: Text,
        /// The user template by name.
        template: Option<Text>,
    },
    /// Changes some fields of a user and carries over everything else.
    UpdateUser {
        /// The user.
        guid: Guid,
        /// The values that the plan saw. A field that holds something else now is stale, and nothing is written.
        expect: Vec<(Field, Option<Value>)>,
        /// The values to write; `None` clears. Never groups.
        set: Vec<(Field, Option<Value>)>,
    },
    /// Finds a user that stands already as the plan saw it, so that the job may own it. Nothing is written to it.
    Adopt {
        /// The user.
        guid: Guid,
        /// The values that the plan saw. A field that holds something else now is stale, and the user is not adopted.
        expect: Vec<(Field, Option<Value>)>,
    },
    /// Lets a user go that the job owned. Nothing is written to it.
    Release {
        /// The user.
        guid: Guid,
    },
    /// Gives an extension record another number.
    RenumberExtension {
        /// The number it has.
        from: Text,
        /// The number it gets.
        to: Text,
    },
    /// Makes a user a member of a hunt group.
    AddMember {
        /// The group by name.
        group: Text,
        /// The user.
        guid: Guid,
    },
    /// Takes a user out of a hunt group.
    RemoveMember {
        /// The group by name.
        group: Text,
        /// The user.
        guid: Guid,
    },
    /// Deletes a user with its memberships.
    DeleteUser {
        /// The user.
        guid: Guid,
    },
    /// Deletes the extension record of a number.
    DeleteExtension {
        /// Its number.
        number: Text,
    },
}

impl Write {
    /// Tells whether doing it twice is the same as doing it once, so that a lost answer may be asked for again.
    pub const fn repeatable(&self) -> bool {
        matches!(
            self,
            Write::Adopt { .. }
                | Write::Release { .. }
                | Write::DeleteUser { .. }
                | Write::DeleteExtension { .. }
                | Write::AddMember { .. }
                | Write::RemoveMember { .. }
        )
    }

    /// Gives the call as the phone system gets it: there a drawn code is a code like any other.
    pub fn sent(&self) -> Cow<'_, Write> {
        match self {
            Write::CreateUser { fields, system, template }
                if fields.values().any(|value| matches!(value, Value::Drawn(_))) =>
            {
                let plain = |value: &Value| match value {
                    Value::Drawn(code) => Value::Secret(code.clone()),
                    other => other.clone(),
                };
                Cow::Owned(Write::CreateUser {
                    fields: fields.iter().map(|(field, value)| (*field, plain(value))).collect(),
                    system: system.clone(),
                    template: template.clone(),
                })
            }
            other => Cow::Borrowed(other),
        }
    }
}

/// Gives the calls of a change before its phone user is known: for a create the extension record and the user, for an
/// update, an adoption or a delete everything. `parked` are the temporary values that the user holds at this point.
pub fn writes(change: &Change, parked: &[(Field, Value)]) -> Vec<Write> {
    match (change.action, &change.guid) {
        (Action::Create, _) => create(change),
        (Action::Update, Some(guid)) => {
            let release = change.unlinks.then(|| Write::Release { guid: guid.clone() });
            update(change, guid, parked).into_iter().chain(release).collect()
        }
        (Action::Adopt, Some(guid)) => {
            let expect = change.adoption.as_ref().map(|adoption| adoption.seen.clone()).unwrap_or_default();
            let adopt = Write::Adopt { guid: guid.clone(), expect };
            std::iter::once(adopt).chain(update(change, guid, parked)).collect()
        }
        (Action::Delete, Some(guid)) => {
            let record = change.record.iter().map(|number| Write::DeleteExtension { number: number.clone() });
            std::iter::once(Write::DeleteUser { guid: guid.clone() }).chain(record).collect()
        }
        _ => Vec::new(),
    }
}

/// Gives the memberships that a create makes once its phone user is known.
pub fn memberships(change: &Change, guid: &Guid) -> Vec<Write> {
    group_moves(change).0.into_iter().map(|group| Write::AddMember { group, guid: guid.clone() }).collect()
}

/// Gives the calls that move a user, and the extension record that goes with its number, to a temporary value.
pub fn park(change: &Change, field: Field, value: &Text) -> Vec<Write> {
    let (Some(guid), Some(planned)) = (&change.guid, change.field(field)) else { return Vec::new() };
    let user = Write::UpdateUser {
        guid: guid.clone(),
        expect: vec![(field, planned.from.clone())],
        set: vec![(field, Some(Value::Text(value.clone())))],
    };
    let record = change.record.as_ref().filter(|_| field == Field::Extension);
    let record = record.map(|from| Write::RenumberExtension { from: from.clone(), to: value.clone() });
    std::iter::once(user).chain(record).collect()
}

fn create(change: &Change) -> Vec<Write> {
    let system = change.system.clone().unwrap_or_default();
    let birth = change.birth.clone().unwrap_or_default();
    let record = birth.extension.zip(change.extension.clone());
    let record = record.map(|(kind, number)| Write::CreateExtension { number, kind, system: system.clone() });
    let fields = change
        .fields
        .iter()
        .filter(|field| field.field != Field::GroupMembership)
        .filter_map(|field| Some((field.field, field.to.clone()?)))
        .collect();
    record.into_iter().chain([Write::CreateUser { fields, system, template: birth.user_template }]).collect()
}

fn update(change: &Change, guid: &Guid, parked: &[(Field, Value)]) -> Vec<Write> {
    let mut writes = Vec::new();
    let own = change.fields.iter().filter(|field| field.field != Field::GroupMembership);
    let (expect, set): (Vec<_>, Vec<_>) = own
        .map(|field| {
            let held = parked.iter().find(|(other, _)| *other == field.field).map(|(_, value)| value.clone());
            ((field.field, held.or(field.from.clone())), (field.field, field.to.clone()))
        })
        .unzip();
    if !set.is_empty() {
        writes.push(Write::UpdateUser { guid: guid.clone(), expect, set });
    }
    let temporary =
        parked.iter().find(|(field, _)| *field == Field::Extension).and_then(|(_, value)| value.text());
    if let (Some(record), Some(to)) = (&change.record, &change.extension) {
        let from = temporary.map_or_else(|| record.clone(), Text::from);
        if from != *to {
            writes.push(Write::RenumberExtension { from, to: to.clone() });
        }
    }
    let (added, removed) = group_moves(change);
    writes.extend(removed.into_iter().map(|group| Write::RemoveMember { group, guid: guid.clone() }));
    writes.extend(added.into_iter().map(|group| Write::AddMember { group, guid: guid.clone() }));
    writes
}
