//! `serve`: slots, missed ones, files that change or that others can write, health, metrics, signals and `[notify]`,
//! on a clock that runs sixty times as fast.

use std::fs::Permissions;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Duration;

use rollcall_tests::harness::TestEnv;
use rollcall_tests::scene::{self, Scene, users_of};
use rollcall_tests::service::{PATIENCE, Service};
use serde_json::Value;

use crate::connectors::partners;
use crate::env;

/// Writes a job with so many people; everything belongs to its owner alone.
fn job(env: &TestEnv, name: &str, people: usize, more: &str) {
    let rows: String =
        (0..people).map(|at| format!("P{at},{name} Person {at},person{at}@x.example\n")).collect();
    env.write(&format!("{name}.csv"), format!("id,name,email\n{rows}"));
    let text = format!(
        "name = \"{name}\"\n[directory]\nconnector = \"csv\"\n[directory.settings]\npath = \"{name}.csv\"\nid_column = \"id\"\n\
         [phone_system]\nkind = \"embedded\"\npath = \"office.db\"\n\
         [fields]\nuser_identification = \"id\"\nname = \"names::phone_name(name)\"\nemail = \"email\"\n\
         [synchronize]\nnew = true\nupdate = true\n{more}\n"
    );
    env.write(&format!("{name}.toml"), text);
    mode(&env.path(&format!("{name}.toml")), 0o600);
    mode(&env.path(""), 0o700);
}

fn mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

const EACH_MINUTE: &str = "[schedule]\ncron = \"* * * * *\"";

fn history(env: &TestEnv) -> Vec<Value> {
    env.run(&["runs", "--json", "--limit", "200"]).success().json()["runs"].as_array().unwrap().clone()
}

#[test]
fn jobs_run_on_their_schedule_and_never_beside_each_other() {
    let env = env();
    job(&env, "A", 5, EACH_MINUTE);
    job(&env, "B", 5, EACH_MINUTE);
    job(&env, "C", 1, "");
    let service = Service::start(&env, "2026-12-01T08:00:30Z+60x", &["."]);
    assert_eq!(service.get("/healthz").0, 200);
    service.until("three runs each", || service.runs("A", 0) >= 3 && service.runs("B", 0) >= 3);
    assert_eq!(service.figure("rollcall_changes_total{job=\"A\",action=\"create\"}"), 5.0);
    assert_eq!(service.figure("rollcall_directory_users{job=\"B\"}"), 5.0);
    assert_eq!(service.figure("rollcall_users_owned{job=\"B\"}"), 5.0);
    assert!(service.figure("rollcall_next_run_timestamp_seconds{job=\"A\"}") > 1_796_112_000.0);
    assert!(service.figure("rollcall_last_success_timestamp_seconds{job=\"A\"}") > 1_796_112_000.0);
    let (status, health) = service.get("/healthz");
    let health: Value = serde_json::from_str(&health).unwrap();
    assert_eq!((status, &health["healthy"]), (200, &Value::Bool(true)));
    let jobs: Vec<&str> =
        health["jobs"].as_array().unwrap().iter().map(|job| job["job"].as_str().unwrap()).collect();
    assert_eq!(jobs, ["A", "B"], "a job without a schedule only lies there");
    assert_eq!(service.get("/nothing").0, 404);
    let log = service.log();
    let (code, rest) = service.end("TERM");
    assert_eq!(code, Some(143));
    let line: Value = serde_json::from_str(rest.lines().next().unwrap()).unwrap();
    assert_eq!((&line["exit"], &line["summary"]["directory_users"]), (&0.into(), &5.into()));
    assert!(
        !log.contains("Person") && !rest.contains("Person") && !rest.contains("x.example"),
        "{log}{rest}"
    );

    let runs = history(&env);
    let mut spans: Vec<(&str, &str, &str)> = runs
        .iter()
        .map(|run| {
            (run["started"].as_str().unwrap(), run["ended"].as_str().unwrap(), run["job"].as_str().unwrap())
        })
        .collect();
    spans.sort_unstable();
    assert!(spans.windows(2).all(|pair| pair[0].1 <= pair[1].0), "two runs on one phone system: {spans:?}");
    assert_eq!(users_of(&env, "office.db").len(), 10);
}

