//! Profiles: Avaya's printed names, the numbers of `AssignedPackage`, and which profiles take no licence.
//!
//! Source of the numbers 1-8: the user interface of a public client of the Management API (ipoffice.md 3.1, P1), not
//! Avaya. Numbers of the subscription profiles are not known: there the printed name itself stands in the element, so
//! that nobody mistakes a guess for a number. UNPROVEN.

use rollcall_core::Text;

/// The printed name, the number where it is known, and other ways of writing it (letters and digits only, lower case).
const PROFILES: [(&str, Option<&str>, &[&str]); 10] = [
    ("Basic User", Some("1"), &["basic"]),
    ("Teleworker", Some("2"), &["teleworkeruser"]),
    ("Mobile User", Some("3"), &["mobile", "mobileworker"]),
    ("Power User", Some("4"), &["power"]),
    ("Office Worker", Some("5"), &["officeworkeruser", "office"]),
    ("Centralized User", Some("7"), &["centralized", "centralised", "centraliseduser"]),
    ("Non-licensed User", Some("8"), &["nonlicensed", "unlicensed", "unlicenseduser", "nonlicenceduser"]),
    ("Telephony User", None, &["telephony"]),
    ("Telephony Plus User", None, &["telephonyplus"]),
    ("UC User", None, &["uc", "unifiedcommunicationsuser"]),
];

/// The profile of a user that no template gives one.
pub const DEFAULT: &str = "Basic User";

/// Gives the printed name of a profile, however it is written: `Power User`, `power-user`, `power`, or its number.
pub fn printed(written: &str) -> Option<Text> {
    // As offices write it, which is asked for every user.
    if let Some((name, ..)) =
        PROFILES.iter().find(|(name, number, _)| *name == written || *number == Some(written))
    {
        return Some(Text::from(*name));
    }
    let plain: String =
        written.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect();
    let found = PROFILES.iter().find(|(name, number, others)| {
        squeezed(name) == plain || *number == Some(plain.as_str()) || others.contains(&plain.as_str())
    });
    found.map(|(name, ..)| Text::from(*name))
}

/// Gives what stands in `AssignedPackage` for a profile; text that names none stays as it is.
pub fn package(profile: &str) -> Text {
    let name = printed(profile);
    let found = PROFILES.iter().find(|(printed, ..)| Some(*printed) == name.as_deref());
    match found {
        Some((_, Some(number), _)) => Text::from(*number),
        Some((printed, None, _)) => Text::from(*printed),
        None => Text::from(profile),
    }
}

/// Gives the printed name for what stands in `AssignedPackage`; `None` where it is empty. Something unknown is shown as
/// it stands.
pub fn of_package(package: &str) -> Option<Text> {
    let package = package.trim();
    (!package.is_empty()).then(|| printed(package).unwrap_or_else(|| package.into()))
}

/// Tells whether a profile takes no licence (ipoffice.md 2.1, A23).
pub fn free(profile: &str) -> bool {
    matches!(printed(profile).as_deref(), Some("Basic User" | "Non-licensed User"))
}

/// Gives every printed name, for hints.
pub fn names() -> impl Iterator<Item = &'static str> {
    PROFILES.iter().map(|(name, ..)| *name)
}

fn squeezed(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn profiles_are_read_as_people_write_them() {
        for (written, expect) in [
            ("Power User", Some("Power User")),
            ("power-user", Some("Power User")),
            ("power", Some("Power User")),
            ("4", Some("Power User")),
            ("basic_user", Some("Basic User")),
            ("Mobile Worker", Some("Mobile User")),
            ("non-licensed", Some("Non-licensed User")),
            ("UC User", Some("UC User")),
            ("6", None),
            ("Superuser", None),
            ("", None),
        ] {
            assert_eq!(printed(written).as_deref(), expect, "{written}");
        }
    }

    #[test]
    fn a_profile_goes_into_the_element_and_comes_back() {
        for name in names() {
            assert_eq!(of_package(&package(name)).as_deref(), Some(name));
        }
        assert_eq!(&*package("power-user"), "4");
        assert_eq!(of_package("99").as_deref(), Some("99"));
        assert_eq!(of_package(" "), None);
    }
}
