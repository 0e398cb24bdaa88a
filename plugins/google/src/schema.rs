//! The attributes of a Google user, and how a column is found in a user's JSON.
//!
//! Names: schema `User` of the Directory API's discovery document (revision 20261104). Its lists of phones,
//! organisations, relations and so on are flattened: `workPhone` is the first number of the type `work`, `department`
//! that of the primary organisation. Custom schemas are reached as `customSchemas.SCHEMA.FIELD`.

use rollcall_connector::{AttributeInfo, Cell, Kind, attribute};
use serde_json::{Map, Value};

use crate::settings::GROUPS;

/// One user as Google gives it.
pub(crate) type Row = Map<String, Value>;

/// What the field of a custom schema begins with.
const CUSTOM: &str = "customSchemas.";

/// Where a column's value stands.
#[derive(Clone, Copy)]
enum At {
    /// At a property, or at a property of one.
    Path(&'static [&'static str]),
    /// A part of the primary entry of a list, else of the first.
    Primary(&'static str, &'static str),
    /// A part of the first entry of a type.
    Typed(&'static str, &'static str, &'static str),
    /// A part of every entry of a list, or the texts of a plain one.
    Every(&'static str, &'static str),
}

use At::{Every, Path, Primary, Typed};

const KNOWN: &[(&str, At, &str)] = &[
    ("id", Path(&["id"]), "The immutable ID."),
    ("primaryEmail", Path(&["primaryEmail"]), "The primary e-mail address, to sign in with; may change."),
    ("email", Path(&["primaryEmail"]), "The same as primaryEmail."),
    ("fullName", Path(&["name", "fullName"]), "First and family name."),
    ("displayName", Path(&["name", "displayName"]), "The name shown, else first and family name."),
    ("givenName", Path(&["name", "givenName"]), "The first name."),
    ("familyName", Path(&["name", "familyName"]), "The family name."),
    ("surname", Path(&["name", "familyName"]), "The same as familyName."),
    ("name.fullName", Path(&["name", "fullName"]), "First and family name."),
    ("name.displayName", Path(&["name", "displayName"]), "The name shown."),
    ("name.givenName", Path(&["name", "givenName"]), "The first name."),
    ("name.familyName", Path(&["name", "familyName"]), "The family name."),
    ("orgUnitPath", Path(&["orgUnitPath"]), "The path of the organisational unit."),
    ("customerId", Path(&["customerId"]), "The account's ID."),
    ("suspensionReason", Path(&["suspensionReason"]), "Why the user is suspended."),
    ("creationTime", Path(&["creationTime"]), "When the user was created."),
    ("lastLoginTime", Path(&["lastLoginTime"]), "When the user last signed in."),
    ("phone", Primary("phones", "value"), "The primary number, else the first, as somebody typed it."),
    ("workPhone", Typed("phones", "work", "value"), "The first number of the type `work`."),
    ("mobilePhone", Typed("phones", "mobile", "value"), "The first number of the type `mobile`."),
    (
        "workMobilePhone",
        Typed("phones", "work_mobile", "value"),
        "The first number of the type `work_mobile`.",
    ),
    ("homePhone", Typed("phones", "home", "value"), "The first number of the type `home`."),
    ("faxNumber", Typed("phones", "work_fax", "value"), "The first number of the type `work_fax`."),
    ("employeeId", Typed("externalIds", "organization", "value"), "The employee number."),
    ("title", Primary("organizations", "title"), "The job title."),
    ("department", Primary("organizations", "department"), "The department."),
    ("costCenter", Primary("organizations", "costCenter"), "The cost centre."),
    ("companyName", Primary("organizations", "name"), "The company."),
    ("officeLocation", Primary("organizations", "location"), "The office."),
    ("employeeType", Primary("organizations", "description"), "The kind of worker."),
    ("manager", Typed("relations", "manager", "value"), "The manager's e-mail address."),
    ("buildingId", Primary("locations", "buildingId"), "The building."),
    ("floorName", Primary("locations", "floorName"), "The floor."),
    ("floorSection", Primary("locations", "floorSection"), "The part of the floor."),
    ("deskCode", Primary("locations", "deskCode"), "The desk."),
    ("address", Primary("addresses", "formatted"), "The primary address, as somebody typed it."),
    ("locality", Primary("addresses", "locality"), "The city of that address."),
    ("region", Primary("addresses", "region"), "The state or province of that address."),
    ("postalCode", Primary("addresses", "postalCode"), "The postal code of that address."),
    ("country", Primary("addresses", "country"), "The country of that address."),
    ("countryCode", Primary("addresses", "countryCode"), "The two-letter country code of that address."),
    ("language", Primary("languages", "languageCode"), "The first language, such as en-GB."),
    ("phones", Every("phones", "value"), "All numbers, as somebody typed them."),
    ("emails", Every("emails", "address"), "All e-mail addresses."),
    ("aliases", Every("aliases", "value"), "The other addresses of the user."),
    (
        "nonEditableAliases",
        Every("nonEditableAliases", "value"),
        "The other addresses that nobody can change.",
    ),
    ("externalIds", Every("externalIds", "value"), "All IDs of other systems."),
];