#[test]
fn a_slot_that_was_missed_runs_once() {
    let env = env();
    job(&env, "A", 3, "[schedule]\ncron = \"0 2 * * *\"\ntimezone = \"America/New_York\"");
    let service = Service::start(&env, "2026-12-01T08:30:00Z+running", &["A.toml"]);
    assert!(service.log().contains("A: the next run is at 2026-12-02T07:00:00Z"), "{}", service.log());
    assert_eq!(service.end("INT").0, Some(130));
    assert_eq!(history(&env).len(), 0, "what lies before the first start was not missed");
    // Three days down.
    let service = Service::start(&env, "2026-12-04T12:00:00Z+running", &["A.toml"]);
    service.until("the run", || service.runs("A", 0) == 1);
    let log = service.log();
    assert!(log.contains("its slot at 2026-12-04T07:00:00Z was missed and runs now"), "{log}");
    std::thread::sleep(Duration::from_millis(700));
    assert_eq!(service.runs("A", 0), 1);
    assert_eq!(service.end("TERM").0, Some(143));
    let service = Service::start(&env, "2026-12-04T12:10:00Z+running", &["A.toml"]);
    std::thread::sleep(Duration::from_millis(700));
    assert!(service.figure("rollcall_last_success_timestamp_seconds{job=\"A\"}") > 1_796_000_000.0);
    assert_eq!(service.end("TERM").0, Some(143));
    assert_eq!(history(&env).len(), 1);
    // Another schedule is another promise: nothing of it was missed.
    job(&env, "A", 3, "[schedule]\ncron = \"0 11 * * *\"");
    let service = Service::start(&env, "2026-12-04T12:20:00Z+running", &["A.toml"]);
    assert!(service.log().contains("the next run is at 2026-12-05T11:00:00Z"), "{}", service.log());
}

#[test]
fn what_it_refuses_to_serve() {
    let env = env();
    let serve = |arguments: &[&str]| env.run(&[&["serve"], arguments].concat());
    job(&env, "A", 1, EACH_MINUTE);
    env.write("rules.rhai", "");
    mode(&env.path("rules.rhai"), 0o600);
    let _ = serve(&["A.toml"]).exits(64).says("ROLLCALL_NOW stands still");
    let mut env = env;
    env.set("ROLLCALL_NOW", "2026-12-01T08:00:00Z+running");
    let serve = |arguments: &[&str]| env.run(&[&["serve"], arguments].concat());
    for address in ["0.0.0.0:0", "[::]:0", "192.0.2.1:9464", "9464"] {
        let _ = serve(&["A.toml", "--listen", address]).exits(64);
    }
    let _ = serve(&["none.toml"]).exits(12).says("E0100");
    std::fs::create_dir(env.path("empty")).unwrap();
    let _ = serve(&["empty"]).exits(12).says("there is no job to serve");
    job(&env, "B", 1, "");
    let _ = serve(&["B.toml"]).exits(12).says("E0114").says("has no [schedule]");
    // Whoever can write one of its files decides what it does.
    mode(&env.path("A.toml"), 0o620);
    let _ = serve(&["A.toml"]).exits(12).says("E0113").says("its group can write it").says("chmod go-w");
    mode(&env.path("A.toml"), 0o602);
    let _ = serve(&["A.toml"]).exits(12).says("everybody can write it");
    mode(&env.path("A.toml"), 0o600);
    mode(&env.path(""), 0o777);
    let _ = serve(&["A.toml"]).exits(12).says("its folder").says("everybody can write it");
    job(&env, "A", 1, &format!("{EACH_MINUTE}\n[rules]\nfiles = [\"rules.rhai\"]"));
    mode(&env.path("rules.rhai"), 0o666);
    let _ = serve(&["A.toml"]).exits(12).says("rules.rhai` is code");
    mode(&env.path("rules.rhai"), 0o600);
    program(&env, "tell", "true");
    mode(&env.path("tell"), 0o777);
    job(&env, "A", 1, &format!("{EACH_MINUTE}\n[notify]\ncommand = [\"./tell\"]"));
    let _ = serve(&["A.toml"]).exits(12).says("tell` is code");
    // A component lies where the job says, also where the job is named from elsewhere.
    std::fs::create_dir(env.path("jobs")).unwrap();
    job(&env, "C", 1, EACH_MINUTE);
    env.write("jobs/C.toml", env.read("C.toml").replace("\"csv\"\n", "\"./hr.wasm\"\n"));
    env.write("jobs/hr.wasm", partners("hr", "1.0.0"));
    for (name, bits) in [("jobs", 0o700), ("jobs/C.toml", 0o600), ("jobs/hr.wasm", 0o666)] {
        mode(&env.path(name), bits);
    }
    let _ = serve(&["jobs/C.toml"]).exits(12).says("hr.wasm` is code");
    // The same file can be tried by hand: somebody looks.
    let _ = env.run(&["preview", "A.toml"]).success();
}

