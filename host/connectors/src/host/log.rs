//! `log`: always there. Lines are bounded in number and length, stripped of control characters, and carry the
//! connector's name. Logs carry no person: what looks like an address, a number or an id is left out of a line.

use rollcall_core::Text;

use crate::limits::LOG_LINE_BYTES;
use crate::store::Guest;
use crate::v0_1::log::{Host, Level};
use crate::words::{impersonal, tame};

/// Where a guest's lines go.
#[derive(Debug)]
pub(crate) struct LogSink {
    directory: Text,
    left: u64,
    told: bool,
}

impl LogSink {
    pub(crate) fn new(directory: Text, lines: u64) -> Self {
        Self { directory, left: lines, told: false }
    }

    fn write(&mut self, level: Level, message: &str) {
        let directory = &*self.directory;
        if self.left == 0 {
            if !self.told {
                self.told = true;
                tracing::warn!(
                    directory,
                    "the connector writes more log lines than `log_lines` allows: the rest is dropped"
                );
            }
            return;
        }
        self.left -= 1;
        let line = impersonal(&tame(message, LOG_LINE_BYTES));
        match level {
            Level::Debug => tracing::debug!(directory, "{line}"),
            Level::Info => tracing::info!(directory, "{line}"),
            Level::Warn => tracing::warn!(directory, "{line}"),
            Level::Error => tracing::error!(directory, "{line}"),
        }
    }
}

impl Host for Guest {
    async fn write(&mut self, level: Level, message: String) -> wasmtime::Result<()> {
        self.log.write(level, &message);
        Ok(())
    }
}
