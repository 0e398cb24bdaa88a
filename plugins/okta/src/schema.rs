//! The attributes of an Okta user, and how a column is found in a user's JSON.
//!
//! A user has a few properties of Okta's own and a `profile`, of which an organisation decides. The profile is flattened:
//! `firstName` is `profile.firstName`. A profile attribute that is called like one of Okta's own is reached as
//! `profile.NAME`.

use std::collections::BTreeSet;

use rollcall_connector::{AttributeInfo, Cell, Kind, attribute};
use serde_json::{Map, Value};

use crate::settings::GROUPS;

/// One user as Okta gives it.
pub(crate) type Row = Map<String, Value>;

/// Okta's own properties (schema `User` of the management API's specification).
const OWN: &[(&str, &str)] = &[
    ("id", "The immutable ID."),
    (
        "status",
        "ACTIVE, STAGED, PROVISIONED, RECOVERY, PASSWORD_EXPIRED, LOCKED_OUT, SUSPENDED or DEPROVISIONED.",
    ),
    ("created", "When the user was created."),
    ("activated", "When the user was activated."),
    ("statusChanged", "When the status last changed."),
    ("lastLogin", "When the user last signed in."),
    ("lastUpdated", "When the user was last changed."),
    ("passwordChanged", "When the password was last changed."),
];

/// The base profile of every organisation ("Default profile properties"), for those whose schema may not be read.
const PROFILE: &[(&str, &str)] = &[
    ("login", "The name to sign in with; may change."),
    ("email", "The primary e-mail address."),
    ("secondEmail", "The secondary e-mail address."),
    ("firstName", "The first name."),
    ("lastName", "The family name."),
    ("middleName", "The middle name."),
    ("honorificPrefix", "What stands before the name."),
    ("honorificSuffix", "What stands behind the name."),
    ("title", "The job title."),
    ("displayName", "The name shown in address books."),
    ("nickName", "The nickname."),
    ("profileUrl", "The address of an online profile."),
    ("primaryPhone", "The primary number, as somebody typed it."),
    ("mobilePhone", "The mobile number, as somebody typed it."),
    ("streetAddress", "The street."),
    ("city", "The city."),
    ("state", "The state or province."),
    ("zipCode", "The postal code."),
    ("countryCode", "The two-letter country code."),
    ("postalAddress", "The postal address."),
    ("preferredLanguage", "The preferred language, such as en-US."),
    ("locale", "The locale, such as en_US."),
    ("timezone", "The time zone."),
    ("userType", "The kind of worker, such as Contractor."),
    ("employeeNumber", "The employee number."),
    ("costCenter", "The cost centre."),
    ("organization", "The organisation."),
    ("division", "The division."),
    ("department", "The department."),
    ("managerId", "The manager's ID, as the organisation writes it."),
    ("manager", "The manager's name, as the organisation writes it."),
];

/// Other directories' names for the same, which functions such as `names::phone_name` look at.
const ALIASES: &[(&str, &str)] = &[("givenName", "firstName"), ("surname", "lastName")];

/// Every page has these, whatever the job names: functions that take `user` look at them.
pub(crate) const ALWAYS: [&str; 3] = ["displayName", "givenName", "surname"];