#[test]
fn a_file_that_changes_is_read_again_and_one_that_breaks_stops_nobody_else() {
    let env = env();
    job(&env, "A", 2, &format!("{EACH_MINUTE}\n[notify]\ncommand = [\"./tell\"]"));
    job(&env, "B", 2, EACH_MINUTE);
    program(&env, "tell", "echo \"$ROLLCALL_JOB $ROLLCALL_EVENTS $ROLLCALL_EXIT\" >> told");
    let service = Service::start(&env, "2026-12-01T08:00:30Z+60x", &["."]);
    service.until("a run", || service.runs("A", 0) >= 1 && service.runs("B", 0) >= 1);
    let good = env.read("A.toml");
    env.write("A.toml", good.replace("[synchronize]", "[synchronise]"));
    service.until("unhealthy", || service.get("/healthz").0 == 503);
    let before = (service.runs("A", 0), service.runs("B", 0));
    service.until("the other goes on", || service.runs("B", 0) >= before.1 + 2);
    assert_eq!(service.runs("A", 0), before.0);
    assert_eq!(env.read("told"), "A failed 12\n");
    assert!(service.log().contains("did you mean `synchronize`?"), "{}", service.log());
    env.write("A.toml", &good);
    service.until("it runs again", || service.runs("A", 0) > before.0);
    assert_eq!(service.get("/healthz").0, 200);
    service.until("told", || env.read("told") == "A failed 12\nA recovered 0\n");
    // Others may write it by now: its next run does not begin.
    mode(&env.path("A.toml"), 0o666);
    service.until("refused", || service.get("/healthz").0 == 503);
    service.until("told", || env.read("told").ends_with("A failed 12\n"));
    mode(&env.path("A.toml"), 0o600);
    service.until("healthy", || service.get("/healthz").0 == 200);
    // A new job is found when it is asked for.
    job(&env, "C", 1, EACH_MINUTE);
    service.signal("HUP");
    service.until("the new one", || service.runs("C", 0) >= 1);
    std::fs::remove_file(env.path("C.toml")).unwrap();
    service.signal("HUP");
    service.until("it is gone", || !service.get("/healthz").1.contains("\"C\""));
    assert_eq!(service.end("TERM").0, Some(143));
}

