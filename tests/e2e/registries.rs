//! Connectors that are installed from an OCI registry: the token, the digests, and what a registry may not do.

use rollcall_tests::harness::{Output, TestEnv};
use rollcall_tests::registry::{Door, MANIFEST, Registry, Simulator, sha256};
use rollcall_tests::shelves::{self, Shelves};
use rollcall_tests::web::{Answer, Delivery};
use serde_json::json;

use crate::elsewhere::digest_of;
use crate::packages::{signed, trusting};

const PACKAGE: &str = "application/vnd.rollcall.connector.package.v1+tar";
const SIGNATURE: &str = "application/vnd.rollcall.connector.signature.v1";
const LOGIN: &str = "partner:canary-registry-77aa";

/// A machine, a registry that has the package of a version under its tag, and the manifest's digest.
fn stage(version: &str) -> (TestEnv, Simulator, String) {
    let (env, registry) = (trusting(), Simulator::of(Registry::default()).unwrap());
    let digest = push(&env, &registry, version);
    (env, registry, digest)
}

fn push(env: &TestEnv, registry: &Simulator, version: &str) -> String {
    let package = signed(env, version, "");
    let read = |name: &str| std::fs::read(env.path(name)).unwrap();
    let layers = [(PACKAGE, read(&package)), (SIGNATURE, read(&format!("{package}.minisig")))];
    registry.world().push(version, &layers)
}

fn named(registry: &Simulator, rest: &str) -> String {
    format!("oci://{}/partner/hr{rest}", registry.address())
}

fn install(env: &TestEnv, what: &str, more: &[&str]) -> Output {
    env.run(&[&["connector", "install", what, "--yes"], more].concat())
}

#[test]
fn a_package_comes_from_a_registry_by_a_digest() {
    let (env, registry, manifest) = stage("1.0.0");
    registry.world().door = Door::Token;
    let tag = named(&registry, ":1.0.0");
    let package = digest_of(&env, "hr-1.0.0.rollcall");
    // A tag is what the registry says it is today.
    let run = install(&env, &tag, &[]).exits(12).says("E0336").says(&package);
    let _ = run.says(&format!("{tag}@{manifest}"));
    let _ = install(&env, &tag, &["--sha256", &package, "--lock", "."]).success();
    let lock = env.read("rollcall.lock");
    assert!(lock.contains(&format!("origin = \"{tag}@{manifest}\"")), "{lock}");
    let _ = env.run(&["check", "--locked"]).success();
    let _ = env.run(&["connector", "list"]).success().says("Acme").says("runs");
    // The lock pins the manifest, whatever the tag is made to say.
    let newer = push(&env, &registry, "1.1.0");
    let layers = [(PACKAGE, std::fs::read(env.path("hr-1.1.0.rollcall")).unwrap())];
    let _ = registry.world().push("1.0.0", &layers);
    let _ = env.run(&["connector", "update", "hr", "--locked"]).success().says("installed already");
    let _ = env.run(&["connector", "remove", "hr"]).success();
    let _ = install(&env, &tag, &["--locked"]).success().says("hr 1.0.0");
    let _ = install(&env, &named(&registry, ":1.1.0"), &["--locked"]).exits(12).says("E0336");
    // A digest in the reference is one of everything that it names.
    let by_digest = named(&registry, &format!("@{newer}"));
    let _ = env.run(&["connector", "update", &by_digest, "--locked"]).exits(12).says("E0330");
    let _ = env.run(&["connector", "update", &by_digest, "--lock", "."]).success().says("hr 1.1.0");
    assert_eq!(env.run(&["preview", "--json"]).success().figure("create"), 10);
    let world = registry.world();
    assert!(!world.journal.token_strayed(), "a token goes to the registry alone");
    let entries = &world.journal.entries;
    assert!(
        entries
            .iter()
            .filter(|entry| !entry.is_token())
            .all(|entry| entry.path.starts_with("/v2/partner/hr/"))
    );
}

#[test]
fn a_login_goes_to_the_token_service_and_a_blob_elsewhere_gets_nothing() {
    let (mut env, registry, manifest) = stage("1.0.0");
    let store = shelves::Simulator::of(Shelves::default()).unwrap();
    for name in ["hr-1.0.0.rollcall", "hr-1.0.0.rollcall.minisig"] {
        let content = std::fs::read(env.path(name)).unwrap();
        store.world().put(&format!("/{}", sha256(&content)), content);
    }
    registry.world().blobs_at = Some(store.url());
    let what = named(&registry, &format!("@{manifest}"));
    for door in [Door::Login(LOGIN.to_owned()), Door::Basic(LOGIN.to_owned())] {
        registry.world().door = door;
        let _ = install(&env, &what, &[]).exits(4).says("E0337").says("--registry-login");
        let _ = install(&env, &what, &["--registry-login", LOGIN]).exits(64).says("env:NAME").hides("canary");
        let _ = install(&env, &what, &["--registry-login", "env:NONE"]).exits(4).says("`NONE` is not set");
        env.set("WRONG", "partner:wrong");
        let _ =
            install(&env, &what, &["--registry-login", "env:WRONG"]).exits(4).says("may this login pull it");
        env.set("LOGIN", LOGIN);
        let run = install(&env, &what, &["--registry-login", "env:LOGIN"]).success();
        let _ = run.hides("canary");
        let _ = env.run(&["connector", "remove", "hr"]).success();
        env.write("login", format!("{LOGIN}\n"));
        let _ = install(&env, &what, &["--registry-login", "file:login"]).success();
        let _ = env.run(&["connector", "remove", "hr"]).success();
    }
    // The store of blobs hears neither of the login nor of a token.
    let world = store.world();
    assert!(world.journal.entries.len() >= 8, "{:?}", world.journal.entries);
    assert!(world.journal.entries.iter().all(|entry| entry.header("authorization").is_none()));
    let kept: Vec<_> =
        env.files_with("canary-registry").into_iter().filter(|path| !path.ends_with("login")).collect();
    assert!(kept.is_empty(), "{kept:?}");
}

