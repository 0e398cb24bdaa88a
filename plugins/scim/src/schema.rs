//! The attributes of a SCIM user (RFC 7643, 4.1 and 4.3), and how a column is found in a user's JSON.
//!
//! Structures are flattened with dots (`name.givenName`). What an expression wants most has a short name besides, since a
//! dotted one must be written as `user["name.givenName"]`: `email` is the primary address, `workPhone` the first number
//! of the type `work`, `department` what the enterprise extension holds. What an extension of a service's own holds is
//! found by its name, and by its full one (`urn:…:User:badge`) where two have the same.

use std::collections::BTreeSet;

use rollcall_connector::{AttributeInfo, Cell, Kind, attribute};
use serde_json::Value;

use crate::wire::{Row, active, get};

/// The core schema.
const CORE: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
/// The enterprise extension.
const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

/// Where a column's value stands.
#[derive(Clone, Copy)]
enum At {
    /// At a path of names.
    Path(&'static [&'static str]),
    /// In the enterprise extension, at a path.
    Enterprise(&'static [&'static str]),
    /// All values of a list, in its order.
    Values(&'static str),
    /// A part of the primary entry of a list, else of the first.
    Primary(&'static str, &'static str),
    /// The value of the first entry of a type.
    Typed(&'static str, &'static str),
}

use At::{Enterprise, Path, Primary, Typed, Values};

/// Every attribute of the standard that a phone user may be made of.
const KNOWN: &[(&str, At, &str)] = &[
    ("id", Path(&["id"]), "The service's own ID, which never changes."),
    ("externalId", Path(&["externalId"]), "The ID that the client who made the user gave it."),
    ("userName", Path(&["userName"]), "The name to sign in with; may change."),
    ("displayName", Path(&["displayName"]), "The name shown in address books."),
    ("nickName", Path(&["nickName"]), "The nickname."),
    ("title", Path(&["title"]), "The job title."),
    ("userType", Path(&["userType"]), "The kind of worker, such as Contractor."),
    ("preferredLanguage", Path(&["preferredLanguage"]), "The preferred language, such as en-US."),
    ("locale", Path(&["locale"]), "The locale, such as en-US."),
    ("timezone", Path(&["timezone"]), "The time zone."),
    ("profileUrl", Path(&["profileUrl"]), "The address of an online profile."),
    ("givenName", Path(&["name", "givenName"]), "The first name."),
    ("familyName", Path(&["name", "familyName"]), "The family name."),
    ("surname", Path(&["name", "familyName"]), "The same as familyName."),
    ("middleName", Path(&["name", "middleName"]), "The middle name."),
    ("formattedName", Path(&["name", "formatted"]), "The whole name."),
    ("name.formatted", Path(&["name", "formatted"]), "The whole name."),
    ("name.givenName", Path(&["name", "givenName"]), "The first name."),
    ("name.familyName", Path(&["name", "familyName"]), "The family name."),
    ("name.middleName", Path(&["name", "middleName"]), "The middle name."),
    ("name.honorificPrefix", Path(&["name", "honorificPrefix"]), "What stands before the name."),
    ("name.honorificSuffix", Path(&["name", "honorificSuffix"]), "What stands behind the name."),
    ("email", Primary("emails", "value"), "The primary e-mail address, else the first."),
    ("workEmail", Typed("emails", "work"), "The first e-mail address of the type `work`."),
    ("phoneNumber", Primary("phoneNumbers", "value"), "The primary number, else the first."),
    ("workPhone", Typed("phoneNumbers", "work"), "The first number of the type `work`."),
    ("mobilePhone", Typed("phoneNumbers", "mobile"), "The first number of the type `mobile`."),
    ("homePhone", Typed("phoneNumbers", "home"), "The first number of the type `home`."),
    ("otherPhone", Typed("phoneNumbers", "other"), "The first number of the type `other`."),
    (
        "streetAddress",
        Primary("addresses", "streetAddress"),
        "The street of the primary address, else of the first.",
    ),
    ("locality", Primary("addresses", "locality"), "The city of that address."),
    ("region", Primary("addresses", "region"), "The state or province of that address."),
    ("postalCode", Primary("addresses", "postalCode"), "The postal code of that address."),
    ("country", Primary("addresses", "country"), "The country of that address, two letters by the standard."),
    ("employeeNumber", Enterprise(&["employeeNumber"]), "The employee number."),
    ("costCenter", Enterprise(&["costCenter"]), "The cost centre."),
    ("organization", Enterprise(&["organization"]), "The organisation."),
    ("division", Enterprise(&["division"]), "The division."),
    ("department", Enterprise(&["department"]), "The department."),
    ("manager", Enterprise(&["manager", "value"]), "The manager's ID."),
    ("managerName", Enterprise(&["manager", "displayName"]), "The manager's name."),
    ("meta.created", Path(&["meta", "created"]), "When the user was created."),
    ("meta.lastModified", Path(&["meta", "lastModified"]), "When the user was last changed."),
    ("meta.version", Path(&["meta", "version"]), "The version of the user, as an ETag."),
    ("emails", Values("emails"), "All e-mail addresses."),
    ("phoneNumbers", Values("phoneNumbers"), "All numbers, as somebody typed them or as `tel:` URIs."),
    ("groups", Values("groups"), "The names of the user's groups, else their IDs."),
    ("roles", Values("roles"), "The roles."),
    ("entitlements", Values("entitlements"), "The entitlements."),
    ("ims", Values("ims"), "The addresses for messages."),
];

