//! The token from which the next run goes on: a time by Okta's own clock.

use rollcall_connector::time::rfc3339;
use serde::{Deserialize, Serialize};

use crate::limits::OVERLAP_SECONDS;

/// When the organisation was read, in seconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Mark {
    /// When the last reading began.
    pub(crate) read: i64,
}

impl Mark {
    /// Reads a token; none where it is no such thing.
    pub(crate) fn of_token(token: &[u8]) -> Option<Self> {
        serde_json::from_slice(token).ok()
    }

    /// Makes the token.
    pub(crate) fn token(self) -> Option<Vec<u8>> {
        serde_json::to_vec(&self).ok()
    }

    /// Gives the time since which changes are to be read, as Okta writes it.
    pub(crate) fn since(self) -> String {
        rfc3339(self.read - OVERLAP_SECONDS)
    }

    /// Says whether it lies ahead: a clock that was set back does not say what has changed since.
    pub(crate) fn lies_ahead(self, now: i64) -> bool {
        now < self.read
    }
}

#[cfg(test)]
mod tests {
    use rollcall_connector::time::rfc3339;

    use super::Mark;

    #[test]
    fn a_mark_is_a_token() {
        let mark = Mark { read: 1_000_000 };
        assert_eq!(mark.token().and_then(|token| Mark::of_token(&token)), Some(mark));
        assert_eq!(Mark::of_token(b"rubbish"), None);
        assert_eq!(mark.since(), rfc3339(1_000_000 - 900));
        assert!(!mark.lies_ahead(1_000_000) && mark.lies_ahead(999_999));
    }
}
