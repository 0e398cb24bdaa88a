//! Times as directories write them, in seconds since 1970 (UTC). A connector has no clock of its own that counts: what
//! is compared are the directory's own times.

/// A date and a time of day in the Gregorian calendar, UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parts {
    /// The year.
    pub year: i64,
    /// From 1.
    pub month: i64,
    /// From 1.
    pub day: i64,
    /// From 0.
    pub hour: i64,
    /// From 0.
    pub minute: i64,
    /// From 0.
    pub second: i64,
}

impl Parts {
    /// Takes seconds since 1970 apart.
    pub fn of(seconds: i64) -> Self {
        let (days, rest) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
        // 400 years have 146,097 days, and a year begins in March, so that the leap day comes last.
        let (era, of_era) = ((days + 719_468).div_euclid(146_097), (days + 719_468).rem_euclid(146_097));
        let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year + year / 4 - year / 100);
        let from_march = (5 * of_year + 2) / 153;
        let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
        Self {
            year: era * 400 + year + i64::from(month <= 2),
            month,
            day: of_year - (153 * from_march + 2) / 5 + 1,
            hour: rest / 3_600,
            minute: rest / 60 % 60,
            second: rest % 60,
        }
    }

    /// Gives seconds since 1970.
    pub fn seconds(self) -> i64 {
        let Self { year, month, day, hour, minute, second } = self;
        let (year, from_march) = if month <= 2 { (year - 1, month + 9) } else { (year, month - 3) };
        let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
        let of_year = (153 * from_march + 2) / 5 + day - 1;
        let days = era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468;
        days * 86_400 + hour * 3_600 + minute * 60 + second
    }
}

/// Writes seconds since 1970 as `2026-11-23T09:00:00.000Z` (RFC 3339).
pub fn rfc3339(seconds: i64) -> String {
    let Parts { year, month, day, hour, minute, second } = Parts::of(seconds);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.000Z")
}

/// Reads an HTTP date (RFC 9110, 5.6.7: `Sun, 06 Nov 1994 08:49:37 GMT`); `None` where it is none.
pub fn http_date(text: &str) -> Option<i64> {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let (_, rest) = text.split_once(", ")?;
    let parts: Vec<&str> = rest.split(' ').collect();
    let [day, month, year, time, "GMT"] = parts[..] else { return None };
    let month = MONTHS.iter().position(|known| *known == month)? + 1;
    let clock: Vec<i64> = time.split(':').map(|part| part.parse().ok()).collect::<Option<_>>()?;
    let [hour, minute, second] = clock[..] else { return None };
    let (year, month, day) = (year.parse().ok()?, i64::try_from(month).ok()?, day.parse().ok()?);
    Some(Parts { year, month, day, hour, minute, second }.seconds())
}

#[cfg(test)]
mod tests {
    use super::{Parts, http_date, rfc3339};

    #[test]
    fn times_are_read_and_written() {
        let check =
            |http: &str, expect: &str| assert_eq!(http_date(http).map(rfc3339).as_deref(), Some(expect));
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
    fn every_second_has_one_date() {
        for day in -200_000..200_000 {
            let at = day * 86_400 + 86_399;
            let parts = Parts::of(at);
            assert_eq!(parts.seconds(), at, "{parts:?}");
            assert!((1..=12).contains(&parts.month) && (1..=31).contains(&parts.day), "{parts:?}");
        }
    }
}
