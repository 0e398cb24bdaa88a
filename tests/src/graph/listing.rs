//! Users, groups and members: pages with links that only their issuer understands.

use serde_json::{Map, Value, json};

use super::answer::Refusal;
use super::delta;
use super::fault::Fault;
use super::model::{Member, Object};
use super::properties::{self, Kind};
use super::query::Options;
use super::world::World;
use crate::web::{Answer, Request};

/// What the server remembers of a listing that is under way.
#[derive(Clone, Debug)]
pub(super) struct Cursor {
    path: String,
    query: String,
    rows: Vec<Member>,
    options: Options,
    page: usize,
    needs_consistency: bool,
}

/// Rows on a page where `$top` does not say.
const DEFAULT_PAGE_ROWS: usize = 100;

/// Gives which page of its listing a request asks for, from 1.
pub(super) fn page_number(world: &World, request: &Request) -> usize {
    if delta::is_path(&request.path) {
        return delta::page_number(world, request);
    }
    skip_token(&request.query).and_then(|token| world.cursors.get(&token)).map_or(1, |cursor| cursor.page)
}

fn skip_token(query: &str) -> Option<String> {
    url::form_urlencoded::parse(query.as_bytes())
        .find(|(key, _)| key == "$skiptoken" || key == "skiptoken")
        .map(|(_, value)| value.into_owned())
}

/// Answers a GET below `/v1.0`.
pub(super) fn resource(
    world: &mut World,
    path: &[&str],
    request: &Request,
    origin: &str,
    fault: Option<&Fault>,
) -> Result<Answer, Refusal> {
    let read_users = world.permits(&["User.Read.All", "Directory.Read.All"]);
    let read_members = world.permits(&["GroupMember.Read.All", "Group.Read.All", "Directory.Read.All"]);
    match path {
        ["organization"] => Ok(organization(world)),
        ["users"] if read_users => {
            let rows = world.tenant.users.keys().cloned().map(Member::User).collect();
            list(world, request, origin, fault, rows, Shape::Users)
        }
        _ if read_users && delta::is_path(&request.path) => delta::answer(world, request, origin, fault),
        ["users", "$count"] if read_users => count(world, request),
        ["users", id] if read_users => {
            let options = Options::parse(&request.query)?;
            let user = world.tenant.users.get(*id).ok_or_else(|| Refusal::missing(id))?;
            Ok(Answer::json(200, &Value::Object(selected(user, &options))))
        }
        ["groups", rest @ ..] if read_members => groups(world, rest, request, origin, fault),
        ["users" | "groups", ..] => Err(Refusal::denied()),
        _ => {
            let message = format!("Resource not found for the segment '{}'.", path.first().unwrap_or(&""));
            Err(Refusal::bad("BadRequest", &message))
        }
    }
}

fn groups(
    world: &mut World,
    path: &[&str],
    request: &Request,
    origin: &str,
    fault: Option<&Fault>,
) -> Result<Answer, Refusal> {
    let [id, rest @ ..] = path else {
        let row = |(id, group): (&String, &super::model::Group)| json!({"id": id, "displayName": group.display_name});
        let rows: Vec<Value> = world.tenant.groups.iter().map(row).collect();
        return Ok(Answer::json(200, &json!({"value": rows})));
    };
    let group = world.tenant.groups.get(*id).ok_or_else(|| Refusal::missing(id))?;
    if group.hidden && !rest.is_empty() && !world.permits(&["Member.Read.Hidden"]) {
        return Err(Refusal::denied());
    }
    let cast = rest.get(1) == Some(&"microsoft.graph.user");
    let mut rows = match rest {
        [] => return Ok(Answer::json(200, &json!({"id": id, "displayName": group.display_name}))),
        ["members"] | ["members", "microsoft.graph.user"] => group.members.clone(),
        ["transitiveMembers"] | ["transitiveMembers", "microsoft.graph.user"] => world.tenant.transitive(id),
        _ => return Err(Refusal::bad("BadRequest", "Resource not found for the segment.")),
    };
    if cast {
        rows.retain(|member| matches!(member, Member::User(_)));
    }
    list(world, request, origin, fault, rows, if cast { Shape::Cast } else { Shape::Members })
}

