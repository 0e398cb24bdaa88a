//! The wire that tries again, where that can do no harm: GET, HEAD and what the caller calls repeatable, after a lost
//! connection or an answer that says "later".
//!
//! How long is the server's to say (`Retry-After`, or the end of its rate limit's window by its own clock); otherwise the
//! waits double, with jitter, so that many jobs do not come back together. Microsoft Graph counts an early retry against
//! the quota. Google says "later" with 403 too, and only the reason in the body tells.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, UNIX_EPOCH};

use async_trait::async_trait;
use rollcall_edges::clock::Clock;

use crate::error::NetError;
use crate::limits;
use crate::wire::{Body, Request, Response, Wire};

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
    /// How often a server that cannot be reached is tried, the first time included.
    pub unreached_attempts: u32,
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
            unreached_attempts: limits::UNREACHED_ATTEMPTS,
            first_wait: limits::FIRST_WAIT,
            one_wait: limits::ONE_WAIT,
            all_waits: limits::ALL_WAITS,
            seed: 0,
        }
    }
}

/// Sends a request again that may be sent again. Dropping the future ends a wait at once.
pub struct Retrying<W> {
    inner: W,
    schedule: Schedule,
    clock: Arc<dyn Clock>,
    pause: Arc<dyn Pause>,
    draws: AtomicU64,
}

/// Why one attempt was not the last.
struct Again {
    error: NetError,
    asked: Option<Duration>,
    most: u32,
}

impl<W: Wire> Retrying<W> {
    /// Puts retries around a wire.
    pub fn new(inner: W, schedule: Schedule, clock: Arc<dyn Clock>, pause: Arc<dyn Pause>) -> Self {
        let draws = AtomicU64::new(schedule.seed);
        Self { inner, schedule, clock, pause, draws }
    }

    /// Sends once and reads ahead. `Err(Ok(..))` may be tried again, `Err(Err(..))` not.
    async fn attempt(&self, request: Request) -> Result<Response, Result<Again, NetError>> {
        let about = request.about();
        let answer = match self.inner.send(request).await {
            Ok(response) => response,
            Err(error) => return Err(self.lost(error)),
        };
        let answer = if matches!(answer.status, 429 | 502 | 503 | 504) {
            answer
        } else {
            let begun = read_ahead(answer).await.map_err(|error| self.lost(error))?;
            if !begun.is_over_quota() {
                return Ok(begun.response());
            }
            begun.response()
        };
        let status = answer.status;
        let asked = answer
            .header("retry-after")
            .and_then(|text| self.read_wait(text))
            .or_else(|| window_end(&answer));
        let retry_after_ms = asked.map(|wait| u32::try_from(wait.as_millis()).unwrap_or(u32::MAX));
        let waits = match asked {
            Some(wait) => format!(" and asks to come back in {} s", wait.as_secs()),
            None => String::new(),
        };
        let message = format!("the server answers `{about}` with {status}{waits}");
        let error = NetError::Busy { status, message, retry_after_ms };
        Err(Ok(Again { error, asked, most: self.schedule.attempts }))
    }

    fn lost(&self, error: NetError) -> Result<Again, NetError> {
        let most = match error {
            NetError::Lost { .. } => self.schedule.attempts,
            NetError::Unreachable { .. } => self.schedule.unreached_attempts,
            _ => return Err(error),
        };
        Ok(Again { error, asked: None, most })
    }

    /// Reads `Retry-After`: seconds, or an HTTP date (RFC 9110, 10.2.3).
    fn read_wait(&self, text: &str) -> Option<Duration> {
        let text = text.trim();
        if let Ok(seconds) = text.parse::<u64>() {
            return Some(Duration::from_secs(seconds));
        }
        let until = httpdate::parse_http_date(text).ok()?.duration_since(UNIX_EPOCH).ok()?;
        let now = Duration::from_millis(u64::try_from(self.clock.now().0).ok()?);
        Some(until.saturating_sub(now))
    }

    /// Gives the wait after an attempt, between a half and the whole of what doubling gives.
    fn back_off(&self, attempt: u32) -> Duration {
        let whole =
            self.schedule.first_wait.saturating_mul(1 << (attempt - 1).min(16)).min(self.schedule.one_wait);
        let draw = mix(self.draws.fetch_add(1, Ordering::Relaxed)) % 1024;
        whole / 2 + whole.mul_f64(draw as f64 / 2048.0)
    }
}

