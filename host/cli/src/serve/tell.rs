//! `[notify]`: who is told what. The same trouble is told once, until it changes or clears.

use std::collections::{BTreeMap, BTreeSet};
use std::io::IsTerminal as _;
use std::process::Stdio;
use std::time::Duration;

use rollcall_core::{Diagnostic, Text, codes};
use rollcall_edges::clock::Clock;
use rollcall_edges::state::StateError;
use rollcall_job::expiry;
use rollcall_job::notify::{Event, Notify, Target};
use rollcall_net::{AddressPolicy, Online, Options, Request, Wire as _};
use rollcall_state::Store;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tokio::io::AsyncWriteExt as _;
use url::Url;

use crate::exit;
use crate::failure::Failure;
use crate::serve::board::{interrupted, well};
use crate::serve::turn::Turn;
use crate::view::text::shown;
use crate::wiring::Session;

/// How long a command or a webhook may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// How much of a webhook's answer is read, in bytes.
const ANSWER_BYTES_MAX: u64 = 64 << 10;

/// What a run says of each kind of trouble: a digest where there is some, `None` where there is none. What the run
/// could not find out is left out.
pub(crate) type Troubles = BTreeMap<Event, Option<String>>;

/// Finds the trouble that a run shows.
pub(crate) fn troubles(turn: &Turn) -> Troubles {
    let mut found = Troubles::new();
    if interrupted(turn.exit) {
        return found;
    }
    let users = |what: &str| {
        let about = turn.diagnostics.iter().filter(|d| d.severity == rollcall_core::Severity::Error);
        digest(what, about.map(|d| format!("{} {}", d.code.0, d.user.as_deref().unwrap_or_default())))
    };
    let codes = |what: &str| {
        let about = turn.diagnostics.iter().filter(|d| d.severity == rollcall_core::Severity::Error);
        digest(what, about.map(|d| d.code.0.to_owned()))
    };
    if well(turn.exit) {
        let failed = turn.figures.failed > 0;
        let skipped = turn.exit == exit::PARTIAL && !failed;
        found.insert(Event::Failed, failed.then(|| users("changes")));
        found.insert(Event::Refused, None);
        found.insert(Event::Skipped, skipped.then(|| users("users")));
    } else if turn.exit == exit::REFUSED {
        found.insert(Event::Failed, None);
        found.insert(Event::Refused, Some(codes("refused")));
    } else {
        found.insert(Event::Failed, Some(codes(&format!("exit {}", turn.exit))));
    }
    found
}

/// Adds what is known of credentials that expire.
pub(crate) fn expiring(found: &mut Troubles, credentials: &[Diagnostic]) {
    let about = credentials.iter().map(|d| format!("{} {}", d.code.0, d.message));
    found.insert(Event::Expiring, (!credentials.is_empty()).then(|| digest("credentials", about)));
}

