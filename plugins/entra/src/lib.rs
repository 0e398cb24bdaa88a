//! rollcall-connector-entra
