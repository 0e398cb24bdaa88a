//! Guests that misbehave: the host stops them, says why, and goes on serving others.

use std::time::Duration;

use rollcall_edges::directory::Directory;
use serde_json::json;

use crate::bench::{host, hostile, misbehaving, read};
use crate::trial::{alone, class, fails, limit};

async fn check(mode: &str, limits: &[(&str, u64)], expect: (&str, &str)) {
    let mut spec = misbehaving(mode);
    for (name, value) in limits {
        limit(&mut spec, name, *value);
    }
    let memory = limits.iter().find(|(name, _)| *name == "memory_mib").map_or(256, |(_, value)| *value);
    fails(&hostile(), &spec, memory, expect).await;
}

#[tokio::test]
async fn a_guest_that_computes_for_ever() {
    check("loop", &[("cpu_seconds_per_call", 1)], ("incomplete", "for more than 1 seconds in one call"))
        .await;
    check("loop", &[("cpu_seconds", 1)], ("incomplete", "computed for more than 1 seconds; `cpu_seconds`"))
        .await;
    check("loop", &[("call_wall_seconds", 1)], ("incomplete", "did not answer within 1 seconds")).await;
    check("loop", &[("wall_seconds", 1)], ("incomplete", "took longer than 1 seconds")).await;
}

#[tokio::test]
async fn a_guest_that_sleeps_for_ever() {
    check("sleep", &[("call_wall_seconds", 1)], ("incomplete", "did not answer within 1 seconds")).await;
}

#[tokio::test]
async fn a_guest_that_asks_without_end() {
    let server = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut spec = misbehaving("requests");
    spec.settings.insert("url".into(), json!(format!("http://{}", server.local_addr().unwrap())));
    limit(&mut spec, "requests", 20);
    std::thread::spawn(move || {
        for mut stream in server.incoming().flatten() {
            let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
            let _ = std::io::Read::read(&mut stream, &mut [0; 4096]);
            let _ = std::io::Write::write_all(&mut stream, answer);
        }
    });
    fails(&hostile(), &spec, 256, ("refused", "20 requests")).await;
}

#[tokio::test]
async fn a_guest_that_hoards_memory() {
    check("hoard", &[("memory_mib", 32)], ("incomplete", "needs more than 32 MiB of memory")).await;
}

#[tokio::test]
async fn a_guest_that_crashes() {
    check("panic", &[], ("incomplete", "the guest  [31mgave up)")).await;
    check("exit", &[], ("incomplete", "code")).await;
    check("deep", &[], ("incomplete", "the connector crashed")).await;
}

#[tokio::test]
async fn a_guest_that_never_ends() {
    check("no-end", &[], ("incomplete", "10000 empty pages")).await;
    check("no-end", &[("pages", 50)], ("incomplete", "more than 50 pages")).await;
    check("circle", &[], ("incomplete", "the same place twice")).await;
    check("well", &[("users", 3)], ("incomplete", "more than 3 users")).await;
}

#[tokio::test]
async fn a_guest_that_hands_over_nonsense() {
    check("bad-id", &[], ("incomplete", "control characters in the id `a b`")).await;
    check("long-token", &[], ("incomplete", "a token of more than 65536 bytes")).await;
    check("huge", &[("memory_mib", 1024)], ("incomplete", "more than 96 MiB at once")).await;
}

#[tokio::test]
async fn a_guest_that_swallows_a_refusal() {
    check("elsewhere", &[], ("refused", "`GET https://elsewhere.example/users` is not granted")).await;
    check("header", &[], ("refused", "the header `authorization`")).await;
}

#[tokio::test]
async fn a_flood_of_log_lines_is_cut_and_harms_nobody() {
    let _alone = alone().await;
    let mut spec = misbehaving("flood");
    limit(&mut spec, "log_lines", 10);
    let mut connector = host().connect(&hostile(), &spec).await.unwrap();
    assert_eq!(read(&mut connector).await.unwrap().len(), 3);
}

#[tokio::test]
async fn a_call_that_nobody_waits_for_is_cut_off() {
    let _alone = alone().await;
    let host = host();
    let package = hostile();
    let mut connector = host.connect(&package, &misbehaving("loop")).await.unwrap();
    let mut listing = connector.open(None).await.unwrap();
    listing.next().await.unwrap();
    let waited = tokio::time::timeout(Duration::from_millis(200), listing.next()).await;
    assert!(waited.is_err());
    // Both threads of the host would be busy for ever if such guests went on.
    for _ in 0..3 {
        let mut again = host.connect(&package, &misbehaving("loop")).await.unwrap();
        let mut listing = again.open(None).await.unwrap();
        listing.next().await.unwrap();
        let waited = tokio::time::timeout(Duration::from_millis(100), listing.next()).await;
        assert!(waited.is_err());
    }
    let mut other = host.connect(&package, &misbehaving("well")).await.unwrap();
    assert_eq!(read(&mut other).await.unwrap().len(), 3);
    assert!(listing.next().await.is_err(), "a listing that was cut off is over");
}

#[tokio::test]
async fn settings_are_validated_within_bounds() {
    let _alone = alone().await;
    let host = host();
    let package = hostile();
    let mut spec = misbehaving("validate-loop");
    limit(&mut spec, "cpu_seconds_per_call", 1);
    let error = host.connect(&package, &spec).await.err().unwrap();
    assert_eq!((class(&error), error.to_string().contains("1 seconds")), ("permanent", true), "{error}");
    let error = host.connect(&package, &misbehaving("validate-http")).await.err().unwrap();
    assert_eq!(class(&error), "refused", "{error}");
}

#[tokio::test]
async fn one_that_is_cut_off_beside_one_that_is_read() {
    let _alone = alone().await;
    let host = host();
    let package = hostile();
    let mut busy = host.connect(&package, &misbehaving("loop")).await.unwrap();
    let mut listing = busy.open(None).await.unwrap();
    listing.next().await.unwrap();
    let stuck = async {
        let waited = tokio::time::timeout(Duration::from_millis(500), listing.next()).await;
        assert!(waited.is_err());
    };
    let served = async {
        for _ in 0..5 {
            let mut other = host.connect(&package, &misbehaving("well")).await.unwrap();
            assert_eq!(read(&mut other).await.unwrap().len(), 3);
        }
    };
    tokio::join!(stuck, served);
}
