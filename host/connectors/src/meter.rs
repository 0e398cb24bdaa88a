//! What a guest has used so far: time on the processor, memory, requests and bytes. Shared between the guest's store
//! and whoever waits for the call.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use crate::limits::Limits;

/// What connectors have used, for the run's figures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// The most linear memory of one instance, in bytes.
    pub memory_peak_bytes: u64,
    /// Time on the processor, in milliseconds.
    pub cpu_ms: u64,
    /// Requests sent.
    pub requests: u64,
    /// Bytes of responses and files read.
    pub bytes: u64,
}

/// Which limit of a guest's own doing was reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reached {
    CallCpu,
    RunCpu,
}

#[derive(Debug, Default)]
struct Counts {
    cpu: Duration,
    call_began_at: Duration,
    running_since: Option<Instant>,
    reached: Option<Reached>,
    memory_peak: u64,
    memory_denied: bool,
    requests: u64,
    bytes: u64,
}

/// Counts what one instance uses.
#[derive(Clone, Debug, Default)]
pub(crate) struct Meter(Arc<Mutex<Counts>>);

impl Meter {
    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins the account of a call.
    pub(crate) fn begin_call(&self) {
        let mut counts = self.counts();
        counts.call_began_at = counts.cpu;
    }

    /// Says whether a limit of processor time is reached, at an interruption of the guest.
    pub(crate) fn over(&self, limits: &Limits) -> bool {
        let mut counts = self.counts();
        let cpu = counts.cpu + counts.running_since.map_or(Duration::ZERO, |since| since.elapsed());
        let reached = if cpu > limits.run_cpu {
            Some(Reached::RunCpu)
        } else if cpu.saturating_sub(counts.call_began_at) > limits.call_cpu {
            Some(Reached::CallCpu)
        } else {
            None
        };
        counts.reached = counts.reached.or(reached);
        reached.is_some()
    }

    pub(crate) fn reached(&self) -> Option<Reached> {
        self.counts().reached
    }

    pub(crate) fn note_memory(&self, bytes: usize) {
        let mut counts = self.counts();
        counts.memory_peak = counts.memory_peak.max(u64::try_from(bytes).unwrap_or(u64::MAX));
    }

    pub(crate) fn note_memory_denied(&self) {
        self.counts().memory_denied = true;
    }

    pub(crate) fn memory_denied(&self) -> bool {
        self.counts().memory_denied
    }

    /// Counts a request; false where it is one too many.
    pub(crate) fn request(&self, limits: &Limits) -> bool {
        let mut counts = self.counts();
        counts.requests += 1;
        counts.requests <= limits.requests
    }

    /// Counts bytes that were read; false where they are too many.
    pub(crate) fn read(&self, bytes: usize, limits: &Limits) -> bool {
        let mut counts = self.counts();
        counts.bytes = counts.bytes.saturating_add(u64::try_from(bytes).unwrap_or(u64::MAX));
        counts.bytes <= limits.bytes
    }

    pub(crate) fn usage(&self) -> Usage {
        let counts = self.counts();
        Usage {
            memory_peak_bytes: counts.memory_peak,
            cpu_ms: u64::try_from(counts.cpu.as_millis()).unwrap_or(u64::MAX),
            requests: counts.requests,
            bytes: counts.bytes,
        }
    }

    /// Counts the time that a future spends being polled. That is the guest's time on the processor and that of the
    /// host functions it calls, and on a busy machine a little more; what is awaited does not count.
    pub(crate) fn metered<F: Future>(&self, future: F) -> Metered<F> {
        Metered { future: Box::pin(future), meter: self.clone() }
    }
}

pub(crate) struct Metered<F> {
    future: Pin<Box<F>>,
    meter: Meter,
}

impl<F: Future> Future for Metered<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let began = Instant::now();
        self.meter.counts().running_since = Some(began);
        let polled = self.future.as_mut().poll(context);
        let mut counts = self.meter.counts();
        counts.running_since = None;
        counts.cpu += began.elapsed();
        drop(counts);
        polled
    }
}
