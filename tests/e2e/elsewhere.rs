//! Connectors that are installed from elsewhere: from a web server, by the digest that somebody else told.

use rollcall_tests::harness::{Output, TestEnv};
use rollcall_tests::shelves::{Shelves, Simulator};
use rollcall_tests::web::{Answer, Delivery};

use crate::packages::{signed, trusting};

/// A digest that nothing has.
pub(crate) const NOBODYS: &str = "00000000000000000000000000000000000000000000000000000000000000ff";

/// Puts a package and its signature on a server.
fn publish(env: &TestEnv, site: &mut Shelves, package: &str) {
    for name in [package.to_owned(), format!("{package}.minisig")] {
        site.put(&format!("/hr/{name}"), std::fs::read(env.path(&name)).unwrap());
    }
}

/// The digest of a package, as its publisher would tell it.
pub(crate) fn digest_of(env: &TestEnv, package: &str) -> String {
    let seen = env.run(&["connector", "inspect", package, "--json"]).success().json();
    seen["package_sha256"].as_str().unwrap().to_owned()
}

fn install(env: &TestEnv, what: &str, more: &[&str]) -> Output {
    env.run(&[&["connector", "install", what, "--yes"], more].concat())
}

#[test]
fn a_package_comes_from_a_web_server_by_its_digest() {
    let env = trusting();
    let server = Simulator::of(Shelves::default()).unwrap();
    let old = signed(&env, "1.0.0", "");
    publish(&env, &mut server.world(), &old);
    let (url, sha256) = (format!("{}/hr/{old}", server.url()), digest_of(&env, &old));
    // What a server gives says nothing about what it should give.
    let _ = install(&env, &url, &[]).exits(12).says("E0336").says(&sha256).says("what the server gave");
    let _ = install(&env, &url, &["--sha256", NOBODYS]).exits(12).says("E0325").says(&sha256);
    let _ = install(&env, &url, &["--sha256", "abc"]).exits(64).says("64 hexadecimal digits");
    let _ = env.run(&["connector", "list"]).success().says("no connector is installed");
    let given = format!("sha256:{}", sha256.to_uppercase());
    let told = install(&env, &url, &["--sha256", &given, "--lock", ".", "--json"]).success().json();
    assert_eq!((told["origin"].as_str(), told["publisher"].as_str()), (Some(&*url), Some("Acme")));
    assert!(
        env.read("rollcall.lock").contains(&format!("origin = \"{url}\"")),
        "{}",
        env.read("rollcall.lock")
    );
    let _ = env.run(&["check", "--locked"]).success();
    // The lock says which package it must be, here and on another machine.
    let _ = env.run(&["connector", "remove", "hr"]).success();
    let _ = install(&env, &url, &["--locked"]).success();
    let listed = env.run(&["connector", "list", "--json"]).success().json();
    assert_eq!(listed["connectors"][0]["origin"], *url);
    // A name is asked for where it came from. The publisher writes a newer one to the same place.
    let _ = env.run(&["connector", "update", "hr"]).success().says("installed already");
    let new = signed(&env, "1.1.0", "");
    let newer = digest_of(&env, &new);
    for ending in ["", ".minisig"] {
        let content = std::fs::read(env.path(&format!("{new}{ending}"))).unwrap();
        server.world().put(&format!("/hr/{old}{ending}"), content);
    }
    let _ =
        env.run(&["connector", "update", "hr"]).exits(12).says("E0330").says(&newer).says("pins the digest");
    let _ = env.run(&["connector", "update", "hr", "--sha256", &newer, "--locked"]).exits(12).says("E0330");
    let _ =
        env.run(&["connector", "update", "hr", "--sha256", &newer, "--lock", "."]).success().says("1.1.0");
    let _ = env.run(&["check", "--locked"]).success();
    assert_eq!(env.run(&["preview", "--json"]).success().figure("create"), 10);
    // A file is held against a digest as well, and keeps where it came from.
    let _ = install(&env, &new, &["--sha256", &sha256]).exits(12).says("E0325");
    let _ = install(&env, &new, &["--sha256", &newer]).success();
    let _ = env.run(&["connector", "update", "hr"]).success().says("installed already");
    let _ = env.run(&["connector", "remove", "hr"]).success();
    std::fs::remove_file(env.path("rollcall.lock")).unwrap();
    let _ = install(&env, &new, &["--locked"]).exits(12).says("E0331");
    let _ = install(&env, &new, &[]).success();
    let _ = env.run(&["connector", "update", "hr"]).exits(64).says("was installed from a file");
}

