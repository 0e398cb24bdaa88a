//! The JSON key of a Google service account: who it is and the key that it signs with.
//!
//! The file holds URLs too (`token_uri`, `auth_uri`, …). They are ignored: where a secret goes is said by manifest and
//! job, never by the secret.

use rollcall_core::Secret;
use serde::Deserialize;

use crate::assertion::Signer;
use crate::credential::Credential;
use crate::error::NetError;
use crate::scrub::Scrubber;

/// A service account that can sign.
pub(crate) struct ServiceAccount {
    /// Its e-mail address, the issuer of its assertions.
    pub(crate) email: String,
    pub(crate) signer: Signer,
}

#[derive(Deserialize)]
struct KeyFile {
    #[serde(default, rename = "type")]
    kind: String,
    #[serde(default)]
    client_email: String,
    #[serde(default)]
    private_key: String,
    #[serde(default)]
    private_key_id: String,
}

impl ServiceAccount {
    /// Reads the key.
    ///
    /// # Errors
    ///
    /// [`NetError::Invalid`] that says what it lacks and nothing of what it holds.
    pub(crate) fn read(key: &Credential, scrubber: &Scrubber) -> Result<Self, NetError> {
        let name = &key.name;
        let again = "download a key of the kind JSON under `IAM & Admin` > `Service Accounts` > `Keys`";
        // The parser's own words would quote the file.
        let file: KeyFile = serde_json::from_str(key.value.expose()).map_err(|_| {
            key.invalid(&format!("the credential `{name}` is not the JSON key of a service account"), again)
        })?;
        if !file.kind.is_empty() && file.kind != "service_account" {
            let message = format!("the credential `{name}` is a key of another kind than `service_account`");
            return Err(key.invalid(&message, again));
        }
        for (field, value) in [("client_email", &file.client_email), ("private_key", &file.private_key)] {
            if value.is_empty() {
                return Err(key.invalid(&format!("the credential `{name}` lacks `{field}`"), again));
            }
        }
        scrubber.add(&Secret::new(file.private_key.as_str()));
        let key_id = Some(file.private_key_id.as_str()).filter(|id| !id.is_empty());
        Ok(Self { signer: Signer::keyed(key, &file.private_key, key_id)?, email: file.client_email })
    }
}
