//! A proxy that stands before a simulator, counts the HTTP requests that pass, and lets one of them go wrong.
//!
//! It knows HTTP/1.1 and no meaning, so that the same faults strike a directory and a phone system. Over TLS it has a
//! certificate of its own, whose fingerprint a job pins in the place of the server's.

mod message;
mod tls;

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{oneshot, watch};

use message::{Message, read_request, read_response};

/// One way in which a call goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// From this call on nobody listens any more.
    Refused,
    /// The call is swallowed: it has no effect and is never answered.
    Silent,
    /// The call takes effect and is never answered.
    SilentAfter,
    /// The connection breaks before the call takes effect.
    ResetBefore,
    /// The connection breaks after the call took effect.
    ResetAfter,
    /// 429 with `Retry-After: 1`, without an effect.
    Throttled,
    /// 500 without an effect.
    Broken,
    /// 500 although the call took effect.
    BrokenAfter,
    /// The call takes effect, and half of the answer's body comes.
    CutBody,
    /// The call takes effect, and its answer is JSON of something else.
    WrongJson,
    /// 401: the session has ended; no effect.
    Expired,
}

impl Fault {
    /// Every fault.
    pub const ALL: [Fault; 11] = [
        Fault::Refused,
        Fault::Silent,
        Fault::SilentAfter,
        Fault::ResetBefore,
        Fault::ResetAfter,
        Fault::Throttled,
        Fault::Broken,
        Fault::BrokenAfter,
        Fault::CutBody,
        Fault::WrongJson,
        Fault::Expired,
    ];

    /// Tells whether the call reaches the server.
    const fn passes(self) -> bool {
        matches!(
            self,
            Fault::SilentAfter | Fault::ResetAfter | Fault::BrokenAfter | Fault::CutBody | Fault::WrongJson
        )
    }
}

/// One request that came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// The method.
    pub method: String,
    /// The path without its query.
    pub path: String,
    /// Whether it reached the server.
    pub passed: bool,
}

#[derive(Debug, Default)]
struct Inner {
    calls: Vec<Call>,
    /// Which call, from 0, goes wrong, and how.
    fault: Option<(usize, Fault)>,
}

