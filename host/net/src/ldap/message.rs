//! The messages of LDAP (RFC 4511, 4) that a reader of directories needs, with the paging control (RFC 2696).

use crate::ldap::ber::{
    self, ENUMERATED, INTEGER, Malformed, OCTETS, Reader, SEQUENCE, SET, constructed, element,
};
use crate::ldap::{LdapEntry, LdapScope, LdapValues};
use crate::limits;

/// StartTLS (RFC 4511, 4.14).
pub(crate) const START_TLS: &str = "1.3.6.1.4.1.1466.20037";
/// Simple paged results (RFC 2696).
const PAGED: &str = "1.2.840.113556.1.4.319";

/// What is asked of a directory in one search.
pub(crate) struct Ask<'a> {
    pub(crate) base: &'a str,
    pub(crate) scope: LdapScope,
    /// As bytes.
    pub(crate) filter: &'a [u8],
    pub(crate) attributes: &'a [String],
    /// Entries a page and the cookie of the page before; none where the answer is to come in one piece.
    pub(crate) paged: Option<(u32, &'a [u8])>,
}

/// One message of a server.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// An entry that was found.
    Entry(LdapEntry),
    /// An entry of more values than are read.
    TooMuch,
    /// The URL of another server, which has a part of what was asked for.
    Reference(String),
    /// The end of what was asked.
    Done(Outcome),
    /// An answer to something that nobody asked.
    Other,
}

/// How something ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// The result code (RFC 4511, 4.1.9).
    pub(crate) code: u32,
    /// What the server says for people.
    pub(crate) message: String,
    /// The paging control's cookie, where the server gave one; empty at the end.
    pub(crate) cookie: Option<Vec<u8>>,
}

/// Writes a simple bind.
pub(crate) fn bind(id: u32, name: &str, password: &str) -> Vec<u8> {
    let parts =
        [ber::number(INTEGER, 3), element(OCTETS, name.as_bytes()), element(0x80, password.as_bytes())];
    envelope(id, constructed(0x60, &parts), None)
}

/// Writes a good-bye.
pub(crate) fn unbind(id: u32) -> Vec<u8> {
    envelope(id, element(0x42, &[]), None)
}

/// Writes an extended request without a value.
pub(crate) fn extended(id: u32, oid: &str) -> Vec<u8> {
    envelope(id, constructed(0x77, &[element(0x80, oid.as_bytes())]), None)
}

/// Writes a search. Aliases are not followed, and limits are the server's own.
pub(crate) fn search(id: u32, ask: &Ask<'_>) -> Vec<u8> {
    let attributes: Vec<Vec<u8>> =
        ask.attributes.iter().map(|name| element(OCTETS, name.as_bytes())).collect();
    let scope = match ask.scope {
        LdapScope::Base => 0,
        LdapScope::OneLevel => 1,
        LdapScope::Subtree => 2,
    };
    let parts = [
        element(OCTETS, ask.base.as_bytes()),
        ber::number(ENUMERATED, scope),
        ber::number(ENUMERATED, 0),
        ber::number(INTEGER, 0),
        ber::number(INTEGER, 0),
        ber::boolean(ber::BOOLEAN, false),
        ask.filter.to_vec(),
        constructed(SEQUENCE, &attributes),
    ];
    let control = ask.paged.map(|(size, cookie)| {
        let value = constructed(SEQUENCE, &[ber::number(INTEGER, size), element(OCTETS, cookie)]);
        // Critical: a server that cannot page must say so, for it would cut the answer at its own limit.
        let parts =
            [element(OCTETS, PAGED.as_bytes()), ber::boolean(ber::BOOLEAN, true), element(OCTETS, &value)];
        constructed(SEQUENCE, &parts)
    });
    envelope(id, constructed(0x63, &parts), control)
}

fn envelope(id: u32, operation: Vec<u8>, control: Option<Vec<u8>>) -> Vec<u8> {
    let mut parts = vec![ber::number(INTEGER, id), operation];
    parts.extend(control.map(|control| element(0xa0, &control)));
    constructed(SEQUENCE, &parts)
}

/// Reads a message: the number of the request that it answers, and what it says.
pub(crate) fn read(bytes: &[u8]) -> Result<(u32, Answer), Malformed> {
    let mut message = Reader(bytes).inner(SEQUENCE)?;
    let id = message.number(INTEGER)?;
    let (tag, content) = message.element()?;
    let answer = match tag {
        0x64 => entry(Reader(content))?.map_or(Answer::TooMuch, Answer::Entry),
        // One of several URLs with the same content (RFC 4511, 4.5.3).
        0x73 => Answer::Reference(Reader(content).text(OCTETS)?),
        // Of a bind, of a search, of an extended request: all begin alike.
        0x61 | 0x65 | 0x78 => {
            let mut result = Reader(content);
            let code = result.number(ENUMERATED)?;
            result.expect(OCTETS)?;
            let said = result.text(OCTETS)?;
            Answer::Done(Outcome { code, message: said, cookie: cookie(message)? })
        }
        _ => Answer::Other,
    };
    Ok((id, answer))
}

/// Reads an entry; none where it has too many values. An empty value takes two bytes on the wire and a vector here.
fn entry(mut reader: Reader<'_>) -> Result<Option<LdapEntry>, Malformed> {
    let dn = reader.text(OCTETS)?;
    let mut list = reader.inner(SEQUENCE)?;
    let mut attributes = Vec::new();
    let mut left = limits::LDAP_MESSAGE_ELEMENTS;
    while !list.is_empty() {
        let mut attribute = list.inner(SEQUENCE)?;
        let name = attribute.text(OCTETS)?;
        let mut set = attribute.inner(SET)?;
        let mut values = Vec::new();
        while !set.is_empty() && left > 0 {
            values.push(set.expect(OCTETS)?.to_vec());
            left -= 1;
        }
        if left == 0 {
            return Ok(None);
        }
        left -= 1;
        attributes.push(LdapValues { name, values });
    }
    Ok(Some(LdapEntry { dn, attributes }))
}