const BOOLEANS: &[(&str, &str)] = &[
    ("suspended", "Whether the account is suspended."),
    ("archived", "Whether the account is archived."),
    ("isAdmin", "Whether the user is a super administrator."),
    ("isGuestUser", "Whether the user is a guest."),
    ("isMailboxSetup", "Whether the user has a mailbox."),
    ("includeInGlobalAddressList", "Whether the directory shows the user."),
];

/// Every page has these, whatever the job names: functions that take `user` look at them.
pub(crate) const ALWAYS: [&str; 3] = ["displayName", "givenName", "surname"];

/// Gives the attributes that a listing can yield. Which custom schemas there are can be read only with a further scope,
/// so that those asked for are believed.
pub(crate) fn attributes(asked: &[String]) -> Vec<AttributeInfo> {
    let mut all: Vec<AttributeInfo> = KNOWN
        .iter()
        .map(|(name, at, about)| AttributeInfo {
            many: matches!(at, Every(_, _)),
            ..attribute(name, Kind::Text, about)
        })
        .collect();
    all.extend(BOOLEANS.iter().map(|(name, about)| attribute(name, Kind::Boolean, about)));
    for name in asked.iter().filter(|name| is_custom(name)) {
        all.push(attribute(name, Kind::Text, "A field of a custom schema of the account."));
    }
    let about = "The names of the user's groups, nested ones included; takes a request for each group.";
    all.push(AttributeInfo { many: true, ..attribute(GROUPS, Kind::Text, about) });
    all
}

/// Gives the properties that must be asked for so that these columns can be filled.
pub(crate) fn properties(columns: &[String]) -> Vec<&str> {
    let mut names = vec!["id", "suspended", "archived"];
    for column in columns.iter().filter(|column| *column != GROUPS) {
        let name = match known(column) {
            Some(Path(path)) => path.first().copied().unwrap_or_default(),
            Some(Primary(list, _) | Typed(list, _, _) | Every(list, _)) => list,
            None => column.split('.').next().unwrap_or_default(),
        };
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// Tells whether a column is the field of a custom schema, which is `customSchemas.SCHEMA.FIELD`.
pub(crate) fn is_custom(column: &str) -> bool {
    let plain = |part: &str| {
        !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-".contains(&b))
    };
    column
        .strip_prefix(CUSTOM)
        .and_then(|rest| rest.split_once('.'))
        .is_some_and(|(schema, field)| plain(schema) && plain(field))
}

/// Fills one column from a user.
pub(crate) fn cell(row: &Row, column: &str) -> Cell {
    let value = match known(column) {
        Some(Path(path)) => at(row, path.iter().copied()),
        Some(Primary(list, part)) => primary(row, list).and_then(|entry| entry.get(part)),
        Some(Typed(list, kind, part)) => {
            entries(row, list).find(|entry| is_of(entry, kind)).and_then(|entry| entry.get(part))
        }
        Some(Every(list, part)) => return every(row.get(list), part),
        None => at(row, column.split('.')),
    };
    let value = match (column, value) {
        // Most never chose one.
        ("displayName", None) => at(row, ["name", "fullName"].into_iter()),
        (_, value) => value,
    };
    match value {
        // A field of a custom schema with several values: `[{"value": …, "type": …}]`.
        Some(list @ Value::Array(_)) => every(Some(list), "value"),
        Some(value) => Cell::from_json(value),
        None => Cell::None,
    }
}

fn known(column: &str) -> Option<At> {
    KNOWN.iter().find(|(name, _, _)| *name == column).map(|(_, at, _)| *at)
}

fn at<'a>(row: &'a Row, mut path: impl Iterator<Item = &'a str>) -> Option<&'a Value> {
    let first = row.get(path.next()?)?;
    path.try_fold(first, |value, name| value.get(name))
}

/// The lists are of type `any` in Google's own schema: what is no list of objects counts as none.
fn entries<'a>(row: &'a Row, list: &str) -> impl Iterator<Item = &'a Row> {
    row.get(list).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_object)
}

