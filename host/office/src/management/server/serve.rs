//! Starting and stopping the server: HTTPS on one address.

use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use rollcall_core::{Secret, Text};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

use super::elements::ElementStore;
use super::handle::{Logged, Shared, handle};
use super::limits::{CONNECTIONS_MAX, GREETING_WAIT};
use super::modes::Modes;
use super::session::Sessions;
use super::tls::{Identity, Keep};

/// Why the server does not start.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// The address cannot be listened on.
    #[error("`{listen}` cannot be listened on: {why}")]
    Listen {
        /// The address.
        listen: String,
        /// What the operating system says.
        why: String,
    },
    /// The certificate cannot be made, read or kept.
    #[error("{0}")]
    Certificate(String),
    /// The office behind it cannot be read.
    #[error("{0}")]
    Office(String),
}

/// What a server is started with.
pub struct Server {
    /// Address and port; port 0 takes a free one.
    pub listen: String,
    /// Who may log in.
    pub username: Text,
    /// With which password.
    pub password: Secret,
    /// What stands behind it.
    pub store: Arc<dyn ElementStore>,
    /// What it does where the facts are silent.
    pub modes: Modes,
    /// Where its certificate lives.
    pub keep: Keep,
}

/// A server that runs until it is stopped or dropped.
pub struct Running {
    address: SocketAddr,
    certificate_sha256: String,
    ca_pem: String,
    shared: Arc<Shared>,
    stopping: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Server {
    /// Starts listening.
    pub async fn start(self) -> Result<Running, ServerError> {
        let Server { listen, username, password, store, modes, keep } = self;
        let failed =
            |error: std::io::Error| ServerError::Listen { listen: listen.clone(), why: error.to_string() };
        let listener = TcpListener::bind(&listen).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let identity = Identity::get(&keep, names(&listen, address))?;
        let (certificate_sha256, ca_pem) = (identity.fingerprint(), identity.ca_pem.clone());
        let acceptor = TlsAcceptor::from(identity.config()?);
        let systems = store.systems().await.map_err(|error| ServerError::Office(error.to_string()))?;
        let shared = Arc::new(Shared {
            store,
            systems,
            sessions: Sessions::new(&username, &password, modes.session_calls),
            modes,
            log: Default::default(),
            calls: Default::default(),
            writes: Default::default(),
        });
        let (stopping, stop) = watch::channel(false);
        let task = tokio::spawn(accept(listener, acceptor, Arc::clone(&shared), stop));
        Ok(Running { address, certificate_sha256, ca_pem, shared, stopping, task })
    }
}

impl Running {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The lower-case hexadecimal SHA-256 of its certificate.
    pub fn certificate_sha256(&self) -> &str {
        &self.certificate_sha256
    }

    /// The authority that signed its certificate, as PEM.
    pub fn ca_pem(&self) -> &str {
        &self.ca_pem
    }

    /// Every request so far, in order.
    pub fn log(&self) -> Vec<Logged> {
        self.shared.log.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How many calls to resources it has answered.
    pub fn calls(&self) -> u64 {
        self.shared.calls.load(Ordering::Relaxed)
    }

    /// How many sessions are open.
    pub fn sessions(&self) -> usize {
        self.shared.sessions.count()
    }

    /// Stops listening, breaks what is open, and waits until it has.
    pub async fn stop(mut self) {
        // A receiver that is gone has stopped already.
        let _ = self.stopping.send(true);
        // A task that was broken off has stopped too.
        let _ = (&mut self.task).await;
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.stopping.send(true);
    }
}

/// What clients may call the server: this machine's names for itself, and the host that was asked for.
fn names(listen: &str, address: SocketAddr) -> Vec<String> {
    let host = listen.rsplit_once(':').map_or(listen, |(host, _)| host).trim_matches(['[', ']']);
    let mut names = vec!["localhost".to_owned(), "127.0.0.1".to_owned(), "::1".to_owned()];
    for name in [host.to_owned(), address.ip().to_string()] {
        let any = name.is_empty() || name.parse().is_ok_and(|ip: std::net::IpAddr| ip.is_unspecified());
        if !any && !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

async fn accept(
    listener: TcpListener,
    acceptor: TlsAcceptor,
    shared: Arc<Shared>,
    mut stop: watch::Receiver<bool>,
) {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        let stream = tokio::select! {
            _ = stop.changed() => return,
            accepted = listener.accept() => accepted,
        };
        let stream = match stream {
            Ok((stream, _)) => stream,
            Err(error) => {
                // Out of file handles, as a rule: the connections that are open need a moment to end.
                tracing::warn!(%error, "a connection cannot be accepted");
                tokio::time::sleep(std::time::Duration::from_millis(100)).await;
                continue;
            }
        };
        let (acceptor, shared, mut stop) = (acceptor.clone(), Arc::clone(&shared), stop.clone());
        tokio::spawn(async move {
            tokio::select! {
                _ = stop.wait_for(|stop| *stop) => {}
                () = connection(stream, acceptor, shared) => {}
            }
            drop(place);
        });
    }
}

async fn connection(stream: TcpStream, acceptor: TlsAcceptor, shared: Arc<Shared>) {
    // Small answers must not wait for acknowledgements; a socket that refuses is only slower.
    let _ = stream.set_nodelay(true);
    let greeted = tokio::time::timeout(GREETING_WAIT, acceptor.accept(stream)).await;
    let Ok(Ok(stream)) = greeted else { return };
    let service = service_fn(move |request| handle(Arc::clone(&shared), request));
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(GREETING_WAIT);
    if let Err(error) = builder.serve_connection(TokioIo::new(stream), service).await {
        tracing::debug!(%error, "a connection broke");
    }
}
