//! What is sent again, how often and after which waits.

use std::time::Duration;

use rollcall_edges::clock::{FixedClock, Instant};

use super::*;
use crate::testing::{NoPause, Scripted};

fn status(status: u16, retry_after: Option<&str>) -> Result<Response, NetError> {
    let headers = retry_after.map(|text| ("retry-after".to_owned(), text.to_owned())).into_iter().collect();
    Ok(Response::whole(status, headers, "body"))
}

fn lost() -> Result<Response, NetError> {
    Err(NetError::Lost { message: "lost".to_owned() })
}

fn unreachable() -> Result<Response, NetError> {
    Err(NetError::Unreachable { message: "unreachable".to_owned(), hint: None })
}

/// Gives the outcome and the waits in milliseconds.
async fn run(method: &str, answers: Vec<Result<Response, NetError>>) -> (Result<u16, NetError>, Vec<u128>) {
    let pause = Arc::new(NoPause::default());
    // 1994-11-06T08:49:07Z, 30 seconds before the date in the test below.
    let clock = Arc::new(FixedClock(Instant(784_111_747_000)));
    let wire = Retrying::new(Scripted::new(answers), Schedule::default(), clock, Arc::clone(&pause) as _);
    let request = Request::new(method, url::Url::parse("https://x.example/users").unwrap());
    let outcome = wire.send(request).await.map(|response| response.status);
    let waits = pause.0.lock().unwrap().iter().map(Duration::as_millis).collect();
    (outcome, waits)
}

#[tokio::test]
async fn the_server_says_how_long() {
    let (outcome, waits) =
        run("GET", vec![status(429, Some("7")), status(503, Some("0")), status(200, None)]).await;
    assert_eq!((outcome.unwrap(), waits), (200, vec![7000, 0]));
    let date = status(429, Some("Sun, 06 Nov 1994 08:49:37 GMT"));
    let (outcome, waits) = run("HEAD", vec![date, status(200, None)]).await;
    assert_eq!((outcome.unwrap(), waits), (200, vec![30_000]));
}

fn limited(headers: &[(&str, &str)]) -> Result<Response, NetError> {
    let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Ok(Response::whole(429, headers, "body"))
}

#[tokio::test]
async fn a_windows_end_counts_by_the_servers_own_clock() {
    // 784111777 is 1994-11-06T08:49:37Z; the local clock says something else and is not asked.
    let date = ("date", "Sun, 06 Nov 1994 08:49:30 GMT");
    for (headers, wait) in [
        (vec![date, ("x-rate-limit-reset", "784111777")], 8000),
        (vec![date, ("x-ratelimit-reset", "784111777")], 8000),
        (vec![date, ("x-rate-limit-reset", "784111770")], 1000),
        (vec![date, ("x-rate-limit-reset", "784111777"), ("retry-after", "2")], 2000),
    ] {
        let (outcome, waits) = run("GET", vec![limited(&headers), status(200, None)]).await;
        assert_eq!((outcome.unwrap(), waits), (200, vec![wait]), "{headers:?}");
    }
    // What is no such time is waited for as usual.
    for headers in [
        vec![("x-rate-limit-reset", "784111777")],
        vec![date, ("x-rate-limit-reset", "60")],
        vec![date, ("x-rate-limit-reset", "soon")],
    ] {
        let (outcome, waits) = run("GET", vec![limited(&headers), status(200, None)]).await;
        assert_eq!(outcome.unwrap(), 200);
        assert!((500..=1000).contains(&waits[0]), "{headers:?}: {waits:?}");
    }
}

