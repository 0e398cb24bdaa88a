//! rollcall-connectors
