//! Keeps what the host injected out of what comes back.
//!
//! A server that echoes a request, or an attacker who makes one do so, would hand the token to the connector. So
//! every answer is searched for every secret and token, plain and in the usual encodings, also across the borders of
//! chunks; nothing of a secret is handed over before the search is past it.

use std::sync::{Arc, PoisonError, RwLock};

use aho_corasick::{AhoCorasick, MatchKind};
use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use rollcall_core::Secret;

use crate::error::NetError;
use crate::limits;
use crate::wire::{Body, Response};

/// The secrets and tokens that must not come back. Clones share one set.
#[derive(Clone, Default)]
pub struct Scrubber {
    set: Arc<RwLock<Set>>,
}

#[derive(Default)]
struct Set {
    forms: Vec<String>,
    search: Option<Arc<Search>>,
}

struct Search {
    automaton: AhoCorasick,
    longest: usize,
}

impl Scrubber {
    /// Adds a secret. One shorter than [`limits::SECRET_BYTES`] is not looked for: it would be found by chance.
    pub fn add(&self, secret: &Secret) {
        let secret = secret.expose();
        if secret.len() < limits::SECRET_BYTES {
            return;
        }
        let mut set = self.set.write().unwrap_or_else(PoisonError::into_inner);
        for form in forms(secret) {
            if !set.forms.contains(&form) {
                set.forms.push(form);
            }
        }
        let longest = set.forms.iter().map(String::len).max().unwrap_or(0);
        let built = AhoCorasick::builder().match_kind(MatchKind::LeftmostLongest).build(&set.forms);
        match built {
            Ok(automaton) => set.search = Some(Arc::new(Search { automaton, longest })),
            // Only absurdly many or long secrets get here; the search as it stood goes on.
            Err(error) => tracing::error!(%error, "a secret cannot be looked for"),
        }
    }

    /// Says whether bytes hold a secret.
    pub fn finds(&self, bytes: &[u8]) -> bool {
        self.search().is_some_and(|search| search.automaton.is_match(bytes))
    }

    /// Replaces every secret in a text with `(removed)`.
    pub fn redact(&self, text: &str) -> String {
        match self.search() {
            None => text.to_owned(),
            Some(search) => search.automaton.replace_all_with_owned(text),
        }
    }

    /// Searches a response: its headers at once, its body as it is pulled.
    ///
    /// # Errors
    ///
    /// [`NetError::Denied`] where a header holds a secret; so does the body's `chunk`.
    pub(crate) fn watch(&self, mut response: Response, about: String) -> Result<Response, NetError> {
        let Some(search) = self.search() else { return Ok(response) };
        for (name, value) in &response.headers {
            if search.automaton.is_match(name) || search.automaton.is_match(value) {
                return Err(came_back(&about));
            }
        }
        response.body =
            Box::new(Watched { inner: response.body, search, about, held: Vec::new(), ended: false });
        Ok(response)
    }

    fn search(&self) -> Option<Arc<Search>> {
        self.set.read().unwrap_or_else(PoisonError::into_inner).search.clone()
    }
}

trait ReplaceAll {
    fn replace_all_with_owned(&self, text: &str) -> String;
}

impl ReplaceAll for AhoCorasick {
    fn replace_all_with_owned(&self, text: &str) -> String {
        let mut redacted = String::with_capacity(text.len());
        self.replace_all_with(text, &mut redacted, |_, _, out| {
            out.push_str("(removed)");
            true
        });
        redacted
    }
}

fn came_back(about: &str) -> NetError {
    NetError::Denied {
        message: format!("the answer to `{about}` holds a secret that was sent with the request"),
        hint: Some(
            "nothing of it was handed to the connector; find out who echoes it, then replace the secret"
                .to_owned(),
        ),
    }
}

/// A body that is searched. The last bytes wait until it is sure that no secret begins in them.
struct Watched {
    inner: Box<dyn Body>,
    search: Arc<Search>,
    about: String,
    held: Vec<u8>,
    ended: bool,
}

#[async_trait]
impl Body for Watched {
    async fn chunk(&mut self) -> Result<Option<Vec<u8>>, NetError> {
        while !self.ended {
            let Some(chunk) = self.inner.chunk().await? else {
                self.ended = true;
                break;
            };
            self.held.extend_from_slice(&chunk);
            if self.search.automaton.is_match(&self.held) {
                self.ended = true;
                self.held.clear();
                return Err(came_back(&self.about));
            }
            let keep = self.search.longest.saturating_sub(1);
            if self.held.len() > keep {
                let kept = self.held.split_off(self.held.len() - keep);
                return Ok(Some(std::mem::replace(&mut self.held, kept)));
            }
        }
        let rest = std::mem::take(&mut self.held);
        Ok(if rest.is_empty() { None } else { Some(rest) })
    }
}

/// Gives a secret in every form in which it may come back.
fn forms(secret: &str) -> Vec<String> {
    let mut forms = vec![secret.to_owned()];
    let escaped = serde_json::Value::String(secret.to_owned()).to_string();
    forms.push(escaped.trim_matches('"').to_owned());
    forms.push(escaped.trim_matches('"').replace('/', "\\/"));
    let form: String = url::form_urlencoded::byte_serialize(secret.as_bytes()).collect();
    forms.push(form.replace('+', "%20"));
    forms.push(lower_escapes(&form));
    forms.push(form);
    forms.push(percent(secret));
    // Within a longer text in base64 a secret has one of three looks, by where it begins.
    for offset in 0..3 {
        forms.extend(within_base64(secret.as_bytes(), offset));
    }
    forms.retain(|form| form.len() >= limits::SECRET_BYTES);
    forms.sort();
    forms.dedup();
    forms
}

