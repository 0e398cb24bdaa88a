//! rollcall-state
