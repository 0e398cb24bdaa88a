//! Signs the assertion with which a client proves that it holds a certificate's key (RFC 7523).
//!
//! Header and claims are those that Entra ID documents: `PS256` with `x5t#S256` today, `RS256` with `x5t` for
//! certificates that it cannot take with PSS.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::signature::{KeyPair as _, RSA_PKCS1_SHA256, RSA_PSS_SHA256, RsaEncoding, RsaKeyPair};
use rollcall_core::{Diagnostic, Secret, codes};
use rollcall_edges::clock::Instant;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::json;
use sha2::{Digest as _, Sha256};
use x509_parser::prelude::{FromDer as _, X509Certificate};

use crate::error::NetError;
use crate::limits;
use crate::oauth::Algorithm;
use crate::verifier::hex;

/// A certificate's key that signs assertions.
pub(crate) struct Signer {
    key: RsaKeyPair,
    algorithm: Algorithm,
    thumbprint: String,
}

impl Signer {
    /// Reads certificate and key and sees that they belong together.
    pub(crate) fn new(certificate: &Secret, key: &Secret, algorithm: Algorithm) -> Result<Self, NetError> {
        let certificate = CertificateDer::from_pem_slice(certificate.expose().as_bytes()).map_err(|_| {
            invalid(
                "certificate",
                "the certificate is not in PEM form",
                "it begins with `-----BEGIN CERTIFICATE-----`",
            )
        })?;
        let key = read_key(key)?;
        let (_, parsed) = X509Certificate::from_der(&certificate)
            .map_err(|_| invalid("certificate", "the certificate is damaged", "export it again"))?;
        if *parsed.public_key().subject_public_key.data != *key.public_key().as_ref() {
            let hint = "the same app registration may have several certificates; take the key that was made with this one";
            return Err(invalid("private_key", "the private key does not belong to the certificate", hint));
        }
        let thumbprint = match algorithm {
            Algorithm::Ps256 => URL_SAFE_NO_PAD.encode(Sha256::digest(&certificate)),
            Algorithm::Rs256 => URL_SAFE_NO_PAD.encode(sha1::Sha1::digest(&certificate)),
        };
        Ok(Self { key, algorithm, thumbprint })
    }

    /// Signs an assertion of a client for a token endpoint, valid from now on.
    pub(crate) fn sign(&self, client_id: &str, audience: &str, now: Instant) -> Result<Secret, NetError> {
        let header = match self.algorithm {
            Algorithm::Ps256 => json!({ "alg": "PS256", "typ": "JWT", "x5t#S256": self.thumbprint }),
            Algorithm::Rs256 => json!({ "alg": "RS256", "typ": "JWT", "x5t": self.thumbprint }),
        };
        let mut id = [0_u8; 16];
        getrandom::fill(&mut id).map_err(|_| unsigned())?;
        let seconds = now.0.div_euclid(1000);
        let claims = json!({
            "aud": audience,
            "iss": client_id,
            "sub": client_id,
            "jti": hex(&id),
            "nbf": seconds,
            "iat": seconds,
            "exp": seconds + limits::ASSERTION_SECONDS,
        });
        let signed = format!(
            "{}.{}",
            URL_SAFE_NO_PAD.encode(header.to_string()),
            URL_SAFE_NO_PAD.encode(claims.to_string())
        );
        let padding: &'static dyn RsaEncoding = match self.algorithm {
            Algorithm::Ps256 => &RSA_PSS_SHA256,
            Algorithm::Rs256 => &RSA_PKCS1_SHA256,
        };
        let mut signature = vec![0; self.key.public().modulus_len()];
        self.key
            .sign(padding, &SystemRandom::new(), signed.as_bytes(), &mut signature)
            .map_err(|_| unsigned())?;
        Ok(Secret::new(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))))
    }
}

fn read_key(key: &Secret) -> Result<RsaKeyPair, NetError> {
    let pem = key.expose();
    if pem.contains("BEGIN ENCRYPTED PRIVATE KEY") || pem.contains("Proc-Type: 4,ENCRYPTED") {
        let hint = "`openssl pkey -in KEY -out PLAIN` takes the pass phrase off; keep the file readable for yourself only";
        return Err(invalid("private_key", "the private key is protected by a pass phrase", hint));
    }
    let parsed = PrivateKeyDer::from_pem_slice(pem.as_bytes()).map_err(|_| {
        invalid(
            "private_key",
            "the private key is not in PEM form",
            "it begins with `-----BEGIN PRIVATE KEY-----`",
        )
    })?;
    let read = match &parsed {
        PrivateKeyDer::Pkcs8(der) => RsaKeyPair::from_pkcs8(der.secret_pkcs8_der()),
        PrivateKeyDer::Pkcs1(der) => RsaKeyPair::from_der(der.secret_pkcs1_der()),
        _ => return Err(not_rsa("it is of another kind")),
    };
    read.map_err(|error| not_rsa(&error.to_string()))
}

fn not_rsa(said: &str) -> NetError {
    let message = format!("the private key is no RSA key that can be used: {said}");
    invalid("private_key", &message, "Entra ID takes RSA keys of 2048 bits and more")
}

fn unsigned() -> NetError {
    NetError::Denied { message: "the assertion could not be signed".to_owned(), hint: None }
}

fn invalid(credential: &str, message: &str, hint: &str) -> NetError {
    let diagnostic = Diagnostic::error(codes::JOB_BAD_VALUE, message)
        .path(&["directory", "credentials", credential])
        .hint(hint);
    NetError::Invalid(Box::new(diagnostic))
}
