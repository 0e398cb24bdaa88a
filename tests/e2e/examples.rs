//! The examples do what their pages say.

use rollcall_tests::graph::{Config, Simulator, Tenant};
use rollcall_tests::harness::TestEnv;
use rollcall_tests::scene::users_of;

use crate::{env, repository};

fn example(name: &str) -> TestEnv {
    let env = env();
    env.copy(&repository("examples").join(name), "");
    env
}

/// Previews, syncs, and syncs again a job of which nothing should be skipped.
fn runs(env: &TestEnv, job: &str, users: u64) {
    let _ = env.run(&["check", job]).success();
    let preview = env.run(&["preview", job, "--json"]).success();
    assert_eq!(preview.figure("create"), users);
    let run = env.run(&["sync", job, "--yes", "--json"]).success();
    assert_eq!((run.figure("create"), run.figure("applied")), (users, users));
    let again = env.run(&["sync", job, "--yes", "--json"]).success();
    assert_eq!((again.figure("unchanged"), again.figure("applied"), again.figure("update")), (users, 0, 0));
}

#[test]
fn the_teams_tenant_runs() {
    let env = example("teams");
    let _ = env.run(&["office", "init", "office.db", "--from", "office.toml"]).success();
    runs(&env, "job.toml", 27);
    let users = users_of(&env, "office.db");
    assert!(users.iter().any(|user| user["name"] == "Reception" && user["links"].is_null()));
    let user = users.iter().find(|user| user["full_name"] == "Pradeep Gupta").unwrap();
    assert_eq!(user["extension"], "4202");
    let _ = env.run(&["explain", "job.toml", "Miriam Graham"]).success().says("London sales");
}

#[test]
fn the_sales_group_runs() {
    let env = example("teams");
    let _ = env.run(&["office", "init", "sales.db", "--from", "office.toml"]).success();
    runs(&env, "group.toml", 5);
}

#[test]
fn the_staff_list_runs() {
    runs(&example("csv"), "job.toml", 10);
}

#[test]
fn their_rules_are_tested() {
    for (name, job) in [("teams", "job.toml"), ("csv", "job.toml")] {
        let _ = example(name).run(&["rules", "test", job]).success();
    }
}

#[test]
fn a_new_job_runs_as_it_stands() {
    let env = env();
    let _ = env.run(&["init", "trial"]).success();
    let _ = env.run(&["check", "trial/job.toml"]).success();
    runs(&env, "trial/job.toml", 10);
    let _ = env.run(&["init", "other", "--from", "entra"]).success();
    assert!(env.read("other/job.toml").contains("tenant_id"));
}

/// Makes the recordings of `examples/teams` anew and compares them with those that are kept.
///
/// `UPDATE_EXPECT=1` keeps the new ones, which is the way to take over a change of the connector or of `directory.json`.
#[test]
fn the_recordings_are_what_the_connector_asks_for() {
    let mut env = example("teams");
    let text = env.read("directory.json");
    let config = Config { page_rows: 12, ..Config::default() };
    env.set("ENTRA_CLIENT_SECRET", config.client_secret.clone());
    let graph = Simulator::start(config, Tenant::from_json(&text).unwrap()).unwrap();
    let mut stale = Vec::new();
    for (job, recording) in [("job.toml", "graph.recording"), ("group.toml", "group.recording")] {
        let urls = format!("[directory.settings]\nlogin_url = \"{0}\"\ngraph_url = \"{0}\"", graph.url());
        let live = env
            .read(job)
            .replace(&format!("recording = \"{recording}\"\n"), "")
            .replace("[directory.settings]", &urls)
            .replace("path = \"", "path = \"live-");
        env.write("live.toml", live);
        for office in ["live-office.db", "live-sales.db"] {
            if !env.path(office).exists() {
                let _ = env.run(&["office", "init", office, "--from", "office.toml"]).success();
            }
        }
        let _ = env.run(&["preview", "live.toml", "--record", "new.recording"]).success();
        // What was asked of the simulator is what would have been asked of Microsoft.
        let made = env.read("new.recording").replace(&graph.url(), "https://graph.microsoft.com");
        let kept = repository("examples/teams").join(recording);
        if std::env::var_os("UPDATE_EXPECT").is_some() {
            std::fs::write(&kept, &made).unwrap();
        }
        if std::fs::read_to_string(&kept).ok().as_deref() != Some(&*made) {
            stale.push(recording);
        }
    }
    assert!(stale.is_empty(), "{stale:?} are stale; `UPDATE_EXPECT=1 cargo test recordings` makes them anew");
}