#[test]
fn a_registry_that_misbehaves_installs_nothing() {
    let (env, registry, manifest) = stage("1.0.0");
    let package = std::fs::read(env.path("hr-1.0.0.rollcall")).unwrap();
    let refused = |what: &str, code: i32, says: &str| {
        let _ = install(&env, &named(&registry, what), &[]).exits(code).says(says);
    };
    refused(":2.0.0", 1, "answered with 404");
    // What is no connector, or more than one.
    let put = |tag: &str, layers: &[(&str, Vec<u8>)]| format!("@{}", registry.world().push(tag, layers));
    let other = put("a", &[("application/vnd.oci.image.layer.v1.tar+gzip", package.clone())]);
    let twice = put("b", &[(PACKAGE, package.clone()), (PACKAGE, package.clone())]);
    let signed_twice = put("c", &[(PACKAGE, package.clone()), (SIGNATURE, vec![1]), (SIGNATURE, vec![2])]);
    let unsigned = put("d", &[(PACKAGE, package.clone())]);
    for what in [&other, &twice, &signed_twice] {
        refused(what, 12, "holds no connector");
    }
    refused(&unsigned, 12, "E0323");
    let index = "application/vnd.oci.image.index.v1+json";
    let index = registry.world().put("index", index, b"{\"manifests\":[]}".to_vec());
    refused(&format!("@{index}"), 12, "no image manifest");
    let odd = |layers: serde_json::Value| {
        let manifest = json!({"schemaVersion": 2, "mediaType": MANIFEST, "layers": layers}).to_string();
        format!("@{}", registry.world().put("odd", MANIFEST, manifest.into_bytes()))
    };
    let huge = odd(json!([{"mediaType": PACKAGE, "digest": sha256(&package), "size": 1_u64 << 40}]));
    let md5 = odd(json!([{"mediaType": PACKAGE, "digest": "md5:abc", "size": 3}]));
    let short = odd(json!([{"mediaType": PACKAGE, "digest": sha256(&package), "size": 3}]));
    refused(&huge, 12, "are taken");
    refused(&md5, 12, "are taken");
    refused(&short, 1, "longer than 3 bytes");
    // Other bytes than the digests say, and bytes without an end.
    let whole = format!("@{manifest}");
    let octets = |body: Vec<u8>| Answer::of(200, "application/octet-stream", body);
    let mut changed = package.clone();
    changed[600] ^= 1;
    let blob = format!("/v2/partner/hr/blobs/{}", sha256(&package));
    let manifest = format!("/v2/partner/hr/manifests/{manifest}");
    let endless =
        |kind: &'static str| Answer { delivery: Delivery::Endless, ..Answer::of(200, kind, vec![0; 65_536]) };
    let to = |url: &str| octets(Vec::new()).with("location", url);
    let sent = |url: &str| Answer { status: 307, ..to(url) };
    let round = format!("{}{blob}", registry.url());
    for (path, answer, code, says) in [
        (&blob, octets(changed), 12, "E0325"),
        (&blob, endless("application/octet-stream"), 1, "longer than"),
        (&blob, sent("http://store.example/x"), 1, "not encrypted"),
        (&blob, sent("https://10.1.2.3/x"), 1, "no public address"),
        (&blob, sent("https://169.254.169.254/latest"), 1, "no public address"),
        (&blob, sent("https://localhost:1/x"), 1, "or is this machine"),
        (&blob, sent("file:///etc/passwd"), 1, "cannot be used"),
        (&blob, sent(&round), 1, "answered with 307"),
        (&manifest, Answer::of(200, MANIFEST, "{}"), 12, "E0325"),
        (&manifest, endless(MANIFEST), 1, "longer than"),
        (&manifest, sent("https://store.example/x"), 1, "no redirect is followed"),
    ] {
        registry.world().instead = [(path.clone(), answer)].into();
        refused(&whole, code, says);
    }
    registry.world().instead.clear();
    // A token service that nobody should ask.
    registry.world().door = Door::Token;
    for (realm, says) in [
        ("http://auth.example/token", "not encrypted"),
        ("https://192.168.0.1/token", "no public address"),
        ("nonsense", "has no address"),
    ] {
        registry.world().realm = Some(realm.to_owned());
        let run = install(&env, &named(&registry, &whole), &[]).says(says);
        assert!(matches!(run.code, Some(1 | 4)), "{run:?}");
    }
    registry.world().realm = None;
    refused("", 64, "neither a tag nor a digest");
    let _ = install(&env, &named(&registry, &whole), &[]).success();
}
