//! A run can be recorded, and its recording replayed through the real connector, offline and exactly.

use rollcall_tests::scene::{CANARY, Job, Scene};

use crate::env;

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
