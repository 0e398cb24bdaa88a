//! The same job into the embedded office and into a Management API must end the same.

use std::path::PathBuf;

use rollcall_tests::graph::guid;
use rollcall_tests::harness::{Output, Running, TestEnv};
use rollcall_tests::scene::{Job, OFFICE, Scene, users_of};
use serde_json::Value;

use crate::env;
use crate::serving::{self, PASSWORD};

/// The templates of the scene's office, which a Management API does not tell.
const TEMPLATES: &str = r#"
[[user_template]]
name = "Sales"
profile = "Power User"
[[extension_template]]
name = "J179"
type = "SIP"
"#;

/// Serves an office file of the scene, and gives the `[phone_system]` that reaches it.
pub(crate) fn serve(env: &mut TestEnv, office: &str, modes: &[&str]) -> (Running, String) {
    env.write("templates.toml", TEMPLATES);
    let (running, told) = serving::serve(env, office, modes);
    let phone_system = told.phone_system("2s");
    (running, phone_system)
}

/// The usual job without what a Management API cannot write: hunt groups and twinning.
pub(crate) fn job() -> Job {
    let fields = "user_identification = \"id\"\nname = \"names::phone_name(user)\"\nfull_name = \"displayName\"\n\
                  email = \"mail\"\nlogin_code = \"employeeId\"\n";
    Job { fields: fields.to_owned(), ..Job::default() }
}

/// What both sides must agree on: everything that a job gives, by user identification.
fn comparable(users: &[Value]) -> Vec<Value> {
    let mut rows: Vec<Value> = users.iter().filter(|user| !user["name"].is_null()).cloned().collect();
    for row in &mut rows {
        let row = row.as_object_mut().unwrap();
        // GUIDs are the phone system's own; the codes and the template are not told by a Management API.
        for key in ["guid", "links", "login_code", "voicemail_code", "user_template", "extension_template"] {
            row.remove(key);
        }
    }
    rows.sort_by_key(|row| row["name"].as_str().unwrap_or_default().to_owned());
    rows
}

fn equal_by_both_ways(people: usize) {
    let mut scene = Scene::new(env(), people);
    scene.job(&job());
    let preview = scene.preview().success();
    assert_eq!(preview.stdout, scene.preview().success().stdout);
    assert_eq!(scene.sync().success().figure("applied"), people as u64);
    assert_eq!(scene.sync().success().figure("applied"), 0);
    let embedded = scene.users();

    scene.env.write("office2.toml", OFFICE);
    let _ = scene.env.run(&["office", "init", "served.db", "--from", "office2.toml"]).success();
    let (_running, phone_system) = serve(&mut scene.env, "served.db", &[]);
    scene.env.set("ROLLCALL_STATE", scene.env.root().join("state2").to_str().unwrap());
    scene.job(&Job { phone_system, ..job() });
    let run = scene.sync().success();
    assert_eq!((run.figure("create"), run.figure("applied")), (people as u64, people as u64));
    let again = scene.sync().success();
    assert_eq!((again.figure("unchanged"), again.figure("applied")), (people as u64, 0));
    let served = users_of(&scene.env, "served.db");
    assert_eq!(comparable(&embedded), comparable(&served));
    // The same through the Management API itself.
    assert_eq!(comparable(&users_of(&scene.env, "job.toml")).len(), people + 1);
}

#[test]
fn a_small_office_ends_the_same_by_both_ways() {
    equal_by_both_ways(25);
}

#[test]
fn two_thousand_users_end_the_same_by_both_ways() {
    equal_by_both_ways(2000);
}

#[test]
fn an_untrusted_certificate_is_shown_and_gets_no_password() {
    let mut scene = Scene::new(env(), 3);
    let (running, phone_system) = serve(&mut scene.env, "office.db", &[]);
    let fingerprint = running.json()["certificate_sha256"].as_str().unwrap().to_owned();
    let unpinned: String =
        phone_system.lines().filter(|line| !line.starts_with("certificate")).collect::<Vec<_>>().join("\n");
    scene.job(&Job { phone_system: unpinned, ..job() });
    let _ = scene.env.run(&["test-connection", "job.toml"]).exits(14).says(&fingerprint).hides(PASSWORD);
    let _ = scene.sync().exits(14).says(&fingerprint);
    let wrong = phone_system.replace(&fingerprint, &"0".repeat(64));
    scene.job(&Job { phone_system: wrong, ..job() });
    let _ = scene.sync().exits(14).says(&fingerprint);
    scene.job(&Job { phone_system: phone_system.clone(), ..job() });
    scene.env.set("IPOFFICE_PASSWORD", "not-the-password");
    let _ = scene.sync().exits(4).hides("not-the-password");
    drop(running);
    scene.job(&Job { phone_system, ..job() });
    scene.env.set("IPOFFICE_PASSWORD", PASSWORD);
    let _ = scene.sync().exits(14);
}

