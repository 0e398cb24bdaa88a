//! Where the phone system's elements meet the fields of a job: the only place that knows which element is which field.
//!
//! Element names are Avaya's own, as public clients and Web Manager's exports show them (ipoffice.md 3.1 and 3.2).
//! That mobile twinning is `TwinnedMobileNumber` with `TwinningType` 2 and `MobilityFeatures` on is read off an export
//! and a client's user interface. UNPROVEN for writes to a real system.

use std::borrow::Borrow;
use std::collections::BTreeMap;

use rollcall_core::phone::PhoneUser;
use rollcall_core::{Field, Fields, Guid, Secret, Text, Value};
use sha2::{Digest, Sha256};

use crate::profile;

/// A user's elements by Avaya's names, as text.
pub type Elements = BTreeMap<Text, Text>;

/// A name or text of an element: kept as [`Text`], or borrowed from where it is read.
pub trait Word: Borrow<str> + Ord + Clone + Into<Text> {}

impl<W: Borrow<str> + Ord + Clone + Into<Text>> Word for W {}

/// Names of elements that rollcall itself reads or writes.
pub mod element {
    /// The user's Name.
    pub const NAME: &str = "Name";
    /// The Full Name.
    pub const FULL_NAME: &str = "FullName";
    /// The extension number, also in an extension record.
    pub const EXTENSION: &str = "Extension";
    /// The voicemail e-mail address.
    pub const EMAIL: &str = "VoicemailEmail";
    /// The login code.
    pub const LOGIN_CODE: &str = "LoginCode";
    /// The voicemail code.
    pub const VOICEMAIL_CODE: &str = "VoicemailCode";
    /// The profile, as a number.
    pub const PACKAGE: &str = "AssignedPackage";
    /// The external number of mobile twinning.
    pub const TWINNED_NUMBER: &str = "TwinnedMobileNumber";
    /// 0 none, 1 internal, 2 mobile.
    pub const TWINNING_TYPE: &str = "TwinningType";
    /// Whether mobility features are on.
    pub const MOBILITY: &str = "MobilityFeatures";
}

/// Every element name that clients and exports have shown, for keys written otherwise (`voicemail_on`).
pub const KNOWN: [&str; 65] = [
    "AssignedPackage",
    "BlockForwarding",
    "BusyOnHeld",
    "CanControlACW",
    "CanIntrude",
    "CannotBeIntruded",
    "CoverageTime",
    "DNDExceptions",
    "DoNotDisturb",
    "ExpansionType",
    "Extension",
    "Flare",
    "FlareEnabled",
    "ForceAccountCode",
    "ForwardHuntGroupCalls",
    "ForwardNumber",
    "ForwardOnBusy",
    "ForwardUnconditional",
    "FullName",
    "IdleLinePreference",
    "InboundAutoRecord",
    "LoginCode",
    "ManualVRL",
    "MobilityFeatures",
    "Name",
    "NoAnswerTime",
    "OneXClient",
    "OneXTelecommuter",
    "OutOfHoursUserRights",
    "OutboundAutoRecord",
    "OutgoingCallBar",
    "PBXAddress",
    "Password",
    "PhoneType",
    "Priority",
    "Receptionist",
    "RemoteWorker",
    "ReplayAllRecordings",
    "ReplayOtherRecordings",
    "SIPContact",
    "SIPName",
    "SoftPhone",
    "SpecificBstType",
    "SystemName",
    "TwinnedMobileNumber",
    "TwinningType",
    "UMSWebServices",
    "UniqueIdentity",
    "UserRights",
    "UserRightsTimeProfile",
    "VoicemailCode",
    "VoicemailEmail",
    "VoicemailOn",
    "WebCollaboration",
    "WorkingHoursUserRightsGroup",
    "XDirectory",
    "CallerDisplayType",
    "Id",
    "Location",
    "Module",
    "Port",
    "TypeInfo",
    "Locale",
    "AuthenticationName",
    "MSTeamsClient",
];

/// Elements that belong to one person or to the phone system's own bookkeeping: no template carries them.
pub const PERSONAL: [&str; 17] = [
    "@GUID",
    "GUID",
    "AuthenticationName",
    "Etag",
    "Extension",
    "FullName",
    "Last-Modified",
    "LoginCode",
    "Name",
    "PBXAddress",
    "Password",
    "SIPContact",
    "SIPName",
    "SystemName",
    "TwinnedMobileNumber",
    "UniqueIdentity",
    "VoicemailEmail",
];

/// Tells whether an element belongs to one person; the voicemail code too.
pub fn personal(name: &str) -> bool {
    PERSONAL.contains(&name) || name == element::VOICEMAIL_CODE
}

