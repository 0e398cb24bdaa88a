//! rollcall-office
