//! A job that reads a Google account, through the real program.

use std::time::Duration;

use rollcall_tests::cloud::{Cloud, Job};
use rollcall_tests::google::{Config, Group, Simulator, World, id, people};
use rollcall_tests::web::{Journal, Rule, Trouble};
use serde_json::{Value, json};

use crate::clouds::{self, CANARY, PAGE, PEOPLE, Side};
use crate::{env, repository};

const READ: &str = "https://www.googleapis.com/auth/admin.directory.user.readonly";
const GROUPS: &str = "https://www.googleapis.com/auth/admin.directory.group.readonly";

pub(crate) struct Google {
    cloud: Cloud,
    account: Simulator,
}

/// The JSON key of the service account. Where it says that secrets go, nobody must go.
fn key(private_key: &str) -> Value {
    json!({
        "type": "service_account", "project_id": CANARY, "private_key_id": "simulated-key",
        "private_key": std::fs::read_to_string(repository(private_key)).unwrap(),
        "client_email": "rollcall@project.iam.gserviceaccount.example", "client_id": "1",
        "auth_uri": "https://evil.example/auth", "token_uri": "https://evil.example/token",
    })
}

impl Google {
    pub(crate) fn new() -> Self {
        let mut env = env();
        let config = Config { page_rows: PAGE, ..Config::default() };
        let account = Simulator::of(World::new(config, people(PEOPLE), env.now_ms())).unwrap();
        env.set("GOOGLE_SERVICE_ACCOUNT", key("tests/data/app.key.pem").to_string());
        let url = account.url();
        let job = Job {
            connector: "google",
            settings: format!(
                "admin = \"admin@contoso.example\"\napi_url = \"{url}\"\ntoken_url = \"{url}/token\""
            ),
            credentials: "service_account = { env = \"GOOGLE_SERVICE_ACCOUNT\" }".to_owned(),
            fields: "email = \"primaryEmail\"\nlogin_code = \"employeeId\"\n\
                     mobile_twinning_number = \"numbers::e164(mobilePhone, countryCode)\""
                .to_owned(),
            rest: "[guard]\nmax_delete = 5\nmin_directory = \"50%\"\n".to_owned(),
            ..Job::default()
        };
        Self { cloud: Cloud::new(env, job), account }
    }
}

impl Side for Google {
    fn cloud(&mut self) -> &mut Cloud {
        &mut self.cloud
    }

    fn id(&self, n: usize) -> String {
        id(n)
    }

    fn rename(&mut self, n: usize, given: &str, family: &str) {
        self.account.world().user(&id(n))["name"] =
            json!({"givenName": given, "familyName": family, "fullName": format!("{given} {family}")});
    }

    fn disable(&mut self, n: usize, disabled: bool) {
        self.account.world().user(&id(n))["suspended"] = json!(disabled);
    }

    fn leave(&mut self, n: usize) {
        self.account.world().account.users.remove(&id(n));
    }

    fn trouble(&mut self, rule: Rule<Trouble>) {
        self.account.world().faults.push(rule);
    }

    fn calm(&mut self) {
        self.account.world().faults.clear();
    }

    fn path(&self) -> &'static str {
        "/v1/users"
    }

    fn forbid(&mut self) -> &'static str {
        self.account.world().config.role.remove(READ);
        "Users > Read"
    }

    fn mistake(&mut self) {
        self.cloud.env.set("GOOGLE_SERVICE_ACCOUNT", key("host/net/testdata/other.key").to_string());
    }

    fn journal(&mut self) -> Journal {
        self.account.world().journal.clone()
    }

    fn wait(&mut self, time: Duration) {
        self.cloud.env.advance(time);
        self.account.world().now_ms = self.cloud.env.now_ms();
    }
}

#[test]
fn joiner_rename_and_leaver_each_do_the_right_thing() {
    clouds::life(&mut Google::new());
}

#[test]
fn who_is_suspended_leaves_or_stays() {
    clouds::disabled_is_a_leaver(&mut Google::new());
    clouds::disabled_is_kept(&mut Google::new());
}

#[test]
fn a_quota_is_waited_for_by_its_reason() {
    clouds::throttled(&mut Google::new(), Trouble::busy("Retry-After", 0));
    let body =
        json!({"error": {"code": 403, "message": "Quota", "errors": [{"reason": "userRateLimitExceeded"}]}});
    let later = Trouble::Status { status: 403, headers: Vec::new(), body: body.to_string() };
    clouds::throttled(&mut Google::new(), later);
    // Where it lasts, it is "later" (13) and no missing permission (4).
    let mut google = Google::new();
    google.cloud.with("[directory.limits]\ncall_wall_seconds = 2\n");
    let body = body.to_string().replace("userRateLimitExceeded", "quotaExceeded");
    let fault = Trouble::Status { status: 403, headers: Vec::new(), body };
    google.trouble(Rule { path: "/users".into(), page: None, times: None, fault });
    let _ = google.cloud.sync().exits(13);
}

#[test]
fn a_page_that_breaks_deletes_nobody() {
    let mut google = Google::new();
    // `{"unexpected": true}` is how Google gives a page without users, and a shorter directory is the guard's to judge.
    google.cloud.with("[leavers]\ngrace = \"30d\"\n");
    clouds::a_page_breaks_but(&mut google, "unexpected");
}

