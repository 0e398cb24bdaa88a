//! Which users stood when a plan was made: a user that is found later and was not among them is new.

use std::collections::BTreeSet;

use rollcall_core::phone::Standing;
use sha2::{Digest as _, Sha256};

/// The length of a GUID's digest, in bytes. Two GUIDs of one phone system that share it are not to be expected; should
/// they, a user of ours would be reported as `unknown`, and nothing is lost.
const DIGEST_BYTES: usize = 8;

/// The GUIDs of a snapshot, as short digests: a few bytes a user, so that they can be kept with the run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KnownUsers(BTreeSet<[u8; DIGEST_BYTES]>);

impl KnownUsers {
    /// Takes the users of a snapshot.
    pub fn of(standing: &Standing) -> Self {
        Self(standing.users.keys().map(|guid| digest(guid)).collect())
    }

    /// Reads what [`KnownUsers::bytes`] wrote; bytes behind the last whole digest are left out.
    pub fn from_bytes(bytes: &[u8]) -> Self {
        Self(bytes.as_chunks().0.iter().copied().collect())
    }

    /// Writes the digests one behind the other.
    pub fn bytes(&self) -> Vec<u8> {
        self.0.iter().flatten().copied().collect()
    }

    /// Tells whether a user stood.
    pub fn has(&self, guid: &str) -> bool {
        self.0.contains(&digest(guid))
    }
}

fn digest(guid: &str) -> [u8; DIGEST_BYTES] {
    let whole = Sha256::digest(guid.as_bytes());
    let mut short = [0; DIGEST_BYTES];
    short.copy_from_slice(&whole[..DIGEST_BYTES]);
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stood_is_known_after_it_was_written_and_read() {
        let mut known = KnownUsers::default();
        known.0.insert(digest("{6F1E}"));
        let again = KnownUsers::from_bytes(&known.bytes());
        assert_eq!(again, known);
        assert!(again.has("{6F1E}") && !again.has("{6F1F}"));
    }
}
