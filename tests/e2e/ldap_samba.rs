//! Active Directory, as Samba plays it: who is a person, who is disabled, groups within groups, identifiers, and the
//! words behind its numbers. What Samba does not do like Windows (page limits,
//! ranges) a small directory of our own does.

use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rollcall_tests::harness::TestEnv;
use rollcall_tests::ldap::samba::{ADMIN, BASE, Samba};
use rollcall_tests::ldap::windows::{self, Account, Windows};

use crate::env;
use crate::ldap::Job;

const READER: &str = "Reader0!Canary9";

/// A small domain. 544 is an ordinary account that needs no password; 546 the same, disabled.
fn staff() -> String {
    let person = |name: &str, login: &str, control: u32, more: &str| {
        let (given, surname) = name.split_once(' ').unwrap();
        format!(
            "dn: CN={name},OU=Staff,{BASE}\nobjectClass: user\nsAMAccountName: {login}\ngivenName: {given}\nsn: {surname}\n\
             displayName: {name}\nuserPrincipalName: {login}@ad.example.test\nmail: {login}@example.test\n\
             userAccountControl: {control}\n{more}\n"
        )
    };
    let staff = format!("OU=Staff,{BASE}");
    [
        format!("dn: {staff}\nobjectClass: organizationalUnit\nou: Staff\n\n"),
        person("Ann Berg", "ann", 544, "telephoneNumber: +1 555 0100 x20001\ndepartment: Sales\naccountExpires: 0\n"),
        person("Bob Carr", "bob", 544, "telephoneNumber: +1 555 0100 x20002\nmanager: CN=Ann Berg,OU=Staff,DC=ad,DC=example,DC=test\n"),
        person("Cid Dorn", "cid", 544, "accountExpires: 9223372036854775807\n"),
        person("Dee Eden", "dee", 546, ""),
        // An instant in 1601: expired.
        person("Eve Ford", "eve", 544, "accountExpires: 1\n"),
        format!("dn: CN=PC1,{staff}\nobjectClass: computer\nsAMAccountName: PC1$\nuserAccountControl: 4096\n\n"),
        format!(
            "dn: CN=svc,{staff}\nobjectClass: msDS-GroupManagedServiceAccount\nsAMAccountName: svc$\nuserAccountControl: 4096\n\
             msDS-ManagedPasswordInterval: 30\ndNSHostName: svc.ad.example.test\n\n"
        ),
        format!("dn: CN=Gil Hart,{staff}\nobjectClass: contact\nsn: Hart\nmail: gil@partner.example\n\n"),
        format!("dn: CN=Sales,{staff}\nobjectClass: group\nsAMAccountName: Sales\nmember: CN=Ann Berg,{staff}\nmember: CN=Dee Eden,{staff}\n\n"),
        format!("dn: CN=All Staff,{staff}\nobjectClass: group\nsAMAccountName: All Staff\nmember: CN=Sales,{staff}\nmember: CN=Bob Carr,{staff}\n\n"),
    ]
    .concat()
}

