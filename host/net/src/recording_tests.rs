//! Recordings there and back, and what must not get into one.

use rollcall_core::Secret;
use url::Url;

use super::*;
use crate::replay::Replay;
use crate::testing::Scripted;

fn url(text: &str) -> Url {
    Url::parse(text).unwrap()
}

fn answer(status: u16, body: &[u8]) -> Result<Response, NetError> {
    let headers = [
        ("content-type", "application/json"),
        ("set-cookie", "id=1"),
        ("x-refresh-token", "t"),
        ("link", "<https://x.example/?after=1>; rel=\"next\""),
    ];
    let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    Ok(Response::whole(status, headers, body))
}

fn header() -> Header {
    Header::new("entra", "2026-11-23T22:00:00Z", "abc")
}

async fn ask(wire: &impl Wire, request: Request) -> Result<(u16, Vec<u8>), NetError> {
    let mut answer = wire.send(request).await?;
    let body = answer.read_all(1 << 20).await?;
    Ok((answer.status, body))
}

#[tokio::test]
async fn what_was_recorded_is_replayed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("graph.recording");
    let inner = Scripted::new(vec![
        answer(200, b"one"),
        answer(200, b"two"),
        answer(404, b""),
        answer(200, &[0xff, 0, 1]),
    ]);
    let requests = [
        Request::get(url("https://x.example/users?$top=9"))
            .header("Accept", "a")
            .header("Authorization", "Bearer t"),
        Request::get(url("https://x.example/users?$top=9")),
        Request::get(url("https://x.example/none")),
        Request::new("POST", url("https://x.example/search")).body("{\"q\":1}"),
    ];
    let recording = Recording::create(&path, &header(), Scrubber::default()).unwrap();
    let recorder = Recorder::new(inner, Arc::clone(&recording));
    let mut got = Vec::new();
    for request in &requests {
        got.push(ask(&recorder, request.clone()).await.unwrap());
    }
    recording.record_file("people.csv", b"id,name\n").unwrap();
    recording.record_file("people.xls", &[0xff, 0xfe]).unwrap();
    assert!(!path.exists(), "the file has its name once it is whole");
    recording.finish().unwrap();
    recording.finish().unwrap();

    let replay = Replay::open(&path).unwrap();
    assert_eq!(replay.header(), &header());
    for (request, expect) in requests.iter().zip(&got) {
        assert_eq!(&ask(&replay, request.clone()).await.unwrap(), expect);
    }
    let again = ask(&replay, requests[0].clone()).await.unwrap();
    assert_eq!(again.1, b"two", "the last answer stays");
    let again = replay.send(requests[0].clone()).await.unwrap();
    assert_eq!(again.header("link"), Some("<https://x.example/?after=1>; rel=\"next\""));
    assert_eq!(replay.files(), ["people.csv", "people.xls"]);
    assert_eq!(replay.replay_file("people.csv").unwrap(), b"id,name\n");
    assert_eq!(replay.replay_file("people.xls").unwrap(), [0xff, 0xfe]);

    let text = std::fs::read_to_string(&path).unwrap();
    for private in ["Bearer", "set-cookie", "x-refresh-token"] {
        assert!(!text.contains(private), "{private} in {text}");
    }
    assert!(text.contains(r#""request_headers":[["accept","a"]]"#));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    #[cfg(unix)]
    {
        let mode = std::os::unix::fs::MetadataExt::mode(&std::fs::metadata(&path).unwrap());
        assert_eq!(mode & 0o777, 0o600);
    }
}

#[tokio::test]
async fn what_was_not_recorded_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("r");
    let recording = Recording::create(&path, &header(), Scrubber::default()).unwrap();
    let recorder = Recorder::new(Scripted::new(vec![answer(200, b"one")]), Arc::clone(&recording));
    ask(&recorder, Request::get(url("https://x.example/a?x=1"))).await.unwrap();
    recording.finish().unwrap();
    let replay = Replay::open(&path).unwrap();
    for request in [
        Request::get(url("https://x.example/a?x=2")),
        Request::new("HEAD", url("https://x.example/a?x=1")),
        Request::get(url("https://x.example/a?x=1")).body("more"),
    ] {
        let expect =
            format!("`{} {}` is not in the recording `{}`", request.method, request.url, path.display());
        match replay.send(request).await {
            Err(NetError::Recording(said)) => {
                assert_eq!(said.message, expect);
                assert_eq!(said.code, rollcall_core::codes::RECORDING_INVALID);
            }
            other => panic!("{other:?}"),
        }
    }
    assert!(replay.replay_file("people.csv").is_err());
}

