//! The phone system as it stands: systems in a network, users, extensions, groups, templates, licences.

use std::collections::BTreeMap;

use crate::field::{Field, Fields, text_of};
use crate::text::{Guid, Text, fold};

/// One user of the phone system.
#[derive(Clone, Debug, PartialEq)]
pub struct PhoneUser {
    /// Its immutable name on the phone system.
    pub guid: Guid,
    /// `Name`, `FullName`, `Email`, `Extension`, `MobileTwinningNumber`, `GroupMembership` and the codes, as far as
    /// the phone system lets them be read.
    pub fields: Fields,
    /// The name of the system that it is configured on.
    pub system: Text,
    /// The profile as Avaya prints it (`Power User`).
    pub profile: Option<Text>,
    /// The user template that it was made from, where that is known.
    pub user_template: Option<Text>,
    /// A digest of everything the phone system tells of this user; equal digests mean nothing has moved.
    pub fingerprint: [u8; 16],
}

impl PhoneUser {
    /// Gives the phone user's Name.
    pub fn name(&self) -> &str {
        text_of(&self.fields, Field::Name).unwrap_or_default()
    }

    /// Gives its extension number.
    pub fn extension(&self) -> Option<&str> {
        text_of(&self.fields, Field::Extension)
    }

    /// Tells whether it is one of the users that come with the system.
    pub fn built_in(&self) -> bool {
        crate::constraint::reserved_name(self.name())
    }
}

/// One system of the network.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct System {
    /// Its name.
    pub name: Text,
    /// Whether it is the primary server.
    pub primary: bool,
    /// Its host name.
    pub fqdn: Option<Text>,
    /// Its first address.
    pub lan1: Option<Text>,
    /// Its second address.
    pub lan2: Option<Text>,
    /// How many users fit, where that is known. `None`: not limited here.
    pub max_users: Option<u32>,
}

/// One extension record. It is an object apart from its user; the two are tied by the equal number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extension {
    /// Its immutable name on the phone system.
    pub guid: Guid,
    /// Its number.
    pub number: Text,
    /// The system that it is configured on.
    pub system: Text,
    /// `H323`, `SIP`, `IP DECT`, `SIP DECT`, or what the phone system says.
    pub kind: Option<Text>,
    /// The extension template it was made from, where that is known.
    pub template: Option<Text>,
    /// Whether it is a port of the hardware, which cannot be made or deleted.
    pub hardware: bool,
}

/// One hunt group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// Its name.
    pub name: Text,
    /// Its number.
    pub extension: Option<Text>,
    /// The system that owns it.
    pub system: Text,
}

/// A user template.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct UserTemplate {
    /// Its name.
    pub name: Text,
    /// The profile that it gives, as Avaya prints it.
    pub profile: Option<Text>,
    /// The elements that it sets, by the phone system's own names.
    pub values: BTreeMap<Text, Text>,
}

/// An extension template.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct ExtensionTemplate {
    /// Its name.
    pub name: Text,
    /// `H323`, `SIP`, `IP DECT` or `SIP DECT`.
    pub kind: Option<Text>,
    /// The elements that it sets, by the phone system's own names.
    pub values: BTreeMap<Text, Text>,
}

/// Licences of one profile.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Licence {
    /// The profile (`Power User`) as Avaya prints it.
    pub profile: Text,
    /// How many there are.
    pub quantity: u32,
    /// How many are in use.
    pub used: u32,
}

/// One consistent view of the whole phone system.
#[derive(Clone, Debug, Default)]
pub struct Standing {
    /// The systems; exactly one is primary.
    pub systems: Vec<System>,
    /// The users.
    pub users: BTreeMap<Guid, PhoneUser>,
    /// The extension records.
    pub extensions: Vec<Extension>,
    /// The hunt groups.
    pub groups: Vec<Group>,
    /// The user templates by name.
    pub user_templates: BTreeMap<Text, UserTemplate>,
    /// The extension templates by name.
    pub extension_templates: BTreeMap<Text, ExtensionTemplate>,
    /// The licences that are counted; a profile that is not listed is not limited.
    pub licences: Vec<Licence>,
    /// Systems that are listed or linked to and did not answer. Not empty: the view is incomplete (exit 14).
    pub unreached: Vec<Text>,
}

impl Standing {
    /// Finds a system by name, FQDN, LAN1 or LAN2 address, without regard to case.
    pub fn system(&self, value: &str) -> Option<&System> {
        let wanted = fold(value);
        let is = |text: &Option<Text>| text.as_deref().is_some_and(|text| fold(text) == wanted);
        self.systems
            .iter()
            .find(|system| fold(&system.name) == wanted)
            .or_else(|| self.systems.iter().find(|s| is(&s.fqdn) || is(&s.lan1) || is(&s.lan2)))
    }

    /// Gives the primary system.
    pub fn primary(&self) -> Option<&System> {
        self.systems.iter().find(|system| system.primary).or(self.systems.first())
    }

    /// Finds a hunt group by name, without regard to case.
    pub fn group(&self, name: &str) -> Option<&Group> {
        let wanted = fold(name);
        self.groups.iter().find(|group| fold(&group.name) == wanted)
    }

    /// Finds the extension record of a number.
    pub fn extension(&self, number: &str) -> Option<&Extension> {
        self.extensions.iter().find(|extension| &*extension.number == number)
    }
}

/// What a phone system can be asked to write. What is missing is known at preview, not at apply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Abilities {
    /// The fields that can be written.
    pub fields: Vec<Field>,
    /// Whether extension records can be made and deleted.
    pub extensions: bool,
}

impl Abilities {
    /// Everything, as the embedded office can.
    pub fn all() -> Self {
        Self { fields: Field::ALL.to_vec(), extensions: true }
    }

    /// Tells whether a field can be written.
    pub fn writes(&self, field: Field) -> bool {
        self.fields.contains(&field)
    }
}
