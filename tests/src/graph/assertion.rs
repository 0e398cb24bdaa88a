//! Verifies a client assertion as Entra ID does: the certificate by its thumbprint, and the answers by their numbers.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest;
use serde_json::Value;

use super::answer::sign_in_error;
use crate::web::Answer;
use crate::web::jwt::{Assertion, public_key};

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
    let Some(parsed) = Assertion::parse(assertion) else {
        return Err(refuse(50027, "JWT token is invalid or malformed."));
    };
    check_key(&parsed.head, expected)?;
    check_signature(&parsed, expected)?;
    check_claims(&parsed.claims, expected)
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

fn check_signature(assertion: &Assertion<'_>, expected: &Expected<'_>) -> Result<(), Box<Answer>> {
    if assertion.head["alg"] == "PS256" && !expected.accept_pss {
        return Err(refuse(5_002_730, "Invalid JWT token. Unsupported key for the signing algorithm."));
    }
    match assertion.is_signed_by(&public_key(expected.certificate)) {
        Some(true) => Ok(()),
        Some(false) => Err(refuse(700_027, "Client assertion failed signature validation.")),
        None => Err(refuse(50_027, "JWT token is invalid: the algorithm is not supported.")),
    }
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

fn refuse(number: u32, message: &str) -> Box<Answer> {
    Box::new(sign_in_error(401, "invalid_client", number, message))
}
