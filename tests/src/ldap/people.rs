//! People and groups of a made-up company, as LDIF.

use std::fmt::Write as _;

/// Where everything lies.
pub const SUFFIX: &str = "dc=example,dc=test";

/// Gives a directory of people `u1`, `u2`, … and of groups among them: every user is in group `g{n % groups}`.
///
/// The names carry accents, the numbers are from the ranges set aside for fiction.
pub fn company(users: usize, groups: usize) -> String {
    let mut ldif = root();
    for n in 1..=users {
        ldif.push_str(&person(n));
    }
    for group in 0..groups {
        let members =
            (1..=users).filter(|n| n % groups == group).map(|n| format!("uid=u{n},ou=people,{SUFFIX}"));
        ldif.push_str(&group_of_names(&format!("g{group}"), members));
    }
    ldif
}

/// Gives the folders.
pub fn root() -> String {
    format!(
        "dn: {SUFFIX}\nobjectClass: top\nobjectClass: dcObject\nobjectClass: organization\no: Example\ndc: example\n\n\
         dn: ou=people,{SUFFIX}\nobjectClass: organizationalUnit\nou: people\n\n\
         dn: ou=groups,{SUFFIX}\nobjectClass: organizationalUnit\nou: groups\n\n\
         dn: cn=reader,{SUFFIX}\nobjectClass: organizationalRole\nobjectClass: simpleSecurityObject\ncn: reader\n\
         userPassword: {READER}\n\n"
    )
}

/// The password of `cn=reader`.
pub const READER: &str = "Reader~Secret.81c0";

/// Gives one person.
pub fn person(n: usize) -> String {
    // `displayName` in base64, as everything is written that is not plain.
    format!(
        "dn: uid=u{n},ou=people,{SUFFIX}\nobjectClass: inetOrgPerson\nuid: u{n}\ncn: User Number {n}\nsn: Number{n}\n\
         givenName:: {}\ndisplayName:: {}\nmail: u{n}@example.test\ntelephoneNumber: +1 555 01{:02} x{}\n\
         employeeNumber: E{n:05}\ndepartmentNumber: {}\n\n",
        base64(&format!("Zoë{n}")),
        base64(&format!("Zoë{n} Nümber")),
        n % 100,
        10_000 + n,
        n % 8,
    )
}

/// Gives a group.
pub fn group_of_names(name: &str, members: impl Iterator<Item = String>) -> String {
    let mut ldif = format!("dn: cn={name},ou=groups,{SUFFIX}\nobjectClass: groupOfNames\ncn: {name}\n");
    for member in members {
        let _ = writeln!(ldif, "member: {member}");
    }
    ldif.push('\n');
    ldif
}

fn base64(text: &str) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(text)
}
