//! The `search` of users: comparisons joined by `and`. Attributes are case sensitive and must exist.

use serde_json::Value;

/// One comparison.
struct Comparison {
    path: Vec<String>,
    operator: String,
    value: Value,
}

/// A search that Okta would take.
pub(super) struct Search(Vec<Comparison>);

impl Search {
    /// Reads a search; none where Okta answers with E0000031.
    pub(super) fn parse(text: &str, attributes: &[String]) -> Option<Self> {
        let comparisons: Option<Vec<_>> =
            text.split(" and ").map(|part| comparison(part.trim(), attributes)).collect();
        comparisons.map(Self)
    }

    /// Tells whether a user meets it.
    pub(super) fn admits(&self, user: &Value) -> bool {
        self.0.iter().all(|comparison| {
            let found =
                comparison.path.iter().try_fold(user, |value, name| value.get(name)).unwrap_or(&Value::Null);
            holds(found, &comparison.operator, &comparison.value)
        })
    }
}

fn comparison(text: &str, attributes: &[String]) -> Option<Comparison> {
    let (name, rest) = text.split_once(' ')?;
    let (operator, value) = rest.trim().split_once(' ')?;
    let operator = operator.to_ascii_lowercase();
    let own = ["id", "status", "created", "activated", "statusChanged", "lastUpdated"].contains(&name);
    let profile =
        name.strip_prefix("profile.").is_some_and(|name| attributes.iter().any(|known| known == name));
    let known = ["eq", "ne", "gt", "ge", "lt", "le", "sw", "co"].contains(&operator.as_str());
    (known && (own || profile)).then_some(())?;
    Some(Comparison {
        path: name.split('.').map(str::to_owned).collect(),
        operator,
        value: serde_json::from_str(value.trim()).ok()?,
    })
}

fn holds(found: &Value, operator: &str, wanted: &Value) -> bool {
    let (Some(found), Some(wanted)) = (found.as_str(), wanted.as_str()) else {
        return match operator {
            "eq" => found == wanted,
            "ne" => found != wanted,
            _ => false,
        };
    };
    match operator {
        "eq" => found == wanted,
        "ne" => found != wanted,
        "gt" => found > wanted,
        "ge" => found >= wanted,
        "lt" => found < wanted,
        "le" => found <= wanted,
        "sw" => found.starts_with(wanted),
        _ => found.contains(wanted),
    }
}
