//! Certificates as directories really have them: from a private authority, without a name, signed by themselves.

use std::path::{Path, PathBuf};

use rcgen::{BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};
use ring::digest::{SHA256, digest};

/// What a server shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Signed by a private authority, with the names of this machine.
    Authority,
    /// Signed by a private authority, with a common name alone, as Samba makes them.
    Nameless,
    /// Signed by itself, as `openssl req -x509` makes them: an authority that is a server.
    SelfSigned,
}

/// Where a server's certificate lies.
#[derive(Clone, Debug)]
pub struct Certificate {
    /// The server's certificate, PEM.
    pub certificate: PathBuf,
    /// Its key, PEM.
    pub key: PathBuf,
    /// Who signed it, PEM.
    pub authority: PathBuf,
    /// Lower-case hexadecimal SHA-256 of the certificate's DER form.
    pub fingerprint: String,
}

/// Makes a certificate for this machine.
pub fn make(kind: Kind, folder: &Path) -> Certificate {
    let key = KeyPair::generate().unwrap();
    let mut params = named("dc1.ad.example.test");
    if kind == Kind::Authority {
        let names = ["localhost", "127.0.0.1", "dc1.ad.example.test"].map(str::to_owned);
        params.subject_alt_names = CertificateParams::new(names).unwrap().subject_alt_names;
    }
    let (certificate, authority) = if kind == Kind::SelfSigned {
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let made = params.self_signed(&key).unwrap();
        let pem = made.pem();
        (made, pem)
    } else {
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let authority_key = KeyPair::generate().unwrap();
        let mut authority = named("Corp CA");
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let pem = authority.self_signed(&authority_key).unwrap().pem();
        let issuer = Issuer::new(authority, authority_key);
        (params.signed_by(&key, &issuer).unwrap(), pem)
    };
    let write = |name: &str, text: &str| {
        let path = folder.join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let hex = digest(&SHA256, certificate.der()).as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    Certificate {
        certificate: write("cert.pem", &certificate.pem()),
        key: private(write("key.pem", &key.serialize_pem())),
        authority: write("ca.pem", &authority),
        fingerprint: hex,
    }
}

fn named(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params
}

/// Samba takes no key that others can read.
fn private(path: PathBuf) -> PathBuf {
    #[cfg(unix)]
    std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    path
}
