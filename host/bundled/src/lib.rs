//! The bytes of the connectors that come with rollcall, and the sources of the SDK, for projects that begin elsewhere.
//!
//! A crate of its own, so that only the binary waits for their compilation; everything that runs connectors takes bytes.
#![forbid(unsafe_code)]

/// One bundled connector.
#[derive(Clone, Copy)]
pub struct Bundled {
    /// Its name in a job's `connector`, as in its manifest.
    pub name: &'static str,
    /// The component, its manifest sealed within.
    pub bytes: &'static [u8],
}

/// The bundled connectors, sorted by name.
pub const BUNDLED: &[Bundled] = include!(concat!(env!("OUT_DIR"), "/bundled.rs"));

/// The sources of the Rust SDK and the contract, by their paths below a project's `sdk/`, sorted.
pub const SDK: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/sdk.rs"));

/// The same of the JavaScript SDK.
pub const SDK_JAVASCRIPT: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/sdk-javascript.rs"));

/// The same of the Python SDK.
pub const SDK_PYTHON: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/sdk-python.rs"));

/// Gives the bundled connector of this name.
pub fn find(name: &str) -> Option<&'static Bundled> {
    BUNDLED.iter().find(|bundled| bundled.name == name)
}

#[cfg(test)]
mod tests {
    use super::{BUNDLED, find};

    fn has(bytes: &[u8], text: &str) -> bool {
        bytes.windows(text.len()).any(|window| window == text.as_bytes())
    }

    #[test]
    fn names_are_sorted_and_found() {
        assert!(BUNDLED.is_sorted_by_key(|bundled| bundled.name));
        assert!(find("entra").is_some() && find("csv").is_some() && find("lpad").is_none());
    }

    /// A component begins with the layer 1 where a module has 0; the manifest is the file, byte for byte.
    #[test]
    fn they_are_components_with_their_manifest() {
        let manifests = [
            ("csv", include_str!("../../../plugins/csv/connector.toml")),
            ("entra", include_str!("../../../plugins/entra/connector.toml")),
            ("google", include_str!("../../../plugins/google/connector.toml")),
            ("ldap", include_str!("../../../plugins/ldap/connector.toml")),
            ("okta", include_str!("../../../plugins/okta/connector.toml")),
            ("scim", include_str!("../../../plugins/scim/connector.toml")),
        ];
        for (name, manifest) in manifests {
            let bytes = find(name).map_or(&[][..], |bundled| bundled.bytes);
            assert!(bytes.starts_with(b"\0asm\x0d\0\x01\0"), "{name}");
            assert!(has(bytes, "rollcall:manifest") && has(bytes, manifest), "{name}");
        }
    }

    /// One world for all connectors is fine only as long as unused imports vanish.
    #[test]
    fn they_import_only_what_they_use() {
        let check = |name: &str, import: &str, expect: bool| {
            let bytes = find(name).map_or(&[][..], |bundled| bundled.bytes);
            let full = format!("rollcall:connector/{import}@0.1.0");
            assert_eq!(has(bytes, &full), expect, "{name} and {import}");
        };
        for name in ["entra", "google", "okta", "scim"] {
            check(name, "http", true);
            check(name, "files", false);
            check(name, "ldap", false);
        }
        check("csv", "files", true);
        check("csv", "http", false);
        check("csv", "ldap", false);
        check("ldap", "ldap", true);
        check("ldap", "http", false);
        check("ldap", "files", false);
    }
}
