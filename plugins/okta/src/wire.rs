//! Okta's protocol: what is asked, what an answer means. Facts are from the management API's specification (2026.06.3)
//! and its pages on pagination, rate limits and OAuth for service apps, unless a line says otherwise.

use rollcall_connector::http::{Request, Response};
use rollcall_connector::limits::ERROR_BODY_BYTES;
use rollcall_connector::time::http_date;
use rollcall_connector::{Error, Fault, encode, http, link, log, quoted};
use serde_json::Value;

use crate::limits::{GROUPS_A_PAGE, MEMBERS_A_PAGE, USERS_A_PAGE};
use crate::mark::Mark;
use crate::schema::Row;
use crate::settings::Settings;

/// The scope without which no user can be read.
pub(crate) const USERS: &str = "okta.users.read";
/// The scope without which no group can be read.
pub(crate) const GROUPS: &str = "okta.groups.read";
/// The scope without which the attributes are not known.
pub(crate) const SCHEMAS: &str = "okta.schemas.read";

/// A time before any user's, for a search that finds them all.
const LONG_AGO: &str = "1970-01-01T00:00:00.000Z";

/// Where users are read from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// Everybody but the deactivated, whom this listing leaves out.
    Everybody,
    /// Everybody, the deactivated included: only a search finds them.
    Anybody,
    /// Those who meet a search of the job's own.
    Search(String),
    /// Those who changed since a time, the deactivated included.
    Since(String),
    /// The members of a group.
    Group(String),
}

impl Place {
    /// Gives the request for the first page, of so many users at most.
    pub(crate) fn first(&self, settings: &Settings, most: u32) -> Result<Request, Error> {
        let users = format!("{}/api/v1/users", settings.root());
        let limit = |most: u32| most.min(USERS_A_PAGE).to_string();
        let since = |time: &str| format!("lastUpdated gt {}", encode::scim_text(time));
        let search = |search: &str| http::get(&*users).query("limit", &limit(most)).query("search", search);
        let request = match self {
            Self::Everybody => http::get(&*users).query("limit", &limit(most)),
            Self::Anybody => search(&since(LONG_AGO)),
            Self::Search(own) => search(own),
            Self::Since(time) => search(&since(time)),
            Self::Group(id) => return members(settings, id, most),
        };
        Ok(signed(request, "users"))
    }

    /// Gives the login that may read it.
    fn login(&self) -> &'static str {
        if matches!(self, Self::Group(_)) { "groups" } else { "users" }
    }
}

/// One page of something.
pub(crate) struct Rows {
    pub(crate) rows: Vec<Row>,
    /// The next page's URL, opaque.
    pub(crate) next: Option<String>,
    /// When Okta made the page, in seconds since 1970 by its own clock.
    pub(crate) at: Option<i64>,
}

/// Gives the request for the first page of a group's members.
pub(crate) fn members(settings: &Settings, id: &str, most: u32) -> Result<Request, Error> {
    let url = format!("{}/api/v1/groups/{}/users", settings.root(), encode::path_segment(id)?);
    Ok(signed(http::get(url).query("limit", &most.min(MEMBERS_A_PAGE).to_string()), "groups"))
}

/// Gives the request for the first page of groups.
pub(crate) fn first_groups(settings: &Settings, most: u32) -> Request {
    let url = format!("{}/api/v1/groups", settings.root());
    signed(http::get(url).query("limit", &most.min(GROUPS_A_PAGE).to_string()), "groups")
}

/// Gives the request for a page of users that an answer announced.
pub(crate) fn follow(settings: &Settings, place: &Place, url: &str) -> Result<Request, Error> {
    followed(settings, url, place.login())
}

/// Gives the request for a page of groups or members that an answer announced.
pub(crate) fn follow_groups(settings: &Settings, url: &str) -> Result<Request, Error> {
    followed(settings, url, "groups")
}

/// The link carries the right to everything that the login may read, so that it must not lead anywhere else.
fn followed(settings: &Settings, url: &str, login: &str) -> Result<Request, Error> {
    if !link::stays_with(url, &settings.org_url) {
        return Err(Error::permanent(format!(
            "the next page lies outside of `{}`: `{}`",
            settings.root(),
            quoted(url.split('?').next().unwrap_or_default())
        )));
    }
    Ok(signed(http::get(url), login))
}

/// Sends a request for users and reads its page.
///
/// # Errors
/// [`Error::TokenExpired`] where an announced page is no longer known; else what the status means.
pub(crate) fn users(place: &Place, request: Request) -> Result<Rows, Error> {
    let follows = request.url.contains("after=");
    rows(request, |refused| match (refused.status, place) {
        (400, _) if follows => Error::TokenExpired,
        (400, Place::Search(_)) => Error::setting(
            Fault::new("search", refused.said())
                .hint("try it as `search` of `/api/v1/users`; names of attributes are case sensitive"),
        ),
        (404, Place::Group(id)) => no_group(id),
        (_, Place::Group(_)) => refused.error(GROUPS),
        _ => refused.error(USERS),
    })
}