/// Gives the attributes of the organisation's own schema; without one the usual ones, and those that were asked for are
/// believed.
pub(crate) fn attributes(schema: Option<&Row>, asked: &[String]) -> Vec<AttributeInfo> {
    let mut all: Vec<_> = OWN.iter().map(|(name, about)| attribute(name, Kind::Text, about)).collect();
    let mut taken: BTreeSet<String> = OWN.iter().map(|(name, _)| (*name).to_owned()).collect();
    taken.insert(GROUPS.to_owned());
    let mut add = |info: AttributeInfo| {
        // Behind its full name, where Okta has the short one for itself.
        let name = if taken.contains(&info.name) { format!("profile.{}", info.name) } else { info.name };
        if taken.insert(name.clone()) {
            all.push(AttributeInfo { name, ..info });
        }
    };
    match schema {
        Some(schema) => {
            for part in ["base", "custom"] {
                let properties =
                    schema.get("definitions").and_then(|d| d.get(part)?.get("properties")?.as_object());
                properties
                    .into_iter()
                    .flatten()
                    .map(|(name, property)| described(name, property))
                    .for_each(&mut add);
            }
        }
        None => {
            PROFILE.iter().map(|(name, about)| attribute(name, Kind::Text, about)).for_each(&mut add);
            for name in
                asked.iter().filter(|name| name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_'))
            {
                if !taken_by_us(name) {
                    add(attribute(name, Kind::Text, "An attribute of the organisation's own."));
                }
            }
        }
    }
    for (name, of) in ALIASES {
        if taken.insert((*name).to_owned()) {
            all.push(attribute(name, Kind::Text, &format!("The same as {of}.")));
        }
    }
    let about = "The names of the user's groups; takes a request for each group.";
    all.push(AttributeInfo { many: true, ..attribute(GROUPS, Kind::Text, about) });
    all
}

fn taken_by_us(name: &str) -> bool {
    name == GROUPS
        || OWN.iter().any(|(own, _)| *own == name)
        || ALIASES.iter().any(|(alias, _)| *alias == name)
}

/// Describes a property of the schema: `{"title": …, "type": "string" | "boolean" | "integer" | "number" | "array"}`.
fn described(name: &str, property: &Value) -> AttributeInfo {
    let of = |value: &Value| match value.get("type").and_then(Value::as_str) {
        Some("boolean") => Kind::Boolean,
        Some("integer") => Kind::Integer,
        _ => Kind::Text,
    };
    let many = property.get("type").and_then(Value::as_str) == Some("array");
    let kind = if many { Kind::Text } else { of(property) };
    let about =
        ["description", "title"].iter().find_map(|key| property.get(key)?.as_str()).unwrap_or_default();
    AttributeInfo { many, ..attribute(name, kind, about) }
}

/// Fills one column from a user.
pub(crate) fn cell(row: &Row, column: &str) -> Cell {
    let profile = |name: &str| row.get("profile").and_then(|profile| profile.get(name));
    if let Some(name) = column.strip_prefix("profile.") {
        return profile(name).map_or(Cell::None, Cell::from_json);
    }
    let own = OWN.iter().any(|(name, _)| *name == column).then(|| row.get(column)).flatten();
    let alias = || ALIASES.iter().find(|(alias, _)| *alias == column).and_then(|(_, of)| profile(of));
    own.or_else(|| profile(column)).or_else(alias).map_or(Cell::None, Cell::from_json)
}

#[cfg(test)]
mod tests {
    use rollcall_connector::{Cell, Kind};
    use serde_json::{Value, json};

    use super::{Row, attributes, cell};

    fn object(value: Value) -> Row {
        value.as_object().cloned().unwrap_or_default()
    }

    #[test]
    fn columns_are_found_in_user_and_profile() {
        let row = object(json!({
            "id": "00u1", "status": "ACTIVE", "lastLogin": null,
            "profile": {"firstName": "Zoë", "lastName": "Müller", "status": "on leave", "floor": 3, "remote": true,
                        "skills": ["a", "b"], "mobilePhone": "", "surname": "of her own"},
        }));
        let check = |column: &str, expect: Cell| assert_eq!(cell(&row, column), expect, "{column}");
        check("id", Cell::Text("00u1".into()));
        check("status", Cell::Text("ACTIVE".into()));
        check("profile.status", Cell::Text("on leave".into()));
        check("firstName", Cell::Text("Zoë".into()));
        check("givenName", Cell::Text("Zoë".into()));
        check("surname", Cell::Text("of her own".into()));
        check("floor", Cell::Integer(3));
        check("remote", Cell::Boolean(true));
        check("skills", Cell::Texts(vec!["a".into(), "b".into()]));
        for none in ["lastLogin", "mobilePhone", "department", "profile", "profile.none"] {
            check(none, Cell::None);
        }
    }

    #[test]
    fn the_organisations_schema_is_told() {
        let schema = object(json!({"definitions": {
            "base": {"properties": {"login": {"title": "Username", "type": "string"}, "status": {"type": "string"}}},
            "custom": {"properties": {"floor": {"title": "Floor", "description": "Which floor", "type": "integer"},
                                      "remote": {"type": "boolean"}, "skills": {"type": "array", "items": {"type": "string"}}}},
        }}));
        let all = attributes(Some(&schema), &["none".to_owned()]);
        let find = |name: &str| all.iter().find(|info| info.name == name);
        let told = |name: &str| find(name).map(|info| (info.kind, info.many, info.about.as_str()));
        assert_eq!(told("login"), Some((Kind::Text, false, "Username")));
        assert_eq!(told("floor"), Some((Kind::Integer, false, "Which floor")));
        assert_eq!(told("remote").map(|told| told.0), Some(Kind::Boolean));
        assert_eq!(told("skills").map(|told| told.1), Some(true));
        assert!(find("profile.status").is_some() && find("groups").is_some() && find("givenName").is_some());
        assert!(find("none").is_none() && find("department").is_none());
    }

    #[test]
    fn without_a_schema_names_are_believed_and_unique() {
        let asked = ["floor", "status", "groups", "surname", "a-b"].map(str::to_owned);
        let mut names: Vec<_> = attributes(None, &asked).into_iter().map(|info| info.name).collect();
        assert!(names.contains(&"floor".to_owned()) && names.contains(&"department".to_owned()));
        assert!(!names.contains(&"a-b".to_owned()) && !names.contains(&"profile.status".to_owned()));
        names.sort();
        let count = names.len();
        names.dedup();
        assert_eq!(names.len(), count);
    }
}
