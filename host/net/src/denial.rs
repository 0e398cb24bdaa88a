//! What a token endpoint means when it says no (RFC 6749, 5.2), with hints for the numbers of Entra ID.
//!
//! Microsoft says to branch on `error` and not on texts or numbers; the numbers serve for the hints only.

use serde::Deserialize;

use crate::error::NetError;
use crate::scrub::Scrubber;

/// The body of a refusal.
#[derive(Debug, Default, Deserialize)]
struct Refusal {
    #[serde(default)]
    error: String,
    #[serde(default)]
    error_description: String,
    #[serde(default)]
    error_codes: Vec<u32>,
}

/// Explains an answer of a token endpoint that is no token.
pub(crate) fn explain(status: u16, body: &[u8], host: &str, scrubber: &Scrubber) -> NetError {
    if (300..400).contains(&status) {
        let message = format!("`{host}` redirects the sign-in, which is not followed");
        return NetError::Denied { message, hint: Some("is the sign-in URL complete and right?".to_owned()) };
    }
    let refusal: Refusal = serde_json::from_slice(body).unwrap_or_default();
    let later = matches!(refusal.error.as_str(), "temporarily_unavailable" | "server_error");
    if status >= 500 || status == 429 || later {
        let message = format!("`{host}` could not sign in now: it answers with {status}");
        return NetError::Busy { status, message, retry_after_ms: None };
    }
    if refusal.error.is_empty() {
        let message = format!("`{host}` refused the sign-in with {status} and no reason");
        return NetError::Denied {
            message,
            hint: Some("is the sign-in URL that of a token endpoint?".to_owned()),
        };
    }
    let code = refusal.error_codes.first().copied().or_else(|| code_within(&refusal.error_description));
    let described = first_line(&scrubber.redact(&refusal.error_description));
    let described = if described.is_empty() { String::new() } else { format!(": {described}") };
    let message = format!("`{host}` refused the sign-in with `{}`{described}", first_line(&refusal.error));
    let hint = code.and_then(hint_of_code).or_else(|| hint_of_error(&refusal.error)).map(str::to_owned);
    NetError::Denied { message, hint }
}

/// Gives the first line of a text, without control characters and not too long.
fn first_line(text: &str) -> String {
    let line = text.lines().next().unwrap_or("").trim().trim_end_matches('.');
    line.chars().filter(|letter| !letter.is_control()).take(300).collect()
}

/// Finds the number in `AADSTS7000215: Invalid client secret …`.
fn code_within(description: &str) -> Option<u32> {
    let (_, rest) = description.split_once("AADSTS")?;
    let digits: String = rest.chars().take_while(char::is_ascii_digit).take(9).collect();
    digits.parse().ok()
}

/// Numbers of learn.microsoft.com, "Microsoft Entra authentication and authorization error codes", and issues.
fn hint_of_code(code: u32) -> Option<&'static str> {
    Some(match code {
        7_000_215 => {
            "the client secret is wrong: take the secret's value, which the app registration shows once, and not its ID"
        }
        7_000_222 => {
            "the client secret has expired: make a new one under `Certificates & secrets` of the app registration"
        }
        700_016 => {
            "no such app registration in this tenant: compare `client_id` and `tenant_id` with its overview page"
        }
        700_027 => {
            "the certificate is not among those of the app registration: upload it, or use the one that is there"
        }
        5_002_730 => "Entra ID cannot take this certificate with PS256: sign with `RS256`",
        90_002 | 90_013 => "there is no such tenant in this cloud: check `tenant_id` and `cloud`",
        700_024 => "the assertion was not valid at that time: check this machine's clock",
        700_021 | 700_023 => {
            "the assertion is for another client or endpoint: check `client_id` and the sign-in URL"
        }
        500_011 | 70_011 | 1_002_012 => {
            "the requested scope does not exist in this tenant or cloud: check `cloud`"
        }
        53_003 => "a conditional access policy blocks this app registration: ask the tenant's administrator",
        7_000_112 => "the app registration is disabled: enable it, or ask the tenant's administrator",
        _ => return None,
    })
}

fn hint_of_error(error: &str) -> Option<&'static str> {
    Some(match error {
        "invalid_client" => "check the client's ID and its secret or certificate",
        "unauthorized_client" => "the client is not allowed to sign in by itself (client credentials)",
        "invalid_scope" => "the requested scope does not exist or is not allowed",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(status: u16, body: &str, expect_message: &str, expect_hint: &str) {
        match explain(status, body.as_bytes(), "login.example", &Scrubber::default()) {
            NetError::Denied { message, hint } => {
                assert_eq!(message, expect_message);
                let hint = hint.unwrap_or_default();
                assert!(hint.starts_with(expect_hint), "{hint}");
            }
            error => {
                assert!(error.is_transient(), "{error:?}");
                assert_eq!((error.to_string().as_str(), ""), (expect_message, expect_hint));
            }
        }
    }

    #[test]
    fn refusals_are_explained() {
        check(
            401,
            r#"{"error":"invalid_client","error_description":"AADSTS7000215: Invalid client secret provided.\r\nTrace ID: 1","error_codes":[7000215]}"#,
            "`login.example` refused the sign-in with `invalid_client`: AADSTS7000215: Invalid client secret provided",
            "the client secret is wrong",
        );
        check(
            400,
            r#"{"error":"unauthorized_client","error_description":"AADSTS700016: Application not found"}"#,
            "`login.example` refused the sign-in with `unauthorized_client`: AADSTS700016: Application not found",
            "no such app registration",
        );
        check(
            401,
            r#"{"error":"invalid_client"}"#,
            "`login.example` refused the sign-in with `invalid_client`",
            "check the client's ID",
        );
        check(
            404,
            "<html>",
            "`login.example` refused the sign-in with 404 and no reason",
            "is the sign-in URL",
        );
        check(302, "", "`login.example` redirects the sign-in, which is not followed", "is the sign-in URL");
        check(503, "", "`login.example` could not sign in now: it answers with 503", "");
        check(
            400,
            r#"{"error":"temporarily_unavailable"}"#,
            "`login.example` could not sign in now: it answers with 400",
            "",
        );
    }
}
