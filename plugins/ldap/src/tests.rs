//! The whole connector against what directories find, written down.

use rollcall_connector::ldap::Entry;
use rollcall_connector::testing::Host;
use rollcall_connector::{Cell, Change, Connector, Coverage, Error, Page, State};
use serde_json::{Value, json};

use crate::Ldap;

mod changes;

const ANY: &str = "(objectClass=*)";
const BASE: &str = "ou=people,dc=x";
const PEOPLE: &str = "(objectClass=person)";
const AD_PEOPLE: &str = "(&(objectCategory=person)(objectClass=user))";
const GROUPS: &str = "(|(objectClass=groupOfNames)(objectClass=groupOfUniqueNames)(objectClass=groupOfMembers)\
    (objectClass=groupOfEntries)(objectClass=posixGroup)(objectClass=group))";
/// 2026-11-23T09:00:00Z.
const NOW: &str = "20261123090000.0Z";

fn settings(more: Value) -> String {
    let mut all =
        json!({"url": "ldaps://dc1.test", "bind_dn": "cn=reader", "base_dn": BASE, "select": ["mail"]});
    if let (Some(all), Value::Object(more)) = (all.as_object_mut(), more) {
        all.extend(more);
    }
    all.to_string()
}

fn entry(dn: &str, attributes: &[(&str, &[&str])]) -> Entry {
    let values = |texts: &[&str]| texts.iter().map(|text| text.as_bytes().to_vec()).collect();
    Entry {
        dn: dn.to_owned(),
        attributes: attributes.iter().map(|(name, texts)| ((*name).to_owned(), values(texts))).collect(),
    }
}

fn user(name: &str) -> Entry {
    entry(
        &format!("uid={name},{BASE}"),
        &[("entryUUID", &[name]), ("uid", &[name]), ("cn", &[name]), ("mail", &[&format!("{name}@x.test")])],
    )
}

/// An account of Active Directory; its GUID is one byte again and again.
fn account(name: &str, guid: u8, control: &str, more: &[(&str, &[&str])]) -> Entry {
    let mut entry =
        entry(&format!("CN={name},{BASE}"), &[("cn", &[name]), ("userAccountControl", &[control])]);
    entry.attributes.push(("objectGUID".to_owned(), vec![vec![guid; 16]]));
    entry.attributes.extend(self::entry("", more).attributes);
    entry
}

fn openldap() -> Host {
    let root = entry("", &[("namingContexts", &["dc=x", "dc=y"]), ("subschemaSubentry", &["cn=Subschema"])]);
    let types = [
        "( 1.1 NAME 'mail' SYNTAX 1.3.6.1.4.1.1466.115.121.1.26 )",
        "( 1.2 NAME 'uidNumber' SYNTAX 1.3.6.1.4.1.1466.115.121.1.27 SINGLE-VALUE )",
    ];
    Host::new().finds("", ANY, vec![root]).finds(BASE, ANY, vec![entry(BASE, &[])]).finds(
        "cn=Subschema",
        "(objectClass=subschema)",
        vec![entry("cn=Subschema", &[("attributeTypes", &types)])],
    )
}

fn active_directory() -> Host {
    let root = entry(
        "",
        &[
            ("namingContexts", &["dc=x", "CN=Configuration,dc=x"]),
            ("defaultNamingContext", &["dc=x"]),
            ("supportedCapabilities", &["1.2.840.113556.1.4.800"]),
            ("currentTime", &[NOW]),
        ],
    );
    Host::new().finds("", ANY, vec![root]).finds(BASE, ANY, vec![entry(BASE, &[])])
}

fn list(host: &Host, more: Value) -> Result<Vec<Page>, Error> {
    host.list::<Ldap>(&settings(more), 100)
}

fn ids(pages: &[Page]) -> Vec<&str> {
    pages
        .iter()
        .flat_map(|page| &page.changes)
        .filter_map(|change| match change {
            Change::User(user) => Some(user.id.as_str()),
            _ => None,
        })
        .collect()
}

