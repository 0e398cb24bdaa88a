//! Operations: the single calls to the phone system that a change is made of.

use crate::field::{Field, Fields, Value};
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
