//! Exact plans: what `preview --out` wrote is what `sync --plan` does, or it is refused with every reason.

use std::collections::BTreeSet;
use std::time::Duration;

use rollcall_tests::graph::guid;
use rollcall_tests::harness::Output;
use rollcall_tests::scene::{Job, Scene, users_of};
use rollcall_tests::staff::{Staff, stands};
use serde_json::Value;

use crate::drift::by_hand;
use crate::env;

const HOUR: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

fn plan(scene: &Scene) -> Output {
    scene.env.run(&["preview", "job.toml", "--out", "plan", "--json"])
}

fn apply(scene: &Scene) -> Output {
    scene.env.run(&["sync", "--plan", "plan", "--json"])
}

/// Gives the messages of a refusal with those of the diagnostics that have a code.
fn reasons(output: &Output, code: &str) -> Vec<String> {
    let json = output.json();
    let all = json["diagnostics"].as_array().unwrap();
    let of = all.iter().filter(|found| found["code"] == code);
    of.map(|found| found["message"].as_str().unwrap().to_owned()).collect()
}

/// What matters of a user, without what the phone system gives by itself.
fn shape(users: Vec<Value>) -> Vec<Value> {
    let mut users: Vec<Value> = users
        .into_iter()
        .map(|mut user| {
            user.as_object_mut().unwrap().remove("guid");
            user
        })
        .collect();
    users.sort_by_key(ToString::to_string);
    users
}

#[test]
fn a_plan_does_what_its_sync_would_have_done_and_its_file_has_no_code() {
    let scene = Scene::new(env(), 40);
    let alone = scene.preview().success();
    let preview = plan(&scene).success();
    assert_eq!(preview.stdout, alone.stdout, "the preview is the same with and without a file");
    assert_eq!(scene.env.run(&["show", "plan", "--json"]).success().stdout, preview.stdout);
    let _ = scene.env.run(&["show", "plan"]).success().says("40 to create").says("Plan plan of TeamsUsers");
    let file = scene.env.read("plan");
    let other = Scene::new(env(), 40);
    let done = other.sync().success();
    let codes: BTreeSet<String> =
        other.users().iter().filter_map(|user| user["login_code"].as_str().map(str::to_owned)).collect();
    assert!(codes.len() > 30);
    for code in &codes {
        // Long enough to be no part of a digest or an id by chance only in quotes.
        assert!(!file.contains(&format!("\"{code}\"")), "{code} stands in the plan file");
    }
    let applied = apply(&scene).success();
    assert_eq!(applied.figure("applied"), 40);
    assert_eq!(applied.figure("applied"), done.figure("applied"));
    assert_eq!(shape(scene.users()), shape(other.users()), "codes included");
    let again = scene.sync().success();
    assert_eq!((again.figure("create"), again.figure("update"), again.figure("unchanged")), (0, 0, 40));
    let _ = scene.env.run(&["show", "plan"]).success().says("applied 2026-11-23T09:00:00Z by the run");
}

#[test]
fn a_plan_is_applied_once() {
    let scene = Scene::new(env(), 5);
    let _ = plan(&scene).success();
    let _ = apply(&scene).success();
    let again = apply(&scene).exits(6);
    assert_eq!(again.codes(), ["E0542"]);
    assert_eq!(scene.users().len(), 6);
    let runs = scene.env.run(&["runs", "--json"]).success().json();
    assert_eq!(runs["runs"].as_array().unwrap().len(), 1, "a refused plan is no run");
}

#[test]
fn an_altered_plan_and_one_of_another_state_are_refused() {
    let mut scene = Scene::new(env(), 5);
    let _ = plan(&scene).success();
    let file = scene.env.read("plan");
    let at = file.find("\"extension\":\"2").unwrap() + "\"extension\":\"".len();
    let mut bytes = file.clone().into_bytes();
    bytes[at] = b'9';
    scene.env.write("plan", bytes);
    assert_eq!(apply(&scene).exits(6).codes(), ["E0540"]);
    scene.env.write("plan", &file[..file.len() / 2]);
    let _ = apply(&scene).exits(6).says("is not as it was written");
    scene.env.write("plan", &file[..100]);
    let _ = apply(&scene).exits(6).says("its end is missing");
    scene.env.write("plan", &file);
    let elsewhere = scene.env.path("elsewhere");
    scene.env.set("ROLLCALL_STATE", elsewhere.to_str().unwrap());
    assert_eq!(apply(&scene).exits(6).codes(), ["E0541"]);
    let state = scene.env.state();
    scene.env.set("ROLLCALL_STATE", state.to_str().unwrap());
    let _ = apply(&scene).success();
}