/// Draws a number from a seed (the finalizer of SplitMix64).
fn mix(seed: u64) -> u64 {
    let mut word = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

#[async_trait]
impl<W: Wire> Wire for Retrying<W> {
    async fn send(&self, request: Request) -> Result<Response, NetError> {
        if !request.may_repeat() {
            return self.inner.send(request).await;
        }
        let mut waited = Duration::ZERO;
        let mut attempt = 0;
        loop {
            attempt += 1;
            let again = match self.attempt(request.clone()).await {
                Ok(response) => return Ok(response),
                Err(Ok(again)) => again,
                Err(Err(error)) => return Err(error),
            };
            let wait = again.asked.unwrap_or_else(|| self.back_off(attempt));
            let too_long = wait > self.schedule.one_wait || waited + wait > self.schedule.all_waits;
            if attempt >= again.most || too_long {
                return Err(again.error);
            }
            // The error's own words name the path, and a path may name a person.
            let (request, wait_ms) = (request.about_server(), wait.as_millis());
            tracing::info!(request, wait_ms, attempt, "no good answer; asking again after a wait");
            self.pause.pause(wait).await;
            waited += wait;
        }
    }
}

/// Gives how long a rate limit's window lasts yet: its end (`X-Rate-Limit-Reset`, seconds since 1970) against the same
/// answer's `Date`, so that this machine's clock does not matter. Okta says so ("rate limit best practices"), others
/// spell it `X-RateLimit-Reset`.
fn window_end(answer: &Response) -> Option<Duration> {
    let reset = answer.header("x-rate-limit-reset").or_else(|| answer.header("x-ratelimit-reset"))?;
    let end = Duration::from_secs(reset.trim().parse().ok()?);
    let now = httpdate::parse_http_date(answer.header("date")?).ok()?.duration_since(UNIX_EPOCH).ok()?;
    // Both are whole seconds, cut off: a second more is surely behind the end.
    Some(end.checked_sub(now)? + Duration::from_secs(1))
}

/// An answer of which the beginning has been read.
struct Begun {
    status: u16,
    headers: Vec<(String, String)>,
    ahead: Vec<u8>,
    /// None where the beginning is all.
    rest: Option<Box<dyn Body>>,
}

impl Begun {
    /// Says whether a 403 means "later": Google's usage limits, which the first of `error.errors[].reason` tells.
    fn is_over_quota(&self) -> bool {
        const LATER: [&str; 3] = ["rateLimitExceeded", "userRateLimitExceeded", "quotaExceeded"];
        if self.status != 403 || self.rest.is_some() {
            return false;
        }
        let body: serde_json::Value = serde_json::from_slice(&self.ahead).unwrap_or_default();
        body["error"]["errors"][0]["reason"].as_str().is_some_and(|reason| LATER.contains(&reason))
    }

    fn response(self) -> Response {
        let Self { status, headers, ahead, rest } = self;
        match rest {
            None => Response::whole(status, headers, ahead),
            Some(rest) => Response { status, headers, body: Box::new(Ahead { ahead: Some(ahead), rest }) },
        }
    }
}

/// Reads the beginning of a body while the request can still be repeated.
async fn read_ahead(answer: Response) -> Result<Begun, NetError> {
    let Response { status, headers, mut body } = answer;
    let mut ahead = Vec::new();
    while ahead.len() < limits::BODY_AHEAD_BYTES {
        match body.chunk().await? {
            Some(chunk) => ahead.extend_from_slice(&chunk),
            None => return Ok(Begun { status, headers, ahead, rest: None }),
        }
    }
    Ok(Begun { status, headers, ahead, rest: Some(body) })
}

/// A body whose beginning is there already.
struct Ahead {
    ahead: Option<Vec<u8>>,
    rest: Box<dyn Body>,
}

#[async_trait]
impl Body for Ahead {
    async fn chunk(&mut self) -> Result<Option<Vec<u8>>, NetError> {
        match self.ahead.take() {
            Some(ahead) => Ok(Some(ahead)),
            None => self.rest.chunk().await,
        }
    }
}

#[cfg(test)]
#[path = "retry_tests.rs"]
mod tests;
