//! The examples do what their pages say.

use crate::{env, repository};
use rollcall_tests::harness::TestEnv;
use rollcall_tests::scene::users_of;

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