/// Sends a request for groups and reads its page.
///
/// # Errors
/// What the status means.
pub(crate) fn groups(request: Request) -> Result<Rows, Error> {
    rows(request, |refused| refused.error(GROUPS))
}

/// Sends a request for the members of a group that was listed, and reads its page; a group that is gone has none.
///
/// # Errors
/// What the status means.
pub(crate) fn members_of_listed(request: Request) -> Result<Rows, Error> {
    let mut gone = false;
    let page = rows(request, |refused| {
        gone = refused.status == 404;
        refused.error(GROUPS)
    });
    if gone { Ok(Rows { rows: Vec::new(), next: None, at: None }) } else { page }
}

/// Reads the schema of the organisation's users; none where that is not allowed.
///
/// # Errors
/// What any other status means.
pub(crate) fn schema(settings: &Settings) -> Result<Option<Row>, Error> {
    let url = format!("{}/api/v1/meta/schemas/user/default", settings.root());
    let mut response = signed(http::get(url), "users").send()?;
    match response.status {
        200 => response.json().map(Some),
        403 | 404 => {
            log::warn("Okta does not show the schema of users; its usual attributes are assumed");
            Ok(None)
        }
        _ => Err(Refused::read(&mut response).error(SCHEMAS)),
    }
}

/// Gives a row's id.
pub(crate) fn id(row: &Row) -> Result<&str, Error> {
    row.get("id")
        .and_then(Value::as_str)
        .filter(|id| !id.is_empty())
        .ok_or_else(|| Error::permanent("Okta gave an entry without `id`"))
}

/// Tells whether a user belongs to the job's scope. A status that is not known counts as active.
///
/// # Errors
/// A user without a status: who has left could not be told.
pub(crate) fn wanted(settings: &Settings, row: &Row) -> Result<bool, Error> {
    let Some(status) = row.get("status").and_then(Value::as_str) else {
        return Err(Error::permanent("Okta gave a user without `status`"));
    };
    Ok(settings.include_disabled || !matches!(status, "SUSPENDED" | "DEPROVISIONED"))
}

/// Gives where a reading goes on that was last made at a mark.
pub(crate) fn changes(mark: Mark) -> Place {
    Place::Since(mark.since())
}

fn signed(request: Request, login: &str) -> Request {
    request.login(login).header("accept", "application/json")
}

fn rows(request: Request, refusal: impl FnOnce(&Refused) -> Error) -> Result<Rows, Error> {
    let asked = link::path(&request.url).to_owned();
    let mut response = request.send()?;
    if response.status != 200 {
        return Err(refusal(&Refused::read(&mut response)));
    }
    // Every page names itself, on whichever of the organisation's domains. One that does not may lack the link to the next page too, and would be taken for the last.
    if link::with_relation(&response.headers, "self").map(link::path) != Some(asked.as_str()) {
        return Err(Error::permanent(format!("an answer to `{asked}` does not link to itself")));
    }
    let next = link::with_relation(&response.headers, "next").map(str::to_owned);
    let at = response.header("date").and_then(http_date);
    let Value::Array(values) = response.json()? else {
        return Err(Error::permanent("Okta gave a page that is no list"));
    };
    let object = |value| match value {
        Value::Object(row) => Ok(row),
        _ => Err(Error::permanent("Okta gave an entry that is no object")),
    };
    Ok(Rows { rows: values.into_iter().map(object).collect::<Result<_, _>>()?, next, at })
}

fn no_group(id: &str) -> Error {
    Error::setting(
        Fault::new("group_id", format!("the organisation has no group `{id}`"))
            .hint("copy what stands behind `/group/` in the admin console's address of the group"),
    )
}

/// An answer that is no page: `{"errorCode", "errorSummary", "errorCauses": [{"errorSummary"}]}`.
struct Refused {
    status: u16,
    code: String,
    summary: String,
}

impl Refused {
    fn read(response: &mut Response) -> Self {
        let body = response.read_all(ERROR_BODY_BYTES).unwrap_or_default();
        let json: Value = serde_json::from_slice(&body).unwrap_or_default();
        let text = |value: &Value| value.as_str().map(quoted).filter(|text| !text.is_empty());
        let causes = json["errorCauses"].as_array().map(Vec::as_slice).unwrap_or_default();
        let mut summary =
            text(&json["errorSummary"]).unwrap_or_else(|| quoted(&String::from_utf8_lossy(&body)));
        if let Some(cause) = causes.iter().find_map(|cause| text(&cause["errorSummary"])) {
            summary = format!("{summary} ({cause})");
        }
        let code = text(&json["errorCode"]).unwrap_or_else(|| "no code".to_owned());
        Self { status: response.status, code, summary }
    }

    fn said(&self) -> String {
        format!("Okta answered {} ({}): {}", self.status, self.code, self.summary)
    }

    /// Says what it means where a scope is needed. The code is for people: Okta has several for one status.
    fn error(&self, scope: &str) -> Error {
        match self.status {
            401 => Error::denied(self.said()),
            403 => Error::missing(self.said(), scope),
            408 | 429 | 500 | 502 | 503 | 504 => Error::transient(self.said()),
            _ => Error::permanent(self.said()),
        }
    }
}
