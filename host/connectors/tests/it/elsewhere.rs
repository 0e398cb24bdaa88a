//! Guests that want to be let out by a way of writing: odd addresses, headers of the host's own, redirects. What they get
//! back they swallow; no server hears of it.

use rollcall_connectors::Package;
use rollcall_core::Diagnostic;
use rollcall_edges::directory::DirectoryError;
use serde_json::json;

use crate::bench::{SECRET, guest, host, hostile, misbehaving, read};
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

/// The hostile guest, whose manifest asks for one server and signs in at the one of the setting `url`.
fn asking_for(server: &Server) -> Package {
    let sealed = include_str!("../../../../tests/guests/hostile/connector.toml");
    let (head, grant) = sealed.split_once("[[grant.http]]").unwrap();
    let changed = grant.replacen("{url}", &server.url, 1).replace("\"Reads.\"", "\"R\"");
    // A sealed manifest keeps its length: shorter sentences make room for the longer address.
    let changed = format!("{head}[[grant.http]]{changed}").replace("that its setting says", "it is told");
    let padding = sealed.len().checked_sub(changed.len()).unwrap();
    let changed = format!("{changed}{}", "\n".repeat(padding));
    let mut bytes = guest("rollcall-guest-hostile");
    let places: Vec<usize> =
        (0..=bytes.len() - sealed.len()).filter(|at| bytes[*at..].starts_with(sealed.as_bytes())).collect();
    assert!(!places.is_empty());
    for at in places {
        bytes[at..at + changed.len()].copy_from_slice(changed.as_bytes());
    }
    Package::read(bytes).unwrap()
}

/// Effective is what is asked for and allowed: a job's word alone opens nothing.
#[tokio::test]
async fn what_the_job_allows_and_the_manifest_does_not_ask_for_is_not_reached() {
    let (asked, other) = (serve(), serve());
    let package = asking_for(&asked);
    let tried = async |lines: &[&str], address: String| {
        let mut spec = misbehaving("odd");
        spec.bundled = false;
        spec.grant_http = lines.iter().map(|line| (*line).into()).collect();
        // The setting, and so the login, names the other server: the job allows it in its own words.
        spec.settings.insert("url".into(), json!(other.url));
        spec.settings.insert("words".into(), json!([address]));
        let mut connector = host().connect(&package, &spec).await?;
        Ok(read(&mut connector).await?.len())
    };
    for lines in [&[asked.url.as_str()][..], &[&asked.url, &other.url]] {
        let Err(DirectoryError::Refused(why)) = tried(lines, format!("{}/users", other.url)).await else {
            panic!("{lines:?}");
        };
        assert_eq!(why.message, format!("`GET {}/users` is not granted", other.url));
        assert!(why.hint.as_ref().unwrap().contains("the connector does not ask for it"), "{why:?}");
        // The job writes its line then, where it has none yet.
        assert_eq!(
            why.hint.as_ref().unwrap().contains("then the job writes `http = ["),
            lines.len() == 1,
            "{why:?}"
        );
        assert_eq!(why.place, Diagnostic::error(why.code, "").path(&["directory", "connector"]).place);
        assert_eq!(heads(&other), Vec::<String>::new());
    }
    // A line for a part of what is asked for is all that opens; `odd` names a login that is for the other server.
    let part = format!("{}/part", asked.url);
    let Err(DirectoryError::Refused(why)) = tried(&[&part], format!("{}/users", asked.url)).await else {
        panic!("{part}");
    };
    assert_eq!(
        why.hint.as_deref(),
        Some(&*format!(
            "if that is right, write `http = [\"{part}\", \"{}\"]` under `[directory.grants]`",
            asked.url
        ))
    );
    // A line that nobody asks for ends it before anything runs.
    let elsewhere = "https://elsewhere.example";
    let Err(DirectoryError::Invalid(wrong)) = tried(&[&asked.url, elsewhere], String::new()).await else {
        panic!("{elsewhere}");
    };
    assert_eq!((wrong.len(), wrong[0].code.0), (1, "E0312"), "{wrong:?}");
    assert_eq!((heads(&asked), heads(&other)), (Vec::new(), Vec::new()));
}
