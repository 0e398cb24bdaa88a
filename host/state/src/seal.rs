//! Sealing codes with the state's key: XChaCha20-Poly1305, bound to the row that holds them.

use std::io::Read as _;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use chacha20poly1305::aead::{Aead as _, Payload};
use chacha20poly1305::{KeyInit as _, XChaCha20Poly1305, XNonce};
use ring::hmac;
use rollcall_core::Secret;
use rollcall_edges::state::StateError;

use crate::files;
use crate::keyed::Keyed;
use crate::limits::KEY_BYTES;

/// The length of a nonce, in bytes.
const NONCE_BYTES: usize = 24;

/// The state's key.
#[derive(Clone)]
pub(crate) struct Seal {
    codes: XChaCha20Poly1305,
    keyed: Keyed,
    /// What the keys of other purposes are derived from.
    root: hmac::Key,
}

impl Seal {
    /// Reads the key. Where there is none it is drawn, but never beside a ledger: the codes in there were sealed with
    /// the one that is gone.
    pub(crate) fn open(path: &Path, ledger: &Path) -> Result<Self, StateError> {
        // The ledger is looked at first: another process that makes both at this moment makes the key before it.
        let has_ledger = std::fs::metadata(ledger).is_ok_and(|meta| meta.len() > 0);
        if !path.exists() {
            if has_ledger {
                let message = format!(
                    "the key `{}` is gone, and `{}` is sealed with it",
                    path.display(),
                    ledger.display()
                );
                return Err(damaged(&message));
            }
            let mut key = [0u8; KEY_BYTES];
            getrandom::fill(&mut key).map_err(|error| damaged(&format!("no random numbers: {error}")))?;
            files::write_new(path, &key)?;
        }
        let mut key = Vec::new();
        files::private(path)?.read_to_end(&mut key).map_err(|error| files::unusable(path, &error))?;
        if key.len() != KEY_BYTES {
            let message =
                format!("the key `{}` has {} bytes instead of {KEY_BYTES}", path.display(), key.len());
            return Err(damaged(&message));
        }
        let root = hmac::Key::new(hmac::HMAC_SHA256, &key);
        Ok(Self { codes: XChaCha20Poly1305::new(key.as_slice().into()), keyed: Keyed::derive(&key), root })
    }

    /// Derives a key for one purpose.
    pub(crate) fn derived(&self, purpose: &str) -> hmac::Key {
        hmac::Key::new(hmac::HMAC_SHA256, hmac::sign(&self.root, purpose.as_bytes()).as_ref())
    }

    /// Gives the key that authenticates.
    pub(crate) fn keyed(&self) -> &Keyed {
        &self.keyed
    }

    /// Gives what stands for a text wherever it must not stand itself: the same for the same text, and nothing that can
    /// be found out without the key.
    pub(crate) fn pseudonym(&self, text: &str) -> String {
        self.keyed
            .hash("pseudonym", &[text.as_bytes()])
            .iter()
            .take(16)
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }

    /// Seals a code for one row.
    pub(crate) fn seal(&self, code: &Secret, row: &str) -> Result<String, StateError> {
        let mut nonce = [0u8; NONCE_BYTES];
        getrandom::fill(&mut nonce).map_err(|error| damaged(&format!("no random numbers: {error}")))?;
        let payload = Payload { msg: code.expose().as_bytes(), aad: row.as_bytes() };
        let sealed = self
            .codes
            .encrypt(XNonce::from_slice(&nonce), payload)
            .map_err(|_| damaged("a code cannot be sealed"))?;
        Ok(STANDARD_NO_PAD.encode([nonce.as_slice(), &sealed].concat()))
    }

    /// Opens a sealed code of one row.
    pub(crate) fn unseal(&self, text: &str, row: &str) -> Result<Secret, StateError> {
        let wrong = || damaged("a sealed code does not open: the key or the row is another one");
        let bytes = STANDARD_NO_PAD.decode(text).map_err(|_| wrong())?;
        let (nonce, sealed) = bytes.split_at_checked(NONCE_BYTES).ok_or_else(wrong)?;
        let payload = Payload { msg: sealed, aad: row.as_bytes() };
        let plain = self.codes.decrypt(XNonce::from_slice(nonce), payload).map_err(|_| wrong())?;
        String::from_utf8(plain).map(Secret::new).map_err(|_| wrong())
    }
}

/// Says that the state is damaged.
pub(crate) fn damaged(message: &str) -> StateError {
    StateError::Unusable {
        message: format!("the state is damaged: {message}"),
        hint: Some(
            "restore a backup of the state's folder; without it every user that was made becomes unowned"
                .into(),
        ),
    }
}
