//! `compile-component`, hidden: the child in which a foreign connector is compiled.

use std::time::Duration;

use rollcall_connectors::{CompileLimits, compile};

use crate::exit;
use crate::output::Output;

/// Runs the command. Whoever started it reads the code, or the message.
pub(crate) fn run(output: &Output, cpu: Option<u64>, memory_mib: Option<u64>) -> u8 {
    let usual = CompileLimits::default();
    let limits = CompileLimits {
        cpu: cpu.map_or(usual.cpu, Duration::from_secs),
        memory_bytes: memory_mib.map_or(usual.memory_bytes, |mib| mib.saturating_mul(1 << 20)),
    };
    match compile(limits, std::io::stdin().lock(), std::io::stdout().lock()) {
        Ok(()) => exit::DONE,
        Err(why) => {
            output.say(&why);
            exit::ERROR
        }
    }
}
