//! Searches against a directory on loopback: pages, limits, ranges, sign-ins, and what must not come back.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use rollcall_core::Secret;

use super::testing::{Asked, Directory, Said, done, found, page_end};
use super::*;
use crate::recording::{Header, Recording};
use crate::replay::Replay;
use crate::retry::Pause;
use crate::scrub::Scrubber;
use crate::testing::NoPause;
use crate::tls::Trust;

const PASSWORD: &str = "correct horse battery";

fn entry(dn: &str, attributes: &[(&str, &[&str])]) -> LdapEntry {
    let one = |(name, values): &(&str, &[&str])| LdapValues {
        name: (*name).to_owned(),
        values: values.iter().map(|value| value.as_bytes().to_vec()).collect(),
    };
    LdapEntry { dn: dn.to_owned(), attributes: attributes.iter().map(one).collect() }
}

fn query(scope: LdapScope, page_size: u32) -> LdapQuery {
    LdapQuery {
        login: "directory".to_owned(),
        base: "dc=x".to_owned(),
        scope,
        filter: "(objectClass=*)".to_owned(),
        attributes: vec!["cn".to_owned()],
        page_size,
    }
}

fn online(url: &str, start_tls: bool, bind: bool, trust: Trust) -> Result<LdapOnline, NetError> {
    let login = LdapLogin {
        server: LdapServer::parse(url).unwrap(),
        start_tls,
        bind: bind.then(|| ("cn=reader".into(), Secret::new(PASSWORD))),
        trust,
        skip_referrals: false,
    };
    let options =
        LdapOptions { pause: Arc::new(NoPause::default()) as Arc<dyn Pause>, ..LdapOptions::default() };
    LdapOnline::new(BTreeMap::from([("directory".to_owned(), login)]), options, &Scrubber::default())
}

/// Reads a search to its end: the entries' names, page by page.
async fn read(wire: &dyn LdapWire, query: LdapQuery) -> Result<Vec<Vec<String>>, NetError> {
    let mut search = wire.search(query).await?;
    let mut pages = Vec::new();
    loop {
        let page = search.next().await?;
        if page.entries.is_empty() {
            return Ok(pages);
        }
        pages.push(page.entries.into_iter().map(|entry| entry.dn).collect());
    }
}

/// Starts a plain directory and reads it.
async fn listed(
    page_size: u32,
    answer: impl Fn(usize, &Asked) -> Said + Send + Sync + 'static,
) -> (Result<Vec<Vec<String>>, NetError>, Vec<Asked>) {
    let directory = Directory::start(false, answer).await;
    let wire = online(&format!("ldap://{}", directory.address), false, false, Trust::Machine).unwrap();
    let result = read(&wire, query(LdapScope::Subtree, page_size)).await;
    (result, directory.log())
}

fn sizes(log: &[Asked]) -> Vec<u32> {
    let size = |asked: &Asked| match asked {
        Asked::Search { paged, .. } => paged.as_ref().map(|(size, _)| *size),
        _ => None,
    };
    log.iter().filter_map(size).collect()
}

