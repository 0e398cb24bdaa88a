//! Login, the two cookies, and logout.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rollcall_core::Secret;
use rollcall_edges::office::OfficeError;
use rollcall_net::{Request, Response};

use super::super::wire::{ANSWER_BYTES_MAX, Content, read};
use super::Client;
use super::call::not_sent;
use super::limits::LOGOUT_WAIT;

const AUTHENTICATE: &str = "security/authenticate";
/// The names under which the second cookie has been seen (P1).
const TOKENS: [&str; 2] = ["SDK-Token", "X-SDK-Token"];

/// An open session.
#[derive(Clone)]
pub(super) struct Session {
    /// The header `Cookie`.
    pub(super) cookies: Secret,
    /// The token where it came as a header of its own, which then goes back as one too.
    pub(super) token: Option<Secret>,
    /// Counts logins, so that two calls that find the same session ended log in once.
    pub(super) number: u64,
}

impl Client {
    /// Gives the session, logging in where there is none.
    pub(super) async fn session(&self) -> Result<Session, OfficeError> {
        if let Some(session) = &*self.session.lock().await {
            return Ok(session.clone());
        }
        self.login().await
    }

    /// Opens a session.
    pub(super) async fn login(&self) -> Result<Session, OfficeError> {
        let mut held = self.session.lock().await;
        let session = self.authenticate(held.as_ref().map_or(0, |session| session.number)).await?;
        *held = Some(session.clone());
        Ok(session)
    }

    /// Opens another session in place of one that has ended, unless somebody has done so already.
    pub(super) async fn login_after(&self, ended: &Session) -> Result<Session, OfficeError> {
        let mut held = self.session.lock().await;
        if let Some(session) = held.as_ref().filter(|session| session.number > ended.number) {
            return Ok(session.clone());
        }
        let session = self.authenticate(ended.number).await?;
        *held = Some(session.clone());
        Ok(session)
    }

    async fn authenticate(&self, number: u64) -> Result<Session, OfficeError> {
        let pair = format!("{}:{}", self.config.username, self.config.password.expose());
        let request = Request::get(self.path(&["sdk/", AUTHENTICATE])?);
        let request = self.fixed(request).header("Authorization", format!("Basic {}", STANDARD.encode(pair)));
        let sent = tokio::time::timeout(self.config.read_wait, self.wire.send(request)).await;
        let mut response = match sent {
            Ok(Ok(response)) => response,
            Ok(Err(error)) => return Err(not_sent(&error)),
            Err(_) => return Err(self.no_answer("the login")),
        };
        match response.status {
            200..=299 => {}
            401 | 403 => return Err(self.denied("")),
            status => {
                return Err(OfficeError::Unreachable {
                    message: format!("the phone system answered the login with HTTP status {status}"),
                    hint: Some("check that address and port lead to Web Manager's service".into()),
                });
            }
        }
        if let Some(session) = session_of(&response, number + 1) {
            return Ok(session);
        }
        // A refusal may come with HTTP 200 here as everywhere.
        let body = response.read_all(ANSWER_BYTES_MAX as u64).await.unwrap_or_default();
        let reason = match read(&body) {
            Ok(Content::Answer(answer)) => answer.refusal(),
            _ => None,
        };
        Err(self.denied(&reason.map(|reason| format!(": {reason}")).unwrap_or_default()))
    }

    /// Ends the session, so that sessions do not pile up. Some builds answer 405: nothing more can be done then.
    pub(super) async fn logout(&self) {
        let Some(session) = self.session.lock().await.take() else { return };
        for base in ["sdk/", ""] {
            let Ok(url) = self.path(&[base, AUTHENTICATE]) else { return };
            let request = self.with(self.fixed(Request::new("DELETE", url)), &session);
            match tokio::time::timeout(LOGOUT_WAIT, self.wire.send(request)).await {
                Ok(Ok(response)) if matches!(response.status, 404 | 405) => {}
                _ => return,
            }
        }
    }

    /// Adds a session's cookies to a request.
    pub(super) fn with(&self, request: Request, session: &Session) -> Request {
        let request = request.header("Cookie", session.cookies.expose());
        match &session.token {
            Some(token) => request.header("X-SDK-Token", token.expose()),
            None => request,
        }
    }

    /// Adds the headers that every client sends with every call (P1-P3); the second one even with a GET.
    pub(super) fn fixed(&self, request: Request) -> Request {
        request
            .header("X-User-Client", "Avaya-WebAdmin")
            .header("X-User-Agent", "Avaya-SDKUser")
            .header("Content-Type", self.config.encoding.media_type())
            .header("Accept", "application/json, application/xml;q=0.9, */*;q=0.8")
    }

    pub(super) fn denied(&self, reason: &str) -> OfficeError {
        OfficeError::Denied(format!(
            "the phone system refused the service user `{}`{reason}; check its password, and that its rights group \
             has `Management API Read` and `Management API Write`",
            self.config.username
        ))
    }
}

/// Takes the cookies from a login's answer; a login without both has failed (P1).
fn session_of(response: &Response, number: u64) -> Option<Session> {
    let mut cookies: BTreeMap<&str, &str> = BTreeMap::new();
    for (name, value) in &response.headers {
        if name == "set-cookie"
            && let Some((key, value)) = value.split(';').next().and_then(|pair| pair.split_once('='))
        {
            cookies.insert(key.trim(), value.trim());
        }
    }
    cookies.get("JSESSIONID")?;
    let token = response.header("x-sdk-token").map(Secret::new);
    if token.is_none() && !TOKENS.iter().any(|name| cookies.contains_key(name)) {
        return None;
    }
    let cookies: Vec<String> = cookies.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
    Some(Session { cookies: Secret::new(cookies.join("; ")), token, number })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_needs_both_cookies() {
        for (headers, expect) in [
            (
                vec![("set-cookie", "JSESSIONID=a; Path=/"), ("set-cookie", "SDK-Token=b; Secure")],
                Some("JSESSIONID=a; SDK-Token=b"),
            ),
            (
                vec![("set-cookie", "JSESSIONID=a"), ("set-cookie", "X-SDK-Token=b")],
                Some("JSESSIONID=a; X-SDK-Token=b"),
            ),
            (vec![("set-cookie", "JSESSIONID=a"), ("x-sdk-token", "b")], Some("JSESSIONID=a")),
            (vec![("set-cookie", "JSESSIONID=a")], None),
            (vec![("set-cookie", "SDK-Token=b")], None),
            (vec![], None),
        ] {
            let owned =
                headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
            let session = session_of(&Response::whole(200, owned, ""), 1);
            assert_eq!(session.as_ref().map(|session| session.cookies.expose()), expect, "{headers:?}");
        }
    }
}