/// How rows are shown.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shape {
    Users,
    Cast,
    Members,
}

fn list(
    world: &mut World,
    request: &Request,
    origin: &str,
    fault: Option<&Fault>,
    rows: Vec<Member>,
    shape: Shape,
) -> Result<Answer, Refusal> {
    let consistency = request.header("consistencylevel");
    let cursor = match skip_token(&request.query) {
        Some(token) => resume(world, request, &token, consistency)?,
        None => open(world, request, rows, shape, consistency)?,
    };
    let total = cursor.rows.len();
    let top = cursor.options.top.unwrap_or(DEFAULT_PAGE_ROWS).min(world.config.page_rows).max(1);
    let (now, later) = cursor.rows.split_at(cut(fault, top).min(total));
    let mut shown: Vec<Value> =
        now.iter().filter_map(|row| show(world, row, shape, &cursor.options)).collect();
    spoil(&mut shown, fault);
    let next = (!later.is_empty()).then(|| Link::Page(link(world, &cursor, later, origin)));
    let count = (cursor.options.count && cursor.page == 1).then_some(total);
    let context = if shape == Shape::Members { "directoryObjects" } else { "users" };
    Ok(body(&format!("{origin}/v1.0/$metadata#{context}"), count, shown, next, fault))
}

/// Where a page leads to.
pub(super) enum Link {
    /// To the next page.
    Page(String),
    /// To later changes.
    Changes(String),
}

/// Gives how many rows a page has, of at most so many.
pub(super) fn cut(fault: Option<&Fault>, most: usize) -> usize {
    match fault {
        Some(Fault::NoRows) => 0,
        Some(Fault::FewerRows { rows }) => *rows,
        _ => most,
    }
}

/// Repeats or loses rows of a page.
pub(super) fn spoil(shown: &mut Vec<Value>, fault: Option<&Fault>) {
    match fault {
        Some(Fault::RepeatRows { rows }) => shown.extend_from_within(shown.len().saturating_sub(*rows)..),
        Some(Fault::DropRows { rows }) => shown.truncate(shown.len().saturating_sub(*rows)),
        _ => {}
    }
}

/// Writes a page.
pub(super) fn body(
    context: &str,
    count: Option<usize>,
    rows: Vec<Value>,
    link: Option<Link>,
    fault: Option<&Fault>,
) -> Answer {
    let mut body = Map::new();
    body.insert("@odata.context".into(), json!(context));
    if let Some(count) = count {
        body.insert("@odata.count".into(), json!(count));
    }
    let link = match fault {
        Some(Fault::ForeignLink { origin }) => {
            Some(Link::Page(format!("{origin}/v1.0/users?$skiptoken=stolen")))
        }
        _ => link,
    };
    match link {
        Some(Link::Page(url)) => _ = body.insert("@odata.nextLink".into(), json!(url)),
        Some(Link::Changes(url)) => _ = body.insert("@odata.deltaLink".into(), json!(url)),
        None => {}
    }
    if fault != Some(&Fault::NoValue) {
        body.insert("value".into(), Value::Array(rows));
    }
    Answer::json(200, &Value::Object(body))
}

fn open(
    world: &World,
    request: &Request,
    mut rows: Vec<Member>,
    shape: Shape,
    consistency: Option<&str>,
) -> Result<Cursor, Refusal> {
    let options = Options::parse(&request.query)?;
    options.check_advanced(consistency)?;
    if shape == Shape::Cast && !options.count {
        let message = "Cast needs the request header 'ConsistencyLevel:eventual' and '$count=true'.";
        return Err(Refusal::bad("Request_UnsupportedQuery", message));
    }
    if let Some(filter) = &options.filter {
        if shape == Shape::Members {
            return Err(Refusal::bad("Request_UnsupportedQuery", "The specified filter needs a cast."));
        }
        rows.retain(|row| {
            world.tenant.users.get(row.kind_and_id().1).is_some_and(|user| filter.admits(user))
        });
    }
    let needs_consistency = options.count;
    Ok(Cursor {
        path: request.path.clone(),
        query: request.query.clone(),
        rows,
        options,
        page: 1,
        needs_consistency,
    })
}