#[tokio::test]
async fn pages_follow_one_another_and_an_empty_one_is_no_end() {
    let (pages, log) = listed(2, |number, _| {
        Some(match number {
            0 => vec![found(&entry("a", &[])), found(&entry("b", &[])), page_end(b"1")],
            1 => vec![page_end(b"2")],
            2 => vec![found(&entry("c", &[])), page_end(b"")],
            _ => vec![done(0x65, 80, "asked too often")],
        })
    })
    .await;
    assert_eq!(pages.unwrap(), [vec!["a", "b"], vec!["c"]]);
    let cookies: Vec<_> = log
        .iter()
        .map(|asked| match asked {
            Asked::Search { paged, .. } => paged.clone().unwrap().1,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(cookies, [&b""[..], b"1", b"2"]);
}

#[tokio::test]
async fn the_next_page_is_asked_for_while_the_caller_works_on_one() {
    let directory = Directory::start(false, |number, _| {
        Some(match number {
            0 => vec![found(&entry("a", &[])), page_end(b"1")],
            _ => vec![found(&entry("b", &[])), page_end(b"")],
        })
    })
    .await;
    let wire = online(&format!("ldap://{}", directory.address), false, false, Trust::Machine).unwrap();
    let mut pages = wire.search(query(LdapScope::Subtree, 1)).await.unwrap();
    let first = pages.next().await.unwrap();
    assert_eq!((&*first.entries[0].dn, first.requests), ("a", 2));
    let ahead = async {
        while directory.log().len() < 2 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), ahead).await.unwrap();
    let second = pages.next().await.unwrap();
    assert_eq!((&*second.entries[0].dn, second.requests), ("b", 0));
    assert!(pages.next().await.unwrap().entries.is_empty());
    assert_eq!(directory.log().len(), 2);
}

#[tokio::test]
async fn a_search_that_is_given_up_leaves_the_next_one_nothing() {
    let directory = Directory::start(false, |_, asked| match asked {
        Asked::Search { paged: Some((_, cookie)), .. } if cookie.is_empty() => {
            Some(vec![found(&entry("first", &[])), page_end(b"1")])
        }
        _ => Some(vec![found(&entry("second", &[])), page_end(b"")]),
    })
    .await;
    let wire = online(&format!("ldap://{}", directory.address), false, false, Trust::Machine).unwrap();
    let mut given_up = wire.search(query(LdapScope::Subtree, 1)).await.unwrap();
    assert_eq!(&*given_up.next().await.unwrap().entries[0].dn, "first");
    drop(given_up);
    assert_eq!(read(&wire, query(LdapScope::Subtree, 1)).await.unwrap(), [["first"], ["second"]]);
}

#[tokio::test]
async fn the_rest_of_an_attribute_is_fetched_before_the_next_page_is_asked_for() {
    let (pages, log) = listed(1, |_, asked| match asked {
        Asked::Search { paged: Some((_, cookie)), .. } if cookie.is_empty() => {
            Some(vec![found(&entry("a", &[("member;range=0-0", &["x"])])), page_end(b"1")])
        }
        Asked::Search { paged: Some(_), .. } => Some(vec![found(&entry("b", &[])), page_end(b"")]),
        _ => Some(vec![found(&entry("a", &[("member;range=1-*", &["y"])])), done(0x65, 0, "")]),
    })
    .await;
    assert_eq!(pages.unwrap(), [["a"], ["b"]]);
    let paged = |asked: &Asked| matches!(asked, Asked::Search { paged: Some(_), .. });
    assert_eq!(log.iter().map(paged).collect::<Vec<_>>(), [true, false, true]);
}

#[tokio::test]
async fn a_page_size_is_halved_until_it_is_taken() {
    let (pages, log) = listed(40, |_, asked| match asked {
        Asked::Search { paged: Some((size, _)), .. } if *size > 10 => {
            Some(vec![done(0x65, 11, "illegal pagedResults page size")])
        }
        _ => Some(vec![found(&entry("a", &[])), page_end(b"")]),
    })
    .await;
    assert_eq!(pages.unwrap(), [["a"]]);
    assert_eq!(sizes(&log), [40, 20, 10]);
}

#[tokio::test]
async fn a_limit_that_cuts_is_an_error() {
    for code in [3, 4, 11] {
        let (pages, _) = listed(1, move |number, _| {
            Some(match number {
                0 => vec![found(&entry("a", &[])), page_end(b"1")],
                _ => vec![found(&entry("b", &[])), done(0x65, code, "")],
            })
        })
        .await;
        assert!(matches!(pages, Err(NetError::Failed { .. })), "{code}: {pages:?}");
    }
}

#[tokio::test]
async fn a_server_that_cannot_page_is_read_in_one_piece() {
    let (pages, log) = listed(2, |number, _| {
        Some(match number {
            0 => vec![done(0x65, 12, "")],
            _ => vec![
                found(&entry("a", &[])),
                found(&entry("b", &[])),
                found(&entry("c", &[])),
                done(0x65, 0, ""),
            ],
        })
    })
    .await;
    assert_eq!(pages.unwrap(), [["a", "b", "c"]]);
    assert_eq!(log.len(), 2);
}

#[tokio::test]
async fn a_connection_that_breaks_is_transient() {
    let (pages, _) =
        listed(2, |number, _| (number == 0).then(|| vec![found(&entry("a", &[])), page_end(b"1")])).await;
    assert!(matches!(pages, Err(NetError::Lost { .. })), "{pages:?}");
    let (pages, _) = listed(2, |_, _| Some(vec![b"HTTP/1.1 400 Bad Request".to_vec()])).await;
    assert!(matches!(pages, Err(NetError::Failed { .. })), "{pages:?}");
}

#[tokio::test]
async fn nobody_there_is_tried_again_and_told() {
    let address = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let wire = online(&format!("ldap://{address}"), false, false, Trust::Machine).unwrap();
    let error = read(&wire, query(LdapScope::Subtree, 5)).await.unwrap_err();
    assert!(matches!(error, NetError::Unreachable { .. }), "{error:?}");
    assert!(error.to_string().contains("cannot be reached"), "{error}");
}

#[tokio::test]
async fn long_attributes_are_read_to_their_end() {
    let directory = Directory::start(false, |_, asked| {
        let Asked::Search { attributes, .. } = asked else { return None };
        Some(match attributes[0].as_str() {
            "cn" => {
                vec![found(&entry("g", &[("member", &[]), ("member;range=0-1", &["a", "b"])])), page_end(b"")]
            }
            "member;range=2-*" => {
                vec![found(&entry("g", &[("member;range=2-3", &["c", "d"])])), done(0x65, 0, "")]
            }
            _ => vec![found(&entry("g", &[("member;range=4-*", &["e"])])), done(0x65, 0, "")],
        })
    })
    .await;
    let wire = online(&format!("ldap://{}", directory.address), false, false, Trust::Machine).unwrap();
    let mut search = wire.search(query(LdapScope::Subtree, 5)).await.unwrap();
    let page = search.next().await.unwrap();
    assert_eq!(page.entries, [entry("g", &[("member", &["a", "b", "c", "d", "e"])])]);
    assert_eq!(page.requests, 3);
}

#[tokio::test]
async fn nothing_at_the_base_is_an_answer_and_below_it_a_mistake() {
    let directory = Directory::start(false, |_, _| Some(vec![done(0x65, 32, "")])).await;
    let wire = online(&format!("ldap://{}", directory.address), false, false, Trust::Machine).unwrap();
    assert_eq!(read(&wire, query(LdapScope::Base, 1)).await.unwrap(), Vec::<Vec<String>>::new());
    let below = read(&wire, query(LdapScope::Subtree, 1)).await;
    assert!(matches!(below, Err(NetError::Failed { .. })), "{below:?}");
}

/// Answers a sign-in, and one entry to every search.
fn one_entry(entry: LdapEntry) -> impl Fn(usize, &Asked) -> Said + Send + Sync + 'static {
    move |_, asked| match asked {
        Asked::Bind { password, .. } if password == PASSWORD => Some(vec![done(0x61, 0, "")]),
        Asked::Bind { .. } => Some(vec![done(0x61, 49, "data 52e, v4563")]),
        Asked::Search { .. } => Some(vec![found(&entry), page_end(b"")]),
        Asked::StartTls => Some(vec![done(0x78, 0, "")]),
        Asked::GoodBye => None,
    }
}