#[test]
fn a_connector_that_is_revoked_is_served_no_more() {
    let env = env();
    job(&env, "A", 2, EACH_MINUTE);
    env.write("A.toml", env.read("A.toml").replace("\"csv\"\n", "\"hr\"\n"));
    env.write("hr.wasm", partners("hr", "1.0.0"));
    let _ = env.run(&["connector", "pack", "hr.wasm"]).success();
    let install = ["connector", "install", "hr-1.0.0.rollcall", "--yes", "--allow-unsigned", "--json"];
    let told = env.run(&install).success().json();
    let service = Service::start(&env, "2026-12-01T08:00:30Z+60x", &["A.toml"]);
    service.until("a run", || service.runs("A", 0) >= 1);
    let _ = env.run(&["connector", "trust", "revoke", told["sha256"].as_str().unwrap()]).success();
    service.until("refused", || service.get("/healthz").0 == 503);
    assert!(service.log().contains("is revoked"), "{}", service.log());
    let before = service.runs("A", 0);
    // What takes its place is served without a word to this one.
    env.write("hr.wasm", partners("hr", "1.0.1"));
    let _ = env.run(&["connector", "pack", "hr.wasm"]).success();
    let _ = env.run(&["connector", "install", "hr-1.0.1.rollcall", "--yes", "--allow-unsigned"]).success();
    service.until("served again", || service.runs("A", 0) > before);
}

/// Writes a program that does something with what it is told.
fn program(env: &TestEnv, name: &str, does: &str) {
    let path = env.write(name, format!("#!/bin/sh\ncd \"$(dirname \"$0\")\"\n{does}\n"));
    mode(&path, 0o700);
}

#[test]
fn the_same_trouble_is_told_once() {
    let env = env();
    let tell = "[notify]\non = [\"failed\", \"skipped\", \"changed\", \"expiring\"]\ncommand = [\"./tell\"]";
    job(&env, "A", 2, &format!("{EACH_MINUTE}\n{tell}"));
    program(&env, "tell", "cat > \"told-$(ls told-* 2>/dev/null | wc -l)\"");
    let told = |at: usize| -> Value { serde_json::from_str(&env.read(&format!("told-{at}"))).unwrap() };
    let there = |at: usize| {
        std::fs::read(env.path(&format!("told-{at}")))
            .is_ok_and(|text| serde_json::from_slice::<Value>(&text).is_ok())
    };
    std::fs::rename(env.path("A.csv"), env.path("away.csv")).unwrap();
    let service = Service::start(&env, "2026-12-01T08:00:30Z+60x", &["A.toml"]);
    let failed = |service: &Service| [1, 12, 13].iter().map(|exit| service.runs("A", *exit)).sum::<u32>();
    service.until("three failures", || failed(&service) >= 3);
    assert_eq!(service.get("/healthz").0, 503);
    assert!(there(0) && !there(1), "{}", service.log());
    assert_eq!(told(0)["events"], serde_json::json!(["failed"]));
    assert_eq!((&told(0)["job"], &told(0)["schema_version"]), (&"A".into(), &1.into()));
    assert!(!told(0)["diagnostics"].as_array().unwrap().is_empty());
    std::fs::rename(env.path("away.csv"), env.path("A.csv")).unwrap();
    service.until("recovered", || there(1));
    assert_eq!(told(1)["events"], serde_json::json!(["recovered", "changed"]));
    assert_eq!(told(1)["summary"]["applied"], 2);
    assert_eq!(told(1)["changes"][0]["user_identification"], "P0");
    // A user with a name that cannot be: skipped, told once, however often it is seen.
    let people = env.read("A.csv");
    env.write("new.csv", format!("{people}P9,,nobody@x.example\n"));
    std::fs::rename(env.path("new.csv"), env.path("A.csv")).unwrap();
    service.until("skipped", || service.runs("A", 3) >= 3);
    assert_eq!(told(2)["events"], serde_json::json!(["skipped"]));
    assert!(!there(3), "{}", env.read("told-3"));
    assert_eq!(service.end("TERM").0, Some(143));
}