#[test]
fn what_was_pinned_from_a_file_is_taken_from_an_address() {
    let env = trusting();
    let server = Simulator::of(Shelves::default()).unwrap();
    let (package, other) = (signed(&env, "1.0.0", ""), signed(&env, "1.1.0", ""));
    publish(&env, &mut server.world(), &package);
    publish(&env, &mut server.world(), &other);
    let url = |package: &str| format!("{}/hr/{package}", server.url());
    let _ = install(&env, &package, &["--lock", "."]).success();
    assert!(!env.read("rollcall.lock").contains("origin"));
    let _ = env.run(&["connector", "remove", "hr"]).success();
    let _ = install(&env, &url(&other), &[]).exits(12).says("E0336");
    let _ = install(&env, &url(&package), &["--locked", "--lock", "."]).success().says("hr 1.0.0");
    let noted = format!("origin = \"{}\"", url(&package));
    assert!(env.read("rollcall.lock").contains(&noted), "{}", env.read("rollcall.lock"));
    let _ = env.run(&["connector", "update", "hr"]).success().says("installed already");
}

#[test]
fn an_address_with_a_query_is_pinned_without_it() {
    let env = trusting();
    let server = Simulator::of(Shelves::default()).unwrap();
    let package = signed(&env, "1.0.0", "");
    publish(&env, &mut server.world(), &package);
    server.world().query = "sig=canary-51".to_owned();
    let (noted, sha256) = (format!("{}/hr/{package}", server.url()), digest_of(&env, &package));
    let url = format!("{noted}?sig=canary-51");
    let _ = install(&env, &url, &["--sha256", &sha256, "--lock", "."]).success();
    let lock = env.read("rollcall.lock");
    assert!(lock.contains(&format!("origin = \"{noted}\"")) && !lock.contains("canary"), "{lock}");
    let _ = env.run(&["connector", "remove", "hr"]).success();
    // What the lock pins needs no digest on the command line, whatever the query is today.
    server.world().query = "sig=canary-52".to_owned();
    let today = format!("{noted}?sig=canary-52");
    let _ = install(&env, &today, &["--locked"]).success().says("hr 1.0.0");
    // A name alone leads to the address without its query.
    let run = env.run(&["connector", "update", "hr"]).exits(1).says("403");
    let _ = run.says("is noted without what stood behind a `?`");
    let _ = env.run(&["connector", "update", &today]).success().says("installed already");
    // A query may be for the package alone.
    let beside = format!("/hr/{package}.minisig");
    let _ = server.world().answers.insert(beside, Answer::of(403, "text/plain", "not signed"));
    let run = install(&env, &today, &[]).exits(1).says("403").says("with the query of the package");
    let _ = run.hides("canary");
}

