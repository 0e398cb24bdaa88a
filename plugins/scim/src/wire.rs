//! SCIM's protocol: what is asked, what an answer means. From RFC 7644 and RFC 9865 unless a line says otherwise.

use rollcall_connector::http::{Request, Response};
use rollcall_connector::limits::ERROR_BODY_BYTES;
use rollcall_connector::{Error, Fault, http, log, quoted};
use serde_json::{Map, Value};

use crate::settings::Settings;

/// One resource as the service gives it.
pub(crate) type Row = Map<String, Value>;

/// What must be allowed; SCIM has no names for permissions.
pub(crate) const USERS: &str = "GET /Users";
/// What shows the attributes.
pub(crate) const SCHEMAS: &str = "GET /Schemas";

/// What a service says of its paging.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Config {
    /// Whether it pages by cursor.
    pub(crate) cursor: bool,
    /// The most users on a page.
    pub(crate) most: Option<i64>,
}

/// One page of users.
#[derive(Debug)]
pub(crate) struct Rows {
    pub(crate) rows: Vec<Row>,
    /// `totalResults`.
    pub(crate) total: Option<u64>,
    /// The next page's cursor, opaque.
    pub(crate) next: Option<String>,
}

/// Why there is no page.
#[derive(Debug)]
pub(crate) enum NoPage {
    /// The service does not page by cursor, whatever it says.
    NoCursors,
    /// The service no longer knows the cursor.
    Forgotten,
    /// The service answered with another status, which means this.
    Status(u16, Error),
    /// Anything else.
    Error(Error),
}

impl NoPage {
    fn error(self) -> Error {
        match self {
            Self::Status(_, error) | Self::Error(error) => error,
            Self::NoCursors | Self::Forgotten => Error::permanent("the service speaks of a cursor"),
        }
    }
}

impl From<Error> for NoPage {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

/// Gives a value by its name. Names of attributes have no case (RFC 7643, 2.1), and services use that.
pub(crate) fn get<'a>(row: &'a Row, name: &str) -> Option<&'a Value> {
    row.get(name)
        .or_else(|| row.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value))
}

/// Gives the request for the page that begins at an index, from 1.
pub(crate) fn by_index(settings: &Settings, start: u64, count: i64) -> Request {
    filtered(settings, get_users(settings).query("startIndex", &start.to_string()), count)
}

/// Gives the request for the page of a cursor; an empty one asks for the first.
pub(crate) fn by_cursor(settings: &Settings, cursor: &str, count: i64) -> Request {
    filtered(settings, get_users(settings).query("cursor", cursor), count)
}

fn get_users(settings: &Settings) -> Request {
    signed(http::get(format!("{}/Users", settings.root())))
}

fn filtered(settings: &Settings, request: Request, count: i64) -> Request {
    let request = request.query("count", &count.to_string());
    match settings.filter() {
        Some(filter) => request.query("filter", filter),
        None => request,
    }
}

fn signed(request: Request) -> Request {
    request.login("scim").header("accept", "application/scim+json, application/json")
}

/// Sends a request for users by index and reads its page.
///
/// # Errors
/// What the status means.
pub(crate) fn page(settings: &Settings, request: Request) -> Result<Rows, Error> {
    cursor_page(settings, request, false).map_err(NoPage::error)
}

/// The same for a page behind the end: some services refuse it instead of giving an empty one. An answer that is no page
/// is none there either.
///
/// # Errors
/// What the status means, where it is no refusal of the page.
pub(crate) fn page_behind(settings: &Settings, request: Request) -> Result<Option<Rows>, Error> {
    match cursor_page(settings, request, false) {
        Ok(rows) => Ok(Some(rows)),
        Err(NoPage::Status(400 | 404 | 416 | 501, _)) => Ok(None),
        Err(other) => Err(other.error()),
    }
}

/// Sends a request for users and reads its page. `first` tells that it is the first one by cursor.
///
/// # Errors
/// What the status means.
pub(crate) fn cursor_page(settings: &Settings, request: Request, first: bool) -> Result<Rows, NoPage> {
    let mut response = request.send()?;
    if response.status != 200 {
        return Err(refusal(&mut response, settings, first));
    }
    let mut body: Row = response.json()?;
    let total = get(&body, "totalResults").and_then(Value::as_u64);
    let next = match get(&body, "nextCursor") {
        None | Some(Value::Null) => None,
        Some(Value::String(cursor)) => Some(cursor.clone()).filter(|cursor| !cursor.is_empty()),
        Some(_) => return Err(Error::permanent("`nextCursor` is no text").into()),
    };
    let key = body.keys().find(|key| key.eq_ignore_ascii_case("Resources")).cloned();
    let values = match key.and_then(|key| body.remove(&key)) {
        Some(Value::Array(values)) => values,
        // A list without users may lack them (3.4.2), and what is no list at all lacks everything.
        None | Some(Value::Null) if total.is_some() => Vec::new(),
        _ => return Err(Error::permanent("the service gave a list without `Resources`").into()),
    };
    let object = |value| match value {
        Value::Object(row) => Ok(row),
        _ => Err(Error::permanent("the service gave a user that is no object")),
    };
    Ok(Rows { rows: values.into_iter().map(object).collect::<Result<_, _>>()?, total, next })
}

