//! An office file's contents as plain data, whether they were written by hand, exported, or read from Web Manager.

use rollcall_core::phone::{ExtensionTemplate, System, UserTemplate};
use rollcall_core::{Guid, Text};

use crate::model::Elements;

/// Everything that an office begins with, or that is added to one.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OfficeFile {
    /// The systems; where none is marked as primary, the first is.
    pub systems: Vec<System>,
    /// The users that stand there already.
    pub users: Vec<UserEntry>,
    /// The extension records.
    pub extensions: Vec<ExtensionEntry>,
    /// The hunt groups.
    pub groups: Vec<GroupEntry>,
    /// The licences that are counted.
    pub licences: Vec<LicenceEntry>,
    /// The user templates.
    pub user_templates: Vec<UserTemplate>,
    /// The extension templates.
    pub extension_templates: Vec<ExtensionTemplate>,
}

impl OfficeFile {
    /// An office with a single primary system named `Primary` and nothing else.
    pub fn plain() -> Self {
        let system = System { name: "Primary".into(), primary: true, ..System::default() };
        Self { systems: vec![system], ..Self::default() }
    }
}

/// A user that stands there already.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct UserEntry {
    /// Its GUID, where it is to keep one.
    pub guid: Option<Guid>,
    /// The system by name.
    pub system: Text,
    /// The template that it was made from.
    pub user_template: Option<Text>,
    /// All elements.
    pub elements: Elements,
    /// The hunt groups that it is a member of.
    pub groups: Vec<Text>,
}

/// An extension record that stands there already.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ExtensionEntry {
    /// Its GUID, where it is to keep one.
    pub guid: Option<Guid>,
    /// Its number.
    pub number: Text,
    /// The system by name.
    pub system: Text,
    /// `H323`, `SIP`, `IP DECT`, `SIP DECT`, or what a real system says.
    pub kind: Option<Text>,
    /// The template that it was made from.
    pub template: Option<Text>,
    /// Whether it is a port of the hardware.
    pub hardware: bool,
    /// All elements.
    pub elements: Elements,
}

/// A hunt group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GroupEntry {
    /// Its name.
    pub name: Text,
    /// Its number.
    pub extension: Option<Text>,
    /// The system by name.
    pub system: Text,
    /// Its members by name or number.
    pub members: Vec<Text>,
}

/// Licences of a profile.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LicenceEntry {
    /// The profile as Avaya prints it.
    pub profile: Text,
    /// How many there are.
    pub quantity: u32,
}
