//! Answers of the server, in the encoding that the caller accepts.

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{CONTENT_TYPE, HeaderMap};
use hyper::{Response, StatusCode};
use rollcall_edges::office::OfficeError;

use super::super::wire::{self, Encoding, Item, Kind};

pub(super) type Reply = Response<Full<Bytes>>;

/// What a resource has to say.
pub(super) enum Said {
    /// A list of objects.
    List(Kind, Vec<Item>),
    /// Done.
    Done,
    /// HTTP 200 with status "0" and this text.
    No(String),
    /// A page of HTML.
    Page,
    /// An HTTP status and a text for people.
    Status(StatusCode, String),
}

impl From<OfficeError> for Said {
    fn from(error: OfficeError) -> Self {
        match error {
            OfficeError::Refused(text) => Said::No(text),
            OfficeError::Stale(text) => Said::Status(StatusCode::PRECONDITION_FAILED, text),
            other => Said::Status(StatusCode::INTERNAL_SERVER_ERROR, other.to_string()),
        }
    }
}

/// The encoding that an answer has: XML only for who accepts it and does not accept JSON.
pub(super) fn encoding(headers: &HeaderMap) -> Encoding {
    let accept = headers.get("accept").and_then(|value| value.to_str().ok()).unwrap_or_default();
    if accept.contains("xml") && !accept.contains("json") { Encoding::Xml } else { Encoding::Json }
}

/// Writes an answer.
pub(super) fn write(said: Said, encoding: Encoding, mislabel: bool) -> Reply {
    let (status, body) = match said {
        Said::List(kind, items) => (StatusCode::OK, wire::listing(encoding, kind, items)),
        Said::Done => (StatusCode::OK, wire::acknowledged(encoding)),
        Said::No(reason) => (StatusCode::OK, wire::failed(encoding, &reason)),
        Said::Page => return login_page(),
        Said::Status(status, text) => return page(status, &text),
    };
    let label = if mislabel { Encoding::Xml } else { encoding };
    match body {
        Ok(body) => of(status, label.media_type(), body),
        Err(why) => page(StatusCode::INTERNAL_SERVER_ERROR, &why),
    }
}

/// A plain text.
pub(super) fn page(status: StatusCode, text: &str) -> Reply {
    of(status, "text/plain; charset=utf-8", text.as_bytes().to_vec())
}

/// The login page that some builds show instead of 401.
pub(super) fn login_page() -> Reply {
    of(StatusCode::OK, "text/html", b"<!DOCTYPE html><html><body>Login</body></html>".to_vec())
}

fn of(status: StatusCode, label: &'static str, body: Vec<u8>) -> Reply {
    let mut reply = Response::new(Full::new(Bytes::from(body)));
    *reply.status_mut() = status;
    reply.headers_mut().insert(CONTENT_TYPE, hyper::header::HeaderValue::from_static(label));
    reply
}
