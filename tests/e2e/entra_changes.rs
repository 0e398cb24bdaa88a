//! A job that reads an Entra tenant once and then what has changed in it, through the real program.

use std::time::Duration;

use rollcall_tests::graph::{Command, Fault, FaultRule, Simulator, guid, people};
use rollcall_tests::scene::{Job, Scene};
use serde_json::{Value, json};

use crate::env;
use crate::state_files::in_file;

const HOUR: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const PEOPLE: usize = 30;
/// The requests of a reading of everything: for the point to go on from, and the pages of people.
const FULL: Asked = Asked { delta: 1, pages: 3, by_id: 0 };
/// The requests of a run with nothing new.
const NOTHING: Asked = Asked { delta: 1, pages: 0, by_id: 0 };
/// The same with up to fifteen who may be in scope.
const SOMETHING: Asked = Asked { by_id: 1, ..NOTHING };

/// How often Graph was asked for what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Asked {
    delta: usize,
    pages: usize,
    by_id: usize,
}

/// Gives what was asked since the last time.
fn asked(scene: &Scene) -> Asked {
    let entries = std::mem::take(&mut scene.graph.world().journal.entries);
    let count = |path: &str, by_id: bool| {
        entries.iter().filter(|entry| entry.path == path && entry.query.contains("id%20in") == by_id).count()
    };
    Asked {
        delta: count("/v1.0/users/delta", false),
        pages: count("/v1.0/users", false),
        by_id: count("/v1.0/users", true),
    }
}

/// A scene whose job has further lines, and has run once.
fn synced(job: &Job) -> Scene {
    let scene = Scene::new(env(), PEOPLE);
    scene.graph.world().config.page_rows = 10;
    // Somebody whose group can be seen.
    scene.graph.world().tenant.set(&guid(1, 2), "department", "Sales");
    scene.job(job);
    assert_eq!(scene.sync().success().figure("create"), PEOPLE as u64);
    scene
}

fn rename(scene: &Scene, n: usize, name: &str) {
    scene.graph.world().tenant.set(&guid(1, n), "displayName", name);
}

fn fault(path: &str, page: usize, fault: Fault) -> FaultRule {
    FaultRule { path: path.to_owned(), page: Some(page), times: None, fault }
}

#[test]
fn nothing_new_takes_one_request_and_no_plan() {
    let mut scene = synced(&Job::default());
    assert_eq!(asked(&scene), FULL);
    scene.wait(HOUR);
    let again = scene.sync().success();
    assert_eq!((again.figure("unchanged"), asked(&scene)), (PEOPLE as u64, NOTHING));
    // A plan would see that these records are not what the phone system has.
    let mirrors = std::fs::read_dir(scene.env.state().join("mirrors")).unwrap();
    let mirrors: Vec<_> = mirrors.map(|entry| entry.unwrap().path()).collect();
    let mirror = mirrors.iter().find(|path| path.extension().is_some_and(|ending| ending == "db")).unwrap();
    let spoil = "UPDATE record SET cells = replace(cells, '@contoso.example', '@spoilt.example'), digest = randomblob(16)";
    in_file(mirror, spoil);
    scene.wait(HOUR);
    let again = scene.sync().success();
    assert_eq!((again.figure("unchanged"), again.figure("applied")), (PEOPLE as u64, 0));
    assert_eq!(asked(&scene), NOTHING);
    // What the job does not refer to is no change either.
    scene.graph.world().tenant.set(&guid(1, 1), "faxNumber", "+44 1632 960001");
    assert_eq!(scene.sync().success().figure("applied"), 0);
    assert_eq!(asked(&scene), NOTHING);
    rename(&scene, 1, "Wilhelmina Zed");
    assert_eq!(scene.preview().success().figure("update"), PEOPLE as u64);
}

