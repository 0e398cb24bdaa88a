//! A simulator on a loopback socket, on a thread of its own, so that a test can run our binary against it.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, mpsc};
use std::task::{Context, Poll};
use std::thread::JoinHandle;
use std::time::Duration;

use http_body_util::{BodyExt as _, Limited};
use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};
use hyper::service::service_fn;
use hyper::{Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio_rustls::TlsAcceptor;

use super::answer::Request;
use super::answer::{Answer, Delivery};
use super::tls::Identity;

/// The largest request body that is read, in bytes.
const MAX_REQUEST_BYTES: usize = 16 * 1024 * 1024;

/// What a simulator is without its socket: a request goes in, an answer comes out.
pub trait Site: Send + 'static {
    /// Answers a request and writes it down.
    fn answer(&mut self, request: &Request) -> Answer;

    /// Gives how long every answer takes, in milliseconds.
    fn latency_ms(&self) -> u64 {
        0
    }
}

/// A running simulator; it stops when it is dropped.
#[derive(Debug)]
pub struct Simulator<S> {
    address: SocketAddr,
    world: Arc<Mutex<S>>,
    identity: Option<Identity>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl<S: Site> Simulator<S> {
    /// Starts a site on a free loopback port.
    ///
    /// # Errors
    /// No socket or thread is to be had.
    pub fn of(site: S) -> io::Result<Self> {
        Self::begin(SocketAddr::from(([127, 0, 0, 1], 0)), site, None)
    }

    /// Starts a site with a certificate that signs itself.
    ///
    /// # Errors
    /// No socket, thread or certificate is to be had.
    pub fn over_tls(site: S) -> io::Result<Self> {
        let identity = Identity::self_signed().map_err(io::Error::other)?;
        Self::begin(SocketAddr::from(([127, 0, 0, 1], 0)), site, Some(identity))
    }

    pub(crate) fn begin(listen: SocketAddr, site: S, identity: Option<Identity>) -> io::Result<Self> {
        let world = Arc::new(Mutex::new(site));
        let listener = std::net::TcpListener::bind(listen)?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let (stop, stopped) = oneshot::channel();
        let (ready, started) = mpsc::channel();
        let shared = Arc::clone(&world);
        let acceptor = identity.as_ref().map(|identity| identity.acceptor.clone());
        let thread = std::thread::Builder::new().name("simulator".to_owned()).spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            match runtime {
                Ok(runtime) => {
                    let _ = ready.send(Ok(()));
                    runtime.block_on(serve(listener, shared, acceptor, stopped));
                }
                Err(error) => {
                    let _ = ready.send(Err(error));
                }
            }
        })?;
        started.recv().map_err(io::Error::other)??;
        Ok(Self { address, world, identity, stop: Some(stop), thread: Some(thread) })
    }

    /// Gives the socket's address.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Gives scheme, host and port.
    pub fn url(&self) -> String {
        let scheme = if self.identity.is_some() { "https" } else { "http" };
        format!("{scheme}://{}", self.address)
    }

    /// Gives its certificate in PEM, where it has one.
    pub fn certificate(&self) -> Option<&str> {
        self.identity.as_ref().map(|identity| identity.pem.as_str())
    }

    /// Gives the state, to look at or to change. No request is answered while it is held.
    pub fn world(&self) -> MutexGuard<'_, S> {
        self.world.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl<S> Drop for Simulator<S> {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

async fn serve<S: Site>(
    listener: std::net::TcpListener,
    world: Arc<Mutex<S>>,
    acceptor: Option<TlsAcceptor>,
    mut stopped: oneshot::Receiver<()>,
) {
    let Ok(listener) = TcpListener::from_std(listener) else { return };
    loop {
        tokio::select! {
            _ = &mut stopped => return,
            accepted = listener.accept() => {
                if let Ok((stream, _)) = accepted {
                    tokio::spawn(connection(stream, acceptor.clone(), Arc::clone(&world)));
                }
            }
        }
    }
}

async fn connection<S: Site>(stream: TcpStream, acceptor: Option<TlsAcceptor>, world: Arc<Mutex<S>>) {
    let _ = stream.set_nodelay(true);
    match acceptor {
        None => exchange(stream, world).await,
        Some(acceptor) => {
            if let Ok(stream) = acceptor.accept(stream).await {
                exchange(stream, world).await;
            }
        }
    }
}

async fn exchange<S: Site>(stream: impl AsyncRead + AsyncWrite + Unpin, world: Arc<Mutex<S>>) {
    let service = service_fn(move |request| respond(request, Arc::clone(&world)));
    // An error here is a client that hung up, or a fault that was asked for. Without a date, two recordings are equal.
    let mut http = hyper::server::conn::http1::Builder::new();
    let _ = http.auto_date_header(false).serve_connection(TokioIo::new(stream), service).await;
}

async fn respond<S: Site>(
    request: hyper::Request<Incoming>,
    world: Arc<Mutex<S>>,
) -> Result<Response<Content>, io::Error> {
    let asked = tokio::time::Instant::now();
    let (parts, body) = request.into_parts();
    let body = Limited::new(body, MAX_REQUEST_BYTES).collect().await.map_err(io::Error::other)?.to_bytes();
    let header = |(name, value): (&hyper::header::HeaderName, &hyper::header::HeaderValue)| {
        (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
    };
    let request = Request {
        method: parts.method.to_string(),
        path: parts.uri.path().to_owned(),
        query: parts.uri.query().unwrap_or_default().to_owned(),
        headers: parts.headers.iter().map(header).collect(),
        body: String::from_utf8_lossy(&body).into_owned(),
    };
    let (answer, latency_ms) = {
        let mut world = world.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        (world.answer(&request), world.latency_ms())
    };
    let late_ms = if let Delivery::Late(ms) = answer.delivery { ms } else { 0 };
    if late_ms + latency_ms > 0 {
        // What it takes to put the answer together is a part of it.
        tokio::time::sleep_until(asked + Duration::from_millis(late_ms + latency_ms)).await;
    }
    response(answer)
}

fn response(answer: Answer) -> Result<Response<Content>, io::Error> {
    let whole = Bytes::from(answer.body);
    let length = (answer.delivery != Delivery::Endless).then_some(whole.len());
    let (data, end) = match answer.delivery {
        Delivery::Endless => (whole.clone(), End::Never(whole)),
        Delivery::Nothing => return Err(io::Error::other("the connection was to be cut")),
        Delivery::Cut(after) => (whole.slice(..after.min(whole.len())), End::SoonBroken),
        Delivery::Whole | Delivery::Late(_) => (whole, End::Proper),
    };
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut built = Response::builder().status(status).header("content-type", answer.content_type);
    for (name, value) in answer.headers {
        built = built.header(name, value);
    }
    built.body(Content { data: Some(data), length, end }).map_err(io::Error::other)
}

/// A body that may end before the length that it announced.
struct Content {
    data: Option<Bytes>,
    length: Option<usize>,
    end: End,
}

#[derive(Default)]
enum End {
    #[default]
    Proper,
    SoonBroken,
    Broken,
    /// These bytes again, for ever.
    Never(Bytes),
}

impl Body for Content {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        if let Some(data) = self.data.take().filter(|data| !data.is_empty()) {
            return Poll::Ready(Some(Ok(Frame::data(data))));
        }
        match std::mem::take(&mut self.end) {
            End::Proper => Poll::Ready(None),
            End::Broken => Poll::Ready(Some(Err(io::Error::other("the body was to be cut")))),
            End::Never(again) => {
                self.end = End::Never(again.clone());
                Poll::Ready(Some(Ok(Frame::data(again))))
            }
            // Pending once, so that hyper sends what it holds before it learns of the break.
            End::SoonBroken => {
                self.end = End::Broken;
                context.waker().wake_by_ref();
                Poll::Pending
            }
        }
    }

    fn size_hint(&self) -> SizeHint {
        self.length.map_or_else(SizeHint::new, |length| SizeHint::with_exact(length as u64))
    }
}
