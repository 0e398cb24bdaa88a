//! How much time has truly passed between two runs, whatever the wall clock says.
//!
//! Grace, quarantine and the guard's window are measured with the wall clock, and a wall clock can be wrong: a dead
//! battery, a virtual machine that is restored, a typing error. Where the machine has not been started anew in between,
//! the time since it was started tells the truth; else the wall clock is believed only as far as that is plausible.

use crate::text::Text;

/// A difference up to this is a clock that was put right, in milliseconds.
const TOLERANCE_MS: i64 = 5 * 60 * 1000;

/// The longest time between two runs that is believed without a proof, in milliseconds.
const PLAUSIBLE_MS: i64 = 400 * 24 * 60 * 60 * 1000;

/// One look at the clock.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tick {
    /// The wall clock, in milliseconds since 1970.
    pub wall_ms: i64,
    /// Which start of the machine it is, and how long ago that was, where the machine tells.
    pub boot: Option<Boot>,
}

/// A start of the machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Boot {
    /// Its name: another one after every start.
    pub id: Text,
    /// How long ago it was, in milliseconds; it goes on while the machine sleeps and never jumps.
    pub uptime_ms: i64,
}

impl Tick {
    /// Gives the time that has passed since `before`, as far as it is believed, in milliseconds.
    fn since(&self, before: &Tick) -> i64 {
        if let (Some(now), Some(then)) = (&self.boot, &before.boot)
            && now.id == then.id
            && now.uptime_ms >= then.uptime_ms
        {
            return now.uptime_ms - then.uptime_ms;
        }
        let wall = self.wall_ms.saturating_sub(before.wall_ms);
        if (0..=PLAUSIBLE_MS).contains(&wall) { wall } else { 0 }
    }

    /// Gives by how much the wall clock has jumped since `before`, in milliseconds: forward is positive, and 0 is a
    /// clock that went as it should.
    pub fn jump(&self, before: &Tick) -> i64 {
        let by = self.wall_ms.saturating_sub(before.wall_ms).saturating_sub(self.since(before));
        if by.saturating_abs() > TOLERANCE_MS { by } else { 0 }
    }
}

/// A jump that was noticed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Jump {
    /// The wall clock when it was noticed, in milliseconds since 1970.
    pub at_ms: i64,
    /// By how much the clock had jumped, in milliseconds.
    pub by_ms: i64,
}

/// Gives the stretches of the wall clock that belong to the last `window_ms` milliseconds: before a jump the clock told
/// another time. In doubt a stretch is too long, because whatever lies in it counts against the limits.
pub fn stretches(now_ms: i64, window_ms: u64, jump: Option<Jump>) -> Vec<(i64, i64)> {
    let start = now_ms.saturating_sub(i64::try_from(window_ms).unwrap_or(i64::MAX)).saturating_add(1);
    let mut stretches = vec![(start, now_ms.saturating_add(TOLERANCE_MS))];
    if let Some(jump) = jump.filter(|jump| jump.at_ms > start) {
        stretches.push((start.saturating_sub(jump.by_ms), jump.at_ms.saturating_sub(jump.by_ms)));
    }
    stretches
}

/// Writes a span of time for a person: its largest unit that is at least one.
pub fn span(ms: u64) -> String {
    const UNITS: [(&str, u64); 4] =
        [("days", 86_400_000), ("hours", 3_600_000), ("minutes", 60_000), ("seconds", 1_000)];
    let (unit, length) = UNITS.into_iter().find(|(_, length)| ms >= *length).unwrap_or(("seconds", 1_000));
    let count = ms / length;
    let unit = if count == 1 { unit.trim_end_matches('s') } else { unit };
    format!("{count} {unit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000;
    const DAY: i64 = 24 * HOUR;
    const YEAR: i64 = 365 * DAY;

    fn tick(wall_ms: i64, boot: Option<(&str, i64)>) -> Tick {
        Tick { wall_ms, boot: boot.map(|(id, uptime_ms)| Boot { id: id.into(), uptime_ms }) }
    }

    #[test]
    fn a_jump_is_what_the_wall_clock_says_beyond_what_has_passed() {
        let (a, b) = (Some(("a", 10 * HOUR)), Some(("b", HOUR)));
        let later = Some(("a", 12 * HOUR));
        for (before, now, jump) in [
            // The same start of the machine: its time is the truth.
            (tick(0, a), tick(2 * HOUR, later), 0),
            (tick(0, a), tick(2 * HOUR + 4 * 60_000, later), 0),
            (tick(0, a), tick(2 * HOUR + 6 * 60_000, later), 6 * 60_000),
            (tick(0, a), tick(10 * YEAR, later), 10 * YEAR - 2 * HOUR),
            (tick(YEAR, a), tick(0, later), -YEAR - 2 * HOUR),
            // Started anew, or nobody tells: the wall clock is believed as far as it is plausible.
            (tick(0, a), tick(91 * DAY, b), 0),
            (tick(0, None), tick(91 * DAY, None), 0),
            (tick(0, None), tick(400 * DAY, None), 0),
            (tick(0, None), tick(10 * YEAR, None), 10 * YEAR),
            (tick(YEAR, None), tick(0, None), -YEAR),
            (tick(YEAR, a), tick(0, b), -YEAR),
            (tick(60_000, None), tick(0, None), 0),
            // A time since the start that goes backwards proves nothing.
            (tick(0, later), tick(2 * HOUR, a), 0),
        ] {
            assert_eq!(now.jump(&before), jump, "{before:?} -> {now:?}");
        }
    }

    #[test]
    fn whatever_was_applied_before_a_jump_counts_by_the_time_that_was_told_then() {
        let window = u64::try_from(DAY).unwrap_or_default();
        let inside = |now, jump: Option<(i64, i64)>, at: i64| {
            let jump = jump.map(|(at_ms, by_ms)| Jump { at_ms, by_ms });
            stretches(now, window, jump).iter().any(|(from, to)| (*from..=*to).contains(&at))
        };
        let now = 10 * YEAR;
        assert!(inside(now, None, now - DAY + 1) && inside(now, None, now));
        assert!(!inside(now, None, now - DAY), "a day ago to the millisecond is over");
        // Two hours ago the clock jumped ten years forward; an hour before that something was applied.
        let forward = Some((now - 2 * HOUR, 9 * YEAR));
        assert!(inside(now, forward, now - 9 * YEAR - 3 * HOUR));
        assert!(!inside(now, forward, now - 9 * YEAR - DAY - HOUR));
        assert!(inside(now, forward, now - HOUR));
        // It jumped back: what was applied before lies in the future.
        let back = Some((now - 2 * HOUR, -YEAR));
        assert!(inside(now, back, now + YEAR - 3 * HOUR));
        assert!(!inside(now, back, now + YEAR - 2 * DAY));
        // A jump before the window plays no part.
        assert!(!inside(now, Some((now - 2 * DAY, -YEAR)), now + YEAR - HOUR));
    }

    #[test]
    fn spans_are_told_in_their_largest_unit() {
        for (ms, expect) in
            [(0, "0 seconds"), (1_000, "1 second"), (90_000, "1 minute"), (7_200_000, "2 hours")]
        {
            assert_eq!(span(ms), expect);
        }
        assert_eq!(span(10 * 365 * 86_400_000), "3650 days");
    }
}
