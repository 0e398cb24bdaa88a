//! `http` and `files` through the sandbox: logins, a secret that never enters it, and what a guest swallows.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use rollcall_connectors::Recording;
use rollcall_core::Cell;
use rollcall_edges::directory::{Directory, DirectoryError, FindingState, RecordChange};
use serde_json::json;

use crate::bench::{SECRET, host, hostile, misbehaving, read};

const TOKEN: &str = "canary-token-9876543210";

/// What the server says to who is signed in; it stands in no guest's code.
const WELCOME: &str = "welcome-4711-signed-in";

/// A server on loopback, which keeps the request heads it saw.
pub(crate) struct Server {
    pub(crate) url: String,
    pub(crate) seen: Arc<Mutex<Vec<String>>>,
}

pub(crate) fn serve() -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let seen = Arc::new(Mutex::new(Vec::new()));
    let sees = seen.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let sees = sees.clone();
            std::thread::spawn(move || answer(stream, &sees));
        }
    });
    Server { url, seen }
}

fn answer(mut stream: TcpStream, seen: &Mutex<Vec<String>>) {
    let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
    let mut head = Vec::new();
    for line in lines.by_ref().map_while(Result::ok) {
        if line.is_empty() {
            break;
        }
        head.push(line);
    }
    let head = head.join("\n");
    let authorization = head
        .lines()
        .find_map(|line| {
            line.to_lowercase().starts_with("authorization:").then(|| line[14..].trim().to_owned())
        })
        .unwrap_or_default();
    seen.lock().unwrap().push(head.clone());
    let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
    if let Some(place) = path.strip_prefix("/away?") {
        let _ = write!(
            stream,
            "HTTP/1.1 307 Temporary Redirect\r\nlocation: {place}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
        );
        return;
    }
    let (status, body) = match path.as_str() {
        "/token" | "/oauth/token" => (
            "200 OK",
            json!({ "access_token": TOKEN, "token_type": "Bearer", "expires_in": 3600 }).to_string(),
        ),
        "/users" if authorization == format!("Bearer {TOKEN}") => ("200 OK", WELCOME.to_owned()),
        "/users" => ("401 Unauthorized", String::new()),
        "/api/people?page=1" if authorization == format!("Bearer {TOKEN}") => (
            "200 OK",
            r#"{"people": [{"id": "7", "name": "Ada", "phones": ["1", "2"]}], "next": 2}"#.to_owned(),
        ),
        "/api/people?page=2" => ("200 OK", r#"{"people": [{"id": "8", "name": "Bo"}]}"#.to_owned()),
        "/echo" => ("200 OK", format!("you said: {authorization}")),
        _ => ("200 OK", "hello".to_owned()),
    };
    let length = body.len();
    let _ =
        write!(stream, "HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}");
}

#[tokio::test]
async fn the_host_signs_in_and_the_guest_sees_nothing_of_it() {
    let server = serve();
    let mut spec = misbehaving("login");
    spec.settings.insert("url".into(), json!(server.url));
    let mut connector = host().connect(&hostile(), &spec).await.unwrap();
    assert_eq!(read(&mut connector).await.unwrap().len(), 3);
    assert_eq!(connector.usage().requests, 2);
    let seen = server.seen.lock().unwrap();
    assert_eq!(seen.iter().filter(|head| head.starts_with("POST /token")).count(), 1, "{seen:?}");
    assert_eq!(seen.iter().filter(|head| head.contains(TOKEN)).count(), 2, "{seen:?}");
}

#[tokio::test]
async fn no_secret_is_ever_in_the_guests_memory() {
    let server = serve();
    // A part of both secrets, the wholes, and what the guest does hold, which shows that its looking finds things.
    let needles = ["canary-", SECRET, TOKEN, WELCOME].map(|text| text.chars().rev().collect::<String>());
    let mut spec = misbehaving("snoop");
    spec.settings.insert("url".into(), json!(server.url));
    spec.settings.insert("words".into(), json!(needles));
    let mut connector = host().connect(&hostile(), &spec).await.unwrap();
    let pages = read(&mut connector).await.unwrap();
    let found: Vec<Vec<i64>> = pages
        .iter()
        .map(|page| {
            let counts = page.changes.iter().map(|change| match change {
                RecordChange::Whole(record) => match record.get("found") {
                    Cell::Integer(count) => *count,
                    other => panic!("{other:?}"),
                },
                other => panic!("{other:?}"),
            });
            counts.collect()
        })
        .collect();
    assert_eq!(found.len(), 3);
    // The first page comes before the guest asks for anything; by the others the host has signed in for it.
    assert_eq!(found[0], [0, 0, 0, 0]);
    for counts in &found[1..] {
        assert_eq!(counts[..3], [0, 0, 0], "a secret is in the guest's memory: {found:?}");
        assert!(counts[3] > 0, "the guest does not find what it holds: {found:?}");
    }
    // Both secrets were in use meanwhile.
    let seen = server.seen.lock().unwrap();
    assert_eq!(seen.iter().filter(|head| head.starts_with("POST /token")).count(), 1, "{seen:?}");
    assert_eq!(seen.iter().filter(|head| head.contains(TOKEN)).count(), 2, "{seen:?}");
}

#[tokio::test]
async fn a_token_that_comes_back_ends_the_run_as_denied() {
    let server = serve();
    let mut spec = misbehaving("echo");
    spec.settings.insert("url".into(), json!(server.url));
    let mut connector = host().connect(&hostile(), &spec).await.unwrap();
    let error = read(&mut connector).await.unwrap_err();
    assert!(matches!(error, DirectoryError::Denied { .. }), "{error:?}");
    assert!(!format!("{error:?}").contains(TOKEN), "{error:?}");
}

#[tokio::test]
async fn a_swallowed_failure_of_the_network_is_no_success() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut spec = misbehaving("get");
    spec.settings.insert("url".into(), json!(format!("http://{closed}")));
    let mut connector = host().connect(&hostile(), &spec).await.unwrap();
    let connection = connector.check().await.unwrap();
    assert_eq!(connection.findings.last().unwrap().state, FindingState::Failed, "{connection:?}");
    let error = read(&mut connector).await.unwrap_err();
    assert!(matches!(error, DirectoryError::Transient { .. }), "{error:?}");
}