#[test]
fn a_domain_is_read() {
    let Some(domain) = Samba::start() else { return };
    domain.modify(&staff().replace("\nobjectClass", "\nchangetype: add\nobjectClass"));
    // A circle: the outer group is a member of the inner one.
    domain.modify(&format!(
        "dn: CN=Sales,OU=Staff,{BASE}\nchangetype: modify\nadd: member\nmember: CN=All Staff,OU=Staff,{BASE}\n\n"
    ));
    domain.tool(&["user", "create", "reader", READER]);

    let mut env = env();
    env.write("ca.pem", std::fs::read(&domain.certificate.authority).unwrap());
    env.set("BIND_PASSWORD", READER);
    let job = |settings: &str, fields: &str| Job {
        fields: fields.to_owned(),
        bind_dn: Some("reader@ad.example.test".to_owned()),
        base_dn: format!("OU=Staff,{BASE}"),
        ..Job::new(&format!("url = \"ldaps://127.0.0.1\"\nca_file = \"ca.pem\"\n{settings}"))
    };

    job("", "group_membership = \"groups\"").write(&env);
    let _ = env.run(&["test-connection", "job.toml"]).success().says("Active Directory").says("3 in scope");
    let run = env.run(&["sync", "job.toml", "--yes", "--json"]).success();
    let mut names: Vec<String> =
        run.changes("create").iter().map(|change| change["name"].as_str().unwrap().to_owned()).collect();
    names.sort();
    assert_eq!(names, ["Ann Berg", "Bob Carr", "Cid Dorn"]);
    let ann = run.changes("create").into_iter().find(|change| change["name"] == "Ann Berg").unwrap();
    let id = ann["user_identification"].as_str().unwrap();
    assert_eq!((id.len(), id.matches('-').count()), (36, 4), "{id}");
    assert_eq!(ann["extension"], "20001");
    let again = env.run(&["sync", "job.toml", "--yes", "--json"]).success();
    assert_eq!((again.figure("unchanged"), again.figure("applied")), (3, 0));
    // Attributes of the schema, identifiers as text, references as names.
    let fields = env.run(&["fields", "job.toml", "--json"]).success();
    let all = fields.json();
    let field = |name: &str| {
        let list = all["attributes"].as_array().unwrap();
        list.iter().find(|field| field["name"] == name).unwrap_or_else(|| panic!("no {name}")).clone()
    };
    assert!(field("objectSid")["sample"].as_str().unwrap().starts_with("S-1-5-21-"));
    assert_eq!(field("userAccountControl")["type"], "integer");
    assert_eq!(
        (field("telephoneNumber")["many"].as_bool(), field("telephoneNumber")["users"].as_u64()),
        (Some(false), Some(2))
    );

    // Of a group with a circle in it, of a primary group, of both.
    let preview = |settings: &str| {
        job(settings, "").write(&env);
        env.run(&["preview", "job.toml", "--json"]).figure("directory_users")
    };
    assert_eq!(preview(&format!("group_dn = \"CN=All Staff,OU=Staff,{BASE}\"")), 2);
    assert_eq!(preview(&format!("group_dn = [\"CN=Domain Users,CN=Users,{BASE}\"]")), 3);
    assert_eq!(
        preview(&format!("group_dn = \"CN=All Staff,OU=Staff,{BASE}\"\nfilter = \"(department=Sales)\"")),
        1
    );
    assert_eq!(preview("include_disabled = true"), 5);
    assert_eq!(preview("user_schema = \"User\""), 3);
    // From its root the domain names its other partitions, which are no part of it.
    let root = Job { base_dn: BASE.to_owned(), ..job("filter = \"(sn=*)\"", "") };
    root.write(&env);
    assert_eq!(env.run(&["preview", "job.toml", "--json"]).success().figure("directory_users"), 3);
    // Without TLS the controller wants no password, and gets none.
    let over_start_tls =
        job("", "").settings.replace("ldaps://127.0.0.1\"", "ldap://127.0.0.1\"\nstart_tls = true");
    Job { settings: over_start_tls, ..job("", "") }.write(&env);
    assert_eq!(env.run(&["preview", "job.toml", "--json"]).success().figure("directory_users"), 3);

    // Disabled accounts that keep their telephone: Ann is disabled, and stays as she is.
    let mut keeping = job("", "group_membership = \"groups\"");
    keeping.rest = "[leavers]\ndisabled = \"keep\"\n".to_owned();
    keeping.write(&env);
    domain.modify(&format!(
        "dn: CN=Ann Berg,OU=Staff,{BASE}\nchangetype: modify\nreplace: userAccountControl\nuserAccountControl: 546\n\n"
    ));
    let kept = env.run(&["sync", "job.toml", "--yes", "--json"]).success();
    assert_eq!((kept.figure("delete"), kept.figure("pending_delete"), kept.figure("create")), (0, 0, 0));

    changes_are_followed(&domain);

    // The words behind the numbers.
    job("", "").write(&env);
    env.set("BIND_PASSWORD", "Wrong~Secret.99");
    let _ = env
        .run(&["preview", "job.toml"])
        .exits(4)
        .says("the name or the password is wrong")
        .hides("Wrong~Secret.99");
    env.set("BIND_PASSWORD", READER);
    domain.tool(&["user", "disable", "reader"]);
    let _ = env.run(&["preview", "job.toml"]).exits(4).says("the account is disabled");
    for secret in [READER, ADMIN] {
        assert_eq!(env.files_with(secret), Vec::<std::path::PathBuf>::new());
    }
}

