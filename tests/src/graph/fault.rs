//! The ways in which Graph misbehaves, each on demand: where, how often, and how.

use serde::{Deserialize, Serialize};

use super::control::Command;

/// A fault and when it strikes.
pub type FaultRule = crate::web::Rule<Fault>;

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
    /// Nothing is wrong, but the directory is changed just before the answer.
    Meanwhile {
        /// The change.
        command: Box<Command>,
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
