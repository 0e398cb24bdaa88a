//! What all simulators share: the socket, the journal, faults on demand, and how an assertion is verified.

mod answer;
mod faults;
mod journal;
pub(crate) mod jwt;
mod server;
mod tls;
mod trouble;

pub use answer::{Answer, Delivery, Request};
pub use faults::{Faults, Rule};
pub use journal::{Entry, Journal};
pub use jwt::{der, public_key};
pub use server::{Simulator, Site};
pub(crate) use tls::Identity;
pub use trouble::Trouble;
