//! `run`: always there. The progress bar, and how much wall time is left.

use std::sync::Arc;
use std::time::Instant;

use crate::store::Guest;
use crate::v0_1::run::Host;

/// Hears how far a connector says it is: done, and of how many.
pub type Progress = Arc<dyn Fn(u32, Option<u32>) + Send + Sync>;

impl Host for Guest {
    async fn progress(&mut self, done: u32, total: Option<u32>) -> wasmtime::Result<()> {
        if let Some(progress) = &self.progress {
            progress(done, total);
        }
        Ok(())
    }

    async fn time_left_ms(&mut self) -> wasmtime::Result<u32> {
        let left = self.until.saturating_duration_since(Instant::now());
        Ok(u32::try_from(left.as_millis()).unwrap_or(u32::MAX))
    }
}