#[test]
fn a_plan_of_another_phone_system_is_refused() {
    let scene = Scene::new(env(), 5);
    let _ = plan(&scene).success();
    let office = scene.env.path("office.db");
    std::fs::remove_file(&office).unwrap();
    let _ = apply(&scene).exits(6).says("a phone system that does not exist any more");
    assert!(!office.exists(), "a refused plan makes no office");
    let _ = scene.env.run(&["office", "init", "office.db", "--from", "office.toml"]).success();
    assert_eq!(apply(&scene).exits(6).codes(), ["E0541"]);
}

#[test]
fn an_old_plan_is_refused_unless_its_age_is_allowed() {
    let mut scene = Scene::new(env(), 5);
    let _ = plan(&scene).success();
    scene.env.advance(25 * HOUR);
    let old = apply(&scene).exits(6);
    assert_eq!(reasons(&old, "E0543"), ["the plan is 25 h old, and may be 24 h"]);
    let _ = scene.env.run(&["sync", "--plan", "plan", "--max-age", "31d"]).exits(64);
    let _ = scene.env.run(&["sync", "--plan", "plan", "--max-age", "2d"]).success();
}

#[test]
fn whatever_decided_the_plan_is_named_where_it_changed() {
    let scene = Scene::new(env(), 5);
    let _ = plan(&scene).success();
    scene.job(&Job::default().field("full_name", "\"givenName\""));
    let rules = scene.env.read("provisioning.rhai");
    scene.env.write("provisioning.rhai", format!("{rules}\n// another\n"));
    let moved = apply(&scene).exits(6);
    let changed = |name: &str| format!("`{name}` was changed since the plan was made");
    assert_eq!(
        reasons(&moved, "E0544"),
        [changed("fields.full_name"), changed("job.toml"), changed("provisioning.rhai")]
    );
    scene.job(&Job::default());
    scene.env.write("provisioning.rhai", rules);
    let _ = apply(&scene).success();
}

