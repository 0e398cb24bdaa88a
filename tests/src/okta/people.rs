//! The made-up people of the Graph simulator as Okta shows them.

use serde_json::json;

use super::world::Organisation;
use crate::graph;

/// Gives the ID of the n-th person.
pub fn id(n: usize) -> String {
    format!("00u{n:017}")
}

/// Makes an organisation of so many people, last changed at a time in milliseconds since 1970.
pub fn people(count: usize, changed_ms: i64) -> Organisation {
    let mut organisation = Organisation::default();
    let tenant = graph::people(count);
    for n in 0..count {
        let user = &tenant.users[&graph::guid(1, n)];
        let of = |name: &str| user.get(name).cloned().unwrap_or_default();
        let login = of("userPrincipalName");
        let primary =
            user.get("businessPhones").and_then(|phones| phones.get(0)).cloned().unwrap_or_default();
        let profile = json!({
            "login": login, "email": of("mail"), "firstName": of("givenName"), "lastName": of("surname"),
            "displayName": of("displayName"), "primaryPhone": primary, "mobilePhone": of("mobilePhone"), "department": of("department"),
            "employeeNumber": of("employeeId"), "countryCode": of("usageLocation"), "title": of("jobTitle"),
        });
        // Okta leaves out what is not set.
        let profile = profile.as_object().map(|all| all.iter().filter(|(_, value)| !value.is_null()));
        let profile: serde_json::Map<_, _> =
            profile.into_iter().flatten().map(|(name, value)| (name.clone(), value.clone())).collect();
        organisation.users.insert(
            id(n),
            json!({
                "id": id(n), "status": "ACTIVE", "created": "2026-01-05T08:00:00.000Z", "activated": null,
                "lastUpdated": super::world::stamp(changed_ms), "type": {"id": "oty1"}, "profile": profile,
            }),
        );
    }
    organisation
}
