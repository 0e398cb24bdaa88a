//! The ways in which any paged service may misbehave.

use super::answer::{Answer, Delivery, Request};

/// One way to misbehave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// This answer instead of the true one.
    Status {
        /// The HTTP status.
        status: u16,
        /// Headers besides the usual ones.
        headers: Vec<(String, String)>,
        /// The body, JSON or not.
        body: String,
    },
    /// The body ends after so many bytes, less than `Content-Length` said.
    Cut(usize),
    /// The connection is closed without an answer.
    Reset,
    /// The body is a proxy's HTML page with status 200.
    Html,
    /// The answer holds the request's `Authorization` header.
    EchoAuthorization,
    /// A page with no rows and a way to go on.
    NoRows,
    /// The last rows of a page come again on it.
    RepeatRows(usize),
    /// The last rows of a page are lost.
    DropRows(usize),
    /// The page's link leads to another host.
    ForeignLink(String),
}

impl Trouble {
    /// Makes an answer of a status with nothing else to it.
    pub fn status(status: u16) -> Self {
        Self::Status { status, headers: Vec::new(), body: "{}".to_owned() }
    }

    /// Makes a 429 that says when to come back.
    pub fn busy(header: &str, value: impl ToString) -> Self {
        let headers = vec![(header.to_owned(), value.to_string())];
        Self::Status { status: 429, headers, body: "{}".to_owned() }
    }

    /// Gives the answer of a trouble that leaves nothing of the true one.
    pub(crate) fn instead(&self, request: &Request) -> Option<Answer> {
        Some(match self {
            Self::Status { status, headers, body } => {
                let answer = Answer::of(*status, "application/json", body.clone());
                headers.iter().fold(answer, |answer, (name, value)| answer.with(name, value))
            }
            Self::Reset => {
                Answer { delivery: Delivery::Nothing, ..Answer::of(200, "application/json", String::new()) }
            }
            Self::Html => Answer::of(200, "text/html", "<!doctype html><title>Proxy</title>".to_owned()),
            Self::EchoAuthorization => {
                let seen = request.header("authorization").unwrap_or_default();
                Answer::of(200, "application/json", serde_json::json!({"seen": seen}).to_string())
            }
            _ => return None,
        })
    }

    /// Does to a true answer what leaves something of it.
    pub(crate) fn spoil(&self, answer: &mut Answer) {
        if let Self::Cut(after) = self {
            answer.delivery = Delivery::Cut(*after);
        }
    }

    /// Does to a page's rows what leaves the page.
    pub(crate) fn page<T: Clone>(&self, rows: &mut Vec<T>) {
        match self {
            Self::RepeatRows(count) => rows.extend_from_within(rows.len().saturating_sub(*count)..),
            Self::DropRows(count) => rows.truncate(rows.len().saturating_sub(*count)),
            _ => {}
        }
    }
}
