//! Verifies a signed assertion (RFC 7523) as a token endpoint does: really, with the public key.
//!
//! A ready-made OAuth mock accepts any client authentication, so a wrong signature would never show.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, RSA_PSS_2048_8192_SHA256, UnparsedPublicKey};
use serde_json::Value;

/// How far the two clocks may differ, in seconds.
const CLOCK_SKEW_S: i64 = 300;
/// The longest that an assertion may be valid, in seconds: an hour, with Google and with Okta.
const LIFETIME_S: i64 = 3600;

/// The parts of an assertion.
pub(crate) struct Assertion<'a> {
    pub(crate) head: Value,
    pub(crate) claims: Value,
    signed: &'a [u8],
    signature: Vec<u8>,
}

impl<'a> Assertion<'a> {
    /// Takes an assertion apart; none where it is no such thing.
    pub(crate) fn parse(text: &'a str) -> Option<Self> {
        let parts: Vec<&str> = text.split('.').collect();
        let [header, claims, signature] = parts[..] else { return None };
        Some(Self {
            head: decode_json(header)?,
            claims: decode_json(claims)?,
            signed: &text.as_bytes()[..header.len() + 1 + claims.len()],
            signature: URL_SAFE_NO_PAD.decode(signature).ok()?,
        })
    }

    /// Tells whether the key's owner signed it. None where the algorithm is not taken.
    pub(crate) fn is_signed_by(&self, key: &[u8]) -> Option<bool> {
        let algorithm = match self.head["alg"].as_str() {
            Some("PS256") => &RSA_PSS_2048_8192_SHA256,
            Some("RS256") => &RSA_PKCS1_2048_8192_SHA256,
            _ => return None,
        };
        Some(UnparsedPublicKey::new(algorithm, key).verify(self.signed, &self.signature).is_ok())
    }
}

/// What an assertion is held against.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Expected<'a> {
    /// The public key, as in a certificate.
    pub(crate) key: &'a [u8],
    pub(crate) key_id: Option<&'a str>,
    pub(crate) issuer: &'a str,
    pub(crate) subject: &'a str,
    pub(crate) audience: &'a str,
    /// Now, in seconds since 1970.
    pub(crate) now_s: i64,
}

/// Checks an assertion that is signed with RS256, and gives its claims.
///
/// # Errors
/// The claim that is wrong, or `signature`, `kid`, `alg`, `form`.
pub(crate) fn verify(assertion: &str, expected: &Expected<'_>) -> Result<Value, &'static str> {
    let parsed = Assertion::parse(assertion).ok_or("form")?;
    let (head, claims) = (&parsed.head, &parsed.claims);
    if head["alg"] != "RS256" {
        return Err("alg");
    }
    if expected.key_id.is_some() && head["kid"].as_str() != expected.key_id {
        return Err("kid");
    }
    if parsed.is_signed_by(expected.key) != Some(true) {
        return Err("signature");
    }
    for (claim, wanted) in [("iss", expected.issuer), ("sub", expected.subject), ("aud", expected.audience)] {
        if claims[claim].as_str() != Some(wanted) {
            return Err(claim);
        }
    }
    let (issued, expires) = (claims["iat"].as_i64().ok_or("iat")?, claims["exp"].as_i64().ok_or("exp")?);
    if issued - CLOCK_SKEW_S > expected.now_s || expires < issued {
        return Err("iat");
    }
    if expires + CLOCK_SKEW_S < expected.now_s || expires - issued > LIFETIME_S {
        return Err("exp");
    }
    Ok(parsed.claims)
}

fn decode_json(part: &str) -> Option<Value> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()
}

/// Gives the content of a PEM text.
///
/// # Panics
/// The text is no PEM.
pub fn der(pem: &str) -> Vec<u8> {
    let base64: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
    STANDARD.decode(base64).expect("the text is PEM")
}

/// Gives the public key of a certificate, as signatures are verified with it.
///
/// # Panics
/// The bytes are no certificate.
pub fn public_key(certificate: &[u8]) -> Vec<u8> {
    let (_, parsed) =
        x509_parser::parse_x509_certificate(certificate).expect("the test's certificate parses");
    parsed.public_key().subject_public_key.data.to_vec()
}
