//! rollcall-connector
