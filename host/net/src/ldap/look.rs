//! Looks at a directory's certificate: the way up to the handshake, and nothing else.

use std::sync::Arc;

use crate::address::AddressPolicy;
use crate::certificate::{Looked, Watching};
use crate::http::Patience;
use crate::ldap::connection::Way;
use crate::ldap::server::LdapServer;
use crate::resolver::{Filtering, SystemResolver};
use crate::tls::Trust;

/// Connects to a directory that the policy allows and gives its certificate; `None` where it is reached without TLS.
///
/// # Errors
/// Gives what happened as one clause: no address, no connection, no certificate.
pub async fn ldap_certificate(
    server: &LdapServer,
    start_tls: bool,
    trust: &Trust,
    policy: AddressPolicy,
) -> Looked {
    if !start_tls && !server.is_encrypted() {
        return Ok(None);
    }
    let watching = Watching::new(trust.verifier().map_err(|error| error.to_string())?);
    let mut config = Trust::config(watching.clone()).map_err(|error| error.to_string())?;
    config.alpn_protocols.clear();
    let addresses = Filtering { resolver: Arc::new(SystemResolver), policy: Arc::new(policy) };
    let way =
        Way { server: server.clone(), tls: Some(Arc::new(config)), addresses, patience: Patience::default() };
    let error = match way.open(None).await {
        Ok(connection) => {
            connection.close().await;
            None
        }
        Err(error) => Some(error.to_string()),
    };
    watching.looked(server, error)
}
