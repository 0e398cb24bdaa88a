//! What was asked of a simulator: for counting, and for proving that a secret went nowhere else.

use super::answer::Request;

/// One request.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The method.
    pub method: String,
    /// The path, without the query.
    pub path: String,
    /// The raw query, empty where there was none.
    pub query: String,
    /// All headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body as text.
    pub body: String,
    /// The status that was answered; 0 where the connection was cut instead.
    pub status: u16,
}

impl Entry {
    /// Writes a request down with the status that it was answered with.
    pub(crate) fn of(request: &Request, status: u16) -> Self {
        let Request { method, path, query, headers, body } = request.clone();
        Self { method, path, query, headers, body, status }
    }

    /// Gives a header's value by its lower-case name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(header, _)| header == name).map(|(_, value)| value.as_str())
    }

    /// Tells whether this went to the token endpoint.
    pub fn is_token(&self) -> bool {
        self.path.ends_with("/token")
    }

    fn holds(&self, needle: &str) -> bool {
        let texts = [&self.path, &self.query, &self.body];
        texts.into_iter().chain(self.headers.iter().map(|(_, value)| value)).any(|text| text.contains(needle))
    }
}

/// All requests, in the order in which they were answered.
#[derive(Clone, Debug, Default)]
pub struct Journal {
    /// The requests.
    pub entries: Vec<Entry>,
    /// Every access token that was given out.
    pub(crate) issued: Vec<String>,
}

impl Journal {
    /// Counts requests whose path contains a text.
    pub fn count(&self, path: &str) -> usize {
        self.entries.iter().filter(|entry| entry.path.contains(path)).count()
    }

    /// Counts the signs-in.
    pub fn tokens(&self) -> usize {
        self.entries.iter().filter(|entry| entry.is_token()).count()
    }

    /// Counts requests that were answered with a status.
    pub fn with_status(&self, status: u16) -> usize {
        self.entries.iter().filter(|entry| entry.status == status).count()
    }

    /// Tells whether a secret was seen anywhere but in the body of a token request.
    pub fn secret_strayed(&self, secret: &str) -> bool {
        self.entries.iter().any(|entry| {
            let sign_in = Entry { body: String::new(), ..entry.clone() };
            if entry.is_token() { sign_in.holds(secret) } else { entry.holds(secret) }
        })
    }

    /// Tells whether an access token was seen anywhere but in the `Authorization` header of a request for data.
    pub fn token_strayed(&self) -> bool {
        self.issued.iter().any(|token| self.header_strayed(token))
    }

    /// Tells whether a text was seen anywhere but in the `Authorization` header of a request for data.
    pub fn header_strayed(&self, text: &str) -> bool {
        self.entries.iter().any(|entry| {
            let mut rest = entry.clone();
            if !entry.is_token() {
                rest.headers.retain(|(name, _)| name != "authorization");
            }
            rest.holds(text)
        })
    }

    /// Gives every access token that was given out, for searching files and outputs for them.
    pub fn issued_tokens(&self) -> &[String] {
        &self.issued
    }
}
