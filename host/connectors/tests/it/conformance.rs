//! The conformance suite against connectors that do not conform: each is told what it does wrong.

use rollcall_connectors::conformance::conformance;
use rollcall_edges::directory::{Finding, FindingState};
use serde_json::json;

use crate::bench::{SECRET, host, hostile, misbehaving};
use crate::http::serve;

/// Plays the suite against a guest that misbehaves so, and gives what does not hold.
async fn wrong(mode: &str) -> Vec<(String, String)> {
    let server = serve();
    let mut spec = misbehaving(mode);
    spec.settings.insert("url".into(), json!(server.url));
    let findings = conformance(&host(), &hostile(), &spec, &[], &|_| {}).await;
    let failed = |finding: &Finding| finding.state == FindingState::Failed;
    let told = findings.into_iter().filter(failed);
    told.map(|finding| (finding.subject, finding.message)).collect()
}

fn is(found: &[(String, String)], expect: &[(&str, &str)]) {
    assert_eq!(found.len(), expect.len(), "{found:?}");
    for ((subject, message), (rule, part)) in found.iter().zip(expect) {
        assert!(subject == rule && message.contains(part), "{subject}: {message}");
    }
}

/// Every mode of the guest goes on wrongly, whatever else it does.
const GOES_ON: (&str, &str) = ("a reading goes on where one ended", "5 users instead of 6; `11` is missing");

#[tokio::test]
async fn each_mistake_is_named() {
    is(&wrong("well").await, &[GOES_ON]);
    is(
        &wrong("lossy").await,
        &[("pages of 1 change nothing", "3 users instead of 6; `11` is missing"), GOES_ON],
    );
    let none = "request 1 of 3: the reading ended well without being whole: ";
    is(
        &wrong("deaf").await,
        &[
            GOES_ON,
            ("status 401 is a refusal", none),
            ("status 403 is a refusal", none),
            ("status 404 is no end", none),
            ("status 410 is no end", none),
            ("status 500 is no end", none),
            ("an answer that breaks off is no end", none),
            ("what is no answer is no end", none),
        ],
    );
    is(&wrong("panic").await, &[("a reading ends well", "gave up")]);
}

#[tokio::test]
async fn a_credential_that_comes_back_is_named() {
    let mut spec = misbehaving("well");
    // A value that the guest cannot know and happens to give.
    spec.credentials.insert("client_secret".into(), Some(rollcall_core::Secret::new("u10@example.com")));
    let findings = conformance(&host(), &hostile(), &spec, &[], &|_| {}).await;
    let found = findings.iter().find(|finding| finding.subject == "no credential comes back").unwrap();
    assert_eq!(
        (found.state, found.message.as_str()),
        (FindingState::Failed, "a user holds the credential `client_secret`")
    );
    assert!(!findings.iter().any(|finding| finding.message.contains(SECRET)));
}
