//! The two ways to judge a certificate, and the words for what is wrong with one.

use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature};
use rustls::{CertificateError, DigitallySignedStruct, OtherError, SignatureScheme};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use sha2::{Digest as _, Sha256};
use x509_parser::prelude::{FromDer as _, GeneralName, X509Certificate};

/// Why a certificate was not believed. It travels through rustls and the HTTP client as the source of their errors.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{reason}")]
pub(crate) struct Distrust {
    /// Lower-case hexadecimal SHA-256 of the DER form.
    pub(crate) fingerprint: String,
    /// One clause that begins with `it`.
    pub(crate) reason: String,
    /// Whether a pin was missed, rather than a chain.
    pub(crate) pinned: bool,
}

impl Distrust {
    fn said(certificate: &CertificateDer<'_>, reason: String, pinned: bool) -> rustls::Error {
        let distrust = Self { fingerprint: hex(&Sha256::digest(certificate)), reason, pinned };
        CertificateError::Other(OtherError(Arc::new(distrust))).into()
    }

    /// Finds it in an error of a TLS connection.
    pub(crate) fn within(error: &rustls::Error) -> Option<&Self> {
        match error {
            rustls::Error::InvalidCertificate(CertificateError::Other(OtherError(said))) => {
                said.downcast_ref()
            }
            _ => None,
        }
    }
}

/// Gives bytes as lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Believes a chain to one of the authorities.
#[derive(Debug)]
pub(crate) struct Chained {
    inner: Option<Arc<WebPkiServerVerifier>>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl Chained {
    pub(crate) fn new(inner: Arc<WebPkiServerVerifier>, algorithms: WebPkiSupportedAlgorithms) -> Self {
        Self { inner: Some(inner), algorithms }
    }

    /// Believes nobody, and still names what it sees.
    pub(crate) fn without_roots(algorithms: WebPkiSupportedAlgorithms) -> Self {
        Self { inner: None, algorithms }
    }
}

/// Believes one certificate by the SHA-256 of its DER form.
#[derive(Debug)]
pub(crate) struct Pinned {
    sha256: [u8; 32],
    algorithms: WebPkiSupportedAlgorithms,
}

impl Pinned {
    pub(crate) fn new(sha256: [u8; 32], algorithms: WebPkiSupportedAlgorithms) -> Self {
        Self { sha256, algorithms }
    }
}

/// The signature of the handshake proves that the server holds the certificate's key; both ways verify it alike.
macro_rules! handshake_signatures {
    () => {
        fn verify_tls12_signature(
            &self,
            message: &[u8],
            certificate: &CertificateDer<'_>,
            signed: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, rustls::Error> {
            verify_tls12_signature(message, certificate, signed, &self.algorithms)
        }

        fn verify_tls13_signature(
            &self,
            message: &[u8],
            certificate: &CertificateDer<'_>,
            signed: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, rustls::Error> {
            verify_tls13_signature(message, certificate, signed, &self.algorithms)
        }

        fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
            self.algorithms.supported_schemes()
        }
    };
}

impl ServerCertVerifier for Chained {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let Some(inner) = &self.inner else {
            return Err(Distrust::said(
                certificate,
                "this machine knows no authorities at all".to_owned(),
                false,
            ));
        };
        inner
            .verify_server_cert(certificate, intermediates, name, ocsp, now)
            .map_err(|error| Distrust::said(certificate, reason(&error, certificate, name), false))
    }

    handshake_signatures!();
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        if Sha256::digest(certificate)[..] == self.sha256 {
            return Ok(ServerCertVerified::assertion());
        }
        Err(Distrust::said(certificate, "it is another certificate than the pinned one".to_owned(), true))
    }

    handshake_signatures!();
}

/// Says in words what is wrong with a certificate.
fn reason(error: &rustls::Error, certificate: &CertificateDer<'_>, name: &ServerName<'_>) -> String {
    let rustls::Error::InvalidCertificate(error) = error else { return error.to_string() };
    let parsed = X509Certificate::from_der(certificate).ok().map(|(_, parsed)| parsed);
    match error {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            let end = parsed.map(|parsed| parsed.validity().not_after.to_string()).unwrap_or_default();
            format!("it expired on {end}")
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            let start = parsed.map(|parsed| parsed.validity().not_before.to_string()).unwrap_or_default();
            format!("it is not valid before {start}")
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            let names = parsed.map(|parsed| names(&parsed)).unwrap_or_default();
            let asked = name.to_str();
            if names.is_empty() {
                return format!("it names no host as subject alternative name, so not `{asked}` either");
            }
            format!("it is for {}, not for `{asked}`", names.join(", "))
        }
        CertificateError::UnknownIssuer => match parsed {
            Some(parsed) if parsed.subject() == parsed.issuer() => "it is self-signed".to_owned(),
            Some(parsed) => format!("its issuer `{}` is not known", cut(&parsed.issuer().to_string())),
            None => "its issuer is not known".to_owned(),
        },
        CertificateError::Revoked => "it was revoked".to_owned(),
        CertificateError::BadEncoding => "it is malformed".to_owned(),
        CertificateError::BadSignature => "its signature is wrong".to_owned(),
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            "it is not for servers".to_owned()
        }
        // webpki's own error, which rustls passes on as a foreign one.
        other if format!("{other:?}").contains("CaUsedAsEndEntity") => {
            "it is an authority's certificate and not a server's".to_owned()
        }
        other => cut(&format!("it cannot be verified: {other}")),
    }
}

/// Gives the hosts that a certificate names, at most ten.
fn names(certificate: &X509Certificate<'_>) -> Vec<String> {
    let Ok(Some(extension)) = certificate.subject_alternative_name() else { return Vec::new() };
    let named = extension.value.general_names.iter().filter_map(|name| match name {
        GeneralName::DNSName(name) => Some(format!("`{}`", cut(name))),
        GeneralName::IPAddress(bytes) => address(bytes).map(|address| format!("`{address}`")),
        _ => None,
    });
    named.take(10).collect()
}

fn address(bytes: &[u8]) -> Option<std::net::IpAddr> {
    if let Ok(v4) = <[u8; 4]>::try_from(bytes) {
        return Some(v4.into());
    }
    <[u8; 16]>::try_from(bytes).ok().map(Into::into)
}

fn cut(text: &str) -> String {
    text.chars().filter(|letter| !letter.is_control()).take(200).collect()
}
