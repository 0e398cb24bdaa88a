//! A run can be recorded, and its recording replayed through the real connector, offline and exactly.

use rollcall_tests::harness::{Output, TestEnv};
use rollcall_tests::scene::{CANARY, Job, Scene};

use crate::{env, repository};

#[test]
fn a_recording_replays_exactly_and_offline() {
    let scene = Scene::new(env(), 30);
    scene.graph.world().config.page_rows = 10;
    let live = scene.env.run(&["preview", "job.toml", "--json", "--record", "traffic.recording"]).success();
    let asked = scene.graph.world().journal.entries.len();
    scene.job(&Job { directory: "recording = \"traffic.recording\"".into(), ..Job::default() });
    let replayed = scene.preview().success();
    assert_eq!(live.stdout, replayed.stdout);
    assert_eq!(scene.graph.world().journal.entries.len(), asked, "a replay reaches for the network");
    assert_eq!(scene.sync().success().figure("applied"), 30);
    assert!(!scene.env.read("traffic.recording").contains(CANARY));
}

#[test]
fn a_recording_of_something_else_is_refused() {
    let scene = Scene::new(env(), 5);
    let _ = scene.env.run(&["preview", "job.toml", "--record", "traffic.recording"]).success();
    let job = Job { directory: "recording = \"traffic.recording\"".into(), ..Job::default() };
    scene.job(&job.clone().field("full_name", "\"companyName\""));
    let run = scene.preview();
    assert!(matches!(run.code, Some(12 | 13)), "{:?} {} {}", run.code, run.stdout, run.stderr);
    scene.env.write("traffic.recording", "no recording at all");
    scene.job(&job);
    let run = scene.preview();
    assert!(matches!(run.code, Some(12 | 13)), "{:?} {} {}", run.code, run.stdout, run.stderr);
}

#[test]
fn whoever_replays_is_told_how_to_read_the_directory_itself() {
    let env = env();
    env.copy(&repository("examples/teams"), "");
    let recording = env.read("graph.recording");
    env.write("graph.recording", recording.lines().next().unwrap());
    let hint = "hint: this job replays: take `recording` out of [directory]";
    let _ = env.run(&["preview"]).exits(12).says("E0309").says("job.toml:").says(hint);
    // A fixture is tried with a job that may have no such line.
    env.write("live.toml", env.read("job.toml").replacen("recording = \"graph.recording\"\n", "", 1));
    let tried = env.run(&["connector", "fixture", "graph.recording", "--job", "live.toml"]).exits(12);
    let _ = tried.says("E0309").says("give the job as it was when it was recorded").hides(hint);
    let tried = env.run(&["connector", "test"]).exits(1).says("failed  a reading ends well").says(hint);
    let _ = tried.says("1 rule looked at, 1 failed");
}

/// The examples that come with a recording, with the job that replays it, and values that no fixture may hold.
const EXAMPLES: [(&str, &str, &str, [&str; 3]); 6] = [
    ("teams", "graph", "job", ["diegos@contoso", "Siciliani", "RFNwdAoAAQ000001"]),
    ("teams", "group", "group", ["AlexW@contoso", "Wilber", "Alex"]),
    ("okta", "okta", "job", ["sarah.gonzalez", "Gonzalez", "Sarah"]),
    ("scim", "scim", "job", ["sarah.gonzalez", "Gonzalez", "Sarah"]),
    ("google", "google", "job", ["sarah.gonzalez", "Gonzalez", "CjMwLi9"]),
    ("ldap", "directory", "job", ["aberg", "Anna Berg", "Murphy"]),
];

fn fixture(env: &TestEnv, name: &str, job: &str, more: &[&str]) -> Output {
    let recording = format!("{name}.recording");
    env.run(&[&["connector", "fixture", &recording, "--job", job, "--json"], more].concat())
}

#[test]
fn a_fixture_reads_as_its_recording_does() {
    for (folder, name, job, hidden) in EXAMPLES {
        let env = env();
        env.copy(&repository(&format!("examples/{folder}")), "");
        let job = format!("{job}.toml");
        let shown = env.read(&format!("{name}.recording")).to_lowercase();
        for value in hidden {
            assert!(shown.contains(&value.to_lowercase()), "{folder} has no {value}");
        }
        let told = fixture(&env, name, &job, &["--out", "plain"]).success().json();
        assert!(told["replayed"]["users"].as_u64().unwrap() > 4, "{told}");
        let again = fixture(&env, name, &job, &["--pseudonyms", "--out", "once"]).success().json();
        assert_eq!(told["replayed"], again["replayed"], "{folder}");
        assert!(
            again["sought"].as_u64().unwrap() > 10 && again["replaced"].as_object().unwrap().len() > 3,
            "{again}"
        );
        let once = env.read("once").to_lowercase();
        for value in hidden {
            assert!(!once.contains(&value.to_lowercase()), "{value} stands in the fixture of {folder}");
        }
        // A key that nobody keeps gives other ones each time, a given one the same.
        env.write("key", "a key of the support\n");
        for out in ["with", "again"] {
            let _ = fixture(&env, name, &job, &["--pseudonyms", "--key", "file:key", "--out", out]).success();
        }
        assert_eq!(env.read("with"), env.read("again"));
        env.write("short", "abc\n");
        let short = fixture(&env, name, &job, &["--pseudonyms", "--key", "file:short", "--out", "none"]);
        assert!(short.code == Some(12) && short.stderr.contains("the key has 3 bytes"), "{}", short.stderr);
        assert_ne!(env.read("with"), env.read("once"));
    }
}

