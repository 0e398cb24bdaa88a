//! When a scheduled job runs. Pure: an instant goes in, an instant comes out.
//!
//! A slot is a time of the day on the clock of the schedule's zone, and each becomes one instant:
//!
//! - A time that is skipped when the clock goes forward runs at the first instant behind the gap, once, however many
//!   slots lie in it.
//! - A time that comes twice when the clock goes back runs the first time only.
//! - A schedule that names every hour counts hours and not times of the day: it runs in each hour that there is, in
//!   both that have the same name and not for one that is skipped.

use jiff::civil::{Date, DateTime};
use jiff::tz::AmbiguousOffset;
use jiff::{Timestamp, tz::Offset};
use rollcall_edges::clock::Instant;
use rollcall_job::schedule::Schedule;
use sha2::{Digest as _, Sha256};

/// How many days are searched for a slot: the 29th of February comes at least once in them.
const DAYS_MAX: usize = 8 * 366;

/// Gives the first slot after an instant; `None` where the calendar ends.
pub fn next(schedule: &Schedule, after: Instant) -> Option<Instant> {
    let after = start(schedule).map_or(after, |start| after.max(Instant(start.0 - 1)));
    let mut date = date(schedule, after)?;
    for _ in 0..DAYS_MAX {
        if let Some(slot) = slots(schedule, date).into_iter().find(|slot| *slot > after) {
            return Some(slot);
        }
        date = date.tomorrow().ok()?;
    }
    None
}

/// Gives the last slot at an instant or before; `None` where there is none since the schedule's start.
pub fn last(schedule: &Schedule, at: Instant) -> Option<Instant> {
    let start = start(schedule);
    let mut date = date(schedule, at)?;
    for _ in 0..DAYS_MAX {
        if let Some(slot) = slots(schedule, date).into_iter().rev().find(|slot| *slot <= at) {
            return start.is_none_or(|start| start <= slot).then_some(slot);
        }
        date = date.yesterday().ok()?;
    }
    None
}

/// Gives the instant at which the run of a slot begins: behind the slot by what the job's name and the slot make of the
/// jitter, the same each time.
pub fn begin(schedule: &Schedule, job: &str, slot: Instant) -> Instant {
    if schedule.jitter_ms == 0 {
        return slot;
    }
    let digest =
        Sha256::new().chain_update(job).chain_update([0]).chain_update(slot.0.to_be_bytes()).finalize();
    let drawn = digest.iter().take(8).fold(0, |number: u64, byte| number << 8 | u64::from(*byte));
    Instant(slot.0 + i64::try_from(drawn % schedule.jitter_ms).unwrap_or(0))
}

/// Gives the latest slot behind `taken` whose run should have begun by now. Earlier ones are passed over: what was
/// missed runs once.
pub fn due(schedule: &Schedule, job: &str, taken: Instant, now: Instant) -> Option<Instant> {
    let mut slot = last(schedule, now)?;
    while slot > taken {
        if begin(schedule, job, slot) <= now {
            return Some(slot);
        }
        slot = last(schedule, Instant(slot.0 - 1))?;
    }
    None
}

/// Gives the instant before which nothing is to be run.
fn start(schedule: &Schedule) -> Option<Instant> {
    let date: Date = schedule.start.as_ref()?.parse().ok()?;
    let start = schedule.zone.to_timestamp(date.at(0, 0, 0, 0)).ok()?;
    Some(Instant(start.as_millisecond()))
}

fn date(schedule: &Schedule, at: Instant) -> Option<Date> {
    let at = Timestamp::from_millisecond(at.0).ok()?;
    Some(schedule.zone.to_datetime(at).date())
}

/// Gives the slots of a day in order, each once.
fn slots(schedule: &Schedule, date: Date) -> Vec<Instant> {
    let small = |part: i8| u32::try_from(part).unwrap_or(0);
    let weekday = small(date.weekday().to_sunday_zero_offset());
    if !schedule.cron.fits(small(date.month()), small(date.day()), weekday) {
        return Vec::new();
    }
    let small = |part: u32| i8::try_from(part).unwrap_or(0);
    let times = schedule.cron.times().map(|(hour, minute)| date.at(small(hour), small(minute), 0, 0));
    let mut slots: Vec<Instant> = times.flat_map(|time| instants(schedule, time)).flatten().collect();
    slots.sort();
    slots.dedup();
    slots
}

/// Gives the instant of a time of the day, or both.
fn instants(schedule: &Schedule, time: DateTime) -> [Option<Instant>; 2] {
    let at = |offset: Offset| offset.to_timestamp(time).ok();
    let shown = |at: Option<Timestamp>| at.map(|at| Instant(at.as_millisecond()));
    match schedule.zone.to_ambiguous_timestamp(time).offset() {
        AmbiguousOffset::Unambiguous { offset } => [shown(at(offset)), None],
        AmbiguousOffset::Fold { before, after } => {
            let again = if schedule.cron.every_hour() { at(after) } else { None };
            [shown(at(before)), shown(again)]
        }
        AmbiguousOffset::Gap { .. } if schedule.cron.every_hour() => [None, None],
        // Read with the offset behind the gap, the time lies before it.
        AmbiguousOffset::Gap { after, .. } => {
            let over = at(after).and_then(|before| schedule.zone.following(before).next());
            [shown(over.map(|transition| transition.timestamp())), None]
        }
    }
}

#[cfg(test)]
#[path = "schedule_tests.rs"]
mod tests;
