//! Filters: comparisons joined by `and`. Names of attributes have no case, and values of `userName` neither.

use serde_json::Value;

/// One comparison.
struct Comparison {
    path: Vec<String>,
    operator: String,
    value: Value,
}

/// A filter that the service takes.
pub(super) struct Filter(Vec<Comparison>);

impl Filter {
    /// Reads a filter; none where the service answers with `invalidFilter`.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let read = |part: &str| {
            let (name, rest) = part.trim().split_once(' ')?;
            let (operator, value) = rest.trim().split_once(' ')?;
            let operator = operator.to_ascii_lowercase();
            ["eq", "ne", "sw", "co"].contains(&operator.as_str()).then_some(())?;
            let path = name.split('.').map(str::to_owned).collect();
            Some(Comparison { path, operator, value: serde_json::from_str(value.trim()).ok()? })
        };
        text.split(" and ").map(read).collect::<Option<Vec<_>>>().map(Self)
    }

    /// Tells whether a user meets it.
    pub(super) fn admits(&self, user: &Value) -> bool {
        self.0.iter().all(|comparison| {
            let found =
                comparison.path.iter().try_fold(user, |value, name| get(value, name)).unwrap_or(&Value::Null);
            let (Some(found), Some(wanted)) = (found.as_str(), comparison.value.as_str()) else {
                return (found == &comparison.value) == (comparison.operator == "eq");
            };
            let (found, wanted) = (found.to_lowercase(), wanted.to_lowercase());
            match comparison.operator.as_str() {
                "eq" => found == wanted,
                "ne" => found != wanted,
                "sw" => found.starts_with(&wanted),
                _ => found.contains(&wanted),
            }
        })
    }
}

fn get<'a>(value: &'a Value, name: &str) -> Option<&'a Value> {
    value.as_object()?.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}
