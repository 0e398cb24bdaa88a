//! LDAP: the second protocol that leaves this crate, for reading only.
//!
//! A search is asked of an [`LdapWire`], and its pages are pulled. From the caller down: [`LdapRecorder`] or
//! [`Replay`](crate::Replay) → [`LdapOnline`] (resolved and checked addresses, TLS or StartTLS, bind, paging, ranges of
//! long attributes, secrets kept out of answers). Whoever asks names a login, and the login names the server.
//!
//! The protocol is our own few hundred lines: the crates at hand either bring a TLS stack of their own, or hold the
//! values of a filter as text, in which an `objectGUID` cannot be written.

mod ber;
mod connection;
mod elsewhere;
mod filter;
#[cfg(test)]
mod hostile;
mod look;
mod message;
mod ranges;
mod recorder;
mod refusal;
mod search;
mod server;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

use async_trait::async_trait;

pub use look::ldap_certificate;
pub use recorder::LdapRecorder;
pub(crate) use recorder::{EntryLine, LdapPageLine, LdapSearchKey, ValueLine, key as query_key};
pub use search::{LdapLogin, LdapOnline, LdapOptions};
pub use server::LdapServer;

use crate::error::NetError;

/// How deep a search looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LdapScope {
    /// At the base itself.
    Base,
    /// At what is right below it.
    OneLevel,
    /// At all of it.
    Subtree,
}

/// One search.
#[derive(Clone, Debug)]
pub struct LdapQuery {
    /// The login to use, which names the server.
    pub login: String,
    /// The DN where it begins; empty: the server's own entry.
    pub base: String,
    /// How deep it looks.
    pub scope: LdapScope,
    /// An RFC 4515 filter.
    pub filter: String,
    /// The attributes to give; none: all that belong to users.
    pub attributes: Vec<String>,
    /// How many entries a page should have.
    pub page_size: u32,
}

/// The values of one attribute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LdapValues {
    /// The attribute's name with its options, as the server writes it.
    pub name: String,
    /// The values, untouched.
    pub values: Vec<Vec<u8>>,
}

/// An entry of a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LdapEntry {
    /// Its name.
    pub dn: String,
    /// What was asked for and is there.
    pub attributes: Vec<LdapValues>,
}

impl LdapEntry {
    /// Gives about how much memory the entry takes, in bytes.
    pub fn size(&self) -> usize {
        let one = |values: &LdapValues| {
            values.name.len() + values.values.iter().map(|v| v.len() + 8).sum::<usize>()
        };
        self.dn.len() + 16 + self.attributes.iter().map(one).sum::<usize>()
    }
}

/// A page of a search.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LdapPage {
    /// The entries; none at the end, and only there.
    pub entries: Vec<LdapEntry>,
    /// How many requests it took.
    pub requests: u32,
}

/// Carries searches to where they are answered.
#[async_trait]
pub trait LdapWire: Send + Sync {
    /// Begins a search: the server is reached and signed in to.
    ///
    /// # Errors
    ///
    /// What reaching it or signing in gave, and [`NetError::Refused`] where the filter is none.
    async fn search(&self, query: LdapQuery) -> Result<Box<dyn LdapPages>, NetError>;
}

/// The pages of a search.
#[async_trait]
pub trait LdapPages: Send {
    /// Gives the next page. Not to be asked again after an error.
    ///
    /// # Errors
    ///
    /// [`NetError::Failed`] where a limit of the server cut the answer short: that is never an end.
    async fn next(&mut self) -> Result<LdapPage, NetError>;
}
