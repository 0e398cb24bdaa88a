//! The history: what ran, who was touched, what is forgotten, and whether somebody tampered with it.

use std::time::Duration;

use rollcall_tests::graph::guid;
use rollcall_tests::harness::{Output, TestEnv};
use rollcall_tests::scene::{Job, Scene};
use serde_json::Value;

use crate::env;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

fn runs(scene: &Scene, more: &[&str]) -> Vec<Value> {
    let output = scene.env.run(&[&["runs", "--json"], more].concat()).success();
    output.json()["runs"].as_array().unwrap().clone()
}

fn run_id(output: &Output) -> String {
    output.json()["run"].as_str().unwrap().to_owned()
}

/// A scene whose first user was made, left, and was deleted; gives the user's id and e-mail too.
fn gone(people: usize) -> (Scene, String, String) {
    let mut scene = Scene::new(env(), people);
    let _ = scene.sync().success();
    let id = guid(1, 0);
    let email = scene.linked(&id).unwrap()["email"].as_str().unwrap().to_owned();
    scene.graph.world().tenant.remove_user(&id);
    let _ = scene.sync().success();
    scene.env.advance(8 * DAY);
    assert_eq!(scene.sync().success().figure("delete"), 1);
    (scene, id, email)
}

/// Gives the files of the state that hold a text.
fn state_with(env: &TestEnv, needle: &str) -> Vec<std::path::PathBuf> {
    env.files_with(needle).into_iter().filter(|path| path.starts_with(env.state())).collect()
}

/// Makes sure that `show` tells of each change of a run what the run itself did, letter by letter.
pub(crate) fn is_shown_as_reported(env: &TestEnv, report: &Output) {
    let shown = env.run(&["show", &run_id(report), "--json"]).success();
    let (report, shown) = (report.json(), shown.json());
    let (told, kept) = (report["changes"].as_array().unwrap(), shown["changes"].as_array().unwrap());
    assert_eq!(told.len(), kept.len());
    for (told, kept) in told.iter().zip(kept) {
        let mut kept = kept.as_object().unwrap().clone();
        // What only the history knows stands at the end.
        kept.remove("operations").unwrap();
        kept.remove("why").unwrap();
        assert_eq!(told.to_string(), Value::Object(kept).to_string());
    }
}

#[test]
fn runs_are_listed_filtered_and_shown_with_their_changes() {
    let mut scene = Scene::new(env(), 5);
    let synced = scene.sync().success();
    let first = run_id(&synced);
    scene.env.advance(2 * DAY);
    let second = run_id(&scene.sync().success());
    let all = runs(&scene, &[]);
    assert_eq!(all.iter().map(|run| run["run"].as_str().unwrap()).collect::<Vec<_>>(), [&second, &first]);
    assert_eq!(
        (&all[1]["summary"]["applied"], &all[1]["state"], &all[1]["exit"]),
        (&5.into(), &"ended".into(), &0.into())
    );
    assert_eq!(runs(&scene, &["job.toml"]).len(), 2);
    assert_eq!(runs(&scene, &["--job", "TeamsUsers", "--since", "1d"]).len(), 1);
    assert_eq!(runs(&scene, &["--since", "2026-11-24"]).len(), 1);
    assert_eq!(runs(&scene, &["--job", "Nobody"]).len(), 0);
    assert_eq!(runs(&scene, &["--exit", "5"]).len(), 0);
    let _ = scene.env.run(&["runs", "--since", "yesterday"]).exits(64).says("write 2026-11-01");

    let shown = scene.env.run(&["show", &first, "--json"]).success();
    assert_eq!(shown.changes("create").len(), 5);
    is_shown_as_reported(&scene.env, &synced);
    let change = &shown.changes("create")[0];
    assert_eq!(
        (&change["status"], &change["operations"][0]["status"]),
        (&"applied".into(), &"applied".into())
    );
    assert!(shown.json()["durations_ms"]["pull"].is_u64(), "{}", shown.stdout);
    let used = &shown.json()["connectors"][0];
    assert_eq!(used["directory"], "entra");
    for figure in ["memory_peak_bytes", "requests", "bytes"] {
        assert!(used[figure].as_u64().unwrap() > 0, "{figure}: {used}");
    }
    assert!(used["cpu_ms"].is_u64(), "{used}");
    let _ = scene
        .env
        .run(&["show", &first])
        .success()
        .says("Took: pull")
        .says("Connector of entra: ")
        .says("applied")
        .says("new in the directory");
    // Both began within the same weeks, so their ids begin alike.
    let _ = scene.env.run(&["show", &first[..2]]).exits(1).says("several runs begin with").says(&second);
    let _ = scene.env.run(&["show", "nothing"]).exits(1).says("no run begins with `nothing`");
}

#[test]
fn a_persons_whole_history_is_told_also_after_the_delete() {
    let (scene, id, email) = gone(5);
    for user in [id.as_str(), &email] {
        let told = scene.env.run(&["explain", "job.toml", user, "--json"]).success().json();
        let past = told["past_changes"].as_array().unwrap();
        assert_eq!(
            past.iter().map(|one| one["action"].as_str().unwrap()).collect::<Vec<_>>(),
            ["delete", "create"]
        );
        assert_eq!(past[1]["fields"]["login_code"]["to"], "(sensitive)");
        assert!(told["history"].as_array().unwrap().iter().all(|op| op["how"] == "applied"));
    }
    let _ = scene
        .env
        .run(&["explain", "job.toml", &email])
        .success()
        .says("create applied")
        .says("delete applied");
    let _ = scene.env.run(&["explain", "job.toml", "nobody@example.test"]).exits(1).says("E0903");
}

