//! Logins: what the host adds to a request so that the connector never sees it.
//!
//! A login is bound to origins. A request to any other origin is refused before anything is added, whatever grants
//! the connector has besides.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use rollcall_core::{Diagnostic, Secret, codes};
use rollcall_edges::clock::Clock;

use crate::error::NetError;
use crate::oauth::{ClientCredentials, Tokens};
use crate::origin::Origin;
use crate::scrub::Scrubber;
use crate::wire::{Request, Response, Wire};

/// A `[login.NAME]` of a manifest, filled in.
#[derive(Clone, Debug)]
pub struct Login {
    /// The origins that may receive what it yields.
    pub origins: Vec<Origin>,
    /// How a token is come by.
    pub credentials: ClientCredentials,
}

/// The logins of one connector.
pub struct Logins {
    by_name: BTreeMap<String, (Vec<Origin>, Tokens)>,
    scrubber: Scrubber,
}

impl Logins {
    /// Takes the logins by name. Tokens are asked for on first use, through `wire`: an [`Online`](crate::Online)
    /// with [`Retrying`](crate::Retrying) around it, never a recorded one.
    ///
    /// # Errors
    ///
    /// [`NetError::Invalid`] where a certificate or key cannot be used.
    pub fn new(
        logins: BTreeMap<String, Login>,
        wire: Arc<dyn Wire>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, NetError> {
        let scrubber = Scrubber::default();
        let mut by_name = BTreeMap::new();
        for (name, Login { origins, credentials }) in logins {
            let tokens = Tokens::new(credentials, Arc::clone(&wire), Arc::clone(&clock), scrubber.clone())?;
            by_name.insert(name, (origins, tokens));
        }
        Ok(Self { by_name, scrubber })
    }

    /// Adds the header of a login to a request.
    ///
    /// # Errors
    ///
    /// [`NetError::Refused`] where the login does not exist or is not for the request's origin, and what asking
    /// for a token gives.
    pub async fn authorise(&self, login: &str, request: &mut Request) -> Result<(), NetError> {
        self.add(login, request, None).await.map(|_| ())
    }

    /// Adds the header, with another token than the refused one, and gives the token.
    async fn add(
        &self,
        login: &str,
        request: &mut Request,
        refused: Option<&Secret>,
    ) -> Result<Secret, NetError> {
        let Some((origins, tokens)) = self.by_name.get(login) else {
            return Err(refusal(format!("the connector has no login `{login}`")));
        };
        let origin = Origin::of(&request.url).map_err(refusal)?;
        if !origins.contains(&origin) {
            return Err(refusal(format!("the login `{login}` is not for `{origin}`")));
        }
        let token = tokens.token(refused).await?;
        request.headers.retain(|(name, _)| !name.eq_ignore_ascii_case("authorization"));
        request.headers.push(("authorization".to_owned(), format!("Bearer {}", token.expose())));
        Ok(token)
    }

    /// Gives the set of everything injected so far.
    pub fn scrubber(&self) -> Scrubber {
        self.scrubber.clone()
    }
}

fn refusal(message: String) -> NetError {
    NetError::Refused(Box::new(Diagnostic::error(codes::CONNECTOR_REFUSED, message)))
}

/// Signs requests in that name a login, once more after a 401, and keeps secrets out of every answer.
pub struct SignedIn<W> {
    inner: W,
    logins: Arc<Logins>,
}

impl<W: Wire> SignedIn<W> {
    /// Puts logins around a wire.
    pub fn new(inner: W, logins: Arc<Logins>) -> Self {
        Self { inner, logins }
    }
}

#[async_trait]
impl<W: Wire> Wire for SignedIn<W> {
    async fn send(&self, mut request: Request) -> Result<Response, NetError> {
        let about = request.about();
        let scrubber = &self.logins.scrubber;
        let Some(login) = request.login.take() else {
            return scrubber.watch(self.inner.send(request).await?, about);
        };
        let mut again = request.clone();
        let token = self.logins.add(&login, &mut request, None).await?;
        let answer = self.inner.send(request).await?;
        if answer.status != 401 {
            return scrubber.watch(answer, about);
        }
        // The token may have been revoked or have run out early. A 401 says that nothing was done with the request,
        // so it is sent once more whatever its method.
        drop(answer);
        tracing::debug!(request = again.about_server(), "the token was refused; asking for another");
        self.logins.add(&login, &mut again, Some(&token)).await?;
        scrubber.watch(self.inner.send(again).await?, about)
    }
}

#[cfg(test)]
#[path = "login_tests.rs"]
mod tests;