/// Only changes of the domain are read, by its count of them. Ann is disabled, Bob and Cid are there.
fn changes_are_followed(domain: &Samba) {
    let mut env = env();
    env.write("ca.pem", std::fs::read(&domain.certificate.authority).unwrap());
    env.set("BIND_PASSWORD", READER);
    let job = |settings: &str| Job {
        bind_dn: Some("reader@ad.example.test".to_owned()),
        base_dn: format!("OU=Staff,{BASE}"),
        rest: "[guard]\nmin_directory = \"10%\"\n".to_owned(),
        ..Job::new(&format!(
            "url = \"ldaps://127.0.0.1\"\nca_file = \"ca.pem\"\nchanges_only = true\n{settings}"
        ))
    };
    let sync = |env: &TestEnv| {
        let run = env.run(&["sync", "job.toml", "--yes", "--json"]).success();
        ["create", "update", "pending_delete"].map(|name| run.figure(name))
    };
    let modify = |name: &str, change: &str| {
        domain.modify(&format!("dn: CN={name},OU=Staff,{BASE}\nchangetype: modify\n{change}\n\n"));
    };
    job("").write(&env);
    let _ = env.run(&["test-connection", "job.toml"]).success().says("noticed at the next full one");
    assert_eq!(sync(&env), [2, 0, 0]);
    assert_eq!(sync(&env), [0, 0, 0]);
    modify("Bob Carr", "replace: mail\nmail: carr@example.test");
    domain.modify(&format!(
        "dn: CN=Cid Dorn,OU=Staff,{BASE}\nchangetype: modrdn\nnewrdn: CN=Cid D\ndeleteoldrdn: 1\n\n"
    ));
    modify("Cid D", "replace: displayName\ndisplayName: Cid D");
    assert_eq!(sync(&env), [0, 2, 0]);
    modify("Ann Berg", "replace: userAccountControl\nuserAccountControl: 544");
    modify("Cid D", "replace: userAccountControl\nuserAccountControl: 546");
    assert_eq!(sync(&env), [1, 0, 1]);
    // An account expires, and nobody touches it then.
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let soon = (now + 6 + 11_644_473_600) * 10_000_000;
    modify("Bob Carr", &format!("replace: accountExpires\naccountExpires: {soon}"));
    assert_eq!(sync(&env), [0, 0, 1]);
    std::thread::sleep(Duration::from_secs(7));
    assert_eq!(sync(&env), [0, 0, 2]);
    modify("Bob Carr", "replace: accountExpires\naccountExpires: 0");
    // Who is deleted is noticed when everything is read again.
    domain.modify(&format!("dn: CN=Ann Berg,OU=Staff,{BASE}\nchangetype: delete\n\n"));
    assert_eq!(sync(&env), [0, 0, 1]);
    env.advance(Duration::from_secs(86_400));
    assert_eq!(sync(&env), [0, 0, 2]);

    // Members of a group: Bob is one by way of another group. Cid comes, and his entry stays as it was.
    modify("Cid D", "replace: userAccountControl\nuserAccountControl: 544");
    job(&format!("group_dn = \"CN=All Staff,OU=Staff,{BASE}\"")).write(&env);
    let users =
        |env: &TestEnv| env.run(&["preview", "job.toml", "--json"]).success().figure("directory_users");
    assert_eq!((users(&env), users(&env)), (1, 1));
    modify("Sales", &format!("add: member\nmember: CN=Cid D,OU=Staff,{BASE}"));
    assert_eq!(users(&env), 2);
    modify("Sales", &format!("delete: member\nmember: CN=Cid D,OU=Staff,{BASE}"));
    assert_eq!(users(&env), 1);
    // A folder that moves into the base takes its people with it, unchanged.
    job("").write(&env);
    let before = users(&env);
    domain.tool(&["ou", "add", &format!("OU=Guests,{BASE}")]);
    domain.tool(&["user", "add", "hal", "Guest0!Canary4", "--userou=OU=Guests"]);
    assert_eq!(users(&env), before);
    domain.modify(&format!(
        "dn: OU=Guests,{BASE}\nchangetype: modrdn\nnewrdn: OU=Guests\ndeleteoldrdn: 1\nnewsuperior: OU=Staff,{BASE}\n\n"
    ));
    assert_eq!(users(&env), before + 1);
}

/// Phone system with two groups, of which a user is the eleventh and the three thousandth time a member.
const OFFICE: &str = r#"
[[system]]
name = "Primary"
primary = true
[[group]]
name = "G10"
extension = "60001"
system = "Primary"
[[group]]
name = "G2999"
extension = "60002"
system = "Primary"
"#;

#[test]
fn limits_of_windows_hide_nobody_and_no_group() {
    let groups = (0..3_200).map(|n| format!("CN=G{n},OU=Groups,{}", windows::BASE)).collect();
    let mut accounts = vec![Account { name: "Joiner Everywhere".to_owned(), member_of: groups, changed: 1 }];
    accounts.extend((1..2_500).map(|n| Account {
        name: format!("User {n}"),
        member_of: Vec::new(),
        changed: 1,
    }));
    let server = Windows::start(accounts);
    let env = env();
    env.write("office.toml", OFFICE);
    let _ = env.run(&["office", "init", "office.db", "--from", "office.toml"]).success();
    let job = |page_size: u32| Job {
        fields: "group_membership = \"groups\"".to_owned(),
        bind_dn: None,
        base_dn: windows::BASE.to_owned(),
        ..Job::new(&format!("url = \"ldap://127.0.0.1:{}\"\npage_size = {page_size}\n", server.port))
    };
    for page_size in [5_000, 700] {
        job(page_size).write(&env);
        let before = server.searches.load(Ordering::SeqCst);
        let preview = env.run(&["preview", "job.toml", "--json"]).success();
        let searches = server.searches.load(Ordering::SeqCst) - before;
        assert_eq!(preview.figure("directory_users"), 2_500);
        let created = preview.changes("create");
        let joiner = created.iter().find(|change| change["name"] == "J Everywhere").unwrap();
        let member_of = joiner["fields"]["group_membership"]["to"].to_string();
        assert_eq!(member_of, "[\"G10\",\"G2999\"]");
        // Three or four pages, two further ranges, and what is asked before.
        assert!(searches < 15, "{searches} searches");
    }
}