fn primary<'a>(row: &'a Row, list: &str) -> Option<&'a Row> {
    let is_primary = |entry: &&Row| entry.get("primary") == Some(&Value::Bool(true));
    entries(row, list).find(is_primary).or_else(|| entries(row, list).next())
}

fn is_of(entry: &Row, kind: &str) -> bool {
    entry.get("type").and_then(Value::as_str) == Some(kind)
}

fn every(list: Option<&Value>, part: &str) -> Cell {
    let text = |entry: &Value| {
        let value = if entry.is_object() { entry.get(part)? } else { entry };
        match value {
            Value::String(text) => Some(text.clone()).filter(|text| !text.is_empty()),
            Value::Null => None,
            other => Some(other.to_string()),
        }
    };
    Cell::from_texts(list.and_then(Value::as_array).into_iter().flatten().filter_map(text))
}

#[cfg(test)]
mod tests {
    use rollcall_connector::Cell;
    use serde_json::{Value, json};

    use super::{Row, attributes, cell, is_custom, properties};

    fn object(value: Value) -> Row {
        value.as_object().cloned().unwrap_or_default()
    }

    #[test]
    fn lists_are_flattened() {
        let row = object(json!({
            "id": "1", "primaryEmail": "zoe@x", "suspended": false,
            "name": {"givenName": "Zoë", "familyName": "Müller", "fullName": "Zoë Müller"},
            "phones": [{"value": "+44 1", "type": "home"}, {"value": "+44 2", "type": "work", "primary": true},
                       {"value": "+44 3", "type": "work"}, {"value": "9", "type": "custom", "customType": "desk"}],
            "organizations": [{"title": "Old"}, {"title": "Boss", "department": "R&D", "primary": true}],
            "externalIds": [{"value": "77", "type": "organization"}],
            "relations": [{"value": "ann@x", "type": "assistant"}, {"value": "bob@x", "type": "manager"}],
            "locations": [{"buildingId": "HQ", "type": "desk"}],
            "aliases": ["z@x", "zm@x"], "emails": [{"address": "zoe@x", "primary": true}, {"address": ""}],
            "addresses": "none", "customSchemas": {"Phone": {"ext": "2001", "keys": [{"value": "a"}, {"value": "b"}]}},
        }));
        let check = |column: &str, expect: Cell| assert_eq!(cell(&row, column), expect, "{column}");
        let text = |text: &str| Cell::Text(text.into());
        let texts = |all: &[&str]| Cell::Texts(all.iter().map(|one| (*one).to_owned()).collect());
        check("primaryEmail", text("zoe@x"));
        check("displayName", text("Zoë Müller"));
        check("surname", text("Müller"));
        check("name.givenName", text("Zoë"));
        check("suspended", Cell::Boolean(false));
        check("phone", text("+44 2"));
        check("workPhone", text("+44 2"));
        check("homePhone", text("+44 1"));
        check("phones", texts(&["+44 1", "+44 2", "+44 3", "9"]));
        check("title", text("Boss"));
        check("department", text("R&D"));
        check("employeeId", text("77"));
        check("manager", text("bob@x"));
        check("buildingId", text("HQ"));
        check("aliases", texts(&["z@x", "zm@x"]));
        check("emails", texts(&["zoe@x"]));
        check("customSchemas.Phone.ext", text("2001"));
        check("customSchemas.Phone.keys", texts(&["a", "b"]));
        for none in [
            "mobilePhone",
            "country",
            "archived",
            "customSchemas.Phone.none",
            "customSchemas.None.ext",
            "costCenter",
        ] {
            check(none, Cell::None);
        }
    }

    #[test]
    fn a_column_asks_for_its_property_alone() {
        let columns = ["displayName", "workPhone", "phones", "department", "customSchemas.A.b", "groups"];
        let columns = columns.map(str::to_owned);
        assert_eq!(
            properties(&columns),
            ["id", "suspended", "archived", "name", "phones", "organizations", "customSchemas"]
        );
    }

    #[test]
    fn custom_fields_are_believed_and_names_are_unique() {
        for (name, expect) in [
            ("customSchemas.Phone.ext", true),
            ("customSchemas.Phone", false),
            ("customSchemas.Phone.a.b", false),
            ("customSchemas..x", false),
            ("other.Phone.ext", false),
        ] {
            assert_eq!(is_custom(name), expect, "{name}");
        }
        let mut names: Vec<_> = attributes(&["customSchemas.A.b".to_owned(), "x".to_owned()])
            .into_iter()
            .map(|info| info.name)
            .collect();
        assert!(names.contains(&"customSchemas.A.b".to_owned()) && !names.contains(&"x".to_owned()));
        names.sort();
        let count = names.len();
        names.dedup();
        assert_eq!(names.len(), count);
    }
}
