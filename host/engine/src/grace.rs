//! When a leaver's grace ends, for people: on the minute, in the job's time zone.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use rollcall_core::guard::guard;
use rollcall_core::memory::{Link, Memory};
use rollcall_core::plan::Pending;
use rollcall_core::{RecordId, Text};
use rollcall_job::job::Job;

use crate::prepare::Prepared;

/// The grace is over at the latest then: minutes are shown, so what is left of one counts as a whole one.
const MINUTE_MS: i64 = 60_000;

/// Gives when the grace of each leaver ends that a sync has recorded as one.
pub(crate) fn due_from(links: &BTreeMap<RecordId, Link>, job: &Job) -> BTreeMap<RecordId, Text> {
    let known = links.values().filter_map(|link| Some((link, link.missing?)));
    known.map(|(link, missing)| (link.id.clone(), ends(job, missing.since_ms))).collect()
}

/// Says of a sync that is to start or count on the clocks of its leavers how they stand behind it. A preview starts none,
/// and neither does a sync that the guard refuses.
pub(crate) fn counted(prepared: &mut Prepared, job: &Job, accept: &BTreeMap<Text, usize>) {
    let Prepared { plan, memory, policy, moment, .. } = prepared;
    let Memory { links, deletes_held, .. } = &*memory;
    if deletes_held.is_some() || guard(plan, &policy.limits, memory, accept).is_err() {
        return;
    }
    let missing: BTreeMap<&Text, &Link> =
        plan.missing.iter().filter_map(|id| links.get(id)).map(|link| (&link.key, link)).collect();
    for pending in &mut plan.pending {
        let Some(link) = missing.get(&pending.key) else { continue };
        let since = link.missing.map_or(moment.tick.wall_ms, |known| known.since_ms);
        pending.why = Pending::waits(moment.misses(&link.id.directory, link.missing), &ends(job, since));
    }
}

/// Gives when a grace ends that began at `since_ms`.
fn ends(job: &Job, since_ms: i64) -> Text {
    at(job, since_ms.saturating_add_unsigned(job.leavers.grace_ms))
}

/// Gives a time for people in the job's time zone, on the minute after it.
pub(crate) fn at(job: &Job, at_ms: i64) -> Text {
    let (zone, name) = match &job.schedule {
        Some(schedule) => (schedule.zone.clone(), &*schedule.zone_name),
        None => (TimeZone::UTC, "UTC"),
    };
    shown(at_ms, &zone, name).into()
}

fn shown(at_ms: i64, zone: &TimeZone, name: &str) -> String {
    let minute = at_ms.saturating_add(MINUTE_MS - 1).div_euclid(MINUTE_MS).saturating_mul(MINUTE_MS);
    match Timestamp::from_millisecond(minute) {
        Ok(at) => format!("{} {name}", zone.to_datetime(at).strftime("%Y-%m-%d %H:%M")),
        // Beyond the calendar: a grace of thousands of years.
        Err(_) => "the end of all days".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_shown_in_the_zone_and_never_before_it_has_come() {
        let check = |at: &str, zone: &str, expect: &str| {
            let at: Timestamp = at.parse().unwrap();
            assert_eq!(shown(at.as_millisecond(), &TimeZone::get(zone).unwrap(), zone), expect);
        };
        check("2026-12-03T14:00:00Z", "UTC", "2026-12-03 14:00 UTC");
        check("2026-12-03T14:00:00.001Z", "UTC", "2026-12-03 14:01 UTC");
        check("2026-07-03T23:30:00Z", "Europe/London", "2026-07-04 00:30 Europe/London");
        assert_eq!(shown(i64::MAX, &TimeZone::UTC, "UTC"), "the end of all days");
    }
}
