//! The proxy before the simulated Graph: what passes, what is counted, and what each fault looks like to a client.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use super::*;
use crate::graph::{Config, Simulator, people};

/// Sends one request on a connection of its own; `Err` holds how it broke.
fn get(address: SocketAddr) -> Result<String, io::ErrorKind> {
    let mut stream = TcpStream::connect(address).map_err(|error| error.kind())?;
    stream.set_read_timeout(Some(Duration::from_millis(800))).unwrap();
    stream.write_all(b"GET /v1.0/users HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
    let mut text = Vec::new();
    stream.read_to_end(&mut text).map_err(|error| error.kind())?;
    if text.is_empty() {
        return Err(io::ErrorKind::UnexpectedEof);
    }
    Ok(String::from_utf8(text).unwrap())
}

#[test]
fn each_fault_strikes_once_at_the_call_that_was_named() {
    let graph = Simulator::start(Config::default(), people(1)).unwrap();
    let proxy = Proxy::start(graph.address(), false).unwrap();
    for fault in Fault::ALL {
        proxy.arm(Some((1, fault)));
        let before = graph.world().journal.entries.len();
        let first = get(proxy.address()).unwrap();
        assert!(first.starts_with("HTTP/1.1 401") && first.contains("InvalidAuthenticationToken"), "{first}");
        let struck = get(proxy.address());
        let told = struck.clone().unwrap_or_default();
        match fault {
            Fault::Refused => assert!(struck.is_err(), "{struck:?}"),
            Fault::Silent | Fault::SilentAfter => assert_eq!(struck, Err(io::ErrorKind::WouldBlock)),
            Fault::ResetBefore | Fault::ResetAfter => assert!(struck.is_err(), "{struck:?}"),
            Fault::Throttled => {
                assert!(told.starts_with("HTTP/1.1 429") && told.contains("Retry-After: 1"), "{told}")
            }
            Fault::Broken | Fault::BrokenAfter => assert!(told.starts_with("HTTP/1.1 500"), "{told}"),
            Fault::CutBody => assert!(told.len() < first.len() && first.starts_with(&told), "{told}"),
            Fault::WrongJson => assert!(told.ends_with(r#"{"other": [1]}"#), "{told}"),
            Fault::Expired => {
                assert!(told.starts_with("HTTP/1.1 401") && !told.contains("Invalid"), "{told}")
            }
        }
        let asked = graph.world().journal.entries.len() - before;
        assert_eq!(asked, if fault.passes() { 2 } else { 1 }, "{fault:?}");
        match fault {
            Fault::Refused => assert_eq!(get(proxy.address()), Err(io::ErrorKind::ConnectionRefused)),
            _ => assert!(get(proxy.address()).unwrap().starts_with("HTTP/1.1 401")),
        }
        proxy.arm(None);
        assert!(get(proxy.address()).unwrap().contains("InvalidAuthenticationToken"));
        assert_eq!(proxy.calls().len(), 1);
    }
}

#[test]
fn over_tls_it_passes_on_too() {
    let graph = Simulator::start_with_tls(Config::default(), people(1)).unwrap();
    let proxy = Proxy::start(graph.address(), true).unwrap();
    assert_eq!(proxy.certificate_sha256().unwrap().len(), 64);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let told = runtime.block_on(async {
        let stream = tokio::net::TcpStream::connect(proxy.address()).await.unwrap();
        let mut stream = tls::connect(stream).await.unwrap();
        stream.write_all(b"GET /v1.0/users HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
        let mut bytes = vec![0; 64];
        let read = tokio::io::AsyncReadExt::read(&mut stream, &mut bytes).await.unwrap();
        String::from_utf8_lossy(&bytes[..read]).into_owned()
    });
    assert!(told.starts_with("HTTP/1.1 401"), "{told}");
    assert_eq!(proxy.calls()[0].path, "/v1.0/users");
}
