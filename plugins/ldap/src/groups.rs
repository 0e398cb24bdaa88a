//! Groups: who is in which. One search over all groups serves a whole listing, however many users it has; Active
//! Directory answers from the user's side instead, where its `memberOf` is complete.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash, Hasher as _};

use rollcall_connector::ldap::{self, Entry, Filter};
use rollcall_connector::{Error, log};

use crate::dn::{first_value, normal, within};
use crate::limits::GROUPS;
use crate::server::{LOGIN, Server, absent};
use crate::settings::Settings;
use crate::values;

/// "Is a member of it, or of a group in it, and so on" (MS-ADTS 3.1.1.3.4.4.3).
const IN_CHAIN: &str = "1.2.840.113556.1.4.1941";

/// Object classes of groups outside of Active Directory.
const CLASSES: [&str; 6] =
    ["groupOfNames", "groupOfUniqueNames", "groupOfMembers", "groupOfEntries", "posixGroup", "group"];

const ATTRIBUTES: [&str; 4] = ["cn", "member", "uniqueMember", "memberUid"];

/// Gives what a user of Active Directory must meet to be in one of the groups of the settings.
pub(crate) fn chain(settings: &Settings) -> Result<Option<Filter>, Error> {
    let mut parts = Vec::new();
    for dn in &settings.group_dn {
        let Some(group) = ldap::read(LOGIN, dn, &["objectSid"])? else {
            return Err(absent("group_dn", dn, settings));
        };
        parts.push(Filter::rule("memberOf", IN_CHAIN, dn));
        // Whose primary group it is, is no `member` of it.
        if let Some(rid) = group.bytes("objectSid").and_then(values::rid) {
            parts.push(Filter::equal("primaryGroupID", &rid.to_string()));
        }
    }
    Ok(if parts.is_empty() { None } else { Some(Filter::Or(parts)) })
}

/// Gives the names of the groups that an entry's `memberOf` lists.
pub(crate) fn member_of(entry: &Entry) -> Vec<String> {
    let names: BTreeSet<String> = entry.texts("memberOf").filter_map(first_value).collect();
    names.into_iter().collect()
}

/// Gives a digest of the groups of a domain: it differs as soon as one of them has changed, come or gone. None where it
/// would not tell: a group of the settings is in another domain, or its number is not shown.
pub(crate) fn digest(settings: &Settings, server: &Server) -> Result<Option<u64>, Error> {
    let context = normal(&server.context);
    if settings.group_dn.iter().any(|dn| !within(&normal(dn), &context)) {
        return Ok(None);
    }
    let mut groups = Vec::new();
    for group in ldap::search(LOGIN, &server.context)
        .filter(Filter::equal("objectClass", "group"))
        .attributes(["uSNChanged"])
        .page_size(settings.page_size)
        .start()?
        .all(GROUPS)?
    {
        let Some(changed) = group.text("uSNChanged").map(str::to_owned) else { return Ok(None) };
        groups.push((group.dn, changed));
    }
    groups.sort();
    Ok(Some(hashed(&groups)))
}

/// Hashes with keys that are always the same. Another version of this connector may hash otherwise; everything is read
/// then.
fn hashed(what: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    what.hash(&mut hasher);
    hasher.finish()
}

/// All groups of a directory, from the groups' side.
#[derive(Debug, Default, Hash)]
pub(crate) struct Groups {
    names: Vec<String>,
    /// A group's own name to its number.
    by_dn: BTreeMap<String, usize>,
    /// A member's DN to the groups that list it.
    of_dn: BTreeMap<String, Vec<usize>>,
    /// A member's `uid` to the groups that list it.
    of_uid: BTreeMap<String, Vec<usize>>,
    /// The groups whose members are read, those within them included; none where everybody is.
    wanted: Option<BTreeSet<usize>>,
}

impl Groups {
    /// Reads the groups of the directory that holds the users.
    pub(crate) fn read(settings: &Settings, server: &Server) -> Result<Self, Error> {
        let classes = CLASSES.iter().map(|class| Filter::equal("objectClass", class)).collect();
        let mut found = ldap::search(LOGIN, &server.context)
            .filter(Filter::Or(classes))
            .attributes(ATTRIBUTES)
            .page_size(settings.page_size)
            .start()?
            .all(GROUPS)?;
        // So that the digest does not depend on the server's order.
        found.sort_by(|one, other| one.dn.cmp(&other.dn));
        let mut groups = Self::default();
        found.iter().for_each(|group| groups.add(group));
        for dn in &settings.group_dn {
            if groups.by_dn.contains_key(&normal(dn)) {
                continue;
            }
            // Of a class of its own, or in another part of the directory.
            let group =
                ldap::read(LOGIN, dn, &ATTRIBUTES)?.ok_or_else(|| absent("group_dn", dn, settings))?;
            groups.add(&group);
        }
        if !settings.group_dn.is_empty() {
            groups.want(&settings.group_dn);
        }
        Ok(groups)
    }

