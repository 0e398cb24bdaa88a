//! The made-up people of the Graph simulator as Google shows them.

use serde_json::{Value, json};

use super::world::Account;
use crate::graph;

/// Gives the ID of the n-th person.
pub fn id(n: usize) -> String {
    format!("1{n:020}")
}

/// Makes an account of so many people.
pub fn people(count: usize) -> Account {
    let mut account = Account::default();
    let tenant = graph::people(count);
    for n in 0..count {
        let user = &tenant.users[&graph::guid(1, n)];
        let of = |name: &str| user.get(name).cloned().unwrap_or_default();
        let work = user.get("businessPhones").and_then(Value::as_array).into_iter().flatten();
        let mut phones: Vec<Value> = work.map(|number| json!({"value": number, "type": "work"})).collect();
        let mobile = user.get("mobilePhone").filter(|number| !number.is_null());
        phones.extend(mobile.map(|number| json!({"value": number, "type": "mobile"})));
        account.users.insert(id(n), json!({
            "kind": "admin#directory#user", "id": id(n), "primaryEmail": of("mail"), "customerId": "C01simulated",
            "name": {"givenName": of("givenName"), "familyName": of("surname"), "fullName": of("displayName")},
            "suspended": false, "archived": false, "isAdmin": false,
            "orgUnitPath": format!("/{}", of("department").as_str().unwrap_or_default()),
            "phones": phones,
            "organizations": [{"title": of("jobTitle"), "department": of("department"), "primary": true}],
            "externalIds": [{"value": of("employeeId"), "type": "organization"}],
            "addresses": [{"countryCode": of("usageLocation"), "type": "work"}],
        }));
    }
    account
}
