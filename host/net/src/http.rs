//! The wire that reaches the network.

use std::sync::Arc;

use async_trait::async_trait;
use rollcall_core::Text;

use crate::address::AddressPolicy;
use crate::error::NetError;
use crate::limits;
use crate::resolver::{Resolver, SystemResolver};
use crate::tls::Trust;
use crate::wire::{Request, Response, Wire};

/// How servers are reached.
#[derive(Clone)]
pub struct Options {
    /// The addresses that may be connected to.
    pub addresses: AddressPolicy,
    /// The certificates that are believed.
    pub trust: Trust,
    /// `http://host:port` of a proxy. It resolves names itself, so that names are then not held against `addresses`.
    pub proxy: Option<Text>,
    /// Whether plain `http` may leave this machine.
    pub allow_insecure: bool,
    /// The most bytes of a response's body, decompressed.
    pub response_bytes: u64,
    /// Looks names up.
    pub resolver: Arc<dyn Resolver>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            addresses: AddressPolicy::public(),
            trust: Trust::Machine,
            proxy: None,
            allow_insecure: false,
            response_bytes: limits::RESPONSE_BYTES,
            resolver: Arc::new(SystemResolver),
        }
    }
}

/// The network. Connections are kept and used again within one `Online`, never across two.
pub struct Online {
    _options: Options,
}

impl Online {
    /// Prepares the way to the network; nothing is connected yet.
    ///
    /// # Errors
    ///
    /// [`NetError::Invalid`] where the authorities' file, the pin or the proxy cannot be used.
    pub fn new(options: Options) -> Result<Self, NetError> {
        Ok(Self { _options: options })
    }
}

#[async_trait]
impl Wire for Online {
    async fn send(&self, request: Request) -> Result<Response, NetError> {
        Err(NetError::Unreachable { message: format!("`{}` is not reached", request.about()), hint: None })
    }
}
