//! What directories really hold, read through the real server.

use std::time::Duration;

use rollcall_tests::ldap::packages::say;
use rollcall_tests::ldap::people::{self, SUFFIX};
use rollcall_tests::ldap::slapd::{ADMIN, Setup, Slapd};

use crate::ldap::{Job, ldaps, machine};
use crate::repository;

/// Names of several parts, several values, pictures, groups within groups.
const ODD: &str = "dn: cn=Amy Wong+sn=Kroker,ou=people,dc=example,dc=test
objectClass: inetOrgPerson
cn: Amy Wong
sn: Kroker
givenName: Amy
uid: amy
mail: amy@example.test
mail: wong@example.test
title: Intern
title: Doctor
jpegPhoto:: /9j/4AAQSkZJRg==

dn: cn=Fry\\2C Philip,ou=people,dc=example,dc=test
objectClass: inetOrgPerson
cn: Fry, Philip
cn: Philip J. Fry
sn: Fry
uid: fry
telephoneNumber: +1 555 0100 x20001

dn: cn=crew,ou=groups,dc=example,dc=test
objectClass: groupOfNames
cn: crew
member: CN=Amy Wong+sn=kroker,ou=people,dc=example,dc=test
member: cn=pilots,ou=groups,dc=example,dc=test

dn: cn=pilots,ou=groups,dc=example,dc=test
objectClass: groupOfNames
cn: pilots
member: cn=Fry\\2C Philip,ou=people,dc=example,dc=test
member: cn=crew,ou=groups,dc=example,dc=test

";

#[test]
fn awkward_entries_are_read_as_they_are() {
    let Some(server) = Slapd::start(&Setup::new(format!("{}{}{ODD}", people::root(), people::person(1))))
    else {
        return;
    };
    let env = machine(&server);
    let mut job = Job::new(&format!("{}group_dn = \"cn=crew,ou=groups,{SUFFIX}\"\n", ldaps(&server)));
    job.fields = "full_name = \"cn\"\ngroup_membership = \"groups\"".to_owned();
    job.write(&env);
    let text = env.read("job.toml").replace("full_name = \"displayName\"\n", "");
    env.write("job.toml", text);
    let preview = env.run(&["preview", "job.toml", "--json"]).success();
    let created = preview.changes("create");
    let mut names: Vec<&str> = created.iter().filter_map(|change| change["name"].as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, ["Amy Wong", "Philip Fry"]);
    let amy = created.iter().find(|change| change["name"] == "Amy Wong").unwrap();
    assert_eq!(amy["fields"]["email"]["to"], "amy@example.test");
    let filtered = format!(
        "{}filter = \"(&(objectClass=inetOrgPerson)(|(title=Doctor)(cn=\\\\46ry\\\\2c*)))\"\n",
        ldaps(&server)
    );
    Job::new(&filtered).write(&env);
    assert_eq!(env.run(&["preview", "job.toml", "--json"]).success().figure("create"), 2);
}

/// A branch that has moved to another server.
const REFERRAL: &str = "dn: ou=branch,ou=people,dc=example,dc=test
objectClass: referral
objectClass: extensibleObject
ou: branch
ref: ldap://elsewhere.example.test:1389/ou=branch,ou=people,dc=example,dc=test

";

#[test]
fn a_branch_on_another_server_deletes_nobody() {
    let branch = format!("dn: ou=branch,ou=people,{SUFFIX}\nobjectClass: organizationalUnit\nou: branch\n\n");
    let person = people::person(3).replace("uid=u3,", "uid=u3,ou=branch,");
    let content = format!("{}{}{branch}{person}", people::root(), people::person(1));
    let Some(server) = Slapd::start(&Setup::new(content)) else { return };
    let mut env = machine(&server);
    Job::new(&ldaps(&server)).write(&env);
    assert_eq!(env.run(&["sync", "job.toml", "--yes", "--json"]).success().figure("create"), 2);
    server.modify(&format!(
        "dn: uid=u3,ou=branch,ou=people,{SUFFIX}\nchangetype: delete\n\n\
         dn: ou=branch,ou=people,{SUFFIX}\nchangetype: delete\n\n{}",
        REFERRAL.replacen("\nobjectClass", "\nchangetype: add\nobjectClass", 1)
    ));
    let told = env.run(&["sync", "job.toml", "--yes"]).exits(13).says("`ldap://elsewhere.example.test:1389`");
    let _ = told.says("skip_referrals = true");
    let _ = env.run(&["test-connection", "job.toml"]).exits(13).says("elsewhere.example.test");
    env.advance(Duration::from_secs(30 * 86_400));
    // Whoever says that the branch is left out has its people leave.
    let _ = env.run(&["sync", "job.toml", "--yes"]).exits(13);
    let skipping = format!("{}skip_referrals = true\n", ldaps(&server));
    Job { rest: "[guard]\nmin_directory = \"10%\"\n".to_owned(), ..Job::new(&skipping) }.write(&env);
    let run = env.run(&["sync", "job.toml", "--yes", "--json"]).success();
    assert_eq!((run.figure("directory_users"), run.figure("pending_delete")), (1, 1));
}

