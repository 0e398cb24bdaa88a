//! The ways in which Graph misbehaves, each on demand: where, how often, and how.

use serde::{Deserialize, Serialize};

/// A fault and when it strikes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaultRule {
    /// Only requests whose path contains this; empty: all but the token endpoint.
    #[serde(default)]
    pub path: String,
    /// Only the n-th page of a listing, from 1.
    #[serde(default)]
    pub page: Option<usize>,
    /// How often it strikes; absent: for ever.
    #[serde(default)]
    pub times: Option<u32>,
    /// What happens.
    pub fault: Fault,
}

/// One way to misbehave.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Fault {
    /// An error answer in Graph's form.
    Status {
        /// The HTTP status.
        status: u16,
        /// `error.code`; Graph gives an empty one at times.
        #[serde(default)]
        code: String,
        /// `Retry-After` in seconds; 429 comes without one at times.
        #[serde(default)]
        retry_after: Option<u64>,
    },
    /// The bearer is refused as expired: 401 `InvalidAuthenticationToken`.
    Unauthorized,
    /// 400 `Directory_ExpiredPageToken` (seen with slow consumers: msgraph-sdk-dotnet#2254).
    ExpiredPageToken,
    /// The body ends after so many bytes, less than `Content-Length` said.
    Cut {
        /// Bytes that are sent.
        after: usize,
    },
    /// The connection is closed without an answer.
    Reset,
    /// The answer comes late.
    Slow {
        /// Milliseconds.
        ms: u64,
    },
    /// A page with no rows and a link to go on.
    NoRows,
    /// A page with fewer rows than asked for.
    FewerRows {
        /// Rows on the page.
        rows: usize,
    },
    /// The last rows of a page come again on it.
    RepeatRows {
        /// Rows that are repeated.
        rows: usize,
    },
    /// The last rows of a page are lost, as replication lag loses them: nothing shows that the listing is short.
    DropRows {
        /// Rows that are lost.
        rows: usize,
    },
    /// The page's link leads to another host.
    ForeignLink {
        /// Scheme, host and port.
        origin: String,
    },
    /// The last page has no `value`.
    NoValue,
    /// The body is a proxy's HTML page with status 200.
    Html,
    /// The answer holds the request's `Authorization` header.
    EchoAuthorization,
    /// A redirect.
    Redirect {
        /// `Location`.
        location: String,
    },
}

/// The faults in force.
#[derive(Clone, Debug, Default)]
pub struct Faults(Vec<FaultRule>);

impl Faults {
    /// Adds a rule; earlier ones go first.
    pub fn push(&mut self, rule: FaultRule) {
        self.0.push(rule);
    }

    /// Removes all rules.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// Takes the fault that strikes a request, if one does, and counts it.
    pub(super) fn strike(&mut self, path: &str, page: usize) -> Option<Fault> {
        let hit = |rule: &FaultRule| {
            let place =
                if rule.path.is_empty() { !path.contains("/oauth2/") } else { path.contains(&rule.path) };
            place && rule.page.is_none_or(|wanted| wanted == page) && rule.times != Some(0)
        };
        let rule = self.0.iter_mut().find(|rule| hit(rule))?;
        if let Some(times) = &mut rule.times {
            *times -= 1;
        }
        Some(rule.fault.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_strikes_where_and_as_often_as_told() {
        let mut faults = Faults::default();
        faults.push(FaultRule { path: "users".into(), page: Some(2), times: Some(1), fault: Fault::Reset });
        assert_eq!(faults.strike("/v1.0/users", 1), None);
        assert_eq!(faults.strike("/v1.0/groups", 2), None);
        assert_eq!(faults.strike("/v1.0/users", 2), Some(Fault::Reset));
        assert_eq!(faults.strike("/v1.0/users", 2), None);
    }
}