/// Gives about how much memory an entry takes besides its bytes.
pub(crate) fn weight(entry: &LdapEntry) -> usize {
    let values: usize = entry.attributes.iter().map(|attribute| 1 + attribute.values.len()).sum();
    values.saturating_mul(limits::LDAP_ELEMENT_BYTES)
}

/// Finds the paging control behind a result.
fn cookie(mut rest: Reader<'_>) -> Result<Option<Vec<u8>>, Malformed> {
    if rest.tag() != Some(0xa0) {
        return Ok(None);
    }
    let mut controls = rest.inner(0xa0)?;
    while !controls.is_empty() {
        let mut control = controls.inner(SEQUENCE)?;
        if control.expect(OCTETS)? != PAGED.as_bytes() {
            continue;
        }
        if control.tag() == Some(ber::BOOLEAN) {
            control.expect(ber::BOOLEAN)?;
        }
        let mut value = Reader(control.expect(OCTETS)?).inner(SEQUENCE)?;
        // How many there are in all, which most servers do not know.
        value.expect(INTEGER)?;
        return Ok(Some(value.expect(OCTETS)?.to_vec()));
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn done(code: u32, controls: &[Vec<u8>]) -> Vec<u8> {
        let result = [ber::number(ENUMERATED, code), element(OCTETS, b""), element(OCTETS, b"no")];
        let mut parts = vec![ber::number(INTEGER, 7), constructed(0x65, &result)];
        if !controls.is_empty() {
            parts.push(constructed(0xa0, controls));
        }
        constructed(SEQUENCE, &parts)
    }

    fn control(oid: &str, value: Option<&[u8]>) -> Vec<u8> {
        let mut parts = vec![element(OCTETS, oid.as_bytes())];
        parts.extend(value.map(|value| element(OCTETS, value)));
        constructed(SEQUENCE, &parts)
    }

    #[test]
    fn a_result_is_read_with_its_cookie() {
        let check = |bytes: &[u8], code: u32, cookie: Option<&[u8]>| {
            let outcome = Outcome { code, message: "no".to_owned(), cookie: cookie.map(<[u8]>::to_vec) };
            assert_eq!(read(bytes), Ok((7, Answer::Done(outcome))));
        };
        check(&done(4, &[]), 4, None);
        let paged = constructed(SEQUENCE, &[ber::number(INTEGER, 0), element(OCTETS, b"abc")]);
        check(&done(0, &[control("1.2.3", None), control(PAGED, Some(&paged))]), 0, Some(b"abc"));
    }

    #[test]
    fn an_entry_is_read_with_its_bytes() {
        let values = constructed(SET, &[element(OCTETS, &[0, 255]), element(OCTETS, b"")]);
        let attribute = constructed(SEQUENCE, &[element(OCTETS, b"objectGUID"), values]);
        let entry = constructed(0x64, &[element(OCTETS, b"cn=a"), constructed(SEQUENCE, &[attribute])]);
        let bytes = constructed(SEQUENCE, &[ber::number(INTEGER, 2), entry]);
        let expect = LdapEntry {
            dn: "cn=a".to_owned(),
            attributes: vec![LdapValues {
                name: "objectGUID".to_owned(),
                values: vec![vec![0, 255], Vec::new()],
            }],
        };
        assert_eq!(read(&bytes), Ok((2, Answer::Entry(expect))));
    }

    #[test]
    fn an_entry_of_empty_values_costs_no_more_than_an_honest_one() {
        let entry = |values: usize| {
            let set = element(SET, &element(OCTETS, b"").repeat(values));
            let attribute = constructed(SEQUENCE, &[element(OCTETS, b"a"), set]);
            let entry = constructed(0x64, &[element(OCTETS, b"cn=a"), constructed(SEQUENCE, &[attribute])]);
            constructed(SEQUENCE, &[ber::number(INTEGER, 2), entry])
        };
        let most = limits::LDAP_MESSAGE_ELEMENTS;
        assert_eq!(read(&entry(most)), Ok((2, Answer::TooMuch)));
        let Ok((2, Answer::Entry(whole))) = read(&entry(most - 1)) else { panic!() };
        assert_eq!(weight(&whole), most * limits::LDAP_ELEMENT_BYTES);
        // Attributes without a value count like values.
        let names = constructed(SEQUENCE, &[element(OCTETS, b""), element(SET, b"")]).repeat(most + 1);
        let entry = constructed(0x64, &[element(OCTETS, b"cn=a"), element(SEQUENCE, &names)]);
        let bytes = constructed(SEQUENCE, &[ber::number(INTEGER, 2), entry]);
        assert_eq!(read(&bytes), Ok((2, Answer::TooMuch)));
    }

    #[test]
    fn a_reference_is_read_with_its_first_url() {
        let urls = [element(OCTETS, b"ldap://one/dc=x"), element(OCTETS, b"ldap://two/dc=x")];
        let bytes = constructed(SEQUENCE, &[ber::number(INTEGER, 2), constructed(0x73, &urls)]);
        assert_eq!(read(&bytes), Ok((2, Answer::Reference("ldap://one/dc=x".to_owned()))));
    }

    proptest! {
        #[test]
        fn nothing_foreign_breaks_it(bytes in prop::collection::vec(any::<u8>(), 0..120)) {
            let _ = read(&bytes);
            let _ = read(&element(SEQUENCE, &[&[2, 1, 1][..], &bytes].concat()));
        }
    }
}