/// Gives the base64 characters that a secret alone decides when `offset` bytes stand before it, in both alphabets.
fn within_base64(secret: &[u8], offset: usize) -> [String; 2] {
    let mut bytes = vec![0; offset];
    bytes.extend_from_slice(secret);
    let (from, to) = ((offset * 8).div_ceil(6), bytes.len() * 8 / 6);
    [STANDARD_NO_PAD.encode(&bytes), URL_SAFE_NO_PAD.encode(&bytes)]
        .map(|text| text.get(from..to).unwrap_or_default().to_owned())
}

/// Percent-encodes as JavaScript's `encodeURIComponent` does: it leaves `!~'()` alone.
fn percent(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z'
            | b'a'..=b'z'
            | b'0'..=b'9'
            | b'-'
            | b'_'
            | b'.'
            | b'!'
            | b'~'
            | b'*'
            | b'\''
            | b'('
            | b')' => {
                encoded.push(char::from(byte));
            }
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}

fn lower_escapes(text: &str) -> String {
    let mut lowered = String::with_capacity(text.len());
    let mut escape = 0;
    for letter in text.chars() {
        escape = if letter == '%' { 3 } else { escape };
        lowered.push(if escape > 0 { letter.to_ascii_lowercase() } else { letter });
        escape = if escape > 0 { escape - 1 } else { 0 };
    }
    lowered
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::engine::general_purpose::STANDARD;

    const SECRET: &str = "s3cr~t/+\"va lue";

    struct Chunks(Vec<Vec<u8>>);

    #[async_trait]
    impl Body for Chunks {
        async fn chunk(&mut self) -> Result<Option<Vec<u8>>, NetError> {
            Ok(if self.0.is_empty() { None } else { Some(self.0.remove(0)) })
        }
    }

    fn scrubber() -> Scrubber {
        let scrubber = Scrubber::default();
        scrubber.add(&Secret::new(SECRET));
        scrubber
    }

    async fn read(body: &[u8], size: usize) -> (Vec<u8>, Result<(), NetError>) {
        let chunks = Chunks(body.chunks(size).map(<[u8]>::to_vec).collect());
        let response = Response { status: 200, headers: Vec::new(), body: Box::new(chunks) };
        let mut watched = scrubber().watch(response, "GET https://x.example/".to_owned()).unwrap();
        let mut out = Vec::new();
        loop {
            match watched.body.chunk().await {
                Ok(Some(chunk)) => out.extend(chunk),
                Ok(None) => return (out, Ok(())),
                Err(error) => return (out, Err(error)),
            }
        }
    }

    #[tokio::test]
    async fn a_body_without_secrets_passes_whole() {
        let body: Vec<u8> = (0..5000_u32).flat_map(u32::to_le_bytes).collect();
        for size in [1, 7, 4096, 100_000] {
            let (out, end) = read(&body, size).await;
            assert!(end.is_ok());
            assert_eq!(out, body, "chunks of {size}");
        }
    }

    #[tokio::test]
    async fn a_secret_is_found_in_every_form_and_across_chunks() {
        let json = serde_json::to_string(SECRET).unwrap();
        // Each form, and at which of its characters the secret begins.
        for (form, begins) in [
            (SECRET.to_owned(), 0),
            (json, 1),
            (STANDARD.encode(SECRET), 0),
            (STANDARD.encode(format!("client:{SECRET}")), 10),
            (STANDARD.encode(format!("client1:{SECRET}!")), 11),
            (URL_SAFE_NO_PAD.encode(format!("client12:{SECRET}?x")), 12),
            (url::form_urlencoded::byte_serialize(SECRET.as_bytes()).collect(), 0),
            (percent(SECRET), 0),
            ("s3cr%7et%2f%2b%22va+lue".to_owned(), 0),
        ] {
            let body = format!("{}{form}{}", "x".repeat(50), "y".repeat(50));
            for size in [1, 3, 10, 64, 1000] {
                let (out, end) = read(body.as_bytes(), size).await;
                assert!(matches!(end, Err(NetError::Denied { .. })), "{form} in chunks of {size}");
                assert!(
                    out.len() <= 50 + begins,
                    "{form} in chunks of {size}: {} bytes were handed over",
                    out.len()
                );
            }
        }
    }

    #[test]
    fn a_secret_in_a_header_is_found() {
        let response =
            Response::whole(200, vec![("location".to_owned(), format!("https://x/?t={SECRET}"))], "");
        assert!(scrubber().watch(response, "GET x".to_owned()).is_err());
    }

    #[test]
    fn a_text_is_redacted() {
        let text = format!("token {SECRET}, again {}", STANDARD.encode(SECRET));
        assert!(!scrubber().redact(&text).contains("s3cr"), "{}", scrubber().redact(&text));
        assert!(scrubber().redact(&text).starts_with("token (removed), again (removed)"));
        assert_eq!(Scrubber::default().redact("x"), "x");
    }
}
