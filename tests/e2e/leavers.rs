//! Leavers: the grace and its end by name, quarantine, a return, disabled accounts, and a clock that jumps.

use std::time::Duration;

use rollcall_tests::graph::guid;
use rollcall_tests::harness::Output;
use rollcall_tests::scene::{Job, Scene};
use serde_json::{Value, json};

use crate::env;

const HOUR: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const YEAR: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// Gives the messages of the diagnostics with a code.
fn told(output: &Output, code: &str) -> Vec<String> {
    let json = output.json();
    let all = json["diagnostics"].as_array().unwrap().iter().filter(|one| one["code"] == code);
    all.map(|one| one["message"].as_str().unwrap().to_owned()).collect()
}

/// The usual scene, with names as the directory has them, so that nobody falls back to another.
fn named(users: usize) -> Scene {
    let scene = Scene::new(env(), users);
    for n in 0..users {
        scene.graph.world().tenant.set(&guid(1, n), "displayName", format!("Person {n}"));
    }
    scene.job(&Job::default().field("name", "\"displayName\""));
    scene
}

/// Deletes a user by its grace.
fn delete(scene: &mut Scene, id: &str) {
    scene.graph.world().tenant.remove_user(id);
    assert_eq!(scene.sync().success().figure("pending_delete"), 1);
    scene.env.advance(8 * DAY);
    assert_eq!(scene.sync().success().figure("delete"), 1);
}

#[test]
fn a_leavers_name_and_number_wait_out_the_quarantine_or_their_owners_return() {
    let mut scene = named(12);
    let _ = scene.sync().success();
    let (leaver, joiner) = (guid(1, 3), guid(1, 50));
    let before = scene.linked(&leaver).unwrap();
    let former = scene.graph.world().tenant.users[&leaver].clone();
    delete(&mut scene, &leaver);
    scene.env.advance(DAY);
    let mut new = former.clone();
    new.insert("id".into(), json!(joiner));
    scene.graph.world().tenant.put_user(new).unwrap();
    let run = scene.sync().exits(3);
    assert_eq!((run.figure("create"), run.figure("skipped")), (0, 1));
    assert!(
        run.changes("skip")[0]["reason"].as_str().unwrap().contains("quarantine"),
        "{:?}",
        run.changes("skip")
    );

    // Under another name the joiner is made, and not on the leaver's number.
    scene.graph.world().tenant.set(&joiner, "displayName", "Newcomer");
    assert_eq!(scene.sync().success().figure("create"), 1);
    assert_ne!(scene.linked(&joiner).unwrap()["extension"], before["extension"]);

    // Who comes back gets both.
    scene.graph.world().tenant.put_user(former.clone()).unwrap();
    assert_eq!(scene.sync().success().figure("create"), 1);
    let after = scene.linked(&leaver).unwrap();
    assert_eq!((&after["name"], &after["extension"]), (&before["name"], &before["extension"]));

    // A quarantine later they are anybody's.
    delete(&mut scene, &leaver);
    scene.env.advance(91 * DAY);
    scene.graph.world().tenant.set(&joiner, "displayName", "Person 3");
    assert_eq!(scene.sync().success().figure("update"), 1);
    assert_eq!(scene.linked(&joiner).unwrap()["name"], "Person 3");
}

#[test]
fn a_grace_takes_time_and_two_syncs_and_previews_do_not_count() {
    let mut scene = named(12);
    let _ = scene.sync().success();
    scene.graph.world().tenant.remove_user(&guid(1, 3));
    for _ in 0..3 {
        assert_eq!(scene.preview().success().figure("pending_delete"), 1);
    }
    scene.env.advance(30 * DAY);
    // The clock starts with the first sync that lacks the user, however long the user has been gone.
    assert_eq!(scene.sync().success().figure("pending_delete"), 1);
    scene.env.advance(6 * DAY);
    assert_eq!(scene.sync().success().figure("pending_delete"), 1);
    scene.env.advance(DAY);
    assert_eq!(scene.preview().success().figure("delete"), 1);
    assert_eq!(scene.sync().success().figure("applied"), 1);
    // Without any time at all it still takes two.
    let job = Job::default().field("name", "\"displayName\"").whole();
    scene.job(&job.with("[leavers]\ngrace = \"0s\"\n"));
    scene.graph.world().tenant.remove_user(&guid(1, 4));
    assert_eq!(scene.sync().success().figure("pending_delete"), 1);
    assert_eq!(scene.sync().success().figure("delete"), 1);
}

