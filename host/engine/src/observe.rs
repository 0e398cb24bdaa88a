//! What a run tells while it goes on, and how it is asked to stop.

use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};

/// How far a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// So many changes of the directory have been read.
    Pulled(usize),
    /// So many users have been mapped.
    Mapped(usize),
    /// The phone system is being read.
    Reading,
    /// So many of so many moves have been written.
    Applied(usize, usize),
}

/// Somebody who watches the progress.
pub trait Observer: Send + Sync {
    /// Sees one event.
    fn event(&self, event: Event);
}

/// Watches nothing.
#[derive(Debug)]
pub struct Silent;

impl Observer for Silent {
    fn event(&self, _: Event) {}
}

/// A request to stop: the operation in flight is finished, and nothing else is begun.
#[derive(Clone, Debug, Default)]
pub struct Cancel(Arc<AtomicI32>);

impl Cancel {
    /// Asks to stop because of a signal.
    pub fn cancel(&self, signal: i32) {
        self.0.store(signal, Ordering::Relaxed);
    }

    /// Gives the signal, if there was one.
    pub fn signal(&self) -> Option<i32> {
        match self.0.load(Ordering::Relaxed) {
            0 => None,
            signal => Some(signal),
        }
    }
}
