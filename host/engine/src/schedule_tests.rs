//! Slots on both days when clocks change, held against tables and against counting minute by minute.

use std::collections::BTreeSet;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use rollcall_edges::clock::Instant;
use rollcall_job::cron::Cron;
use rollcall_job::schedule::Schedule;

use super::{begin, due, last, next};

const LONDON: &str = "Europe/London";
const NEW_YORK: &str = "America/New_York";
const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;

fn schedule(cron: &str, zone: &str) -> Schedule {
    Schedule {
        cron: Cron::parse(cron).unwrap(),
        text: cron.into(),
        zone: TimeZone::get(zone).unwrap(),
        zone_name: zone.into(),
        start: None,
        jitter_ms: 0,
    }
}

fn at(text: &str) -> Instant {
    Instant(format!("{text}:00Z").parse::<Timestamp>().unwrap().as_millisecond())
}

fn shown(at: Instant) -> String {
    Timestamp::from_millisecond(at.0).unwrap().to_string().replace(":00Z", "Z")
}

/// Every slot after `from` and up to `to`, forwards; and the same backwards.
fn between(schedule: &Schedule, from: Instant, to: Instant) -> Vec<Instant> {
    let forwards: Vec<Instant> = std::iter::successors(next(schedule, from), |slot| next(schedule, *slot))
        .take_while(|s| *s <= to)
        .collect();
    let mut backwards: Vec<Instant> =
        std::iter::successors(last(schedule, to), |s| last(schedule, Instant(s.0 - 1)))
            .take_while(|slot| *slot > from)
            .collect();
    backwards.reverse();
    assert_eq!(forwards, backwards);
    forwards
}

/// The slots of a day, as UTC, from `from` for a day and an hour.
fn check(cron: &str, zone: &str, from: &str, expect: &str) {
    let from = at(from);
    let found = between(&schedule(cron, zone), from, Instant(from.0 + 25 * HOUR));
    let found: Vec<String> = found.iter().map(|slot| shown(*slot)[5..16].to_owned()).collect();
    assert_eq!(found.join(" "), expect, "`{cron}` in {zone}");
}

#[test]
fn when_clocks_go_forward() {
    // London skips 01:00-02:00 on 2026-03-29 and 2027-03-28, at 01:00 UTC.
    check("30 1 * * *", LONDON, "2026-03-28T12:00", "03-29T01:00");
    check("30 1 * * *", LONDON, "2027-03-27T12:00", "03-28T01:00");
    check("0,20,40 1 * * *", LONDON, "2026-03-28T12:00", "03-29T01:00");
    check("30 0 * * *", LONDON, "2026-03-28T12:00", "03-29T00:30");
    check("30 2 * * *", LONDON, "2026-03-28T12:00", "03-29T01:30");
    check("0 0-4 * * *", LONDON, "2026-03-28T12:00", "03-29T00:00 03-29T01:00 03-29T02:00 03-29T03:00");
    check(
        "0 */2 * * *",
        LONDON,
        "2026-03-28T23:00",
        &at_each("03-29", &[0, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23]),
    );
    // New York skips 02:00-03:00 on 2026-03-08 and 2027-03-14, at 07:00 UTC.
    check("30 2 * * *", NEW_YORK, "2026-03-07T20:00", "03-08T07:00");
    check("30 2 * * *", NEW_YORK, "2027-03-13T20:00", "03-14T07:00");
    check("0 2 * * *", NEW_YORK, "2026-03-07T20:00", "03-08T07:00");
    check("0 3 * * *", NEW_YORK, "2026-03-07T20:00", "03-08T07:00");
    check(
        "0 1-4 * * *",
        NEW_YORK,
        "2026-03-08T05:00",
        "03-08T06:00 03-08T07:00 03-08T08:00 03-09T05:00 03-09T06:00",
    );
}