#[tokio::test]
async fn secrets_do_not_reach_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("r");
    let scrubber = Scrubber::default();
    scrubber.add(&Secret::new("very-secret"));
    let recording = Recording::create(&path, &header(), scrubber).unwrap();
    let inner = Scripted::new(vec![answer(200, b"a very-secret thing")]);
    let request = Request::get(url("https://x.example/?k=very-secret"))
        .header("x-a", "very-secret")
        .body("very-secret");
    ask(&Recorder::new(inner, Arc::clone(&recording)), request).await.unwrap();
    recording.finish().unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(!text.contains("very-secret"), "{text}");
    assert_eq!(text.matches("(removed)").count(), 4, "{text}");
}

#[test]
fn a_recording_that_is_given_up_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("r");
    drop(Recording::create(&path, &header(), Scrubber::default()).unwrap());
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    assert!(
        Recording::create(&folder.path().join("no/such/folder"), &header(), Scrubber::default()).is_err()
    );
}

const FIRST: &str = r#"{"rollcall_recording":1,"connector":"entra"}"#;

#[tokio::test]
async fn a_recording_may_be_written_by_hand() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let line = r#"{"kind":"http","url":"https://x.example/users?$select=id,displayName","json":{"value":[{"id":"1","b":null}]}}"#;
    std::fs::write(
        file.path(),
        format!("{FIRST}\n\n{line}\n  \n{{\"kind\":\"file\",\"path\":\"a\",\"text\":\"b\"}}"),
    )
    .unwrap();
    let replay = Replay::open(file.path()).unwrap();
    let request = Request::get(url("https://x.example/users?$select=id,displayName"));
    let mut answer = replay.send(request).await.unwrap();
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/json")));
    assert_eq!(answer.read_all(100).await.unwrap(), br#"{"value":[{"id":"1","b":null}]}"#);
    assert_eq!(replay.replay_file("a").unwrap(), b"b");
}

#[test]
fn a_damaged_recording_is_named_with_its_line() {
    for (content, expect) in [
        (String::new(), "is no recording"),
        ("id,name\n".to_owned(), "is no recording"),
        (FIRST.replace(":1,", ":2,"), "has format 2, and this version reads 1"),
        (format!("{FIRST}\n\nnonsense"), "line 3 of the recording"),
        (format!("{FIRST}\n{{\"kind\":\"http\",\"url\":\"/users\"}}"), "`url` is no URL"),
        (format!("{FIRST}\n{{\"kind\":\"ldpa\"}}"), "unknown variant `ldpa`"),
        (
            format!("{FIRST}\n{{\"kind\":\"http\",\"url\":\"https://x.example\",\"bdy\":1}}"),
            "unknown field `bdy`",
        ),
        (
            format!("{FIRST}\n{{\"kind\":\"http\",\"url\":\"https://x.example\",\"body\":\"\",\"json\":1}}"),
            "a body is given twice",
        ),
        (
            format!("{FIRST}\n{{\"kind\":\"http\",\"url\":\"https://x.example\",\"body_base64\":\"?\"}}"),
            "the base64 is damaged",
        ),
        (
            format!("{FIRST}\n{{\"kind\":\"http\",\"url\":\"https://x.example\",\"status\":7}}"),
            "7 is no status",
        ),
    ] {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), &content).unwrap();
        let error = Replay::open(file.path()).unwrap_err();
        assert!(error.to_string().contains(expect), "{error} instead of {expect}");
    }
}
