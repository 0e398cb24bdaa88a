//! The server's certificate: a leaf signed by an authority of its own, kept in a file or made afresh.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::KeyUsagePurpose;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use sha2::{Digest, Sha256};

use super::ServerError;

/// Where the certificate lives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Keep {
    /// Nowhere: every start has another one.
    InMemory,
    /// In this file, made if it is missing, so that a pin stays good. It holds the private key: mode 0600.
    File(PathBuf),
}

/// A certificate with its key and the authority that signed it.
pub(super) struct Identity {
    /// Leaf and authority.
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    /// The authority's certificate, to be trusted instead of a pin.
    pub(super) ca_pem: String,
}

impl Identity {
    /// Loads or makes the certificate. `names` are what clients may call the server.
    pub(super) fn get(keep: &Keep, names: Vec<String>) -> Result<Self, ServerError> {
        let Keep::File(path) = keep else { return Self::read(&make(names)?) };
        match std::fs::read_to_string(path) {
            Ok(pem) => Self::read(&pem),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let pem = make(names)?;
                write(path, &pem).map_err(|error| unusable(path, &error.to_string()))?;
                Self::read(&pem)
            }
            Err(error) => Err(unusable(path, &error.to_string())),
        }
    }

    fn read(pem: &str) -> Result<Self, ServerError> {
        let bad = |what: &str| ServerError::Certificate(format!("the certificate file {what}"));
        let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.as_bytes()).collect();
        let chain = chain.map_err(|_| bad("is no PEM"))?;
        let key = PrivateKeyDer::from_pem_slice(pem.as_bytes()).map_err(|_| bad("holds no private key"))?;
        let last = pem.rfind("-----BEGIN CERTIFICATE-----").ok_or_else(|| bad("holds no certificate"))?;
        if chain.len() != 2 {
            return Err(bad("does not hold a certificate and its authority"));
        }
        Ok(Self { chain, key, ca_pem: pem[last..].to_owned() })
    }

    /// Gives the lower-case hexadecimal SHA-256 of the leaf's DER form.
    pub(super) fn fingerprint(&self) -> String {
        let digest = Sha256::digest(self.chain.first().map(AsRef::as_ref).unwrap_or_default());
        digest.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    pub(super) fn config(self) -> Result<Arc<rustls::ServerConfig>, ServerError> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .and_then(|builder| builder.with_no_client_auth().with_single_cert(self.chain, self.key))
            .map_err(|error| ServerError::Certificate(error.to_string()))?;
        Ok(Arc::new(config))
    }
}

/// Makes key, leaf and authority as one PEM text. The authority's key is thrown away: it signs nothing else.
fn make(names: Vec<String>) -> Result<String, ServerError> {
    let made = || -> Result<String, rcgen::Error> {
        let mut authority = CertificateParams::new(Vec::new())?;
        authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        authority.distinguished_name.push(DnType::CommonName, "rollcall office authority");
        authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
        let ca_key = KeyPair::generate()?;
        let ca = CertifiedIssuer::self_signed(authority, ca_key)?;

        let mut leaf = CertificateParams::new(names)?;
        leaf.distinguished_name.push(DnType::CommonName, "rollcall office");
        leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        leaf.use_authority_key_identifier_extension = true;
        let key = KeyPair::generate()?;
        let signed = leaf.signed_by(&key, &ca)?;
        Ok(format!("{}{}{}", key.serialize_pem(), signed.pem(), ca.pem()))
    };
    made().map_err(|error| ServerError::Certificate(format!("no certificate can be made: {error}")))
}

/// Writes a file that nobody else may read, whole or not at all.
fn write(path: &Path, pem: &str) -> std::io::Result<()> {
    use std::io::Write as _;
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let beside = path.with_file_name(name);
    let mut file = options.open(&beside)?;
    file.write_all(pem.as_bytes())?;
    file.sync_all()?;
    std::fs::rename(&beside, path)
}

fn unusable(path: &Path, why: &str) -> ServerError {
    ServerError::Certificate(format!("the certificate file `{}` cannot be used: {why}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kept_certificate_stays_the_same_and_private() {
        let folder = std::env::temp_dir().join(format!("rollcall-tls-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let keep = Keep::File(folder.join("office.db.pem"));
        let names = || vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
        let first = Identity::get(&keep, names()).unwrap();
        let second = Identity::get(&keep, names()).unwrap();
        assert_eq!(first.fingerprint(), second.fingerprint());
        assert_eq!(first.ca_pem.matches("BEGIN").count(), 1);
        assert_ne!(first.fingerprint(), Identity::get(&Keep::InMemory, names()).unwrap().fingerprint());
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let Keep::File(path) = &keep else { return };
            assert_eq!(std::fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o600);
        }
        assert!(first.config().is_ok());
        std::fs::remove_dir_all(folder).unwrap();
    }
}
