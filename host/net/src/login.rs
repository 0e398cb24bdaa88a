//! Logins: what the host adds to a request so that the connector never sees it.
//!
//! A login is bound to origins. A request to any other origin is refused before anything is added, whatever grants
//! the connector has besides.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rollcall_core::{Diagnostic, Secret, codes};
use rollcall_edges::clock::Clock;

use crate::error::NetError;
use crate::oauth::{OAuth, Tokens};
use crate::origin::Origin;
use crate::scrub::Scrubber;
use crate::wire::{Request, Response, Wire};

/// A `[login.NAME]` of a manifest, filled in.
#[derive(Clone, Debug)]
pub struct Login {
    /// The origins that may receive what it yields.
    pub origins: Vec<Origin>,
    /// How it signs in.
    pub way: Way,
}

/// How a login comes by the `Authorization` header.
#[derive(Clone, Debug)]
pub enum Way {
    /// A token that somebody made by hand, behind its scheme: `Bearer …`, `SSWS …`.
    Token {
        /// The word before it.
        scheme: String,
        /// The token.
        token: Secret,
    },
    /// User name and password (RFC 7617).
    Basic {
        /// Who.
        username: Secret,
        /// The password.
        password: Secret,
    },
    /// A token from a token endpoint.
    OAuth(OAuth),
}

impl Way {
    /// Says whether what was given can be used at all, without asking anybody.
    ///
    /// # Errors
    ///
    /// [`NetError::Invalid`] where a certificate or key cannot be used.
    pub fn check(self) -> Result<(), NetError> {
        match self {
            Self::OAuth(oauth) => oauth.flow.check(),
            Self::Token { .. } | Self::Basic { .. } => Ok(()),
        }
    }
}

/// Where the header of one login comes from.
enum Source {
    /// Always the same.
    Fixed(Secret),
    /// A bearer token that runs out.
    Tokens(Box<Tokens>),
}

/// The logins of one connector.
pub struct Logins {
    by_name: BTreeMap<String, (Vec<Origin>, Source)>,
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
        for (name, Login { origins, way }) in logins {
            let source = match way {
                Way::Token { scheme, token } => Source::Fixed(fixed(&scheme, &token, &scrubber)),
                Way::Basic { username, password } => {
                    scrubber.add(&password);
                    let pair = STANDARD.encode(format!("{}:{}", username.expose(), password.expose()));
                    Source::Fixed(fixed("Basic", &Secret::new(pair), &scrubber))
                }
                Way::OAuth(oauth) => {
                    let (wire, clock) = (Arc::clone(&wire), Arc::clone(&clock));
                    Source::Tokens(Box::new(Tokens::new(oauth, wire, clock, scrubber.clone())?))
                }
            };
            by_name.insert(name, (origins, source));
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

    /// Adds the header, with another token than the refused one. Gives the token, unless there is never another.
    async fn add(
        &self,
        login: &str,
        request: &mut Request,
        refused: Option<&Secret>,
    ) -> Result<Option<Secret>, NetError> {
        let Some((origins, source)) = self.by_name.get(login) else {
            return Err(refusal(format!("the connector has no login `{login}`")));
        };
        let origin = Origin::of(&request.url).map_err(refusal)?;
        if !origins.contains(&origin) {
            return Err(refusal(format!("the login `{login}` is not for `{origin}`")));
        }
        let (header, token) = match source {
            Source::Fixed(header) => (header.expose().to_owned(), None),
            Source::Tokens(tokens) => {
                let token = tokens.token(refused).await?;
                (format!("Bearer {}", token.expose()), Some(token))
            }
        };
        request.headers.retain(|(name, _)| !name.eq_ignore_ascii_case("authorization"));
        request.headers.push(("authorization".to_owned(), header));
        Ok(token)
    }

    /// Gives the set of everything injected so far.
    pub fn scrubber(&self) -> Scrubber {
        self.scrubber.clone()
    }
}

/// Makes a header that never changes.
fn fixed(scheme: &str, token: &Secret, scrubber: &Scrubber) -> Secret {
    scrubber.add(token);
    Secret::new(format!("{scheme} {}", token.expose()))
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
        let Some(token) = token.filter(|_| answer.status == 401) else {
            return scrubber.watch(answer, about);
        };
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
