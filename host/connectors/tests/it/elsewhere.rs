//! Guests that want to be let out by a way of writing: odd addresses, headers of the host's own, redirects. What they get
//! back they swallow; no server hears of it.

use rollcall_edges::directory::DirectoryError;
use serde_json::json;

use crate::bench::{SECRET, host, hostile, misbehaving, read};
use crate::http::{Server, serve};

/// Reads from a guest that tries a word in a way, and gives how the reading ended.
async fn tried(mode: &str, server: &Server, word: &str) -> Result<usize, DirectoryError> {
    let mut spec = misbehaving(mode);
    spec.settings.insert("url".into(), json!(server.url));
    spec.settings.insert("words".into(), json!([word]));
    let mut connector = host().connect(&hostile(), &spec).await?;
    Ok(read(&mut connector).await?.len())
}

fn heads(server: &Server) -> Vec<String> {
    server.seen.lock().unwrap().clone()
}

async fn refused(mode: &str, server: &Server, word: &str) {
    let error = tried(mode, server, word).await.expect_err(word);
    let refused = matches!(&error, DirectoryError::Refused(why) if why.code.0 == "E0303");
    assert!(refused, "{word}: {error:?}");
    assert_eq!(heads(server), Vec::<String>::new(), "{word}");
}

#[tokio::test]
async fn odd_addresses_lead_nowhere() {
    let (granted, other) = (serve(), serve());
    let port = other.url.rsplit(':').next().unwrap();
    let own = granted.url.rsplit(':').next().unwrap();
    for address in [
        format!("http://127.0.0.1:{port}/"),
        format!("http://localhost:{own}/"),
        format!("http://localhost:{port}/"),
        format!("http://127.0.0.1:{own}@127.0.0.1:{port}/"),
        format!("http://user:secret@127.0.0.1:{own}/"),
        format!("http://2130706433:{port}/"),
        format!("http://0x7f.1:{port}/"),
        format!("http://0177.0.0.1:{port}/"),
        format!("HTTP://127.1:{port}/"),
        format!("http://127.0.0.1.:{port}/"),
        format!("http://[::ffff:127.0.0.1]:{port}/"),
        format!("http://[::ffff:127.0.0.1]:{own}/"),
        format!("http://[::1]:{port}/"),
        format!("http://①②⑦.0.0.1:{port}/"),
        format!("http:\\\\127.0.0.1:{port}\\"),
        format!("http:127.0.0.1:{port}"),
        format!("//127.0.0.1:{port}/"),
        format!("https://127.0.0.1:{own}/"),
        format!("\thttp://127.0.0.1:{port}/\n"),
        "http://127.0.0.1/".to_owned(),
        "http://169.254.169.254/latest/meta-data".to_owned(),
        "http://[::ffff:a9fe:a9fe]/latest".to_owned(),
        "http://[fd00:ec2::254]/latest".to_owned(),
        "http://metadata.google.internal/".to_owned(),
        "https://elsewhere.example./".to_owned(),
        "https://127.0.0.1.nip.example/".to_owned(),
        "file:///etc/passwd".to_owned(),
        "gopher://127.0.0.1:70/".to_owned(),
        "data:text/plain,x".to_owned(),
        String::new(),
    ] {
        refused("odd", &granted, &address).await;
        assert_eq!(heads(&other), Vec::<String>::new(), "{address}");
    }
    // Whoever reads an address reads it as the one who connects: this one has a path that begins with `@`.
    let address = format!("http://127.0.0.1:{own}\\@127.0.0.1:{port}/");
    assert_eq!(tried("odd", &granted, &address).await.unwrap(), 3);
    assert!(!heads(&granted).is_empty());
    assert_eq!(heads(&other), Vec::<String>::new());
}

#[tokio::test]
async fn headers_that_are_the_hosts_own_are_not_sent() {
    let server = serve();
    for name in [
        "Authorization",
        "authorization",
        "Cookie",
        "Host",
        "Connection",
        "Content-Length",
        "Transfer-Encoding",
        "Upgrade",
        "TE",
        "Expect",
        "Proxy-Authorization",
        "X-Forwarded-Host",
        "X-HTTP-Method-Override",
        "X-Original-URL",
        "Host ",
        "a\r\nHost: evil.example\r\nb",
        "",
    ] {
        refused("own-header", &server, name).await;
    }
}

#[tokio::test]
async fn a_redirect_takes_nothing_along() {
    let (server, thief) = (serve(), serve());
    for place in [thief.url.as_str(), "http://169.254.169.254/", "//evil.example/", "file:///etc/passwd"] {
        let word = format!("{}/away?{place}", server.url);
        assert_eq!(tried("odd", &server, &word).await.unwrap(), 3);
    }
    assert_eq!(heads(&thief), Vec::<String>::new());
    // It is an answer like any other: each was asked once, and the secret went to the token endpoint alone.
    let heads = heads(&server);
    assert_eq!(heads.iter().filter(|head| head.starts_with("GET /away")).count(), 2 * 4, "{heads:?}");
    assert!(heads.iter().all(|head| !head.contains(SECRET)));
}
