//! A job that reads an Okta organisation, through the real program.

use std::time::Duration;

use rollcall_tests::cloud::{Cloud, Job};
use rollcall_tests::okta::{Config, Group, Simulator, World, id, people};
use rollcall_tests::web::{Journal, Rule, Trouble, der, public_key};

use crate::clouds::{self, CANARY, DAY, PAGE, PEOPLE, Side};
use crate::{env, repository};

/// The requests of a full reading: the pages of people.
const FULL: usize = PEOPLE.div_ceil(PAGE);

pub(crate) struct Okta {
    cloud: Cloud,
    org: Simulator,
}

impl Okta {
    fn new(config: Config) -> Self {
        let mut env = env();
        let config = Config { api_token: format!("00{CANARY}"), page_rows: PAGE, ..config };
        let now_ms = env.now_ms();
        let before = now_ms - 100 * 24 * 60 * 60 * 1000;
        let org = Simulator::of(World::new(config, people(PEOPLE, before), now_ms)).unwrap();
        env.set("OKTA_API_TOKEN", format!("00{CANARY}"));
        let job = Job {
            connector: "okta",
            settings: format!("org_url = \"{}\"", org.url()),
            credentials: "api_token = { env = \"OKTA_API_TOKEN\" }".to_owned(),
            fields: "email = \"email\"\nlogin_code = \"employeeNumber\"\n\
                     mobile_twinning_number = \"numbers::e164(mobilePhone, countryCode)\""
                .to_owned(),
            // A small company: one in twelve is more than a tenth.
            rest: "[guard]\nmax_delete = 5\nmin_directory = \"50%\"\n".to_owned(),
            ..Job::default()
        };
        Self { cloud: Cloud::new(env, job), org }
    }

    /// An app that signs in with a key instead of a token.
    fn with_key(config: Config) -> Self {
        let certificate = der(include_str!("../data/app.crt.pem"));
        let config =
            Config { public_key: Some(public_key(&certificate)), key_id: Some("key-1".into()), ..config };
        let mut okta = Self::new(config);
        okta.cloud.job.settings.push_str("\nclient_id = \"0oasimulatedclient00\"\nkey_id = \"key-1\"");
        let key = repository("tests/data/app.key.pem");
        okta.cloud.job.credentials = format!("private_key = {{ file = \"{}\" }}", key.display());
        okta.cloud.write();
        okta
    }

    /// How often people were asked for.
    fn users(&self) -> usize {
        self.org.world().journal.entries.iter().filter(|entry| entry.path.ends_with("/users")).count()
    }
}

impl Side for Okta {
    fn cloud(&mut self) -> &mut Cloud {
        &mut self.cloud
    }

    fn id(&self, n: usize) -> String {
        id(n)
    }

    fn rename(&mut self, n: usize, given: &str, family: &str) {
        let mut world = self.org.world();
        world.set(&id(n), "firstName", given);
        world.set(&id(n), "lastName", family);
        world.set(&id(n), "displayName", format!("{given} {family}"));
    }

    fn disable(&mut self, n: usize, disabled: bool) {
        self.org.world().set_status(&id(n), if disabled { "SUSPENDED" } else { "ACTIVE" });
    }

    fn leave(&mut self, n: usize) {
        self.org.world().set_status(&id(n), "DEPROVISIONED");
    }

    fn trouble(&mut self, rule: Rule<Trouble>) {
        self.org.world().faults.push(rule);
    }

    fn calm(&mut self) {
        self.org.world().faults.clear();
    }

    fn path(&self) -> &'static str {
        "/api/v1/users"
    }

    fn forbid(&mut self) -> &'static str {
        self.org.world().config.role.remove("okta.users.read");
        "okta.users.read"
    }

    fn mistake(&mut self) {
        self.cloud.env.set("OKTA_API_TOKEN", "00another-token-of-the-right-form");
    }

    fn journal(&mut self) -> Journal {
        self.org.world().journal.clone()
    }

    fn wait(&mut self, time: Duration) {
        self.cloud.env.advance(time);
        self.org.world().now_ms = self.cloud.env.now_ms();
    }
}

pub(crate) fn okta() -> Okta {
    Okta::new(Config::default())
}

#[test]
fn joiner_rename_and_leaver_each_do_the_right_thing() {
    clouds::life(&mut okta());
}

