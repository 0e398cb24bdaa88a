//! Signs the assertion with which a client or a service account proves that it holds a key (RFC 7523).
//!
//! With a certificate, header and claims are those that Entra ID documents: `PS256` with `x5t#S256` today, `RS256` with
//! `x5t` for certificates that it cannot take with PSS. With a key alone (Okta, Google) it is `RS256` with `kid`.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::signature::{KeyPair as _, RSA_PKCS1_SHA256, RSA_PSS_SHA256, RsaEncoding, RsaKeyPair};
use rollcall_core::Secret;
use rollcall_edges::clock::Instant;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use x509_parser::prelude::{FromDer as _, X509Certificate};

use crate::credential::Credential;
use crate::error::NetError;
use crate::limits;
use crate::oauth::Algorithm;
use crate::verifier::hex;

/// A key that signs assertions.
pub(crate) struct Signer {
    key: RsaKeyPair,
    padding: &'static dyn RsaEncoding,
    header: Value,
}

/// What an assertion says, besides its time and its own id.
pub(crate) struct Claims<'a> {
    pub(crate) issuer: &'a str,
    pub(crate) subject: &'a str,
    pub(crate) audience: &'a str,
    /// Only where the grant wants it in the assertion.
    pub(crate) scope: Option<&'a str>,
}

impl Signer {
    /// Reads certificate and key and sees that they belong together.
    pub(crate) fn certified(
        certificate: &Credential,
        key: &Credential,
        algorithm: Algorithm,
    ) -> Result<Self, NetError> {
        let der = CertificateDer::from_pem_slice(certificate.value.expose().as_bytes()).map_err(|_| {
            certificate
                .invalid("the certificate is not in PEM form", "it begins with `-----BEGIN CERTIFICATE-----`")
        })?;
        let pair = read_key(key, key.value.expose())?;
        let (_, parsed) = X509Certificate::from_der(&der)
            .map_err(|_| certificate.invalid("the certificate is damaged", "export it again"))?;
        if *parsed.public_key().subject_public_key.data != *pair.public_key().as_ref() {
            let hint = "the same app registration may have several certificates; take the key that was made with this one";
            return Err(key.invalid("the private key does not belong to the certificate", hint));
        }
        let (padding, header): (&'static dyn RsaEncoding, Value) = match algorithm {
            Algorithm::Ps256 => {
                let thumbprint = URL_SAFE_NO_PAD.encode(Sha256::digest(&der));
                (&RSA_PSS_SHA256, json!({ "alg": "PS256", "typ": "JWT", "x5t#S256": thumbprint }))
            }
            Algorithm::Rs256 => {
                let thumbprint = URL_SAFE_NO_PAD.encode(sha1::Sha1::digest(&der));
                (&RSA_PKCS1_SHA256, json!({ "alg": "RS256", "typ": "JWT", "x5t": thumbprint }))
            }
        };
        Ok(Self { key: pair, padding, header })
    }

    /// Reads a key that is known to the server by its id, or is the only one.
    pub(crate) fn keyed(from: &Credential, pem: &str, key_id: Option<&str>) -> Result<Self, NetError> {
        let mut header = json!({ "alg": "RS256", "typ": "JWT" });
        if let Some(id) = key_id {
            header["kid"] = json!(id);
        }
        Ok(Self { key: read_key(from, pem)?, padding: &RSA_PKCS1_SHA256, header })
    }

    /// Signs an assertion, valid from now on.
    pub(crate) fn sign(&self, says: &Claims<'_>, now: Instant) -> Result<Secret, NetError> {
        let mut id = [0_u8; 16];
        getrandom::fill(&mut id).map_err(|_| unsigned())?;
        let seconds = now.0.div_euclid(1000);
        let mut claims = json!({
            "aud": says.audience,
            "iss": says.issuer,
            "sub": says.subject,
            "jti": hex(&id),
            "nbf": seconds,
            "iat": seconds,
            "exp": seconds + limits::ASSERTION_SECONDS,
        });
        if let Some(scope) = says.scope {
            claims["scope"] = json!(scope);
        }
        let signed = format!(
            "{}.{}",
            URL_SAFE_NO_PAD.encode(self.header.to_string()),
            URL_SAFE_NO_PAD.encode(claims.to_string())
        );
        let mut signature = vec![0; self.key.public().modulus_len()];
        self.key
            .sign(self.padding, &SystemRandom::new(), signed.as_bytes(), &mut signature)
            .map_err(|_| unsigned())?;
        Ok(Secret::new(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))))
    }
}

/// Reads a private key, which is the credential or a part of it.
fn read_key(from: &Credential, pem: &str) -> Result<RsaKeyPair, NetError> {
    if pem.contains("BEGIN ENCRYPTED PRIVATE KEY") || pem.contains("Proc-Type: 4,ENCRYPTED") {
        let hint = "`openssl pkey -in KEY -out PLAIN` takes the pass phrase off; keep the file readable for yourself only";
        return Err(from.invalid("the private key is protected by a pass phrase", hint));
    }
    let parsed = PrivateKeyDer::from_pem_slice(pem.as_bytes()).map_err(|_| {
        from.invalid("the private key is not in PEM form", "it begins with `-----BEGIN PRIVATE KEY-----`")
    })?;
    let read = match &parsed {
        PrivateKeyDer::Pkcs8(der) => RsaKeyPair::from_pkcs8(der.secret_pkcs8_der()),
        PrivateKeyDer::Pkcs1(der) => RsaKeyPair::from_der(der.secret_pkcs1_der()),
        _ => return Err(not_rsa(from, "it is of another kind")),
    };
    read.map_err(|error| not_rsa(from, &error.to_string()))
}

fn not_rsa(from: &Credential, said: &str) -> NetError {
    let message = format!("the private key is no RSA key that can be used: {said}");
    from.invalid(&message, "RSA keys of 2048 bits and more are taken")
}

fn unsigned() -> NetError {
    NetError::Denied { message: "the assertion could not be signed".to_owned(), hint: None }
}