/// Asks what the service says of its paging; none where it does not.
///
/// # Errors
/// A refused credential, and what may be gone later.
pub(crate) fn config(settings: &Settings) -> Result<Option<Config>, Error> {
    let Some(body) = about(settings, "ServiceProviderConfig")? else { return Ok(None) };
    let Value::Object(body) = body else { return Ok(None) };
    let paging = get(&body, "pagination").and_then(Value::as_object);
    let most = paging.and_then(|paging| get(paging, "maxPageSize")?.as_i64()).filter(|most| *most > 0);
    let cursor = paging.and_then(|paging| get(paging, "cursor")?.as_bool()).unwrap_or(false);
    Ok(Some(Config { cursor, most }))
}

/// Asks for the schemas; none where the service does not show them.
///
/// # Errors
/// A refused credential, and what may be gone later.
pub(crate) fn schemas(settings: &Settings) -> Result<Option<Vec<Row>>, Error> {
    let Some(body) = about(settings, "Schemas")? else { return Ok(None) };
    // A list as of any resource; some services give the bare array.
    let values = match &body {
        Value::Object(body) => get(body, "Resources").and_then(Value::as_array),
        other => other.as_array(),
    };
    Ok(values.map(|values| values.iter().filter_map(Value::as_object).cloned().collect()))
}

/// Asks for something that a service says of itself. Many do not, and answer with all kinds of statuses.
fn about(settings: &Settings, what: &str) -> Result<Option<Value>, Error> {
    let mut response = signed(http::get(format!("{}/{what}", settings.root()))).send()?;
    match response.status {
        200 => Ok(response.json().ok()),
        401 => Err(Refused::read(&mut response).error()),
        status => {
            log::info(&format!("the service answers `{what}` with {status}; it is done without"));
            Ok(None)
        }
    }
}

/// Gives a user's id.
pub(crate) fn id(row: &Row) -> Result<&str, Error> {
    get(row, "id")
        .and_then(Value::as_str)
        .filter(|id| !id.is_empty())
        .ok_or_else(|| Error::permanent("the service gave a user without `id`"))
}

/// Tells whether a user belongs to the job's scope. One that does not say whether it is active is.
pub(crate) fn wanted(settings: &Settings, row: &Row) -> bool {
    settings.include_disabled || active(row) != Some(false)
}

/// Some services write the boolean as text (`"False"`).
pub(crate) fn active(row: &Row) -> Option<bool> {
    match get(row, "active")? {
        Value::Bool(active) => Some(*active),
        Value::String(text) => text.to_ascii_lowercase().parse().ok(),
        _ => None,
    }
}

fn refusal(response: &mut Response, settings: &Settings, first_by_cursor: bool) -> NoPage {
    let refused = Refused::read(response);
    let kind = refused.kind.to_ascii_lowercase();
    match refused.status {
        // 501 is what scim2-server says; others take an empty cursor for a wrong value.
        400 | 501 if first_by_cursor && kind != "invalidfilter" => NoPage::NoCursors,
        400 if kind == "invalidcursor" || kind == "expiredcursor" => NoPage::Forgotten,
        status @ (400 | 501) if settings.filter().is_some() => NoPage::Status(
            status,
            Error::setting(
                Fault::new("filter", refused.said())
                    .hint("many services know only a few attributes and `eq`"),
            ),
        ),
        404 => NoPage::Status(
            404,
            Error::setting(
                Fault::new(
                    "base_url",
                    format!("there is no `Users` at `{}`: {}", settings.root(), refused.said()),
                )
                .hint("it often ends with `/scim/v2` or `/v2`"),
            ),
        ),
        status => NoPage::Status(status, refused.error()),
    }
}

/// An answer that is no page: `{"schemas", "status", "scimType", "detail"}` (3.12).
struct Refused {
    status: u16,
    kind: String,
    detail: String,
}

impl Refused {
    fn read(response: &mut Response) -> Self {
        let body = response.read_all(ERROR_BODY_BYTES).unwrap_or_default();
        let json: Value = serde_json::from_slice(&body).unwrap_or_default();
        let text = |name: &str| json[name].as_str().map(quoted).filter(|text| !text.is_empty());
        Self {
            status: response.status,
            kind: text("scimType").unwrap_or_default(),
            detail: text("detail").unwrap_or_else(|| quoted(&String::from_utf8_lossy(&body))),
        }
    }

    fn said(&self) -> String {
        let kind = if self.kind.is_empty() { String::new() } else { format!(" ({})", self.kind) };
        format!("the service answered {}{kind}: {}", self.status, self.detail)
    }

    fn error(&self) -> Error {
        match self.status {
            401 => Error::denied(self.said()),
            403 => Error::missing(self.said(), USERS),
            408 | 429 | 500 | 502 | 503 | 504 => Error::transient(self.said()),
            _ => Error::permanent(self.said()),
        }
    }
}