/// Finds the element that a key means: `VoicemailOn`, `voicemail_on` and `voicemailon` are one. A key that starts with
/// a capital letter and is not known is taken as Avaya's own name, for there are hundreds that nobody has listed.
pub fn element_of_key(key: &str) -> Option<Text> {
    let plain = |text: &str| -> String {
        text.chars().filter(|c| !matches!(c, '_' | '-')).flat_map(char::to_lowercase).collect()
    };
    let wanted = plain(key);
    if let Some(known) = KNOWN.iter().find(|known| plain(known) == wanted) {
        return Some((*known).into());
    }
    key.starts_with(|c: char| c.is_ascii_uppercase()).then(|| key.into())
}

/// Gives the elements of a new user that no template fills: Web Manager's "default user settings" as far as they are
/// known (priority 5, voicemail on; ipoffice.md 2.1), and the switches that a Basic User has off (P1).
pub fn defaults() -> Elements {
    let off = [
        "CanIntrude",
        "DoNotDisturb",
        "FlareEnabled",
        "ForceAccountCode",
        "OneXClient",
        "OneXTelecommuter",
        "OutgoingCallBar",
        "Receptionist",
        "RemoteWorker",
        "UMSWebServices",
        "WebCollaboration",
        "XDirectory",
        element::MOBILITY,
    ];
    let mut elements: Elements = off.into_iter().map(|name| (name.into(), "false".into())).collect();
    let set = [
        ("VoicemailOn", "true"),
        ("Priority", "5"),
        (element::TWINNING_TYPE, "0"),
        ("CannotBeIntruded", "true"),
    ];
    elements.extend(set.into_iter().map(|(name, value)| (name.into(), value.into())));
    elements.insert(element::PACKAGE.into(), profile::package(profile::DEFAULT));
    elements
}

/// The element that holds a field; `None` for fields that no single element holds.
pub const fn element_of(field: Field) -> Option<&'static str> {
    match field {
        Field::Name => Some(element::NAME),
        Field::FullName => Some(element::FULL_NAME),
        Field::Email => Some(element::EMAIL),
        Field::Extension => Some(element::EXTENSION),
        Field::MobileTwinningNumber => Some(element::TWINNED_NUMBER),
        Field::LoginCode => Some(element::LOGIN_CODE),
        Field::VoicemailCode => Some(element::VOICEMAIL_CODE),
        Field::UserIdentification | Field::GroupMembership | Field::UserProvisioningRule | Field::System => {
            None
        }
    }
}

/// Reads one field from the elements. An empty element is "not set", and so is a twinning number while mobile twinning
/// is off.
pub fn value<W: Word>(elements: &BTreeMap<W, W>, field: Field) -> Option<Value> {
    let text = elements.get(element_of(field)?).filter(|text| !str_of(*text).is_empty())?;
    if field == Field::MobileTwinningNumber
        && elements.get(element::TWINNING_TYPE).is_some_and(|kind| str_of(kind) != "2")
    {
        return None;
    }
    let text: Text = text.clone().into();
    Some(if field.secret() { Value::Secret(Secret::new(text)) } else { Value::Text(text) })
}

fn str_of(word: &impl Borrow<str>) -> &str {
    word.borrow()
}

/// Reads the fields from the elements and the names of the user's hunt groups.
pub fn fields<W: Word>(elements: &BTreeMap<W, W>, groups: &[Text]) -> Fields {
    let mut fields: Fields =
        Field::ALL.into_iter().filter_map(|field| Some((field, value(elements, field)?))).collect();
    if let Some(groups) = Value::list_of(groups.iter().cloned()) {
        fields.insert(Field::GroupMembership, groups);
    }
    fields
}

/// Writes one field into the elements; `None` empties it. Gives false for a field that no element holds.
pub fn set(elements: &mut Elements, field: Field, value: Option<&Value>) -> bool {
    let Some(name) = element_of(field) else { return false };
    let text = match value {
        Some(Value::Text(text)) => text.clone(),
        Some(Value::Secret(secret) | Value::Drawn(secret)) => secret.expose().into(),
        // A code that is not drawn yet is no text either: the engine draws it before the write.
        Some(Value::List(_) | Value::Random(_)) => return false,
        None => Text::from(""),
    };
    if field == Field::MobileTwinningNumber {
        let on = !text.is_empty();
        let was_mobile = elements.get(element::TWINNING_TYPE).is_none_or(|kind| &**kind == "2");
        // Internal twinning is somebody's choice that has nothing to do with the mobile number: clearing leaves it.
        if on || was_mobile {
            elements.insert(element::TWINNING_TYPE.into(), if on { "2" } else { "0" }.into());
            elements.insert(element::MOBILITY.into(), if on { "true" } else { "false" }.into());
        }
    }
    // An element that was never there stays away rather than standing empty.
    if !text.is_empty() || elements.contains_key(name) {
        elements.insert(name.into(), text);
    }
    true
}