#[test]
fn a_grace_is_ended_by_name_for_one_leaver_and_nobody_else() {
    let scene = named(30);
    let _ = scene.sync().success();
    let sync = |user: &str| scene.env.run(&["sync", "job.toml", "--yes", "--json", "--delete-now", user]);
    let preview = |user: &str| scene.env.run(&["preview", "job.toml", "--json", "--delete-now", user]);
    let extension = scene.linked(&guid(1, 5)).unwrap()["extension"].as_str().unwrap().to_owned();
    for n in [4, 5] {
        scene.graph.world().tenant.remove_user(&guid(1, n));
    }
    // Previewed first: it changes nothing.
    assert_eq!(preview("person 4").success().figure("delete"), 1);
    assert_eq!(scene.users().len(), 31);
    let run = sync("person 4").success();
    assert_eq!((run.figure("delete"), run.figure("applied"), run.figure("pending_delete")), (1, 1, 1));
    assert!(run.changes("delete")[0]["reason"].as_str().unwrap().contains("--delete-now"));
    let run = sync(&extension).success();
    assert_eq!((run.figure("delete"), run.figure("pending_delete")), (1, 0));

    // Whoever is in the directory, or nobody's, or nobody is refused, and nothing else is done either.
    scene.graph.world().tenant.set(&guid(1, 1), "mail", "other@contoso.example");
    let _ = sync("Person 1").exits(5).says("is in the directory").says("E0523");
    let _ = sync("Reception").exits(5).says("not this job's");
    let _ = sync("Nobody At All").exits(1).says("E0903");
    let _ = preview("Nobody At All").exits(1);
    assert_eq!(scene.sync().success().figure("update"), 1);
}

#[test]
fn a_grace_that_is_ended_still_needs_the_tick_protection_and_the_guard() {
    let scene = named(30);
    let _ = scene.sync().success();
    let sync = |user: &str| scene.env.run(&["sync", "job.toml", "--yes", "--json", "--delete-now", user]);
    let job = Job::default().field("name", "\"displayName\"");
    scene.graph.world().tenant.remove_user(&guid(1, 4));
    scene.job(&job.clone().ticks(true, true, false));
    let _ = sync("Person 4").exits(5).says("E0508");
    scene.job(&job.clone().with("[leavers]\nprotect = 'phone.name == \"Person 4\"'\n"));
    let run = sync("Person 4").success();
    assert_eq!((run.figure("delete"), run.figure("skipped")), (0, 1));
    scene.job(&job.clone().with("[guard]\nmax_delete = 0\n"));
    assert!(sync("Person 4").exits(5).codes().contains(&"E0500".to_owned()));
    // Two leavers of one full name are told apart by their identification.
    scene.job(&job.clone().field("full_name", "'\"Twin\"'"));
    let _ = scene.sync().success();
    scene.graph.world().tenant.remove_user(&guid(1, 6));
    let _ = sync("Twin").exits(1).says(&guid(1, 6)).says("several users");
    assert_eq!(sync(&guid(1, 6)).success().figure("delete"), 1);
    assert_eq!(scene.users().len(), 30);
}

#[test]
fn a_clock_that_jumps_forward_deletes_nobody_and_releases_nothing() {
    let mut scene = named(12);
    let _ = scene.sync().success();
    delete(&mut scene, &guid(1, 2));
    scene.graph.world().tenant.remove_user(&guid(1, 3));
    assert_eq!(scene.sync().success().figure("pending_delete"), 1);
    let mut joiner = scene.graph.world().tenant.users[&guid(1, 5)].clone();
    joiner.insert("id".into(), json!(guid(1, 50)));
    joiner.insert("displayName".into(), json!("Person 2"));
    scene.graph.world().tenant.put_user(joiner).unwrap();

    scene.env.advance(10 * YEAR);
    for run in [scene.preview(), scene.sync()] {
        let run = run.exits(3);
        assert_eq!((run.figure("delete"), run.figure("pending_delete"), run.figure("create")), (0, 1, 0));
        assert!(told(&run, "E0520")[0].contains("3650 days ahead"), "{:?}", told(&run, "E0520"));
    }
    // From now on the clock goes as it should, and grace and quarantine go on where they were.
    scene.env.advance(HOUR);
    let run = scene.sync().exits(3);
    assert_eq!((run.figure("delete"), run.figure("pending_delete"), run.figure("create")), (0, 1, 0));
    assert!(told(&run, "E0520").is_empty());
    scene.env.advance(7 * DAY);
    let run = scene.sync().exits(3);
    assert_eq!((run.figure("delete"), run.figure("create")), (1, 0));
    scene.env.advance(90 * DAY);
    assert_eq!(scene.sync().success().figure("create"), 1);
}

