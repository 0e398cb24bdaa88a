//! The Graph simulator on a loopback socket, with TLS or without.

use std::io;
use std::net::SocketAddr;

use super::model::Tenant;
use super::world::{Config, World};
use crate::web::{self, Answer, Identity, Request, Site};

/// A running Graph simulator; it stops when it is dropped.
pub type Simulator = web::Simulator<World>;

impl Site for World {
    fn answer(&mut self, request: &Request) -> Answer {
        World::answer(self, request)
    }

    fn latency_ms(&self) -> u64 {
        self.config.latency_ms
    }
}

impl web::Simulator<World> {
    /// Starts on a free loopback port.
    ///
    /// # Errors
    /// No socket or thread is to be had.
    pub fn start(config: Config, tenant: Tenant) -> io::Result<Self> {
        Self::of(World::new(config, tenant))
    }

    /// Starts on an address.
    ///
    /// # Errors
    /// The address is taken, or no thread is to be had.
    pub fn start_at(listen: SocketAddr, config: Config, tenant: Tenant) -> io::Result<Self> {
        Self::begin(listen, World::new(config, tenant), None)
    }

    /// Starts on a free loopback port with TLS and a certificate that nobody has a reason to trust.
    ///
    /// # Errors
    /// No socket, thread or certificate is to be had.
    pub fn start_with_tls(mut config: Config, tenant: Tenant) -> io::Result<Self> {
        let identity = Identity::self_signed().map_err(io::Error::other)?;
        // Links carry the scheme, which the request does not tell.
        let listen = std::net::TcpListener::bind(("127.0.0.1", 0))?.local_addr()?;
        config.public_url = Some(format!("https://{listen}"));
        Self::begin(listen, World::new(config, tenant), Some(identity))
    }
}