#[test]
fn who_is_suspended_leaves_or_stays() {
    clouds::disabled_is_a_leaver(&mut okta());
    clouds::disabled_is_kept(&mut okta());
}

#[test]
fn a_rate_limit_is_waited_for_by_oktas_clock() {
    // The window ends by the organisation's clock, which is not this machine's.
    let mut okta = okta();
    okta.org.world().now_ms -= 3_600_000;
    let reset = okta.org.world().now_ms / 1000;
    let later = Trouble::busy("X-Rate-Limit-Reset", reset);
    let begun = std::time::Instant::now();
    clouds::throttled(&mut okta, later);
    assert!(begun.elapsed() >= Duration::from_secs(2), "a second for each of two answers");
}

#[test]
fn a_page_that_breaks_deletes_nobody() {
    clouds::a_page_breaks(&mut okta());
}

#[test]
fn refusals_are_named() {
    clouds::refused(&mut okta());
    // A scope that was not granted is refused at the sign-in already.
    let okta = Okta::with_key(Config::default());
    okta.org.world().config.scopes.remove("okta.users.read");
    let _ = okta.cloud.sync().exits(4).says("invalid_scope").says("okta.users.read");
}

#[test]
fn a_canary_is_found_nowhere() {
    clouds::canary(&mut okta(), &[CANARY]);
    let mut okta = Okta::with_key(Config::default());
    let key = std::fs::read_to_string(repository("tests/data/app.key.pem")).unwrap();
    let line = key.lines().nth(5).unwrap().to_owned();
    clouds::canary(&mut okta, &[&line]);
}

#[test]
fn a_recording_replays_exactly() {
    clouds::replays(&mut okta());
}

#[test]
fn an_app_signs_in_with_its_key() {
    let mut okta = Okta::with_key(Config::default());
    clouds::life(&mut okta);
    assert!(okta.journal().tokens() > 0);
    // The key of somebody else, and a clock that is wrong.
    let mut other = Okta::with_key(Config::default());
    let key = repository("host/net/testdata/other.key");
    other.cloud.job.credentials = format!("private_key = {{ file = \"{}\" }}", key.display());
    other.cloud.write();
    let _ = other.cloud.sync().exits(4).says("invalid_client").says("signature");
    let mut late = Okta::with_key(Config::default());
    late.cloud.env.advance(DAY);
    let _ = late.cloud.sync().exits(4).says("`iat`");
    // New apps demand proof of possession.
    let dpop = Okta::with_key(Config { demands_dpop: true, ..Config::default() });
    let _ = dpop.cloud.sync().exits(4).says("DPoP");
}

#[test]
fn a_token_that_runs_out_is_renewed() {
    let okta = Okta::with_key(Config::default());
    let expired = Trouble::Status {
        status: 401,
        headers: Vec::new(),
        body: "{\"errorCode\": \"E0000011\"}".to_owned(),
    };
    okta.org.world().faults.push(Rule {
        path: "/users".into(),
        page: Some(2),
        times: Some(1),
        fault: expired,
    });
    assert_eq!(okta.cloud.sync().success().figure("create"), PEOPLE as u64);
    assert_eq!(okta.org.world().journal.tokens(), 2);
}

#[test]
fn changes_are_read_alone_and_everything_once_a_day() {
    let mut okta = okta();
    let _ = okta.cloud.sync().success();
    assert_eq!(okta.users(), FULL);
    okta.wait(Duration::from_secs(3600));
    okta.rename(1, "Wilhelmina", "Zed");
    okta.leave(2);
    let run = okta.cloud.sync().success();
    assert_eq!((run.figure("update"), run.figure("pending_delete")), (1, 1));
    assert_eq!(okta.users(), FULL + 1, "one request shows what has changed");
    // Somebody is deleted at once, which no change shows; the reading of the next day does.
    okta.wait(Duration::from_secs(3600));
    okta.org.world().delete(&id(4));
    assert_eq!(okta.cloud.sync().success().figure("pending_delete"), 1);
    okta.wait(DAY);
    assert_eq!(okta.cloud.sync().success().figure("pending_delete"), 2);
    assert_eq!(okta.cloud.users().len(), PEOPLE + 1);
}

