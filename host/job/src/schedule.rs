//! `[schedule]`: when `rollcall serve` runs the job.

use jiff::tz::TimeZone;
use rollcall_core::Text;

use crate::cron::Cron;
use crate::directory::day;
use crate::keys;
use crate::limits::JITTER_MS_MAX;
use crate::tree::Kind;
use crate::values;
use crate::walk::{Section, Walk};

/// When a job runs.
#[derive(Clone, Debug, PartialEq)]
pub struct Schedule {
    /// `cron`.
    pub cron: Cron,
    /// `cron` as it was written.
    pub text: Text,
    /// `timezone`, UTC unless the job says another.
    pub zone: TimeZone,
    /// The zone's name.
    pub zone_name: Text,
    /// `start`: the first day on which it may run, `YYYY-MM-DD` in that zone.
    pub start: Option<Text>,
    /// `jitter`: within how many milliseconds behind a slot its run begins.
    pub jitter_ms: u64,
}

/// Reads `[schedule]`; `None` where there is none, or none that can be used.
pub(crate) fn schedule(walk: &mut Walk<'_>, root: &Section<'_>) -> Option<Schedule> {
    const CRON: &str = "write minute, hour, day of the month, month and day of the week: `cron = \"0 */2 * * *\"` is every two hours";
    let section = walk.section(root, "schedule", "schedule")?;
    if section.get("cron").is_none() {
        walk.missing(&section, "cron", CRON);
    }
    let text = match section.get("cron").map(|node| &node.kind) {
        Some(Kind::Text(text)) => text.trim().into(),
        _ => Text::default(),
    };
    let cron = walk.parsed(&section, "cron", CRON, Cron::parse);
    let (zone_name, zone) = zone(walk, &section);
    let start = day(walk, &section, "start", "2026-12-01");
    let jitter_ms = walk
        .parsed(&section, "jitter", "write a duration such as `2m` or `90s`, a day at most", |text| {
            values::duration(text)
                .and_then(|ms| if ms > JITTER_MS_MAX { Err("too long".into()) } else { Ok(ms) })
        })
        .unwrap_or(0);
    Some(Schedule { cron: cron?, text, zone, zone_name, start, jitter_ms })
}

fn zone(walk: &mut Walk<'_>, section: &Section<'_>) -> (Text, TimeZone) {
    let utc = || ("UTC".into(), TimeZone::UTC);
    let Some(node) = section.get("timezone") else { return utc() };
    let Some(text) = walk.text(section, "timezone") else { return utc() };
    match TimeZone::get(&text) {
        Ok(zone) => (zone.iana_name().unwrap_or(&text).into(), zone),
        Err(_) => {
            let message =
                format!("`schedule.timezone` is `{}`: there is no such time zone", text.escape_debug());
            walk.bad(&node.at, message, zone_hint(&text));
            utc()
        }
    }
}

fn zone_hint(text: &str) -> String {
    let known: Vec<String> = jiff::tz::db().available().map(|name| name.as_str().to_owned()).collect();
    let folded: Vec<String> = known.iter().map(|name| name.to_lowercase()).collect();
    let near = keys::nearest(text, folded.iter().map(String::as_str));
    match near.and_then(|near| known.iter().find(|name| name.to_lowercase() == near)) {
        Some(near) => format!("did you mean `{near}`?"),
        None => {
            "write a name of the time zone database, such as `Europe/London`; without one it is UTC".into()
        }
    }
}