#[test]
fn a_key_that_stands_nowhere_is_refused_with_the_one_that_was_meant() {
    let env = env();
    env.copy(&repository("examples/teams"), "");
    for (option, key, meant) in
        [("--personal", "departmnt", "department"), ("--keep", "givenNmae", "givenName")]
    {
        let run = fixture(&env, "graph", "job.toml", &["--pseudonyms", option, key, "--out", "none"]);
        let run = run.exits(12).says(&format!("`{option} {key}`: the recording `graph.recording` has no"));
        let _ = run.says(&format!("did you mean `{meant}`?"));
        assert!(!env.path("none").exists());
    }
    let personal = ["--pseudonyms", "--personal", "department", "--out", "made"];
    let told = fixture(&env, "graph", "job.toml", &personal).success().json();
    assert!(told["replaced"]["department"].as_u64().unwrap() > 0, "{told}");
}

#[test]
fn a_fixture_is_replayed_by_a_job_beside_the_one_that_was_recorded() {
    let env = env();
    env.copy(&repository("examples/teams"), "");
    let job = env.read("job.toml");
    let line = "recording = \"graph.recording\"\n";
    let included = job.replacen("name = \"TeamsUsers\"\n", "", 1).replacen(line, "", 1);
    env.write("shared.toml", &included);
    let with = |name: &str, recording: &str| {
        let head = "name = \"TeamsUsers\"\ninclude = [\"shared.toml\"]\n";
        env.write(name, format!("{head}[directory]\nrecording = \"{recording}\"\n"));
    };
    with("live.toml", "graph.recording");
    with("fixture.toml", "graph.fixture.recording");
    let told = fixture(&env, "graph", "live.toml", &[]).success().json();
    let read = env.run(&["connector", "run", "fixture.toml"]).success();
    let _ = read.says(&format!("{} users on", told["replayed"]["users"]));
    // A key stands once: what an included file says, nobody says otherwise.
    env.write("shared.toml", job.replacen("name = \"TeamsUsers\"\n", "", 1));
    let _ =
        env.run(&["preview", "fixture.toml"]).exits(12).says("E0105").says("`directory.recording` stands in");
    // Another connector's job is told from this one's.
    env.copy(&repository("examples/okta"), "other");
    let run = fixture(&env, "graph", "other/job.toml", &["--out", "none"]).exits(64);
    let _ = run.says("was made with the connector `entra`, and the job reads with `okta`");
}

#[test]
fn a_fixture_of_a_run_holds_no_secret_and_no_name() {
    let scene = Scene::new(env(), 30);
    scene.graph.world().config.page_rows = 10;
    let _ = scene.env.run(&["preview", "job.toml", "--record", "traffic.recording"]).success();
    let told = fixture(&scene.env, "traffic", "job.toml", &["--pseudonyms"]).success().json();
    assert_eq!(
        (&told["fixture"], &told["replayed"]["users"]),
        (&"traffic.fixture.recording".into(), &30.into())
    );
    let made = scene.env.read("traffic.fixture.recording");
    for line in scene.env.read("traffic.recording").lines().skip(1) {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        let body: serde_json::Value = serde_json::from_str(line["body"].as_str().unwrap()).unwrap();
        for user in body["value"].as_array().unwrap() {
            for key in ["id", "displayName", "mail", "userPrincipalName"] {
                let value = user[key].as_str().unwrap_or("-");
                assert!(value == "-" || !made.contains(value), "{value}");
            }
        }
    }
    // What stands there already is not written over by the way.
    let again = fixture(&scene.env, "traffic", "job.toml", &["--pseudonyms"]).exits(1);
    let _ = again.says("`traffic.fixture.recording` stands there already").says("--force");
    assert_eq!(scene.env.read("traffic.fixture.recording"), made);
    let _ = fixture(&scene.env, "traffic", "job.toml", &["--pseudonyms", "--force"]).success();
    assert_ne!(scene.env.read("traffic.fixture.recording"), made);
    // Without a job nothing is replayed, and that is said.
    let plain = ["connector", "fixture", "traffic.recording", "--out", "plain"];
    let _ = scene.env.run(&plain).success().says("it was not replayed");
    let _ = scene.env.run(&[&plain[..4], &["traffic.recording"]].concat()).exits(64).says("take the place");
    // A credential of the job in a body that the recorder never saw as one.
    let recording = scene.env.read("traffic.recording");
    scene.env.write(
        "traffic.recording",
        recording.replacen("\\\"value\\\":[", &format!("\\\"x\\\":\\\"{CANARY}\\\",\\\"value\\\":["), 1),
    );
    let run = fixture(&scene.env, "traffic", "job.toml", &["--out", "none"])
        .exits(12)
        .says("a credential of the job");
    let _ = run.hides(CANARY);
    assert!(!scene.env.path("none").exists());
    // What cannot be replayed is no fixture, and leaves nothing.
    scene.env.write("traffic.recording", recording.lines().take(2).collect::<Vec<_>>().join("\n"));
    let run = fixture(&scene.env, "traffic", "job.toml", &["--pseudonyms", "--out", "none"]);
    assert!(matches!(run.code, Some(12 | 13)), "{run:?}");
    let left = std::fs::read_dir(scene.env.path("")).unwrap().map(|entry| entry.unwrap().file_name());
    assert!(left.into_iter().all(|name| !name.to_str().unwrap().contains("unproved")));
}
