//! What goes back over the wire: Graph's form, and the two error forms of Microsoft's servers.

use serde_json::{Value, json};

use crate::web::Answer;

impl Answer {
    /// A JSON answer.
    pub(super) fn json(status: u16, body: &Value) -> Self {
        let content_type = "application/json;odata.metadata=minimal;odata.streaming=true;charset=utf-8";
        Self::of(status, content_type, body.to_string()).with("request-id", REQUEST_ID)
    }

    /// A plain answer.
    pub(super) fn text(content_type: &'static str, body: String) -> Self {
        Self { content_type, body: body.into(), ..Self::json(200, &Value::Null) }
    }
}

/// Fixed, so that a recording made twice is equal.
const REQUEST_ID: &str = "6f1c3c1e-0000-4000-8000-000000000001";
const DATE: &str = "2026-11-23T00:00:00";

/// An error of Graph: `{"error": {"code", "message", "innerError"}}`.
#[derive(Clone, Debug)]
pub(super) struct Refusal {
    status: u16,
    code: String,
    message: String,
    headers: Vec<(String, String)>,
}

impl Refusal {
    pub(super) fn new(status: u16, code: &str, message: &str) -> Self {
        Self { status, code: code.to_owned(), message: message.to_owned(), headers: Vec::new() }
    }

    pub(super) fn bad(code: &str, message: &str) -> Self {
        Self::new(400, code, message)
    }

    pub(super) fn denied() -> Self {
        Self::new(403, "Authorization_RequestDenied", "Insufficient privileges to complete the operation.")
    }

    pub(super) fn unauthorized(message: &str) -> Self {
        let refusal = Self::new(401, "InvalidAuthenticationToken", message);
        refusal.header("WWW-Authenticate", r#"Bearer realm="", error="invalid_token""#)
    }

    pub(super) fn missing(id: &str) -> Self {
        let message = format!(
            "Resource '{id}' does not exist or one of its queried reference-property objects are not present."
        );
        Self::new(404, "Request_ResourceNotFound", &message)
    }

    #[must_use]
    pub(super) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(super) fn answer(self) -> Answer {
        let body = json!({"error": {"code": self.code, "message": self.message, "innerError": {
            "date": DATE, "request-id": REQUEST_ID, "client-request-id": REQUEST_ID,
        }}});
        let mut answer = Answer::json(self.status, &body);
        answer.headers.extend(self.headers);
        answer
    }
}

/// An error of Entra ID's token endpoint, with its AADSTS number.
pub(super) fn sign_in_error(status: u16, error: &str, number: u32, message: &str) -> Answer {
    let body = json!({
        "error": error,
        "error_description": format!(
            "AADSTS{number}: {message} Trace ID: {REQUEST_ID} Correlation ID: {REQUEST_ID} Timestamp: {DATE}Z"
        ),
        "error_codes": [number],
        "timestamp": format!("{DATE}Z"),
        "trace_id": REQUEST_ID,
        "correlation_id": REQUEST_ID,
        "error_uri": format!("https://login.microsoftonline.com/error?code={number}"),
    });
    Answer { content_type: "application/json; charset=utf-8", ..Answer::json(status, &body) }
}
