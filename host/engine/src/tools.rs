//! What writing needs of the outside, with the lease that it is done under.

use rollcall_core::Text;
use rollcall_edges::clock::Clock;
use rollcall_edges::office::Office;
use rollcall_edges::state::{Mark, State};

use crate::drawing::Codes;
use crate::observe::{Cancel, Observer};

/// What applying and recovering need of the outside.
pub struct Tools<'a> {
    /// The phone system.
    pub office: &'a dyn Office,
    /// The journal and the ledger.
    pub state: &'a dyn State,
    /// The time.
    pub clock: &'a dyn Clock,
    /// Who watches.
    pub observer: &'a dyn Observer,
    /// Who may ask to stop.
    pub cancel: &'a Cancel,
    /// How long a write whose answer was lost is looked for, in milliseconds.
    pub settle_ms: u64,
    /// The job's name.
    pub job: &'a Text,
    /// Where random codes come from and go.
    pub codes: Codes<'a>,
    /// The generation of the lease that this process holds.
    pub generation: i64,
}

impl Tools<'_> {
    /// Gives what marks an operation as sent now.
    pub(crate) fn mark(&self) -> Mark {
        Mark { at: self.clock.now(), generation: self.generation }
    }
}
