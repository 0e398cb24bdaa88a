//! Random codes: drawn at the write, handed over once, and nowhere else; weak ones are warned of.

use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use rollcall_tests::harness::{Output, Running};
use rollcall_tests::scene::{Job, Scene, users_of};
use serde_json::Value;

use crate::env;

const FILE: &str = "[handover]\nfile = \"new-users.jsonl\"\n";

fn random() -> Job {
    Job::default().field("login_code", "{ random = 8 }").field("voicemail_code", "{ random = 10 }")
}

fn lines(scene: &Scene, name: &str) -> Vec<Value> {
    scene.env.read(name).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Holds that each phone user of the job was handed over with the codes that it has.
fn handed_over(scene: &Scene, users: &[Value], name: &str) {
    for user in users.iter().filter(|user| !user["links"].is_null()) {
        let fits = |line: &&Value| {
            ["name", "full_name", "email", "extension", "system", "login_code", "voicemail_code"]
                .iter()
                .all(|key| line[key] == user[key])
                && line["user_identification"] == user["links"]["user_identification"]
                && text(line, "time").ends_with('Z')
                && !text(line, "run").is_empty()
        };
        let found = lines(scene, name).iter().filter(fits).count();
        assert!(found >= 1, "{user} is not handed over");
    }
}

/// Gives the files outside the office that hold a code.
fn elsewhere(scene: &Scene, code: &str) -> Vec<PathBuf> {
    let office = |path: &PathBuf| path.file_name().unwrap().to_str().unwrap().contains("office.db");
    scene.env.files_with(code).into_iter().filter(|path| !office(path)).collect()
}

fn text(value: &Value, key: &str) -> String {
    value[key].as_str().unwrap_or_default().to_owned()
}

#[test]
fn random_codes_are_handed_over_and_stand_nowhere_else() {
    let scene = Scene::new(env(), 5);
    scene.job(&random().with(FILE));
    let preview = scene.preview().success().says("(sensitive)");
    assert!(!scene.env.path("new-users.jsonl").exists(), "a preview hands nothing over");
    assert_eq!(preview.stdout, scene.preview().success().stdout, "no chance in a plan");
    let mut outputs = vec![preview, scene.sync().success()];
    assert_eq!(outputs[1].figure("applied"), 5);
    let mode = std::fs::metadata(scene.env.path("new-users.jsonl")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let users = scene.users();
    assert_eq!(lines(&scene, "new-users.jsonl").len(), 5);
    handed_over(&scene, &users, "new-users.jsonl");
    let run = text(&outputs[1].json(), "run");
    let name = text(&lines(&scene, "new-users.jsonl")[0], "name");
    for command in [
        &["sync", "job.toml", "--yes", "--json", "-vv"][..],
        &["runs", "job.toml", "--json"],
        &["show", &run, "--json"],
        &["explain", "job.toml", &name, "--json"],
        &["office", "users", "office.db", "--json"],
    ] {
        outputs.push(scene.env.run(command).success());
    }
    assert_eq!(outputs[2].figure("unchanged"), 5);
    assert_eq!(lines(&scene, "new-users.jsonl").len(), 5);
    let mut codes: Vec<String> = Vec::new();
    for line in lines(&scene, "new-users.jsonl") {
        codes.extend([text(&line, "login_code"), text(&line, "voicemail_code")]);
    }
    assert!(codes.iter().all(|code| [8, 10].contains(&code.len())));
    for code in &codes {
        assert_eq!(elsewhere(&scene, code), [scene.env.path("new-users.jsonl")]);
        assert!(outputs.iter().all(|output| !output.stdout.contains(code) && !output.stderr.contains(code)));
    }
    codes.sort();
    codes.dedup();
    assert_eq!(codes.len(), 10);
}

#[test]
fn random_codes_need_a_handover_that_takes_them() {
    let scene = Scene::new(env(), 3);
    scene.job(&random());
    let _ = scene
        .env
        .run(&["check", "job.toml"])
        .exits(12)
        .says("there is no `[handover]`")
        .says("new-users.jsonl");
    scene.job(&random().with("[handover]\nfile = \"no/such/folder/new.jsonl\"\n"));
    let _ = scene.env.run(&["check", "job.toml"]).success();
    let refused = |says: &str| {
        let run = scene.sync().exits(1).says(says).says("E0740");
        assert_eq!(scene.users().len(), 1, "nobody is made");
        run
    };
    let _ = refused("no/such/folder");
    scene.job(&random().with(FILE));
    scene.env.write("new-users.jsonl", "");
    std::fs::set_permissions(scene.env.path("new-users.jsonl"), std::fs::Permissions::from_mode(0o644))
        .unwrap();
    let _ = refused("chmod 600");
    scene.job(&random().with("[handover]\ncommand = [\"./no-such-program\"]\n"));
    let _ = refused("no-such-program");
    scene.job(&random().with(FILE));
    std::fs::remove_file(scene.env.path("new-users.jsonl")).unwrap();
    let _ = scene.sync().success();
    handed_over(&scene, &scene.users(), "new-users.jsonl");
}

/// Writes a program for the handover.
fn program(scene: &Scene, script: &str) {
    let path = scene.env.write("take", format!("#!/bin/sh\ncd \"$(dirname \"$0\")\"\n{script}\n"));
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o700)).unwrap();
}