    /// Gives a digest of who is in which group. Not of the groups' times: those are whole seconds, in which a group may
    /// change again.
    pub(crate) fn digest(&self) -> u64 {
        hashed(self)
    }

    fn add(&mut self, group: &Entry) {
        let number = self.names.len();
        let Some(name) = group.text("cn").map(str::to_owned).or_else(|| first_value(&group.dn)) else {
            return;
        };
        self.names.push(name);
        self.by_dn.insert(normal(&group.dn), number);
        for member in group.texts("member").chain(group.texts("uniqueMember")) {
            self.of_dn.entry(normal(member)).or_default().push(number);
        }
        for uid in group.texts("memberUid") {
            self.of_uid.entry(uid.to_lowercase()).or_default().push(number);
        }
    }

    /// Marks groups and the groups within them; circles end where they began.
    fn want(&mut self, dns: &[String]) {
        let mut inside: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for (dn, number) in &self.by_dn {
            for above in self.of_dn.get(dn).into_iter().flatten() {
                inside.entry(*above).or_default().push(*number);
            }
        }
        let mut wanted = BTreeSet::new();
        let mut open: Vec<usize> = dns.iter().filter_map(|dn| self.by_dn.get(&normal(dn)).copied()).collect();
        while let Some(number) = open.pop() {
            if wanted.insert(number) {
                open.extend(inside.get(&number).into_iter().flatten());
            }
        }
        log::debug(&format!("{} groups count, those within others included", wanted.len()));
        self.wanted = Some(wanted);
    }

    /// Gives the groups, by number, that a user is a direct member of.
    pub(crate) fn direct(&self, entry: &Entry) -> BTreeSet<usize> {
        let by_dn = self.of_dn.get(&normal(&entry.dn)).into_iter().flatten();
        let by_uid = entry.texts("uid").filter_map(|uid| self.of_uid.get(&uid.to_lowercase())).flatten();
        by_dn.chain(by_uid).copied().collect()
    }

    /// Tells whether a direct member of these groups is in scope.
    pub(crate) fn wants(&self, groups: &BTreeSet<usize>) -> bool {
        self.wanted.as_ref().is_none_or(|wanted| !groups.is_disjoint(wanted))
    }

    /// Gives the names of these groups, in order.
    pub(crate) fn names(&self, groups: &BTreeSet<usize>) -> Vec<String> {
        let names: BTreeSet<&String> = groups.iter().filter_map(|at| self.names.get(*at)).collect();
        names.into_iter().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(dn: &str, attribute: &str, members: &[&str]) -> Entry {
        let values = |texts: &[&str]| texts.iter().map(|text| text.as_bytes().to_vec()).collect();
        let cn = first_value(dn).unwrap();
        let attributes = vec![("cn".to_owned(), values(&[&cn])), (attribute.to_owned(), values(members))];
        Entry { dn: dn.to_owned(), attributes }
    }

    fn user(dn: &str, uid: &str) -> Entry {
        Entry { dn: dn.to_owned(), attributes: vec![("uid".to_owned(), vec![uid.as_bytes().to_vec()])] }
    }

    #[test]
    fn groups_within_groups_count_and_circles_end() {
        let mut groups = Groups::default();
        groups.add(&group("cn=All,dc=x", "member", &["CN=Sales, dc=X", "cn=boss,dc=x"]));
        groups.add(&group("cn=Sales,dc=x", "uniqueMember", &["cn=ann,dc=x", "cn=All,dc=x"]));
        groups.add(&group("cn=unix,dc=x", "memberUid", &["Bob"]));
        groups.want(&["cn=all,dc=x".to_owned()]);
        let check = |dn: &str, uid: &str, inside: bool, names: &[&str]| {
            let direct = groups.direct(&user(dn, uid));
            assert_eq!(
                (groups.wants(&direct), groups.names(&direct)),
                (inside, names.iter().map(|n| (*n).to_owned()).collect()),
                "{dn}"
            );
        };
        check("cn=Ann,dc=x", "ann", true, &["Sales"]);
        check("cn=boss,dc=x", "boss", true, &["All"]);
        check("cn=bob,dc=x", "bob", false, &["unix"]);
        check("cn=eve,dc=x", "eve", false, &[]);
    }
}
