//! Names become addresses once, are filtered, and only what passed is connected to.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use async_trait::async_trait;
use rollcall_core::Diagnostic;

use crate::address::AddressPolicy;
use crate::limits;

/// Gives the addresses of a name.
#[async_trait]
pub trait Resolver: Send + Sync {
    /// Looks a name up.
    ///
    /// # Errors
    ///
    /// Gives what happened as one clause.
    async fn resolve(&self, name: &str) -> Result<Vec<IpAddr>, String>;
}

/// The machine's resolver.
#[derive(Debug, Default)]
pub struct SystemResolver;

#[async_trait]
impl Resolver for SystemResolver {
    async fn resolve(&self, name: &str) -> Result<Vec<IpAddr>, String> {
        let found = tokio::net::lookup_host((name, 0)).await.map_err(|error| error.to_string())?;
        Ok(found.map(|address| address.ip()).collect())
    }
}

/// Why a name gives no address to connect to. It travels through the HTTP client as the source of its error.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum NoAddress {
    #[error("{}", .0.message)]
    Blocked(Box<Diagnostic>),
    #[error("{0}")]
    Unknown(String),
}

/// The resolver that the HTTP client is given: it connects to exactly the addresses that come out here, so a name
/// that resolves differently the next time ("DNS rebinding") changes nothing.
#[derive(Clone)]
pub(crate) struct Filtering {
    pub(crate) resolver: Arc<dyn Resolver>,
    pub(crate) policy: Arc<AddressPolicy>,
}

impl Filtering {
    /// Resolves a name and drops what the policy refuses.
    pub(crate) async fn addresses(&self, name: &str) -> Result<Vec<SocketAddr>, NoAddress> {
        let found = tokio::time::timeout(limits::RESOLVE, self.resolver.resolve(name)).await;
        let found = match found {
            Ok(Ok(found)) => found,
            Ok(Err(said)) => return Err(NoAddress::Unknown(format!("`{name}` cannot be resolved: {said}"))),
            Err(_) => return Err(NoAddress::Unknown(format!("`{name}` was not resolved in time"))),
        };
        let mut refusal = None;
        let mut passed = Vec::new();
        for address in found.into_iter().take(limits::ADDRESSES) {
            match self.policy.check(name, address) {
                Ok(()) => passed.push(SocketAddr::new(address, 0)),
                Err(diagnostic) => refusal = refusal.or(Some(diagnostic)),
            }
        }
        match refusal {
            Some(diagnostic) if passed.is_empty() => Err(NoAddress::Blocked(Box::new(diagnostic))),
            None if passed.is_empty() => Err(NoAddress::Unknown(format!("`{name}` has no address"))),
            _ => Ok(passed),
        }
    }
}

impl reqwest::dns::Resolve for Filtering {
    fn resolve(&self, name: reqwest::dns::Name) -> reqwest::dns::Resolving {
        let this = self.clone();
        Box::pin(async move {
            let passed = this.addresses(name.as_str()).await?;
            let addresses: reqwest::dns::Addrs = Box::new(passed.into_iter());
            Ok(addresses)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Says(&'static [&'static str]);

    #[async_trait]
    impl Resolver for Says {
        async fn resolve(&self, _: &str) -> Result<Vec<IpAddr>, String> {
            Ok(self.0.iter().map(|text| text.parse().unwrap()).collect())
        }
    }

    async fn check(says: &'static [&'static str], expect: Result<&[&str], &str>) {
        let policy = Arc::new(AddressPolicy::granting(&["10.1.0.0/16"]).unwrap());
        let got = Filtering { resolver: Arc::new(Says(says)), policy }.addresses("hr.example").await;
        match (got, expect) {
            (Ok(got), Ok(expect)) => {
                let got: Vec<String> = got.iter().map(|address| address.ip().to_string()).collect();
                assert_eq!(got, expect);
            }
            (Err(got), Err(expect)) => assert_eq!(got.to_string(), expect),
            (got, expect) => panic!("{says:?}: {got:?} instead of {expect:?}"),
        }
    }

    #[tokio::test]
    async fn only_addresses_that_pass_come_out() {
        check(&["8.8.8.8", "10.1.2.3"], Ok(&["8.8.8.8", "10.1.2.3"])).await;
        check(&["127.0.0.1", "8.8.8.8", "::1", "169.254.169.254"], Ok(&["8.8.8.8"])).await;
        check(&["127.0.0.1", "::1"], Err("`hr.example` leads to `127.0.0.1`, which is no public address"))
            .await;
        check(
            &["::ffff:10.2.0.1"],
            Err("`hr.example` leads to `::ffff:10.2.0.1`, which is no public address"),
        )
        .await;
        check(
            &["168.63.129.16"],
            Err("`hr.example` leads to the metadata service `168.63.129.16`, which is never reached"),
        )
        .await;
        check(&[], Err("`hr.example` has no address")).await;
    }
}