#[tokio::test]
async fn a_sign_in_is_encrypted_and_one_connection_serves_two_searches() {
    for tls in [true, false] {
        let directory = Directory::start(tls, one_entry(entry("a", &[("cn", &["Ann"])]))).await;
        let scheme = if tls { "ldaps" } else { "ldap" };
        let pin = Trust::Pin(directory.fingerprint.clone());
        let url = format!("{scheme}://{}", directory.address);
        let wire = online(&url, !tls, true, pin).unwrap();
        for _ in 0..2 {
            assert_eq!(read(&wire, query(LdapScope::Subtree, 5)).await.unwrap(), [["a"]]);
        }
        let log = directory.log();
        let binds = log.iter().filter(|asked| matches!(asked, Asked::Bind { .. })).count();
        assert_eq!((binds, log.contains(&Asked::StartTls)), (1, !tls), "{log:?}");
    }
}

#[tokio::test]
async fn a_certificate_that_nobody_vouches_for_is_refused_before_the_password() {
    for tls in [true, false] {
        let directory = Directory::start(tls, one_entry(entry("a", &[]))).await;
        let scheme = if tls { "ldaps" } else { "ldap" };
        let wire = online(&format!("{scheme}://{}", directory.address), !tls, true, Trust::Machine).unwrap();
        let error = read(&wire, query(LdapScope::Subtree, 5)).await.unwrap_err();
        let NetError::Untrusted { fingerprint, hint, .. } = &error else { panic!("{error:?}") };
        assert_eq!(*fingerprint, directory.fingerprint);
        assert!(hint.contains("ca_file") && hint.contains(fingerprint), "{hint}");
        assert!(!directory.log().iter().any(|asked| matches!(asked, Asked::Bind { .. })));
    }
}

