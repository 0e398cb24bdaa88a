//! Readings of what has changed only.

use super::*;

/// A quarter of an hour before [`NEWEST`].
const CHANGED: &str = "(modifyTimestamp>=20241123084500Z)";
const NEWEST: &str = "20241123090000Z";

fn stamped(name: &str, at: &str) -> Entry {
    let mut user = user(name);
    user.attributes.push(("modifyTimestamp".to_owned(), vec![at.as_bytes().to_vec()]));
    user
}

fn in_scope(changed: &str) -> String {
    format!("(&{PEOPLE}{changed})")
}

fn follow(host: &Host, more: Value, since: Option<&[u8]>) -> Result<Vec<Page>, Error> {
    let mut settings: Value = serde_json::from_str(&settings(more)).unwrap();
    settings["changes_only"] = json!(true);
    host.list_since::<Ldap>(&settings.to_string(), since.map(<[u8]>::to_vec), 100)
}

fn token(pages: &[Page]) -> Option<Vec<u8>> {
    pages.last().unwrap().token.clone()
}

fn gone(pages: &[Page]) -> Vec<&str> {
    pages
        .iter()
        .flat_map(|page| &page.changes)
        .filter_map(|change| match change {
            Change::Gone(id) => Some(id.as_str()),
            _ => None,
        })
        .collect()
}

/// Reads a directory with the users `a` and `b` and gives the token.
fn read_once(more: Value) -> Option<Vec<u8>> {
    let host = openldap().finds(BASE, PEOPLE, vec![stamped("a", NEWEST), stamped("b", "20241101120000Z")]);
    let pages = follow(&host, more, None).unwrap();
    assert_eq!(pages.last().unwrap().end, Some(Coverage::Everything));
    token(&pages)
}

fn check_findings(host: &Host, more: Value) -> Vec<(String, State)> {
    let mut more = more;
    more["changes_only"] = json!(true);
    let settings = serde_json::from_str(&settings(more)).unwrap();
    let found = host.run(|| Ldap::check(&settings)).unwrap().findings;
    found.into_iter().map(|one| (one.subject, one.state)).collect()
}

#[test]
fn who_changed_comes_whole_and_who_left_the_scope_is_gone() {
    let since = read_once(json!({})).unwrap();
    let mut cleared = stamped("b", "20241123091500Z");
    cleared.attributes.retain(|(name, _)| name != "mail");
    let host = openldap()
        .finds(BASE, CHANGED, vec![stamped("a", NEWEST), stamped("b", "20241123091500Z")])
        .finds(BASE, CHANGED, vec![stamped("left", "20241123091000Z"), stamped("new", "20241123091200Z")])
        .finds(BASE, &in_scope(CHANGED), vec![stamped("a", NEWEST), cleared, stamped("new", NEWEST)]);
    let pages = follow(&host, json!({}), Some(&since)).unwrap();
    assert_eq!(ids(&pages), ["a", "b", "new"]);
    assert_eq!(gone(&pages), ["left"]);
    assert_eq!(cell(&pages, "b", "mail"), Cell::None);
    assert_eq!(pages.last().unwrap().end, Some(Coverage::Changes));
    // The server's own entry, who changed, the schema, who of them is in scope.
    assert_eq!(host.searches().len(), 4);
    // The newest of all decides from when on the next one reads, whether in scope or not.
    let later = "(modifyTimestamp>=20241123090000Z)";
    let host = openldap().finds(BASE, later, vec![stamped("b", "20241123091500Z")]).finds(
        BASE,
        &in_scope(later),
        vec![stamped("b", "20241123091500Z")],
    );
    assert_eq!(ids(&follow(&host, json!({}), token(&pages).as_deref()).unwrap()), ["b"]);
}

#[test]
fn who_is_locked_in_between_is_gone() {
    let since = read_once(json!({})).unwrap();
    let mut locked = stamped("a", NEWEST);
    locked.attributes.push(("nsAccountLock".to_owned(), vec![b"TRUE".to_vec()]));
    let host =
        openldap().finds(BASE, CHANGED, vec![locked.clone()]).finds(BASE, &in_scope(CHANGED), vec![locked]);
    let pages = follow(&host, json!({}), Some(&since)).unwrap();
    assert_eq!((ids(&pages), gone(&pages)), (vec![], vec!["a"]));
}

