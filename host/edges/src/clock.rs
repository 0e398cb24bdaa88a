//! Time, which enters through the engine only.

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
}

/// The machine's clock.
#[derive(Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Instant {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        Instant(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }
}

/// A clock that stands still, for tests and for `ROLLCALL_NOW`.
#[derive(Debug)]
pub struct FixedClock(pub Instant);

impl Clock for FixedClock {
    fn now(&self) -> Instant {
        self.0
    }
}