#[tokio::test]
async fn a_certificate_is_looked_at_without_a_sign_in() {
    for tls in [true, false] {
        let directory = Directory::start(tls, one_entry(entry("a", &[]))).await;
        let scheme = if tls { "ldaps" } else { "ldap" };
        let server = LdapServer::parse(&format!("{scheme}://{}", directory.address)).unwrap();
        for (trust, believed) in [(Trust::Pin(directory.fingerprint.clone()), true), (Trust::Machine, false)]
        {
            let seen = ldap_certificate(&server, !tls, &trust, crate::AddressPolicy::public())
                .await
                .unwrap()
                .unwrap();
            assert_eq!(
                (seen.fingerprint.as_str(), seen.distrust.is_none()),
                (directory.fingerprint.as_str(), believed)
            );
        }
        assert!(
            !directory.log().iter().any(|asked| matches!(asked, Asked::Bind { .. } | Asked::Search { .. }))
        );
    }
    let plain = LdapServer::parse("ldap://127.0.0.1:1").unwrap();
    assert_eq!(
        ldap_certificate(&plain, false, &Trust::Machine, crate::AddressPolicy::public()).await,
        Ok(None)
    );
}

#[tokio::test]
async fn what_is_put_behind_start_tls_in_the_clear_is_seen() {
    let directory = Directory::start(false, |_, asked| match asked {
        Asked::StartTls => Some(vec![done(0x78, 0, ""), done(0x61, 0, "")]),
        _ => None,
    })
    .await;
    let pin = Trust::Pin(directory.fingerprint.clone());
    let wire = online(&format!("ldap://{}", directory.address), true, true, pin).unwrap();
    let error = read(&wire, query(LdapScope::Subtree, 5)).await.unwrap_err();
    assert!(matches!(error, NetError::Failed { .. } | NetError::Unreachable { .. }), "{error:?}");
    assert_eq!(directory.log(), [Asked::StartTls]);
}

#[tokio::test]
async fn a_password_never_leaves_in_the_clear() {
    let directory = Directory::start(false, one_entry(entry("a", &[]))).await;
    for url in [format!("ldap://{}", directory.address), "ldap://dc1.example".to_owned()] {
        let refused = online(&url, false, true, Trust::Machine).err();
        assert!(matches!(refused, Some(NetError::Refused(_))), "{url}");
    }
    let empty = LdapLogin {
        server: LdapServer::parse("ldaps://dc1.example").unwrap(),
        start_tls: false,
        bind: Some(("cn=reader".into(), Secret::new(""))),
        trust: Trust::Machine,
        skip_referrals: false,
    };
    let logins = BTreeMap::from([("directory".to_owned(), empty)]);
    assert!(LdapOnline::new(logins, LdapOptions::default(), &Scrubber::default()).is_err());
    assert_eq!(directory.log(), []);
}