#[tokio::test]
async fn a_403_over_quota_is_sent_again_and_others_are_not() {
    let said = |reason: &str| {
        let body = format!(r#"{{"error":{{"code":403,"errors":[{{"reason":"{reason}"}}]}}}}"#);
        Ok(Response::whole(403, Vec::new(), body))
    };
    for reason in ["rateLimitExceeded", "userRateLimitExceeded", "quotaExceeded"] {
        let (outcome, waits) = run("GET", vec![said(reason), status(200, None)]).await;
        assert_eq!((outcome.unwrap(), waits.len()), (200, 1), "{reason}");
    }
    let (outcome, waits) = run("GET", (0..9).map(|_| said("quotaExceeded")).collect()).await;
    assert!(matches!(outcome, Err(NetError::Busy { status: 403, .. })) && waits.len() == 5);
    for answer in [said("forbidden"), Ok(Response::whole(403, Vec::new(), "<html>"))] {
        let (outcome, waits) = run("GET", vec![answer]).await;
        assert_eq!((outcome.unwrap(), waits.len()), (403, 0));
    }
}

#[tokio::test]
async fn otherwise_the_waits_double_with_jitter() {
    let answers =
        vec![status(502, None), lost(), status(504, Some("soon")), status(429, None), status(200, None)];
    let (outcome, waits) = run("GET", answers).await;
    assert_eq!(outcome.unwrap(), 200);
    for (wait, whole) in waits.iter().zip([1000, 2000, 4000, 8000]) {
        assert!((whole / 2..=whole).contains(wait), "{waits:?}");
    }
    assert_eq!(waits.len(), 4);
}

#[tokio::test]
async fn it_gives_up() {
    let (outcome, waits) = run("GET", (0..9).map(|_| status(429, Some("2"))).collect()).await;
    match outcome.unwrap_err() {
        NetError::Busy { status, message, retry_after_ms } => {
            assert_eq!((status, retry_after_ms), (429, Some(2000)));
            assert_eq!(
                message,
                "the server answers `GET https://x.example/users` with 429 and asks to come back in 2 s"
            );
        }
        error => panic!("{error:?}"),
    }
    assert_eq!(waits.len(), 5);
    let (outcome, waits) = run("GET", vec![unreachable(), unreachable(), unreachable()]).await;
    assert!(matches!(outcome, Err(NetError::Unreachable { .. })));
    assert_eq!(waits.len(), 2);
    let (outcome, waits) = run("GET", vec![status(503, Some("86400"))]).await;
    assert!(matches!(outcome, Err(NetError::Busy { retry_after_ms: Some(86_400_000), .. })));
    assert_eq!(waits.len(), 0, "nobody waits a day");
}

#[tokio::test]
async fn what_could_do_harm_is_never_sent_twice() {
    for answer in [lost(), unreachable(), status(503, Some("1"))] {
        let expect = answer.as_ref().map(|response| response.status).ok();
        let (outcome, waits) = run("POST", vec![answer]).await;
        assert_eq!((outcome.ok(), waits.len()), (expect, 0));
    }
}

#[tokio::test]
async fn other_answers_and_errors_pass() {
    for code in [200, 304, 400, 401, 403, 404, 410, 500] {
        let (outcome, waits) = run("GET", vec![status(code, Some("1"))]).await;
        assert_eq!((outcome.unwrap(), waits.len()), (code, 0));
    }
    let denied = Err(NetError::Denied { message: "no".to_owned(), hint: None });
    let (outcome, waits) = run("GET", vec![denied]).await;
    assert!(matches!(outcome, Err(NetError::Denied { .. })));
    assert_eq!(waits.len(), 0);
}

struct Broken(u8);

#[async_trait]
impl Body for Broken {
    async fn chunk(&mut self) -> Result<Option<Vec<u8>>, NetError> {
        self.0 += 1;
        if self.0 == 1 {
            Ok(Some(b"half".to_vec()))
        } else {
            Err(NetError::Lost { message: "broken".to_owned() })
        }
    }
}

#[tokio::test]
async fn a_body_that_breaks_is_asked_for_again() {
    let half = Ok(Response { status: 200, headers: Vec::new(), body: Box::new(Broken(0)) });
    let scripted = Scripted::new(vec![half, status(200, None)]);
    let clock = Arc::new(FixedClock(Instant(0)));
    let wire = Retrying::new(scripted, Schedule::default(), clock, Arc::new(NoPause::default()));
    let mut answer = wire.send(Request::get(url::Url::parse("https://x.example/").unwrap())).await.unwrap();
    assert_eq!(answer.read_all(100).await.unwrap(), b"body");
}

#[tokio::test]
async fn a_long_body_is_handed_on_as_it_comes() {
    struct Long(usize);
    #[async_trait]
    impl Body for Long {
        async fn chunk(&mut self) -> Result<Option<Vec<u8>>, NetError> {
            self.0 += 1;
            Ok(if self.0 > 6 { None } else { Some(vec![b'x'; 1 << 20]) })
        }
    }
    let long = Ok(Response { status: 200, headers: Vec::new(), body: Box::new(Long(0)) });
    let clock = Arc::new(FixedClock(Instant(0)));
    let wire =
        Retrying::new(Scripted::new(vec![long]), Schedule::default(), clock, Arc::new(NoPause::default()));
    let mut answer = wire.send(Request::get(url::Url::parse("https://x.example/").unwrap())).await.unwrap();
    assert_eq!(answer.read_all(10 << 20).await.unwrap().len(), 6 << 20);
}