/// A reading of what changed shows once that somebody has left, and never again: it is no second complete one.
#[test]
fn a_leaver_is_missed_by_two_readings_of_which_changes_are_one_at_most() {
    let mut okta = okta();
    okta.cloud.with("[leavers]\ngrace = \"2h\"\n");
    let _ = okta.cloud.sync().success();
    okta.wait(Duration::from_secs(3600));
    okta.leave(2);
    let told = okta.cloud.run("sync", &["--yes"]).success();
    let _ = told.says("1 complete read has missed the user").says("of `okta` only what changed was read");
    okta.wait(Duration::from_secs(3 * 3600));
    let told = okta.cloud.run("sync", &["--yes"]).success();
    let _ = told.says("1 complete read has missed the user");
    assert_eq!(okta.cloud.users().len(), PEOPLE + 1, "the grace has passed, and nobody has looked again");
    okta.wait(DAY);
    assert_eq!(okta.cloud.sync().success().figure("delete"), 1);
    assert_eq!(okta.cloud.users().len(), PEOPLE);
}

#[test]
fn a_group_is_followed_and_names_of_groups_are_mapped() {
    let mut okta = okta();
    let group = |name: &str, members: &[usize]| Group {
        name: name.to_owned(),
        kind: "OKTA_GROUP".to_owned(),
        members: members.iter().map(|n| id(*n)).collect(),
    };
    okta.org.world().organisation.groups = [
        ("00g1".to_owned(), group("Sales", &[0, 1, 2])),
        ("00g2".to_owned(), group("Marketing", &[2, 3])),
        ("00g0".to_owned(), Group { kind: "BUILT_IN".to_owned(), ..group("Everyone", &[0, 1, 2, 3]) }),
    ]
    .into();
    okta.cloud.job.settings.push_str("\ngroup_id = [\"00g1\", \"00g2\"]");
    okta.cloud.job.fields.push_str("\ngroup_membership = \"groups\"");
    okta.cloud.write();
    assert_eq!(okta.cloud.sync().success().figure("create"), 4);
    let groups = |okta: &Okta, n: usize| okta.cloud.linked(&id(n)).unwrap()["groups"].clone();
    assert_eq!(groups(&okta, 2), serde_json::json!(["Marketing", "Sales"]));
    // Who joins or leaves a group is not changed by that, and is seen all the same.
    okta.wait(Duration::from_secs(3600));
    okta.org.world().organisation.groups.get_mut("00g1").unwrap().members = [id(1), id(2), id(5)].into();
    let run = okta.cloud.sync().success();
    assert_eq!((run.figure("create"), run.figure("pending_delete")), (1, 1));
    okta.org.world().config.role.remove("okta.groups.read");
    let _ = okta.cloud.sync().exits(4).says("okta.groups.read");
    okta.org.world().config.role.insert("okta.groups.read".to_owned());
    okta.org.world().organisation.groups.remove("00g2");
    let _ = okta.cloud.sync().exits(12).says("the organisation has no group `00g2`");
}

#[test]
fn mistakes_are_told_offline() {
    let mut okta = okta();
    okta.cloud.job.credentials.push_str("\nprivate_key = { env = \"OKTA_KEY\" }");
    okta.cloud.write();
    let _ =
        okta.cloud.run("check", &[]).exits(12).says("several ways to sign in are given, and one is needed");
    okta.cloud.job.credentials = "private_key = { env = \"OKTA_KEY\" }".to_owned();
    okta.cloud.write();
    let _ = okta.cloud.run("check", &[]).exits(12).says("the setting `client_id` is missing");
    okta.cloud.job.settings.push_str("\nclient_id = \"0oa1\"");
    okta.cloud.write();
    let _ = okta.cloud.run("check", &[]).success();
    okta.cloud.env.set("OKTA_KEY", format!("no key but a {CANARY}"));
    let _ = okta.cloud.run("check", &[]).exits(12).says("the private key is not in PEM form").hides(CANARY);
    okta.cloud.job.settings = "org_url = \"https://acme-admin.okta.com\"".to_owned();
    okta.cloud.job.credentials = "api_token = { env = \"OKTA_API_TOKEN\" }".to_owned();
    okta.cloud.write();
    let _ = okta.cloud.run("check", &[]).exits(12).says("write `https://acme.okta.com`");
    let unknown = Okta::new(Config::default());
    unknown.cloud.env.write("job.toml", unknown.cloud.job.text().replace("\"email\"\n", "\"emial\"\n"));
    let _ = unknown.cloud.sync().exits(12).says("did you mean `email`?");
}
