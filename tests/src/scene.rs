//! The usual scene: a tenant of made-up people, a phone system of two systems, and one job between them.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;

use crate::graph::{Config, Simulator, people};
use crate::harness::{Output, TestEnv};

/// The client secret of every scene; it must be found nowhere.
pub const CANARY: &str = "Canary~Secret.4f1d9c0e7b";

/// The phone system of every scene.
pub const OFFICE: &str = r#"
[[system]]
name = "London"
primary = true
fqdn = "london.example"
lan1 = "192.0.2.10"
[[system]]
name = "Leeds"
lan1 = "192.0.2.20"
[[user]]
name = "Reception"
full_name = "Made by hand"
extension = "20000"
system = "London"
[[group]]
name = "Sales"
extension = "60001"
system = "London"
[[group]]
name = "Marketing"
extension = "60002"
system = "London"
[[group]]
name = "Engineering"
extension = "60003"
system = "Leeds"
[[user_template]]
name = "Sales"
profile = "Power User"
[[extension_template]]
name = "J179"
type = "SIP"
"#;

/// Rules that give everybody a number.
pub const RULES: &str = r#"
rule("Sales", #{
    when: |user| user.department == "Sales",
    system: "Leeds",
    start_extension: 30000, end_extension: 34999,
    user_template: "Sales", extension_template: "J179",
});
rule("Others", #{
    start_extension: 20000, end_extension: 24999,
    extension_type: "SIP",
});
"#;

/// The fields of the usual job.
pub const FIELDS: &str = r#"
user_identification = "id"
name = "names::phone_name(user)"
full_name = "displayName"
email = "mail"
mobile_twinning_number = "numbers::e164(mobilePhone, usageLocation)"
group_membership = "[department]"
login_code = "employeeId"
"#;

/// A job file, part by part.
#[derive(Clone, Debug)]
pub struct Job {
    /// The configuration name.
    pub name: String,
    /// Further lines of `[directory]`.
    pub directory: String,
    /// Further lines of `[directory.settings]`; a key that stands here replaces the usual one.
    pub settings: String,
    /// The lines of `[phone_system]`.
    pub phone_system: String,
    /// The lines of `[fields]`.
    pub fields: String,
    /// The ticks New, Update and Delete.
    pub ticks: [bool; 3],
    /// Anything else.
    pub rest: String,
}

impl Default for Job {
    fn default() -> Self {
        Self {
            name: "TeamsUsers".to_owned(),
            directory: String::new(),
            settings: r#"scope = "tenant""#.to_owned(),
            phone_system: "kind = \"embedded\"\npath = \"office.db\"".to_owned(),
            fields: FIELDS.to_owned(),
            ticks: [true; 3],
            rest: String::new(),
        }
    }
}

impl Job {
    /// Gives the same job with other ticks.
    #[must_use]
    pub fn ticks(mut self, new: bool, update: bool, delete: bool) -> Self {
        self.ticks = [new, update, delete];
        self
    }

    /// Gives the same job with one field's line replaced or added.
    #[must_use]
    pub fn field(mut self, field: &str, value: &str) -> Self {
        let start = format!("{field} ");
        let kept: Vec<&str> = self.fields.lines().filter(|line| !line.starts_with(&start)).collect();
        self.fields = format!("{}\n{field} = {value}\n", kept.join("\n"));
        self
    }

    /// Gives the same job, which reads everything each time.
    #[must_use]
    pub fn whole(mut self) -> Self {
        self.directory.push_str("\nfull_every = \"0s\"");
        self
    }

    /// Gives the same job with further sections.
    #[must_use]
    pub fn with(mut self, sections: &str) -> Self {
        self.rest.push_str(sections);
        self.rest.push('\n');
        self
    }

    /// Gives the same job with other settings of the directory.
    #[must_use]
    pub fn settings(mut self, settings: &str) -> Self {
        settings.clone_into(&mut self.settings);
        self
    }

    /// Writes the job file for a simulator.
    pub fn text(&self, url: &str) -> String {
        let config = Config::default();
        let usual = [
            ("tenant_id", config.tenants[0].as_str()),
            ("client_id", config.client_id.as_str()),
            ("login_url", url),
            ("graph_url", url),
        ];
        let missing =
            usual.iter().filter(|(key, _)| !self.settings.lines().any(|line| line.trim().starts_with(key)));
        let settings: String = missing.map(|(key, value)| format!("{key} = \"{value}\"\n")).collect();
        let [new, update, delete] = self.ticks;
        format!(
            "name = \"{}\"\n\n[directory]\nconnector = \"entra\"\n{}\n\n[directory.settings]\n{settings}{}\n\n\
             [directory.credentials]\nclient_secret = {{ env = \"CLIENT_SECRET\" }}\n\n[phone_system]\n{}\n\n\
             [fields]\n{}\n[rules]\nfiles = [\"provisioning.rhai\"]\n\n\
             [synchronize]\nnew = {new}\nupdate = {update}\ndelete = {delete}\n\n{}",
            self.name, self.directory, self.settings, self.phone_system, self.fields, self.rest
        )
    }
}

/// A machine with a simulated tenant and a phone system.
#[derive(Debug)]
pub struct Scene {
    /// The machine.
    pub env: TestEnv,
    /// The tenant.
    pub graph: Simulator,
}

impl Scene {
    /// Sets the scene with so many people, and writes the usual job.
    pub fn new(mut env: TestEnv, users: usize) -> Self {
        let config =
            Config { client_secret: CANARY.to_owned(), now_ms: Some(env.now_ms()), ..Config::default() };
        let graph = Simulator::start(config, people(users)).unwrap();
        env.set("CLIENT_SECRET", CANARY);
        env.write("office.toml", OFFICE);
        env.write("provisioning.rhai", RULES);
        let _ = env.run(&["office", "init", "office.db", "--from", "office.toml"]).success();
        let scene = Self { env, graph };
        scene.job(&Job::default());
        scene
    }

    /// Writes the job file.
    pub fn job(&self, job: &Job) -> PathBuf {
        self.env.write("job.toml", job.text(&self.graph.url()))
    }

    /// Moves both clocks.
    pub fn wait(&mut self, time: Duration) {
        self.env.advance(time);
        self.graph.world().config.now_ms = Some(self.env.now_ms());
    }

    /// Previews the job.
    pub fn preview(&self) -> Output {
        self.env.run(&["preview", "job.toml", "--json"])
    }

    /// Syncs the job.
    pub fn sync(&self) -> Output {
        self.env.run(&["sync", "job.toml", "--yes", "--json"])
    }

    /// Gives the phone system's users with their codes, built-in ones left out.
    pub fn users(&self) -> Vec<Value> {
        users_of(&self.env, "office.db")
    }

    /// Gives the phone user that is linked to a user identification.
    pub fn linked(&self, key: &str) -> Option<Value> {
        self.users().into_iter().find(|user| user["links"]["user_identification"] == key)
    }
}

/// Gives the users of an office or of a job's phone system.
pub fn users_of(env: &TestEnv, office: &str) -> Vec<Value> {
    let output = env.run(&["office", "users", office, "--json", "--reveal"]).success();
    let json = output.json();
    let list = json.as_array().or_else(|| json["users"].as_array()).cloned().unwrap_or_default();
    let built_in = |user: &Value| {
        let name = user["name"].as_str().unwrap_or_default().to_lowercase();
        ["nouser", "remotemanager", "admin"].contains(&name.as_str())
    };
    list.into_iter().filter(|user| !built_in(user)).collect()
}
