//! The time: the machine's, or the one that `ROLLCALL_NOW` fixes for tests and rehearsals.

use rollcall_core::codes;
use rollcall_edges::clock::{Clock, FixedClock, Instant, SystemClock};

use crate::exit;
use crate::failure::Failure;

/// Gives the clock. `ROLLCALL_NOW` is RFC 3339 or milliseconds since 1970.
pub(crate) fn clock() -> Result<Box<dyn Clock>, Failure> {
    let Ok(text) = std::env::var("ROLLCALL_NOW") else { return Ok(Box::new(SystemClock)) };
    let millis = text.parse::<i64>().ok();
    match millis.or_else(|| text.parse::<jiff::Timestamp>().ok().map(|at| at.as_millisecond())) {
        Some(millis) => Ok(Box::new(FixedClock(Instant(millis)))),
        None => {
            let message = format!("ROLLCALL_NOW is `{text}`, which is no time");
            Err(Failure::new(exit::USAGE, codes::USAGE, message)
                .hint("write RFC 3339, such as 2026-12-01T08:00:00Z, or unset it"))
        }
    }
}

/// Writes an instant as RFC 3339 in UTC, to the second.
pub(crate) fn shown(at: Instant) -> String {
    jiff::Timestamp::from_second(at.0.div_euclid(1000)).map(|at| at.to_string()).unwrap_or_default()
}
