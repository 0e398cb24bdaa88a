//! A secret is used and is nowhere to be found afterwards.

use rollcall_tests::graph::{Fault, FaultRule};
use rollcall_tests::scene::{CANARY, Job, Scene};

use crate::env;

#[test]
fn a_canary_is_found_nowhere() {
    let scene = Scene::new(env(), 10);
    let record = ["--record", "traffic.recording"];
    let commands: [&[&str]; 8] = [
        &["check", "job.toml", "-vv"],
        &["test-connection", "job.toml", "-vv"],
        &["fields", "job.toml"],
        &["preview", "job.toml", "--json", "--all"],
        &["sync", "job.toml", "--yes", "-vv", record[0], record[1]],
        &["sync", "job.toml", "--yes"],
        &["runs", "job.toml", "--json"],
        &["office", "users", "office.db", "--json"],
    ];
    let mut outputs = Vec::new();
    for command in commands {
        outputs.push(scene.env.run(command).success().hides(CANARY));
    }
    let tokens = scene.graph.world().journal.issued_tokens().to_vec();
    assert!(!tokens.is_empty());
    for needle in tokens.iter().map(String::as_str).chain([CANARY]) {
        assert_eq!(scene.env.files_with(needle), Vec::<std::path::PathBuf>::new());
        for output in &outputs {
            assert!(!output.stdout.contains(needle) && !output.stderr.contains(needle));
        }
    }
    let world = scene.graph.world();
    assert!(!world.journal.secret_strayed(CANARY));
    assert!(!world.journal.token_strayed());
}

#[test]
fn an_answer_that_echoes_the_token_ends_the_run() {
    let scene = Scene::new(env(), 3);
    let rule = FaultRule { path: "/users".into(), page: None, times: None, fault: Fault::EchoAuthorization };
    scene.graph.world().faults.push(rule);
    let run = scene.sync().exits(4);
    for token in scene.graph.world().journal.issued_tokens() {
        assert_eq!(scene.env.files_with(token), Vec::<std::path::PathBuf>::new());
        assert!(!run.stdout.contains(token) && !run.stderr.contains(token));
    }
    assert_eq!(scene.users().len(), 1);
}

#[test]
fn codes_are_hidden_wherever_they_are_shown_and_sealed_in_the_state() {
    let scene = Scene::new(env(), 3);
    scene.job(&Job::default().field("login_code", "'\"31415926\"'"));
    let _ = scene.preview().success().says("(sensitive)").hides("31415926");
    let _ = scene.sync().success().hides("31415926");
    let users = scene.users();
    assert!(users.iter().any(|user| user["login_code"] == "31415926"));
    let _ = scene.env.run(&["office", "users", "office.db", "--json"]).success().hides("31415926");
    for path in scene.env.files_with("31415926") {
        assert!(!path.starts_with(scene.env.state()), "{} holds a code", path.display());
        assert!(
            path.ends_with("job.toml") || path.to_str().unwrap().contains("office.db"),
            "{}",
            path.display()
        );
    }
}

#[cfg(unix)]
#[test]
fn what_is_written_belongs_to_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let scene = Scene::new(env(), 3);
    let _ = scene.sync().success();
    let mut open = vec![scene.env.state()];
    let mut seen = 0;
    while let Some(path) = open.pop() {
        let mode = std::fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode & 0o077, 0, "{} has {mode:o}", path.display());
        seen += 1;
        if path.is_dir() {
            open.extend(std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        }
    }
    assert!(seen > 2);
}
