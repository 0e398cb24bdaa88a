//! A machine with a phone system and a job for any directory that is asked over HTTP.

use serde_json::Value;

use crate::harness::{Output, TestEnv};
use crate::scene::{OFFICE, RULES, users_of};

/// A job file, part by part.
#[derive(Clone, Debug, Default)]
pub struct Job {
    /// The connector's name.
    pub connector: &'static str,
    /// Further lines of `[directory]`.
    pub directory: String,
    /// The lines of `[directory.settings]`.
    pub settings: String,
    /// The lines of `[directory.credentials]`.
    pub credentials: String,
    /// The lines of `[fields]` besides identification, name, full name and group membership.
    pub fields: String,
    /// Anything else.
    pub rest: String,
}

impl Job {
    /// Writes the job file.
    pub fn text(&self) -> String {
        let Self { connector, directory, settings, credentials, fields, rest } = self;
        let usual =
            "user_identification = \"id\"\nname = \"names::phone_name(user)\"\nfull_name = \"displayName\"\n";
        let group =
            if fields.contains("group_membership") { "" } else { "group_membership = \"[department]\"\n" };
        format!(
            "name = \"Cloud\"\n\n[directory]\nconnector = \"{connector}\"\n{directory}\n\n[directory.settings]\n{settings}\n\n\
             [directory.credentials]\n{credentials}\n\n[phone_system]\nkind = \"embedded\"\npath = \"office.db\"\n\n\
             [fields]\n{usual}{group}{fields}\n\n[rules]\nfiles = [\"provisioning.rhai\"]\n\n\
             [synchronize]\nnew = true\nupdate = true\ndelete = true\n\n{rest}"
        )
    }
}

/// The machine.
#[derive(Debug)]
pub struct Cloud {
    /// The machine itself.
    pub env: TestEnv,
    /// Its job, as it was written last.
    pub job: Job,
}

impl Cloud {
    /// Makes the phone system and writes the job.
    pub fn new(env: TestEnv, job: Job) -> Self {
        env.write("office.toml", OFFICE);
        env.write("provisioning.rhai", RULES);
        let _ = env.run(&["office", "init", "office.db", "--from", "office.toml"]).success();
        let cloud = Self { env, job };
        cloud.write();
        cloud
    }

    /// Writes the job as it is now.
    pub fn write(&self) {
        self.env.write("job.toml", self.job.text());
    }

    /// Adds sections to the job.
    pub fn with(&mut self, sections: &str) {
        self.job.rest.push_str(sections);
        self.write();
    }

    /// Runs a command on the job.
    pub fn run(&self, command: &str, more: &[&str]) -> Output {
        self.env.run(&[&[command, "job.toml"], more].concat())
    }

    /// Previews the job.
    pub fn preview(&self) -> Output {
        self.run("preview", &["--json"])
    }

    /// Syncs the job.
    pub fn sync(&self) -> Output {
        self.run("sync", &["--yes", "--json"])
    }

    /// Gives the phone users, built-in ones left out.
    pub fn users(&self) -> Vec<Value> {
        users_of(&self.env, "office.db")
    }

    /// Gives the phone user that is linked to a user identification.
    pub fn linked(&self, key: &str) -> Option<Value> {
        self.users().into_iter().find(|user| user["links"]["user_identification"] == key)
    }
}