#[tokio::test]
async fn what_is_recorded_is_replayed_without_network_and_credentials() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("made.recording");
    let server = serve();
    let mut spec = misbehaving("login");
    spec.settings.insert("url".into(), json!(server.url));
    spec.recording = Recording::Record { path: path.clone(), at: "2026-01-02".to_owned() };
    let host = host();
    let mut connector = host.connect(&hostile(), &spec).await.unwrap();
    read(&mut connector).await.unwrap();
    connector.tail().write_recording().unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(!text.contains("canary"), "{text}");
    assert!(text.contains("/users"), "{text}");

    let requests = server.seen.lock().unwrap().len();
    spec.recording = Recording::Replay(path);
    spec.credentials.insert("client_secret".into(), None);
    let mut connector = host.connect(&hostile(), &spec).await.unwrap();
    assert_eq!(read(&mut connector).await.unwrap().len(), 3);
    assert_eq!(server.seen.lock().unwrap().len(), requests);
    // Another listing asks for more than was recorded.
    spec.settings.insert("mode".into(), json!("get"));
    let mut connector = host.connect(&hostile(), &spec).await.unwrap();
    let error = read(&mut connector).await.unwrap_err();
    let DirectoryError::Refused(why) = &error else { panic!("{error:?}") };
    assert_eq!(why.code.0, "E0309");
}

#[cfg(unix)]
#[tokio::test]
async fn nothing_leads_out_of_the_granted_folder() {
    let base = tempfile::tempdir().unwrap();
    let folder = base.path().join("data");
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(base.path().join("secret.txt"), "secret").unwrap();
    std::fs::write(folder.join("people.csv"), "id\n1\n").unwrap();
    std::os::unix::fs::symlink(base.path().join("secret.txt"), folder.join("link.txt")).unwrap();
    for (mode, granted, expect) in [
        ("out", false, "the file `../secret.txt` is not inside the granted folder"),
        ("out", true, "the file `../secret.txt` is not inside the granted folder"),
        ("link", true, "the file `link.txt` is a link out of the granted folder"),
        ("link", false, "the file `link.txt` is not granted: the settings name another one"),
    ] {
        let mut spec = misbehaving(mode);
        spec.grant_files.extend(granted.then(|| folder.clone()));
        spec.folder.clone_from(&folder);
        spec.settings.insert("path".into(), json!("people.csv"));
        let mut connector = host().connect(&hostile(), &spec).await.unwrap();
        let error = read(&mut connector).await.unwrap_err();
        let DirectoryError::Refused(why) = &error else { panic!("{error:?}") };
        assert_eq!(why.message, expect);
    }
}

#[tokio::test]
async fn handles_are_bounded() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("people.csv"), "id\n1\n").unwrap();
    let mut spec = misbehaving("handles");
    spec.folder = folder.path().to_owned();
    spec.settings.insert("path".into(), json!("people.csv"));
    let mut connector = host().connect(&hostile(), &spec).await.unwrap();
    let error = read(&mut connector).await.unwrap_err();
    assert!(matches!(error, DirectoryError::Incomplete(_)), "{error:?}");
}