#[test]
fn fields_begin_with_what_people_have() {
    let Some(server) = Slapd::start(&Setup::new(format!("{}{}", people::root(), people::person(1)))) else {
        return;
    };
    let env = machine(&server);
    Job::new(&ldaps(&server)).write(&env);
    let output = env.run(&["fields", "job.toml"]).success();
    let (table, rest) = output.stdout.split_once("\nNobody has: ").unwrap();
    assert!(table.lines().count() < 30, "{table}");
    let mail = table.lines().find(|line| line.starts_with("mail ")).unwrap();
    assert!(mail.contains("text (several)") && mail.contains("u1@example.test"), "{mail}");
    assert!(rest.contains("carLicense") && !table.contains("carLicense"), "{rest}");
    let all = env.run(&["fields", "job.toml", "--json"]).success().json();
    let all = all["attributes"].as_array().unwrap();
    let users: Vec<bool> = all.iter().map(|one| one["users"] == 1).collect();
    assert!(users.is_sorted_by(|one, other| one >= other) && all.len() > 100, "{} attributes", all.len());
}

/// The people of Planet Express, a directory that many test with: pictures, several titles, a name of two parts, and groups
/// of Microsoft's class, which OpenLDAP knows as `groupOfNames`.
#[test]
fn planet_express_is_read() {
    let Ok(ldif) = std::fs::read_to_string(repository("../shared/data/planetexpress.ldif")) else {
        say("skipped: `planetexpress.ldif` does not lie beside this repository");
        return;
    };
    let suffix = "dc=planetexpress,dc=com";
    let root = format!(
        "dn: {suffix}\nobjectClass: dcObject\nobjectClass: organization\no: Planet Express\ndc: planetexpress\n\n"
    );
    let known: Vec<String> =
        ldif.lines()
            .filter(|line| !line.starts_with("groupType:"))
            .map(|line| {
                if line.eq_ignore_ascii_case("objectclass: Group") {
                    "objectClass: groupOfNames"
                } else {
                    line
                }
            })
            .map(str::to_owned)
            .collect();
    let mut setup = Setup::new(root + &known.join("\n") + "\n");
    suffix.clone_into(&mut setup.suffix);
    let Some(server) = Slapd::start(&setup) else { return };
    let mut env = machine(&server);
    env.set("BIND_PASSWORD", ADMIN);
    let names = |settings: &str| -> Vec<String> {
        let job = Job {
            bind_dn: Some(format!("cn=admin,{suffix}")),
            base_dn: format!("ou=people,{suffix}"),
            fields: "group_membership = \"groups\"".to_owned(),
            ..Job::new(&format!("{}{settings}", ldaps(&server)))
        };
        job.write(&env);
        let created = env.run(&["preview", "job.toml", "--json"]).success().changes("create");
        let mut names: Vec<String> =
            created.iter().map(|change| change["name"].as_str().unwrap().to_owned()).collect();
        names.sort();
        names
    };
    assert_eq!(names("").len(), 7);
    let crew = names(&format!("group_dn = \"cn=ship_crew,ou=people,{suffix}\"\n"));
    assert_eq!(crew, ["Bender", "Fry", "Turanga Leela"]);
    assert_eq!(names("filter = \"(&(employeeType=*)(!(mail=bender*)))\"\n").len(), 5);
}
