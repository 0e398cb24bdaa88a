//! A directory on loopback that answers as a test says.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use rcgen::{CertificateParams, KeyPair};
use rustls_pki_types::PrivateKeyDer;
use sha2::{Digest as _, Sha256};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::ldap::LdapEntry;
use crate::ldap::ber::{self, ENUMERATED, INTEGER, OCTETS, Reader, SEQUENCE, SET, constructed, element};
use crate::verifier::hex;

/// What the directory was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    Bind { name: String, password: String },
    Search { base: String, attributes: Vec<String>, paged: Option<(u32, Vec<u8>)> },
    StartTls,
    GoodBye,
}

/// What it answers: messages without their number; none closes the connection.
pub(crate) type Said = Option<Vec<Vec<u8>>>;

pub(crate) struct Directory {
    pub(crate) address: SocketAddr,
    pub(crate) fingerprint: String,
    pub(crate) seen: Arc<Mutex<Vec<Asked>>>,
}

/// The end of something, with a code.
pub(crate) fn done(tag: u8, code: u32, message: &str) -> Vec<u8> {
    let parts = [ber::number(ENUMERATED, code), element(OCTETS, b""), element(OCTETS, message.as_bytes())];
    constructed(tag, &parts)
}

/// The end of a page, with its cookie behind it.
pub(crate) fn page_end(cookie: &[u8]) -> Vec<u8> {
    let value = constructed(SEQUENCE, &[ber::number(INTEGER, 0), element(OCTETS, cookie)]);
    let control =
        constructed(SEQUENCE, &[element(OCTETS, b"1.2.840.113556.1.4.319"), element(OCTETS, &value)]);
    [done(0x65, 0, ""), element(0xa0, &control)].concat()
}

pub(crate) fn found(entry: &LdapEntry) -> Vec<u8> {
    let attributes: Vec<Vec<u8>> = entry
        .attributes
        .iter()
        .map(|one| {
            let values: Vec<Vec<u8>> = one.values.iter().map(|value| element(OCTETS, value)).collect();
            constructed(SEQUENCE, &[element(OCTETS, one.name.as_bytes()), constructed(SET, &values)])
        })
        .collect();
    constructed(0x64, &[element(OCTETS, entry.dn.as_bytes()), constructed(SEQUENCE, &attributes)])
}

fn read(bytes: &[u8]) -> (u32, Asked) {
    let mut message = Reader(bytes).inner(SEQUENCE).unwrap();
    let id = message.number(INTEGER).unwrap();
    let (tag, content) = message.element().unwrap();
    let mut inner = Reader(content);
    let asked = match tag {
        0x60 => {
            inner.number(INTEGER).unwrap();
            Asked::Bind { name: inner.text(OCTETS).unwrap(), password: inner.text(0x80).unwrap() }
        }
        0x63 => {
            let base = inner.text(OCTETS).unwrap();
            // Scope, aliases, two limits, names only, filter.
            for _ in 0..6 {
                inner.element().unwrap();
            }
            let mut list = inner.inner(SEQUENCE).unwrap();
            let mut attributes = Vec::new();
            while !list.is_empty() {
                attributes.push(list.text(OCTETS).unwrap());
            }
            let paged = (!message.is_empty()).then(|| {
                let mut control = message.inner(0xa0).unwrap().inner(SEQUENCE).unwrap();
                control.expect(OCTETS).unwrap();
                control.expect(ber::BOOLEAN).unwrap();
                let mut value = Reader(control.expect(OCTETS).unwrap()).inner(SEQUENCE).unwrap();
                (value.number(INTEGER).unwrap(), value.expect(OCTETS).unwrap().to_vec())
            });
            Asked::Search { base, attributes, paged }
        }
        0x77 => Asked::StartTls,
        _ => Asked::GoodBye,
    };
    (id, asked)
}

impl Directory {
    /// Starts one. `tls`: from the beginning; otherwise after StartTLS, where the answer to that is code 0.
    pub(crate) async fn start(
        tls: bool,
        answer: impl Fn(usize, &Asked) -> Said + Send + Sync + 'static,
    ) -> Self {
        let key = KeyPair::generate().unwrap();
        let certificate =
            CertificateParams::new(vec!["localhost".to_owned()]).unwrap().self_signed(&key).unwrap();
        let fingerprint = hex(&Sha256::digest(certificate.der()));
        let config =
            rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
                .with_safe_default_protocol_versions()
                .unwrap()
                .with_no_client_auth()
                .with_single_cert(
                    vec![certificate.der().clone()],
                    PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
                )
                .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (log, answer) = (Arc::clone(&seen), Arc::new(answer));
        tokio::spawn(async move {
            loop {
                let (socket, _) = listener.accept().await.unwrap();
                let (log, answer, acceptor) = (Arc::clone(&log), Arc::clone(&answer), acceptor.clone());
                tokio::spawn(async move {
                    if tls {
                        if let Ok(mut socket) = acceptor.accept(socket).await {
                            serve(&mut socket, &log, &*answer).await;
                        }
                    } else {
                        let mut socket = socket;
                        if serve(&mut socket, &log, &*answer).await
                            && let Ok(mut socket) = acceptor.accept(socket).await
                        {
                            serve(&mut socket, &log, &*answer).await;
                        }
                    }
                });
            }
        });
        Self { address, fingerprint, seen }
    }

    pub(crate) fn log(&self) -> Vec<Asked> {
        self.seen.lock().unwrap().clone()
    }
}

/// Answers until the connection ends; true where it goes on with TLS.
async fn serve(
    socket: &mut (impl AsyncRead + AsyncWrite + Unpin),
    log: &Mutex<Vec<Asked>>,
    answer: &(dyn Fn(usize, &Asked) -> Said + Send + Sync),
) -> bool {
    let mut received = Vec::new();
    loop {
        let whole = ber::frame(&received).unwrap().filter(|length| *length <= received.len());
        let Some(length) = whole else {
            match socket.read_buf(&mut received).await {
                Ok(0) | Err(_) => return false,
                Ok(_) => continue,
            }
        };
        let (id, asked) = read(&received[..length]);
        received.drain(..length);
        let number = {
            let mut log = log.lock().unwrap();
            log.push(asked.clone());
            log.len() - 1
        };
        let Some(said) = answer(number, &asked) else { return false };
        for message in &said {
            let whole = constructed(SEQUENCE, &[ber::number(INTEGER, id), message.clone()]);
            if socket.write_all(&whole).await.is_err() {
                return false;
            }
        }
        if asked == Asked::StartTls && said == [done(0x78, 0, "")] {
            return true;
        }
    }
}
