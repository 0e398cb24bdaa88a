//! What a connector may tell and ask of the run that it is part of.

/// Says how many users have been read and, where it is known, how many there are; for the progress bar.
#[cfg(target_arch = "wasm32")]
pub fn progress(done: u32, total: Option<u32>) {
    crate::bindings::rollcall::connector::run::progress(done, total);
}

/// Says how many users have been read and, where it is known, how many there are; for the progress bar.
#[cfg(not(target_arch = "wasm32"))]
pub fn progress(_done: u32, _total: Option<u32>) {}

/// Gives the wall time left to this run, in milliseconds.
#[cfg(target_arch = "wasm32")]
pub fn time_left_ms() -> u32 {
    crate::bindings::rollcall::connector::run::time_left_ms()
}

/// Gives the wall time left to this run, in milliseconds.
#[cfg(not(target_arch = "wasm32"))]
pub fn time_left_ms() -> u32 {
    u32::MAX
}
