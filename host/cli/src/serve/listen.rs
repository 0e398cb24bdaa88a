//! `--listen`: health and metrics over plain HTTP, on this machine alone.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use rollcall_core::codes;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use crate::exit;
use crate::failure::Failure;
use crate::serve::board::Board;
use crate::view::json;

/// How many connections are open at once.
const CONNECTIONS_MAX: usize = 64;
/// How long a client may take for its request.
const REQUEST_WAIT: Duration = Duration::from_secs(10);
/// How long a connection may stay open.
const CONNECTION_WAIT: Duration = Duration::from_secs(120);

/// Reads `127.0.0.1:9464`, `localhost:0` or `[::1]:0`, and nothing that others could reach.
pub(crate) fn address(text: &str) -> Result<SocketAddr, String> {
    let text = text.strip_prefix("localhost:").map_or(text.to_owned(), |port| format!("127.0.0.1:{port}"));
    let address: SocketAddr =
        text.parse().map_err(|_| format!("`{text}` is no address with a port, such as 127.0.0.1:9464"))?;
    if address.ip().is_loopback() {
        Ok(address)
    } else {
        Err(format!(
            "`{address}` is not on this machine alone, and who listens there is not asked who they are; \
             listen on 127.0.0.1 and put a proxy in front"
        ))
    }
}

/// Begins to listen, and gives where.
pub(crate) async fn start(address: SocketAddr, board: Arc<Mutex<Board>>) -> Result<SocketAddr, Failure> {
    let failed = |why: std::io::Error| {
        Failure::new(exit::ERROR, codes::LISTEN, format!("`{address}` cannot be listened on: {why}"))
            .hint("is it in use? port 0 takes a free one")
    };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    tokio::spawn(accept(listener, board));
    Ok(bound)
}

async fn accept(listener: TcpListener, board: Arc<Mutex<Board>>) {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let Ok(place) = places.clone().acquire_owned().await else { return };
        let Ok((stream, _)) = listener.accept().await else {
            // Out of file handles, as a rule: the connections that are open need a moment to end.
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        let board = board.clone();
        tokio::spawn(async move {
            let service = service_fn(move |request| {
                let answer = answer(&request, &board);
                async move { Ok::<_, Infallible>(answer) }
            });
            let mut builder = http1::Builder::new();
            builder.timer(TokioTimer::new()).header_read_timeout(REQUEST_WAIT);
            let connection = builder.serve_connection(TokioIo::new(stream), service);
            // A client that goes away or stays too long has had its answer.
            let _ = tokio::time::timeout(CONNECTION_WAIT, connection).await;
            drop(place);
        });
    }
}

fn answer(request: &Request<Incoming>, board: &Mutex<Board>) -> Response<Full<Bytes>> {
    const JSON: &str = "application/json";
    const TEXT: &str = "text/plain; charset=utf-8";
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let mut refused = page(StatusCode::METHOD_NOT_ALLOWED, TEXT, "GET or HEAD\n".to_owned());
        refused.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        return refused;
    }
    let board = board.lock().unwrap_or_else(PoisonError::into_inner);
    match request.uri().path() {
        "/healthz" => {
            let (healthy, body) = board.health();
            let status = if healthy { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
            page(status, JSON, json::write(&body))
        }
        "/metrics" => page(StatusCode::OK, "text/plain; version=0.0.4; charset=utf-8", board.metrics()),
        _ => page(StatusCode::NOT_FOUND, TEXT, "there is /healthz and /metrics\n".to_owned()),
    }
}

fn page(status: StatusCode, kind: &'static str, body: String) -> Response<Full<Bytes>> {
    let mut page = Response::new(Full::new(Bytes::from(body)));
    *page.status_mut() = status;
    page.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    page
}

#[cfg(test)]
mod tests {
    use super::address;

    #[test]
    fn only_this_machine() {
        for good in ["127.0.0.1:0", "localhost:9464", "[::1]:9464", "127.8.8.8:1"] {
            assert!(address(good).is_ok(), "{good}");
        }
        for bad in ["0.0.0.0:9464", "[::]:9464", "192.0.2.1:80", "9464", "127.0.0.1", "example.com:80", ""] {
            assert!(address(bad).is_err(), "{bad}");
        }
    }
}
