//! Which server certificates are believed: those of the machine's authorities, of a private authority, or one
//! certificate by its fingerprint. There is no way to believe any.
//!
//! What is not believed is named with its fingerprint and a reason in words, so that an administrator can compare
//! it and write it down.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rollcall_core::{Diagnostic, codes};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::CryptoProvider;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;

use crate::error::NetError;
use crate::limits;
use crate::verifier::{Chained, Pinned};

/// What a server's certificate is held against.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trust {
    /// The machine's authorities.
    Machine,
    /// The machine's authorities and those of a PEM file.
    WithFile(PathBuf),
    /// The one certificate with this SHA-256 of its DER form (hexadecimal, colons allowed), whoever signed it and
    /// whatever name it carries.
    Pin(String),
}

impl Trust {
    /// Looks whether the file or the fingerprint can be used, without a connection.
    ///
    /// # Errors
    ///
    /// [`NetError::Invalid`] where it cannot.
    pub fn check(&self) -> Result<(), NetError> {
        match self {
            Self::Machine => Ok(()),
            Self::WithFile(path) => add_file(&mut RootCertStore::empty(), path),
            Self::Pin(text) => fingerprint_bytes(text).map(drop),
        }
    }

    /// Makes the settings of TLS connections.
    pub(crate) fn client_config(&self) -> Result<ClientConfig, NetError> {
        Self::config(self.verifier()?)
    }

    /// Makes what judges a server's certificate.
    pub(crate) fn verifier(&self) -> Result<Arc<dyn ServerCertVerifier>, NetError> {
        let provider = provider();
        Ok(match self {
            Self::Machine => Arc::new(chained(machine_roots(), &provider)?),
            Self::WithFile(path) => {
                let mut roots = machine_roots();
                add_file(&mut roots, path)?;
                Arc::new(chained(roots, &provider)?)
            }
            Self::Pin(text) => {
                Arc::new(Pinned::new(fingerprint_bytes(text)?, provider.signature_verification_algorithms))
            }
        })
    }

    /// Makes the settings of TLS connections that a verifier judges.
    pub(crate) fn config(verifier: Arc<dyn ServerCertVerifier>) -> Result<ClientConfig, NetError> {
        let mut config = ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .map_err(|error| invalid(format!("TLS cannot be set up: {error}")))?
            // A custom verifier is not a weaker one: it wraps the usual one to name the certificate, or holds the
            // pin, and always verifies the handshake's signature.
            .dangerous()
            .with_custom_certificate_verifier(verifier)
            .with_no_client_auth();
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(config)
    }
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

fn chained(roots: RootCertStore, provider: &Arc<CryptoProvider>) -> Result<Chained, NetError> {
    if roots.is_empty() {
        return Ok(Chained::without_roots(provider.signature_verification_algorithms));
    }
    let inner = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider))
        .build()
        .map_err(|error| invalid(format!("the authorities cannot be used: {error}")))?;
    Ok(Chained::new(inner, provider.signature_verification_algorithms))
}

fn machine_roots() -> RootCertStore {
    let found = rustls_native_certs::load_native_certs();
    for error in &found.errors {
        tracing::debug!(%error, "an authority of this machine cannot be read");
    }
    let mut roots = RootCertStore::empty();
    // One odd certificate in the machine's store is no reason to refuse the others.
    let (_, ignored) = roots.add_parsable_certificates(found.certs);
    if ignored > 0 {
        tracing::debug!(ignored, "some authorities of this machine cannot be used");
    }
    roots
}

fn add_file(roots: &mut RootCertStore, path: &Path) -> Result<(), NetError> {
    let shown = path.display();
    let size =
        std::fs::metadata(path).map_err(|error| invalid(format!("`{shown}` cannot be read: {error}")))?.len();
    if size > limits::CA_FILE_BYTES {
        return Err(invalid(format!("`{shown}` is larger than {} bytes", limits::CA_FILE_BYTES)));
    }
    let pem = std::fs::read(path).map_err(|error| invalid(format!("`{shown}` cannot be read: {error}")))?;
    let mut found = 0;
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        let certificate = certificate
            .map_err(|error| invalid(format!("`{shown}` holds a damaged certificate: {error}")))?;
        roots.add(certificate).map_err(|error| {
            invalid(format!("`{shown}` holds a certificate that cannot be used: {error}"))
        })?;
        found += 1;
    }
    if found == 0 {
        let NetError::Invalid(diagnostic) = invalid(format!("`{shown}` holds no certificate in PEM form"))
        else {
            return Ok(());
        };
        let hint = "a PEM file has the line `-----BEGIN CERTIFICATE-----`; `openssl x509 -inform der -in FILE` makes one";
        return Err(NetError::Invalid(Box::new(diagnostic.hint(hint))));
    }
    Ok(())
}

/// Reads a SHA-256 fingerprint as people write it.
fn fingerprint_bytes(text: &str) -> Result<[u8; 32], NetError> {
    let digits: Vec<u8> = text
        .chars()
        .filter(|letter| !matches!(letter, ':' | ' '))
        .map(|letter| letter.to_digit(16).and_then(|digit| u8::try_from(digit).ok()))
        .collect::<Option<_>>()
        .unwrap_or_default();
    let bytes: Vec<u8> = digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect();
    match <[u8; 32]>::try_from(bytes) {
        Ok(bytes) if digits.len() == 64 => Ok(bytes),
        _ => Err(invalid(format!("`{text}` is no SHA-256 fingerprint: it has 64 hexadecimal digits"))),
    }
}

fn invalid(message: String) -> NetError {
    NetError::Invalid(Box::new(Diagnostic::error(codes::JOB_BAD_VALUE, message)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fingerprints_are_read_as_people_write_them() {
        let plain = "ab".repeat(32);
        let colons = vec!["AB"; 32].join(":");
        assert_eq!(fingerprint_bytes(&plain).unwrap(), [0xab; 32]);
        assert_eq!(fingerprint_bytes(&colons).unwrap(), [0xab; 32]);
        for wrong in ["", "ab", &"ab".repeat(33), &"zz".repeat(32), &format!("{plain}a")] {
            assert!(fingerprint_bytes(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_file_without_certificates_is_named() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "no certificate").unwrap();
        let error = Trust::WithFile(file.path().to_owned()).client_config().unwrap_err();
        assert!(error.to_string().ends_with("holds no certificate in PEM form"), "{error}");
    }
}
