//! The examples do what their pages say.

use rollcall_tests::graph::{Config, Simulator, Tenant};
use rollcall_tests::harness::TestEnv;
use rollcall_tests::ldap::slapd::{Setup, Slapd};
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
fn the_two_directories_run() {
    let env = example("two");
    let page = env.read("README.md");
    let preview = env.run(&["preview"]).success();
    for line in page.lines().filter(|line| line.starts_with(['+', '!']) || line.starts_with("Plan for")) {
        assert!(
            preview.stdout.contains(line),
            "the page promises `{line}`, and there is\n{}",
            preview.stdout
        );
    }
    assert_eq!(env.run(&["sync", "--yes", "--json"]).success().figure("applied"), 5);
    let _ = env.run(&["explain", "job.toml", "gate:G-19"]).success().says("another directory counts before");
    assert_eq!(env.run(&["sync", "--yes", "--json"]).success().figure("unchanged"), 5);
}

#[test]
fn the_directory_group_runs() {
    let env = example("ldap");
    let _ = env.run(&["office", "init", "office.db", "--from", "office.toml"]).success();
    let page = env.read("README.md");
    let preview = env.run(&["preview"]).success();
    for line in page.lines().filter(|line| line.starts_with("+ ") || line.starts_with("Plan for")) {
        assert!(
            preview.stdout.contains(line),
            "the page promises `{line}`, and there is\n{}",
            preview.stdout
        );
    }
    runs(&env, "job.toml", 16);
    let users = users_of(&env, "office.db");
    assert!(users.iter().any(|user| user["full_name"] == "Łukasz Nowak" && user["name"] == "Lukasz Nowak"));
}

#[test]
fn the_staff_list_runs() {
    runs(&example("csv"), "job.toml", 10);
}

#[test]
fn the_export_of_an_hr_system_runs() {
    let env = example("json");
    let preview = env.run(&["preview"]).success();
    for line in
        env.read("README.md").lines().filter(|line| line.starts_with("+ ") || line.starts_with("Plan for"))
    {
        assert!(
            preview.stdout.contains(line),
            "the page promises `{line}`, and there is\n{}",
            preview.stdout
        );
    }
    let _ = env.run(&["test-connection"]).success().says("people.json: 8 keys, 4 users (JSON in utf-8)");
    let _ = env.run(&["fields"]).success().says("contact.phones");
    runs(&env, "job.toml", 4);
    let users = users_of(&env, "office.db");
    assert!(users.iter().any(|user| user["full_name"] == "Maria Lopez" && user["extension"] == "2450"));
}

#[test]
fn an_existing_synchronization_is_taken_over() {
    let env = example("takeover");
    let _ = env.run(&["office", "init", "office.db", "--from", "office.toml"]).success();
    let _ = env.run(&["check"]).success();
    let page = env.read("README.md");
    let preview = env.run(&["preview"]).exits(3);
    let promised = page.lines().filter(|line| line.starts_with(['&', '+']) || line.starts_with("Plan for"));
    for line in promised {
        assert!(
            preview.stdout.contains(line),
            "the page promises `{line}`, and there is\n{}",
            preview.stdout
        );
    }
    let before = users_of(&env, "office.db");
    let _ = env.run(&["link", "job.toml", "E1008", "2108"]).success();
    let _ = env.run(&["link", "job.toml", "E1009", "Jack Turner"]).success();
    let run = env.run(&["sync", "--yes", "--json"]).success();
    assert_eq!(
        (run.figure("create"), run.figure("adopt"), run.figure("update"), run.figure("skipped")),
        (1, 7, 2, 0)
    );
    let again = env.run(&["sync", "--yes", "--json"]).success();
    assert_eq!((again.figure("unchanged"), again.figure("applied")), (10, 0));
    let after = users_of(&env, "office.db");
    for was in &before {
        let is = after.iter().find(|user| user["guid"] == was["guid"]).unwrap();
        assert_eq!((&is["name"], &is["extension"]), (&was["name"], &was["extension"]));
    }
    let unlinked: Vec<_> =
        after.iter().filter(|user| user["links"].is_null()).map(|user| &user["name"]).collect();
    assert_eq!(unlinked, ["Maria soft", "Reception"]);
    let _ =
        env.run(&["links"]).success().says("adopted by email").says("linked by hand").says("made by the job");
    let _ = env
        .run(&["unlink", "job.toml", "E1001"])
        .success()
        .says("the next sync may take the user over again");
}

#[test]
fn the_served_staff_list_runs() {
    runs(&example("serve"), "jobs/staff.toml", 10);
}

#[test]
fn their_rules_are_tested() {
    for name in ["teams", "csv", "ldap"] {
        let job = "job.toml";
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
    let mut env = env;
    env.set("LDAP_BIND_PASSWORD", "not-asked-for");
    let _ = env.run(&["init", "directory", "--from", "ldap"]).success();
    let _ = env.run(&["check", "directory/job.toml"]).success();
}

/// Makes the recording of `examples/ldap` anew, where OpenLDAP is to be had. The schema differs between versions of it,
/// so that its lines are not compared.
#[test]
fn the_recording_of_a_directory_is_what_the_connector_asks_for() {
    let ldif = std::fs::read_to_string(repository("examples/ldap/people.ldif")).unwrap();
    let mut setup = Setup::new(ldif);
    setup.suffix = "dc=corp,dc=example".to_owned();
    let Some(server) = Slapd::start(&setup) else { return };
    let mut env = example("ldap");
    env.set("LDAP_BIND_PASSWORD", "only-for-this-example");
    env.write("ca.pem", std::fs::read(&server.certificate.authority).unwrap());
    let live = env
        .read("job.toml")
        .replace("recording = \"directory.recording\"\n", "")
        .replace("ldaps://localhost:10636", &server.ldaps())
        .replace(".slapd/ca.pem", "ca.pem");
    env.write("live.toml", live);
    let _ = env.run(&["office", "init", "office.db", "--from", "office.toml"]).success();
    let _ = env.run(&["preview", "live.toml", "--record", "new.recording"]).success();
    let (made, kept) = (env.read("new.recording"), repository("examples/ldap/directory.recording"));
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        std::fs::write(&kept, &made).unwrap();
    }
    let compared = |text: &str| -> Vec<String> {
        text.lines().filter(|line| !line.contains("attributeTypes")).map(str::to_owned).collect()
    };
    let kept = std::fs::read_to_string(kept).unwrap_or_default();
    assert_eq!(
        compared(&made),
        compared(&kept),
        "`UPDATE_EXPECT=1 cargo test recording_of_a_directory` makes it anew"
    );
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
