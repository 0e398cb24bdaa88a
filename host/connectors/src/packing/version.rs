//! Which of two versions is newer: the order of Semantic Versioning 2.0.0, section 11.

pub use semver::Version;

use crate::manifest_mistakes::Mistakes;

/// How long a version may be, in bytes: it stands in the name of a file.
const BYTES: usize = 40;

/// Reads `1.2.3` or `1.2.3-beta.1`; none where it is written otherwise. Build metadata is not accepted, for two versions that
/// differ in it alone are neither older nor newer.
pub fn parse(text: &str) -> Option<Version> {
    Version::parse(text).ok().filter(|version| version.build.is_empty() && text.len() <= BYTES)
}

/// Checks the version of a manifest.
pub(crate) fn check(written: &str, wrong: &mut Mistakes) {
    if parse(written).is_none() {
        let message =
            format!("the version `{}` tells nobody which of two is newer", written.escape_default());
        wrong.add(&["version"], message, "write it as `1.2.3`, or `1.2.3-beta.1`");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_are_in_order_and_read_as_written() {
        let order = ["0.2.0", "0.10.0", "1.0.0-alpha.1", "1.0.0-beta.2", "1.0.0-beta.11", "1.0.0", "1.0.1"];
        let versions: Vec<Version> = order.iter().map(|text| parse(text).unwrap()).collect();
        assert!(versions.is_sorted());
        assert_eq!(versions.iter().map(Version::to_string).collect::<Vec<_>>(), order);
    }

    #[test]
    fn other_texts_are_no_versions() {
        let long = format!("1.2.3-{}", "a".repeat(BYTES));
        for text in ["", "1", "1.2", "one", "1.2.x", "01.2.3", "1.2.3+5", "1.2.3-a..b", "../1.2.3", &long] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
