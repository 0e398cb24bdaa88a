//! The Directory API's protocol: what is asked, what an answer means. Facts are from its discovery document (revision
//! 20261104) and its pages on limits and errors, unless a line says otherwise.

use rollcall_connector::http::{Request, Response};
use rollcall_connector::limits::ERROR_BODY_BYTES;
use rollcall_connector::{Error, Fault, encode, http, quoted};
use serde_json::Value;

use crate::limits::{GROUPS_A_PAGE, USERS_A_PAGE};
use crate::schema::{Row, is_custom, properties};
use crate::settings::Settings;

/// The scope without which no user can be read.
pub(crate) const USERS: &str = "https://www.googleapis.com/auth/admin.directory.user.readonly";
/// The scope without which no group can be read.
pub(crate) const GROUPS: &str = "https://www.googleapis.com/auth/admin.directory.group.readonly";

/// What a 403 means that is about the rate of requests. The host has tried again already.
const LATER: [&str; 3] = ["rateLimitExceeded", "userRateLimitExceeded", "quotaExceeded"];

/// What is listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum List {
    Users,
    Groups,
    Members,
}

impl List {
    /// Gives the key of the entries.
    fn key(self) -> &'static str {
        match self {
            Self::Users => "users",
            Self::Groups => "groups",
            Self::Members => "members",
        }
    }

    fn scope(self) -> &'static str {
        if self == Self::Users { USERS } else { GROUPS }
    }

    /// Gives the right that an administrator's role must have, as the admin console calls it.
    fn right(self) -> &'static str {
        if self == Self::Users { "Users > Read" } else { "Groups > Read" }
    }
}

/// One page.
pub(crate) struct Rows {
    pub(crate) rows: Vec<Row>,
    /// The next page's token, opaque.
    pub(crate) next: Option<String>,
}

/// Gives the columns of every page.
pub(crate) fn columns(settings: &Settings) -> Vec<String> {
    let always = crate::schema::ALWAYS;
    let more = settings.select.iter().filter(|name| !always.contains(&name.as_str())).cloned();
    always.iter().map(|name| (*name).to_owned()).chain(more).collect()
}

/// Gives the request for the first page of users, of so many at most.
pub(crate) fn users(settings: &Settings, most: u32) -> Request {
    let (whose, value) = settings.whose();
    let columns = columns(settings);
    let properties = properties(&columns).join(",");
    let custom = columns.iter().any(|column| is_custom(column));
    let request = request(settings, "users", "users")
        .query(whose, value)
        .query("maxResults", &most.min(USERS_A_PAGE).to_string())
        .query("projection", if custom { "full" } else { "basic" })
        .query("fields", &format!("kind,nextPageToken,users({properties})"));
    let unit = settings.org_unit().map(|path| format!("orgUnitPath={}", encode::google_text(path)));
    // Parts of a query that stand one after the other must all be met.
    let parts: Vec<String> = unit.into_iter().chain(settings.query().map(str::to_owned)).collect();
    if parts.is_empty() { request } else { request.query("query", &parts.join(" ")) }
}

/// Gives the request for the first page of groups, of so many at most.
pub(crate) fn groups(settings: &Settings, most: u32) -> Request {
    let (whose, value) = settings.whose();
    request(settings, "groups", "groups")
        .query(whose, value)
        .query("maxResults", &most.min(GROUPS_A_PAGE).to_string())
        .query("fields", "kind,nextPageToken,groups(id,name,email)")
}

/// Gives the request for the first page of a group's members, those of groups within it included.
///
/// # Errors
/// An id that cannot be a part of a path.
pub(crate) fn members(settings: &Settings, id: &str, most: u32) -> Result<Request, Error> {
    let path = format!("groups/{}/members", encode::path_segment(id)?);
    Ok(request(settings, &path, "groups")
        .query("maxResults", &most.min(GROUPS_A_PAGE).to_string())
        .query("includeDerivedMembership", "true")
        .query("fields", "kind,nextPageToken,members(id,type)"))
}

fn request(settings: &Settings, path: &str, login: &str) -> Request {
    let root = settings.api_url.trim_end_matches('/');
    http::get(format!("{root}/admin/directory/v1/{path}")).login(login).header("accept", "application/json")
}