#[test]
fn without_the_newest_entry_nothing_is_told() {
    let since = read_once(json!({})).unwrap();
    for found in [vec![], vec![stamped("b", "20241123085959Z")], vec![user("a")]] {
        let host = openldap().finds(BASE, CHANGED, found.clone()).finds(BASE, &in_scope(CHANGED), found);
        assert_eq!(follow(&host, json!({}), Some(&since)), Err(Error::TokenExpired));
    }
    // Neither what is no token, nor one of another kind of directory.
    for other in [&b"rubbish"[..], b"{}", &domain_once(1, json!({})).unwrap()] {
        assert_eq!(follow(&openldap(), json!({}), Some(other)), Err(Error::TokenExpired));
    }
    // Nor where the settings do not want it.
    assert_eq!(
        openldap().list_since::<Ldap>(&settings(json!({})), Some(since), 100),
        Err(Error::TokenExpired)
    );
}

#[test]
fn a_time_that_is_hidden_gives_no_token() {
    let host = openldap().finds(BASE, PEOPLE, vec![stamped("a", NEWEST), user("b")]);
    assert_eq!(token(&follow(&host, json!({}), None).unwrap()), None);
    let told = check_findings(&host, json!({}));
    assert!(told.contains(&("changes_only".to_owned(), State::Warned)), "{told:?}");
    // Nobody is no reason to warn, and none for a token.
    let host = openldap().finds(BASE, PEOPLE, vec![]);
    assert_eq!(token(&follow(&host, json!({}), None).unwrap()), None);
    assert!(check_findings(&host, json!({})).contains(&("changes_only".to_owned(), State::Passed)));
}

#[test]
fn a_time_that_is_yet_to_come_hides_nothing() {
    // Of a server whose clock is ahead: what others change meanwhile is older.
    let users = vec![stamped("a", NEWEST), stamped("ahead", "29991231235959Z")];
    let host = openldap().finds(BASE, PEOPLE, users);
    let since = token(&follow(&host, json!({}), None).unwrap()).unwrap();
    let host = openldap().finds(BASE, CHANGED, vec![stamped("a", NEWEST)]).finds(
        BASE,
        &in_scope(CHANGED),
        vec![stamped("a", NEWEST)],
    );
    assert_eq!(ids(&follow(&host, json!({}), Some(&since)).unwrap()), ["a"]);
}

#[test]
fn a_listing_of_changes_that_breaks_off_is_no_list() {
    let since = read_once(json!({})).unwrap();
    let cut = || Error::permanent("cut short at its limit of size");
    let host = openldap().finds(BASE, CHANGED, vec![stamped("a", NEWEST)]).fails(BASE, CHANGED, cut());
    assert_eq!(follow(&host, json!({}), Some(&since)), Err(cut()));
    let host = openldap()
        .finds(BASE, CHANGED, vec![stamped("a", NEWEST)])
        .finds(BASE, &in_scope(CHANGED), vec![stamped("a", NEWEST)])
        .fails(BASE, &in_scope(CHANGED), cut());
    assert_eq!(follow(&host, json!({}), Some(&since)), Err(cut()));
}

#[test]
fn groups_that_changed_want_everything_read() {
    let group = |members: &[&str]| vec![entry("cn=sales,dc=x", &[("cn", &["Sales"]), ("member", members)])];
    let (ann, bob) = ("uid=a,ou=people,dc=x", "uid=b,ou=people,dc=x");
    for more in [json!({"group_dn": ["cn=sales,dc=x"]}), json!({"select": ["groups"]})] {
        let host = openldap().finds("dc=x", GROUPS, group(&[ann, bob])).finds(
            BASE,
            PEOPLE,
            vec![stamped("a", NEWEST), stamped("b", NEWEST)],
        );
        let since = token(&follow(&host, more.clone(), None).unwrap()).unwrap();
        let again = |members: &[&str]| {
            let host = openldap()
                .finds("dc=x", GROUPS, group(members))
                .finds(BASE, CHANGED, vec![stamped("a", NEWEST)])
                .finds(BASE, &in_scope(CHANGED), vec![stamped("a", NEWEST)]);
            follow(&host, more.clone(), Some(&since))
        };
        assert_eq!(ids(&again(&[bob, ann]).unwrap()), ["a"]);
        assert_eq!(again(&[ann]), Err(Error::TokenExpired));
        assert_eq!(again(&[ann, bob, "uid=c,ou=people,dc=x"]), Err(Error::TokenExpired));
    }
}

