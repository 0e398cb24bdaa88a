//! What may happen to the state's files: a newer format, damage, a place that cannot be written, a full disk,
//! a copy from an earlier day.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use rollcall_sqlite::Connection;
use rollcall_tests::graph::{guid, people};
use rollcall_tests::scene::{Job, Scene};

use crate::env;

/// Copies a folder.
fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// Runs SQL on the state's database.
fn in_state(scene: &Scene, sql: &str) -> PathBuf {
    let path = scene.env.state().join("state.db");
    in_file(&path, sql);
    path
}

/// Runs SQL on a database; whatever its log still held is in the file afterwards.
pub(crate) fn in_file(path: &Path, sql: &str) {
    Connection::open(path).unwrap().execute_batch(sql).unwrap();
}

#[test]
fn a_newer_states_file_is_refused_and_stays_as_it_is() {
    let scene = Scene::new(env(), 3);
    let _ = scene.sync().success();
    let path = in_state(&scene, "PRAGMA user_version = 99");
    let before = std::fs::read(&path).unwrap();
    for command in
        [vec!["sync", "job.toml", "--yes"], vec!["runs"], vec!["doctor"], vec!["history", "export"]]
    {
        let _ = scene.env.run(&command).exits(1).says("newer rollcall").says("--state DIR");
    }
    assert_eq!(std::fs::read(&path).unwrap(), before);
}

#[test]
fn a_damaged_states_file_is_told_and_nothing_is_written() {
    let scene = Scene::new(env(), 30);
    let _ = scene.sync().success();
    let path = in_state(&scene, "PRAGMA wal_checkpoint(TRUNCATE)");
    let mut bytes = std::fs::read(&path).unwrap();
    let len = bytes.len();
    bytes[200..len - 100].fill(0x5a);
    std::fs::write(&path, &bytes).unwrap();
    let office = scene.env.path("office.db");
    let before = std::fs::read(&office).unwrap();
    let _ = scene.sync().exits(1).says("restore a backup");
    let _ = scene.env.run(&["doctor"]).exits(1).says("restore a backup");
    assert_eq!(std::fs::read(&office).unwrap(), before, "nothing is written without a journal");
    // Cut short is damage too.
    std::fs::write(&path, &bytes[..100]).unwrap();
    let _ = scene.sync().exits(1).says("E0700");
}

#[test]
fn a_state_that_cannot_be_written_is_told() {
    let mut scene = Scene::new(env(), 3);
    let office = scene.env.path("office.db");
    let before = std::fs::read(&office).unwrap();
    scene.env.write("taken", "a file stands where the folder should be");
    let places = [scene.env.path("taken"), scene.env.path("taken/below"), "/proc/rollcall".into()];
    for place in places {
        scene.env.set("ROLLCALL_STATE", place.to_str().unwrap());
        let _ = scene.sync().exits(1).says("E0700").says("--state DIR");
    }
    // A folder stands where the database should be: nothing can be written there, whoever runs it.
    let state = scene.env.path("state3");
    std::fs::create_dir_all(state.join("state.db")).unwrap();
    scene.env.set("ROLLCALL_STATE", state.to_str().unwrap());
    let _ = scene.sync().exits(1).says("E0700");
    assert_eq!(std::fs::read(&office).unwrap(), before);
}

#[test]
fn a_disk_that_fills_loses_nothing_and_doubles_nobody() {
    let people = 60;
    // No file may grow beyond so many blocks of 512 bytes: the write fails as on a full disk.
    for blocks in [60, 120, 200, 300, 500] {
        let scene = Scene::new(env(), people);
        let _ = scene.preview().success();
        let mut command = scene.env.command(&["sync", "job.toml", "--yes", "--json"]);
        let program = command.get_program().to_owned();
        let limited = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" \"$@\"");
        let mut shell = std::process::Command::new("/bin/sh");
        shell.args(["-c", &limited]).arg(program).args(command.get_args()).env_clear();
        for (name, value) in command.get_envs() {
            shell.env(name, value.unwrap_or_default());
        }
        shell.current_dir(command.get_current_dir().unwrap());
        let output = shell.stdin(Stdio::null()).output().unwrap();
        let _ = command.stdin(Stdio::null());
        let told = String::from_utf8_lossy(&output.stderr);
        if output.status.code() != Some(0) {
            assert!(
                output.status.code().is_some_and(|code| code != 101),
                "{blocks}: {:?} {told}",
                output.status
            );
            assert!(told.contains("error"), "{blocks}: {told}");
        }
        let made = scene.users().len();
        let after = scene.sync();
        let after = if after.code == Some(3) { scene.sync() } else { after };
        assert_eq!(
            after.code,
            Some(0),
            "{blocks} blocks, {made} users then: {} {}",
            after.stdout,
            after.stderr
        );
        let users = scene.users();
        assert_eq!(users.len(), people + 1, "{blocks}");
        let mut emails: Vec<&str> = users.iter().filter_map(|user| user["email"].as_str()).collect();
        emails.sort_unstable();
        let all = emails.len();
        emails.dedup();
        assert_eq!(emails.len(), all, "{blocks}: doubles");
        let _ = scene.env.run(&["doctor"]).success();
    }
}

#[test]
fn a_restored_older_state_skips_and_never_doubles() {
    let mut scene = Scene::new(env(), 10);
    let _ = scene.sync().success();
    let backup = scene.env.path("backup");
    copy(&scene.env.state(), &backup);
    for n in 10..15 {
        let joiner = people(15).users.remove(&guid(1, n)).unwrap();
        scene.graph.world().tenant.put_user(joiner).unwrap();
    }
    scene.env.advance(Duration::from_secs(3600));
    assert_eq!(scene.sync().success().figure("create"), 5);
    let before = scene.users();
    assert_eq!(before.len(), 16);

    std::fs::remove_dir_all(scene.env.state()).unwrap();
    copy(&backup, &scene.env.state());
    let run = scene.sync().exits(3);
    assert_eq!((run.figure("create"), run.figure("skipped"), run.figure("applied")), (0, 5, 0));
    for change in run.changes("skip") {
        let reason = change["reason"].as_str().unwrap();
        assert!(reason.contains("stands on the phone system, not in this state"), "{reason}");
    }
    let _ = run.says("[adopt]").says("rollcall link");
    let strip = |users: Vec<serde_json::Value>| -> Vec<serde_json::Value> {
        users
            .into_iter()
            .map(|mut user| {
                user.as_object_mut().unwrap().remove("links");
                user
            })
            .collect()
    };
    assert_eq!(strip(scene.users()), strip(before));
    // A lost state makes nobody twice either.
    std::fs::remove_dir_all(scene.env.state()).unwrap();
    let run = scene.sync().exits(3);
    assert_eq!((run.figure("create"), run.figure("skipped")), (0, 15));
    scene.job(&Job::default().with("[adopt]\nby = [\"email\"]"));
    let run = scene.sync().success();
    assert_eq!((run.figure("adopt"), run.figure("create"), run.figure("skipped")), (15, 0, 0));
    assert_eq!(scene.users().len(), 16);
}
