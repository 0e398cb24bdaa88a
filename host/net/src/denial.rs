//! What a token endpoint means when it says no (RFC 6749, 5.2), with hints for the numbers of Entra ID and for what
//! Google and Okta mean by the standard's words.
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

/// What was asked for.
pub(crate) struct Asked<'a> {
    /// The token endpoint's host.
    pub(crate) host: &'a str,
    /// The scopes.
    pub(crate) scope: &'a str,
    /// Whether a service account asked on behalf of somebody.
    pub(crate) delegated: bool,
}

/// Explains an answer of a token endpoint that is no token.
pub(crate) fn explain(status: u16, body: &[u8], asked: &Asked<'_>, scrubber: &Scrubber) -> NetError {
    let host = asked.host;
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
    let hint = code
        .and_then(hint_of_code)
        .map(str::to_owned)
        .or_else(|| hint_of_delegation(&refusal.error, asked))
        .or_else(|| hint_of_error(&refusal.error, asked.scope));
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

/// What Google means, where a service account acts for an administrator.
fn hint_of_delegation(error: &str, asked: &Asked<'_>) -> Option<String> {
    if !asked.delegated {
        return None;
    }
    let delegation = "Admin console > Security > API controls > Domain-wide delegation";
    Some(match error {
        "unauthorized_client" | "access_denied" | "invalid_scope" => format!(
            "the service account may not act for the administrator with the scope `{}`: enter its client ID with \
             this scope under {delegation}",
            asked.scope
        ),
        "invalid_grant" => {
            "is `admin` the address of an administrator of this domain, is the key still among those of the service \
             account, and is this machine's clock right?"
                .to_owned()
        }
        _ => return None,
    })
}

fn hint_of_error(error: &str, scope: &str) -> Option<String> {
    Some(match error {
        "invalid_client" => "check the client's ID and its secret, certificate or key".to_owned(),
        "unauthorized_client" => {
            "the client is not allowed to sign in by itself (client credentials)".to_owned()
        }
        "invalid_scope" => format!("grant the client what was asked for: `{scope}`"),
        // RFC 9449; Okta switches it on for new apps.
        "invalid_dpop_proof" | "use_dpop_nonce" => {
            "the client demands proof of possession (DPoP), which is not spoken here: switch off `Require Demonstrating \
             Proof of Possession` in the app's general settings"
                .to_owned()
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(status: u16, body: &str, expect_message: &str, expect_hint: &str) {
        check_asked(status, body, false, expect_message, expect_hint);
    }

    fn check_asked(status: u16, body: &str, delegated: bool, expect_message: &str, expect_hint: &str) {
        let asked = Asked { host: "login.example", scope: "users.read", delegated };
        match explain(status, body.as_bytes(), &asked, &Scrubber::default()) {
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

    #[test]
    fn words_of_the_standard_mean_other_things_elsewhere() {
        let said = |error: &str| format!("`login.example` refused the sign-in with `{error}`");
        let check = |error: &str, delegated: bool, expect: &str| {
            check_asked(400, &format!(r#"{{"error":"{error}"}}"#), delegated, &said(error), expect);
        };
        check("invalid_scope", false, "grant the client what was asked for: `users.read`");
        check("invalid_dpop_proof", false, "the client demands proof of possession (DPoP)");
        check("unauthorized_client", false, "the client is not allowed to sign in by itself");
        let delegation = "the service account may not act for the administrator with the scope `users.read`";
        check("unauthorized_client", true, delegation);
        check("invalid_grant", true, "is `admin` the address of an administrator");
    }
}
