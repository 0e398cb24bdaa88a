//! What somebody changes by hand on the phone system: told apart from the directory's changes, written back or kept.

use std::io::Write as _;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rollcall_tests::graph::guid;
use rollcall_tests::harness::Output;
use rollcall_tests::scene::{Job, Scene};
use serde_json::{Value, json};

use crate::env;
use crate::history::is_shown_as_reported;

/// Changes users by hand: who, which property, and what. The hand is a second rollcall with a copy of the state: to the first one it is a stranger's.
pub(crate) fn by_hand(scene: &mut Scene, changes: &[(usize, &str, &str)]) {
    let own = scene.env.state();
    let copy = scene.env.root().join("hand");
    let _ = std::fs::remove_dir_all(&copy);
    for folder in ["", "mirrors", "locks"] {
        std::fs::create_dir_all(copy.join(folder)).unwrap();
        let Ok(entries) = std::fs::read_dir(own.join(folder)) else { continue };
        for entry in entries.map(Result::unwrap).filter(|entry| entry.path().is_file()) {
            std::fs::copy(entry.path(), copy.join(folder).join(entry.file_name())).unwrap();
        }
    }
    let before = scene.graph.world().tenant.users.clone();
    for (n, property, value) in changes {
        scene.graph.world().tenant.set(&guid(1, *n), property, *value);
    }
    scene.env.set("ROLLCALL_STATE", copy.to_str().unwrap());
    assert_eq!(scene.sync().success().figure("applied"), changes.len() as u64);
    scene.env.set("ROLLCALL_STATE", own.to_str().unwrap());
    scene.graph.world().tenant.users = before;
}

fn told(output: &Output, code: &str) -> Option<String> {
    let json = output.json();
    let found = json["diagnostics"].as_array().unwrap().iter().find(|one| one["code"] == code)?;
    found["message"].as_str().map(str::to_owned)
}

#[test]
fn what_was_changed_by_hand_is_written_back_and_said_so() {
    let mut scene = Scene::new(env(), 6);
    let _ = scene.sync().success();
    by_hand(&mut scene, &[(0, "mail", "hand@contoso.example"), (1, "mobilePhone", "+442071234567")]);
    scene.graph.world().tenant.set(&guid(1, 2), "mail", "directory@contoso.example");
    let preview = scene.preview().success();
    let change = |n: usize| {
        preview.changes("update").into_iter().find(|c| c["user_identification"] == guid(1, n)).unwrap()
    };
    assert_eq!(change(0)["reason"], "changed by hand on the phone system, written back: email");
    assert_eq!(change(0)["fields"]["email"]["by_hand"], true);
    assert_eq!(change(2)["reason"], "changed in the directory: email");
    assert_eq!(change(2)["fields"]["email"]["by_hand"], Value::Null);
    let human = scene.env.run(&["preview", "job.toml"]).success();
    assert!(
        human.stdout.contains("email: hand@contoso.example -> ")
            && human.stdout.contains("(changed by hand)")
    );
    let note = told(&preview, "E0521").unwrap();
    assert!(note.contains("written back") && note.contains("`email` of 1 user"), "{note}");
    let _ = human.says("changed by hand on the phone system: ");
    let written = scene.sync().success();
    assert_eq!(written.figure("update"), 3);
    is_shown_as_reported(&scene.env, &written);
    let again = scene.sync().success();
    assert_eq!((again.figure("update"), told(&again, "E0521")), (0, None));
}

#[test]
fn what_is_changed_by_hand_stays_where_the_job_says_so() {
    let mut scene = Scene::new(env(), 4);
    let job = Job::default()
        .field("email", "{ value = \"mail\", on_update = \"once\" }")
        .field("full_name", "{ value = \"displayName\", on_update = \"never\" }");
    let _ = scene.sync().success();
    by_hand(&mut scene, &[(0, "mail", "hand@contoso.example")]);
    scene.job(&job);
    let run = scene.sync().success();
    assert_eq!(run.figure("update"), 0);
    assert_eq!(
        told(&run, "E0522").unwrap(),
        "changed by hand on the phone system: 1 value stays: `email` of 1 user (`on_update = \"once\"`)"
    );
    assert_eq!(scene.linked(&guid(1, 0)).unwrap()["email"], "hand@contoso.example");
}

#[test]
fn a_change_by_hand_between_the_question_and_the_answer_is_kept_and_reported() {
    let mut scene = Scene::new(env(), 4);
    let _ = scene.sync().success();
    scene.graph.world().tenant.set(&guid(1, 0), "mail", "directory@contoso.example");
    scene.graph.world().tenant.set(&guid(1, 1), "mail", "other@contoso.example");
    // `script` gives the program a terminal, so that it asks.
    let program = scene.env.command(&[]);
    let line = format!("{} sync job.toml", program.get_program().to_str().unwrap());
    let transcript = scene.env.path("transcript");
    let mut command = Command::new("/usr/bin/script");
    command.args(["-q", "-e", "-f", "-c", &line]).arg(&transcript);
    command.env_clear().current_dir(scene.env.path(""));
    for (name, value) in program.get_envs() {
        command.env(name, value.unwrap());
    }
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = command.spawn().unwrap_or_else(|why| panic!("`script` of util-linux is needed: {why}"));
    let seen = || std::fs::read_to_string(&transcript).unwrap_or_default();
    let start = Instant::now();
    while !seen().contains("Only `yes` is accepted") {
        assert!(start.elapsed() < Duration::from_secs(60), "it does not ask: {}", seen());
        std::thread::sleep(Duration::from_millis(50));
    }
    // Both changes of the directory are taken back for the hand, which changes one value of its own.
    let wanted = |n: usize| scene.graph.world().tenant.users[&guid(1, n)]["mail"].clone();
    let (first, second) = (wanted(0), wanted(1));
    let stands = scene.linked(&guid(1, 1)).unwrap()["email"].clone();
    scene.graph.world().tenant.set(&guid(1, 1), "mail", stands);
    by_hand(&mut scene, &[(0, "mail", "hand@contoso.example")]);
    scene.graph.world().tenant.set(&guid(1, 0), "mail", first);
    scene.graph.world().tenant.set(&guid(1, 1), "mail", second);
    child.stdin.as_mut().unwrap().write_all(b"yes\n").unwrap();
    let status = child.wait().unwrap();
    assert_eq!(status.code(), Some(3), "{}", seen());
    assert!(seen().contains("failed"), "{}", seen());
    assert_eq!(scene.linked(&guid(1, 0)).unwrap()["email"], "hand@contoso.example", "kept");
    assert_eq!(
        scene.linked(&guid(1, 1)).unwrap()["email"],
        json!("other@contoso.example"),
        "the rest goes on"
    );
    let next = scene.preview().success();
    assert_eq!(
        next.changes("update")[0]["reason"],
        "changed by hand on the phone system and in the directory: email"
    );
}
