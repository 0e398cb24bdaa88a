//! The five fields of cron: minute, hour, day of the month, month, day of the week. Pure; the error is one clause.
//!
//! Written here and not taken from a library, because what a run does on the days when clocks change depends on how the
//! hours were written (see `engine/schedule.rs`), and because a mistake should be told in words.

/// When a job runs, as sets of minutes, hours and days.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cron {
    /// The minutes, a bit each from bit 0.
    minutes: u64,
    /// The hours, a bit each from bit 0.
    hours: u64,
    /// The days of the month, a bit each from bit 1.
    days: u64,
    /// The months, a bit each from bit 1.
    months: u64,
    /// The days of the week, a bit each: 0 is Sunday.
    weekdays: u64,
    /// Whether the day of the month or the day of the week begins with `*`: then both must fit, else either will do.
    both_days: bool,
}

/// What a field may hold.
struct Range {
    name: &'static str,
    first: u32,
    last: u32,
    words: &'static [&'static str],
}

const MINUTE: Range = Range { name: "minute", first: 0, last: 59, words: &[] };
const HOUR: Range = Range { name: "hour", first: 0, last: 23, words: &[] };
const DAY: Range = Range { name: "day of the month", first: 1, last: 31, words: &[] };
const MONTH: Range = Range {
    name: "month",
    first: 1,
    last: 12,
    words: &["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"],
};
/// Sunday may be written 0 or 7.
const WEEKDAY: Range = Range {
    name: "day of the week",
    first: 0,
    last: 7,
    words: &["sun", "mon", "tue", "wed", "thu", "fri", "sat"],
};

/// The words that stand for a whole expression, as cron knows them.
const WHOLE: &[(&str, &str)] = &[
    ("@yearly", "0 0 1 1 *"),
    ("@annually", "0 0 1 1 *"),
    ("@monthly", "0 0 1 * *"),
    ("@weekly", "0 0 * * 0"),
    ("@daily", "0 0 * * *"),
    ("@midnight", "0 0 * * *"),
    ("@hourly", "0 * * * *"),
];

/// How many days a month has at most, January first.
const LONGEST: [u32; 12] = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

impl Cron {
    /// Reads `0 */2 * * *`.
    ///
    /// # Errors
    /// What is wrong, as one clause.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim().to_ascii_lowercase();
        if text.starts_with('@') {
            return match WHOLE.iter().find(|(word, _)| *word == text) {
                Some((_, whole)) => Self::parse(whole),
                None => Err(format!(
                    "`{text}` is none of {}",
                    WHOLE.iter().map(|(word, _)| format!("`{word}`")).collect::<Vec<_>>().join(", ")
                )),
            };
        }
        let fields: Vec<&str> = text.split_ascii_whitespace().collect();
        let [minute, hour, day, month, weekday] = fields.as_slice() else {
            return Err(format!(
                "it has {} fields, and five are needed: minute, hour, day of the month, month, day of the week",
                fields.len()
            ));
        };
        let weekdays = set(&WEEKDAY, weekday)?;
        let cron = Self {
            minutes: set(&MINUTE, minute)?,
            hours: set(&HOUR, hour)?,
            days: set(&DAY, day)?,
            months: set(&MONTH, month)?,
            // 7 is Sunday too.
            weekdays: (weekdays | (weekdays >> 7)) & 0x7f,
            both_days: day.starts_with('*') || weekday.starts_with('*'),
        };
        if cron.ever() { Ok(cron) } else { Err("no month that it names has such a day".into()) }
    }

    /// Tells whether a day of the calendar is one of those. `weekday` counts from Sunday, 0.
    pub fn fits(&self, month: u32, day: u32, weekday: u32) -> bool {
        let (by_day, by_weekday) = (has(self.days, day), has(self.weekdays, weekday));
        let fits = if self.both_days { by_day && by_weekday } else { by_day || by_weekday };
        has(self.months, month) && fits
    }

    /// Gives the hours and minutes of such a day, in order.
    pub fn times(&self) -> impl Iterator<Item = (u32, u32)> + '_ {
        let hours = (0..24).filter(|hour| has(self.hours, *hour));
        hours.flat_map(|hour| {
            (0..60).filter(|minute| has(self.minutes, *minute)).map(move |minute| (hour, minute))
        })
    }

    /// Tells whether it names every hour, so that it counts hours and not times of the day.
    pub fn every_hour(&self) -> bool {
        self.hours == (1 << 24) - 1
    }

    /// Tells whether such a day ever comes.
    fn ever(&self) -> bool {
        let by_day = (1..=12u32)
            .zip(LONGEST)
            .any(|(month, longest)| has(self.months, month) && (1..=longest).any(|day| has(self.days, day)));
        // Where either will do, the day of the week comes in every month.
        by_day || !self.both_days
    }
}

fn has(set: u64, member: u32) -> bool {
    set.checked_shr(member).is_some_and(|rest| rest & 1 == 1)
}