const COMMAND: &str = "[handover]\ncommand = [\"./take\"]\n";

#[test]
fn a_handover_that_fails_stops_before_further_users_and_is_caught_up() {
    let scene = Scene::new(env(), 6);
    scene.job(&random().with(COMMAND));
    program(
        &scene,
        "[ -e full ] && exit 7; cat >> taken.jsonl; [ $(wc -l < taken.jsonl) -lt 2 ] || touch full",
    );
    let run = scene.sync().exits(1).says("ended with 7").says("E0740");
    assert_eq!(run.figure("applied"), 2);
    // The third was made, and its codes wait in the journal; nobody was made after it.
    assert_eq!(scene.users().len(), 1 + 3);
    assert_eq!(lines(&scene, "taken.jsonl").len(), 2);
    let held = scene.users();
    let code = held.iter().find(|user| {
        let name = &user["name"];
        name != "Reception" && lines(&scene, "taken.jsonl").iter().all(|line| line["name"] != *name)
    });
    assert_eq!(elsewhere(&scene, &text(code.unwrap(), "login_code")), Vec::<PathBuf>::new(), "sealed");
    let _ = scene.sync().exits(1).says("ended with 7");
    assert_eq!(scene.users().len(), 1 + 3);
    program(&scene, "cat >> taken.jsonl");
    let run = scene.sync().success();
    assert_eq!(run.figure("create"), 3);
    assert_eq!(scene.users().len(), 1 + 6);
    assert_eq!(lines(&scene, "taken.jsonl").len(), 6);
    handed_over(&scene, &scene.users(), "taken.jsonl");
    for line in lines(&scene, "taken.jsonl") {
        assert_eq!(elsewhere(&scene, &text(&line, "login_code")), [scene.env.path("taken.jsonl")]);
    }
}

#[test]
fn a_crash_between_the_create_and_the_handover_loses_no_code() {
    for command in ["sync", "resume"] {
        let scene = Scene::new(env(), 4);
        scene.job(&random().with(COMMAND));
        // The program kills rollcall in the middle of the second user and takes nothing.
        program(
            &scene,
            "if [ -e one ] && [ ! -e killed ]; then touch killed; kill -9 $PPID; exit 1; fi; touch one; cat >> taken.jsonl",
        );
        assert_eq!(scene.sync().code, None, "killed");
        assert_eq!(lines(&scene, "taken.jsonl").len(), 1);
        assert_eq!(scene.users().len(), 1 + 2);
        let again = match command {
            "sync" => scene.sync(),
            _ => {
                let runs = scene.env.run(&["runs", "job.toml", "--json"]).success().json();
                let run = text(&runs["runs"][0], "run");
                scene.env.run(&["resume", &run, "--yes", "--json"])
            }
        };
        let _ = again.success();
        let users = scene.users();
        assert_eq!(users.len(), 1 + 4);
        assert_eq!(users.iter().filter(|user| !user["links"].is_null()).count(), 4);
        assert_eq!(lines(&scene, "taken.jsonl").len(), 4);
        handed_over(&scene, &users, "taken.jsonl");
    }
}