#[test]
fn a_job_that_was_undone_waits_for_a_sync_by_hand() {
    let mut env = env();
    job(&env, "A", 3, &format!("{EACH_MINUTE}\n[guard]\nmax_delete = \"100%\""));
    let service = Service::start(&env, "2026-12-01T08:00:30Z+60x", &["A.toml"]);
    service.until("a run", || service.runs("A", 0) >= 1);
    env.set("ROLLCALL_NOW", "2026-12-01T10:00:00Z");
    let run = history(&env).last().unwrap()["run"].as_str().unwrap().to_owned();
    let _ = env.run(&["undo", &run, "--yes"]).success();
    assert_eq!(users_of(&env, "office.db").len(), 0);
    let held = || service.log().matches("the job `A` is held").count();
    service.until("held", || held() == 1);
    let before = service.runs("A", 0);
    std::thread::sleep(Duration::from_millis(2500));
    assert_eq!((service.runs("A", 0), held()), (before, 1), "{}", service.log());
    assert_eq!(service.figure("rollcall_job_held{job=\"A\"}"), 1.0);
    assert_eq!(users_of(&env, "office.db").len(), 0);
    let _ = env.run(&["sync", "A.toml", "--yes"]).success();
    service.until("it goes on", || service.runs("A", 0) > before);
    assert_eq!(service.figure("rollcall_job_held{job=\"A\"}"), 0.0);
    assert_eq!(users_of(&env, "office.db").len(), 3);
    assert_eq!(service.end("TERM").0, Some(143));
}

#[test]
fn a_sync_that_another_scheduler_starts_tells_too() {
    let env = env();
    job(&env, "A", 2, "[notify]\ncommand = [\"./tell\"]");
    program(&env, "tell", "echo \"$ROLLCALL_EVENTS $ROLLCALL_EXIT\" >> told");
    let sync = || env.run(&["sync", "A.toml", "--yes"]);
    let _ = sync().success();
    std::fs::rename(env.path("A.csv"), env.path("away.csv")).unwrap();
    let code = sync().code.unwrap();
    let _ = sync().exits(code);
    std::fs::rename(env.path("away.csv"), env.path("A.csv")).unwrap();
    let _ = sync().success();
    let _ = sync().success();
    assert_eq!(env.read("told"), format!("failed {code}\nrecovered 0\n"));
    // What cannot be told fails no sync.
    std::fs::remove_file(env.path("tell")).unwrap();
    env.write("A.csv", "id,name,email\nP0,,x\nP1,A Person 1,y\n");
    let _ = sync().exits(3).says("E0904").says("cannot be run");
}

#[test]
fn a_webhook_gets_no_names() {
    let env = env();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/hook/very-secret", listener.local_addr().unwrap());
    let (tell, told) = std::sync::mpsc::channel::<Value>();
    std::thread::spawn(move || {
        for (at, stream) in listener.incoming().enumerate() {
            let mut stream = stream.unwrap();
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let (mut length, mut line) = (0, String::new());
            while reader.read_line(&mut line).unwrap() > 2 {
                if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
                    length = value.trim().parse().unwrap();
                }
                line.clear();
            }
            let mut body = vec![0; length];
            reader.read_exact(&mut body).unwrap();
            // The first time it is out of order.
            let status = if at == 0 { "500 No" } else { "200 OK" };
            write!(stream, "HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").unwrap();
            let _ = tell.send(serde_json::from_slice(&body).unwrap());
        }
    });
    job(
        &env,
        "A",
        2,
        &format!(
            "{EACH_MINUTE}\n[notify]\non = [\"changed\", \"skipped\", \"expiring\"]\nwebhook = \"{url}\""
        ),
    );
    let people = env.read("A.csv");
    env.write("A.csv", format!("{people}P9,,nobody@x.example\n"));
    let service = Service::start(&env, "2026-12-01T08:00:30Z+60x", &["A.toml"]);
    let first = told.recv_timeout(PATIENCE).unwrap();
    let second = told.recv_timeout(PATIENCE).unwrap();
    assert_eq!(first["events"], serde_json::json!(["skipped", "changed"]));
    // Nobody heard of the skipped user, so it is told again; what was changed then is history.
    assert_eq!(second["events"], serde_json::json!(["skipped"]));
    for document in [&first, &second] {
        let text = document.to_string();
        assert!(!text.contains("Person") && !text.contains("x.example") && !text.contains("P9"), "{text}");
    }
    let skip = first["changes"].as_array().unwrap().iter().find(|change| change["action"] == "skip").unwrap();
    assert_eq!(skip["user_identification"].as_str().unwrap().len(), 32);
    assert_eq!(first["summary"]["applied"], 2);
    let log = service.log();
    assert!(log.contains("E0904") && log.contains("answered 500") && !log.contains("very-secret"), "{log}");
    assert_eq!(service.end("TERM").0, Some(143));
}

