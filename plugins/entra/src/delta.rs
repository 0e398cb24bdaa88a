//! Graph's delta query: who has changed since a point in time that only Graph understands.
//!
//! Documented (user-delta, delta-query-overview): `$deltatoken=latest` gives a link for "from now on"; a link leads to
//! pages of changed users and, at their end, to a new link; links of users live for seven days; permissions are those of
//! the listing. There is no delta query in External ID tenants and Azure AD B2C.

use rollcall_connector::http::{self, Request};
use rollcall_connector::{Error, encode, link, log};

use crate::limits::TOKEN_BYTES;
use crate::settings::Settings;
use crate::wire::{self, Rows, Source};

/// Gives the token for "from now on"; none where Graph does not say, and then every run reads everything.
///
/// A refusal is no failure: if something is wrong with the sign-in or a permission, the listing that follows tells so.
/// Only what stays busy or is lost ends the reading, because the host counts that.
pub(crate) fn from_now_on(settings: &Settings) -> Option<Vec<u8>> {
    match wire::fetch(latest(settings), settings, &Source::Changes) {
        Ok(page) => token(settings, page.changes),
        Err(error) => {
            log::info(&format!(
                "from where to go on is not known, so that the next run reads everything: {error:?}"
            ));
            None
        }
    }
}

fn latest(settings: &Settings) -> Request {
    let request = http::get(wire::url(settings, &Source::Changes)).query("$select", &wire::select(settings));
    wire::signed(request.query("$deltatoken", "latest"), false)
}

/// Reads one page of changes.
///
/// # Errors
/// [`Error::TokenExpired`] where Graph does not take the link, whatever it has against it: 410, or 40x with one of
/// several codes. A reading of everything does without the link.
pub(crate) fn page(settings: &Settings, url: &str) -> Result<Rows, Error> {
    wire::fetch(wire::follow(settings, &Source::Changes, url)?, settings, &Source::Changes)
}

/// Gives the request for users by their ids, as the listing shows them, whether they are in scope or not.
pub(crate) fn these<'a>(settings: &Settings, ids: impl Iterator<Item = &'a String>) -> Request {
    let ids: Vec<String> = ids.map(|id| encode::odata_text(id)).collect();
    let request = http::get(wire::url(settings, &Source::Tenant)).query("$select", &wire::select(settings));
    wire::signed(request.query("$filter", &format!("id in ({})", ids.join(","))), false)
}

/// Makes the token of the link at the end of a round; none where the link is of no use.
pub(crate) fn token(settings: &Settings, changes: Option<String>) -> Option<Vec<u8>> {
    let usable = changes.filter(|url| is_ours(settings, url) && url.len() <= TOKEN_BYTES);
    if usable.is_none() {
        log::warn("Microsoft Graph gave no usable link to later changes; the next run reads everything");
    }
    usable.map(String::into_bytes)
}

/// Reads the link of a token; none where it is no such thing.
pub(crate) fn of_token(settings: &Settings, token: &[u8]) -> Option<String> {
    let url = std::str::from_utf8(token).ok()?;
    is_ours(settings, url).then(|| url.to_owned())
}

/// Tells whether a link leads to the changes of Graph's users: it carries the right to everything the app may read.
fn is_ours(settings: &Settings, url: &str) -> bool {
    let path = |url: &str| link::path(url).to_ascii_lowercase();
    let short = path(&wire::url(settings, &Source::Changes));
    // `delta` is short for the function's full name, which the SDKs use.
    let long = short.replace("/users/delta", "/users/microsoft.graph.delta");
    let asked = path(url);
    let asked = asked.strip_suffix("()").unwrap_or(&asked);
    link::stays_with(url, &settings.graph_url) && (asked == short || asked == long)
}
