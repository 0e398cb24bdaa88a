//! Verifies a client assertion as Entra ID does: really, with the certificate's public key.
//!
//! A ready-made OAuth mock accepts any client authentication, so a wrong signature would never show.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::digest;
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, RSA_PSS_2048_8192_SHA256, UnparsedPublicKey};
use serde_json::Value;

use super::answer::{Answer, sign_in_error};

/// What an assertion is held against.
pub(super) struct Expected<'a> {
    /// The certificate that was uploaded, as DER.
    pub(super) certificate: &'a [u8],
    /// The application's id.
    pub(super) client_id: &'a str,
    /// The exact token endpoint.
    pub(super) audience: &'a str,
    /// Now, in seconds since 1970.
    pub(super) now_s: i64,
    /// Whether PS256 is taken; Entra refuses it for some certificates (MSAL.NET 4.60.1).
    pub(super) accept_pss: bool,
}

/// How far the two clocks may differ, in seconds.
const CLOCK_SKEW_S: i64 = 300;

/// Checks an assertion; the error is Entra's answer.
pub(super) fn verify(assertion: &str, expected: &Expected<'_>) -> Result<(), Box<Answer>> {
    let malformed = || refuse(50027, "JWT token is invalid or malformed.");
    let parts: Vec<&str> = assertion.split('.').collect();
    let [header, claims, signature] = parts[..] else { return Err(malformed()) };
    let (Some(head), Some(claims_json)) = (decode_json(header), decode_json(claims)) else {
        return Err(malformed());
    };
    let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| malformed())?;
    check_key(&head, expected)?;
    let signed = &assertion[..header.len() + 1 + claims.len()];
    check_signature(&head, signed.as_bytes(), &signature, expected)?;
    check_claims(&claims_json, expected)
}

fn check_key(head: &Value, expected: &Expected<'_>) -> Result<(), Box<Answer>> {
    let thumbprint = |algorithm| URL_SAFE_NO_PAD.encode(digest::digest(algorithm, expected.certificate));
    let sha256 = head["x5t#S256"].as_str().map(|given| given == thumbprint(&digest::SHA256));
    let sha1 = head["x5t"].as_str().map(|given| given == thumbprint(&digest::SHA1_FOR_LEGACY_USE_ONLY));
    if sha256.or(sha1) == Some(true) {
        return Ok(());
    }
    Err(refuse(
        700_027,
        "The certificate with identifier used to sign the client assertion is not registered on application.",
    ))
}

fn check_signature(
    head: &Value,
    signed: &[u8],
    signature: &[u8],
    expected: &Expected<'_>,
) -> Result<(), Box<Answer>> {
    let (_, parsed) =
        x509_parser::parse_x509_certificate(expected.certificate).expect("the test's certificate parses");
    let key = &*parsed.public_key().subject_public_key.data;
    let verified = match head["alg"].as_str() {
        Some("PS256") if !expected.accept_pss => {
            return Err(refuse(5_002_730, "Invalid JWT token. Unsupported key for the signing algorithm."));
        }
        Some("PS256") => UnparsedPublicKey::new(&RSA_PSS_2048_8192_SHA256, key).verify(signed, signature),
        Some("RS256") => UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key).verify(signed, signature),
        _ => return Err(refuse(50_027, "JWT token is invalid: the algorithm is not supported.")),
    };
    verified.map_err(|_| refuse(700_027, "Client assertion failed signature validation."))
}

fn check_claims(claims: &Value, expected: &Expected<'_>) -> Result<(), Box<Answer>> {
    if claims["aud"].as_str() != Some(expected.audience) {
        let message = format!(
            "Client assertion audience claim does not match Realm issuer. Expected: {}",
            expected.audience
        );
        return Err(refuse(700_023, &message));
    }
    if [&claims["iss"], &claims["sub"]].iter().any(|claim| claim.as_str() != Some(expected.client_id)) {
        return Err(refuse(
            700_021,
            "Client assertion application identifier doesn't match 'client_id' parameter.",
        ));
    }
    let not_before = claims["nbf"].as_i64().unwrap_or(0);
    let Some(expires) = claims["exp"].as_i64() else { return Err(refuse(50_027, "`exp` is missing.")) };
    if expires + CLOCK_SKEW_S < expected.now_s || not_before - CLOCK_SKEW_S > expected.now_s {
        return Err(refuse(700_024, "Client assertion is not within its valid time range."));
    }
    if claims["jti"].as_str().is_none_or(str::is_empty) {
        return Err(refuse(50_027, "`jti` is missing."));
    }
    Ok(())
}

fn decode_json(part: &str) -> Option<Value> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()
}

fn refuse(number: u32, message: &str) -> Box<Answer> {
    Box::new(sign_in_error(401, "invalid_client", number, message))
}

/// Gives the content of a PEM text.
///
/// # Panics
/// The text is no PEM.
pub fn der(pem: &str) -> Vec<u8> {
    let base64: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
    STANDARD.decode(base64).expect("the text is PEM")
}
