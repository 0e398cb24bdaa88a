//! A web server that has files and nothing else, as a publisher's does.

use std::collections::BTreeMap;

use crate::web::{Answer, Entry, Journal, Request, Site};

/// A running web server; it stops when it is dropped.
pub type Simulator = crate::web::Simulator<Shelves>;

/// The server's state.
#[derive(Debug, Default)]
pub struct Shelves {
    /// What each path is answered with; 404 for any other.
    pub answers: BTreeMap<String, Answer>,
    /// The query that a request must have, as of an address that is signed; empty: any.
    pub query: String,
    /// What was asked.
    pub journal: Journal,
}

impl Shelves {
    /// Puts a file at a path.
    pub fn put(&mut self, path: &str, content: impl Into<Vec<u8>>) {
        let _ = self.answers.insert(path.to_owned(), Answer::of(200, "application/octet-stream", content));
    }
}

impl Site for Shelves {
    fn answer(&mut self, request: &Request) -> Answer {
        let missing = || Answer::of(404, "text/plain", "not found");
        let is_signed = self.query.is_empty() || request.query == self.query;
        let answer = match is_signed {
            true => self.answers.get(&request.path).cloned().unwrap_or_else(missing),
            false => Answer::of(403, "text/plain", "not signed"),
        };
        self.journal.entries.push(Entry::of(request, answer.status));
        answer
    }
}
