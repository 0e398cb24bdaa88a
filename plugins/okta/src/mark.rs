//! The token from which the next run goes on: a time by Okta's own clock.

use serde::{Deserialize, Serialize};

use crate::limits::OVERLAP_SECONDS;

/// When the organisation was read, in seconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Mark {
    /// When the last reading began.
    pub(crate) read: i64,
}

impl Mark {
    /// Reads a token; none where it is no such thing.
    pub(crate) fn of_token(token: &[u8]) -> Option<Self> {
        serde_json::from_slice(token).ok()
    }

    /// Makes the token.
    pub(crate) fn token(self) -> Option<Vec<u8>> {
        serde_json::to_vec(&self).ok()
    }

    /// Gives the time since which changes are to be read, as Okta writes it.
    pub(crate) fn since(self) -> String {
        written(self.read - OVERLAP_SECONDS)
    }

    /// Says whether it lies ahead: a clock that was set back does not say what has changed since.
    pub(crate) fn lies_ahead(self, now: i64) -> bool {
        now < self.read
    }
}

/// Writes seconds since 1970 as `2026-11-23T09:00:00.000Z`.
fn written(seconds: i64) -> String {
    let (days, rest) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let (year, month, day) = date(days);
    format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}.000Z", rest / 3600, rest / 60 % 60, rest % 60)
}

/// Reads an HTTP date (RFC 9110, 5.6.7: `Sun, 06 Nov 1994 08:49:37 GMT`) as seconds since 1970.
pub(crate) fn http_date(text: &str) -> Option<i64> {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let (_, rest) = text.split_once(", ")?;
    let parts: Vec<&str> = rest.split(' ').collect();
    let [day, month, year, time, "GMT"] = parts[..] else { return None };
    let month = MONTHS.iter().position(|known| *known == month)? + 1;
    let clock: Vec<i64> = time.split(':').map(|part| part.parse().ok()).collect::<Option<_>>()?;
    let [hours, minutes, seconds] = clock[..] else { return None };
    let days = days(year.parse().ok()?, i64::try_from(month).ok()?, day.parse().ok()?);
    Some(days * 86_400 + hours * 3600 + minutes * 60 + seconds)
}

/// Gives the days since 1970-01-01 of a Gregorian date. Years begin in March, so that the leap day comes last.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// Gives the date of so many days since 1970-01-01.
fn date(days: i64) -> (i64, i64, i64) {
    // A year too far ahead at most, then back to the one that has begun.
    let mut year = 1971 + days.div_euclid(365);
    while self::days(year, 1, 1) > days {
        year -= 1;
    }
    let month = (1..=12).rev().find(|month| self::days(year, *month, 1) <= days).unwrap_or(1);
    (year, month, days - self::days(year, month, 1) + 1)
}

#[cfg(test)]
mod tests {
    use super::{Mark, date, days, http_date, written};

    #[test]
    fn times_are_read_and_written() {
        let check =
            |http: &str, expect: &str| assert_eq!(http_date(http).map(written).as_deref(), Some(expect));
        check("Thu, 01 Jan 1970 00:00:00 GMT", "1970-01-01T00:00:00.000Z");
        check("Sun, 06 Nov 1994 08:49:37 GMT", "1994-11-06T08:49:37.000Z");
        check("Thu, 29 Feb 2024 23:59:59 GMT", "2024-02-29T23:59:59.000Z");
        check("Mon, 23 Nov 2026 09:00:00 GMT", "2026-11-23T09:00:00.000Z");
        assert_eq!(http_date("Sun, 06 Nov 1994 08:49:37 GMT"), Some(784_111_777));
        for bad in
            ["", "Sun, 06 Nov 1994", "Sun, 06 Foo 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:49 GMT", "1994"]
        {
            assert_eq!(http_date(bad), None, "{bad}");
        }
    }

    #[test]
    fn every_day_has_one_date() {
        for day in -200_000..200_000 {
            let (year, month, of_month) = date(day);
            assert_eq!(days(year, month, of_month), day);
            assert!((1..=12).contains(&month) && (1..=31).contains(&of_month), "{year}-{month}-{of_month}");
        }
    }

    #[test]
    fn a_mark_is_a_token() {
        let mark = Mark { read: 1_000_000 };
        assert_eq!(mark.token().and_then(|token| Mark::of_token(&token)), Some(mark));
        assert_eq!(Mark::of_token(b"rubbish"), None);
        assert_eq!(mark.since(), written(1_000_000 - 900));
        assert!(!mark.lies_ahead(1_000_000) && mark.lies_ahead(999_999));
    }
}