#[test]
fn what_changes_without_a_mark_is_never_followed() {
    for (more, filter) in [
        (json!({"filter": "(!(|(memberOf:1.2.840.113556.1.4.1941:=cn=x)(a=b)))"}), true),
        (json!({"select": ["MemberOf"]}), false),
        (json!({"attributes": ["lastLogon"]}), false),
    ] {
        let all = format!("(&{PEOPLE}(!(|(memberOf:1.2.840.113556.1.4.1941:=cn=x)(a=b))))");
        let host = openldap().finds(BASE, if filter { &all } else { PEOPLE }, vec![stamped("a", NEWEST)]);
        assert_eq!(token(&follow(&host, more.clone(), None).unwrap()), None, "{more}");
        let told = check_findings(&host, more);
        assert!(told.contains(&("changes_only".to_owned(), State::Warned)), "{told:?}");
    }
}

const SERVICE: &str = "CN=NTDS Settings,CN=DC1";

/// A controller that has counted so far; a database 0 is not shown.
fn domain(controller: &str, database: u8, last: u64, now: &str) -> Host {
    let root = entry(
        "",
        &[
            ("defaultNamingContext", &["dc=x"]),
            ("supportedCapabilities", &["1.2.840.113556.1.4.800"]),
            ("currentTime", &[now]),
            ("dsServiceName", &[controller]),
            ("highestCommittedUSN", &[&last.to_string()]),
        ],
    );
    let settings = Entry {
        dn: controller.to_owned(),
        attributes: vec![("invocationId".to_owned(), vec![vec![database; 16]])],
    };
    Host::new().finds("", ANY, vec![root]).finds(BASE, ANY, vec![entry(BASE, &[])]).finds(
        controller,
        ANY,
        vec![settings],
    )
}

/// An account that shows the number of its last change.
fn counted(name: &str, guid: u8, control: &str, more: &[(&str, &[&str])]) -> Entry {
    let mut account = account(name, guid, control, more);
    account.attributes.push(("uSNChanged".to_owned(), vec![b"90".to_vec()]));
    account
}

/// Reads a domain up to a change and gives the token.
fn domain_once(last: u64, more: Value) -> Option<Vec<u8>> {
    let host = domain(SERVICE, 1, last, NOW)
        .finds(BASE, AD_PEOPLE, vec![counted("a", 0x11, "512", &[]), counted("b", 0x22, "512", &[])])
        .finds("dc=x", "(objectClass=group)", vec![entry("cn=g,dc=x", &[("uSNChanged", &["7"])])]);
    token(&follow(&host, more, None).unwrap())
}

/// What has changed behind the number 100, or has expired within a minute.
const NUMBERED: &str = "(|(uSNChanged>=101)\
    (&(accountExpires>=134398980000000000)(accountExpires<=134398980610000000)))";
const A_MINUTE_LATER: &str = "20261123090100.0Z";

#[test]
fn a_controller_counts_its_changes() {
    let since = domain_once(100, json!({})).unwrap();
    let scope = format!("(&(objectCategory=person)(objectClass=user){NUMBERED})");
    let expired = counted("b", 0x22, "512", &[("accountExpires", &["134398980300000000"])]);
    let host = domain(SERVICE, 1, 120, A_MINUTE_LATER)
        .finds(
            BASE,
            NUMBERED,
            vec![counted("a", 0x11, "514", &[]), expired.clone(), counted("c", 0x33, "512", &[])],
        )
        .finds(BASE, &scope, vec![counted("a", 0x11, "514", &[]), expired, counted("c", 0x33, "512", &[])]);
    let pages = follow(&host, json!({}), Some(&since)).unwrap();
    assert_eq!(ids(&pages), ["33333333-3333-3333-3333-333333333333"]);
    let left = ["11111111-1111-1111-1111-111111111111", "22222222-2222-2222-2222-222222222222"];
    assert_eq!(gone(&pages), left);
    assert_eq!(pages.last().unwrap().end, Some(Coverage::Changes));
    // Nothing has changed: the server's own entry, its database, one search, and whether it is still the same.
    let host = domain(SERVICE, 1, 100, A_MINUTE_LATER).finds(BASE, NUMBERED, vec![]);
    let pages = follow(&host, json!({}), Some(&since)).unwrap();
    assert_eq!((ids(&pages).len(), gone(&pages).len(), host.searches().len()), (0, 0, 4));
    assert!(token(&pages).is_some());
    // A clock that was set back by a minute.
    let back =
        "(|(uSNChanged>=101)(&(accountExpires>=134398979400000000)(accountExpires<=134398980010000000)))";
    let host = domain(SERVICE, 1, 100, "20261123085900.0Z").finds(BASE, back, vec![]);
    assert!(follow(&host, json!({}), Some(&since)).is_ok());
}

