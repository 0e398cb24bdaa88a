//! Keyed hashes: what authenticates something as this state's own, and what stands for a person in logs and hooks.
//!
//! The key is derived from the state's key, so that sealing and authenticating never share one.

use ring::hmac;

/// The length of a keyed hash, in bytes.
pub(crate) const MAC_BYTES: usize = 32;

/// A key that authenticates and seals nothing.
#[derive(Clone)]
pub(crate) struct Keyed([u8; MAC_BYTES]);

impl Keyed {
    /// Derives the key from the state's.
    pub(crate) fn derive(key: &[u8]) -> Self {
        Self(hash(key, "rollcall state: authentication", &[]))
    }

    /// Gives the keyed hash of `parts` for a purpose. Lengths are hashed too, so that no two lists are alike.
    pub(crate) fn hash(&self, purpose: &str, parts: &[&[u8]]) -> [u8; MAC_BYTES] {
        hash(&self.0, purpose, parts)
    }

    /// Tells whether a keyed hash is the right one, in the same time whatever it is.
    pub(crate) fn fits(&self, purpose: &str, parts: &[&[u8]], mac: &[u8]) -> bool {
        hmac::verify(&hmac::Key::new(hmac::HMAC_SHA256, &self.0), &joined(purpose, parts), mac).is_ok()
    }
}

/// Gives the keyed hash (HMAC-SHA-256) of `parts` under any key.
pub(crate) fn hash(key: &[u8], purpose: &str, parts: &[&[u8]]) -> [u8; MAC_BYTES] {
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), &joined(purpose, parts));
    let mut mac = [0; MAC_BYTES];
    mac.copy_from_slice(tag.as_ref());
    mac
}

/// Joins parts so that no two lists give the same bytes.
fn joined(purpose: &str, parts: &[&[u8]]) -> Vec<u8> {
    let mut all = Vec::new();
    for part in std::iter::once(&purpose.as_bytes()).chain(parts) {
        all.extend((part.len() as u64).to_le_bytes());
        all.extend_from_slice(part);
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_binds_key_purpose_and_the_borders_of_its_parts() {
        let keyed = Keyed::derive(&[1; 32]);
        let mac = keyed.hash("a", &[b"bc", b"d"]);
        assert_eq!(mac, Keyed::derive(&[1; 32]).hash("a", &[b"bc", b"d"]));
        assert!(keyed.fits("a", &[b"bc", b"d"], &mac));
        assert!(!Keyed::derive(&[2; 32]).fits("a", &[b"bc", b"d"], &mac));
        for (purpose, parts) in [
            ("b", [b"bc".as_slice(), b"d"]),
            ("a", [b"b", b"cd"]),
            ("a", [b"bcd", b""]),
            ("ab", [b"c", b"d"]),
        ] {
            assert!(!keyed.fits(purpose, &parts, &mac), "{purpose} {parts:?}");
        }
        assert!(!keyed.fits("a", &[b"bc", b"d"], &mac[..31]));
    }
}