/// Every page has these, whatever the job names: functions that take `user` look at them.
pub(crate) const ALWAYS: [&str; 3] = ["displayName", "givenName", "surname"];

/// Gives the attributes of the standard and of the service's own extensions. Full names that were asked for are believed.
pub(crate) fn attributes(schemas: &[Row], asked: &[String]) -> Vec<AttributeInfo> {
    let mut all: Vec<AttributeInfo> = KNOWN
        .iter()
        .map(|(name, at, about)| AttributeInfo {
            many: matches!(at, Values(_)),
            ..attribute(name, Kind::Text, about)
        })
        .collect();
    all.push(attribute("active", Kind::Boolean, "Whether the user may sign in."));
    let mut taken: BTreeSet<String> = all.iter().map(|info| info.name.to_ascii_lowercase()).collect();
    let mut add = |info: AttributeInfo| {
        if taken.insert(info.name.to_ascii_lowercase()) {
            all.push(info);
        }
    };
    for schema in schemas {
        let id = get(schema, "id").and_then(Value::as_str).unwrap_or_default();
        if !is_extension(id) {
            continue;
        }
        for info in
            get(schema, "attributes").and_then(Value::as_array).into_iter().flatten().flat_map(described)
        {
            let full = format!("{id}:{}", info.name);
            add(info.clone());
            add(AttributeInfo { name: full, ..info });
        }
    }
    for name in asked.iter().filter(|name| name.to_ascii_lowercase().starts_with("urn:")) {
        add(attribute(name, Kind::Text, "An attribute by its full name."));
    }
    all
}

/// Tells a schema that extends users from those of the standard, and from those of groups and of the service itself.
fn is_extension(id: &str) -> bool {
    let lower = id.to_ascii_lowercase();
    let standard = lower.starts_with("urn:ietf:params:scim:schemas:core:")
        || lower.starts_with("urn:ietf:params:scim:api:");
    !id.is_empty() && !standard && !lower.ends_with(":group")
}

/// Describes an attribute of a schema (RFC 7643, 7), with its parts where it has some.
fn described(attribute_of: &Value) -> Vec<AttributeInfo> {
    let text = |of: &Value, name: &str| of[name].as_str().unwrap_or_default().to_owned();
    let name = text(attribute_of, "name");
    let many = attribute_of["multiValued"].as_bool().unwrap_or(false);
    let kind = |of: &Value| match text(of, "type").as_str() {
        "boolean" => Kind::Boolean,
        "integer" => Kind::Integer,
        _ => Kind::Text,
    };
    let info = |name: &str, of: &Value| AttributeInfo {
        many,
        ..attribute(name, if many { Kind::Text } else { kind(of) }, &text(of, "description"))
    };
    let parts = attribute_of["subAttributes"].as_array().map(Vec::as_slice).unwrap_or_default();
    let described = match (many, parts) {
        (false, [_, ..]) => {
            parts.iter().map(|part| info(&format!("{name}.{}", text(part, "name")), part)).collect()
        }
        _ => vec![info(&name, attribute_of)],
    };
    described.into_iter().filter(|info| !info.name.is_empty() && !info.name.ends_with('.')).collect()
}

