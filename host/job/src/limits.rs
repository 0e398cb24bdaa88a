//! How much of anything foreign is taken in, each with its unit.

/// The greatest size of a job file or of one that it includes, in bytes.
pub(crate) const FILE_BYTES_MAX: u64 = 1024 * 1024;
/// How many files a job may include.
pub(crate) const INCLUDES_MAX: usize = 32;
/// The greatest length of a job's name, in characters.
pub(crate) const NAME_CHARS_MAX: usize = 64;
/// The greatest length of a duration, in milliseconds: ten years.
pub(crate) const DURATION_MS_MAX: u64 = 3650 * 24 * 60 * 60 * 1000;
/// How often a directory is read from its beginning where nothing else is said, in milliseconds: a day.
pub(crate) const FULL_EVERY_MS: u64 = 24 * 60 * 60 * 1000;
/// The greatest `jitter` of a schedule, in milliseconds: a day.
pub(crate) const JITTER_MS_MAX: u64 = 24 * 60 * 60 * 1000;
/// How many days before its end a credential is warned of.
pub(crate) const EXPIRY_DAYS: i32 = 30;
/// The greatest share in `[guard]`, in per cent: a job that owns one user may make a hundred.
pub(crate) const PERCENT_MAX: f64 = 10_000.0;
/// The greatest size of a credential, in bytes: a private key with its chain fits.
pub(crate) const CREDENTIAL_BYTES_MAX: u64 = 64 * 1024;
/// How long a credential's command may take, in milliseconds: long enough for a person to touch a key.
pub(crate) const COMMAND_MS_MAX: u64 = 60_000;
/// How often a running command is looked at, in milliseconds.
pub(crate) const COMMAND_POLL_MS: u64 = 10;