#[test]
fn mapped_codes_are_handed_over_too_where_a_job_says_so() {
    let scene = Scene::new(env(), 2);
    scene.job(&Job::default().with(FILE));
    let _ = scene.sync().success();
    handed_over(&scene, &scene.users(), "new-users.jsonl");
    assert!(lines(&scene, "new-users.jsonl").iter().all(|line| line["voicemail_code"].is_null()));
}

#[test]
fn weak_codes_are_warned_of_and_not_shown() {
    let scene = Scene::new(env(), 4);
    let warned = |run: Output, says: &[&str], hides: &str| {
        says.iter().fold(run.success().hides(hides).says("E0416"), |run, text| run.says(text))
    };
    scene.job(&Job::default().field("login_code", "'\"45674567\"'"));
    let all = ["the `login_code` is the same for all users, and repeats itself"];
    let _ = warned(scene.env.run(&["check", "job.toml", "--json"]), &all, "45674567");
    let told =
        ["the `login_code` of 4 new users is the same for all of them", "of 4 new users repeats itself"];
    let _ = warned(scene.preview(), &told, "45674567");
    scene.job(&Job::default());
    let told = ["the `login_code` of 4 new users equals `employeeId`"];
    let _ = warned(scene.preview(), &told, "100003");
    scene.job(&random().with(FILE));
    let codes = scene.preview().success().codes();
    assert!(!codes.contains(&"E0416".to_owned()), "{codes:?}");
}

/// A job whose handover lets a human take the second user's name and number, in capitals, once the first was made.
fn taken_meanwhile(scene: &Scene, job: &Job, office: &str, pause: &str) -> (Output, String, String) {
    let plan = scene.preview().success().changes("create");
    let (name, number) = (text(&plan[1], "name"), text(&plan[2], "extension"));
    let by_hand = format!(
        "[[user]]\nname = \"{}\"\nextension = \"29998\"\nsystem = \"London\"\n[[user]]\nname = \"By Hand\"\n\
         extension = \"{number}\"\nsystem = \"London\"\n",
        name.to_uppercase()
    );
    scene.env.write("by_hand.toml", by_hand);
    let program_path = env!("CARGO_BIN_EXE_rollcall");
    program(
        scene,
        &format!(
            "cat > /dev/null; [ -e done ] && exit 0; touch done; {program_path} office import {office} by_hand.toml >&2 && sleep {pause}"
        ),
    );
    scene.job(&job.clone().with(COMMAND));
    (scene.sync(), name, number)
}

fn stale(run: Output, name: &str, number: &str) {
    let run = run
        .exits(3)
        .says("E0509")
        .says(&format!("the name `{name}`"))
        .says(&format!("the number `{number}`"));
    let failed: Vec<_> =
        run.changes("create").into_iter().filter(|change| change["status"] == "failed").collect();
    assert_eq!(failed.len(), 2, "{}", run.stdout);
    assert_eq!(run.figure("applied"), 2);
    assert!(failed.iter().any(|change| change["name"] == name));
    assert!(failed.iter().any(|change| change["extension"] == number));
}

#[test]
fn a_name_or_number_that_a_human_takes_meanwhile_makes_the_create_stale() {
    let scene = Scene::new(env(), 4);
    let (run, name, number) = taken_meanwhile(&scene, &Job::default(), "office.db", "0");
    stale(run, &name, &number);
    // The next plan is made from what stands: everybody is made, with another name or number.
    let again = scene.sync().success();
    assert_eq!((again.figure("create"), again.figure("applied")), (2, 2));
    let users = scene.users();
    let mut names: Vec<String> = users.iter().map(|user| text(user, "name").to_lowercase()).collect();
    names.sort();
    let all = names.len();
    names.dedup();
    assert_eq!(names.len(), all);
}

#[test]
fn the_same_through_the_management_api() {
    let mut scene = Scene::new(env(), 4);
    let (_running, phone_system): (Running, String) =
        crate::management::serve(&mut scene.env, "office.db", &[]);
    let job = Job { phone_system, ..crate::management::job() };
    scene.job(&job);
    let (run, name, number) = taken_meanwhile(&scene, &job, "office.db", "5");
    stale(run, &name, &number);
    let again = scene.sync().success();
    assert_eq!((again.figure("create"), again.figure("applied")), (2, 2));
    assert_eq!(users_of(&scene.env, "office.db").len(), 1 + 4 + 2);
}
