//! One call: sent, answered, and its answer turned into objects or an error that says whether anything was written.

use rollcall_edges::office::OfficeError;
use rollcall_net::{NetError, Request, Response};
use url::Url;

use super::super::wire::{ANSWER_BYTES_MAX, Answer, Content, Item, Kind, read, request};
use super::Client;
use super::find::Home;

/// What is asked of a resource.
pub(super) struct Ask<'a> {
    pub(super) method: &'static str,
    pub(super) kind: Kind,
    /// The system that it is about.
    pub(super) home: &'a Home,
    pub(super) guid: Option<&'a str>,
    pub(super) item: Option<&'a Item>,
    pub(super) if_match: Option<String>,
}

impl<'a> Ask<'a> {
    pub(super) fn new(method: &'static str, kind: Kind, home: &'a Home) -> Self {
        Self { method, kind, home, guid: None, item: None, if_match: None }
    }

    pub(super) fn guid(mut self, guid: &'a str) -> Self {
        self.guid = Some(guid);
        self
    }

    pub(super) fn item(mut self, item: &'a Item) -> Self {
        self.item = Some(item);
        self
    }

    fn writes(&self) -> bool {
        self.method != "GET"
    }
}

/// What came of sending.
enum Sent {
    /// A status that says yes, with its body.
    Yes(Content),
    /// The session has ended, or a right is missing: nothing was done.
    Ended,
}

impl Client {
    /// Asks for a list.
    pub(super) async fn list(&self, ask: Ask<'_>) -> Result<Vec<Item>, OfficeError> {
        let (kind, what) = (ask.kind, ask.kind.resource());
        let answer = self.ask(ask).await?;
        let answer = answer.ok_or_else(|| damaged(what, "it is empty"))?;
        if !answer.is_envelope() {
            return Err(damaged(what, "it is none of the Management API"));
        }
        answer.items(kind).map_err(|why| damaged(what, &why))
    }

    /// Sends a call, once more after another login where the session had ended: the phone system has then said that
    /// it did nothing. Gives the answer's envelope; `None` where the body is empty.
    pub(super) async fn ask(&self, ask: Ask<'_>) -> Result<Option<Answer>, OfficeError> {
        let session = self.session().await?;
        let content = match self.send(&ask, &session).await? {
            Sent::Yes(content) => content,
            Sent::Ended => {
                let session = self.login_after(&session).await?;
                match self.send(&ask, &session).await? {
                    Sent::Yes(content) => content,
                    Sent::Ended => return Err(self.denied(&format!(" for {}", about(&ask)))),
                }
            }
        };
        match content {
            Content::Answer(answer) => match answer.refusal() {
                Some(reason) => {
                    Err(OfficeError::Refused(format!("the phone system refused {}: {reason}", about(&ask))))
                }
                None => Ok(Some(answer)),
            },
            Content::Empty | Content::Page => Ok(None),
        }
    }

    async fn send(&self, ask: &Ask<'_>, session: &super::Session) -> Result<Sent, OfficeError> {
        let mut request = self.with(self.fixed(Request::new(ask.method, self.url(ask)?)), session);
        if let Some(item) = ask.item {
            let unwritable = |why| OfficeError::Refused(format!("{} cannot be written: {why}", about(ask)));
            request = request.body(self::request(self.config.encoding, ask.kind, item).map_err(unwritable)?);
        }
        if let Some(etag) = &ask.if_match {
            request = request.header("If-Match", etag);
        }
        let wait = if ask.writes() { self.config.write_wait } else { self.config.read_wait };
        let exchange = async {
            let mut response = self.wire.send(request).await?;
            let body = response.read_all(ANSWER_BYTES_MAX as u64).await?;
            Ok::<_, NetError>((response, body))
        };
        match tokio::time::timeout(wait, exchange).await {
            Ok(Ok((response, body))) => judge(ask, &response, &body),
            Ok(Err(error)) if ask.writes() => Err(unsent_or_unsure(ask, &error)),
            Ok(Err(error)) => Err(not_sent(&error)),
            Err(_) if ask.writes() => Err(unsure(ask, "no answer came in time")),
            Err(_) => Err(self.no_answer(&about(ask))),
        }
    }

    /// UNPROVEN: that writes and reads of extension records take `ipaddress` as reads of users do.
    fn url(&self, ask: &Ask<'_>) -> Result<Url, OfficeError> {
        let mut url = self.path(&["sdk/admin/v1/", ask.kind.resource()])?;
        if ask.home.address.as_deref() == Some("") {
            // Without its address the call would go to the primary.
            let message = format!("the system `{}` has no address", ask.home.system.name);
            return Err(OfficeError::Unreachable { message, hint: None });
        }
        let address = ask.home.address.as_deref().map(|address| ("ipaddress", address));
        let guid = ask.guid.map(|guid| ("guid", guid));
        for (name, value) in address.into_iter().chain(guid) {
            url.query_pairs_mut().append_pair(name, value);
        }
        Ok(url)
    }

    pub(super) fn path(&self, parts: &[&str]) -> Result<Url, OfficeError> {
        self.root.join(&parts.concat()).map_err(|error| OfficeError::Unreachable {
            message: format!("`{}` gives no URL: {error}", self.config.address),
            hint: None,
        })
    }

    pub(super) fn no_answer(&self, what: &str) -> OfficeError {
        OfficeError::Unreachable {
            message: format!("the phone system `{}` did not answer {what} in time", self.config.address),
            hint: None,
        }
    }
}