#[test]
fn another_controller_or_an_older_database_wants_everything_read() {
    let since = domain_once(100, json!({})).unwrap();
    for (controller, database, last) in
        [("CN=NTDS Settings,CN=DC2", 1, 120), (SERVICE, 2, 120), (SERVICE, 1, 99)]
    {
        let host = domain(controller, database, last, NOW);
        assert_eq!(follow(&host, json!({}), Some(&since)), Err(Error::TokenExpired));
    }
    // Where the database is not shown, the name and the count are.
    let shy = |last| {
        domain(SERVICE, 0, last, A_MINUTE_LATER).finds(BASE, AD_PEOPLE, vec![counted("a", 1, "512", &[])])
    };
    let hidden = token(&follow(&shy(100), json!({}), None).unwrap()).unwrap();
    assert_eq!(follow(&shy(99), json!({}), Some(&hidden)), Err(Error::TokenExpired));
    let same_minute =
        "(|(uSNChanged>=101)(&(accountExpires>=134398980600000000)(accountExpires<=134398980610000000)))";
    assert!(follow(&shy(120).finds(BASE, same_minute, vec![]), json!({}), Some(&hidden)).is_ok());
    // People come and go with folders, and are not changed by it.
    let folder = entry("ou=new,ou=people,dc=x", &[("objectClass", &["top", "organizationalUnit"])]);
    let host = domain(SERVICE, 1, 120, A_MINUTE_LATER).finds(BASE, NUMBERED, vec![folder]);
    assert_eq!(follow(&host, json!({}), Some(&since)), Err(Error::TokenExpired));
    // Nor where another controller answers at the end, be it of everything or of changes.
    let moved = |page: &str, filter: &str| {
        let first = domain(SERVICE, 1, 100, A_MINUTE_LATER).finds(BASE, filter, vec![]);
        first.then_finds("", ANY, vec![entry("", &[("dsServiceName", &[page])])])
    };
    let pages = follow(&moved("CN=NTDS Settings,CN=DC2", AD_PEOPLE), json!({}), None).unwrap();
    assert_eq!((pages.last().unwrap().end, token(&pages)), (Some(Coverage::Everything), None));
    let changes = follow(&moved("CN=NTDS Settings,CN=DC2", NUMBERED), json!({}), Some(&since));
    assert_eq!(changes, Err(Error::TokenExpired));
    assert!(follow(&moved(SERVICE, NUMBERED), json!({}), Some(&since)).is_ok());
    // Where the number is not shown, no change would be found; and nobody shows none.
    let mut shy = counted("a", 0x11, "512", &[]);
    shy.attributes.retain(|(name, _)| name != "uSNChanged");
    for found in [vec![counted("b", 0x22, "512", &[]), shy], vec![]] {
        let host = domain(SERVICE, 1, 100, NOW).finds(BASE, AD_PEOPLE, found);
        assert_eq!(token(&follow(&host, json!({}), None).unwrap()), None);
    }
    // A controller that does not count gives no token.
    let host = active_directory().finds(BASE, AD_PEOPLE, vec![counted("a", 0x11, "512", &[])]);
    assert_eq!(token(&follow(&host, json!({}), None).unwrap()), None);
}

#[test]
fn a_group_of_a_domain_that_changed_wants_everything_read() {
    let more = json!({"select": ["groups"]});
    let since = domain_once(100, more.clone()).unwrap();
    let again = |groups: &[(&str, &str)]| {
        let groups = groups.iter().map(|(dn, last)| entry(dn, &[("uSNChanged", &[last])])).collect();
        let host = domain(SERVICE, 1, 120, A_MINUTE_LATER)
            .finds("dc=x", "(objectClass=group)", groups)
            .finds(BASE, NUMBERED, vec![]);
        follow(&host, more.clone(), Some(&since))
    };
    assert!(again(&[("cn=g,dc=x", "7")]).is_ok());
    for changed in [&[("cn=g,dc=x", "101")][..], &[], &[("cn=g,dc=x", "7"), ("cn=h,dc=x", "110")]] {
        assert_eq!(again(changed), Err(Error::TokenExpired), "{changed:?}");
    }
    // In another domain nobody counts them here.
    let far = json!({"group_dn": ["cn=g,dc=y"]});
    let filter =
        "(&(objectCategory=person)(objectClass=user)(|(memberOf:1.2.840.113556.1.4.1941:=cn=g,dc=y)))";
    let host = domain(SERVICE, 1, 100, NOW).finds("cn=g,dc=y", ANY, vec![entry("cn=g,dc=y", &[])]).finds(
        BASE,
        filter,
        vec![counted("a", 0x11, "512", &[])],
    );
    assert_eq!(token(&follow(&host, far, None).unwrap()), None);
}
