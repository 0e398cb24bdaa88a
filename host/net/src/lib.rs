//! The only crate that opens outgoing sockets.
//!
//! Everything that leaves is a [`Request`] on a [`Wire`]. The wires are stacked, and each does one thing; from the
//! caller down to the network: [`Recorder`] or [`Replay`] → [`SignedIn`] (adds what a login yields, renews it once
//! after a 401, keeps secrets out of answers) → [`Retrying`] → [`Online`] (TLS, resolved addresses, caps, timeouts).
//! Whether a connector may send a request at all is asked of its [`Grants`] before. Directories that speak LDAP are
//! searched through an [`LdapWire`], by the same rules.

#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod address;
mod assertion;
mod certificate;
mod credential;
mod denial;
mod disturb;
mod error;
mod failure;
mod fixture;
mod http;
mod ldap;
pub mod limits;
mod login;
mod oauth;
mod origin;
mod recording;
mod replay;
mod resolver;
mod retry;
mod scrub;
mod service_account;
#[cfg(test)]
mod testing;
mod tls;
mod verifier;
mod wire;

pub use address::{AddressPolicy, Network};
pub use certificate::{Looked, SeenCertificate, certificate};
pub use credential::Credential;
pub use disturb::{Disturbed, Fault, Faults};
pub use error::NetError;
pub use fixture::{FixtureTold, FixtureWish, Pseudonyms, fixture};
pub use http::{Online, Options, Patience};
pub use ldap::{
    LdapEntry, LdapLogin, LdapOnline, LdapOptions, LdapPage, LdapPages, LdapQuery, LdapRecorder, LdapScope,
    LdapServer, LdapValues, LdapWire, ldap_certificate,
};
pub use login::{Login, Logins, SignedIn, Way};
pub use oauth::{Algorithm, Flow, OAuth, Proof};
pub use origin::{Grant, Grants, Origin, pasted};
pub use recording::{Header, Recorder, Recording};
pub use replay::Replay;
pub use resolver::{Resolver, SystemResolver};
pub use retry::{Pause, Retrying, Schedule, SystemPause};
pub use scrub::Scrubber;
pub use tls::Trust;
pub use wire::{Body, Bytes, Request, Response, Wire};
