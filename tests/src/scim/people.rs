//! The made-up people of the Graph simulator as a SCIM service shows them.

use serde_json::{Value, json};

use super::world::Directory;
use crate::graph;

/// The enterprise extension.
const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

/// Gives the id of the n-th person.
pub fn id(n: usize) -> String {
    graph::guid(1, n)
}

/// Makes a directory of so many people.
pub fn people(count: usize) -> Directory {
    let mut directory = Directory::default();
    let tenant = graph::people(count);
    for n in 0..count {
        let user = &tenant.users[&graph::guid(1, n)];
        let of = |name: &str| user.get(name).cloned().unwrap_or_default();
        let phone = |kind: &str, number: &Value| json!({"value": number, "type": kind});
        let work = user.get("businessPhones").and_then(Value::as_array).into_iter().flatten();
        let mut phones: Vec<Value> = work.map(|number| phone("work", number)).collect();
        phones.extend(
            user.get("mobilePhone").filter(|number| !number.is_null()).map(|number| phone("mobile", number)),
        );
        let shown = json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User", ENTERPRISE],
            "id": id(n),
            "userName": of("userPrincipalName"),
            "name": {"givenName": of("givenName"), "familyName": of("surname")},
            "displayName": of("displayName"),
            "active": true,
            "emails": [{"value": of("mail"), "type": "work", "primary": true}],
            "phoneNumbers": phones,
            "groups": [{"value": format!("g-{}", of("department").as_str().unwrap_or_default()), "display": of("department")}],
            "addresses": [{"country": of("usageLocation"), "type": "work"}],
            ENTERPRISE: {"employeeNumber": of("employeeId"), "department": of("department")},
            "meta": {"resourceType": "User", "version": "W/\"1\""},
        });
        directory.users.push(shown);
    }
    directory
}
