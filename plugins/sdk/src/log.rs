//! Lines for the run's log. The host bounds them, strips control characters and puts the connector's name in front.

#[cfg(not(target_arch = "wasm32"))]
use crate::testing;

/// Writes what only the author of the connector wants to see.
pub fn debug(message: &str) {
    write(Level::Debug, message);
}

/// Writes what an operator may want to see.
pub fn info(message: &str) {
    write(Level::Info, message);
}

/// Writes what somebody should look at.
pub fn warn(message: &str) {
    write(Level::Warn, message);
}

/// How loud a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// For the author.
    Debug,
    /// For the operator.
    Info,
    /// To be looked at.
    Warn,
}

#[cfg(target_arch = "wasm32")]
fn write(level: Level, message: &str) {
    use crate::bindings::rollcall::connector::log;
    let level = match level {
        Level::Debug => log::Level::Debug,
        Level::Info => log::Level::Info,
        Level::Warn => log::Level::Warn,
    };
    log::write(level, message);
}

#[cfg(not(target_arch = "wasm32"))]
fn write(level: Level, message: &str) {
    testing::note(format!("{level:?}: {message}"));
}
