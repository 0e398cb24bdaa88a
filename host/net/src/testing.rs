//! A server on loopback and what else the tests of this crate share.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::error::NetError;
use crate::retry::Pause;
use crate::wire::{Request, Response, Wire};

/// A request as the server saw it.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Seen {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// What the server answers: status, headers, body.
pub(crate) type Said = (u16, Vec<(&'static str, String)>, Vec<u8>);

/// A server with a log.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) seen: Arc<Mutex<Vec<Seen>>>,
}

impl Server {
    /// Starts a server that answers as `answer` says to the n-th request.
    pub(crate) async fn start(
        tls: Option<TlsAcceptor>,
        answer: impl Fn(usize, &Seen) -> Said + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (log, answer) = (Arc::clone(&seen), Arc::new(answer));
        tokio::spawn(async move {
            loop {
                let (socket, _) = listener.accept().await.unwrap();
                let (log, answer, tls) = (Arc::clone(&log), Arc::clone(&answer), tls.clone());
                tokio::spawn(async move {
                    let service = service_fn(move |request: hyper::Request<Incoming>| {
                        let (log, answer) = (Arc::clone(&log), Arc::clone(&answer));
                        async move { Ok::<_, std::convert::Infallible>(respond(request, &log, &*answer).await) }
                    });
                    let server = hyper::server::conn::http1::Builder::new();
                    // A client that does not trust the certificate breaks off; that is no matter of the server's.
                    match tls {
                        None => drop(server.serve_connection(TokioIo::new(socket), service).await),
                        Some(tls) => {
                            if let Ok(socket) = tls.accept(socket).await {
                                drop(server.serve_connection(TokioIo::new(socket), service).await);
                            }
                        }
                    }
                });
            }
        });
        Self { address, seen }
    }

    pub(crate) fn url(&self, path: &str) -> url::Url {
        url::Url::parse(&format!("http://{}{path}", self.address)).unwrap()
    }

    pub(crate) fn log(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }
}

async fn respond(
    request: hyper::Request<Incoming>,
    log: &Mutex<Vec<Seen>>,
    answer: &(dyn Fn(usize, &Seen) -> Said + Send + Sync),
) -> hyper::Response<Full<Bytes>> {
    let (head, body) = request.into_parts();
    let headers = head.headers.iter();
    let headers =
        headers.map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned())).collect();
    let body = String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap();
    let seen = Seen { method: head.method.to_string(), target: head.uri.to_string(), headers, body };
    let number = {
        let mut log = log.lock().unwrap();
        log.push(seen.clone());
        log.len() - 1
    };
    let (status, headers, body) = answer(number, &seen);
    let mut response = hyper::Response::builder().status(status);
    for (name, value) in headers {
        response = response.header(name, value);
    }
    response.body(Full::new(Bytes::from(body))).unwrap()
}

/// A wire that answers from a list.
#[derive(Default)]
pub(crate) struct Scripted {
    pub(crate) answers: Mutex<Vec<Result<Response, NetError>>>,
    pub(crate) seen: Mutex<Vec<Request>>,
}

impl Scripted {
    pub(crate) fn new(answers: Vec<Result<Response, NetError>>) -> Arc<Self> {
        Arc::new(Self { answers: Mutex::new(answers), seen: Mutex::default() })
    }
}

#[async_trait]
impl Wire for Scripted {
    async fn send(&self, request: Request) -> Result<Response, NetError> {
        self.seen.lock().unwrap().push(request);
        self.answers.lock().unwrap().remove(0)
    }
}

/// Notes the waits and does not wait.
#[derive(Default)]
pub(crate) struct NoPause(pub(crate) Mutex<Vec<Duration>>);

#[async_trait]
impl Pause for NoPause {
    async fn pause(&self, time: Duration) {
        self.0.lock().unwrap().push(time);
    }
}