/// A running proxy; it stops when it is dropped.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    certificate_sha256: Option<String>,
    inner: Arc<Mutex<Inner>>,
    open: watch::Sender<bool>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Proxy {
    /// Starts before a server. Over TLS to both sides where `tls` is set; the server's certificate is not looked at.
    ///
    /// # Errors
    /// No socket, thread or certificate is to be had.
    pub fn start(server: SocketAddr, tls: bool) -> io::Result<Self> {
        let identity = tls.then(tls::Identity::make).transpose().map_err(io::Error::other)?;
        let certificate_sha256 = identity.as_ref().map(|identity| identity.sha256.clone());
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let inner = Arc::new(Mutex::new(Inner::default()));
        let (stop, stopped) = oneshot::channel();
        let (open, opened) = watch::channel(true);
        let shared = Shared {
            server,
            identity: identity.map(Arc::new),
            inner: Arc::clone(&inner),
            open: open.clone(),
        };
        let thread = std::thread::Builder::new().name("fault-proxy".to_owned()).spawn(move || {
            let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else {
                return;
            };
            runtime.block_on(accept(listener, address, shared, opened, stopped));
            runtime.shutdown_background();
        })?;
        Ok(Self { address, certificate_sha256, inner, open, stop: Some(stop), thread: Some(thread) })
    }

    /// Gives where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Gives the lower-case hexadecimal SHA-256 of its certificate, where it has one.
    pub fn certificate_sha256(&self) -> Option<&str> {
        self.certificate_sha256.as_deref()
    }

    /// Lets one call, counted from 0 from now on, go wrong; forgets the calls so far, and listens again.
    pub fn arm(&self, fault: Option<(usize, Fault)>) {
        *self.lock() = Inner { calls: Vec::new(), fault };
        let refused = matches!(fault, Some((0, Fault::Refused)));
        self.open.send_replace(!refused);
        // The listener needs a moment to come or go.
        std::thread::sleep(Duration::from_millis(20));
    }

    /// Gives the calls since the last [`Proxy::arm`].
    pub fn calls(&self) -> Vec<Call> {
        self.lock().calls.clone()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

#[derive(Clone)]
struct Shared {
    server: SocketAddr,
    identity: Option<Arc<tls::Identity>>,
    inner: Arc<Mutex<Inner>>,
    open: watch::Sender<bool>,
}

async fn accept(
    listener: std::net::TcpListener,
    address: SocketAddr,
    shared: Shared,
    mut opened: watch::Receiver<bool>,
    mut stopped: oneshot::Receiver<()>,
) {
    let mut listening = TcpListener::from_std(listener).ok();
    loop {
        let open = *opened.borrow_and_update();
        match (&listening, open) {
            (Some(_), false) => listening = None,
            (None, true) => listening = TcpListener::bind(address).await.ok(),
            _ => {}
        }
        let accepted = async {
            match &listening {
                Some(listener) => listener.accept().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = &mut stopped => return,
            changed = opened.changed() => if changed.is_err() { return },
            accepted = accepted => {
                if let Ok((stream, _)) = accepted {
                    tokio::spawn(connection(stream, shared.clone()));
                }
            }
        }
    }
}

async fn connection(stream: TcpStream, shared: Shared) {
    let _ = stream.set_nodelay(true);
    let Ok(server) = TcpStream::connect(shared.server).await else { return };
    let _ = server.set_nodelay(true);
    let mut closing = shared.open.subscribe();
    let exchange = async {
        match shared.identity.clone() {
            None => exchange(stream, server, &shared).await,
            Some(identity) => {
                let (Ok(stream), Ok(server)) =
                    (identity.acceptor.accept(stream).await, tls::connect(server).await)
                else {
                    return;
                };
                exchange(stream, server, &shared).await;
            }
        }
    };
    // Where nobody listens any more, open connections are gone too.
    tokio::select! {
        () = exchange => {}
        _ = closing.wait_for(|open| !*open) => {}
    }
}

async fn exchange(
    mut client: impl AsyncRead + AsyncWrite + Unpin,
    mut server: impl AsyncRead + AsyncWrite + Unpin,
    shared: &Shared,
) {
    let (mut from_client, mut from_server) = (Vec::new(), Vec::new());
    while let Ok(Some(request)) = read_request(&mut client, &mut from_client).await {
        let (number, fault) = shared.count(&request);
        if let Some(fault) = fault.filter(|fault| !fault.passes()) {
            match fault {
                Fault::Silent => std::future::pending::<()>().await,
                Fault::Throttled => {
                    let told = message::answer("429 Too Many Requests", "Retry-After: 1\r\n", "");
                    let _ = client.write_all(&told).await;
                }
                Fault::Broken => {
                    let _ = client.write_all(&message::answer("500 Internal Server Error", "", "")).await;
                }
                Fault::Expired => {
                    let _ = client.write_all(&message::answer("401 Unauthorized", "", "")).await;
                }
                _ => return,
            }
            if request.closes() {
                return;
            }
            continue;
        }
        if server.write_all(&request.bytes).await.is_err() {
            return;
        }
        let Ok(Some(response)) = read_response(&mut server, &mut from_server, &request).await else { return };
        let sent = match fault {
            None => client.write_all(&response.bytes).await,
            Some(Fault::SilentAfter) => std::future::pending().await,
            Some(Fault::BrokenAfter) => {
                client.write_all(&message::answer("500 Internal Server Error", "", "")).await
            }
            Some(Fault::WrongJson) => {
                client.write_all(&message::answer("200 OK", JSON, r#"{"other": [1]}"#)).await
            }
            Some(Fault::CutBody) => {
                let _ = client.write_all(&response.bytes[..response.middle()]).await;
                let _ = client.flush().await;
                return;
            }
            Some(_) => return,
        };
        if sent.is_err() || client.flush().await.is_err() {
            return;
        }
        let last = request.closes() || response.closes();
        if shared.refuses(number + 1) {
            // The answer is out; what follows finds nobody.
            let _ = client.shutdown().await;
            shared.open.send_replace(false);
            return;
        }
        if last {
            let _ = client.shutdown().await;
            return;
        }
    }
}

const JSON: &str = "Content-Type: application/json\r\n";

impl Shared {
    /// Counts a request; gives its number and the fault that strikes it.
    fn count(&self, request: &Message) -> (usize, Option<Fault>) {
        let mut inner = self.lock();
        let number = inner.calls.len();
        let fault = inner.fault.filter(|(at, _)| *at == number).map(|(_, fault)| fault);
        let passed = fault.is_none_or(Fault::passes);
        inner.calls.push(Call {
            method: request.method().to_owned(),
            path: request.path().to_owned(),
            passed,
        });
        (number, fault)
    }

    /// Tells whether nobody is to listen for a call any more.
    fn refuses(&self, number: usize) -> bool {
        self.lock().fault == Some((number, Fault::Refused))
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
