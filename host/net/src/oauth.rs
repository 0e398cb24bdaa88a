//! OAuth 2.0: how a client or a service account proves who it is, and the token that it gets for it (RFC 6749, 4.4,
//! and RFC 7523).
//!
//! There is no refresh token in these grants. A token is kept, renewed some minutes before its end, and asked for anew
//! once where a server says 401 to it.

use std::sync::Arc;

use rollcall_core::Secret;
use rollcall_edges::clock::{Clock, Instant};
use serde::Deserialize;
use tokio::sync::Mutex;
use url::Url;

use crate::assertion::{Claims, Signer};
use crate::credential::Credential;
use crate::denial::{self, Asked};
use crate::error::NetError;
use crate::limits;
use crate::scrub::Scrubber;
use crate::service_account::ServiceAccount;
use crate::wire::{Request, Wire};

/// What a token is asked for, and how.
#[derive(Clone, Debug)]
pub struct OAuth {
    /// The token endpoint, exactly as the assertion's audience names it.
    pub token_url: Url,
    /// What for.
    pub scope: String,
    /// Who asks, and with what proof.
    pub flow: Flow,
}

/// Who asks for a token.
#[derive(Clone, Debug)]
pub enum Flow {
    /// A client for itself: client credentials.
    ClientCredentials {
        /// Who asks.
        client_id: String,
        /// The proof.
        proof: Proof,
    },
    /// A Google service account, with domain-wide delegation for somebody else.
    ServiceAccount {
        /// The JSON key.
        key: Credential,
        /// The user for whom it acts.
        subject: String,
    },
}

/// How a client proves who it is.
#[derive(Clone, Debug)]
pub enum Proof {
    /// A shared secret.
    Secret(Secret),
    /// An assertion that is signed with a certificate's key.
    Certificate {
        /// The certificate in PEM.
        certificate: Credential,
        /// Its private key in PEM: PKCS#8 or PKCS#1, RSA.
        private_key: Credential,
        /// How it signs.
        algorithm: Algorithm,
    },
    /// An assertion that is signed with a key of which the server has the public half (`private_key_jwt`).
    Key {
        /// The private key in PEM: PKCS#8 or PKCS#1, RSA.
        private_key: Credential,
        /// The key's id at the server, where it has several.
        key_id: Option<String>,
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

/// Who asks, ready to prove it.
enum Prover {
    /// With a shared secret.
    Secret { client_id: String, secret: Secret },
    /// With a signed assertion.
    Client { client_id: String, signer: Signer },
    /// With a signed assertion that is the grant itself.
    Account { account: ServiceAccount, subject: String },
}

/// Where the tokens of one login come from.
pub(crate) struct Tokens {
    token_url: Url,
    scope: String,
    prover: Prover,
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

impl Flow {
    /// Reads certificates and keys.
    fn prover(self, scrubber: &Scrubber) -> Result<Prover, NetError> {
        let (client_id, proof) = match self {
            Self::ClientCredentials { client_id, proof } => (client_id, proof),
            Self::ServiceAccount { key, subject } => {
                return Ok(Prover::Account { account: ServiceAccount::read(&key, scrubber)?, subject });
            }
        };
        let signer = match proof {
            Proof::Secret(secret) => {
                scrubber.add(&secret);
                return Ok(Prover::Secret { client_id, secret });
            }
            Proof::Certificate { certificate, private_key, algorithm } => {
                scrubber.add(&private_key.value);
                Signer::certified(&certificate, &private_key, algorithm)?
            }
            Proof::Key { private_key, key_id } => {
                scrubber.add(&private_key.value);
                Signer::keyed(&private_key, private_key.value.expose(), key_id.as_deref())?
            }
        };
        Ok(Prover::Client { client_id, signer })
    }

    /// Says whether certificates and keys can be used, without asking anybody.
    pub(crate) fn check(self) -> Result<(), NetError> {
        self.prover(&Scrubber::default()).map(drop)
    }
}

impl Tokens {
    pub(crate) fn new(
        OAuth { token_url, scope, flow }: OAuth,
        wire: Arc<dyn Wire>,
        clock: Arc<dyn Clock>,
        scrubber: Scrubber,
    ) -> Result<Self, NetError> {
        let prover = flow.prover(&scrubber)?;
        Ok(Self { token_url, scope, prover, wire, clock, scrubber, held: Mutex::new(None) })
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
        let token_url = &self.token_url;
        let mut request = Request::new("POST", token_url.clone())
            .header("content-type", "application/x-www-form-urlencoded")
            .header("accept", "application/json")
            .body(self.form(now)?);
        request.repeatable = true;
        let mut answer = self.wire.send(request).await?;
        let body = answer.read_all(limits::TOKEN_ANSWER_BYTES).await?;
        let host = token_url.host_str().unwrap_or("the token endpoint");
        if answer.status != 200 {
            let delegated = matches!(self.prover, Prover::Account { .. });
            let asked = Asked { host, scope: &self.scope, delegated };
            return Err(denial::explain(answer.status, &body, &asked, &self.scrubber));
        }
        self.read(&body, host, now)
    }

    fn form(&self, now: Instant) -> Result<String, NetError> {
        let audience = self.token_url.as_str();
        let mut form = url::form_urlencoded::Serializer::new(String::new());
        let client_id = match &self.prover {
            Prover::Account { account, subject } => {
                let claims = Claims { issuer: &account.email, subject, audience, scope: Some(&self.scope) };
                form.append_pair("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer");
                form.append_pair("assertion", account.signer.sign(&claims, now)?.expose());
                return Ok(form.finish());
            }
            Prover::Secret { client_id, .. } | Prover::Client { client_id, .. } => client_id,
        };
        form.append_pair("grant_type", "client_credentials");
        form.append_pair("client_id", client_id);
        form.append_pair("scope", &self.scope);
        if let Prover::Secret { secret, .. } = &self.prover {
            form.append_pair("client_secret", secret.expose());
        }
        if let Prover::Client { signer, .. } = &self.prover {
            let claims = Claims { issuer: client_id, subject: client_id, audience, scope: None };
            form.append_pair(
                "client_assertion_type",
                "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            );
            form.append_pair("client_assertion", signer.sign(&claims, now)?.expose());
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