/// Reads what a status and a body mean.
fn judge(ask: &Ask<'_>, response: &Response, body: &[u8]) -> Result<Sent, OfficeError> {
    let status = response.status;
    let content = read(body);
    match (status, content) {
        (401 | 403, _) => Ok(Sent::Ended),
        // A page is a login page as a rule; behind a write it may as well be a gateway's, and the write took place.
        (300..=399, _) | (200..=299, Ok(Content::Page)) if ask.writes() => {
            Err(unsure(ask, "the answer is none of the Management API"))
        }
        (300..=399, _) | (200..=299, Ok(Content::Page)) => Ok(Sent::Ended),
        (200..=299, Ok(content)) => Ok(Sent::Yes(content)),
        (200..=299, Err(why)) if ask.writes() => {
            Err(unsure(ask, &format!("the answer cannot be read: {why}")))
        }
        (200..=299, Err(why)) => Err(damaged(ask.kind.resource(), &why)),
        (412, _) => {
            Err(OfficeError::Stale(format!("somebody else has changed what {} is about", about(ask))))
        }
        (400..=499, content) if status != 408 => {
            let reason = match content {
                Ok(Content::Answer(answer)) => answer.refusal(),
                _ => None,
            };
            let reason = reason.map(|reason| format!(": {reason}")).unwrap_or_default();
            let message =
                format!("the phone system refused {} with HTTP status {status}{reason}", about(ask));
            Err(OfficeError::Refused(message))
        }
        _ if ask.writes() => Err(unsure(ask, &format!("the answer was HTTP status {status}"))),
        _ => {
            let message = format!("the phone system answered {} with HTTP status {status}", about(ask));
            Err(OfficeError::Unreachable { message, hint: None })
        }
    }
}

/// What a call is, for messages. GUIDs say nothing to people, so that the method and the resource must do.
fn about(ask: &Ask<'_>) -> String {
    format!("`{} {}`", ask.method, ask.kind.resource())
}

fn damaged(what: &str, why: &str) -> OfficeError {
    OfficeError::Damaged(format!("the phone system's list of {what} cannot be read: {why}"))
}

pub(super) fn unsure(ask: &Ask<'_>, why: &str) -> OfficeError {
    OfficeError::Unsure(format!("it is not known whether {} took place: {why}", about(ask)))
}

/// Turns an error of the wire into the office's, where nothing can have been written.
pub(super) fn not_sent(error: &NetError) -> OfficeError {
    match error {
        NetError::Untrusted { fingerprint, .. } => {
            OfficeError::Untrusted { fingerprint: fingerprint.clone() }
        }
        NetError::Unreachable { message, hint } => {
            OfficeError::Unreachable { message: message.clone(), hint: hint.clone() }
        }
        NetError::Refused(diagnostic) | NetError::Invalid(diagnostic) | NetError::Recording(diagnostic) => {
            OfficeError::Unreachable { message: diagnostic.message.clone(), hint: diagnostic.hint.clone() }
        }
        NetError::Denied { message, .. } => OfficeError::Denied(message.clone()),
        NetError::Lost { .. } | NetError::Busy { .. } | NetError::Failed { .. } => {
            OfficeError::Unreachable { message: error.to_string(), hint: None }
        }
    }
}

/// The same for a write: only what was certainly not sent is an error; everything else may have taken place.
fn unsent_or_unsure(ask: &Ask<'_>, error: &NetError) -> OfficeError {
    match error {
        NetError::Unreachable { .. } | NetError::Untrusted { .. } | NetError::Invalid(_) => not_sent(error),
        NetError::Busy { status: 429, message, .. } => OfficeError::Refused(message.clone()),
        _ => unsure(ask, &error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_says_whether_something_was_written() {
        let refusal =
            r#"{"response":{"@status":"0","data":{"ws_object":{"SMAError":{"error":{"error_desc":"No"}}}}}}"#;
        for (status, body, read, write) in [
            (200, r#"{"response":{"@status":"1"}}"#, "yes", "yes"),
            (200, "", "yes", "yes"),
            (200, "<html>", "ended", "unsure"),
            (200, "nonsense", "damaged", "unsure"),
            (302, "", "ended", "unsure"),
            (401, "", "ended", "ended"),
            (403, "", "ended", "ended"),
            (400, refusal, "refused", "refused"),
            (404, "", "refused", "refused"),
            (408, "", "unreachable", "unsure"),
            (412, "", "stale", "stale"),
            (429, "", "refused", "refused"),
            (500, "", "unreachable", "unsure"),
            (503, "", "unreachable", "unsure"),
        ] {
            let home = Home { system: Default::default(), address: None };
            for (method, expect) in [("GET", read), ("PUT", write)] {
                let ask = Ask::new(method, Kind::User, &home);
                let response = Response::whole(status, Vec::new(), "");
                let got = match judge(&ask, &response, body.as_bytes()) {
                    Ok(Sent::Yes(_)) => "yes",
                    Ok(Sent::Ended) => "ended",
                    Err(OfficeError::Refused(_)) => "refused",
                    Err(OfficeError::Stale(_)) => "stale",
                    Err(OfficeError::Unsure(_)) => "unsure",
                    Err(OfficeError::Damaged(_)) => "damaged",
                    Err(OfficeError::Unreachable { .. }) => "unreachable",
                    Err(other) => panic!("{other:?}"),
                };
                assert_eq!(got, expect, "{method} {status} {body}");
            }
        }
    }
}