#[test]
fn refusals_are_named() {
    clouds::refused(&mut Google::new());
    // The scope was not delegated.
    let google = Google::new();
    google.account.world().config.delegated.clear();
    let _ = google.cloud.sync().exits(4).says("unauthorized_client").says(READ);
    google.account.world().config.delegated = [READ.to_owned()].into();
    assert_eq!(google.cloud.sync().success().figure("create"), PEOPLE as u64);
    // Somebody who is no administrator, and somebody who is nobody.
    let mut google = Google::new();
    let own = google.cloud.job.settings.clone();
    let user = google.account.world().user(&id(1))["primaryEmail"].as_str().unwrap().to_owned();
    for (admin, says) in
        [(user.as_str(), "Users > Read"), ("nobody@contoso.example", "is `admin` the address")]
    {
        google.cloud.job.settings = own.replace("admin@contoso.example", admin);
        google.cloud.write();
        let _ = google.cloud.sync().exits(4).says(says);
    }
}

#[test]
fn a_canary_is_found_nowhere() {
    let mut google = Google::new();
    let key = std::fs::read_to_string(repository("tests/data/app.key.pem")).unwrap();
    let line = key.lines().nth(5).unwrap().to_owned();
    clouds::canary(&mut google, &[CANARY, &line]);
    // What the key says of where to sign in was not looked at.
    assert!(google.journal().tokens() > 0);
}

#[test]
fn a_recording_replays_exactly() {
    clouds::replays(&mut Google::new());
}

#[test]
fn a_token_that_runs_out_is_renewed() {
    let mut google = Google::new();
    let expired = Trouble::Status { status: 401, headers: Vec::new(), body: "{}".to_owned() };
    google.trouble(Rule { path: "/users".into(), page: Some(2), times: Some(1), fault: expired });
    assert_eq!(google.cloud.sync().success().figure("create"), PEOPLE as u64);
    assert_eq!(google.journal().tokens(), 2);
}

#[test]
fn units_queries_and_domains_narrow_it_down() {
    let mut google = Google::new();
    let own = google.cloud.job.settings.clone();
    google.account.world().user(&id(0))["orgUnitPath"] = json!("/Europe/O'Neil & Söhne");
    google.account.world().user(&id(1))["orgUnitPath"] = json!("/Europe/O'Neil & Söhne/Below");
    for (more, expect) in [
        ("org_unit = \"/Europe/O'Neil & Söhne\"", 2),
        ("org_unit = \"/Nobody\"", 0),
        ("query = \"isSuspended=false\"", PEOPLE as u64),
        ("domain = \"contoso.example\"", PEOPLE as u64),
        ("customer = \"C01simulated\"", PEOPLE as u64),
    ] {
        google.cloud.job.settings = format!("{own}\n{more}");
        google.cloud.write();
        assert_eq!(google.cloud.preview().success().figure("create"), expect, "{more}");
    }
    for (more, says) in [
        ("query = \"nonsense\"", "Invalid Input: query"),
        ("domain = \"other.example\"", "Domain not found"),
        ("domain = \"a.example\"\ncustomer = \"C1\"", "one of its domains"),
        ("org_unit = \"Sales\"", "begins with a slash"),
    ] {
        google.cloud.job.settings = format!("{own}\n{more}");
        google.cloud.write();
        let _ = google.cloud.preview().exits(12).says(says);
    }
}

#[test]
fn names_of_groups_are_mapped_nested_ones_included() {
    let mut google = Google::new();
    let group = |name: &str, members: &[String]| Group { name: name.to_owned(), members: members.to_vec() };
    google.account.world().account.groups = [
        ("g1".to_owned(), group("Sales", &[id(0), "g2".to_owned()])),
        ("g2".to_owned(), group("Marketing", &[id(1)])),
    ]
    .into();
    google.cloud.job.fields.push_str("\ngroup_membership = \"groups\"");
    google.cloud.write();
    assert_eq!(google.cloud.sync().success().figure("create"), PEOPLE as u64);
    let groups = |n: usize| google.cloud.linked(&id(n)).unwrap()["groups"].clone();
    assert_eq!((groups(0), groups(1)), (json!(["Sales"]), json!(["Marketing", "Sales"])));
    let asked = google.account.world().journal.count("/groups");
    assert_eq!(asked, 3, "one listing and one request a group");
    google.account.world().config.delegated.remove(GROUPS);
    google.account.world().expire_tokens();
    let _ = google.cloud.sync().exits(4).says(GROUPS);
}

#[test]
fn custom_schemas_are_read() {
    let mut google = Google::new();
    for n in 0..PEOPLE {
        google.account.world().user(&id(n))["customSchemas"] =
            json!({"Phone": {"ext": format!("{}", 41000 + n)}});
    }
    google.cloud.job.fields.push_str("\nextension = 'user[\"customSchemas.Phone.ext\"]'");
    google.cloud.with("");
    let rules = "rule(\"All\", #{ extension_type: \"SIP\" });";
    google.cloud.env.write("provisioning.rhai", rules);
    let _ = google.cloud.sync().success();
    assert_eq!(google.cloud.linked(&id(3)).unwrap()["extension"], "41003");
}

#[test]
fn a_key_that_is_none_is_told_offline() {
    let mut google = Google::new();
    let mut lacking = key("tests/data/app.key.pem");
    lacking.as_object_mut().unwrap().remove("client_email");
    for (key, says) in [
        (format!("{CANARY}, no JSON"), "is not the JSON key of a service account"),
        (lacking.to_string(), "the credential `service_account` lacks `client_email`"),
    ] {
        google.cloud.env.set("GOOGLE_SERVICE_ACCOUNT", key);
        let _ = google.cloud.run("check", &[]).exits(12).says(says).says("service_account").hides(CANARY);
    }
}
