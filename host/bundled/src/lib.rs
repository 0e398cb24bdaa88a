//! rollcall-bundled