#[test]
fn what_is_fetched_is_judged_as_a_file_is() {
    let env = trusting();
    let server = Simulator::of(Shelves::default()).unwrap();
    let package = signed(&env, "1.0.0", "");
    publish(&env, &mut server.world(), &package);
    let (path, sha256) = (format!("/hr/{package}"), digest_of(&env, &package));
    let url = format!("{}{path}", server.url());
    let beside = format!("{path}.minisig");
    let signature = server.world().answers.remove(&beside).unwrap();
    let get = |code: &str, exit: i32| install(&env, &url, &["--sha256", &sha256]).exits(exit).says(code);
    let _ = get("E0323", 12);
    // An answer that is none might hide one.
    let _ = server.world().answers.insert(beside.clone(), Answer::of(503, "text/plain", "later"));
    let _ = get("E0335", 1).says("503");
    server.world().put(&beside, "RW");
    let _ = get("E0325", 12).says("it is no signature");
    server.world().put(&beside, vec![b'x'; 9000]);
    let _ = get("E0303", 1).says("longer than 8192 bytes");
    let _ = server.world().answers.insert(beside, signature);
    let _ = env.run(&["connector", "trust", "remove", "acme.pub"]).success();
    let _ = get("E0324", 12);
    let _ = env.run(&["connector", "trust", "add", "acme.pub", "--publisher", "Acme"]).success();
    let _ = env.run(&["connector", "trust", "revoke", &sha256]).success();
    let _ = get("E0326", 12);
}

#[test]
fn a_server_that_misbehaves_installs_nothing() {
    let env = trusting();
    let server = Simulator::of(Shelves::default()).unwrap();
    let package = signed(&env, "1.0.0", "");
    publish(&env, &mut server.world(), &package);
    let (url, sha256) = (format!("{}/hr/x", server.url()), digest_of(&env, &package));
    let other = Simulator::of(Shelves::default()).unwrap();
    publish(&env, &mut other.world(), &package);
    let elsewhere = format!("{}/hr/{package}", other.url());
    let octets = |status: u16, body: &[u8]| Answer::of(status, "application/octet-stream", body);
    for (answer, says) in [
        (octets(404, b""), "answered with 404"),
        (octets(401, b""), "it wants to know who asks"),
        // No redirect is followed: where it leads is told, and that is all.
        (octets(302, b"").with("location", &elsewhere), &*elsewhere),
        (octets(200, b"<!doctype html>"), "E0325"),
        (Answer { delivery: Delivery::Cut(3), ..octets(200, b"abcdef") }, "E0335"),
        (Answer { delivery: Delivery::Endless, ..octets(200, &[0; 65_536]) }, "is longer than"),
    ] {
        let _ = server.world().answers.insert("/hr/x".to_owned(), answer);
        let run = install(&env, &url, &["--sha256", &sha256]).says(says);
        assert!(matches!(run.code, Some(1 | 12)), "{run:?}");
    }
    assert_eq!(other.world().journal.entries.len(), 0);
    for (what, says) in [
        ("http://hr.example/x", "is not encrypted"),
        ("ftp://hr.example/x", "not fetched through `ftp`"),
        ("https://ann:pw@hr.example/x", "cannot be used"),
    ] {
        let _ = install(&env, what, &["--sha256", &sha256]).exits(64).says(says);
    }
    let metadata = "https://169.254.169.254/latest/x";
    let _ = install(&env, metadata, &["--sha256", &sha256]).exits(1).says("never reached");
    let _ = env.run(&["connector", "list"]).success().says("no connector is installed");
}

#[test]
fn a_private_authority_is_believed_where_it_is_named() {
    let env = trusting();
    let server = Simulator::over_tls(Shelves::default()).unwrap();
    let package = signed(&env, "1.0.0", "");
    publish(&env, &mut server.world(), &package);
    let (url, sha256) = (format!("{}/hr/{package}", server.url()), digest_of(&env, &package));
    let get = |more: &[&str]| install(&env, &url, &[&["--sha256", &sha256], more].concat());
    let _ = get(&[]).exits(1).says("E0310").says("--ca-file");
    env.write("ca.pem", server.certificate().unwrap());
    let _ = get(&["--ca-file", "no-such.pem"]).exits(64).says("no-such.pem");
    // A proxy is asked where one is named, and the environment's is not.
    let _ = get(&["--ca-file", "ca.pem", "--proxy", "nonsense"]).exits(64).says("the proxy");
    let _ = get(&["--ca-file", "ca.pem"]).success();
}