/// Reads one field: a list of `*`, `5`, `1-5`, `*/15` and `1-31/2`.
fn set(range: &Range, field: &str) -> Result<u64, String> {
    let mut set = 0;
    for part in field.split(',') {
        let (span, step) = match part.split_once('/') {
            Some((span, step)) => (span, Some(step)),
            None => (part, None),
        };
        let (first, last) = match span.split_once('-') {
            _ if span == "*" => (range.first, range.last),
            Some((first, last)) => (range.read(first)?, range.read(last)?),
            None => {
                let only = range.read(span)?;
                if step.is_some() {
                    let last = range.last;
                    return Err(format!(
                        "`{part}`: a step needs a range in the {}, such as `{only}-{last}/2`",
                        range.name
                    ));
                }
                (only, only)
            }
        };
        if first > last {
            return Err(format!("the range `{span}` ends before it begins"));
        }
        let step = match step {
            None => 1,
            Some(step) => match step.parse::<usize>() {
                Ok(step) if step > 0 => step,
                _ => return Err(format!("`{part}`: the step must be a number greater than 0")),
            },
        };
        set |= (first..=last).step_by(step).fold(0, |set, member| set | 1u64 << member);
    }
    Ok(set)
}

impl Range {
    fn read(&self, text: &str) -> Result<u32, String> {
        if let Some(at) = self.words.iter().position(|word| *word == text) {
            return Ok(self.first + u32::try_from(at).unwrap_or(0));
        }
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let number = text.parse::<u32>().ok().filter(|_| digits);
        match number {
            Some(number) if (self.first..=self.last).contains(&number) => Ok(number),
            Some(number) => {
                Err(format!("the {} goes from {} to {}, not to {number}", self.name, self.first, self.last))
            }
            None if self.words.is_empty() => {
                Err(format!("the {} is `{}`: no number", self.name, text.escape_debug()))
            }
            None => Err(format!(
                "the {} is `{}`: neither a number nor one of {}",
                self.name,
                text.escape_debug(),
                self.words.join(", ")
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expect: Result<&str, &str>) {
        let found = Cron::parse(text).map(|cron| {
            let times: Vec<String> = cron.times().map(|(h, m)| format!("{h}:{m:02}")).collect();
            let shown = if times.len() > 6 { format!("{} times", times.len()) } else { times.join(" ") };
            // Days of November 2026, which begins on a Sunday, and February of that year, which does too.
            let days =
                |month, last: u32| (1..=last).filter(|day| cron.fits(month, *day, (day - 1) % 7)).count();
            format!("{shown} on {} and {}", days(2, 28), days(11, 30))
        });
        assert_eq!(found.as_deref().map_err(String::as_str), expect, "{text}");
    }

    #[test]
    fn what_it_reads() {
        check("0 */2 * * *", Ok("12 times on 28 and 30"));
        check("30 2 * * *", Ok("2:30 on 28 and 30"));
        check("0,30 8-9 * * mon-fri", Ok("8:00 8:30 9:00 9:30 on 20 and 21"));
        check("*/15 8 * * *", Ok("8:00 8:15 8:30 8:45 on 28 and 30"));
        check("5-59/20 8 * * *", Ok("8:05 8:25 8:45 on 28 and 30"));
        check("0 0 13 * FRI", Ok("0:00 on 4 and 4"));
        check("0 0 */2 * 1", Ok("0:00 on 2 and 2"));
        check("0 0 1 * *", Ok("0:00 on 1 and 1"));
        check("0 0 29 2 *", Ok("0:00 on 0 and 0"));
        check("0 0 * nov 7", Ok("0:00 on 0 and 5"));
        check("0 0 * * 0", Ok("0:00 on 4 and 5"));
        check("0 0 30 2 5", Ok("0:00 on 4 and 0"));
        check("@hourly", Ok("24 times on 28 and 30"));
        check(" @Daily ", Ok("0:00 on 28 and 30"));
    }

    #[test]
    fn what_it_refuses() {
        let five = "fields, and five are needed: minute, hour, day of the month, month, day of the week";
        check("", Err(&format!("it has 0 {five}")));
        check("0 2 * *", Err(&format!("it has 4 {five}")));
        check("0 0 2 * * *", Err(&format!("it has 6 {five}")));
        check("60 2 * * *", Err("the minute goes from 0 to 59, not to 60"));
        check("0 24 * * *", Err("the hour goes from 0 to 23, not to 24"));
        check("0 0 0 * *", Err("the day of the month goes from 1 to 31, not to 0"));
        check("0 0 * 13 *", Err("the month goes from 1 to 12, not to 13"));
        check("0 0 * * 8", Err("the day of the week goes from 0 to 7, not to 8"));
        check("0 -2 * * *", Err("the hour is ``: no number"));
        check("0 x * * *", Err("the hour is `x`: no number"));
        check(
            "0 0 * * friday",
            Err(
                "the day of the week is `friday`: neither a number nor one of sun, mon, tue, wed, thu, fri, sat",
            ),
        );
        check("5/10 * * * *", Err("`5/10`: a step needs a range in the minute, such as `5-59/2`"));
        check("*/0 * * * *", Err("`*/0`: the step must be a number greater than 0"));
        check("30-10 * * * *", Err("the range `30-10` ends before it begins"));
        check("0 0 30 2 *", Err("no month that it names has such a day"));
        check("0 0 31 4,6 *", Err("no month that it names has such a day"));
        check(
            "@dayly",
            Err(
                "`@dayly` is none of `@yearly`, `@annually`, `@monthly`, `@weekly`, `@daily`, `@midnight`, `@hourly`",
            ),
        );
    }
}