#[test]
fn a_credential_that_expires_is_warned_of_everywhere() {
    let scene = Scene::new(env(), 2);
    let expires = |day: &str| {
        let more = format!("{EACH_MINUTE}\n[notify]\ncommand = [\"./tell\"]\n");
        let text = scene::Job::default().with(&more).text(&scene.graph.url());
        let dated = format!("\"CLIENT_SECRET\", expires = \"{day}\"");
        scene.env.write("job.toml", text.replace("\"CLIENT_SECRET\"", &dated));
        mode(&scene.env.path("job.toml"), 0o600);
    };
    let says = "the credential `client_secret` expires on 2026-12-10";
    expires("2026-12-24");
    let _ = scene.env.run(&["check"]).success().hides("expires on");
    expires("2026-12-10");
    let _ = scene.env.run(&["check"]).success().says(says).says("E0111");
    let _ = scene.env.run(&["test-connection"]).success().says(says);
    assert!(scene.preview().success().says(says).codes().contains(&"E0111".to_owned()));
    program(&scene.env, "tell", "echo \"$ROLLCALL_EVENTS\" >> told");
    mode(&scene.env.path(""), 0o700);
    mode(&scene.env.path("provisioning.rhai"), 0o600);
    // The simulator lives in November too, so that its tokens are good.
    let service = Service::start(&scene.env, "2026-11-23T09:00:30Z+60x", &["job.toml"]);
    service.until("three runs", || service.runs("TeamsUsers", 0) >= 3);
    assert_eq!(scene.env.read("told"), "expiring\n", "{}", service.log());
    assert_eq!(service.end("TERM").0, Some(143));
    // The day in the file is past: the file is wrong, or the credential is; a sync finds out which.
    expires("2026-11-01");
    let _ = scene.env.run(&["check"]).exits(12).says("E0112").says("expired on 2026-11-01");
    let _ = scene.sync().success().says("expired on 2026-11-01");
}

#[test]
fn a_signal_in_the_middle_of_a_run_leaves_nothing_half_done() {
    let env = env();
    job(&env, "A", 1500, "[schedule]\ncron = \"0 * * * *\"");
    let service = Service::start(&env, "2026-12-01T08:59:59Z+running", &["A.toml"]);
    service.until("it runs", || service.figure("rollcall_job_running{job=\"A\"}") == 1.0);
    service.until("it writes", || {
        std::fs::metadata(env.path("office.db-wal")).is_ok_and(|meta| meta.len() > 400_000)
    });
    assert_eq!(service.end("TERM").0, Some(143));
    let done = users_of(&env, "office.db").len();
    assert!((1..1500).contains(&done), "{done} users: it was to be stopped in the middle");
    assert_eq!(history(&env)[0]["exit"], 143);
    // The slot was begun and not ended, so it is run once more.
    let service = Service::start(&env, "2026-12-01T09:20:00Z+running", &["A.toml"]);
    service.until("the rest", || service.runs("A", 0) == 1);
    assert_eq!(service.end("TERM").0, Some(143));
    let users = users_of(&env, "office.db");
    assert_eq!(users.len(), 1500);
    assert!(users.iter().all(|user| user["links"]["job"] == "A"));
}
