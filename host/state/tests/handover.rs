//! The handover's promises, on real files and commands.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may panic")]

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Duration;

use rollcall_core::{Field, Secret, Text, Value};
use rollcall_edges::handover::{Handover as _, NewUser};
use rollcall_state::{HandoverCommand, HandoverFile};

fn user(name: &str, code: &str) -> NewUser {
    let fields = [
        (Field::Name, Value::from(name)),
        (Field::Extension, Value::from("2001")),
        (Field::LoginCode, Value::Drawn(Secret::new(code))),
    ];
    NewUser {
        key: format!("{name}@x.example").into(),
        run: "r1".into(),
        time: "2026-11-23T09:00:00Z".into(),
        fields: fields.into(),
        system: "Primary".into(),
    }
}

fn line(name: &str, code: &str) -> String {
    format!(
        "{{\"name\":\"{name}\",\"full_name\":null,\"email\":null,\"extension\":\"2001\",\"system\":\"Primary\",\
         \"login_code\":\"{code}\",\"voicemail_code\":null,\"user_identification\":\"{name}@x.example\",\"run\":\"r1\",\
         \"time\":\"2026-11-23T09:00:00Z\"}}\n"
    )
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap()
}

#[tokio::test]
async fn a_line_a_user_in_a_file_of_its_owner_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("new.jsonl");
    let handover = HandoverFile::new(path.clone());
    handover.ready().await.unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    handover.give(&user("Anna", "4711"), false).await.unwrap();
    handover.give(&user("Bo", "4812"), false).await.unwrap();
    assert_eq!(read(&path), line("Anna", "4711") + &line("Bo", "4812"));
    // What may have arrived before an interruption stands there once; what did not is added.
    handover.give(&user("Anna", "4711"), true).await.unwrap();
    handover.give(&user("Anna", "9999"), true).await.unwrap();
    assert_eq!(read(&path), line("Anna", "4711") + &line("Bo", "4812") + &line("Anna", "9999"));
    // The same user twice is twice made.
    handover.give(&user("Bo", "4812"), false).await.unwrap();
    assert_eq!(read(&path).lines().count(), 4);
}

#[tokio::test]
async fn a_line_that_was_cut_off_is_made_whole() {
    let (whole, other) = (line("Anna", "4711"), line("Bo", "4812"));
    for cut in [1, 20, whole.len() - 1] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new.jsonl");
        let handover = HandoverFile::new(path.clone());
        handover.give(&user("Bo", "4812"), false).await.unwrap();
        let torn = other.clone() + &whole[..cut];
        std::fs::write(&path, &torn).unwrap();
        handover.give(&user("Anna", "4711"), true).await.unwrap();
        assert_eq!(read(&path), other.clone() + &whole);
        // A beginning of another line stays on a line of its own.
        std::fs::write(&path, "{\"name\":\"Zo").unwrap();
        handover.give(&user("Anna", "4711"), true).await.unwrap();
        assert_eq!(read(&path), format!("{{\"name\":\"Zo\n{whole}"));
    }
}

#[tokio::test]
async fn a_file_that_is_not_its_owners_alone_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    for mode in [0o640, 0o604, 0o620, 0o666] {
        let path = at("wide");
        std::fs::write(&path, "").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        let handover = HandoverFile::new(path.clone());
        let error = handover.ready().await.unwrap_err();
        assert!(error.message.contains(&format!("mode {mode:o}")), "{}", error.message);
        assert!(error.hint.contains("chmod 600"), "{}", error.hint);
        assert_eq!(handover.give(&user("Anna", "4711"), false).await.unwrap_err(), error);
        assert_eq!(read(&path), "");
    }
    std::fs::write(at("there"), "").unwrap();
    std::fs::set_permissions(at("there"), std::fs::Permissions::from_mode(0o600)).unwrap();
    std::os::unix::fs::symlink(at("there"), at("link")).unwrap();
    std::os::unix::fs::symlink(at("nowhere"), at("dangling")).unwrap();
    std::fs::create_dir(at("folder")).unwrap();
    for name in ["link", "dangling", "folder", "no/such/folder"] {
        let handover = HandoverFile::new(at(name));
        assert!(handover.ready().await.is_err(), "{name}");
        let error = handover.give(&user("Anna", "4711"), false).await.unwrap_err();
        assert!(error.message.contains(name) && !error.message.contains("4711"), "{}", error.message);
    }
    assert!(!at("nowhere").exists() && read(&at("there")).is_empty());
}

fn command(words: &[&str]) -> HandoverCommand {
    HandoverCommand::new(words.iter().map(|word| Text::from(*word)).collect())
}

#[tokio::test]
async fn a_command_gets_the_line_and_says_that_it_has_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("taken");
    let script = format!("cat >> {}; echo spoken", path.display());
    let handover = command(&["sh", "-c", &script]);
    handover.ready().await.unwrap();
    handover.give(&user("Anna", "4711"), false).await.unwrap();
    handover.give(&user("Bo", "4812"), true).await.unwrap();
    assert_eq!(read(&path), line("Anna", "4711") + &line("Bo", "4812"));
}

#[tokio::test]
async fn a_command_that_fails_or_hangs_has_not_taken_the_user() {
    let failing = command(&["sh", "-c", "cat >/dev/null; exit 3"]);
    let error = failing.give(&user("Anna", "4711"), false).await.unwrap_err();
    assert_eq!(error.message, "the handover's command `sh` ended with 3");
    let hanging = command(&["sleep", "20"]).within(Duration::from_millis(80));
    let error = hanging.give(&user("Anna", "4711"), false).await.unwrap_err();
    assert!(error.message.contains("did not end within"), "{}", error.message);
    // One that never reads is no obstacle, if it says that it is content.
    command(&["true"]).give(&user("Anna", "4711"), false).await.unwrap();
    for words in [&["/nowhere/at/all"][..], &["no-such-program-here"], &["/"], &[]] {
        assert!(command(words).ready().await.is_err(), "{words:?}");
        assert!(command(words).give(&user("Anna", "4711"), false).await.is_err(), "{words:?}");
    }
}
