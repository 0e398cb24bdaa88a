//! The query of a request: OData options, decoded and checked as Graph checks them.

use super::answer::Refusal;
use super::filter::Filter;
use super::properties::{Kind, kind};

/// The OData options of a listing.
#[derive(Clone, Debug, Default)]
pub(super) struct Options {
    /// `$select`; `None`: the default set.
    pub(super) select: Option<Vec<String>>,
    /// `$top`.
    pub(super) top: Option<usize>,
    /// `$filter`.
    pub(super) filter: Option<Filter>,
    /// `$count=true`.
    pub(super) count: bool,
    /// `$skiptoken`.
    pub(super) skip_token: Option<String>,
}

/// The most values behind `in` without the advanced index (microsoft-graph-docs#21098).
const MAX_VALUES: usize = 15;

/// The largest `$top` of users and members.
const MAX_PAGE_ROWS: usize = 999;

impl Options {
    /// Reads a raw query.
    pub(super) fn parse(raw: &str) -> Result<Self, Refusal> {
        let mut options = Options::default();
        for (key, value) in url::form_urlencoded::parse(raw.as_bytes()) {
            // Graph takes the options with and without `$`.
            match key.trim_start_matches('$') {
                "select" => options.select = Some(select(&value)?),
                "top" => options.top = Some(top(&value)?),
                "filter" => options.filter = Some(Filter::parse(&value).map_err(|why| invalid_filter(&why))?),
                "count" => options.count = &*value == "true",
                "skiptoken" => options.skip_token = Some(value.into_owned()),
                "skip" => {
                    return Err(Refusal::bad(
                        "Request_UnsupportedQuery",
                        "'$skip' is not supported by the service.",
                    ));
                }
                "expand" | "orderby" | "search" | "format" => {}
                _ if key.starts_with('$') => {
                    let message = format!("Unrecognized query argument specified: '{key}'.");
                    return Err(Refusal::bad("Request_BadRequest", &message));
                }
                _ => {}
            }
        }
        Ok(options)
    }

    /// Refuses what needs the advanced index without its two signs.
    pub(super) fn check_advanced(&self, consistency: Option<&str>) -> Result<(), Refusal> {
        let advanced = self.filter.as_ref().is_some_and(Filter::advanced);
        let eventual = consistency.is_some_and(|level| level.eq_ignore_ascii_case("eventual"));
        if advanced && !(eventual && self.count) {
            let message = "Operator or property needs the request header 'ConsistencyLevel:eventual' and '$count=true'.";
            return Err(Refusal::bad("Request_UnsupportedQuery", message));
        }
        let values = self.filter.as_ref().map_or(0, Filter::values);
        if values > MAX_VALUES && !eventual {
            let message = format!(
                "Too many child clauses specified in search filter expression containing 'OR' operators: {values}. Max \
                 allowed: {MAX_VALUES}."
            );
            return Err(Refusal::bad("Request_UnsupportedQuery", &message));
        }
        if self.count && !eventual {
            let message = "$count is not currently supported without 'ConsistencyLevel:eventual'.";
            return Err(Refusal::bad("Request_BadRequest", message));
        }
        Ok(())
    }
}

fn select(value: &str) -> Result<Vec<String>, Refusal> {
    let mut names = Vec::new();
    for name in value.split(',').map(str::trim).filter(|name| !name.is_empty()) {
        match kind(name) {
            Kind::Unknown => {
                let message = format!(
                    "Parsing OData Select and Expand failed: Could not find a property named '{name}' on type \
                     'microsoft.graph.user'."
                );
                return Err(Refusal::bad("BadRequest", &message));
            }
            Kind::SingleOnly => {
                let message =
                    format!("The requested resource property '{name}' is not implemented for collections.");
                return Err(Refusal::new(501, "NotImplemented", &message));
            }
            Kind::Plain | Kind::Collection => names.push(name.to_owned()),
        }
    }
    Ok(names)
}

fn top(value: &str) -> Result<usize, Refusal> {
    match value.parse() {
        Ok(rows) if (1..=MAX_PAGE_ROWS).contains(&rows) => Ok(rows),
        _ => {
            let message = format!(
                "Invalid page size specified: '{value}'. Must be between 1 and {MAX_PAGE_ROWS} inclusive."
            );
            Err(Refusal::bad("Request_UnsupportedQuery", &message))
        }
    }
}

fn invalid_filter(why: &str) -> Refusal {
    Refusal::bad("BadRequest", &format!("Invalid filter clause: {why}"))
}
