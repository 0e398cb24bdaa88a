//! Time, which enters through the engine only.

use std::time::Duration;

use rollcall_core::elapsed::{Boot, Tick};

/// Milliseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Instant(pub i64);

impl Instant {
    /// Gives the milliseconds that have passed since `earlier`; 0 where the clock was set back.
    pub fn since(self, earlier: Instant) -> u64 {
        u64::try_from(self.0 - earlier.0).unwrap_or(0)
    }
}

/// Tells the time.
pub trait Clock: Send + Sync {
    /// Gives the present instant.
    fn now(&self) -> Instant;

    /// Tells which start of the machine it is and how long ago that was, where the machine knows.
    fn boot(&self) -> Option<Boot> {
        None
    }

    /// Gives both at once.
    fn tick(&self) -> Tick {
        Tick { wall_ms: self.now().0, boot: self.boot() }
    }

    /// Gives how long to wait until so many milliseconds have passed on this clock; `None`: it stands still.
    fn pause(&self, ms: u64) -> Option<Duration> {
        Some(Duration::from_millis(ms))
    }
}

/// The machine's clock.
#[derive(Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Instant {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        Instant(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }

    /// Linux names every start in `/proc/sys/kernel/random/boot_id`; the first figure of `/proc/uptime` is CLOCK_BOOTTIME
    /// in seconds, which goes on while the machine sleeps.
    fn boot(&self) -> Option<Boot> {
        let id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
        let uptime = std::fs::read_to_string("/proc/uptime").ok()?;
        Some(Boot { id: id.trim().into(), uptime_ms: uptime_ms(&uptime)? })
    }
}

/// Reads the first figure of `/proc/uptime`, such as `350735.47`, in milliseconds.
fn uptime_ms(text: &str) -> Option<i64> {
    let seconds = text.split_ascii_whitespace().next()?;
    let (whole, hundredths) = seconds.split_once('.')?;
    let (whole, hundredths): (i64, i64) = (whole.parse().ok()?, hundredths.parse().ok()?);
    whole.checked_mul(1000)?.checked_add(hundredths.checked_mul(10)?)
}

/// A clock that stands still, for tests and for `ROLLCALL_NOW`.
#[derive(Debug)]
pub struct FixedClock(pub Instant);

impl Clock for FixedClock {
    fn now(&self) -> Instant {
        self.0
    }

    fn pause(&self, _: u64) -> Option<Duration> {
        None
    }
}

/// A clock that begins somewhere and runs from there, at its own speed.
#[derive(Debug)]
pub struct RunningClock {
    start: Instant,
    began: std::time::Instant,
    speed: u32,
}

impl RunningClock {
    /// Begins at an instant. `speed` is how many seconds pass on it in one, at least 1.
    pub fn new(start: Instant, speed: u32) -> Self {
        Self { start, began: std::time::Instant::now(), speed: speed.max(1) }
    }
}

impl Clock for RunningClock {
    fn now(&self) -> Instant {
        let passed = self.began.elapsed().as_millis().saturating_mul(u128::from(self.speed));
        Instant(self.start.0.saturating_add(i64::try_from(passed).unwrap_or(i64::MAX)))
    }

    fn pause(&self, ms: u64) -> Option<Duration> {
        Some(Duration::from_millis(ms.div_ceil(u64::from(self.speed))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_since_the_start_is_read_in_milliseconds() {
        assert_eq!(uptime_ms("350735.47 234388.90\n"), Some(350_735_470));
        for text in ["", "x.y 1", "12"] {
            assert_eq!(uptime_ms(text), None, "{text}");
        }
    }

    #[test]
    fn a_machine_that_tells_its_start_tells_the_same_one_twice() {
        let (one, other) = (SystemClock.boot(), SystemClock.boot());
        assert_eq!(one.as_ref().map(|boot| &boot.id), other.as_ref().map(|boot| &boot.id));
        assert!(one.zip(other).is_none_or(|(one, other)| one.uptime_ms <= other.uptime_ms));
    }

    #[test]
    fn a_running_clock_runs_at_its_speed() {
        let clock = RunningClock::new(Instant(1_000), 3_600);
        std::thread::sleep(Duration::from_millis(20));
        assert!(clock.now() >= Instant(1_000 + 20 * 3_600));
        assert_eq!(clock.pause(7_200), Some(Duration::from_millis(2)));
        assert_eq!(clock.pause(1), Some(Duration::from_millis(1)), "never shorter than it has to be");
        assert_eq!(FixedClock(Instant(1)).pause(1), None);
    }
}
