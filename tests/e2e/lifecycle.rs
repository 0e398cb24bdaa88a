//! Joiners, movers and leavers, the three ticks, and what a sync must leave alone.

use std::time::Duration;

use rollcall_tests::graph::{Member, guid};
use rollcall_tests::harness::Output;
use rollcall_tests::scene::{Job, Scene, users_of};
use serde_json::{Value, json};

use crate::env;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

fn names(output: &Output, action: &str) -> Vec<String> {
    output
        .changes(action)
        .iter()
        .map(|change| change["name"].as_str().unwrap_or_default().to_owned())
        .collect()
}

#[test]
fn a_second_sync_changes_nothing_and_previews_are_equal() {
    let scene = Scene::new(env(), 40);
    let first = scene.preview().success();
    assert_eq!(first.stdout, scene.preview().success().stdout);
    assert_eq!(first.figure("create"), 40);
    assert_eq!(first.json()["run"], Value::Null);
    let done = scene.sync().success();
    assert_eq!((done.figure("create"), done.figure("applied"), done.figure("failed")), (40, 40, 0));
    assert_eq!(scene.users().len(), 41);
    let again = scene.sync().success();
    for figure in ["create", "adopt", "update", "delete", "skipped", "pending_delete", "applied"] {
        assert_eq!(again.figure(figure), 0, "{figure}");
    }
    assert_eq!(again.figure("unchanged"), 40);
}

#[test]
fn each_tick_is_obeyed_alone() {
    let mut scene = Scene::new(env(), 10);
    scene.job(&Job::default().ticks(false, true, true));
    assert_eq!(scene.sync().success().figure("applied"), 0);
    assert_eq!(scene.users().len(), 1);

    scene.job(&Job::default().ticks(true, false, false));
    assert_eq!(scene.sync().success().figure("applied"), 10);
    let (changed, gone) = (guid(1, 3), guid(1, 4));
    scene.graph.world().tenant.set(&changed, "mail", "new@contoso.example");
    scene.graph.world().tenant.remove_user(&gone);
    assert_eq!(scene.sync().success().figure("applied"), 0);

    scene.job(&Job::default().ticks(false, true, false));
    assert_eq!(scene.sync().success().figure("applied"), 1);
    assert_eq!(scene.linked(&changed).unwrap()["email"], "new@contoso.example");

    scene.env.advance(30 * DAY);
    scene.graph.world().tenant.set(&changed, "mail", "newer@contoso.example");
    scene.job(&Job::default().ticks(false, false, true));
    let deleted = scene.sync().success();
    assert_eq!((deleted.figure("delete"), deleted.figure("applied")), (1, 1));
    assert!(scene.linked(&gone).is_none());
    assert_eq!(scene.linked(&changed).unwrap()["email"], "new@contoso.example");
}

#[test]
fn joiner_rename_move_and_leaver_each_do_the_right_thing() {
    let mut scene = Scene::new(env(), 20);
    let _ = scene.sync().success();
    let (renamed, moved, leaver) = (guid(1, 1), guid(1, 2), guid(1, 5));
    let before = scene.linked(&moved).unwrap();
    {
        let mut world = scene.graph.world();
        let tenant = &mut world.tenant;
        let joiner = rollcall_tests::graph::people(21).users.remove(&guid(1, 20)).unwrap();
        tenant.put_user(joiner).unwrap();
        tenant.set(&renamed, "displayName", "Wilhelmina Zed");
        tenant.set(&renamed, "givenName", "Wilhelmina");
        tenant.set(&renamed, "surname", "Zed");
        let department = if before["system"] == "Leeds" { "Engineering" } else { "Sales" };
        tenant.set(&moved, "department", department);
        tenant.set(&moved, "employeeId", "777777");
        tenant.remove_user(&leaver);
    }
    let run = scene.sync().success();
    assert_eq!((run.figure("create"), run.figure("update"), run.figure("delete")), (1, 2, 0));
    assert_eq!(run.figure("pending_delete"), 1);
    assert_eq!(names(&run, "create").len(), 1);
    assert!(run.codes().contains(&"E0414".to_owned()), "{:?}", run.codes());
    assert!(run.codes().contains(&"E0415".to_owned()), "{:?}", run.codes());
    let human = scene.env.run(&["preview", "job.toml"]).success();
    let _ = human.says("the rules would make 1 user otherwise today");

    assert_eq!(scene.linked(&renamed).unwrap()["name"], "Wilhelmina Zed");
    // The field table's `-` cells are never written on update.
    let after = scene.linked(&moved).unwrap();
    for cell in ["system", "login_code", "user_template", "extension", "extension_template"] {
        assert_eq!(after[cell], before[cell], "{cell}");
    }
    assert_ne!(after["groups"], before["groups"]);

    scene.env.advance(8 * DAY);
    let later = scene.sync().success();
    assert_eq!((later.figure("delete"), later.figure("applied")), (1, 1));
    assert!(scene.linked(&leaver).is_none());
    assert_eq!(scene.users().len(), 21);
}

