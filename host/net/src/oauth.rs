//! OAuth 2.0 client credentials: how a client proves who it is.

use rollcall_core::Secret;
use url::Url;

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
    /// answers AADSTS5002730 to PS256.
    Rs256,
}
