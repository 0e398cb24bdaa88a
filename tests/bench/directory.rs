//! Directories that say what has changed, played by simulators: requests, time on the processors and memory.

use std::time::Duration;

use rollcall_tests::cloud::{Cloud, Job};
use rollcall_tests::okta::{Config, Simulator, World, id, people};

use crate::Wanted;
use crate::process::{SYNC, machine, rollcall};
use crate::table::Table;

const TOKEN: &str = "00measured";

const RULE: &str =
    "rule(\"All\", #{ start_extension: 2000000, end_extension: 9999999, extension_type: \"SIP\" });\n";

/// An Okta organisation, its pages of 200 users.
struct Okta {
    cloud: Cloud,
    org: Simulator,
    asked: usize,
}

impl Okta {
    fn new(users: usize) -> Self {
        let mut env = machine();
        let config = Config { api_token: TOKEN.to_owned(), page_rows: 200, ..Config::default() };
        let before = env.now_ms() - 100 * 24 * 60 * 60 * 1000;
        let mut world = World::new(config, people(users, before), env.now_ms());
        // Everybody is to get a telephone, and there are more people than names.
        for n in 0..users {
            world.set(&id(n), "displayName", format!("Person {n:07}"));
        }
        let org = Simulator::of(world).unwrap();
        env.set("OKTA_API_TOKEN", TOKEN);
        let job = Job {
            connector: "okta",
            settings: format!("org_url = \"{}\"", org.url()),
            credentials: "api_token = { env = \"OKTA_API_TOKEN\" }".to_owned(),
            fields:
                "email = \"email\"\nmobile_twinning_number = \"numbers::e164(mobilePhone, countryCode)\"\n"
                    .to_owned(),
            ..Job::default()
        };
        let cloud = Cloud::new(env, job);
        cloud.env.write("provisioning.rhai", RULE);
        Self { cloud, org, asked: 0 }
    }

    /// Syncs, and tells what it took; an hour passes after it.
    fn sync(&mut self, table: &mut Table, name: &str) {
        let (used, report) = rollcall(&mut self.cloud.env.command(&SYNC));
        let asked =
            self.org.world().journal.entries.iter().filter(|entry| entry.path.ends_with("/users")).count();
        let requests = asked - self.asked;
        self.asked = asked;
        let more = format!(
            "{requests} requests, {} applied, {} unchanged",
            report["summary"]["applied"], report["summary"]["unchanged"],
        );
        table.row(&format!("okta: {name}"), used, None, &more);
        self.wait(Duration::from_secs(3600));
    }

    fn wait(&mut self, time: Duration) {
        self.cloud.env.advance(time);
        self.org.world().now_ms = self.cloud.env.now_ms();
    }
}

pub(crate) fn measure(wanted: &Wanted, table: &mut Table) {
    if !wanted.wants("okta") {
        return;
    }
    let mut okta = Okta::new(wanted.users);
    okta.sync(table, "everything read, everybody is made");
    okta.sync(table, "changes read, none; made sure once");
    okta.sync(table, "changes read, none");
    for n in 0..50 {
        okta.org.world().set(&id(n), "displayName", format!("Other Name {n}"));
    }
    okta.sync(table, "changes read, 50");
    okta.sync(table, "changes read, none; made sure once again");
    okta.wait(Duration::from_secs(24 * 3600));
    okta.sync(table, "everything read, no change");
}
