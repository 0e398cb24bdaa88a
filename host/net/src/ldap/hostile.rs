//! What a directory must not do to us: parts that lie elsewhere, entries that are nothing but values.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::testing::{Asked, Directory, done, found, page_end};
use super::*;
use crate::scrub::Scrubber;
use crate::testing::NoPause;
use crate::tls::Trust;

fn query() -> LdapQuery {
    LdapQuery {
        login: "directory".to_owned(),
        base: "dc=x".to_owned(),
        scope: LdapScope::Subtree,
        filter: "(objectClass=*)".to_owned(),
        attributes: vec!["cn".to_owned()],
        page_size: 10,
    }
}

fn entry(dn: &str, name: &str, values: Vec<Vec<u8>>) -> LdapEntry {
    LdapEntry { dn: dn.to_owned(), attributes: vec![LdapValues { name: name.to_owned(), values }] }
}

/// Reads the first two pages of a directory and gives how many entries they had.
async fn read(directory: &Directory, skip_referrals: bool, page_bytes: u64) -> Result<Vec<usize>, NetError> {
    let login = LdapLogin {
        server: LdapServer::parse(&format!("ldap://{}", directory.address)).unwrap(),
        start_tls: false,
        bind: None,
        trust: Trust::Machine,
        skip_referrals,
    };
    let options = LdapOptions { page_bytes, pause: Arc::new(NoPause::default()), ..LdapOptions::default() };
    let logins = BTreeMap::from([("directory".to_owned(), login)]);
    let wire = LdapOnline::new(logins, options, &Scrubber::default())?;
    let mut search = wire.search(query()).await?;
    let mut pages = Vec::new();
    for _ in 0..2 {
        pages.push(search.next().await?.entries.len());
    }
    Ok(pages)
}

/// A directory of two pages, each with a pointer to another server.
async fn with_references(capability: &'static str) -> Directory {
    Directory::start(false, move |_, asked| {
        let Asked::Search { base, paged, .. } = asked else { return None };
        if base.is_empty() {
            let root = entry("", "supportedCapabilities", vec![capability.as_bytes().to_vec()]);
            return Some(vec![found(&root), done(0x65, 0, "")]);
        }
        let url = b"ldap://other.test:1389/ou=Secret%20Branch,dc=x??sub";
        let reference = ber::constructed(0x73, &[ber::element(ber::OCTETS, url)]);
        let first = paged.as_ref().is_some_and(|(_, cookie)| cookie.is_empty());
        let cookie = if first { &b"1"[..] } else { b"" };
        Some(vec![found(&entry("cn=a", "cn", Vec::new())), reference, page_end(cookie)])
    })
    .await
}

#[tokio::test]
async fn a_part_on_another_server_is_a_hole_unless_it_is_left_out() {
    let directory = with_references("1.3.6.1.4.1.4203.1.5.1").await;
    let Err(NetError::Failed { message, hint }) = read(&directory, false, 1 << 20).await else { panic!() };
    assert!(message.contains("on `ldap://other.test:1389`") && !message.contains("Branch"), "{message}");
    assert!(hint.unwrap().contains("skip_referrals = true"));
    assert_eq!(read(&directory, true, 1 << 20).await.unwrap(), [1, 1]);
}

#[tokio::test]
async fn partitions_of_active_directory_are_no_holes() {
    for capability in ["1.2.840.113556.1.4.800", "1.2.840.113556.1.4.1851"] {
        let directory = with_references(capability).await;
        assert_eq!(read(&directory, false, 1 << 20).await.unwrap(), [1, 1]);
        // It is asked once what it is.
        assert_eq!(directory.log().len(), 3);
    }
}

#[tokio::test]
async fn values_without_bytes_count_against_a_page() {
    // 4 KiB on the wire, 64 KiB in memory.
    let directory = Directory::start(false, |_, _| {
        let one = found(&entry("cn=a", "cn", vec![Vec::new(); 2_000]));
        Some([vec![one; 4], vec![page_end(b"")]].concat())
    })
    .await;
    let Err(NetError::Refused(why)) = read(&directory, false, 200 << 10).await else { panic!() };
    assert!(why.message.contains("a page of the directory is longer than"), "{}", why.message);
    assert_eq!(read(&directory, false, 300 << 10).await.unwrap(), [4, 0]);
}
