//! `POST /token`: the JWT bearer grant of a service account with domain-wide delegation.

use std::collections::BTreeSet;

use serde_json::json;

use super::world::{Granted, World};
use crate::web::jwt::{Expected, verify};
use crate::web::{Answer, Request};

const GRANT: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

pub(super) fn grant(world: &mut World, request: &Request) -> Answer {
    match check(world, request) {
        Ok(granted) => issue(world, granted),
        Err(refused) => *refused,
    }
}

fn check(world: &World, request: &Request) -> Result<Granted, Box<Answer>> {
    let config = &world.config;
    if request.field("grant_type").as_deref() != Some(GRANT) {
        return Err(refuse(400, "unsupported_grant_type", "Invalid grant_type"));
    }
    let assertion = request.field("assertion").unwrap_or_default();
    let audience = format!("{}/token", request.origin());
    // Whoever is named may be somebody that the account does not have, which is another mistake.
    let subject = crate::web::jwt::Assertion::parse(&assertion)
        .and_then(|parsed| parsed.claims["sub"].as_str().map(str::to_owned))
        .unwrap_or_default();
    let expected = Expected {
        key: &config.public_key,
        key_id: config.key_id.as_deref(),
        issuer: &config.client_email,
        subject: &subject,
        audience: &audience,
        now_s: world.now_ms / 1000,
    };
    let claims = verify(&assertion, &expected).map_err(|claim| match claim {
        "signature" => refuse(400, "invalid_grant", "Invalid JWT Signature."),
        "iat" | "exp" => refuse(400, "invalid_grant", "Invalid JWT: Token must be a short-lived token"),
        claim => refuse(400, "invalid_grant", &format!("Invalid JWT: `{claim}`")),
    })?;
    if subject != config.admin && !world.account.users.values().any(|user| user["primaryEmail"] == *subject) {
        return Err(refuse(400, "invalid_grant", "Invalid email or User ID"));
    }
    let scopes: BTreeSet<String> =
        claims["scope"].as_str().unwrap_or_default().split_whitespace().map(str::to_owned).collect();
    if scopes.is_empty() || !scopes.is_subset(&config.delegated) {
        let message = "Client is unauthorized to retrieve access tokens using this method, or client not authorized \
                       for any of the scopes requested.";
        return Err(refuse(401, "unauthorized_client", message));
    }
    Ok(Granted { scopes, is_admin: subject == config.admin })
}

fn issue(world: &mut World, granted: Granted) -> Answer {
    let token = format!("ya29.simulated.{:08}.9e3779b97f4a7c15", world.journal.issued.len());
    world.tokens.insert(token.clone(), granted);
    world.journal.issued.push(token.clone());
    let body = json!({"access_token": token, "expires_in": 3599, "token_type": "Bearer"});
    Answer::of(200, "application/json; charset=utf-8", body.to_string())
}

fn refuse(status: u16, error: &str, description: &str) -> Box<Answer> {
    let body = json!({"error": error, "error_description": description});
    Box::new(Answer::of(status, "application/json; charset=utf-8", body.to_string()))
}