#[test]
fn every_change_does_what_it_does_in_a_reading_of_everything() {
    // Whether a changed user comes whole or in part: the documents say both.
    for whole in [true, false] {
        let mut scene = synced(&Job::default());
        scene.graph.world().config.delta_rows_whole = whole;
        assert_eq!(asked(&scene), FULL);
        let mut sync = |change: &dyn Fn(&mut rollcall_tests::graph::World), expect: (Asked, [u64; 3])| {
            scene.wait(HOUR);
            change(&mut scene.graph.world());
            let run = scene.sync().success();
            let figures = ["create", "update", "pending_delete"].map(|name| run.figure(name));
            assert_eq!((asked(&scene), figures), expect, "{whole} {}", run.stdout);
        };
        let set = |n: usize, key: &'static str, value: Value| {
            move |world: &mut rollcall_tests::graph::World| world.tenant.set(&guid(1, n), key, value.clone())
        };
        // A new name, and a department that was taken away.
        sync(&set(1, "displayName", json!("Wilhelmina Zed")), (SOMETHING, [0, 1, 0]));
        sync(&set(2, "department", Value::Null), (SOMETHING, [0, 1, 0]));
        // Disabled and enabled, deleted and restored, a guest and a member again.
        sync(&set(3, "accountEnabled", json!(false)), (NOTHING, [0, 0, 1]));
        sync(&set(3, "accountEnabled", json!(true)), (SOMETHING, [0, 0, 0]));
        sync(&|world| world.tenant.remove_user(&guid(1, 4)), (NOTHING, [0, 0, 1]));
        sync(&|world| world.tenant.restore_user(&guid(1, 4)).unwrap(), (SOMETHING, [0, 0, 0]));
        sync(&set(5, "userType", json!("Guest")), (NOTHING, [0, 0, 1]));
        sync(&set(5, "userType", json!("Member")), (SOMETHING, [0, 0, 0]));
        sync(&|world| world.tenant.purge_user(&guid(1, 6)), (NOTHING, [0, 0, 1]));
        // Who joins; who joins and is a guest; who was disabled from the beginning.
        let join = |n: usize, key: &'static str, value: Value| {
            move |world: &mut rollcall_tests::graph::World| {
                let mut user = people(n + 1).users.remove(&guid(1, n)).unwrap();
                user.insert(key.to_owned(), value.clone());
                world.tenant.put_user(user).unwrap();
            }
        };
        sync(&join(30, "city", json!("Leeds")), (SOMETHING, [1, 0, 1]));
        sync(&join(31, "userType", json!("Guest")), (NOTHING, [0, 0, 1]));
        sync(&join(32, "accountEnabled", json!(false)), (NOTHING, [0, 0, 1]));
        // Of whom nothing was known but that he is not wanted: all his attributes come with him.
        sync(&set(32, "accountEnabled", json!(true)), (SOMETHING, [1, 0, 1]));
        // A day after the first reading everything is read again, and agrees.
        sync(&|_| {}, (NOTHING, [0, 0, 1]));
        scene.wait(DAY);
        let run = scene.sync().success();
        assert_eq!((asked(&scene).pages, run.figure("applied"), run.figure("pending_delete")), (4, 0, 1));
        assert_eq!(scene.linked(&guid(1, 1)).unwrap()["full_name"], "Wilhelmina Zed");
        assert_eq!(scene.linked(&guid(1, 2)).unwrap()["groups"], json!([]));
        let joiner = scene.linked(&guid(1, 32)).unwrap();
        let person = people(33).users.remove(&guid(1, 32)).unwrap();
        assert_eq!((&joiner["full_name"], &joiner["email"]), (&person["displayName"], &person["mail"]));
    }
}