/// Fills one column from a user.
pub(crate) fn cell(row: &Row, column: &str) -> Cell {
    if column.eq_ignore_ascii_case("active") {
        return active(row).map_or(Cell::None, Cell::Boolean);
    }
    let known = KNOWN.iter().find(|(name, _, _)| name.eq_ignore_ascii_case(column)).map(|(_, at, _)| *at);
    let parts: Vec<&str> = column.split('.').collect();
    let value = match known {
        Some(Path(names)) => path(row, names),
        Some(Enterprise(names)) => {
            get(row, ENTERPRISE).and_then(Value::as_object).and_then(|e| enterprise(e, names))
        }
        Some(Values(list)) => return values(get(row, list), list == "groups"),
        Some(Primary(list, part)) => primary(row, list).and_then(|entry| get(entry, part)),
        Some(Typed(list, kind)) => typed(row, list, kind).and_then(|entry| get(entry, "value")),
        None => by_full_name(row, column).or_else(|| extension(row, &parts)),
    };
    match value {
        Some(list @ Value::Array(_)) => values(Some(list), false),
        Some(value) => Cell::from_json(value),
        None => Cell::None,
    }
}

fn path<'a>(row: &'a Row, names: &[&str]) -> Option<&'a Value> {
    let (last, before) = names.split_last()?;
    let row = before.iter().try_fold(row, |row, name| get(row, name)?.as_object())?;
    get(row, last)
}

/// A manager is an object by the standard, and a bare ID with some services.
fn enterprise<'a>(extension: &'a Row, names: &[&str]) -> Option<&'a Value> {
    match (names, get(extension, names.first()?)?) {
        ([_, "value"], plain @ Value::String(_)) => Some(plain),
        _ => path(extension, names),
    }
}

fn entries<'a>(row: &'a Row, list: &str) -> impl Iterator<Item = &'a Row> {
    get(row, list).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_object)
}

fn primary<'a>(row: &'a Row, list: &str) -> Option<&'a Row> {
    let is_primary = |entry: &&Row| get(entry, "primary") == Some(&Value::Bool(true));
    entries(row, list).find(is_primary).or_else(|| entries(row, list).next())
}

fn typed<'a>(row: &'a Row, list: &str, kind: &str) -> Option<&'a Row> {
    let is_of = |entry: &&Row| {
        get(entry, "type").and_then(Value::as_str).is_some_and(|given| given.eq_ignore_ascii_case(kind))
    };
    let primary = primary(row, list).filter(is_of);
    primary.or_else(|| entries(row, list).find(is_of))
}

/// Gives the texts of a list: of an entry its value, or what it is called where that says more.
fn values(list: Option<&Value>, called: bool) -> Cell {
    let order = if called { ["display", "value"] } else { ["value", "display"] };
    let text = |entry: &Value| match entry {
        Value::Object(entry) => order.iter().find_map(|name| {
            get(entry, name).and_then(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned)
        }),
        Value::String(text) => Some(text.clone()),
        Value::Null | Value::Array(_) => None,
        other => Some(other.to_string()),
    };
    Cell::from_texts(list.and_then(Value::as_array).into_iter().flatten().filter_map(text))
}

/// Finds `urn:…:User:badge.number`: what stands before the last colon is a schema, whose own name has dots too.
fn by_full_name<'a>(row: &'a Row, column: &str) -> Option<&'a Value> {
    let (schema, names) = column.rsplit_once(':')?;
    let names: Vec<&str> = names.split('.').collect();
    if schema.eq_ignore_ascii_case(CORE) {
        return path(row, &names);
    }
    path(get(row, schema)?.as_object()?, &names)
}

/// Finds an attribute of any extension by its short name.
fn extension<'a>(row: &'a Row, names: &[&str]) -> Option<&'a Value> {
    let extensions = row.iter().filter(|(key, _)| key.to_ascii_lowercase().starts_with("urn:"));
    let mut extensions = extensions.filter_map(|(_, value)| value.as_object());
    extensions.find_map(|extension| path(extension, names)).or_else(|| path(row, names))
}

#[cfg(test)]
mod tests {
    use rollcall_connector::{Cell, Kind};
    use serde_json::{Value, json};

    use super::{Row, attributes, cell};

