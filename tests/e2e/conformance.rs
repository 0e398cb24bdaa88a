//! What must hold for every connector: the one suite of `connector test`, against each of ours and a directory of its kind.

use rollcall_tests::harness::{Output, TestEnv};
use rollcall_tests::ldap::people::company;
use rollcall_tests::ldap::slapd::{Setup, Slapd};
use rollcall_tests::scene::Scene;
use serde_json::Value;

use crate::clouds::{PEOPLE, Side};
use crate::ldap::{Job, ldaps, machine};
use crate::{env, google, okta, repository, scim};

/// The rules that are about requests that go wrong.
const FAULTS: usize = 11;

/// Plays the suite against the job of a machine, and holds what it says against what it must be.
fn conforms(env: &TestEnv, users: usize, faults: usize) {
    let run = env.run(&["connector", "test", "job.toml", "--json"]);
    let findings = findings(&run);
    let wrong: Vec<&Value> = findings.iter().filter(|finding| finding["state"] != "passed").collect();
    assert_eq!((wrong, run.code), (Vec::new(), Some(0)), "{}", run.stderr);
    let first = message(&findings, "a reading ends well");
    assert!(first.starts_with(&format!("{users} users on ")), "{first}");
    // Each fault was really tried, or there is no request that could go wrong.
    let tried =
        findings.iter().filter(|finding| finding["message"].as_str().unwrap().starts_with("tried at "));
    assert_eq!(tried.count(), faults, "{findings:?}");
    for rule in ["the identity stays", "pages of 1 change nothing", "a reading goes on where one ended"] {
        let _ = message(&findings, rule);
    }
}

fn findings(run: &Output) -> Vec<Value> {
    let told: Value = serde_json::from_str(&run.stdout).unwrap_or_else(|_| panic!("{}", run.stderr));
    told["directories"][0]["findings"].as_array().unwrap().clone()
}

fn message(findings: &[Value], rule: &str) -> String {
    let found = findings.iter().find(|finding| finding["subject"] == rule);
    found.unwrap_or_else(|| panic!("{rule} was not looked at"))["message"].as_str().unwrap().to_owned()
}

/// A service over HTTP, with a name in it that no ASCII can write.
fn cloud_conforms(side: &mut impl Side) {
    side.rename(3, "Zoë-Žofie", "Ærøskøbing 李\u{1F680}");
    conforms(&side.cloud().env, PEOPLE, FAULTS);
}

#[test]
fn csv_conforms() {
    let env = env();
    let _ = env.run(&["init"]).success();
    conforms(&env, 10, 0);
    let env = self::env();
    env.copy(&repository("examples/json"), "");
    conforms(&env, 4, 0);
    // A key that is a number for some and a text for others is described as it is handed over.
    let people = env.read("people.json");
    let mixed = people.replacen("\"number\": 41001", "\"number\": \"41001\"", 1);
    assert_ne!(mixed, people);
    env.write("people.json", mixed);
    conforms(&env, 4, 0);
}

#[test]
fn entra_conforms() {
    conforms(&Scene::new(env(), 25).env, 25, FAULTS);
}

#[test]
fn google_conforms() {
    cloud_conforms(&mut google::Google::new());
}

#[test]
fn ldap_conforms() {
    let Some(server) = Slapd::start(&Setup::new(company(40, 4))) else { return };
    let env = machine(&server);
    for more in ["", "changes_only = true\n"] {
        Job::new(&format!("{}page_size = 10\n{more}", ldaps(&server))).write(&env);
        // A search has neither statuses nor bodies: nothing but a lost connection can be made up.
        conforms(&env, 40, 1);
        let told = env.run(&["connector", "test", "job.toml"]).stdout;
        assert_eq!(told.contains("ended: a position of "), !more.is_empty(), "{told}");
    }
}

#[test]
fn okta_conforms() {
    cloud_conforms(&mut okta::okta());
}

#[test]
fn scim_conforms() {
    cloud_conforms(&mut scim::by_index());
    cloud_conforms(&mut scim::by_cursor());
}