#[test]
fn when_clocks_go_back() {
    // London repeats 01:00-02:00 on 2026-10-25 and 2027-10-31: 00:00 UTC and again 01:00 UTC.
    check("30 1 * * *", LONDON, "2026-10-24T12:00", "10-25T00:30");
    check("30 1 * * *", LONDON, "2027-10-30T12:00", "10-31T00:30");
    check("*/20 1 * * *", LONDON, "2026-10-24T12:00", "10-25T00:00 10-25T00:20 10-25T00:40");
    check("0 1,2 * * *", LONDON, "2026-10-24T12:00", "10-25T00:00 10-25T02:00");
    // New York repeats 01:00-02:00 on 2026-11-01 and 2027-11-07: 05:00 UTC and again 06:00 UTC.
    check("30 1 * * *", NEW_YORK, "2026-10-31T20:00", "11-01T05:30");
    check("30 1 * * *", NEW_YORK, "2027-11-06T20:00", "11-07T05:30");
    check("0 0-3 * * *", NEW_YORK, "2026-10-31T20:00", "11-01T04:00 11-01T05:00 11-01T07:00 11-01T08:00");
}

#[test]
fn an_hourly_schedule_runs_each_real_hour() {
    for (zone, day) in
        [(LONDON, "2026-03-29"), (LONDON, "2027-10-31"), (NEW_YORK, "2027-03-14"), (NEW_YORK, "2026-11-01")]
    {
        for (cron, step) in [("15 * * * *", HOUR), ("*/10 * * * *", 10 * MINUTE), ("@hourly", HOUR)] {
            let schedule = schedule(cron, zone);
            let from = Instant(at(&format!("{day}T00:00")).0 - 12 * HOUR);
            let slots = between(&schedule, from, Instant(from.0 + 48 * HOUR));
            assert!(
                slots.windows(2).all(|pair| pair[1].0 - pair[0].0 == step),
                "`{cron}` in {zone} on {day}"
            );
            assert_eq!(i64::try_from(slots.len()).unwrap(), 48 * HOUR / step);
        }
    }
}

#[test]
fn odd_clocks() {
    // Lord Howe goes forward by half an hour; Samoa left a whole day out; Beirut skips midnight itself.
    check("15 2 * * *", "Australia/Lord_Howe", "2026-10-03T12:00", "10-03T15:30");
    check("0 12 30 12 *", "Pacific/Apia", "2011-12-29T12:00", "12-30T10:00");
    check("0 0 * * *", "Asia/Beirut", "2026-03-28T20:00", "03-28T22:00 03-29T21:00");
}

#[test]
fn counting_minute_by_minute_gives_the_same() {
    let crons = [
        "0 * * * *",
        "*/7 * * * *",
        "30 1 * * *",
        "30 2 * * *",
        "0 */2 * * *",
        "5,55 1-3 * * *",
        "0 0 * * *",
        "0 1 29 3 *",
        "15 1,2 * * sun",
        "59 23 * * *",
        "*/15 0-2 * 3,11 *",
        "0 3 8-14 * 0",
    ];
    let days = [
        (LONDON, "2026-03-29"),
        (LONDON, "2026-10-25"),
        (LONDON, "2027-03-28"),
        (LONDON, "2027-10-31"),
        (NEW_YORK, "2026-03-08"),
        (NEW_YORK, "2026-11-01"),
        (NEW_YORK, "2027-03-14"),
        (NEW_YORK, "2027-11-07"),
        ("Asia/Kolkata", "2026-03-29"),
    ];
    for (zone, day) in days {
        for cron in crons {
            let schedule = schedule(cron, zone);
            let from = Instant(at(&format!("{day}T00:00")).0 - 6 * HOUR);
            let to = Instant(from.0 + 32 * HOUR);
            let found = between(&schedule, from, to);
            assert_eq!(found, counted(&schedule, from, to), "`{cron}` in {zone} around {day}");
        }
    }
}