#[test]
fn a_clock_that_jumps_back_loses_no_day_of_grace_or_quarantine() {
    let mut scene = named(12);
    let _ = scene.sync().success();
    scene.graph.world().tenant.remove_user(&guid(1, 3));
    assert_eq!(scene.sync().success().figure("pending_delete"), 1);
    scene.env.advance(6 * DAY);
    assert_eq!(scene.sync().success().figure("pending_delete"), 1);
    scene.env.turn_back(YEAR);
    let run = scene.sync().success();
    assert_eq!((run.figure("delete"), run.figure("pending_delete")), (0, 1));
    assert!(told(&run, "E0520")[0].contains("365 days behind"), "{:?}", told(&run, "E0520"));
    scene.env.advance(HOUR);
    assert_eq!(scene.sync().success().figure("pending_delete"), 1);
    scene.env.advance(DAY);
    assert_eq!(scene.sync().success().figure("delete"), 1);
}

#[test]
fn disabled_accounts_leave_or_are_kept_as_the_job_says() {
    let mut scene = Scene::new(env(), 20);
    let disable = |scene: &Scene, n: usize, yes: bool| {
        scene.graph.world().tenant.set(&guid(1, n), "accountEnabled", !yes);
    };
    disable(&scene, 0, true);
    let _ = scene.sync().success();
    disable(&scene, 1, true);
    assert_eq!(scene.sync().success().figure("pending_delete"), 1, "the default: a leaver");

    let keep = Job::default().with("[leavers]\ndisabled = \"keep\"\n");
    scene.job(&keep);
    scene.env.advance(8 * DAY);
    scene.graph.world().tenant.set(&guid(1, 1), "mail", "changed@contoso.example");
    let before = scene.linked(&guid(1, 1)).unwrap();
    for _ in 0..2 {
        let run = scene.sync().success();
        // Kept as it stands, and not made where there is none.
        let figures = ["create", "update", "delete", "pending_delete"].map(|name| run.figure(name));
        assert_eq!((figures, run.figure("skipped")), ([0; 4], 1));
        assert_eq!(told(&run, "E0440").len(), 2);
        assert!(told(&run, "E0440").iter().any(|note| note.starts_with("1 account is disabled")));
    }
    assert_eq!(scene.linked(&guid(1, 1)).unwrap(), before);
    // Enabled again, both are users like any other.
    disable(&scene, 0, false);
    disable(&scene, 1, false);
    let run = scene.sync().success();
    assert_eq!((run.figure("create"), run.figure("update"), run.figure("skipped")), (1, 1, 0));
    assert_eq!(scene.linked(&guid(1, 1)).unwrap()["email"], "changed@contoso.example");
    // Whoever is gone for good is a leaver all the same.
    scene.graph.world().tenant.remove_user(&guid(1, 1));
    assert_eq!(scene.sync().success().figure("pending_delete"), 1);
}

