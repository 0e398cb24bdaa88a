//! Sessions: a login gives two cookies, and both must come back with every call.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::HeaderMap;
use rollcall_core::{Secret, Text};
use sha2::{Digest, Sha256};

use super::limits::SESSIONS_MAX;

/// Who may log in, and the sessions that are open.
pub(super) struct Sessions {
    /// The digest of `username:password`.
    credential: [u8; 32],
    open: Mutex<VecDeque<Open>>,
    /// How many calls a session lasts.
    calls: Option<u64>,
}

struct Open {
    id: String,
    token: String,
    calls: u64,
}

impl Sessions {
    pub(super) fn new(username: &Text, password: &Secret, calls: Option<u64>) -> Self {
        let credential = Sha256::digest(format!("{username}:{}", password.expose())).into();
        Self { credential, open: Mutex::default(), calls }
    }

    /// Opens a session for a correct Basic credential. Gives the two `Set-Cookie` values.
    pub(super) fn login(&self, headers: &HeaderMap) -> Option<[String; 2]> {
        let basic = headers.get("authorization")?.to_str().ok()?.strip_prefix("Basic ")?;
        let given: [u8; 32] = Sha256::digest(STANDARD.decode(basic).ok()?).into();
        if given != self.credential {
            return None;
        }
        let session = Open { id: random()?, token: random()?, calls: 0 };
        let cookies = [("JSESSIONID", &session.id), ("SDK-Token", &session.token)]
            .map(|(name, value)| format!("{name}={value}; Path=/; Secure; HttpOnly"));
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if open.len() >= SESSIONS_MAX {
            open.pop_front();
        }
        open.push_back(session);
        Some(cookies)
    }

    /// Tells whether a call belongs to an open session, and counts it.
    pub(super) fn admit(&self, headers: &HeaderMap) -> bool {
        let (Some(id), Some(token)) = (cookie(headers, "JSESSIONID"), cookie(headers, "SDK-Token")) else {
            return false;
        };
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(at) = open.iter().position(|session| session.id == id && session.token == token) else {
            return false;
        };
        let Some(session) = open.get_mut(at) else { return false };
        session.calls += 1;
        if self.calls.is_some_and(|most| session.calls > most) {
            open.remove(at);
            return false;
        }
        true
    }

    /// Ends the session of a call.
    pub(super) fn logout(&self, headers: &HeaderMap) {
        let id = cookie(headers, "JSESSIONID");
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.retain(|session| Some(&session.id) != id.as_ref());
    }

    /// How many sessions are open.
    pub(super) fn count(&self) -> usize {
        self.open.lock().unwrap_or_else(PoisonError::into_inner).len()
    }
}

fn cookie(headers: &HeaderMap, name: &str) -> Option<String> {
    let all = headers.get_all("cookie").iter().filter_map(|value| value.to_str().ok());
    let mut pairs = all.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(key, _)| *key == name).map(|(_, value)| value.to_owned())
}

fn random() -> Option<String> {
    let mut bytes = [0_u8; 16];
    getrandom::fill(&mut bytes).ok()?;
    Some(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
