//! `$filter`: the part of OData's language that directory connectors use.

use serde_json::Value;

use super::model::Object;
use super::properties::{Kind, kind};

/// A parsed filter.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Filter {
    And(Box<Filter>, Box<Filter>),
    Or(Box<Filter>, Box<Filter>),
    Not(Box<Filter>),
    Compare { path: String, equal: bool, value: Value },
    In { path: String, values: Vec<Value> },
    StartsWith { path: String, text: String },
    EndsWith { path: String, text: String },
}

impl Filter {
    /// Parses a filter; the error is one clause.
    pub(super) fn parse(text: &str) -> Result<Filter, String> {
        let tokens = tokens(text)?;
        let mut parser = Parser { tokens: &tokens };
        let filter = parser.any()?;
        if parser.tokens.is_empty() {
            Ok(filter)
        } else {
            Err(format!("syntax error at `{}`", parser.tokens[0]))
        }
    }

    /// Tells whether Graph answers this only from its advanced index.
    pub(super) fn advanced(&self) -> bool {
        match self {
            Filter::And(left, right) | Filter::Or(left, right) => left.advanced() || right.advanced(),
            Filter::Not(_) | Filter::EndsWith { .. } => true,
            Filter::Compare { path, equal, .. } => !equal || path.ends_with("/$count"),
            Filter::In { .. } | Filter::StartsWith { .. } => false,
        }
    }

    /// Gives how many values the longest `in` has.
    pub(super) fn values(&self) -> usize {
        match self {
            Filter::And(left, right) | Filter::Or(left, right) => left.values().max(right.values()),
            Filter::Not(inner) => inner.values(),
            Filter::In { values, .. } => values.len(),
            Filter::Compare { .. } | Filter::StartsWith { .. } | Filter::EndsWith { .. } => 0,
        }
    }

    /// Tells whether a user is let through.
    pub(super) fn admits(&self, user: &Object) -> bool {
        match self {
            Filter::And(left, right) => left.admits(user) && right.admits(user),
            Filter::Or(left, right) => left.admits(user) || right.admits(user),
            Filter::Not(inner) => !inner.admits(user),
            Filter::Compare { path, equal, value } => same(&at(user, path), value) == *equal,
            Filter::In { path, values } => values.iter().any(|value| same(&at(user, path), value)),
            Filter::StartsWith { path, text } => folded(&at(user, path)).starts_with(&text.to_lowercase()),
            Filter::EndsWith { path, text } => folded(&at(user, path)).ends_with(&text.to_lowercase()),
        }
    }
}

fn at(user: &Object, path: &str) -> Value {
    let (first, rest) = path.split_once('/').unwrap_or((path, ""));
    let value = user.get(first).cloned().unwrap_or(Value::Null);
    match rest {
        "" => value,
        "$count" => Value::from(value.as_array().map_or(0, Vec::len)),
        key => value.get(key).cloned().unwrap_or(Value::Null),
    }
}

fn folded(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_lowercase()
}

/// Compares as Graph does: text without regard to case.
fn same(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::String(left), Value::String(right)) => left.to_lowercase() == right.to_lowercase(),
        _ => left == right,
    }
}

fn tokens(text: &str) -> Result<Vec<String>, String> {
    let (mut found, mut rest) = (Vec::new(), text.trim_start());
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '(' | ')' | ',' => 1,
            '\'' => quoted_length(rest)?,
            _ => rest.find([' ', '(', ')', ',']).unwrap_or(rest.len()),
        };
        found.push(rest[..length].to_owned());
        rest = rest[length..].trim_start();
    }
    Ok(found)
}

/// A quote inside a text is written twice.
fn quoted_length(text: &str) -> Result<usize, String> {
    let bytes = text.as_bytes();
    let mut at = 1;
    while at < bytes.len() {
        if bytes[at] == b'\'' {
            if bytes.get(at + 1) != Some(&b'\'') {
                return Ok(at + 1);
            }
            at += 1;
        }
        at += 1;
    }
    Err("a text without its closing quote".to_owned())
}

struct Parser<'a> {
    tokens: &'a [String],
}

