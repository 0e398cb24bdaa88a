//! What the simulated tenant holds: users as Graph's own JSON objects, groups and who is in them.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// A JSON object in the order in which it was written.
pub type Object = serde_json::Map<String, Value>;

/// One tenant's directory.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tenant {
    /// Users by id.
    pub users: BTreeMap<String, Object>,
    /// Deleted users by id, who can be restored.
    pub deleted: BTreeMap<String, Object>,
    /// Groups by id.
    pub groups: BTreeMap<String, Group>,
}

/// One group.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Group {
    /// `displayName`.
    pub display_name: String,
    /// The direct members, in the order in which Graph gives them.
    #[serde(default)]
    pub members: Vec<Member>,
    /// Whether the membership is hidden, so that reading it takes `Member.Read.Hidden`.
    #[serde(default)]
    pub hidden: bool,
}

/// One direct member of a group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Member {
    /// A user's id.
    User(String),
    /// A nested group's id.
    Group(String),
    /// A device's id.
    Device(String),
}

impl Member {
    /// Gives the object's type as `@odata.type` says it, and its id.
    pub(crate) fn kind_and_id(&self) -> (&'static str, &str) {
        match self {
            Member::User(id) => ("#microsoft.graph.user", id),
            Member::Group(id) => ("#microsoft.graph.group", id),
            Member::Device(id) => ("#microsoft.graph.device", id),
        }
    }
}

impl Tenant {
    /// Reads users from a Graph answer (`{"value": [...]}`), and groups from its `groups` key where it has one.
    ///
    /// # Errors
    /// A user without a text `id`, or a text that is no such JSON.
    pub fn from_json(text: &str) -> Result<Self, String> {
        let mut root: Object = serde_json::from_str(text).map_err(|error| error.to_string())?;
        let mut tenant = Tenant::default();
        let Some(Value::Array(users)) = root.remove("value") else {
            return Err("`value` is missing or no list".to_owned());
        };
        for user in users {
            match user {
                Value::Object(user) => tenant.put_user(user)?,
                other => return Err(format!("`{other}` is no user")),
            }
        }
        if let Some(groups) = root.remove("groups") {
            tenant.groups = serde_json::from_value(groups).map_err(|error| error.to_string())?;
        }
        Ok(tenant)
    }

    /// Adds a user or takes its place.
    ///
    /// # Errors
    /// The object has no text `id`.
    pub fn put_user(&mut self, user: Object) -> Result<(), String> {
        let id = user.get("id").and_then(Value::as_str).ok_or("a user without `id`")?.to_owned();
        self.deleted.remove(&id);
        self.users.insert(id, user);
        Ok(())
    }

    /// Sets one property of a user; `null` clears it.
    pub fn set(&mut self, id: &str, property: &str, value: impl Into<Value>) {
        let user = self.users.get_mut(id).unwrap_or_else(|| panic!("no user `{id}`"));
        user.insert(property.to_owned(), value.into());
    }

    /// Deletes a user, from its groups too; it can be restored.
    pub fn remove_user(&mut self, id: &str) {
        if let Some(user) = self.users.remove(id) {
            self.deleted.insert(id.to_owned(), user);
        }
        for group in self.groups.values_mut() {
            group.members.retain(|member| member.kind_and_id().1 != id);
        }
    }

    /// Restores a deleted user, but not to its groups.
    ///
    /// # Errors
    /// The user is not among the deleted ones.
    pub fn restore_user(&mut self, id: &str) -> Result<(), String> {
        let user = self.deleted.remove(id).ok_or_else(|| format!("no deleted user `{id}`"))?;
        self.put_user(user)
    }

    /// Deletes a user for good.
    pub fn purge_user(&mut self, id: &str) {
        self.remove_user(id);
        self.deleted.remove(id);
    }

    /// Gives the id of the one user with this `displayName`.
    pub fn id_of(&self, display_name: &str) -> String {
        let mut found =
            self.users.iter().filter(|(_, user)| user.get("displayName") == Some(&json!(display_name)));
        let (id, _) = found.next().unwrap_or_else(|| panic!("nobody is called `{display_name}`"));
        assert!(found.next().is_none(), "several users are called `{display_name}`");
        id.clone()
    }

    /// Adds a user to a group, which is made where it is missing.
    pub fn join(&mut self, group: &str, member: Member) {
        let members = &mut self.groups.entry(group.to_owned()).or_default().members;
        if !members.contains(&member) {
            members.push(member);
        }
    }

    /// Takes a user out of a group.
    pub fn leave(&mut self, group: &str, member: &Member) {
        if let Some(group) = self.groups.get_mut(group) {
            group.members.retain(|other| other != member);
        }
    }

    /// Gives a group's members through all nested groups, each once, nested groups included, as `transitiveMembers` does.
    pub(crate) fn transitive(&self, group: &str) -> Vec<Member> {
        let (mut seen, mut found, mut open) = (BTreeSet::new(), Vec::new(), vec![group.to_owned()]);
        while let Some(id) = open.pop() {
            for member in self.groups.get(&id).map(|group| group.members.as_slice()).unwrap_or_default() {
                if !seen.insert(member.kind_and_id().1.to_owned()) {
                    continue;
                }
                if let Member::Group(id) = member {
                    open.push(id.clone());
                }
                found.push(member.clone());
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nested_groups_are_flattened_once_even_in_a_circle() {
        let mut tenant = Tenant::default();
        tenant.join("a", Member::User("1".into()));
        tenant.join("a", Member::Group("b".into()));
        tenant.join("b", Member::User("1".into()));
        tenant.join("b", Member::User("2".into()));
        tenant.join("b", Member::Group("a".into()));
        let ids: Vec<_> = tenant.transitive("a").iter().map(|m| m.kind_and_id().1.to_owned()).collect();
        assert_eq!(ids, ["1", "b", "2", "a"]);
    }
}
