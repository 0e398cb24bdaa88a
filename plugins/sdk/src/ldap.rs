//! LDAP through the host, which owns TLS, StartTLS, the bind, paging, ranges of long attributes and referrals (never
//! followed).
//!
//! A search names a login of the manifest, and the login names the server. A limit of the server that cuts the answer
//! short is an error, never an end.

use crate::Error;
pub use crate::filter::Filter;

/// How many entries a page is asked for, unless the connector says otherwise.
const PAGE_SIZE: u32 = 500;

/// How deep a search looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// At the base itself: one entry, or none where there is none.
    Base,
    /// At what is right below it.
    OneLevel,
    /// At all of it.
    Subtree,
}

/// Begins a search below a DN, through a `[login.NAME]` of the manifest.
pub fn search(login: &str, base: &str) -> Search {
    Search {
        login: login.to_owned(),
        base: base.to_owned(),
        scope: Scope::Subtree,
        filter: Filter::present("objectClass"),
        attributes: Vec::new(),
        page_size: PAGE_SIZE,
    }
}

/// Reads one entry by its DN; none where there is none. The empty DN is the server's own entry.
///
/// # Errors
/// The host's word where the server was not reached or said no.
pub fn read(login: &str, dn: &str, attributes: &[&str]) -> Result<Option<Entry>, Error> {
    let results = search(login, dn).scope(Scope::Base).attributes(attributes.iter().copied()).start()?;
    Ok(results.all(1)?.pop())
}

/// A search in the making.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Search {
    /// The login of the manifest.
    pub login: String,
    /// Where it begins.
    pub base: String,
    /// How deep it looks.
    pub scope: Scope,
    /// What is looked for.
    pub filter: Filter,
    /// The attributes to give; none: all that belong to users.
    pub attributes: Vec<String>,
    /// How many entries a page should have.
    pub page_size: u32,
}

impl Search {
    /// Says how deep it looks.
    #[must_use]
    pub fn scope(mut self, scope: Scope) -> Self {
        self.scope = scope;
        self
    }

    /// Says what is looked for.
    #[must_use]
    pub fn filter(mut self, filter: Filter) -> Self {
        self.filter = filter;
        self
    }

    /// Says which attributes are to be given.
    #[must_use]
    pub fn attributes<A: Into<String>>(mut self, attributes: impl IntoIterator<Item = A>) -> Self {
        self.attributes = attributes.into_iter().map(Into::into).collect();
        self
    }

    /// Says how many entries a page should have.
    #[must_use]
    pub fn page_size(mut self, page_size: u32) -> Self {
        self.page_size = page_size;
        self
    }

    /// Begins the search.
    ///
    /// # Errors
    /// The host's word where it refused the search, or the server was not reached or refused the sign-in.
    pub fn start(self) -> Result<Results, Error> {
        start(self).map(Results)
    }
}

/// What a search finds, page by page.
pub struct Results(Host);

impl Results {
    /// Gives the next page; empty at the end.
    ///
    /// # Errors
    /// The host's word where the server said no, a limit cut the answer short, or the connection broke.
    #[expect(
        clippy::should_implement_trait,
        reason = "an iterator's `next` cannot say that it failed once for all"
    )]
    pub fn next(&mut self) -> Result<Vec<Entry>, Error> {
        self.0.next()
    }

    /// Gives everything that is left, which may be `limit` entries.
    ///
    /// # Errors
    /// As `next`; more than `limit` entries are a permanent error, never fewer.
    pub fn all(mut self, limit: usize) -> Result<Vec<Entry>, Error> {
        let mut all = Vec::new();
        loop {
            let page = self.next()?;
            if page.is_empty() {
                return Ok(all);
            }
            if page.len() > limit.saturating_sub(all.len()) {
                return Err(Error::permanent(format!("the directory has more than {limit} such entries")));
            }
            all.extend(page);
        }
    }
}

/// An entry.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Entry {
    /// Its name.
    pub dn: String,
    /// The attributes' names, as the server writes them, and their values.
    pub attributes: Vec<(String, Vec<Vec<u8>>)>,
}

impl Entry {
    /// Gives the values of an attribute, of which the case does not matter; none where it is absent.
    pub fn values(&self, name: &str) -> &[Vec<u8>] {
        let found = self.attributes.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map_or(&[], |(_, values)| values.as_slice())
    }

    /// Gives the first value.
    pub fn bytes(&self, name: &str) -> Option<&[u8]> {
        self.values(name).first().map(Vec::as_slice)
    }

    /// Gives the first value as text; none where it is absent or no text.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.bytes(name).and_then(|bytes| std::str::from_utf8(bytes).ok())
    }

    /// Gives all values that are text.
    pub fn texts(&self, name: &str) -> impl Iterator<Item = &str> {
        self.values(name).iter().filter_map(|bytes| std::str::from_utf8(bytes).ok())
    }
}

#[cfg(target_arch = "wasm32")]
struct Host(crate::bindings::rollcall::connector::ldap::Search);

#[cfg(target_arch = "wasm32")]
impl Host {
    fn next(&mut self) -> Result<Vec<Entry>, Error> {
        let attributes = |values: Vec<crate::bindings::rollcall::connector::ldap::Values>| {
            values.into_iter().map(|one| (one.name, one.values)).collect()
        };
        let page = self.0.next()?;
        Ok(page
            .into_iter()
            .map(|entry| Entry { dn: entry.dn, attributes: attributes(entry.attributes) })
            .collect())
    }
}

#[cfg(target_arch = "wasm32")]
fn start(search: Search) -> Result<Host, Error> {
    use crate::bindings::rollcall::connector::ldap;
    let query = ldap::Query {
        login: search.login,
        base: search.base,
        scope: match search.scope {
            Scope::Base => ldap::Scope::Base,
            Scope::OneLevel => ldap::Scope::OneLevel,
            Scope::Subtree => ldap::Scope::Subtree,
        },
        filter: search.filter.to_string(),
        attributes: search.attributes,
        page_size: search.page_size,
    };
    ldap::start(&query).map(Host)
}

#[cfg(not(target_arch = "wasm32"))]
struct Host {
    pages: std::vec::IntoIter<Result<Vec<Entry>, Error>>,
}

#[cfg(not(target_arch = "wasm32"))]
impl Host {
    fn next(&mut self) -> Result<Vec<Entry>, Error> {
        self.pages.next().unwrap_or(Ok(Vec::new()))
    }
}

#[cfg(not(target_arch = "wasm32"))]
fn start(search: Search) -> Result<Host, Error> {
    Ok(Host { pages: crate::testing::found(search)?.into_iter() })
}

#[cfg(test)]
mod tests {
    use super::Entry;

    #[test]
    fn attributes_are_found_in_any_case() {
        let attributes = vec![("sAMAccountName".to_owned(), vec![b"ann".to_vec(), b"b".to_vec(), vec![255]])];
        let entry = Entry { dn: String::new(), attributes };
        assert_eq!(entry.text("samaccountname"), Some("ann"));
        assert_eq!(entry.texts("SAMACCOUNTNAME").count(), 2);
        assert_eq!(entry.values("samaccountname").len(), 3);
        assert_eq!(entry.text("mail"), None);
    }
}