/// Gives the digest by which a plan sees that something of a user has moved: elements, groups and system. The Etag and
/// the time of the last change are not part of it, so that a write that changes nothing moves nothing.
pub fn fingerprint<W: Word>(elements: &BTreeMap<W, W>, groups: &[Text], system: &str) -> [u8; 16] {
    let mut hash = Sha256::new();
    let mut part = |text: &str| {
        hash.update((text.len() as u64).to_le_bytes());
        hash.update(text.as_bytes());
    };
    let words = elements.iter().map(|(name, text)| (str_of(name), str_of(text)));
    for (name, text) in words.filter(|(name, _)| !matches!(*name, "Etag" | "Last-Modified")) {
        part(name);
        part(text);
    }
    part("groups");
    let mut sorted: Vec<&Text> = groups.iter().collect();
    sorted.sort();
    sorted.into_iter().for_each(|group| part(group));
    part("system");
    part(system);
    let digest = hash.finalize();
    std::array::from_fn(|index| digest[index])
}

/// Makes the phone user of core from everything that is known of it.
pub fn phone_user<W: Word>(
    guid: Guid,
    elements: &BTreeMap<W, W>,
    groups: &[Text],
    system: Text,
    template: Option<Text>,
) -> PhoneUser {
    PhoneUser {
        guid,
        fields: fields(elements, groups),
        profile: elements.get(element::PACKAGE).and_then(|package| profile::of_package(str_of(package))),
        user_template: template,
        fingerprint: fingerprint(elements, groups, &system),
        system,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(pairs: &[(&str, &str)]) -> Elements {
        pairs.iter().map(|(name, text)| (Text::from(*name), Text::from(*text))).collect()
    }

    #[test]
    fn each_field_goes_into_its_element_and_comes_back() {
        let mut elements = defaults();
        for field in Field::ALL {
            let value_of =
                if field.secret() { Value::Secret(Secret::new("2580")) } else { Value::from("2580") };
            if set(&mut elements, field, Some(&value_of)) {
                assert_eq!(value(&elements, field), Some(value_of), "{field:?}");
                set(&mut elements, field, None);
                assert_eq!(value(&elements, field), None, "{field:?}");
            }
        }
    }

    #[test]
    fn twinning_carries_its_switches() {
        let mut elements = defaults();
        set(&mut elements, Field::MobileTwinningNumber, Some(&"+447700900123".into()));
        assert_eq!(&*elements[element::TWINNING_TYPE], "2");
        assert_eq!(&*elements[element::MOBILITY], "true");
        set(&mut elements, Field::MobileTwinningNumber, None);
        assert_eq!(&*elements[element::TWINNING_TYPE], "0");

        let mut internal =
            of(&[("TwinningType", "1"), ("TwinnedMobileNumber", "07700"), ("MobilityFeatures", "true")]);
        assert_eq!(value(&internal, Field::MobileTwinningNumber), None);
        set(&mut internal, Field::MobileTwinningNumber, None);
        assert_eq!(&*internal[element::TWINNING_TYPE], "1");
    }

    #[test]
    fn keys_are_read_in_either_spelling() {
        for (key, expect) in [
            ("voicemail_on", Some("VoicemailOn")),
            ("VoicemailOn", Some("VoicemailOn")),
            ("x_directory", Some("XDirectory")),
            ("HiddenThing", Some("HiddenThing")),
            ("hidden_thing", None),
        ] {
            assert_eq!(element_of_key(key).as_deref(), expect, "{key}");
        }
    }

    #[test]
    fn the_fingerprint_sees_elements_groups_and_system_and_not_the_etag() {
        let base = fingerprint(&of(&[("Name", "A"), ("Etag", "1")]), &["Sales".into()], "Primary");
        assert_eq!(base, fingerprint(&of(&[("Name", "A"), ("Etag", "2")]), &["Sales".into()], "Primary"));
        assert_ne!(base, fingerprint(&of(&[("Name", "B")]), &["Sales".into()], "Primary"));
        assert_ne!(base, fingerprint(&of(&[("Name", "A")]), &[], "Primary"));
        assert_ne!(base, fingerprint(&of(&[("Name", "A")]), &["Sales".into()], "London"));
    }
}
