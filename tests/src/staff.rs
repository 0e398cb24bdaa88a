//! A small company in a CSV file: whoever stands on the phone system already, and a job that may take them over.

use serde_json::Value;

use crate::harness::{Output, TestEnv};
use crate::scene::users_of;

/// The columns of the staff list.
pub const HEAD: &str = "id,login,name,full_name,email,extension,groups";

/// A machine with a staff list, a phone system and a job between them.
#[derive(Debug)]
pub struct Staff {
    /// The machine.
    pub env: TestEnv,
}

impl Staff {
    /// Makes a phone system of `[[user]]` tables on the system `Main`, with the hunt groups Sales and Support.
    pub fn new(env: TestEnv, users: &str) -> Self {
        let group = |name: &str, number: u32| {
            format!("[[group]]\nname = \"{name}\"\nextension = \"{number}\"\nsystem = \"Main\"\n")
        };
        let office = format!(
            "[[system]]\nname = \"Main\"\nprimary = true\n{}{}{users}",
            group("Sales", 7001),
            group("Support", 7002)
        );
        env.write("office.toml", office);
        let _ = env.run(&["office", "init", "office.db", "--from", "office.toml"]).success();
        Self { env }
    }

    /// Writes the staff list.
    pub fn people(&self, rows: &[&str]) {
        self.env.write("people.csv", format!("{HEAD}\n{}\n", rows.join("\n")));
    }

    /// Writes the job; `more` are further sections.
    pub fn job(&self, more: &str) {
        self.named("job.toml", "Staff", more);
    }

    /// Writes another job between the same two ends.
    pub fn named(&self, file: &str, name: &str, more: &str) {
        let ticks = "[synchronize]\nnew = true\nupdate = true\ndelete = true\n";
        let ticks = if more.contains("[synchronize]") { "" } else { ticks };
        let fields = "user_identification = \"login\"\nname = \"name\"\nfull_name = \"full_name\"\nemail = \"email\"\n\
                      extension = \"extension\"\ngroup_membership = \"groups\"\n";
        self.env.write(
            file,
            format!(
                "name = \"{name}\"\n[directory]\nconnector = \"csv\"\n[directory.settings]\npath = \"people.csv\"\n\
                 id_column = \"id\"\n[phone_system]\nkind = \"embedded\"\npath = \"office.db\"\n[fields]\n{fields}{ticks}{more}"
            ),
        );
    }

    /// Previews the job.
    pub fn preview(&self) -> Output {
        self.env.run(&["preview", "job.toml", "--json"])
    }

    /// Syncs the job.
    pub fn sync(&self) -> Output {
        self.env.run(&["sync", "job.toml", "--yes", "--json"])
    }

    /// Gives the phone users, built-in ones left out.
    pub fn users(&self) -> Vec<Value> {
        users_of(&self.env, "office.db")
    }

    /// Gives the phone user of a name.
    pub fn user(&self, name: &str) -> Value {
        let found = self.users().into_iter().find(|user| user["name"] == name);
        found.unwrap_or_else(|| panic!("no phone user `{name}`"))
    }

    /// Gives who owns the phone user of a name: the user identification.
    pub fn owner(&self, name: &str) -> Value {
        self.user(name)["links"]["user_identification"].clone()
    }
}

/// Writes a `[[user]]` table of an office file; what is empty is left out.
pub fn stands(name: &str, extension: &str, email: &str) -> String {
    let mut out = format!("[[user]]\nname = \"{name}\"\nsystem = \"Main\"\n");
    for (key, value) in [("extension", extension), ("email", email)] {
        if !value.is_empty() {
            out.push_str(&format!("{key} = \"{value}\"\n"));
        }
    }
    out
}
