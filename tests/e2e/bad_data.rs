//! Data as directories really hold it: skipped with a code and a reason, and everybody else goes on.

use rollcall_tests::graph::guid;
use rollcall_tests::harness::Output;
use rollcall_tests::scene::{Job, Scene};
use serde_json::{Value, json};

use crate::env;

/// Demands that exactly one user was skipped, with this code, and nobody else hindered.
fn skipped(output: &Output, key: &str, code: &str) {
    let skips = output.changes("skip");
    assert!(skips.iter().any(|skip| skip["user_identification"] == key), "{}", output.stdout);
    let json = output.json();
    let told = json["diagnostics"].as_array().unwrap().iter().any(|diagnostic| {
        diagnostic["code"] == code
            && diagnostic["user_identification"] == key
            && diagnostic["severity"] == "error"
            && !diagnostic["message"].as_str().unwrap().is_empty()
    });
    assert!(told, "no `{code}` for `{key}` in {}", output.stdout);
}

#[test]
fn bad_users_are_skipped_and_the_rest_goes_on() {
    let scene = Scene::new(env(), 12);
    let fields = Job::default().field("name", "\"displayName\"").field("full_name", "\"jobTitle\"");
    scene.job(&fields.field("user_identification", "\"employeeId\""));
    {
        let mut world = scene.graph.world();
        let tenant = &mut world.tenant;
        for n in 0..12 {
            tenant.set(&guid(1, n), "displayName", format!("Person {n}"));
        }
        tenant.set(&guid(1, 0), "displayName", "A name that is far too long");
        tenant.set(&guid(1, 1), "displayName", "Reception");
        tenant.set(&guid(1, 2), "displayName", Value::Null);
        tenant.set(&guid(1, 3), "employeeId", "1O0003");
        tenant.set(&guid(1, 4), "employeeId", "100005");
        tenant.set(&guid(1, 6), "displayName", "remotemanager");
        tenant.set(&guid(1, 7), "displayName", "Ann\u{202e}Berg");
        tenant.set(&guid(1, 8), "mail", "not an address");
    }
    let run = scene.sync().exits(3);
    skipped(&run, "100000", "E0402");
    skipped(&run, "100001", "E0404");
    skipped(&run, "100002", "E0401");
    skipped(&run, "1O0003", "E0402");
    skipped(&run, "100005", "E0403");
    skipped(&run, "100006", "E0402");
    skipped(&run, "100007", "E0402");
    skipped(&run, "100008", "E0402");
    assert_eq!((run.figure("create"), run.figure("applied"), run.figure("failed")), (3, 3, 0));
    assert_eq!(scene.users().len(), 4);
    // Nothing of those who were skipped is half there.
    let shown = scene.env.run(&["preview", "job.toml"]).exits(3);
    assert!(
        !shown.stdout.contains('\u{202e}') && !shown.stderr.contains('\u{202e}'),
        "a bidi character is shown"
    );
}

#[test]
fn an_exhausted_range_skips_the_rest() {
    let scene = Scene::new(env(), 5);
    let rules = r#"rule("Few", #{ when: |user| true, start_extension: 20000, end_extension: 20003 });"#;
    scene.env.write("provisioning.rhai", rules);
    let run = scene.sync().exits(3);
    // 20000 is the reception's.
    assert_eq!((run.figure("create"), run.figure("skipped")), (3, 2));
    assert!(run.codes().contains(&"E0406".to_owned()));
    assert_eq!(scene.users().len(), 4);
}

#[test]
fn no_emergency_number_is_given() {
    let scene = Scene::new(env(), 13);
    let rules = r#"rule("Short", #{ when: |user| true, start_extension: 108, end_extension: 120 });"#;
    scene.env.write("provisioning.rhai", rules);
    let run = scene.sync().exits(3);
    let mut numbers: Vec<String> =
        run.changes("create").iter().map(|change| change["extension"].as_str().unwrap().to_owned()).collect();
    numbers.sort();
    assert_eq!(numbers, ["108", "109", "111", "114", "116", "120"]);
    assert_eq!(run.figure("skipped"), 7);
}

#[test]
fn two_users_of_one_number_are_told_apart_by_the_holder() {
    let scene = Scene::new(env(), 3);
    scene.job(&Job::default().field("extension", "\"numbers::extension(businessPhones)\"").with(""));
    scene.env.write("provisioning.rhai", r#"rule("All", #{ when: |user| true, extension_type: "SIP" });"#);
    for n in 0..3 {
        scene.graph.world().tenant.set(&guid(1, n), "businessPhones", json!(["x20000"]));
    }
    let run = scene.sync().exits(3);
    assert!(run.codes().contains(&"E0405".to_owned()), "{:?}", run.codes());
    assert!(run.stdout.contains("Reception"), "the holder is not named in {}", run.stdout);
    assert_eq!(run.figure("create"), 0);
}

#[test]
fn a_broken_job_shows_all_its_mistakes_at_once() {
    let scene = Scene::new(env(), 1);
    let job = Job::default()
        .field("email", "\"mail +\"")
        .field("shoe_size", "\"id\"")
        .field("mobile_twinning_number", "\"numbers::e146(mobilePhone, \\\"GB\\\")\"")
        .settings("scope = \"tenants\"")
        .with("[guard]\nmax_delete = \"many\"\n[leavers]\ngrace = \"a week\"\n[numbers]\nreserved = [\"2000-x\"]\n");
    scene.job(&job);
    let run = scene.env.run(&["check", "job.toml", "--json"]).exits(12);
    let json = run.json();
    let errors: Vec<&Value> =
        json["diagnostics"].as_array().unwrap().iter().filter(|d| d["severity"] == "error").collect();
    let codes: Vec<&str> = errors.iter().map(|d| d["code"].as_str().unwrap()).collect();
    assert_eq!(codes, ["E0302", "E0200", "E0102", "E0201", "E0104", "E0104", "E0104"], "{}", run.stdout);
    for error in errors {
        assert!(error["line"].as_u64().is_some() && error["column"].as_u64().is_some(), "no place: {error}");
        // What Rhai's parser says has no remedy of its own; everything else says what to type.
        assert!(error["hint"].is_string() || error["code"] == "E0200", "no hint: {error}");
        assert!(error["file"].as_str().unwrap().ends_with("job.toml"), "{error}");
    }
    let _ = scene.env.run(&["check", "job.toml"]).exits(12).says("did you mean");
    let _ = scene.sync().exits(12);
    assert_eq!(scene.graph.world().journal.entries.len(), 0, "an invalid job reaches for the network");
}

#[test]
fn an_attribute_that_the_directory_does_not_have_is_a_mistake() {
    let scene = Scene::new(env(), 1);
    scene.job(&Job::default().field("full_name", "\"displayNam\""));
    for command in ["check", "preview"] {
        let run = scene.env.run(&[command, "job.toml", "--json"]).exits(12);
        let json = run.json();
        let found = &json["diagnostics"][0];
        assert_eq!(
            (found["code"].as_str(), found["column"].as_u64()),
            (Some("E0205"), Some(14)),
            "{}",
            run.stdout
        );
        assert!(found["hint"].as_str().unwrap().contains("displayName"), "{found}");
    }
}
