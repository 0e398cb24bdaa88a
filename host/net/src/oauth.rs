//! OAuth 2.0 client credentials (RFC 6749, 4.4): how a client proves who it is, and the token that it gets for it.
//!
//! There is no refresh token in this grant. A token is kept, renewed some minutes before its end, and asked for anew
//! once where a server says 401 to it.

use std::sync::Arc;

use rollcall_core::Secret;
use rollcall_edges::clock::{Clock, Instant};
use serde::Deserialize;
use tokio::sync::Mutex;
use url::Url;

use crate::assertion::Signer;
use crate::denial;
use crate::error::NetError;
use crate::limits;
use crate::scrub::Scrubber;
use crate::wire::{Request, Wire};

/// What a token is asked for, and with what proof.
#[derive(Clone, Debug)]
pub struct ClientCredentials {
    /// The token endpoint, exactly as the assertion's audience names it.
    pub token_url: Url,
    /// Who asks.
    pub client_id: String,
    /// What for.
    pub scope: String,
    /// The proof.
    pub proof: Proof,
}

/// How a client proves who it is.
#[derive(Clone, Debug)]
pub enum Proof {
    /// A shared secret.
    Secret(Secret),
    /// A signed assertion.
    Certificate {
        /// The certificate in PEM.
        certificate: Secret,
        /// Its private key in PEM: PKCS#8 or PKCS#1, RSA.
        private_key: Secret,
        /// How it signs.
        algorithm: Algorithm,
    },
}

/// How an assertion is signed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Algorithm {
    /// RSASSA-PSS with SHA-256, the certificate named by its SHA-256.
    #[default]
    Ps256,
    /// RSASSA-PKCS1-v1_5 with SHA-256, the certificate named by its SHA-1. For certificates with which Entra
    /// answers AADSTS5002730 to PS256 (a workaround known from MSAL.NET 4.60.1).
    Rs256,
}

impl Algorithm {
    /// Reads `PS256` or `RS256`.
    pub fn named(text: &str) -> Option<Self> {
        match text {
            "PS256" => Some(Self::Ps256),
            "RS256" => Some(Self::Rs256),
            _ => None,
        }
    }
}

/// A token and when to get the next one.
struct Token {
    token: Secret,
    renew: Instant,
    end: Instant,
}

/// Where the tokens of one login come from.
pub(crate) struct Tokens {
    credentials: ClientCredentials,
    signer: Option<Signer>,
    wire: Arc<dyn Wire>,
    clock: Arc<dyn Clock>,
    scrubber: Scrubber,
    held: Mutex<Option<Token>>,
}

#[derive(Deserialize)]
struct Granted {
    access_token: String,
    #[serde(default)]
    token_type: String,
    #[serde(default)]
    expires_in: serde_json::Value,
}

impl Tokens {
    pub(crate) fn new(
        credentials: ClientCredentials,
        wire: Arc<dyn Wire>,
        clock: Arc<dyn Clock>,
        scrubber: Scrubber,
    ) -> Result<Self, NetError> {
        let signer = match &credentials.proof {
            Proof::Secret(secret) => {
                scrubber.add(secret);
                None
            }
            Proof::Certificate { certificate, private_key, algorithm } => {
                Some(Signer::new(certificate, private_key, *algorithm)?)
            }
        };
        Ok(Self { credentials, signer, wire, clock, scrubber, held: Mutex::new(None) })
    }

    /// Gives a token; another one than `refused`, which a server has said 401 to.
    pub(crate) async fn token(&self, refused: Option<&Secret>) -> Result<Secret, NetError> {
        // The lock is held while asking, so that many requests at once ask for one token.
        let mut held = self.held.lock().await;
        let now = self.clock.now();
        let old = held.take().filter(|old| Some(&old.token) != refused && now < old.end);
        if let Some(old) = old {
            if now < old.renew {
                return Ok(held.insert(old).token.clone());
            }
            return match self.ask(now).await {
                Ok(new) => Ok(held.insert(new).token.clone()),
                // The old one is good for some minutes yet, and by then the endpoint may answer again.
                Err(error) if error.is_transient() => {
                    tracing::warn!(%error, "the token could not be renewed; the old one is still valid");
                    Ok(held.insert(old).token.clone())
                }
                Err(error) => Err(error),
            };
        }
        Ok(held.insert(self.ask(now).await?).token.clone())
    }

    async fn ask(&self, now: Instant) -> Result<Token, NetError> {
        let token_url = &self.credentials.token_url;
        let mut request = Request::new("POST", token_url.clone())
            .header("content-type", "application/x-www-form-urlencoded")
            .header("accept", "application/json")
            .body(self.form(now)?);
        request.repeatable = true;
        let mut answer = self.wire.send(request).await?;
        let body = answer.read_all(limits::TOKEN_ANSWER_BYTES).await?;
        let host = token_url.host_str().unwrap_or("the token endpoint");
        if answer.status != 200 {
            return Err(denial::explain(answer.status, &body, host, &self.scrubber));
        }
        self.read(&body, host, now)
    }

    fn form(&self, now: Instant) -> Result<String, NetError> {
        let ClientCredentials { token_url, client_id, scope, proof } = &self.credentials;
        let mut form = url::form_urlencoded::Serializer::new(String::new());
        form.append_pair("grant_type", "client_credentials");
        form.append_pair("client_id", client_id);
        form.append_pair("scope", scope);
        if let Some(signer) = &self.signer {
            let assertion = signer.sign(client_id, token_url.as_str(), now)?;
            form.append_pair(
                "client_assertion_type",
                "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            );
            form.append_pair("client_assertion", assertion.expose());
        } else if let Proof::Secret(secret) = proof {
            form.append_pair("client_secret", secret.expose());
        }
        Ok(form.finish())
    }

    fn read(&self, body: &[u8], host: &str, now: Instant) -> Result<Token, NetError> {
        let malformed = |said: &str| NetError::Denied {
            message: format!("`{host}` answers the sign-in with {said}"),
            hint: Some("is the sign-in URL that of a token endpoint?".to_owned()),
        };
        let granted: Granted =
            serde_json::from_slice(body).map_err(|_| malformed("something that is no token"))?;
        let bearer = granted.token_type.is_empty() || granted.token_type.eq_ignore_ascii_case("bearer");
        let plain = granted.access_token.bytes().all(|byte| byte.is_ascii_graphic());
        if !bearer
            || !plain
            || granted.access_token.is_empty()
            || granted.access_token.len() > limits::TOKEN_BYTES
        {
            return Err(malformed("a token that cannot be used"));
        }
        // A number by the standard; older endpoints of Microsoft gave it as text.
        let seconds = match &granted.expires_in {
            serde_json::Value::Number(number) => number.as_i64(),
            serde_json::Value::String(text) => text.parse().ok(),
            _ => None,
        };
        let lives_ms = seconds.unwrap_or(3600).clamp(1, 24 * 3600) * 1000;
        let token = Secret::new(granted.access_token);
        self.scrubber.add(&token);
        tracing::debug!(host, lives_ms, "signed in");
        let early_ms = limits::TOKEN_RENEWAL_MS.min(lives_ms / 2);
        Ok(Token { token, renew: Instant(now.0 + lives_ms - early_ms), end: Instant(now.0 + lives_ms) })
    }
}