#[test]
fn a_job_that_keeps_disabled_accounts_must_know_them() {
    let scene = Scene::new(env(), 1);
    let keep = "[leavers]\ndisabled = \"keep\"\n";
    scene.job(&Job::default().settings("include_disabled = false").with(keep));
    let _ = scene
        .env
        .run(&["check", "job.toml"])
        .exits(12)
        .says("`include_disabled = false` leaves disabled accounts out");
    let csv = |leavers: &str| {
        scene.env.write(
            "csv.toml",
            format!(
                "name = \"Csv\"\n[directory]\nconnector = \"csv\"\n[directory.settings]\npath = \"people.csv\"\nid_column = \"id\"\n\
                 [phone_system]\npath = \"csv.db\"\n[fields]\nuser_identification = \"id\"\nname = \"name\"\n\
                 [synchronize]\nnew = true\nupdate = true\ndelete = true\n[leavers]\n{leavers}\n"
            ),
        );
        scene.env.write("people.csv", "id,name,status\n1,Anna,active\n2,Bert,away\n3,Cleo,active\n");
    };
    csv("disabled = \"keep\"");
    let _ = scene.env.run(&["check", "csv.toml"]).exits(12).says("does not say whose account is disabled");
    csv("disabled_when = 'status == \"away\"'");
    let _ = scene.env.run(&["check", "csv.toml"]).exits(12).says("has no effect");
    csv("disabled = \"keep\"\ndisabled_when = 'statu == \"away\"'");
    let _ = scene.env.run(&["check", "csv.toml"]).exits(12).says("has no attribute `statu`");
    csv("disabled = \"keep\"\ndisabled_when = 'status == \"away\"'");
    let run = scene.env.run(&["sync", "csv.toml", "--yes", "--json"]).success();
    assert_eq!((run.figure("directory_users"), run.figure("create"), run.figure("skipped")), (3, 2, 0));
    assert_eq!(
        run.json()["changes"].as_array().unwrap().iter().filter(|c| c["user_identification"] == "2").count(),
        0
    );
    assert!(
        matches!(&run.json()["diagnostics"], Value::Array(all) if all.iter().any(|one| one["code"] == "E0440"))
    );
}

#[test]
fn a_name_and_a_number_that_a_mover_frees_wait_too() {
    let mut scene = named(6);
    let job = Job::default()
        .field("name", "\"displayName\"")
        .field("extension", "\"businessPhones\"")
        .with("[leavers]\nquarantine = \"30d\"\n");
    scene.job(&Job { rest: format!("{}\n", job.rest), ..job.clone() });
    let rules =
        "rule(\"All\", #{ start_extension: 20000, end_extension: 24999, extension_type: \"SIP\" });\n";
    scene.env.write("provisioning.rhai", rules);
    // The directory's number wins, also over the rule's.
    let mut text = scene.env.read("job.toml");
    text = text.replace(
        "files = [\"provisioning.rhai\"]",
        "files = [\"provisioning.rhai\"]\nnumber_precedence = \"directory\"",
    );
    scene.env.write("job.toml", &text);
    for n in 0..6 {
        scene.graph.world().tenant.set(&guid(1, n), "businessPhones", json!([]));
    }
    let _ = scene.sync().success();
    let mover = guid(1, 0);
    let old = scene.linked(&mover).unwrap();
    {
        let mut world = scene.graph.world();
        world.tenant.set(&mover, "displayName", "Renamed");
        world.tenant.set(&mover, "businessPhones", json!(["30000"]));
    }
    assert_eq!(scene.sync().success().figure("update"), 1);
    scene.env.advance(DAY);
    // Two joiners: one wants the name, the other a number of the range.
    let add = |n: usize, name: &str| {
        let mut user = scene.graph.world().tenant.users[&guid(1, 1)].clone();
        user.insert("id".into(), json!(guid(1, n)));
        user.insert("displayName".into(), json!(name));
        user.insert("employeeId".into(), json!(format!("9{n}777")));
        scene.graph.world().tenant.put_user(user).unwrap();
    };
    add(60, "Person 0");
    add(61, "Newcomer");
    let run = scene.sync().exits(3);
    assert_eq!((run.figure("create"), run.figure("skipped")), (1, 1));
    assert!(
        run.changes("skip")[0]["reason"].as_str().unwrap().contains("quarantine"),
        "{:?}",
        run.changes("skip")
    );
    assert_ne!(scene.linked(&guid(1, 61)).unwrap()["extension"], old["extension"]);
    // The former owner may have both back at any time.
    scene.graph.world().tenant.remove_user(&guid(1, 60));
    scene.graph.world().tenant.set(&mover, "displayName", "Person 0");
    assert_eq!(scene.sync().success().figure("update"), 1);
    assert_eq!(scene.linked(&mover).unwrap()["name"], "Person 0");
}