/// Sends a request and reads its page.
///
/// # Errors
/// [`Error::TokenExpired`] where an announced page is no longer known; else what the status means.
pub(crate) fn page(settings: &Settings, list: &List, request: Request) -> Result<Rows, Error> {
    let follows = request.url.contains("&pageToken=");
    let mut response = request.send()?;
    if response.status != 200 {
        let refused = Refused::read(&mut response);
        return match refused.status {
            400 | 410 if follows => Err(Error::TokenExpired),
            // A group that went while its members were to be read has none.
            404 if *list == List::Members => Ok(Rows { rows: Vec::new(), next: None }),
            _ => Err(refused.error(settings, *list)),
        };
    }
    let mut body: Row = response.json()?;
    // A page without entries has no list, so that anything else would pass for the last page.
    let kind = format!("admin#directory#{}", list.key());
    if body.get("kind").and_then(Value::as_str) != Some(&kind) {
        return Err(Error::permanent(format!("Google gave an answer that is no `{kind}`")));
    }
    let next = match body.remove("nextPageToken") {
        None | Some(Value::Null) => None,
        Some(Value::String(token)) if token.is_empty() => None,
        Some(Value::String(token)) => Some(token),
        Some(_) => return Err(Error::permanent("`nextPageToken` is no text")),
    };
    let values = match body.remove(list.key()) {
        // A page without entries has no list either.
        None => Vec::new(),
        Some(Value::Array(values)) => values,
        Some(_) => return Err(Error::permanent(format!("`{}` is no list", list.key()))),
    };
    let object = |value| match value {
        Value::Object(row) => Ok(row),
        _ => Err(Error::permanent("Google gave an entry that is no object")),
    };
    Ok(Rows { rows: values.into_iter().map(object).collect::<Result<_, _>>()?, next })
}

/// Gives a row's id.
///
/// # Errors
/// A row without one.
pub(crate) fn id(row: &Row) -> Result<&str, Error> {
    row.get("id")
        .and_then(Value::as_str)
        .filter(|id| !id.is_empty())
        .ok_or_else(|| Error::permanent("Google gave an entry without `id`"))
}

/// Tells whether a user belongs to the job's scope.
///
/// # Errors
/// A user of whom it is not told whether the account is suspended: everybody would count as enabled.
pub(crate) fn wanted(settings: &Settings, row: &Row) -> Result<bool, Error> {
    let Some(suspended) = row.get("suspended").and_then(Value::as_bool) else {
        return Err(Error::missing("Google does not tell whether accounts are suspended", USERS));
    };
    let archived = row.get("archived").and_then(Value::as_bool).unwrap_or(false);
    Ok(settings.include_disabled || !(suspended || archived))
}

/// An answer that is no page: `{"error": {"code", "message", "errors": [{"reason"}], "details": [{"reason"}]}}`.
struct Refused {
    status: u16,
    reason: String,
    message: String,
}

impl Refused {
    fn read(response: &mut Response) -> Self {
        let body = response.read_all(ERROR_BODY_BYTES).unwrap_or_default();
        let json: Value = serde_json::from_slice(&body).unwrap_or_default();
        let error = &json["error"];
        let text = |value: &Value| value.as_str().map(quoted).filter(|text| !text.is_empty());
        // The newer form tells more: `ACCESS_TOKEN_SCOPE_INSUFFICIENT` stands beside a plain `forbidden`.
        let details = error["details"].as_array().map(Vec::as_slice).unwrap_or_default();
        let newer = details.iter().find_map(|detail| text(&detail["reason"]));
        Self {
            status: response.status,
            reason: newer
                .or_else(|| text(&error["errors"][0]["reason"]))
                .unwrap_or_else(|| "no reason".to_owned()),
            message: text(&error["message"]).unwrap_or_else(|| quoted(&String::from_utf8_lossy(&body))),
        }
    }

    /// Says what it means. Reasons decide, never the message, and never 403 alone.
    fn error(&self, settings: &Settings, list: List) -> Error {
        let text = format!("Google answered {} ({}): {}", self.status, self.reason, self.message);
        let reason = self.reason.as_str();
        match self.status {
            401 => Error::denied(text),
            403 if LATER.contains(&reason) => Error::transient(text),
            403 if matches!(reason, "accessNotConfigured" | "SERVICE_DISABLED") => {
                Error::missing(text, "Admin SDK API of the service account's project")
            }
            403 if matches!(reason, "insufficientPermissions" | "ACCESS_TOKEN_SCOPE_INSUFFICIENT") => {
                Error::missing(text, list.scope())
            }
            403 => Error::missing(
                text,
                format!("the administrator right `{}` of `{}`", list.right(), settings.admin),
            ),
            404 => {
                let (whose, value) = settings.whose();
                Error::setting(Fault::new(whose, format!("there is no `{value}`: {text}")))
            }
            400 => self.bad(settings, text),
            408 | 429 | 500 | 502 | 503 | 504 => Error::transient(text),
            _ => Error::permanent(text),
        }
    }

    /// What the job's own query or organisational unit may be to blame for.
    fn bad(&self, settings: &Settings, text: String) -> Error {
        if settings.query().is_some() {
            let hint = "the page `Search for users` of the Directory API lists what a query may say";
            return Error::setting(Fault::new("query", text).hint(hint));
        }
        if settings.org_unit().is_some() {
            return Error::setting(
                Fault::new("org_unit", text).hint("write the whole path, such as `/Europe/Sales`"),
            );
        }
        Error::permanent(text)
    }
}
