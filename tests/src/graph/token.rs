//! The token endpoint: OAuth 2.0 client credentials with a secret or a certificate assertion.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::json;

use super::answer::sign_in_error;
use super::assertion::{Expected, verify};
use super::world::World;
use crate::web::Answer;

const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// Answers `POST /{tenant}/oauth2/v2.0/token`.
pub(super) fn grant(world: &mut World, tenant: &str, origin: &str, body: &str) -> Answer {
    match check(world, tenant, origin, body) {
        Ok(()) => issue(world),
        Err(refused) => *refused,
    }
}

fn check(world: &World, tenant: &str, origin: &str, body: &str) -> Result<(), Box<Answer>> {
    let form: BTreeMap<_, _> = url::form_urlencoded::parse(body.as_bytes()).collect();
    let field = |name: &str| form.get(name).map(|value| &**value);
    let config = &world.config;
    let refuse =
        |status, error, number, message: &str| Err(Box::new(sign_in_error(status, error, number, message)));

    if !config.tenants.iter().any(|known| known == tenant) {
        let message =
            format!("Tenant '{tenant}' not found. Check to make sure you have the correct tenant ID.");
        return refuse(400, "invalid_request", 90002, &message);
    }
    if field("grant_type") != Some("client_credentials") {
        return refuse(400, "unsupported_grant_type", 70003, "The app requested an unsupported grant type.");
    }
    if field("client_id") != Some(&config.client_id) {
        let message = format!(
            "Application with identifier '{}' was not found in the directory '{tenant}'.",
            field("client_id").unwrap_or_default()
        );
        return refuse(400, "unauthorized_client", 700_016, &message);
    }
    let scope = field("scope").unwrap_or_default();
    let roots = [
        origin,
        "https://graph.microsoft.com",
        "https://graph.microsoft.us",
        "https://microsoftgraph.chinacloudapi.cn",
    ];
    if !roots.iter().any(|root| scope == format!("{root}/.default")) {
        let message = format!(
            "The provided value for scope {scope} is not valid. Client credential flows must have a scope value with /.default suffixed to the resource identifier."
        );
        return refuse(400, "invalid_scope", 1_002_012, &message);
    }
    if let Some(assertion) = field("client_assertion") {
        if field("client_assertion_type") != Some(ASSERTION_TYPE) {
            return refuse(401, "invalid_client", 7_000_218, "'client_assertion_type' is not valid.");
        }
        let Some(certificate) = &config.certificate else {
            return refuse(
                401,
                "invalid_client",
                700_027,
                "No certificate is registered on the application.",
            );
        };
        let audience = format!("{origin}/{tenant}/oauth2/v2.0/token");
        let now_s = world.now_ms() / 1000;
        let expected = Expected {
            certificate,
            client_id: &config.client_id,
            audience: &audience,
            now_s,
            accept_pss: config.accept_pss,
        };
        return verify(assertion, &expected);
    }
    match field("client_secret") {
        None => refuse(
            401,
            "invalid_client",
            7_000_218,
            "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.",
        ),
        Some(secret) if config.expired_secret.as_deref() == Some(secret) => refuse(
            401,
            "invalid_client",
            7_000_222,
            "The provided client secret keys for the app are expired.",
        ),
        Some(secret) if secret != config.client_secret => refuse(
            401,
            "invalid_client",
            7_000_215,
            "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the client secret ID.",
        ),
        Some(_) => Ok(()),
    }
}

fn issue(world: &mut World) -> Answer {
    let token = format!(
        "simulated.access-token.{:08}.{:016x}",
        world.journal.issued.len(),
        0x9e37_79b9_7f4a_7c15_u64
    );
    let lifetime = Duration::from_secs(world.config.token_seconds);
    world.tokens.insert(token.clone(), Instant::now() + lifetime);
    world.journal.issued.push(token.clone());
    let body = json!({
        "token_type": "Bearer",
        "expires_in": world.config.token_seconds,
        "ext_expires_in": world.config.token_seconds,
        "access_token": token,
    });
    let mut answer = Answer { content_type: "application/json; charset=utf-8", ..Answer::json(200, &body) };
    answer.headers.push(("Cache-Control".to_owned(), "no-store, no-cache".to_owned()));
    answer
}

pub(super) fn wall_clock_ms() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