#[test]
fn a_leaver_who_comes_back_in_time_stays() {
    let mut scene = Scene::new(env(), 10);
    let _ = scene.sync().success();
    let id = guid(1, 0);
    let user = scene.graph.world().tenant.users[&id].clone();
    scene.graph.world().tenant.remove_user(&id);
    assert_eq!(scene.sync().success().figure("pending_delete"), 1);
    scene.graph.world().tenant.put_user(user).unwrap();
    scene.env.advance(8 * DAY);
    let run = scene.sync().success();
    assert_eq!((run.figure("unchanged"), run.figure("pending_delete"), run.figure("delete")), (10, 0, 0));
}

#[test]
fn a_user_made_by_hand_is_never_touched() {
    let mut scene = Scene::new(env(), 5);
    let by_hand = |scene: &Scene| scene.users().into_iter().find(|user| user["name"] == "Reception").unwrap();
    let before = by_hand(&scene);
    scene.graph.world().tenant.set(&guid(1, 0), "displayName", "Reception");
    scene.graph.world().tenant.set(&guid(1, 0), "givenName", Value::Null);
    scene.graph.world().tenant.set(&guid(1, 0), "surname", Value::Null);
    let _ = scene.sync().success();
    assert_eq!(scene.linked(&guid(1, 0)).unwrap()["name"], "Reception 2");
    scene.graph.world().tenant.remove_user(&guid(1, 0));
    let _ = scene.sync().success();
    scene.env.advance(10 * DAY);
    assert_eq!(scene.sync().success().figure("delete"), 1);
    assert_eq!(by_hand(&scene), before);
    assert_eq!(before["links"], Value::Null);
}

#[test]
fn drift_by_hand_is_written_back_with_its_reason() {
    let scene = Scene::new(env(), 5);
    let _ = scene.sync().success();
    let id = guid(1, 0);
    scene.graph.world().tenant.set(&id, "mail", Value::Null);
    let cleared = scene.sync().success();
    assert_eq!(cleared.changes("update")[0]["fields"]["email"]["to"], Value::Null);
    assert_eq!(scene.linked(&id).unwrap()["email"], Value::Null);
}

#[test]
fn a_group_job_follows_the_membership() {
    let mut scene = Scene::new(env(), 12);
    let (inner, outer) = (guid(9, 1), guid(9, 2));
    {
        let mut world = scene.graph.world();
        for n in 0..4 {
            world.tenant.join(&outer, Member::User(guid(1, n)));
        }
        world.tenant.join(&outer, Member::Group(inner.clone()));
        world.tenant.join(&inner, Member::User(guid(1, 8)));
        world.tenant.join(&inner, Member::User(guid(1, 0)));
    }
    let settings = format!("scope = \"group\"\ngroup_id = \"{outer}\"");
    scene.job(&Job::default().settings(&settings));
    assert_eq!(scene.preview().success().figure("create"), 4);
    scene.job(&Job::default().settings(&format!("{settings}\ntransitive = true")));
    assert_eq!(scene.sync().success().figure("create"), 5);
    {
        let mut world = scene.graph.world();
        world.tenant.leave(&inner, &Member::User(guid(1, 8)));
        world.tenant.join(&inner, Member::User(guid(1, 9)));
    }
    let run = scene.sync().success();
    assert_eq!((run.figure("create"), run.figure("pending_delete")), (1, 1));
    scene.env.advance(8 * DAY);
    assert_eq!(scene.sync().success().figure("delete"), 1);
    assert!(scene.linked(&guid(1, 8)).is_none());
}

#[test]
fn names_are_swapped_in_one_run() {
    let scene = Scene::new(env(), 4);
    let job = Job::default().field("name", "\"displayName\"").field("extension", "\"businessPhones\"");
    let rules = r#"rule("All", #{ when: |user| true, extension_type: "SIP" });"#;
    scene.env.write("provisioning.rhai", rules);
    scene.job(&job);
    let (one, other) = (guid(1, 0), guid(1, 1));
    let give = |id: &str, name: &str, number: &str| {
        let mut world = scene.graph.world();
        world.tenant.set(id, "displayName", name);
        world.tenant.set(id, "businessPhones", json!([number]));
    };
    for n in 0..4 {
        give(&guid(1, n), &format!("Person {n}"), &format!("5000{n}"));
    }
    let _ = scene.sync().success();
    give(&one, "Person 1", "50001");
    give(&other, "Person 0", "50000");
    let run = scene.sync().success();
    assert_eq!((run.figure("update"), run.figure("failed")), (2, 0));
    let user = scene.linked(&one).unwrap();
    assert_eq!((&user["name"], &user["extension"]), (&json!("Person 1"), &json!("50001")));
    let user = scene.linked(&other).unwrap();
    assert_eq!((&user["name"], &user["extension"]), (&json!("Person 0"), &json!("50000")));
    assert_eq!(scene.sync().success().figure("applied"), 0);
    assert_eq!(users_of(&scene.env, "job.toml").len(), 5);
}
