//! A job that reads a SCIM service, through the real program: our simulator, and `scim2-server`, which is not ours.

use std::path::Path;
use std::time::Duration;

use rollcall_tests::cloud::{Cloud, Job};
use rollcall_tests::scim::{Config, Reference, Simulator, World, id, people};
use rollcall_tests::web::{Journal, Rule, Trouble};
use serde_json::{Value, json};

use crate::clouds::{self, CANARY, PAGE, PEOPLE, Side};
use crate::env;

pub(crate) struct Scim {
    cloud: Cloud,
    service: Simulator,
}

fn job(url: &str) -> Job {
    Job {
        connector: "scim",
        settings: format!("base_url = \"{url}\""),
        credentials: "token = { env = \"SCIM_TOKEN\" }".to_owned(),
        fields: "email = \"email\"\nlogin_code = \"employeeNumber\"\n\
                 mobile_twinning_number = \"numbers::e164(mobilePhone, country)\""
            .to_owned(),
        rest: "[guard]\nmax_delete = 5\nmin_directory = \"50%\"\n".to_owned(),
        ..Job::default()
    }
}

impl Scim {
    fn new(config: Config) -> Self {
        let mut env = env();
        let config = Config { token: CANARY.to_owned(), page_rows: PAGE, ..config };
        let service = Simulator::of(World::new(config, people(PEOPLE))).unwrap();
        env.set("SCIM_TOKEN", CANARY);
        let job = job(&format!("{}/scim/v2", service.url()));
        Self { cloud: Cloud::new(env, job), service }
    }
}

pub(crate) fn by_index() -> Scim {
    Scim::new(Config::default())
}

pub(crate) fn by_cursor() -> Scim {
    Scim::new(Config { cursor: true, ..Config::default() })
}

impl Side for Scim {
    fn cloud(&mut self) -> &mut Cloud {
        &mut self.cloud
    }

    fn id(&self, n: usize) -> String {
        id(n)
    }

    fn rename(&mut self, n: usize, given: &str, family: &str) {
        let mut world = self.service.world();
        let user = world.user(&id(n));
        user["name"] = json!({"givenName": given, "familyName": family});
        user["displayName"] = json!(format!("{given} {family}"));
    }

    fn disable(&mut self, n: usize, disabled: bool) {
        self.service.world().user(&id(n))["active"] = json!(!disabled);
    }

    fn leave(&mut self, n: usize) {
        self.service.world().remove(&id(n));
    }

    fn trouble(&mut self, rule: Rule<Trouble>) {
        self.service.world().faults.push(rule);
    }

    fn calm(&mut self) {
        self.service.world().faults.clear();
    }

    fn path(&self) -> &'static str {
        "/Users"
    }

    fn forbid(&mut self) -> &'static str {
        self.service.world().config.may_read = false;
        "GET /Users"
    }

    fn mistake(&mut self) {
        self.cloud.env.set("SCIM_TOKEN", "another-token");
    }

    fn journal(&mut self) -> Journal {
        self.service.world().journal.clone()
    }

    fn wait(&mut self, time: Duration) {
        self.cloud.env.advance(time);
    }
}

#[test]
fn joiner_rename_and_leaver_each_do_the_right_thing() {
    clouds::life(&mut by_index());
    clouds::life(&mut by_cursor());
}

#[test]
fn who_is_not_active_leaves_or_stays() {
    clouds::disabled_is_a_leaver(&mut by_index());
    clouds::disabled_is_kept(&mut by_index());
}

#[test]
fn a_busy_service_is_waited_for() {
    clouds::throttled(&mut by_index(), Trouble::busy("Retry-After", 0));
    clouds::throttled(&mut by_cursor(), Trouble::busy("Retry-After", 0));
}

#[test]
fn a_page_that_breaks_deletes_nobody() {
    clouds::a_page_breaks(&mut by_index());
    clouds::a_page_breaks(&mut by_cursor());
}

#[test]
fn refusals_are_named() {
    clouds::refused(&mut by_index());
}

#[test]
fn a_canary_is_found_nowhere() {
    clouds::canary(&mut by_index(), &[CANARY]);
}

#[test]
fn a_recording_replays_exactly() {
    clouds::replays(&mut by_index());
    clouds::replays(&mut by_cursor());
}

#[test]
fn a_password_signs_in_too() {
    let mut scim = by_index();
    let password = format!("{CANARY}-password");
    scim.service.world().config.password.clone_from(&password);
    scim.cloud.env.set("SCIM_USER", "robot");
    scim.cloud.env.set("SCIM_PASSWORD", password.clone());
    scim.cloud.job.credentials =
        "username = { env = \"SCIM_USER\" }\npassword = { env = \"SCIM_PASSWORD\" }".to_owned();
    scim.cloud.write();
    clouds::canary(&mut scim, &[&password]);
    let used =
        scim.journal().entries.last().and_then(|entry| entry.header("authorization").map(str::to_owned));
    assert!(used.is_some_and(|header| header.starts_with("Basic ")));
    scim.cloud.env.set("SCIM_PASSWORD", "another-password");
    let _ = scim.cloud.sync().exits(4);
    scim.cloud.job.credentials = "username = { env = \"SCIM_USER\" }".to_owned();
    scim.cloud.write();
    let _ = scim.cloud.run("check", &[]).exits(12).says("the credential `password` is missing");
}

