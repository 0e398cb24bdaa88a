//! The Management API of a real IP Office: what goes over the wire, a client, and a server over the embedded office.
//!
//! Nothing here comes from Avaya. Everything is read off public clients that talk to real systems (ipoffice.md 3.1,
//! P1-P3), and what only one of them shows, or none, is a guess. The guesses stand behind this one module:
//!
//! | what | where | basis |
//! |---|---|---|
//! | a read asks for one system with `ipaddress`, the primary without | `client/read.rs` | one client quotes the manual |
//! | writes to another system carry `ipaddress` too | `client/call.rs` | guess |
//! | the primary is the system whose address the job names, else the first listed | `client/read.rs` | guess |
//! | `guid` on a GET gives one user or extension record; a server that ignores or refuses it is asked for the whole list | `client/find.rs` | guess, harmless |
//! | a create wants Name, Extension, AssignedPackage and Password at least | `client/create.rs` | P1's own rule |
//! | numbers of `AssignedPackage`; subscription profiles have none that is known | `crate::profile` | P1's user interface |
//! | empty text clears an element | `client/update.rs` | guess |
//! | elements left out of an update are cleared, or kept | nobody relies on either | P3 against P2 |
//! | `If-Match` is honoured (412), or ignored | nobody relies on either | unknown |
//! | extension records can be made, with `TypeInfo` as their type | `client/extension.rs` | P1 |
//! | an extension record with a module is a port of the hardware | `wire/standing.rs` | guess |
//! | a user's home is its `SystemName`, else the system that listed it | `client/read.rs` | P4's export |
//! | a licence's `DisplayName` or `Type` begins with the profile's name | `wire/standing.rs` | guess |
//! | 401 and 403 mean that the session has ended and nothing was done; so do a redirect and a page of HTML for a read, while a write is then looked for | `client/call.rs` | P1 in part |
//! | whether writes need a save or a reboot before they take effect | nobody relies on it | unknown |

mod client;
pub mod server;
mod wire;

pub use client::{Client, Config};
pub use wire::Encoding;