/// Syncs five people through a Management API in test modes, changes all their mails, and syncs again.
fn change_five(modes: &[&str]) -> (Scene, Running, Output) {
    let mut scene = Scene::new(env(), 5);
    let (running, phone_system) = serve(&mut scene.env, "office.db", modes);
    scene.job(&Job { phone_system, ..job() });
    let _ = scene.sync().success();
    for n in 0..5 {
        scene.graph.world().tenant.set(&guid(1, n), "mail", format!("changed{n}@contoso.example"));
    }
    let run = scene.sync();
    (scene, running, run)
}

#[test]
fn an_update_carries_over_what_it_read() {
    for mode in ["omitted=cleared", "omitted=kept"] {
        let (scene, _running, run) = change_five(&[mode]);
        let run = run.success();
        assert_eq!((run.figure("update"), run.figure("applied")), (5, 5), "{mode}");
        for n in 0..5 {
            let user = users_of(&scene.env, "office.db")
                .into_iter()
                .find(|user| user["email"].as_str() == Some(&format!("changed{n}@contoso.example")));
            assert_eq!(user.unwrap()["login_code"], format!("{}", 100_000 + n), "{mode}");
        }
    }
}

#[test]
fn hidden_elements_are_warned_of_until_a_comparison_proves_them_kept() {
    let (scene, _running, run) = change_five(&["hide=ForwardNumber", "omitted=kept"]);
    assert_eq!(run.figure("applied"), 5);
    assert!(run.codes().contains(&"E0605".to_owned()), "{:?}", run.codes());
    let export = |full_name: &str, forward: &str| {
        format!(
            "<?xml version='1.0' encoding='UTF-8'?><data><ws_object><User GUID='1'><Name>Anna</Name>\
             <FullName>{full_name}</FullName>{forward}</User></ws_object></data>"
        )
    };
    let set = "<ForwardNumber>5550100</ForwardNumber>";
    scene.env.write("before.xml", export("Anna", set));
    scene.env.write("lost.xml", export("Anna Berg", ""));
    scene.env.write("kept.xml", export("Anna Berg", set));
    let compare =
        |after: &str| scene.env.run(&["office", "compare", "before.xml", after, "--prove", "job.toml"]);
    let lost = compare("lost.xml").says("ForwardNumber");
    assert_ne!(lost.code, Some(0), "a loss is no proof");
    let _ = compare("kept.xml").success();
    scene.graph.world().tenant.set(&guid(1, 0), "mail", "again@contoso.example");
    let run = scene.sync().success();
    assert_eq!(run.figure("applied"), 1);
    assert!(!run.codes().contains(&"E0605".to_owned()), "{:?}", run.codes());
}

#[test]
fn an_unplanned_loss_stops_after_one_user() {
    let mut scene = Scene::new(env(), 5);
    // Created without a hitch, then served by a phone system that loses what an update leaves out and does not show it.
    let (running, phone_system) = serve(&mut scene.env, "office.db", &[]);
    scene.job(&Job { phone_system, ..job() });
    let _ = scene.sync().success();
    drop(running);
    let (_running, phone_system) = serve(&mut scene.env, "office.db", &["loses=FullName"]);
    scene.job(&Job { phone_system, ..job() });
    for n in 0..5 {
        scene.graph.world().tenant.set(&guid(1, n), "mail", format!("changed{n}@contoso.example"));
    }
    let run = scene.sync().exits(3);
    assert!(run.codes().contains(&"E0603".to_owned()), "{:?}", run.codes());
    let changed = scene
        .users()
        .iter()
        .filter(|user| user["email"].as_str().is_some_and(|mail| mail.starts_with("changed")))
        .count();
    assert_eq!(changed, 1, "the first update of a run goes alone");
}

#[test]
fn a_job_with_a_missing_office_file_says_so() {
    let scene = Scene::new(env(), 1);
    let missing: PathBuf = scene.env.path("office.db");
    std::fs::remove_file(&missing).unwrap();
    let _ = scene.env.run(&["office", "users", "office.db"]).exits(1).says("office.db");
}

#[test]
fn a_plan_goes_through_a_management_api_too() {
    let mut scene = Scene::new(env(), 8);
    scene.env.write("office2.toml", OFFICE);
    let _ = scene.env.run(&["office", "init", "served.db", "--from", "office2.toml"]).success();
    let (_running, phone_system) = serve(&mut scene.env, "served.db", &[]);
    scene.job(&Job { phone_system, ..job() });
    let plan = |scene: &Scene| scene.env.run(&["preview", "job.toml", "--out", "plan", "--json"]).success();
    let apply = |scene: &Scene| scene.env.run(&["sync", "--plan", "plan", "--json"]);
    assert_eq!(plan(&scene).figure("create"), 8);
    scene.env.write("templates.toml", format!("{TEMPLATES}# another\n"));
    let _ = apply(&scene).exits(6).says("`templates.toml` was changed since the plan was made");
    scene.env.write("templates.toml", TEMPLATES);
    assert_eq!(apply(&scene).success().figure("applied"), 8);
    scene.graph.world().tenant.set(&guid(1, 3), "mail", "new@contoso.example");
    assert_eq!(plan(&scene).figure("update"), 1);
    assert_eq!(apply(&scene).success().figure("applied"), 1);
    assert_eq!(scene.sync().success().figure("unchanged"), 8);
}