#[test]
fn services_that_say_something_wrong_of_themselves_are_read_all_the_same() {
    let claims = Config { claims_cursor: Some(true), ..Config::default() };
    let small = Config { total_is_page_size: true, ..Config::default() };
    let silent = Config { tells: false, ..Config::default() };
    for (what, config) in [("claims a cursor", claims), ("counts a page", small), ("tells nothing", silent)] {
        let scim = Scim::new(config);
        assert_eq!(scim.cloud.sync().success().figure("create"), PEOPLE as u64, "{what}");
    }
}

#[test]
fn pages_that_lose_somebody_are_no_reading() {
    let mut scim = by_index();
    let _ = scim.cloud.sync().success();
    // A page that is shorter than it should be: the walk goes on by what came, so that nobody is lost.
    scim.trouble(Rule { path: "/Users".into(), page: Some(2), times: None, fault: Trouble::DropRows(1) });
    assert_eq!(scim.cloud.sync().success().figure("unchanged"), PEOPLE as u64);
    scim.calm();
    // Somebody who is counted and never shown.
    scim.service.world().config.hides = Some(id(7));
    let _ = scim.cloud.sync().exits(13).says(&format!("counts {PEOPLE} users and gave {}", PEOPLE - 1));
    assert_eq!(scim.cloud.users().len(), PEOPLE + 1);
}

#[test]
fn cursors_that_run_out_end_without_success() {
    let scim = by_cursor();
    let _ = scim.cloud.sync().success();
    scim.service.world().expired = true;
    let _ = scim.cloud.sync().exits(13).says("no longer knows the cursor");
    assert_eq!(scim.cloud.users().len(), PEOPLE + 1);
}

#[test]
fn a_filter_and_attributes_of_the_services_own() {
    let mut scim = by_index();
    for n in 0..PEOPLE {
        let mut world = scim.service.world();
        world.user(&id(n))["urn:acme:scim:2.0:User"] = json!({"badge": {"number": 42000 + n}});
        world.user(&id(n))["userType"] = json!(if n < 4 { "Employee" } else { "Contractor" });
    }
    scim.cloud.job.settings.push_str("\nfilter = 'userType eq \"Employee\"'\npage_size = 3");
    scim.cloud.job.fields.push_str("\nextension = 'user[\"badge.number\"].to_string()'");
    scim.cloud.write();
    scim.cloud.env.write("provisioning.rhai", "rule(\"All\", #{ extension_type: \"SIP\" });");
    assert_eq!(scim.cloud.sync().success().figure("create"), 4);
    assert_eq!(scim.cloud.linked(&id(2)).unwrap()["extension"], "42002");
    scim.cloud.job.settings = scim.cloud.job.settings.replace("eq", "is");
    scim.cloud.write();
    let _ = scim.cloud.sync().exits(12).says("invalidFilter");
    scim.cloud.job.settings = "base_url = \"https://idp.example/scim/v2/Users\"".to_owned();
    scim.cloud.write();
    let _ = scim.cloud.run("check", &[]).exits(12).says("write `https://idp.example/scim/v2`");
}

/// The same people in a service that others wrote, with both kinds of paging.
#[test]
fn a_service_that_is_not_ours_is_read_to_its_end() {
    let below = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let config = |cursor: bool| {
        json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"],
            "patch": {"supported": true}, "bulk": {"supported": false, "maxOperations": 0, "maxPayloadSize": 0},
            "filter": {"supported": true, "maxResults": 1000}, "changePassword": {"supported": false},
            "sort": {"supported": true}, "etag": {"supported": true}, "authenticationSchemes": [],
            "pagination": {"cursor": cursor, "index": true, "defaultPageSize": PAGE, "maxPageSize": PAGE},
        })
    };
    for cursor in [false, true] {
        let service = match Reference::start(below, CANARY, &config(cursor)) {
            Ok(service) => service,
            Err(why) => {
                println!("not played: {why}");
                return;
            }
        };
        let mut ids = Vec::new();
        for mut user in people(PEOPLE).users {
            // What a client may not set.
            for name in ["id", "meta", "groups"] {
                user.as_object_mut().unwrap().remove(name);
            }
            let (status, made) = service.ask("POST", "/Users", &user);
            assert_eq!(status, 201, "{made}");
            ids.push(made["id"].as_str().unwrap().to_owned());
        }
        let mut env = env();
        env.set("SCIM_TOKEN", CANARY);
        let mut cloud = Cloud::new(env, job(&service.url()));
        let paging = if cursor { "cursor" } else { "index" };
        let _ = cloud.run("test-connection", &[]).success().says(&format!("the service pages by {paging}"));
        assert_eq!(cloud.sync().success().figure("create"), PEOPLE as u64, "{paging}");
        assert_eq!(cloud.sync().success().figure("unchanged"), PEOPLE as u64);
        let off = json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
                         "Operations": [{"op": "replace", "path": "active", "value": false}]});
        let (status, said) = service.ask("PATCH", &format!("/Users/{}", ids[3]), &off);
        assert!(status == 200 || status == 204, "{status} {said}");
        assert_eq!(service.ask("DELETE", &format!("/Users/{}", ids[4]), &Value::Null).0, 204);
        let run = cloud.sync().success();
        assert_eq!((run.figure("pending_delete"), run.figure("unchanged")), (2, PEOPLE as u64 - 2));
        cloud.env.set("SCIM_TOKEN", "another-token");
        let _ = cloud.sync().exits(4);
        cloud.env.set("SCIM_TOKEN", CANARY);
        cloud.job.settings.push_str(&format!("\npaging = \"{paging}\"\nfilter = 'active eq true'"));
        cloud.write();
        assert_eq!(cloud.preview().success().figure("create"), 0);
    }
}