#[test]
fn what_changes_while_everything_is_read_is_seen_next_time() {
    let scene = Scene::new(env(), PEOPLE);
    let (first, second) = {
        let mut world = scene.graph.world();
        world.config.page_rows = 10;
        let mut ids = world.tenant.users.keys().cloned();
        let (first, second) = (ids.next().unwrap(), ids.next().unwrap());
        // Both stand on the first page, which has been read when the second is asked for.
        let values = json!({"displayName": "Wilhelmina Zed"}).as_object().unwrap().clone();
        let renamed = Command::Patch { id: first.clone(), values };
        let left = Command::RemoveUser { id: second.clone() };
        for (page, command) in [(2, renamed), (3, left)] {
            let meanwhile = Fault::Meanwhile { command: Box::new(command) };
            world.faults.push(FaultRule { times: Some(1), ..fault("/users", page, meanwhile) });
        }
        (first, second)
    };
    assert_eq!(scene.sync().success().figure("create"), PEOPLE as u64);
    assert_ne!(scene.linked(&first).unwrap()["full_name"], "Wilhelmina Zed");
    assert_eq!(asked(&scene), FULL);
    let run = scene.sync().success();
    assert_eq!((run.figure("update"), run.figure("pending_delete")), (1, 1));
    assert_eq!(asked(&scene), SOMETHING);
    assert_eq!(scene.linked(&first).unwrap()["full_name"], "Wilhelmina Zed");
    assert!(scene.linked(&second).is_some());
}

#[test]
fn a_link_that_has_grown_old_is_a_reading_of_everything_in_the_same_run() {
    let mut scene = synced(&Job { directory: "full_every = \"30d\"".into(), ..Job::default() });
    let _ = asked(&scene);
    scene.wait(6 * DAY);
    let _ = scene.sync().success();
    assert_eq!(asked(&scene), NOTHING);
    scene.wait(8 * DAY);
    rename(&scene, 1, "Wilhelmina Zed");
    scene.graph.world().tenant.purge_user(&guid(1, 2));
    let run = scene.sync().success();
    assert_eq!((run.figure("update"), run.figure("pending_delete")), (1, 1));
    assert_eq!(scene.graph.world().journal.with_status(410), 1);
    assert_eq!(asked(&scene), Asked { delta: 2, ..FULL });
    let _ = scene.sync().success();
    assert_eq!(asked(&scene), NOTHING);
}

#[test]
fn a_round_that_breaks_is_begun_again_by_the_next_run() {
    let job = Job::default().with("[directory.limits]\ncall_wall_seconds = 2\n");
    let mut scene = synced(&job);
    let before = scene.users();
    scene.wait(HOUR);
    for n in 0..25 {
        scene.graph.world().tenant.set(&guid(1, n), "mail", format!("new{n}@contoso.example"));
    }
    scene.graph.world().tenant.purge_user(&guid(1, 29));
    let _ = asked(&scene);
    let mut first_links = Vec::new();
    let busy = Fault::Status { status: 503, code: "ServiceUnavailable".into(), retry_after: Some(3600) };
    for trouble in [Fault::NoValue, Fault::Html, busy, Fault::Reset] {
        let told = format!("{trouble:?}");
        scene.graph.world().faults.push(fault("/users/delta", 2, trouble));
        let run = scene.sync();
        assert_eq!(run.code, Some(13), "{told}: {} {}", run.stdout, run.stderr);
        scene.graph.world().faults.clear();
        let entries = std::mem::take(&mut scene.graph.world().journal.entries);
        first_links.extend(entries.iter().find(|entry| !entry.is_token()).map(|entry| entry.query.clone()));
        assert!(entries.iter().all(|entry| entry.path != "/v1.0/users"), "{told}");
    }
    assert_eq!(scene.users(), before);
    let run = scene.sync().success();
    assert_eq!((run.figure("update"), run.figure("pending_delete")), (25, 1));
    let link =
        scene.graph.world().journal.entries.iter().find(|entry| !entry.is_token()).unwrap().query.clone();
    assert_eq!(first_links, vec![link; 4]);
    // Fifteen and ten users, on pages of ten.
    assert_eq!(asked(&scene), Asked { delta: 3, pages: 0, by_id: 3 });
}