/// Looks at the clock on the wall each minute, as somebody would who knows nothing of time zones' rules.
fn counted(schedule: &Schedule, from: Instant, to: Instant) -> Vec<Instant> {
    let wall = |at: i64| schedule.zone.to_datetime(Timestamp::from_millisecond(at).unwrap());
    let times: BTreeSet<(u32, u32)> = schedule.cron.times().collect();
    let fits = |time: jiff::civil::DateTime| {
        let small = |part: i8| u32::try_from(part).unwrap();
        let weekday = small(time.weekday().to_sunday_zero_offset());
        let now = (small(time.hour()), small(time.minute()));
        times.contains(&now) && schedule.cron.fits(small(time.month()), small(time.day()), weekday)
    };
    let one = jiff::SignedDuration::from_mins(1);
    let mut slots = Vec::new();
    let mut latest = wall(from.0);
    for at in (from.0 + MINUTE..=to.0).step_by(usize::try_from(MINUTE).unwrap()) {
        let (before, time) = (wall(at - MINUTE), wall(at));
        // What the wall clock has shown before is no new time of the day.
        let again = time <= latest;
        latest = latest.max(time);
        let mut skipped = before.checked_add(one).unwrap();
        let mut run = fits(time) && (!again || schedule.cron.every_hour());
        while skipped < time {
            run |= fits(skipped) && !schedule.cron.every_hour();
            skipped = skipped.checked_add(one).unwrap();
        }
        if run {
            slots.push(Instant(at));
        }
    }
    slots
}

#[test]
fn the_start_and_the_end() {
    let mut schedule = schedule("0 2 * * *", NEW_YORK);
    schedule.start = Some("2026-12-01".into());
    assert_eq!(next(&schedule, at("2026-11-01T00:00")), Some(at("2026-12-01T07:00")));
    assert_eq!(last(&schedule, at("2026-12-01T06:59")), None);
    assert_eq!(last(&schedule, at("2026-12-01T07:00")), Some(at("2026-12-01T07:00")));
    schedule.cron = Cron::parse("0 0 * * *").unwrap();
    // The first day begins at its midnight, and that slot is in it.
    assert_eq!(next(&schedule, at("2026-11-01T00:00")), Some(at("2026-12-01T05:00")));
    schedule.cron = Cron::parse("0 0 29 2 *").unwrap();
    assert_eq!(next(&schedule, at("2026-11-01T00:00")), Some(at("2028-02-29T05:00")));
    assert_eq!(next(&schedule, Instant(i64::MAX)), None);
}

#[test]
fn the_jitter_is_the_same_each_time_and_spreads_jobs() {
    let mut schedule = schedule("0 * * * *", "UTC");
    schedule.jitter_ms = 120_000;
    let slot = at("2026-12-01T08:00");
    let delays: Vec<i64> =
        (0..200).map(|job| begin(&schedule, &format!("job {job}"), slot).0 - slot.0).collect();
    assert_eq!(delays[0], begin(&schedule, "job 0", slot).0 - slot.0);
    assert!(delays.iter().all(|delay| (0..120_000).contains(delay)));
    let early = delays.iter().filter(|delay| **delay < 60_000).count();
    assert!((70..=130).contains(&early), "{early} of 200 begin in the first half");
    assert_ne!(begin(&schedule, "job 0", Instant(slot.0 + HOUR)).0 - slot.0 - HOUR, delays[0]);
}

#[test]
fn what_is_due() {
    let mut schedule = schedule("0 * * * *", "UTC");
    let due_at =
        |schedule: &Schedule, taken: &str, now: &str| due(schedule, "job", at(taken), at(now)).map(shown);
    let slot = |text: &str| Some(shown(at(text)));
    assert_eq!(due_at(&schedule, "2026-12-01T08:00", "2026-12-01T08:59"), None);
    assert_eq!(due_at(&schedule, "2026-12-01T08:00", "2026-12-01T09:00"), slot("2026-12-01T09:00"));
    // Three days down: one run, for the last slot that was missed.
    assert_eq!(due_at(&schedule, "2026-12-01T08:00", "2026-12-04T12:34"), slot("2026-12-04T12:00"));
    assert_eq!(due_at(&schedule, "2026-12-04T12:00", "2026-12-04T12:34"), None);
    schedule.jitter_ms = 30 * 60_000;
    let begun = begin(&schedule, "job", at("2026-12-01T09:00"));
    let taken = at("2026-12-01T08:00");
    assert_eq!(due(&schedule, "job", taken, Instant(begun.0 - 1)), None);
    assert_eq!(due(&schedule, "job", taken, begun), Some(at("2026-12-01T09:00")));
}

/// Full hours of a day.
fn at_each(day: &str, hours: &[u32]) -> String {
    hours.iter().map(|hour| format!("{day}T{hour:02}:00")).collect::<Vec<_>>().join(" ")
}
