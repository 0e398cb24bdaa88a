//! Bounds on what strangers may ask of the server.

use std::time::Duration;

/// How many connections are served at once.
pub(super) const CONNECTIONS_MAX: usize = 64;
/// How many sessions there are; the oldest one goes.
pub(super) const SESSIONS_MAX: usize = 64;
/// How many calls the log keeps; later ones are counted only.
pub(super) const LOGGED_MAX: usize = 100_000;
/// How long a TLS handshake or a request's head may take.
pub(super) const GREETING_WAIT: Duration = Duration::from_secs(10);
/// The longest wait that a mode may ask for, in milliseconds.
pub(super) const WAIT_MS_MAX: u64 = 600_000;