#[test]
fn many_changes_are_asked_for_by_fifteen_and_too_many_are_read_with_everybody() {
    let mut scene = Scene::new(env(), 1700);
    let preview = |scene: &Scene| {
        let run = scene.preview();
        (run.figure("directory_users"), asked(scene))
    };
    assert_eq!(preview(&scene), (1700, Asked { delta: 1, pages: 2, by_id: 0 }));
    let change = |scene: &Scene, count: usize, number: &str| {
        for n in 0..count {
            scene.graph.world().tenant.set(&guid(1, n), "mobilePhone", number);
        }
    };
    scene.wait(HOUR);
    change(&scene, 1500, "+44 7700 900001");
    assert_eq!(preview(&scene), (1700, Asked { delta: 8, pages: 0, by_id: 100 }));
    scene.wait(HOUR);
    change(&scene, 1501, "+44 7700 900002");
    assert_eq!(preview(&scene), (1700, Asked { delta: 9, pages: 2, by_id: 0 }));
    assert_eq!(preview(&scene), (1700, NOTHING));
}

#[test]
fn where_there_is_no_delta_query_everything_is_read_each_time() {
    let mut scene = Scene::new(env(), PEOPLE);
    scene.graph.world().config.page_rows = 10;
    scene.graph.world().config.delta = false;
    assert_eq!(scene.sync().success().figure("create"), PEOPLE as u64);
    assert_eq!(asked(&scene), FULL);
    scene.wait(HOUR);
    scene.graph.world().tenant.remove_user(&guid(1, 2));
    let run = scene.env.run(&["sync", "job.toml", "--yes", "--json", "-v"]).success();
    assert_eq!((run.figure("pending_delete"), asked(&scene)), (1, FULL));
    let _ = run.says("Change tracking is not supported in this tenant");
    assert_eq!(scene.sync().success().hides("Change tracking").figure("pending_delete"), 1);
}

#[test]
fn groups_and_filters_are_read_whole() {
    let mut scene = Scene::new(env(), PEOPLE);
    let group = guid(3, 0);
    let settings = format!("scope = \"group\"\ngroup_id = \"{group}\"\ntransitive = true");
    scene.job(&Job::default().settings(&settings));
    for _ in 0..2 {
        let _ = scene.sync().success();
        assert_eq!(scene.graph.world().journal.count("transitiveMembers"), 1);
        assert_eq!(asked(&scene), Asked { delta: 0, pages: 0, by_id: 0 });
        scene.wait(HOUR);
    }
    scene.job(&Job::default().settings("scope = \"tenant\"\nfilter = \"department ne 'Sales'\""));
    for _ in 0..2 {
        let _ = scene.sync();
        assert_eq!(asked(&scene), Asked { delta: 0, pages: 1, by_id: 0 });
        scene.wait(HOUR);
    }
}

#[test]
fn everything_is_read_as_often_as_the_job_says() {
    let mut scene = synced(&Job { directory: "full_every = \"2h\"".into(), ..Job::default() });
    assert_eq!(asked(&scene), FULL);
    for expect in [NOTHING, FULL, NOTHING, FULL] {
        scene.wait(HOUR);
        let _ = scene.sync().success();
        assert_eq!(asked(&scene), expect);
    }
    // Other attributes are another reading.
    scene.job(&Job::default().field("email", "\"userPrincipalName\""));
    let _ = scene.sync().success();
    assert_eq!(asked(&scene), FULL);
}

#[test]
fn the_bearer_follows_no_link_to_another_host() {
    let scene = synced(&Job::default());
    let thief = Simulator::start(Default::default(), Default::default()).unwrap();
    let link = || Fault::ForeignLink { origin: thief.url() };
    rename(&scene, 1, "Wilhelmina Zed");
    scene.graph.world().faults.push(fault("/users/delta", 1, link()));
    let _ = scene.sync().exits(13).says("lies outside");
    scene.graph.world().faults.clear();
    assert_eq!(scene.sync().success().figure("update"), 1);
    // The point to go on from: without it, everything is read next time.
    let other = Scene::new(env(), 5);
    other.graph.world().faults.push(fault("/users/delta", 0, link()));
    for _ in 0..2 {
        let _ = other.sync().success();
        assert_eq!(asked(&other), Asked { pages: 1, ..FULL });
    }
    assert_eq!(thief.world().journal.entries.len(), 0);
}