#[test]
fn an_export_disarms_formulas_and_holds_no_code() {
    let scene = Scene::new(env(), 3);
    scene.graph.world().tenant.set(&guid(1, 0), "displayName", "=cmd|' /C calc'!A0");
    scene.job(&Job::default().field("login_code", "'\"31415926\"'"));
    let _ = scene.sync().success();
    let csv =
        scene.env.run(&["history", "export", "job.toml"]).success().hides("31415926").says("(sensitive)");
    assert!(csv.stdout.starts_with("run,job,kind,started"), "{}", csv.stdout);
    assert_eq!(csv.stdout.lines().filter(|line| line.contains(",create,applied,")).count(), 3);
    for cell in csv.stdout.split(['\n', ',']) {
        assert!(!cell.starts_with(['=', '+', '@']), "{cell}");
    }
    let json = scene.env.run(&["history", "export", "--format", "json"]).success().hides("31415926").json();
    assert_eq!(json["runs"][0]["changes"].as_array().unwrap().len(), 3);
    let none = scene.env.run(&["history", "export", "--until", "1d", "--json"]).success().json();
    assert_eq!(none["runs"].as_array().unwrap().len(), 0);
}

#[test]
fn an_erased_person_is_gone_from_the_state_and_the_chain_holds() {
    let (scene, id, email) = gone(5);
    let other = scene.linked(&guid(1, 1)).unwrap()["email"].as_str().unwrap().to_owned();
    let erase = |user: &str| scene.env.run(&["history", "erase", user, "--yes", "--json"]);
    let _ = erase(&other).exits(1).says("owns a phone user");
    let _ = erase("nobody").exits(1).says("E0903");
    let _ = scene.env.run(&["history", "erase", &email]).exits(64).says("--yes");
    assert!(!state_with(&scene.env, &email).is_empty());
    let done = erase(&email).success().json();
    assert!(done["changes"].as_u64().unwrap() >= 2 && done["operations"].as_u64().unwrap() >= 2, "{done}");
    for needle in [&email, &id] {
        assert_eq!(state_with(&scene.env, needle), Vec::<std::path::PathBuf>::new(), "{needle}");
    }
    assert!(!state_with(&scene.env, &other).is_empty());
    let _ = scene.env.run(&["doctor"]).success().says("records erased");
    for run in runs(&scene, &[]) {
        let _ = scene.env.run(&["show", run["run"].as_str().unwrap()]).success().hides(&email);
    }
    let next = scene.sync().success();
    assert_eq!((next.figure("unchanged"), next.figure("applied")), (4, 0));
    assert!(state_with(&scene.env, &email).is_empty());
}

#[test]
fn old_runs_are_forgotten_at_the_end_of_a_sync() {
    let mut scene = Scene::new(env(), 3);
    let first = run_id(&scene.sync().success());
    scene.env.advance(179 * DAY);
    let _ = scene.sync().success();
    assert_eq!(runs(&scene, &[]).len(), 2);
    scene.env.advance(2 * DAY);
    let _ = scene.sync().success();
    assert_eq!(runs(&scene, &[]).len(), 2);
    let _ = scene.env.run(&["show", &first]).exits(1);
    let _ = scene.env.run(&["history", "prune", "--older-than", "1d"]).success().says("1 run forgotten");
    let _ = scene.env.run(&["doctor"]).success();
    assert_eq!(scene.sync().success().figure("unchanged"), 3);
}

#[test]
fn a_renamed_job_keeps_its_links_and_its_history() {
    let scene = Scene::new(env(), 4);
    let _ = scene.sync().success();
    scene.job(&Job { name: "Phones".to_owned(), ..Job::default() });
    // A changed name is a new job: it knows none of its people.
    assert_eq!(scene.preview().figure("unchanged"), 0);
    let _ = scene
        .env
        .run(&["rename-job", "Nobody", "Phones"])
        .exits(1)
        .says("nothing is known of a job `Nobody`");
    let _ = scene.env.run(&["rename-job", "TeamsUsers", "job.toml"]).success().says("4 links moved");
    let next = scene.sync().success();
    assert_eq!((next.figure("unchanged"), next.figure("applied")), (4, 0));
    let all = runs(&scene, &["job.toml"]);
    assert_eq!((&all[1]["job"], &all[1]["former_name"]), (&"Phones".into(), &"TeamsUsers".into()));
    assert_eq!(runs(&scene, &["TeamsUsers"]).len(), 1);
    let _ = scene.env.run(&["rename-job", "TeamsUsers", "Other"]).exits(1);
    let _ = scene.env.run(&["doctor"]).success();
}

#[test]
fn doctor_finds_what_is_wrong_and_says_what_to_do() {
    use std::os::unix::fs::PermissionsExt as _;
    let scene = Scene::new(env(), 3);
    let _ = scene.env.run(&["doctor"]).success().says("does not exist yet");
    let _ = scene.sync().success();
    let healthy = scene.env.run(&["doctor", "job.toml", "--json"]).success().json();
    assert_eq!(healthy["healthy"], true);
    for part in ["state", "directory", "phone_system"] {
        assert!(!healthy["findings"][part].as_array().unwrap().is_empty(), "{part}");
    }
    let key = scene.env.state().join("key");
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o640)).unwrap();
    let _ = scene.env.run(&["doctor"]).exits(1).says("chmod -R go-rwx");
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).unwrap();
    let _ = scene.env.run(&["doctor"]).success();
    drop(scene.graph);
    let _ = scene.env.run(&["doctor", "job.toml"]).exits(1).says("error");
    std::fs::remove_file(&key).unwrap();
    let _ = scene.env.run(&["doctor"]).exits(1).says("is gone, and");
}
