//! The time: the machine's, or the one that `ROLLCALL_NOW` fixes for tests and rehearsals.

use rollcall_edges::clock::{Clock, FixedClock, Instant, SystemClock};

/// Gives the clock. `ROLLCALL_NOW` is RFC 3339 or milliseconds since 1970.
pub(crate) fn clock() -> Box<dyn Clock> {
    let fixed = std::env::var("ROLLCALL_NOW").ok().and_then(|text| {
        let millis = text.parse::<i64>().ok();
        millis.or_else(|| text.parse::<jiff::Timestamp>().ok().map(|at| at.as_millisecond()))
    });
    match fixed {
        Some(millis) => Box::new(FixedClock(Instant(millis))),
        None => Box::new(SystemClock),
    }
}

/// Writes an instant as RFC 3339 in UTC, to the second.
pub(crate) fn shown(at: Instant) -> String {
    jiff::Timestamp::from_second(at.0.div_euclid(1000)).map(|at| at.to_string()).unwrap_or_default()
}
