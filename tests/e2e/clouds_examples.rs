//! The examples of Okta, Google and SCIM do what their pages say, and their recordings are what the connectors ask for.

use rollcall_tests::harness::TestEnv;
use rollcall_tests::{google, okta, scim};
use serde_json::json;

use crate::{env, repository};

/// How many people there are in each; the fifth has an extension, and the sixth is disabled.
const PEOPLE: usize = 18;
const CREATED: u64 = 17;

fn example(name: &str) -> TestEnv {
    let env = env();
    env.copy(&repository("examples").join(name), "");
    env
}

/// Checks, previews, syncs, and syncs again; the page shows what the preview prints.
fn runs(name: &str) {
    let env = example(name);
    let _ = env.run(&["check"]).success();
    let page = env.read("README.md");
    let preview = env.run(&["preview"]).success();
    let promised: Vec<&str> =
        page.lines().filter(|line| line.starts_with("+ ") || line.starts_with("Plan for")).collect();
    assert!(promised.len() > 2, "the page of `{name}` shows nothing");
    for line in promised.iter().filter(|line| !line.contains("no change")) {
        assert!(
            preview.stdout.contains(line),
            "the page promises `{line}`, and there is\n{}",
            preview.stdout
        );
    }
    let run = env.run(&["sync", "--yes", "--json"]).success();
    assert_eq!((run.figure("create"), run.figure("applied")), (CREATED, CREATED));
    let again = env.run(&["sync", "--yes"]).success();
    let end = promised.iter().find(|line| line.contains("no change")).unwrap();
    assert!(again.stdout.contains(end), "{}", again.stdout);
}

#[test]
fn the_okta_organisation_runs() {
    runs("okta");
}

#[test]
fn the_google_account_runs() {
    runs("google");
}

#[test]
fn the_scim_service_runs() {
    runs("scim");
}

/// Makes a recording anew and compares it with the one that is kept.
///
/// `UPDATE_EXPECT=1` keeps the new one, which is the way to take over a change of the connector or of the people.
fn recorded(name: &str, env: &TestEnv, from: &str, url: &str, settings: &str) {
    let job = env
        .read("job.toml")
        .replace(&format!("recording = \"{name}.recording\"\n"), "")
        .replace(from, url)
        .replace("[directory.settings]", &format!("[directory.settings]\n{settings}"));
    env.write("live.toml", job);
    let _ = env.run(&["preview", "live.toml", "--record", "new.recording"]).success();
    // What was asked of the simulator is what would have been asked of the service.
    let made = env.read("new.recording").replace(url, from);
    let kept = repository("examples").join(name).join(format!("{name}.recording"));
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        std::fs::write(&kept, &made).unwrap();
    }
    let same = std::fs::read_to_string(&kept).ok().as_deref() == Some(&*made);
    assert!(same, "`{name}.recording` is stale; `UPDATE_EXPECT=1 cargo test recordings` makes it anew");
}

#[test]
fn the_recordings_of_okta_are_what_it_is_asked_for() {
    let mut env = example("okta");
    let config = okta::Config { page_rows: 10, ..okta::Config::default() };
    env.set("OKTA_API_TOKEN", config.api_token.clone());
    let organisation = okta::people(PEOPLE, env.now_ms() - 90_000_000);
    let mut world = okta::World::new(config, organisation, env.now_ms());
    world.set(&okta::id(4), "primaryPhone", "+49 30 23125104 x4104");
    world.set_status(&okta::id(5), "SUSPENDED");
    let org = okta::Simulator::of(world).unwrap();
    recorded("okta", &env, "https://contoso.okta.example", &org.url(), "");
}

#[test]
fn the_recordings_of_google_are_what_it_is_asked_for() {
    let env = example("google");
    let config = google::Config { page_rows: 10, ..google::Config::default() };
    let pem = std::fs::read_to_string(repository("tests/data/app.key.pem")).unwrap();
    let key = json!({"type": "service_account", "client_email": config.client_email, "private_key": pem,
                     "private_key_id": "simulated-key"});
    env.write("service-account.json", key.to_string());
    let mut world = google::World::new(config, google::people(PEOPLE), env.now_ms());
    world.user(&google::id(4))["phones"] = json!([{"value": "+49 30 23125104 x4104", "type": "work"}]);
    world.user(&google::id(5))["suspended"] = json!(true);
    let account = google::Simulator::of(world).unwrap();
    let url = account.url();
    let settings = format!("api_url = \"{url}\"\ntoken_url = \"{url}/token\"");
    recorded("google", &env, "https://admin.googleapis.com", &url, &settings);
}

#[test]
fn the_recordings_of_scim_are_what_it_is_asked_for() {
    let mut env = example("scim");
    let config = scim::Config { page_rows: 10, cursor: true, ..scim::Config::default() };
    env.set("SCIM_TOKEN", config.token.clone());
    let mut world = scim::World::new(config, scim::people(PEOPLE));
    world.user(&scim::id(4))["phoneNumbers"] =
        json!([{"value": "tel:+49-30-23125104;ext=4104", "type": "work"}]);
    world.user(&scim::id(5))["active"] = json!(false);
    let service = scim::Simulator::of(world).unwrap();
    recorded("scim", &env, "https://idp.contoso.example", &service.url(), "");
}

/// The commented job of every connector is one that holds.
#[test]
fn commented_jobs_are_valid() {
    let env = env();
    for name in ["csv", "entra", "google", "okta", "scim"] {
        let _ = env.run(&["init", name, "--from", name]).success();
        let _ = env.run(&["check", &format!("{name}/job.toml")]).success();
    }
    let _ = env.run(&["init", "other", "--from", "otka"]).exits(64).says("okta");
}