#[test]
fn a_user_a_name_and_a_number_that_moved_are_each_named() {
    let scene = Scene::new(env(), 12);
    let _ = scene.sync().success();
    let changed = guid(1, 3);
    scene.graph.world().tenant.set(&changed, "mail", "new@contoso.example");
    for (id, person) in rollcall_tests::graph::people(14).users {
        if id == guid(1, 12) || id == guid(1, 13) {
            scene.graph.world().tenant.put_user(person).unwrap();
        }
    }
    let preview = plan(&scene).success();
    assert_eq!((preview.figure("create"), preview.figure("update")), (2, 1));
    let creates = preview.changes("create");
    let (name, number) = (creates[0]["name"].as_str().unwrap(), creates[1]["extension"].as_str().unwrap());
    scene.env.write(
        "more.toml",
        format!(
            "[[user]]\nname = \"{name}\"\nextension = \"29991\"\nsystem = \"London\"\n\
             [[user]]\nname = \"Door\"\nextension = \"{number}\"\nsystem = \"London\"\n"
        ),
    );
    let _ = scene.env.run(&["office", "import", "office.db", "more.toml"]).success();
    let before = scene.users();
    let stale = apply(&scene).exits(6);
    let told = reasons(&stale, "E0509");
    assert!(
        told.contains(&format!("the name `{name}` is not free any more: the user `{name}` has it")),
        "{told:?}"
    );
    assert!(
        told.contains(&format!("the extension `{number}` is not free any more: the user `Door` has it")),
        "{told:?}"
    );
    assert_eq!(told.len(), 2, "{told:?}");
    assert_eq!(scene.users(), before, "nothing was applied");
    let users: BTreeSet<String> = stale.json()["diagnostics"]
        .as_array()
        .unwrap()
        .iter()
        .map(|found| found["user_identification"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(users.len(), 2);
}

#[test]
fn an_edit_by_hand_is_kept_and_named() {
    let mut scene = Scene::new(env(), 6);
    let _ = scene.sync().success();
    let changed = guid(1, 3);
    scene.graph.world().tenant.set(&changed, "mail", "new@contoso.example");
    assert_eq!(plan(&scene).success().figure("update"), 1);
    by_hand(&mut scene, &[(3, "mail", "hand@contoso.example"), (4, "mail", "other@contoso.example")]);
    let stale = apply(&scene).exits(6);
    let told = reasons(&stale, "E0509");
    // The user whom the plan leaves alone is no reason.
    assert!(told.len() == 1 && told[0].ends_with("was changed since the plan was made: email"), "{told:?}");
    assert_eq!(stale.json()["diagnostics"][0]["user_identification"], changed);
    assert_eq!(scene.linked(&changed).unwrap()["email"], "hand@contoso.example");
}

#[test]
fn a_leaver_who_returned_is_not_deleted() {
    let mut scene = Scene::new(env(), 20);
    let _ = scene.sync().success();
    let leaver = guid(1, 5);
    let person = scene.graph.world().tenant.users[&leaver].clone();
    scene.graph.world().tenant.remove_user(&leaver);
    let _ = scene.sync().success();
    scene.env.advance(8 * DAY);
    assert_eq!(plan(&scene).success().figure("delete"), 1);
    scene.graph.world().tenant.put_user(person).unwrap();
    // Nobody has read the directory since, and the plan is not older than a day: only a reading tells.
    let _ = scene.preview().success();
    let stale = apply(&scene).exits(6);
    let told = reasons(&stale, "E0509");
    assert!(
        told.len() == 1
            && told[0].ends_with("has been read from the directory again since the plan was made")
    );
    assert!(scene.linked(&leaver).is_some());
}

#[test]
fn a_plan_deletes_a_leaver_and_moves_no_baseline() {
    let mut scene = Scene::new(env(), 20);
    let _ = scene.sync().success();
    let leaver = guid(1, 5);
    scene.graph.world().tenant.remove_user(&leaver);
    let _ = scene.sync().success();
    scene.env.advance(8 * DAY);
    assert_eq!(plan(&scene).success().figure("delete"), 1);
    assert_eq!(apply(&scene).success().figure("applied"), 1);
    assert!(scene.linked(&leaver).is_none());
    let _ = scene.sync().success();
}

#[test]
fn a_refused_plan_may_be_written_and_is_accepted_by_its_figure() {
    let mut scene = Scene::new(env(), 20);
    let _ = scene.sync().success();
    for n in 3..9 {
        scene.graph.world().tenant.remove_user(&guid(1, n));
    }
    scene.job(&Job::default().with("[guard]\nmin_directory = 1"));
    let _ = scene.sync().success();
    scene.env.advance(8 * DAY);
    assert_eq!(plan(&scene).exits(5).figure("delete"), 6);
    let _ = scene.env.run(&["show", "plan"]).success().says("max_delete");
    assert_eq!(apply(&scene).exits(5).figure("applied"), 0);
    let _ = scene.env.run(&["sync", "--plan", "plan", "--accept", "max_delete=5"]).exits(5);
    let _ = scene.env.run(&["sync", "--plan", "plan", "--accept", "max_delete=6"]).success();
    assert_eq!(scene.users().len(), 15);
}

#[test]
fn the_first_sync_may_be_a_plan_and_makes_the_office() {
    let env = env();
    let _ = env.run(&["init", "."]).success();
    let _ = env.run(&["preview", "job.toml", "--out", "plan"]).success();
    env.write("job.toml", env.read("job.toml") + "\n# edited\n");
    let _ = env.run(&["sync", "--plan", "plan"]).exits(6).says("`job.toml` was changed");
    assert!(!env.path("office.db").exists(), "a refused plan makes no office");
    env.write("job.toml", env.read("job.toml").replace("\n# edited\n", ""));
    let done = env.run(&["sync", "--plan", "plan", "--json"]).success();
    assert!(done.figure("applied") > 0);
    assert_eq!(users_of(&env, "office.db").len() as u64, done.figure("applied"));
    let _ = env.run(&["sync", "job.toml", "--yes", "--json"]).success();
}

#[test]
fn random_codes_are_drawn_when_a_plan_is_applied() {
    let scene = Scene::new(env(), 4);
    let random = Job::default().field("login_code", "{ random = 8 }");
    scene.job(&random.with("[handover]\nfile = \"new-users.jsonl\"\n"));
    let _ = plan(&scene).success();
    assert!(!scene.env.path("new-users.jsonl").exists(), "a plan hands nothing over");
    assert_eq!(apply(&scene).success().figure("applied"), 4);
    let handed = scene.env.read("new-users.jsonl");
    for user in scene.users().iter().filter(|user| !user["links"].is_null()) {
        let code = user["login_code"].as_str().unwrap();
        assert!(code.len() == 8 && handed.contains(code), "{user}");
    }
}

#[test]
fn an_adoption_is_applied_and_one_that_moved_is_named() {
    let staff =
        Staff::new(env(), &(stands("Anna", "2001", "a@example") + &stands("Bert", "2002", "b@example")));
    staff.people(&["1,anna,Anna,Anna Berg,a@example,2001,Sales", "2,bert,Bert,Bert Cole,b@example,2002,"]);
    staff.job("[adopt]\n");
    let plan = || staff.env.run(&["preview", "job.toml", "--out", "plan", "--json"]).success();
    assert_eq!(plan().figure("adopt"), 2);
    let kept = staff.env.read("plan");
    // Another job takes one of them in between.
    staff.named("other.toml", "Other", "[adopt]\n");
    staff.people(&["1,anna,Anna,Anna Berg,a@example,2001,"]);
    let _ = staff.env.run(&["sync", "other.toml", "--yes"]).success();
    let stale = staff.env.run(&["sync", "--plan", "plan", "--json"]).exits(6);
    let told = reasons(&stale, "E0509");
    assert!(told.contains(&"the phone user `Anna` belongs to the job `Other` by now".to_owned()), "{told:?}");
    assert!(told.iter().all(|message| !message.contains("Bert")), "{told:?}");
    assert_eq!(staff.env.read("plan"), kept);
    staff.people(&["2,bert,Bert,Bert Cole,b@example,2002,"]);
    assert_eq!(plan().figure("adopt"), 1);
    let applied = staff.env.run(&["sync", "--plan", "plan", "--json"]).success();
    assert_eq!((applied.figure("adopt"), applied.figure("applied")), (1, 1));
    assert_eq!(staff.owner("Bert"), "bert");
}

#[test]
fn wrong_files_are_told_apart() {
    let scene = Scene::new(env(), 3);
    let env = &scene.env;
    let _ =
        env.run(&["preview", "job.toml", "--out", "job.toml"]).exits(1).says("is no plan file, so it is not");
    let _ = env.run(&["preview", "job.toml", "--out", "."]).exits(1).says("is no regular file");
    let _ =
        env.run(&["preview", "job.toml", "--out", "no/where"]).exits(1).says("the folder `no` is not there");
    let _ = env.run(&["sync", "--plan", "job.toml"]).exits(6).says("is no plan file");
    let _ = env.run(&["sync", "--plan", "."]).exits(1).says("it is a folder");
    let _ = env.run(&["sync", "--plan", "nothing"]).exits(1).says("there is no such file");
    let _ = plan(&scene).success();
    env.write("plan", env.read("plan").replacen("\"rollcall_plan\":2,", "\"rollcall_plan\":7,", 1));
    let _ = env.run(&["sync", "--plan", "plan"]).exits(6).says("newer rollcall");
    let _ = env.run(&["show", "plan"]).exits(6).says("newer rollcall");
    let _ = env.run(&["sync", "--plan", "plan", "--delete-now", "x"]).exits(64);
}