#[tokio::test]
async fn an_entry_that_holds_the_password_ends_the_search() {
    for odd in
        [entry("a", &[("description", &["my correct horse battery"])]), entry(&format!("cn={PASSWORD}"), &[])]
    {
        let directory = Directory::start(true, one_entry(odd)).await;
        let pin = Trust::Pin(directory.fingerprint.clone());
        let wire = online(&format!("ldaps://{}", directory.address), false, true, pin).unwrap();
        let error = read(&wire, query(LdapScope::Subtree, 5)).await.unwrap_err();
        assert!(
            matches!(error, NetError::Denied { .. }) && !error.to_string().contains(PASSWORD),
            "{error:?}"
        );
    }
}

#[tokio::test]
async fn a_wrong_password_is_denied_in_words() {
    let directory = Directory::start(true, |_, asked| match asked {
        Asked::Bind { .. } => Some(vec![done(0x61, 49, "AcceptSecurityContext error, data 775, v4563")]),
        _ => None,
    })
    .await;
    let pin = Trust::Pin(directory.fingerprint.clone());
    let wire = online(&format!("ldaps://{}", directory.address), false, true, pin).unwrap();
    let error = read(&wire, query(LdapScope::Subtree, 5)).await.unwrap_err();
    assert!(error.to_string().contains("the account is locked out"), "{error}");
}

#[tokio::test]
async fn an_idle_connection_that_died_is_opened_anew() {
    let directory = Directory::start(false, |number, _| {
        // The second search finds the door closed.
        (number != 1).then(|| vec![found(&entry("a", &[])), page_end(b"")])
    })
    .await;
    let wire = online(&format!("ldap://{}", directory.address), false, false, Trust::Machine).unwrap();
    for _ in 0..2 {
        assert_eq!(read(&wire, query(LdapScope::Subtree, 5)).await.unwrap(), [["a"]]);
    }
}

#[tokio::test]
async fn a_search_is_recorded_and_replayed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("d.recording");
    let mut odd = entry("cn=a", &[("cn", &["Zoë"]), ("userPassword", &["{SSHA}x"])]);
    odd.attributes.push(LdapValues { name: "objectGUID".to_owned(), values: vec![vec![0, 255, 254]] });
    let kept =
        LdapEntry { attributes: vec![odd.attributes[0].clone(), odd.attributes[2].clone()], ..odd.clone() };
    let directory = Directory::start(false, move |number, _| {
        Some(if number == 0 {
            vec![found(&odd), page_end(b"1")]
        } else {
            vec![found(&entry("b", &[])), page_end(b"")]
        })
    })
    .await;
    let wire = online(&format!("ldap://{}", directory.address), false, false, Trust::Machine).unwrap();
    let recording = Recording::create(&path, &Header::new("ldap", "", ""), Scrubber::default()).unwrap();
    let recorder = LdapRecorder::new(wire, recording.clone());
    assert_eq!(read(&recorder, query(LdapScope::Subtree, 1)).await.unwrap(), [["cn=a"], ["b"]]);
    // A second one that somebody leaves off after its first page.
    let mut left =
        recorder.search(LdapQuery { base: "dc=y".to_owned(), ..query(LdapScope::Subtree, 1) }).await.unwrap();
    left.next().await.unwrap();
    drop(left);
    recording.finish().unwrap();

    let replay = Arc::new(Replay::open(&path).unwrap());
    let mut search = replay.search(query(LdapScope::Subtree, 500)).await.unwrap();
    assert_eq!(search.next().await.unwrap().entries, [kept]);
    assert_eq!(search.next().await.unwrap().entries, [entry("b", &[])]);
    assert_eq!(search.next().await.unwrap(), LdapPage::default());
    let left = LdapQuery { base: "dc=y".to_owned(), ..query(LdapScope::Subtree, 1) };
    let mut left = replay.search(left).await.unwrap();
    assert_eq!(left.next().await.unwrap().entries.len(), 1);
    assert!(matches!(left.next().await, Err(NetError::Recording(_))), "it broke off there");
    let other = LdapQuery { filter: "(cn=*)".to_owned(), ..query(LdapScope::Subtree, 1) };
    assert!(matches!(replay.search(other).await.err(), Some(NetError::Recording(_))));
}