/// Gives the digest of a set of words, in any order.
fn digest(what: &str, words: impl Iterator<Item = String>) -> String {
    let words: BTreeSet<String> = words.collect();
    let mut hasher = Sha256::new_with_prefix(what);
    words.iter().for_each(|word| hasher.update(format!("\n{word}")));
    hasher.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

/// Remembers, among what was told, that nobody has been told yet that it is over.
const OPEN: &str = "open";

/// What to tell, and what to remember once it is told.
#[derive(Debug, Default, PartialEq, Eq)]
struct News {
    words: Vec<&'static str>,
    keep: Vec<(&'static str, Option<String>)>,
}

/// Holds what there is now against what was told.
fn news(on: &[Event], now: &Troubles, told: &BTreeMap<String, String>) -> News {
    let mut news = News::default();
    for (event, trouble) in now {
        let before = told.get(event.word());
        match trouble {
            Some(digest) if on.contains(event) && before != Some(digest) => {
                news.words.push(event.word());
                news.keep.push((event.word(), Some(digest.clone())));
                if *event != Event::Expiring {
                    news.keep.push((OPEN, Some(String::new())));
                }
            }
            None if before.is_some() => news.keep.push((event.word(), None)),
            Some(_) | None => {}
        }
    }
    let mut of_runs = now.iter().filter(|(event, _)| **event != Event::Expiring).peekable();
    if of_runs.peek().is_some() && of_runs.all(|(_, trouble)| trouble.is_none()) && told.contains_key(OPEN) {
        news.words.push("recovered");
        news.keep.push((OPEN, None));
    }
    news
}

/// Tells of a run what is new. Whatever goes wrong with that fails no run; it is told again at the next one.
pub(crate) async fn tell(
    store: &Store,
    notify: &Notify,
    job: &str,
    turn: &Turn,
    now: &Troubles,
    clock: &dyn Clock,
) -> Result<(), Diagnostic> {
    let broken = |error: StateError| Diagnostic::warning(codes::NOTIFY_FAILED, error.to_string());
    let told = store.told(job).map_err(broken)?;
    let News { mut words, keep } = news(&notify.on, now, &told);
    if notify.on.contains(&Event::Changed) && !turn.figures.applied.is_empty() {
        words.push(Event::Changed.word());
    }
    if !words.is_empty() {
        let document = document(turn, &words, clock);
        let told = match &notify.target {
            Target::Command(command) => run(command, job, &words, turn.exit, &document).await,
            Target::Webhook(url) => post(url, &impersonal(document, &|text| store.pseudonym(text))).await,
        };
        told.map_err(|why| {
            let message =
                format!("of the job `{}` nobody could be told {}: {why}", shown(job), words.join(", "));
            Diagnostic::warning(codes::NOTIFY_FAILED, message).hint("it is told again at the next run")
        })?;
    }
    for (kind, digest) in keep {
        store.put_told(job, kind, digest.as_deref()).map_err(broken)?;
    }
    Ok(())
}

/// Tells of a sync that nobody looks on at: of one that another scheduler has started. Whoever sits at a terminal sees
/// what comes of it.
pub(crate) async fn unwatched(session: &Session, turn: &Turn) -> Result<(), Diagnostic> {
    let Some(notify) = session.job.notify.as_ref().filter(|_| !std::io::stderr().is_terminal()) else {
        return Ok(());
    };
    let failed = |failure: Failure| {
        let why = failure.diagnostics.into_iter().next().map(|why| why.message).unwrap_or_default();
        Diagnostic::warning(codes::NOTIFY_FAILED, why)
    };
    let store = session.store().await.map_err(failed)?;
    let mut found = troubles(turn);
    expiring(&mut found, &expiry::expiring(&session.job, session.clock.now().0));
    tell(&store, notify, &session.job.name, turn, &found, &*session.clock).await
}

/// Gives the run's JSON with what is told of it.
fn document(turn: &Turn, words: &[&str], clock: &dyn Clock) -> Value {
    let mut document = turn.document.clone();
    if let Some(map) = document.as_object_mut() {
        map.insert("events".into(), json!(words));
        map.insert("exit".into(), json!(turn.exit));
        map.insert("at".into(), json!(crate::time::shown(clock.now())));
    }
    document
}

/// Takes what is personal out of a run's JSON and keeps its shape: a user is a keyed hash, texts are what a code means.
fn impersonal(mut document: Value, pseudonym: &dyn Fn(&str) -> String) -> Value {
    let hashed = |value: &mut Value| {
        if let Some(text) = value.as_str() {
            *value = json!(pseudonym(text));
        }
    };
    for change in document["changes"].as_array_mut().into_iter().flatten() {
        hashed(&mut change["user_identification"]);
        (change["name"], change["extension"]) = (Value::Null, Value::Null);
        (change["reason"], change["matched_by"]) = (json!(""), Value::Null);
        for (_, field) in change["fields"].as_object_mut().into_iter().flatten() {
            *field = json!({ "from": null, "to": null });
        }
    }
    for found in document["diagnostics"].as_array_mut().into_iter().flatten() {
        hashed(&mut found["user_identification"]);
        let code = found["code"].as_str().unwrap_or_default();
        let meaning =
            codes::ALL.iter().find(|(known, _)| known.0 == code).map_or("", |(_, meaning)| meaning.trim());
        found["message"] = json!(meaning);
        found["hint"] = Value::Null;
    }
    document
}

/// Runs a command with the run's JSON on its standard input.
async fn run(command: &[Text], job: &str, words: &[&str], exit: u8, document: &Value) -> Result<(), String> {
    let Some((program, arguments)) = command.split_first() else { return Err("no program is named".into()) };
    let mut child = tokio::process::Command::new(&**program)
        .args(arguments.iter().map(|word| &**word))
        .env("ROLLCALL_JOB", job)
        .env("ROLLCALL_EVENTS", words.join(" "))
        .env("ROLLCALL_EXIT", exit.to_string())
        .stdin(Stdio::piped())
        // Standard output is the payload of `serve --json`; what the program has to say goes to standard error.
        .stdout(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .map_err(|why| format!("the command `{program}` cannot be run: {why}"))?;
    let stdin = child.stdin.take();
    let text = crate::view::json::write(document);
    let work = async {
        if let Some(mut stdin) = stdin {
            // A program that does not read to the end may still do its work.
            let _ = stdin.write_all(text.as_bytes()).await;
        }
        child.wait().await
    };
    match tokio::time::timeout(PATIENCE, work).await {
        Ok(Ok(status)) if status.success() => Ok(()),
        Ok(Ok(status)) => Err(format!(
            "the command `{program}` ended with {}",
            status.code().map_or("a signal".into(), |c| c.to_string())
        )),
        Ok(Err(why)) => Err(format!("the command `{program}`: {why}")),
        Err(_) => Err(format!("the command `{program}` took longer than {} seconds", PATIENCE.as_secs())),
    }
}

/// Posts the run's JSON. A webhook's path is a secret as a rule, so no message repeats it.
async fn post(url: &str, document: &Value) -> Result<(), String> {
    let url = Url::parse(url).map_err(|why| format!("the webhook is no URL: {why}"))?;
    let host = url.host_str().unwrap_or_default().to_owned();
    let path = url.path().to_owned();
    let quiet = |why: rollcall_net::NetError| {
        let why = why.to_string();
        if path.len() > 1 { why.replace(&path, "/…") } else { why }
    };
    // The administrator wrote the host down, so it may be one of the house.
    let options = Options {
        addresses: AddressPolicy::public().trusting(&host),
        response_bytes: ANSWER_BYTES_MAX,
        ..Options::default()
    };
    let wire = Online::new(options).map_err(&quiet)?;
    let request = Request::new("POST", url)
        .header("Content-Type", "application/json")
        .body(crate::view::json::write(document).into_bytes());
    match tokio::time::timeout(PATIENCE, wire.send(request)).await {
        Ok(Ok(answer)) if (200..300).contains(&answer.status) => Ok(()),
        Ok(Ok(answer)) => Err(format!("the webhook at `{host}` answered {}", answer.status)),
        Ok(Err(why)) => Err(format!("the webhook at `{host}`: {}", quiet(why))),
        Err(_) => Err(format!("the webhook at `{host}` took longer than {} seconds", PATIENCE.as_secs())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now(of: &[(Event, Option<&str>)]) -> Troubles {
        of.iter().map(|(event, digest)| (*event, digest.map(str::to_owned))).collect()
    }

    #[test]
    fn the_same_trouble_is_told_once_until_it_changes_or_clears() {
        let on = [Event::Failed, Event::Skipped, Event::Expiring];
        let mut told = BTreeMap::new();
        let mut check = |found: &[(Event, Option<&str>)], expect: &[&str]| {
            let News { words, keep } = news(&on, &now(found), &told);
            assert_eq!(words, expect, "{found:?}");
            for (kind, digest) in keep {
                match digest {
                    Some(digest) => told.insert(kind.to_owned(), digest),
                    None => told.remove(kind),
                };
            }
        };
        let (failed, refused, skipped) = (Event::Failed, Event::Refused, Event::Skipped);
        let well = [(failed, None), (refused, None), (skipped, None)];
        check(&well, &[]);
        check(&[(failed, Some("13"))], &["failed"]);
        check(&[(failed, Some("13"))], &[]);
        check(&[(failed, Some("14"))], &["failed"]);
        // Nobody asked to be told of refusals; the failure is over, but not all is well.
        check(&[(failed, None), (refused, Some("r"))], &[]);
        check(&well, &["recovered"]);
        check(&[(failed, None), (refused, None), (skipped, Some("a"))], &["skipped"]);
        check(&[(failed, Some("13"))], &["failed"]);
        // What a failed run could not find out stays as it was told.
        check(&[(failed, None), (refused, None), (skipped, Some("a"))], &[]);
        check(&well, &["recovered"]);
        check(&well, &[]);
        // A credential that expires says nothing of runs.
        let expiring = (Event::Expiring, Some("soon"));
        check(&[(failed, None), (refused, None), (skipped, None), expiring], &["expiring"]);
        check(&[(failed, Some("13")), expiring], &["failed"]);
        check(&[(failed, None), (refused, None), (skipped, None), expiring], &["recovered"]);
        check(&[(failed, None), (refused, None), (skipped, None), (Event::Expiring, None)], &[]);
    }

    #[test]
    fn a_webhook_gets_no_names() {
        let document = json!({
            "job": "T", "run": "r", "summary": { "skipped": 1 },
            "changes": [{ "action": "skip", "user_identification": "anna@x.example", "name": "Anna", "extension": "2001",
                "reason": "Anna has no number", "matched_by": "email", "fields": { "name": { "from": "Ann", "to": "Anna" } } }],
            "diagnostics": [{ "code": "E0404", "message": "the name `Anna` is taken", "hint": "rename Anna",
                "user_identification": "anna@x.example" }],
        });
        let told = impersonal(document, &|text| format!("hash-of-{}", text.len()));
        assert!(!told.to_string().to_lowercase().contains("ann"), "{told}");
        assert_eq!(told["changes"][0]["user_identification"], "hash-of-14");
        assert_eq!(told["diagnostics"][0]["message"], "The name belongs to somebody else.");
        assert_eq!(told["summary"]["skipped"], 1);
    }

    #[test]
    fn digests_know_no_order() {
        let of = |words: &[&str]| digest("x", words.iter().map(|word| (*word).to_owned()));
        assert_eq!(of(&["a", "b", "a"]), of(&["b", "a"]));
        assert_ne!(of(&["a"]), of(&["b"]));
        assert_ne!(digest("y", std::iter::empty()), of(&[]));
    }
}
