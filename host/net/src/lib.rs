//! rollcall-net