impl Parser<'_> {
    fn any(&mut self) -> Result<Filter, String> {
        let mut left = self.all()?;
        while self.take("or") {
            left = Filter::Or(Box::new(left), Box::new(self.all()?));
        }
        Ok(left)
    }

    fn all(&mut self) -> Result<Filter, String> {
        let mut left = self.one()?;
        while self.take("and") {
            left = Filter::And(Box::new(left), Box::new(self.one()?));
        }
        Ok(left)
    }

    fn one(&mut self) -> Result<Filter, String> {
        if self.take("not") {
            return Ok(Filter::Not(Box::new(self.one()?)));
        }
        if self.take("(") {
            let inner = self.any()?;
            self.need(")")?;
            return Ok(inner);
        }
        let word = self.next()?;
        match word.to_ascii_lowercase().as_str() {
            "startswith" | "endswith" => {
                self.need("(")?;
                let path = checked(self.next()?)?;
                self.need(",")?;
                let text = literal(&self.next()?)?.as_str().ok_or("a text is missing")?.to_owned();
                self.need(")")?;
                let starts = word.eq_ignore_ascii_case("startswith");
                Ok(if starts { Filter::StartsWith { path, text } } else { Filter::EndsWith { path, text } })
            }
            _ => self.comparison(checked(word)?),
        }
    }

    fn comparison(&mut self, path: String) -> Result<Filter, String> {
        let operator = self.next()?;
        match operator.as_str() {
            "eq" | "ne" => {
                let value = literal(&self.next()?)?;
                Ok(Filter::Compare { path, equal: operator == "eq", value })
            }
            "in" => {
                self.need("(")?;
                let mut values = vec![literal(&self.next()?)?];
                while self.take(",") {
                    values.push(literal(&self.next()?)?);
                }
                self.need(")")?;
                Ok(Filter::In { path, values })
            }
            other => Err(format!("the operator `{other}` is not supported")),
        }
    }

    fn next(&mut self) -> Result<String, String> {
        let (first, rest) = self.tokens.split_first().ok_or("the filter ends too early")?;
        self.tokens = rest;
        Ok(first.clone())
    }

    fn take(&mut self, word: &str) -> bool {
        let there = self.tokens.first().is_some_and(|token| token == word);
        if there {
            self.tokens = &self.tokens[1..];
        }
        there
    }

    fn need(&mut self, word: &str) -> Result<(), String> {
        if self.take(word) { Ok(()) } else { Err(format!("`{word}` is missing")) }
    }
}

fn checked(path: String) -> Result<String, String> {
    let name = path.split('/').next().unwrap_or_default();
    match kind(name) {
        Kind::Unknown => {
            Err(format!("could not find a property named '{name}' on type 'microsoft.graph.user'"))
        }
        _ => Ok(path),
    }
}

fn literal(token: &str) -> Result<Value, String> {
    match token {
        "true" => Ok(Value::Bool(true)),
        "false" => Ok(Value::Bool(false)),
        "null" => Ok(Value::Null),
        _ if token.starts_with('\'') => Ok(Value::from(token[1..token.len() - 1].replace("''", "'"))),
        _ => token.parse::<i64>().map(Value::from).map_err(|_| format!("`{token}` is no value")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(filter: &str, expect: Result<(bool, bool), &str>) {
        let user = serde_json::json!({
            "displayName": "Miles O'Brien", "department": "Sales", "accountEnabled": true, "userType": "Member",
            "onPremisesExtensionAttributes": {"extensionAttribute1": "x"}, "assignedLicenses": [{}],
        });
        let got =
            Filter::parse(filter).map(|parsed| (parsed.admits(user.as_object().unwrap()), parsed.advanced()));
        assert_eq!(got, expect.map_err(str::to_owned), "{filter}");
    }

    #[test]
    fn filters_admit_and_say_when_they_are_advanced() {
        check("accountEnabled eq true and userType eq 'Member'", Ok((true, false)));
        check("accountEnabled eq false or department eq 'sales'", Ok((true, false)));
        check("displayName eq 'Miles O''Brien'", Ok((true, false)));
        check("(department eq 'IT' or department eq 'HR') and accountEnabled eq true", Ok((false, false)));
        check("department ne 'Sales'", Ok((false, true)));
        check("not(startsWith(displayName,'Mi'))", Ok((false, true)));
        check("department in ('IT', 'Sales')", Ok((true, false)));
        check("assignedLicenses/$count ne 0", Ok((true, true)));
        check("onPremisesExtensionAttributes/extensionAttribute1 eq 'x'", Ok((true, false)));
        check("mail eq null", Ok((true, false)));
        check(
            "nonsense eq 1",
            Err("could not find a property named 'nonsense' on type 'microsoft.graph.user'"),
        );
        check("department eq 'Sal", Err("a text without its closing quote"));
        check("department like 'S'", Err("the operator `like` is not supported"));
    }
}
