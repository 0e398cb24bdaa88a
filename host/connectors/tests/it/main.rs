//! Connectors in their sandbox, from the outside: real components, real limits, a server on loopback.

mod bench;
mod cache;
mod hostile;
mod http;
mod offline;
mod packages;
mod reading;
mod settings;
