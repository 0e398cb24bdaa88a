//! Attributes in ranges: where an attribute has very many values, Active Directory gives the first as
//! `member;range=0-1499` (MS-ADTS 3.1.1.3.1.3.3) and waits to be asked for the rest.

use crate::ldap::LdapEntry;

/// An attribute of an entry of which there is more.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Open {
    /// Which attribute of the entry.
    pub(crate) at: usize,
    /// What to ask for next.
    pub(crate) ask: String,
    /// The first value that is missing.
    pub(crate) from: usize,
}

/// A name with a range: the name without it, the first value, and the last one, none where that is the last of all.
fn ranged(name: &str) -> Option<(String, usize, Option<usize>)> {
    let mut plain = Vec::new();
    let mut range = None;
    for part in name.split(';') {
        let bounds = part.get(..6).filter(|word| word.eq_ignore_ascii_case("range=")).map(|_| &part[6..]);
        match bounds.and_then(|bounds| bounds.split_once('-')) {
            Some((from, "*")) => range = Some((from.parse().ok()?, None)),
            Some((from, to)) => range = Some((from.parse().ok()?, Some(to.parse().ok()?))),
            None => plain.push(part),
        }
    }
    range.map(|(from, to)| (plain.join(";"), from, to))
}

/// Gives attributes their plain names, drops the empty ones that stand beside a range, and gives those that go on.
pub(crate) fn begin(entry: &mut LdapEntry) -> Vec<Open> {
    let mut begun = Vec::new();
    for attribute in &mut entry.attributes {
        if let Some((plain, _, to)) = ranged(&attribute.name) {
            attribute.name = plain;
            begun.push((attribute.name.to_ascii_lowercase(), to));
        }
    }
    if begun.is_empty() {
        return Vec::new();
    }
    let known = |name: &str| begun.iter().any(|(begun, _)| name.eq_ignore_ascii_case(begun));
    entry.attributes.retain(|attribute| !attribute.values.is_empty() || !known(&attribute.name));
    let next = |(at, attribute): (usize, &crate::ldap::LdapValues)| {
        let (_, to) = begun.iter().find(|(name, _)| attribute.name.eq_ignore_ascii_case(name))?;
        let from = (*to)?.checked_add(1)?;
        Some(Open { at, ask: ask(&attribute.name, from), from })
    };
    entry.attributes.iter().enumerate().filter_map(next).collect()
}

/// Adds the values of a further range; gives what is still missing.
///
/// # Errors
///
/// The answer does not go on where the last one ended.
pub(crate) fn go_on(entry: &mut LdapEntry, open: &Open, answer: LdapEntry) -> Result<Option<Open>, ()> {
    let attribute = entry.attributes.get_mut(open.at).ok_or(())?;
    for found in answer.attributes {
        let Some((plain, from, to)) = ranged(&found.name) else { continue };
        if !plain.eq_ignore_ascii_case(&attribute.name) || from != open.from || found.values.is_empty() {
            continue;
        }
        attribute.values.extend(found.values);
        return match to {
            None => Ok(None),
            Some(to) if to >= open.from => {
                let from = to.checked_add(1).ok_or(())?;
                Ok(Some(Open { at: open.at, ask: ask(&attribute.name, from), from }))
            }
            Some(_) => Err(()),
        };
    }
    Err(())
}

fn ask(name: &str, from: usize) -> String {
    format!("{name};range={from}-*")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ldap::LdapValues;

    fn entry(attributes: &[(&str, &[&str])]) -> LdapEntry {
        let one = |(name, values): &(&str, &[&str])| LdapValues {
            name: (*name).to_owned(),
            values: values.iter().map(|value| value.as_bytes().to_vec()).collect(),
        };
        LdapEntry { dn: "cn=g".to_owned(), attributes: attributes.iter().map(one).collect() }
    }

    #[test]
    fn ranges_are_put_together() {
        let mut group = entry(&[("member", &[]), ("cn", &["g"]), ("Member;Range=0-1", &["a", "b"])]);
        let open = begin(&mut group);
        assert_eq!(open, [Open { at: 1, ask: "Member;range=2-*".to_owned(), from: 2 }]);
        let more = go_on(&mut group, &open[0], entry(&[("member;range=2-3", &["c", "d"])])).unwrap().unwrap();
        assert_eq!(more.ask, "Member;range=4-*");
        let end = go_on(&mut group, &more, entry(&[("member", &[]), ("member;range=4-*", &["e"])]));
        assert_eq!(end, Ok(None));
        assert_eq!(group, entry(&[("cn", &["g"]), ("Member", &["a", "b", "c", "d", "e"])]));
    }

    #[test]
    fn a_range_that_does_not_go_on_is_an_error() {
        for answer in [
            entry(&[]),
            entry(&[("member;range=3-*", &["d"])]),
            entry(&[("member;range=2-*", &[])]),
            entry(&[("member;range=2-1", &["c"])]),
            entry(&[("member", &["c"])]),
        ] {
            let mut group = entry(&[("member;range=0-1", &["a", "b"])]);
            let open = begin(&mut group);
            assert_eq!(go_on(&mut group, &open[0], answer.clone()), Err(()), "{answer:?}");
        }
    }

    #[test]
    fn what_has_no_range_stays() {
        let plain = entry(&[("cn;lang-de", &["g"]), ("member", &[]), ("range", &["x"])]);
        let mut same = plain.clone();
        assert_eq!(begin(&mut same), []);
        assert_eq!(same, plain);
        let mut whole = entry(&[("member;range=0-*", &["a"])]);
        assert_eq!(begin(&mut whole), []);
        assert_eq!(whole, entry(&[("member", &["a"])]));
    }
}
