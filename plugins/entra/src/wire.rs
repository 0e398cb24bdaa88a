//! Microsoft Graph's protocol: what is asked, what an answer means. Facts are from the Graph reference
//! (user-list, group-list-members, paging, errors, aad-advanced-queries) unless a line says otherwise.

use rollcall_connector::http::{Request, Response};
use rollcall_connector::limits::ERROR_BODY_BYTES;
use rollcall_connector::{Error, Fault, encode, http, link, log, quoted};
use serde_json::Value;

use crate::limits::USERS_A_PAGE;
use crate::schema::{Row, property};
use crate::settings::{Scope, Settings};

/// The permission without which a user's properties stay empty.
pub(crate) const USERS: &str = "User.Read.All";
/// The permission without which a group's members cannot be listed.
pub(crate) const GROUPS: &str = "GroupMember.Read.All";

/// What Graph calls a query that it does not understand; with a filter of the job's own, that is what it means.
const QUERY_CODES: [&str; 3] = ["Request_UnsupportedQuery", "Request_BadRequest", "BadRequest"];

/// Where users come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// The whole tenant.
    Tenant,
    /// One group, by its encoded object ID.
    Group(String),
    /// What has changed in the tenant; see [`crate::delta`].
    Changes,
}

/// One page of users.
#[derive(Debug)]
pub(crate) struct Rows {
    pub(crate) rows: Vec<Row>,
    /// The next page's URL, opaque.
    pub(crate) next: Option<String>,
    /// The link to later changes, opaque; on the last page of changes.
    pub(crate) changes: Option<String>,
    /// How many there are in all; on first pages that asked for it.
    pub(crate) count: Option<u32>,
}

/// Gives the sources of the settings, each group once.
pub(crate) fn sources(settings: &Settings) -> Result<Vec<Source>, Error> {
    if settings.scope == Scope::Tenant {
        return Ok(vec![Source::Tenant]);
    }
    let mut sources = Vec::new();
    for id in &settings.group_id {
        let source = Source::Group(encode::path_segment(&id.to_ascii_lowercase())?);
        if !sources.contains(&source) {
            sources.push(source);
        }
    }
    Ok(sources)
}

/// Gives the request for the first page.
pub(crate) fn first(settings: &Settings, source: &Source) -> Request {
    let mut parts = Vec::new();
    if *source == Source::Tenant && !settings.include_disabled {
        parts.push("accountEnabled eq true".to_owned());
    }
    parts.extend(settings.filter().map(|filter| format!("({filter})")));
    let request = http::get(url(settings, source))
        .query("$select", &select(settings))
        .query("$top", &USERS_A_PAGE.to_string());
    filtered(request, &parts, advanced(settings, source))
}

/// Gives the request that counts the users in scope and reads one of them.
///
/// Guests are left out by `ne`, which is true of users that have no type; a listing does not ask so, because `ne` would
/// make every listing an advanced query.
pub(crate) fn count(settings: &Settings, source: &Source) -> Request {
    let mut parts = Vec::new();
    if !settings.include_disabled {
        parts.push("accountEnabled eq true".to_owned());
    }
    if !settings.include_guests {
        parts.push("userType ne 'Guest'".to_owned());
    }
    parts.extend(settings.filter().map(|filter| format!("({filter})")));
    let request =
        http::get(url(settings, source)).query("$select", "id,userPrincipalName").query("$top", "1");
    filtered(request, &parts, true)
}

/// Gives the request for a page that an answer announced.
///
/// The URL carries the token's right to everything the app may read, so it must lead to Graph and nowhere else. Headers
/// are not part of it and are sent again.
pub(crate) fn follow(settings: &Settings, source: &Source, url: &str) -> Result<Request, Error> {
    if !link::stays_with(url, &settings.graph_url) {
        return Err(Error::permanent(format!(
            "the next page lies outside of `{}`: `{}`",
            settings.graph_url,
            quoted(url.split('?').next().unwrap_or_default())
        )));
    }
    Ok(signed(http::get(url), advanced(settings, source)))
}

/// Sends a request and reads its page.
///
/// # Errors
/// [`Error::TokenExpired`] where the page is no longer known; else what the status means.
pub(crate) fn fetch(request: Request, settings: &Settings, source: &Source) -> Result<Rows, Error> {
    let mut response = request.send()?;
    if response.status != 200 {
        return Err(refusal(&mut response, settings, source));
    }
    let mut body: Row = response.json()?;
    let Some(Value::Array(values)) = body.remove("value") else {
        return Err(Error::permanent("Microsoft Graph gave a page without `value`"));
    };
    let rows = values
        .into_iter()
        .map(|value| match value {
            Value::Object(row) => Ok(row),
            _ => Err(Error::permanent("Microsoft Graph gave a user that is no object")),
        })
        .collect::<Result<_, _>>()?;
    let mut link = |name: &str| match body.remove(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(url)) => Ok(Some(url)),
        Some(_) => Err(Error::permanent(format!("`{name}` is no text"))),
    };
    let (next, changes) = (link("@odata.nextLink")?, link("@odata.deltaLink")?);
    let count = body.get("@odata.count").and_then(Value::as_u64);
    Ok(Rows { rows, next, changes, count: count.and_then(|count| u32::try_from(count).ok()) })
}

/// Goes on to the next page that an answer announced.
pub(crate) fn go_on(at: &mut Option<String>, next: Option<String>) -> Result<(), Error> {
    if next.is_some() && next == *at {
        return Err(Error::permanent("Microsoft Graph announced the same page twice"));
    }
    *at = next;
    Ok(())
}

