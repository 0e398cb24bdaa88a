//! Operations: the single calls to the phone system that a change is made of.

use crate::field::{Field, Fields, Value};
use crate::plan::{Action, Change, group_moves};
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
            Write::DeleteUser { .. }
                | Write::DeleteExtension { .. }
                | Write::AddMember { .. }
                | Write::RemoveMember { .. }
        )
    }
}

/// Gives the calls of a change before its phone user is known: for a create the extension record and the user, for an
/// update or a delete everything. `parked` are the temporary values that the user holds at this point.
pub fn writes(change: &Change, parked: &[(Field, Value)]) -> Vec<Write> {
    match (change.action, &change.guid) {
        (Action::Create, _) => create(change),
        (Action::Update, Some(guid)) => update(change, guid, parked),
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
