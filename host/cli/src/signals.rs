//! SIGINT and SIGTERM: the first finishes the calls in flight, the second ends the process at once.

use std::time::Duration;

use rollcall_engine::observe::Cancel;
use tokio::signal::unix::{SignalKind, signal};

/// Listens, and gives what a signal sets.
pub(crate) fn listen() -> Cancel {
    let cancel = Cancel::default();
    for (kind, number) in [(SignalKind::interrupt(), 2), (SignalKind::terminate(), 15)] {
        let cancel = cancel.clone();
        tokio::spawn(async move {
            let Ok(mut stream) = signal(kind) else { return };
            while stream.recv().await.is_some() {
                if cancel.signal().is_some() {
                    end_at_once(number);
                }
                cancel.cancel(number);
            }
        });
    }
    cancel
}

/// How often somebody who does what may be left in the middle looks whether to stop.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Waits for a signal and gives its number.
pub(crate) async fn asked(cancel: &Cancel) -> i32 {
    loop {
        match cancel.signal() {
            Some(signal) => return signal,
            None => tokio::time::sleep(LOOK_EVERY).await,
        }
    }
}

#[expect(clippy::exit, reason = "a second signal asks for exactly this; the journal has what was begun")]
fn end_at_once(signal: i32) {
    std::process::exit(128 + signal);
}
