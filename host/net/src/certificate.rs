//! Looks at a server's certificate: a TLS handshake and nothing else, so that an administrator learns of its end before
//! it comes.

use std::io;
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::{ClientConnection, DigitallySignedStruct, SignatureScheme};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use sha2::{Digest as _, Sha256};
use x509_parser::prelude::{FromDer as _, X509Certificate};

use crate::address::AddressPolicy;
use crate::limits;
use crate::origin::Origin;
use crate::resolver::{Filtering, SystemResolver};
use crate::tls::Trust;
use crate::verifier::{Distrust, hex};

/// A server's certificate, and whether it is believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenCertificate {
    /// Lower-case hexadecimal SHA-256 of its DER form.
    pub fingerprint: String,
    /// When it ends, in milliseconds since 1970.
    pub ends_ms: i64,
    /// Why it is not believed: one clause that begins with `it`.
    pub distrust: Option<String>,
}

/// What came of looking; `None` where a server is reached without TLS.
pub type Looked = Result<Option<SeenCertificate>, String>;

/// Keeps the certificate that a verifier is asked about, and why it did not believe it.
#[derive(Debug)]
pub(crate) struct Watching {
    inner: Arc<dyn ServerCertVerifier>,
    seen: Mutex<Option<(CertificateDer<'static>, Option<String>)>>,
}

impl Watching {
    /// Watches a verifier.
    pub(crate) fn new(inner: Arc<dyn ServerCertVerifier>) -> Arc<Self> {
        Arc::new(Self { inner, seen: Mutex::default() })
    }

    /// Gives what was seen; `error` is what the handshake ended with, if it did not come about.
    pub(crate) fn looked(&self, server: &dyn std::fmt::Display, error: Option<String>) -> Looked {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some((seen, distrust)) = seen else {
            let why = error.unwrap_or_else(|| "it showed none".to_owned());
            return Err(format!("`{server}` shows no certificate: {why}"));
        };
        let ends_ms = X509Certificate::from_der(&seen)
            .map_err(|_| format!("the certificate of `{server}` is malformed"))?
            .1
            .validity()
            .not_after
            .timestamp()
            .saturating_mul(1000);
        let distrust = error.map(|error| distrust.unwrap_or_else(|| format!("it is refused: {error}")));
        Ok(Some(SeenCertificate { fingerprint: hex(&Sha256::digest(&seen)), ends_ms, distrust }))
    }
}

impl ServerCertVerifier for Watching {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let verdict = self.inner.verify_server_cert(certificate, intermediates, name, ocsp, now);
        let distrust = verdict.as_ref().err().and_then(Distrust::within).map(|said| said.reason.clone());
        let seen = (certificate.clone().into_owned(), distrust);
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = Some(seen);
        verdict
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.inner.verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.inner.verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}

/// Connects to a server that the policy allows and gives its certificate; `None` where it does not speak TLS by its
/// own words (`http`).
///
/// # Errors
/// Gives what happened as one clause: no address, no connection, no certificate.
pub async fn certificate(origin: &Origin, trust: &Trust, policy: AddressPolicy) -> Looked {
    if !origin.is_encrypted() {
        return Ok(None);
    }
    let host = origin.host().trim_matches(['[', ']']).to_owned();
    let addresses = addresses(origin, &host, policy).await?;
    let verifier = trust.verifier().map_err(|error| error.to_string())?;
    let watching = Watching::new(verifier);
    let config = Arc::new(Trust::config(watching.clone()).map_err(|error| error.to_string())?);
    let name = ServerName::try_from(host).map_err(|error| error.to_string())?;
    let shaken = tokio::task::spawn_blocking(move || shake(&addresses, config, name)).await;
    let error = shaken.map_err(|error| error.to_string())?.err();
    watching.looked(origin, error.map(|error| error.to_string()))
}

async fn addresses(origin: &Origin, host: &str, policy: AddressPolicy) -> Result<Vec<SocketAddr>, String> {
    let port = origin.port();
    if let Ok(address) = host.parse::<IpAddr>() {
        policy.check(host, address).map_err(|refusal| refusal.message)?;
        return Ok(vec![SocketAddr::new(address, port)]);
    }
    let filtering = Filtering { resolver: Arc::new(SystemResolver), policy: Arc::new(policy) };
    let found = filtering.addresses(host).await.map_err(|error| error.to_string())?;
    Ok(found.into_iter().map(|address| SocketAddr::new(address.ip(), port)).collect())
}

/// Does the handshake and hangs up.
fn shake(
    addresses: &[SocketAddr],
    config: Arc<rustls::ClientConfig>,
    name: ServerName<'static>,
) -> io::Result<()> {
    let mut last = io::Error::other("it has no address");
    for address in addresses {
        match TcpStream::connect_timeout(address, limits::CONNECT) {
            Err(error) => last = error,
            Ok(mut stream) => {
                stream.set_read_timeout(Some(limits::CONNECT))?;
                stream.set_write_timeout(Some(limits::CONNECT))?;
                let mut client = ClientConnection::new(config, name).map_err(io::Error::other)?;
                while client.is_handshaking() {
                    client.complete_io(&mut stream)?;
                }
                client.send_close_notify();
                // The certificate is known: whatever the server says to a good-bye changes nothing.
                let _ = client.complete_io(&mut stream);
                return Ok(());
            }
        }
    }
    Err(last)
}
