//! How long the client waits, and how much it takes.

use std::time::Duration;

/// How long a read may take, unless the configuration says another time: 3,000 users come as one answer.
pub(super) const READ_WAIT: Duration = Duration::from_secs(120);
/// How long a write may take, unless the configuration says another time.
pub(super) const WRITE_WAIT: Duration = Duration::from_secs(60);
/// How long a logout may take; nobody waits longer for politeness.
pub(super) const LOGOUT_WAIT: Duration = Duration::from_secs(5);
/// How often a read is sent at most, the first time included.
pub(super) const READ_ATTEMPTS: u32 = 4;
/// The first wait before a read is sent again.
pub(super) const FIRST_WAIT: Duration = Duration::from_millis(500);
/// The longest wait before a read is sent again.
pub(super) const ONE_WAIT: Duration = Duration::from_secs(15);
/// How many characters a made-up password has; 31 fit (ipoffice.md 2.1).
pub(super) const PASSWORD_CHARS: usize = 20;
/// How many changed elements an error names.
pub(super) const NAMED_MAX: usize = 8;
/// How old a list of names and numbers may be before a create, from when it was asked for.
pub(super) const HOLDERS_AGE: Duration = Duration::from_secs(2);
/// How many times as long as the listing took it may be used, where that is longer: a fifth of the time goes to lists.
pub(super) const HOLDERS_SHARE: u32 = 5;
