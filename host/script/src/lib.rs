//! rollcall-script