/// Gives a user's cell.
fn cell(pages: &[Page], id: &str, column: &str) -> Cell {
    for page in pages {
        let at = page.columns.iter().position(|name| name == column).unwrap();
        for change in &page.changes {
            if let Change::User(user) = change
                && user.id == id
            {
                return user.cells[at].clone();
            }
        }
    }
    panic!("no user {id}");
}

fn setting(error: Error) -> String {
    match error {
        Error::InvalidSettings(faults) => faults[0].setting.clone(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_directory_is_read_page_by_page() {
    let host =
        openldap().finds(BASE, PEOPLE, vec![user("a"), user("b")]).finds(BASE, PEOPLE, vec![user("c")]);
    let pages = list(&host, json!({"select": ["mail", "id", "dn", "uidNumber"], "page_size": 2})).unwrap();
    assert_eq!(ids(&pages), ["a", "b", "c"]);
    assert_eq!(pages.last().unwrap().end, Some(Coverage::Everything));
    assert!(pages.iter().all(|page| page.token.is_none()));
    assert_eq!(cell(&pages, "a", "mail"), Cell::Text("a@x.test".into()));
    assert_eq!(cell(&pages, "a", "dn"), Cell::Text("uid=a,ou=people,dc=x".into()));
    assert_eq!(cell(&pages, "a", "id"), Cell::Text("a".into()));
    // What names are made of is always there.
    assert_eq!(cell(&pages, "a", "cn"), Cell::Text("a".into()));
    let search = host.searches().pop().unwrap();
    assert_eq!((search.login.as_str(), search.page_size), ("directory", 2));
    assert!(
        search.attributes.contains(&"entryUUID".to_owned()) && !search.attributes.contains(&"dn".to_owned())
    );
}

#[test]
fn an_own_filter_is_one_part() {
    let both = "(&(objectClass=person)(|(ou=a)(ou=b)))";
    let host = openldap().finds(BASE, both, vec![user("a")]);
    assert_eq!(ids(&list(&host, json!({"filter": " (|(ou=a)(ou=b)) "})).unwrap()), ["a"]);
    for bad in ["(ou=a)(ou=b)", "ou=a", "(ou=a))(|(ou=*)", "(ou=a"] {
        assert_eq!(setting(list(&openldap(), json!({"filter": bad})).unwrap_err()), "filter", "{bad}");
    }
    let classes = "(|(objectClass=inetOrgPerson)(objectClass=account))";
    let host = openldap().finds(BASE, classes, vec![user("a")]);
    assert_eq!(ids(&list(&host, json!({"user_schema": ["inetOrgPerson, account"]})).unwrap()), ["a"]);
    let host = openldap().finds(BASE, PEOPLE, vec![user("a")]);
    assert_eq!(ids(&list(&host, json!({"user_schema": ["openldap"]})).unwrap()), ["a"]);
}

#[test]
fn accounts_of_active_directory() {
    let host = active_directory().finds(
        BASE,
        AD_PEOPLE,
        vec![
            account(
                "a",
                0x11,
                "512",
                &[("accountExpires", &["0"]), ("memberOf", &["CN=Sales\\, UK,dc=x", "CN=All,dc=x"])],
            ),
            account("disabled", 0x22, "514", &[]),
            account("expired", 0x33, "512", &[("accountExpires", &["134398980000000000"])]),
            account("later", 0x44, "512", &[("accountExpires", &["134398980010000000"])]),
            account("never", 0x55, "66048", &[("accountExpires", &["9223372036854775807"])]),
        ],
    );
    let (a, later, never) = (
        "11111111-1111-1111-1111-111111111111",
        "44444444-4444-4444-4444-444444444444",
        "55555555-5555-5555-5555-555555555555",
    );
    let pages = list(&host, json!({"select": ["groups", "objectGUID"]})).unwrap();
    assert_eq!(ids(&pages), [a, later, never]);
    assert_eq!(cell(&pages, a, "groups"), Cell::Texts(vec!["All".into(), "Sales, UK".into()]));
    assert_eq!(cell(&pages, a, "objectGUID"), Cell::Text(a.into()));
    let pages = list(&host, json!({"select": ["accountEnabled"], "include_disabled": true})).unwrap();
    assert_eq!(ids(&pages).len(), 5);
    let expired = "33333333-3333-3333-3333-333333333333";
    assert_eq!(cell(&pages, expired, "accountEnabled"), Cell::Boolean(false));
    assert_eq!(cell(&pages, a, "accountEnabled"), Cell::Boolean(true));
}

#[test]
fn an_account_whose_state_is_hidden_is_a_missing_right() {
    let mut hidden = account("a", 1, "512", &[]);
    hidden.attributes.retain(|(name, _)| name != "userAccountControl");
    let host = active_directory().finds(BASE, AD_PEOPLE, vec![hidden]);
    match list(&host, json!({})) {
        Err(Error::Denied(denied)) => assert_eq!(denied.missing.as_deref(), Some("read userAccountControl")),
        other => panic!("{other:?}"),
    }
    let mut nameless = user("a");
    nameless.attributes.retain(|(name, _)| name != "entryUUID");
    match list(&openldap().finds(BASE, PEOPLE, vec![nameless]), json!({})) {
        Err(Error::Denied(denied)) => assert_eq!(denied.missing.as_deref(), Some("read entryUUID")),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_group_of_active_directory_is_asked_for_in_one_search() {
    let sid = vec![1, 2, 0, 0, 0, 0, 0, 5, 21, 0, 0, 0, 1, 2, 0, 0];
    let group =
        Entry { dn: "CN=Sales,dc=x".to_owned(), attributes: vec![("objectSid".to_owned(), vec![sid])] };
    let filter = "(&(objectCategory=person)(objectClass=user)(|(memberOf:1.2.840.113556.1.4.1941:=CN=Sales,dc=x)\
                  (primaryGroupID=513)))";
    let host = active_directory().finds("CN=Sales,dc=x", ANY, vec![group]).finds(
        BASE,
        filter,
        vec![account("a", 1, "512", &[])],
    );
    let pages = list(&host, json!({"group_dn": ["CN=Sales,dc=x"]})).unwrap();
    assert_eq!(ids(&pages).len(), 1);
    let absent = active_directory().finds("CN=Gone,dc=x", ANY, vec![]);
    assert_eq!(setting(list(&absent, json!({"group_dn": ["CN=Gone,dc=x"]})).unwrap_err()), "group_dn");
}

#[test]
fn groups_elsewhere_are_one_search_more_for_all_users() {
    let groups = vec![
        entry("cn=sales,dc=x", &[("cn", &["Sales"]), ("member", &["uid=A,ou=people,dc=x", "cn=uk,dc=x"])]),
        entry("cn=uk,dc=x", &[("cn", &["UK"]), ("member", &["uid=b,ou=people,dc=x", "cn=sales,dc=x"])]),
    ];
    let host =
        openldap().finds("dc=x", GROUPS, groups).finds(BASE, PEOPLE, vec![user("a"), user("b"), user("c")]);
    let pages = list(&host, json!({"select": ["groups"]})).unwrap();
    assert_eq!(ids(&pages), ["a", "b", "c"]);
    assert_eq!(cell(&pages, "b", "groups"), Cell::Texts(vec!["UK".into()]));
    assert_eq!(cell(&pages, "c", "groups"), Cell::None);
    // The server's own entry, the base, the schema, the groups, the users.
    assert_eq!(host.searches().len(), 5);
    let pages = list(&host, json!({"group_dn": ["CN=Sales, dc=x"]})).unwrap();
    assert_eq!(ids(&pages), ["a", "b"]);
    let host = host.finds("cn=gone,dc=x", ANY, vec![]);
    assert_eq!(setting(list(&host, json!({"group_dn": ["cn=gone,dc=x"]})).unwrap_err()), "group_dn");
}

#[test]
fn locked_accounts_elsewhere() {
    let mut locked = user("locked");
    locked.attributes.push(("pwdAccountLockedTime".to_owned(), vec![b"000001010000Z".to_vec()]));
    let mut briefly = user("briefly");
    briefly.attributes.push(("pwdAccountLockedTime".to_owned(), vec![b"20261123085900Z".to_vec()]));
    let mut inactive = user("inactive");
    inactive.attributes.push(("nsAccountLock".to_owned(), vec![b"TRUE".to_vec()]));
    let host = openldap().finds(BASE, PEOPLE, vec![locked, briefly, inactive, user("a")]);
    assert_eq!(ids(&list(&host, json!({})).unwrap()), ["briefly", "a"]);
    assert_eq!(ids(&list(&host, json!({"include_disabled": true})).unwrap()).len(), 4);
}

#[test]
fn a_listing_that_breaks_off_is_no_list() {
    let host = openldap().finds(BASE, PEOPLE, vec![user("a")]).fails(
        BASE,
        PEOPLE,
        Error::permanent("cut short at its limit of size"),
    );
    assert!(matches!(list(&host, json!({})), Err(Error::Permanent(_))));
    assert_eq!(
        setting(
            list(&openldap().finds("ou=none,dc=x", ANY, vec![]), json!({"base_dn": "ou=none,dc=x"}))
                .unwrap_err()
        ),
        "base_dn"
    );
}

#[test]
fn a_connection_is_tested() {
    let host = openldap().finds(BASE, PEOPLE, vec![user("a"), user("b")]);
    let settings = serde_json::from_str(&settings(json!({"select": ["mail", "telephoneNumber"]}))).unwrap();
    let found = host.run(|| Ldap::check(&settings)).unwrap();
    assert_eq!(found.users, Some(2));
    let told: Vec<(&str, &State)> =
        found.findings.iter().map(|one| (one.subject.as_str(), &one.state)).collect();
    assert_eq!(
        told,
        [("sign-in", &State::Passed), ("users", &State::Passed), ("telephoneNumber", &State::Warned)]
    );
    assert_eq!(host.run(|| Ldap::identity(&settings)).unwrap(), "dc=x");
    let nobody = openldap().finds(BASE, PEOPLE, vec![]);
    let found = nobody.run(|| Ldap::check(&settings)).unwrap();
    assert_eq!((found.users, &found.findings[1].state), (Some(0), &State::Warned));
}

#[test]
fn attributes_are_the_schemas() {
    let settings = serde_json::from_str(&settings(json!({}))).unwrap();
    let names: Vec<String> =
        openldap().run(|| Ldap::attributes(&settings)).unwrap().into_iter().map(|info| info.name).collect();
    assert_eq!(names, ["id", "dn", "groups", "accountEnabled", "mail", "uidNumber"]);
}

#[test]
fn a_survey_of_everything_hands_over_what_is_there() {
    let select: Vec<String> = (0..300).map(|n| format!("attribute{n}")).chain(["mail".to_owned()]).collect();
    let host = openldap().finds(BASE, PEOPLE, vec![user("a")]);
    let pages = list(&host, json!({ "select": select })).unwrap();
    assert_eq!(pages[0].columns, ["cn", "mail"]);
    assert!(host.searches().pop().unwrap().attributes.contains(&"*".to_owned()));
}

#[test]
fn mistakes_are_named_together() {
    let check = |more: Value, expect: &[&str]| {
        let settings = serde_json::from_str(&settings(more)).unwrap();
        let names: Vec<String> = Ldap::validate(&settings).into_iter().map(|fault| fault.setting).collect();
        assert_eq!(names, expect);
    };
    check(json!({}), &[]);
    check(json!({"base_dn": "Sales", "filter": "x"}), &["base_dn", "filter"]);
    check(json!({"group_dn": ["cn=a", "Sales"]}), &["group_dn"]);
    check(json!({"page_size": 0}), &["page_size"]);
    check(json!({"attributes": ["mobile", "UserPassword"]}), &["attributes"]);
    check(json!({"user_schema": ["inet person"]}), &["user_schema"]);
}