/// Gives a row's id.
pub(crate) fn id(row: &Row) -> Result<&str, Error> {
    row.get("id")
        .and_then(Value::as_str)
        .filter(|id| !id.is_empty())
        .ok_or_else(|| Error::permanent("Microsoft Graph gave a user without `id`"))
}

/// Refuses a row of which the app may see only that it exists.
///
/// Graph answers 200 and gives such members with their id alone, everything else null. `userPrincipalName` is always
/// selected, and no user lacks it.
pub(crate) fn visible(row: &Row) -> Result<(), Error> {
    let hidden = row
        .iter()
        .filter(|(name, _)| *name != "id" && !name.contains("@odata."))
        .all(|(_, value)| value.is_null() || value.as_array().is_some_and(Vec::is_empty));
    if hidden {
        return Err(Error::missing("Microsoft Graph gives members without any of their properties", USERS));
    }
    Ok(())
}

/// Refuses a row of which the app may not see whether the account is enabled: everybody would count as disabled, and so
/// as gone.
pub(crate) fn tells_enabled(settings: &Settings, row: &Row) -> Result<(), Error> {
    if !settings.include_disabled && !matches!(row.get("accountEnabled"), Some(Value::Bool(_))) {
        return Err(Error::missing("Microsoft Graph does not tell whether accounts are enabled", USERS));
    }
    Ok(())
}

/// Tells whether a user belongs to the settings' scope, as far as the row says and Graph was not asked to tell.
pub(crate) fn wanted(settings: &Settings, row: &Row) -> bool {
    // Null on very old users, who are members.
    let guest =
        row.get("userType").and_then(Value::as_str).is_some_and(|kind| kind.eq_ignore_ascii_case("guest"));
    let disabled = row.get("accountEnabled") == Some(&Value::Bool(false));
    (settings.include_guests || !guest) && (settings.include_disabled || !disabled)
}

pub(crate) fn url(settings: &Settings, source: &Source) -> String {
    let root = settings.graph_url.trim_end_matches('/');
    match source {
        Source::Changes => format!("{root}/v1.0/users/delta"),
        Source::Tenant => format!("{root}/v1.0/users"),
        Source::Group(id) => {
            let members = if settings.transitive { "transitiveMembers" } else { "members" };
            format!("{root}/v1.0/groups/{id}/{members}/microsoft.graph.user")
        }
    }
}

/// Every property that a column, a filter or the check of [`visible`] needs. Always explicit: without `$select` Graph
/// leaves out most of them, `accountEnabled` included.
pub(crate) fn select(settings: &Settings) -> String {
    let mut names = vec!["id", "userPrincipalName"];
    if !settings.include_guests {
        names.push("userType");
    }
    if !settings.include_disabled {
        names.push("accountEnabled");
    }
    for column in &settings.select {
        let name = property(column);
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names.join(",")
}

/// Casts to users and filters of the job's own need Graph's advanced queries; plain listings read the better index.
fn advanced(settings: &Settings, source: &Source) -> bool {
    matches!(source, Source::Group(_)) || settings.filter().is_some()
}

fn filtered(mut request: Request, parts: &[String], advanced: bool) -> Request {
    if !parts.is_empty() {
        request = request.query("$filter", &parts.join(" and "));
    }
    if advanced {
        request = request.query("$count", "true");
    }
    signed(request, advanced)
}

pub(crate) fn signed(request: Request, advanced: bool) -> Request {
    let request = request.login("graph").header("accept", "application/json");
    if advanced { request.header("ConsistencyLevel", "eventual") } else { request }
}

/// Says what an answer means that is no page. Codes decide, never the message, which is for people.
fn refusal(response: &mut Response, settings: &Settings, source: &Source) -> Error {
    let status = response.status;
    let body = response.read_all(ERROR_BODY_BYTES).unwrap_or_default();
    let (code, message) = code_and_message(&body);
    let text = format!("Microsoft Graph answered {status} ({code}): {message}");
    match status {
        401 => Error::denied(text),
        // Whoever may list users may ask for their changes; if not, the listing says which permission is missing.
        403 if *source == Source::Changes => Error::TokenExpired,
        403 => Error::missing(
            text,
            match source {
                Source::Tenant | Source::Changes => USERS,
                Source::Group(_) => GROUPS,
            },
        ),
        408 | 429 | 500 | 502 | 503 | 504 => Error::transient(text),
        400..=499 | 501 if *source == Source::Changes => {
            log::info(&format!("{text}; reading everything"));
            Error::TokenExpired
        }
        404 => match source {
            Source::Tenant | Source::Changes => Error::permanent(text),
            Source::Group(id) => Error::setting(
                Fault::new("group_id", format!("the tenant has no group `{id}`"))
                    .hint("copy the object ID from the group's overview"),
            ),
        },
        410 => Error::TokenExpired,
        400 if code == "Directory_ExpiredPageToken" => Error::TokenExpired,
        400 if settings.filter().is_some() && QUERY_CODES.contains(&code.as_str()) => Error::setting(
            Fault::new("filter", text)
                .hint("try the filter in Graph Explorer with `ConsistencyLevel: eventual`"),
        ),
        _ => Error::permanent(text),
    }
}

/// `{"error": {"code", "message"}}`; the code may be empty and the body something else altogether.
fn code_and_message(body: &[u8]) -> (String, String) {
    let json: Value = serde_json::from_slice(body).unwrap_or_default();
    let text = |name: &str| {
        json.get("error")
            .and_then(|error| error.get(name))
            .and_then(Value::as_str)
            .map(quoted)
            .filter(|text| !text.is_empty())
    };
    (
        text("code").unwrap_or_else(|| "no code".to_owned()),
        text("message").unwrap_or_else(|| quoted(&String::from_utf8_lossy(body))),
    )
}
