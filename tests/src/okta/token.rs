//! `POST /oauth2/v1/token`: client credentials with `private_key_jwt` and nothing else, as for all `okta.*` scopes.

use std::collections::BTreeSet;

use serde_json::json;

use super::world::World;
use crate::web::jwt::{Expected, verify};
use crate::web::{Answer, Request};

const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

pub(super) fn grant(world: &mut World, request: &Request) -> Answer {
    match check(world, request) {
        Ok(scopes) => issue(world, scopes),
        Err(refused) => *refused,
    }
}

fn check(world: &World, request: &Request) -> Result<BTreeSet<String>, Box<Answer>> {
    let config = &world.config;
    if request.field("grant_type").as_deref() != Some("client_credentials") {
        return Err(refuse(400, "unsupported_grant_type", "The grant type is not supported."));
    }
    if config.demands_dpop && request.header("dpop").is_none() {
        return Err(refuse(400, "invalid_dpop_proof", "The DPoP proof JWT header is missing."));
    }
    let (Some(key), Some(assertion)) = (&config.public_key, request.field("client_assertion")) else {
        let message = "Client Credentials requests to the Org Authorization Server must use the private_key_jwt \
                       token_endpoint_auth_method.";
        return Err(refuse(401, "invalid_client", message));
    };
    if request.field("client_assertion_type").as_deref() != Some(ASSERTION_TYPE) {
        return Err(refuse(401, "invalid_client", "The client_assertion_type is invalid."));
    }
    let audience = format!("{}/oauth2/v1/token", request.origin());
    let expected = Expected {
        key,
        key_id: config.key_id.as_deref(),
        issuer: &config.client_id,
        subject: &config.client_id,
        audience: &audience,
        now_s: world.now_ms / 1000,
    };
    verify(&assertion, &expected).map_err(|claim| {
        refuse(401, "invalid_client", &format!("The client_assertion is invalid: `{claim}`."))
    })?;
    let asked: BTreeSet<String> =
        request.field("scope").unwrap_or_default().split_whitespace().map(str::to_owned).collect();
    if asked.is_empty() || !asked.is_subset(&config.scopes) {
        let missing: Vec<_> = asked.difference(&config.scopes).cloned().collect();
        let message = format!("The app was not granted these scopes: {}.", missing.join(" "));
        return Err(refuse(400, "invalid_scope", &message));
    }
    Ok(asked)
}

fn issue(world: &mut World, scopes: BTreeSet<String>) -> Answer {
    let token = format!("okta.access-token.{:08}.9e3779b97f4a7c15", world.journal.issued.len());
    let scope = scopes.iter().cloned().collect::<Vec<_>>().join(" ");
    world.tokens.insert(token.clone(), scopes);
    world.journal.issued.push(token.clone());
    let body = json!({"token_type": "Bearer", "expires_in": 3600, "access_token": token, "scope": scope});
    Answer::of(200, "application/json", body.to_string())
}

fn refuse(status: u16, error: &str, description: &str) -> Box<Answer> {
    let body = json!({"error": error, "error_description": description});
    Box::new(Answer::of(status, "application/json", body.to_string()))
}
