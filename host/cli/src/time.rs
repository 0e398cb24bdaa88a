//! The time: the machine's, or the one that `ROLLCALL_NOW` sets for tests and rehearsals.

use rollcall_core::codes;
use rollcall_edges::clock::{Clock, FixedClock, Instant, RunningClock, SystemClock};

use crate::args::When;
use crate::exit;
use crate::failure::Failure;

/// Gives the clock. `ROLLCALL_NOW` is RFC 3339 or milliseconds since 1970, and stands still; with `+running` behind it
/// the clock runs from there, and with `+60x` sixty times as fast as the machine's.
pub(crate) fn clock() -> Result<Box<dyn Clock>, Failure> {
    let Ok(text) = std::env::var("ROLLCALL_NOW") else { return Ok(Box::new(SystemClock)) };
    read(&text).ok_or_else(|| {
        let message = format!("ROLLCALL_NOW is `{text}`, which is no time");
        Failure::new(exit::USAGE, codes::USAGE, message).hint(
            "write RFC 3339, such as 2026-12-01T08:00:00Z, with `+running` or `+60x` behind it for a clock that \
             does not stand still; or unset it",
        )
    })
}

fn read(text: &str) -> Option<Box<dyn Clock>> {
    // An RFC 3339 time may hold a `+` of its own, so only what is known behind the last one is taken off.
    let (start, speed) = match text.rsplit_once('+') {
        Some((start, "running")) => (start, Some(1)),
        Some((start, fast)) if fast.ends_with('x') => (start, Some(fast.strip_suffix('x')?.parse().ok()?)),
        _ => (text, None),
    };
    let millis = start.parse::<i64>().ok();
    let at = millis.or_else(|| start.parse::<jiff::Timestamp>().ok().map(|at| at.as_millisecond()))?;
    Some(match speed {
        None => Box::new(FixedClock(Instant(at))),
        Some(speed) => Box::new(RunningClock::new(Instant(at), speed)),
    })
}

/// Writes an instant as RFC 3339 in UTC, to the second.
pub(crate) fn shown(at: Instant) -> String {
    jiff::Timestamp::from_second(at.0.div_euclid(1000)).map(|at| at.to_string()).unwrap_or_default()
}

/// Gives the instant of a time as typed, read as of `now`.
pub(crate) fn of(when: When, now: Instant) -> Instant {
    match when {
        When::At(at) => Instant(at),
        When::Ago(ago) => Instant(now.0.saturating_sub(i64::try_from(ago).unwrap_or(i64::MAX))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expect: Option<(i64, bool)>) {
        let found = read(text).map(|clock| {
            let now = clock.now().0;
            (now - now % 1_000_000, clock.pause(1_000).is_some())
        });
        assert_eq!(found, expect, "{text}");
    }

    #[test]
    fn what_rollcall_now_may_be() {
        check("1795424400000", Some((1_795_424_000_000, false)));
        check("2026-11-23T09:00:00Z", Some((1_795_424_000_000, false)));
        check("2026-11-23T09:00:00+00:00", Some((1_795_424_000_000, false)));
        check("2026-11-23T09:00:00Z+running", Some((1_795_424_000_000, true)));
        check("2026-11-23T10:00:00+01:00+60x", Some((1_795_424_000_000, true)));
        check("1795424400000+3600x", Some((1_795_424_000_000, true)));
        check("now", None);
        check("2026-11-23T09:00:00Z+fast", None);
        check("2026-11-23T09:00:00Z+x", None);
    }
}