/// Goes on where a link points to; the link must come back whole, and the headers with it.
fn resume(
    world: &World,
    request: &Request,
    token: &str,
    consistency: Option<&str>,
) -> Result<Cursor, Refusal> {
    let cursor = world.cursors.get(token).cloned();
    let decoded =
        |query: &str| url::form_urlencoded::parse(query.as_bytes()).into_owned().collect::<Vec<_>>();
    match cursor {
        Some(cursor) if cursor.path == request.path && decoded(&cursor.query) == decoded(&request.query) => {
            if cursor.needs_consistency
                && !consistency.is_some_and(|level| level.eq_ignore_ascii_case("eventual"))
            {
                let message = "The link was made with 'ConsistencyLevel:eventual', which must be sent again.";
                return Err(Refusal::bad("Request_UnsupportedQuery", message));
            }
            Ok(cursor)
        }
        _ => Err(Refusal::bad("Directory_ExpiredPageToken", "The specified page token value has expired.")),
    }
}

fn link(world: &mut World, cursor: &Cursor, later: &[Member], origin: &str) -> String {
    let token = format!("RFNwdAoAAQ{:06}", world.cursors.len() + 1);
    let pairs: Vec<&str> =
        cursor.query.split('&').filter(|pair| !pair.is_empty() && !pair.contains("skiptoken=")).collect();
    let query = format!("{}{}$skiptoken={token}", pairs.join("&"), if pairs.is_empty() { "" } else { "&" });
    let url = format!("{origin}{}?{query}", cursor.path);
    let next = Cursor { query, rows: later.to_vec(), page: cursor.page + 1, ..cursor.clone() };
    world.cursors.insert(token, next);
    url
}

/// Shows one row; a user who was removed while the listing ran is left out.
fn show(world: &World, row: &Member, shape: Shape, options: &Options) -> Option<Value> {
    let (kind, id) = row.kind_and_id();
    let mut shown = Map::new();
    if shape == Shape::Members {
        shown.insert("@odata.type".into(), json!(kind));
    }
    let group = world.tenant.groups.get(id).map(|group| json!({"id": id, "displayName": group.display_name}));
    let object = match row {
        Member::User(id) => world.tenant.users.get(id)?.clone(),
        Member::Group(_) => group?.as_object()?.clone(),
        Member::Device(id) => json!({"id": id, "displayName": null}).as_object()?.clone(),
    };
    // Without the permission for their type, members come as type and id with everything else null, and status 200.
    if shape != Shape::Users && !world.permits(&["User.Read.All", "Directory.Read.All"]) {
        let hidden: Object =
            selected(&object, options).into_iter().map(|(key, _)| (key, Value::Null)).collect();
        shown.insert("id".into(), json!(id));
        shown.extend(hidden.into_iter().filter(|(key, _)| key != "id"));
        return Some(Value::Object(shown));
    }
    match row {
        Member::User(_) => shown.extend(selected(&object, options)),
        _ => shown.extend(object),
    }
    Some(Value::Object(shown))
}

/// Gives the selected properties: a property that is not set is `null`, a collection `[]`.
fn selected(user: &Object, options: &Options) -> Object {
    let defaults = || properties::DEFAULT.iter().map(|name| (*name).to_owned()).collect();
    let names: Vec<String> = options.select.clone().unwrap_or_else(defaults);
    let value = |name: &String| match user.get(name) {
        Some(value) if !value.is_null() => value.clone(),
        _ if properties::kind(name) == Kind::Collection => json!([]),
        _ => Value::Null,
    };
    names.iter().map(|name| (name.clone(), value(name))).collect()
}

fn count(world: &World, request: &Request) -> Result<Answer, Refusal> {
    if !request.header("consistencylevel").is_some_and(|level| level.eq_ignore_ascii_case("eventual")) {
        return Err(Refusal::bad("Request_BadRequest", "$count is not currently supported."));
    }
    let options = Options::parse(&request.query)?;
    let admitted = |user: &&Object| options.filter.as_ref().is_none_or(|filter| filter.admits(user));
    Ok(Answer::text("text/plain", world.tenant.users.values().filter(admitted).count().to_string()))
}

fn organization(world: &World) -> Answer {
    let row = json!({"id": world.config.tenants.first(), "displayName": "Contoso"});
    Answer::json(200, &json!({"value": [row]}))
}
