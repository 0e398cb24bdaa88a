//! `POST /_control`: how a test that runs the simulator as a program of its own moves people and asks for faults.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::fault::FaultRule;
use super::model::{Group, Member, Object};
use super::world::World;
use crate::web::{Answer, Entry, Request};

/// One change of the simulated world.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case", deny_unknown_fields)]
pub enum Command {
    /// Adds a user or takes its place.
    PutUser {
        /// The user as Graph shows it.
        user: Object,
    },
    /// Sets properties of a user.
    Patch {
        /// The user's id.
        id: String,
        /// The properties.
        values: Object,
    },
    /// Deletes a user, who can be restored.
    RemoveUser {
        /// The user's id.
        id: String,
    },
    /// Restores a deleted user.
    RestoreUser {
        /// The user's id.
        id: String,
    },
    /// Deletes a user for good.
    PurgeUser {
        /// The user's id.
        id: String,
    },
    /// Adds a group or takes its place.
    PutGroup {
        /// The group's id.
        id: String,
        /// The group.
        group: Group,
    },
    /// Adds a member.
    Join {
        /// The group's id.
        group: String,
        /// Who.
        member: Member,
    },
    /// Takes a member out.
    Leave {
        /// The group's id.
        group: String,
        /// Who.
        member: Member,
    },
    /// Asks for a fault.
    Fault {
        /// Which, where and how often.
        rule: FaultRule,
    },
    /// Ends all faults.
    ClearFaults,
    /// Lets every access token run out.
    ExpireTokens,
    /// Changes how the simulator behaves.
    Set {
        /// The most rows of a page.
        page_rows: Option<usize>,
        /// The lifetime of an access token, in seconds.
        token_seconds: Option<u64>,
        /// How long an answer takes, in milliseconds.
        latency_ms: Option<u64>,
        /// The permissions that are granted.
        permissions: Option<Vec<String>>,
    },
}

impl World {
    /// Carries out a change.
    ///
    /// # Errors
    /// The user that it names is not there, or has no id.
    pub fn command(&mut self, command: Command) -> Result<(), String> {
        match command {
            Command::PutUser { user } => self.tenant.put_user(user)?,
            Command::Patch { id, values } => {
                let user = self.tenant.users.get_mut(&id).ok_or_else(|| format!("no user `{id}`"))?;
                user.extend(values);
            }
            Command::RemoveUser { id } => self.tenant.remove_user(&id),
            Command::RestoreUser { id } => self.tenant.restore_user(&id)?,
            Command::PurgeUser { id } => self.tenant.purge_user(&id),
            Command::PutGroup { id, group } => {
                self.tenant.groups.insert(id, group);
            }
            Command::Join { group, member } => self.tenant.join(&group, member),
            Command::Leave { group, member } => self.tenant.leave(&group, &member),
            Command::Fault { rule } => self.faults.push(rule),
            Command::ClearFaults => self.faults.clear(),
            Command::ExpireTokens => self.expire_tokens(),
            Command::Set { page_rows, token_seconds, latency_ms, permissions } => {
                let config = &mut self.config;
                config.page_rows = page_rows.unwrap_or(config.page_rows);
                config.token_seconds = token_seconds.unwrap_or(config.token_seconds);
                config.latency_ms = latency_ms.unwrap_or(config.latency_ms);
                if let Some(permissions) = permissions {
                    config.permissions = permissions.into_iter().collect();
                }
            }
        }
        Ok(())
    }
}

pub(super) fn answer(world: &mut World, request: &Request) -> Answer {
    if request.method == "GET" {
        let journal = &world.journal;
        let row = |entry: &Entry| json!({"method": entry.method, "path": entry.path, "query": entry.query, "status": entry.status});
        let rows: Vec<Value> = journal.entries.iter().map(row).collect();
        return Answer::json(200, &json!({"tokens": journal.tokens(), "requests": rows}));
    }
    let done = serde_json::from_str::<Command>(&request.body)
        .map_err(|error| error.to_string())
        .and_then(|command| world.command(command));
    match done {
        Ok(()) => Answer::json(200, &json!({"done": true})),
        Err(why) => Answer::json(400, &json!({"error": why})),
    }
}