    const OWN: &str = "urn:acme:scim:2.0:User";

    fn object(value: Value) -> Row {
        value.as_object().cloned().unwrap_or_default()
    }

    #[test]
    fn columns_are_found_wherever_services_put_them() {
        let row = object(json!({
            "id": "1", "USERNAME": "zoe", "active": "False", "nickName": null,
            "name": {"givenName": "Zoë", "familyName": "Müller"},
            "emails": [{"value": "home@x", "type": "home"}, {"value": "work@x", "type": "Work", "primary": true}],
            "phoneNumbers": [{"value": "tel:+1-201-555-0123", "type": "work"}, {"value": "", "type": "mobile"}, {"value": "2"}],
            "addresses": [{"country": "GB", "type": "work"}],
            "groups": [{"value": "g1", "display": "Sales"}, {"value": "g2"}],
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": {"department": "R&D", "manager": "26118915"},
            "urn:acme:scim:2.0:User": {"badge": {"number": 7}, "skills": ["a", "b"], "remote": true},
        }));
        let check = |column: &str, expect: Cell| assert_eq!(cell(&row, column), expect, "{column}");
        let text = |text: &str| Cell::Text(text.into());
        let texts = |all: &[&str]| Cell::Texts(all.iter().map(|one| (*one).to_owned()).collect());
        check("id", text("1"));
        check("userName", text("zoe"));
        check("active", Cell::Boolean(false));
        check("givenName", text("Zoë"));
        check("name.familyName", text("Müller"));
        check("surname", text("Müller"));
        check("email", text("work@x"));
        check("workEmail", text("work@x"));
        check("emails", texts(&["home@x", "work@x"]));
        check("phoneNumber", text("tel:+1-201-555-0123"));
        check("workPhone", text("tel:+1-201-555-0123"));
        check("phoneNumbers", texts(&["tel:+1-201-555-0123", "2"]));
        check("country", text("GB"));
        check("groups", texts(&["Sales", "g2"]));
        check("department", text("R&D"));
        check("urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department", text("R&D"));
        check("urn:ietf:params:scim:schemas:core:2.0:User:name.givenName", text("Zoë"));
        check("manager", text("26118915"));
        check("badge.number", Cell::Integer(7));
        check(&format!("{OWN}:badge.number"), Cell::Integer(7));
        check("skills", texts(&["a", "b"]));
        check("remote", Cell::Boolean(true));
        for none in ["nickName", "mobilePhone", "managerName", "roles", "none", "urn:none:x", "name.none"] {
            check(none, Cell::None);
        }
    }

    #[test]
    fn a_managers_name_stands_in_its_object() {
        let manager = json!({"value": "26118915", "displayName": "Ann", "$ref": "../Users/26118915"});
        let row = object(
            json!({"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": {"manager": manager}}),
        );
        assert_eq!(cell(&row, "manager"), Cell::Text("26118915".into()));
        assert_eq!(cell(&row, "managerName"), Cell::Text("Ann".into()));
    }

    #[test]
    fn extensions_of_the_service_are_told() {
        let own = json!({"id": OWN, "attributes": [
            {"name": "badge", "type": "complex", "multiValued": false, "subAttributes": [{"name": "number", "type": "integer"}]},
            {"name": "skills", "type": "string", "multiValued": true, "description": "What somebody can do."},
            {"name": "department", "type": "string", "multiValued": false},
        ]});
        let group =
            json!({"id": "urn:ietf:params:scim:schemas:core:2.0:Group", "attributes": [{"name": "members"}]});
        let all = attributes(&[object(own), object(group)], &["urn:other:User:x".to_owned(), "y".to_owned()]);
        let find = |name: &str| all.iter().find(|info| info.name == name);
        assert_eq!(find("badge.number").map(|info| info.kind), Some(Kind::Integer));
        assert!(find("skills").is_some_and(|info| info.many && info.about == "What somebody can do."));
        assert!(find(&format!("{OWN}:department")).is_some() && find("urn:other:User:x").is_some());
        assert!(find("members").is_none() && find("y").is_none());
        let mut names: Vec<_> = all.iter().map(|info| info.name.to_ascii_lowercase()).collect();
        names.sort();
        let count = names.len();
        names.dedup();
        assert_eq!(names.len(), count);
    }
}
