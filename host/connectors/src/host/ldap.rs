//! `ldap`: searches, page after page. A connector names a login of its manifest, and the login names the server: it
//! never sees a connection, a password, a cookie or a range. The wire below owns all of that.

use std::collections::BTreeSet;
use std::sync::Arc;

use rollcall_core::{Diagnostic, codes};
use rollcall_net::{LdapPages, LdapQuery, LdapScope, LdapWire};
use wasmtime::component::Resource;

use crate::blame::Blame;
use crate::limits::{DN_BYTES, FILTER_BYTES, NAME_BYTES, SEARCH_ATTRIBUTES};
use crate::store::{Guest, Reach};
use crate::v0_1::ldap::{Entry, Host, HostSearch, Query, Scope, Values};
use crate::v0_1::types::Error;
use crate::words::{did_you_mean, tame};

/// How a connector reaches directories.
#[derive(Default)]
pub(crate) struct LdapGranted {
    /// None where the manifest asks for no directory.
    pub(crate) wire: Option<Arc<dyn LdapWire>>,
    /// The logins whose servers are granted.
    pub(crate) logins: BTreeSet<String>,
}

/// A search that a guest is reading.
#[expect(unreachable_pub, reason = "the generated bindings re-export it")]
pub struct Search {
    pages: Box<dyn LdapPages>,
    ended: bool,
}

/// Turns a guest's query into one for the wire, or says what is wrong with it.
fn query(granted: &LdapGranted, query: Query) -> Result<LdapQuery, Diagnostic> {
    let refused = |message: String| Diagnostic::error(codes::CONNECTOR_REFUSED, message);
    if !granted.logins.contains(&query.login) {
        let name = tame(&query.login, 80);
        let message = format!("the connector named the login `{name}`, which its manifest does not grant");
        return Err(
            refused(message).hint(did_you_mean(&query.login, granted.logins.iter().map(String::as_str)))
        );
    }
    if query.base.len() > DN_BYTES || query.filter.len() > FILTER_BYTES {
        return Err(refused(format!(
            "the connector sent a base of more than {DN_BYTES} bytes or a filter of more than {FILTER_BYTES}"
        )));
    }
    let letters = |byte: u8| byte.is_ascii_alphanumeric() || b"-.;_*+".contains(&byte);
    let odd = |name: &&String| name.is_empty() || name.len() > NAME_BYTES || !name.bytes().all(letters);
    if let Some(name) = query.attributes.iter().find(odd) {
        return Err(refused(format!("the connector asked for the attribute `{}`", tame(name, 80))));
    }
    if query.attributes.len() > SEARCH_ATTRIBUTES {
        return Err(refused(format!("the connector asked for more than {SEARCH_ATTRIBUTES} attributes")));
    }
    Ok(LdapQuery {
        login: query.login,
        base: query.base,
        scope: match query.scope {
            Scope::Base => LdapScope::Base,
            Scope::OneLevel => LdapScope::OneLevel,
            Scope::Subtree => LdapScope::Subtree,
        },
        filter: query.filter,
        attributes: query.attributes,
        page_size: query.page_size,
    })
}

impl Guest {
    async fn search(&mut self, asked: Query) -> Result<Search, Error> {
        let granted = self.ldap.clone();
        let refused =
            |message: &str| Blame::Refused(Box::new(Diagnostic::error(codes::CONNECTOR_REFUSED, message)));
        if self.reach != Reach::Everything {
            return Err(self.blamed.note(refused("nothing is searched for while settings are checked")));
        }
        let Some(wire) = &granted.wire else {
            return Err(self.blamed.note(refused("the connector's manifest asks for no directory")));
        };
        let asked = match query(&granted, asked) {
            Ok(asked) => asked,
            Err(why) => return Err(self.blamed.note(Blame::Refused(Box::new(why)))),
        };
        match wire.search(asked).await {
            Ok(pages) => Ok(Search { pages, ended: false }),
            Err(error) => Err(self.blamed.note(error.into())),
        }
    }

    async fn search_page(
        &mut self,
        search: &Resource<Search>,
    ) -> wasmtime::Result<Result<Vec<Entry>, Error>> {
        let state = self.table.get_mut(search)?;
        if state.ended {
            return Ok(Ok(Vec::new()));
        }
        let page = match state.pages.next().await {
            Ok(page) => page,
            Err(error) => {
                state.ended = true;
                return Ok(Err(self.blamed.note(error.into())));
            }
        };
        state.ended = page.entries.is_empty();
        for _ in 0..page.requests {
            if !self.meter.request(&self.limits) {
                return Ok(Err(self.over_limit("requests", self.limits.requests, "requests")));
            }
        }
        let bytes = page.entries.iter().map(rollcall_net::LdapEntry::size).sum::<usize>();
        let most = self.limits.response_bytes;
        if u64::try_from(bytes)? > most {
            return Ok(Err(self.over_limit("response_mib", most >> 20, "MiB in one page")));
        }
        if !self.meter.read(bytes, &self.limits) {
            return Ok(Err(self.too_many_bytes()));
        }
        let entry = |entry: rollcall_net::LdapEntry| Entry {
            dn: entry.dn,
            attributes: entry
                .attributes
                .into_iter()
                .map(|one| Values { name: one.name, values: one.values })
                .collect(),
        };
        Ok(Ok(page.entries.into_iter().map(entry).collect()))
    }
}

impl Host for Guest {
    async fn start(&mut self, query: Query) -> wasmtime::Result<Result<Resource<Search>, Error>> {
        match self.search(query).await {
            Ok(search) => Ok(Ok(self.table.push(search)?)),
            Err(error) => Ok(Err(error)),
        }
    }
}

impl HostSearch for Guest {
    async fn next(&mut self, search: Resource<Search>) -> wasmtime::Result<Result<Vec<Entry>, Error>> {
        self.search_page(&search).await
    }

    async fn drop(&mut self, search: Resource<Search>) -> wasmtime::Result<()> {
        self.table.delete(search)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_connector_may_not_ask() {
        let granted = LdapGranted { wire: None, logins: BTreeSet::from(["directory".to_owned()]) };
        let check = |login: &str, filter: &str, attribute: &str, expect: Result<(), &str>| {
            let asked = Query {
                login: login.to_owned(),
                base: "dc=x".to_owned(),
                scope: Scope::Subtree,
                filter: filter.to_owned(),
                attributes: vec![attribute.to_owned()],
                page_size: 10,
            };
            match (query(&granted, asked).map(|_| ()).map_err(|why| why.message), expect) {
                (Ok(()), Ok(())) => {}
                (Err(message), Err(expect)) if message.contains(expect) => {}
                (got, expect) => panic!("{got:?} instead of {expect:?}"),
            }
        };
        check("directory", "(a=b)", "cn", Ok(()));
        check("directory", "(a=b)", "member;range=0-*", Err("the attribute `member;range=0-*`"));
        check("directory", "(a=b)", "c n", Err("the attribute `c n`"));
        check("diretory", "(a=b)", "cn", Err("the login `diretory`"));
        check("directory", &"x".repeat(FILTER_BYTES + 1), "cn", Err("a filter of more than"));
    }
}
