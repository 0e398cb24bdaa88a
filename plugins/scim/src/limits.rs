//! The connector's bounds on what a service may make it do.

/// The most users that a job may ask for at a time.
pub(crate) const USERS_A_PAGE_MOST: i64 = 10_000;

/// How often a listing begins again: because the service no longer knows a cursor, because users came or went while it
/// was read, or because pages did not fit together.
pub(crate) const RESTARTS: u32 = 2;
