//! What an operation that took place does to the job's links.

use std::collections::BTreeMap;

use rollcall_core::field::{Field, Value, groups_of};
use rollcall_core::memory::Link;
use rollcall_core::ops::Write;
use rollcall_core::phone::PhoneUser;
use rollcall_core::plan::{Action, Change};
use rollcall_core::{RecordId, Text};
use rollcall_edges::state::LinkChange;

/// The job's links as the run has left them so far.
#[derive(Clone, Debug, Default)]
pub struct Ledger(BTreeMap<RecordId, Link>);

impl Ledger {
    /// Starts with the links that the plan was made from.
    pub const fn new(links: BTreeMap<RecordId, Link>) -> Self {
        Self(links)
    }

    /// Gives the link of a record.
    pub fn link(&self, id: &RecordId) -> Option<&Link> {
        self.0.get(id)
    }

    /// Gives what an operation that took place does to the link.
    pub fn after(&mut self, change: &Change, write: &Write, user: Option<&PhoneUser>) -> Option<LinkChange> {
        match write {
            Write::CreateUser { fields, .. } => {
                let birth = change.birth.clone().unwrap_or_default();
                let link = Link {
                    id: change.id.clone(),
                    key: change.key.clone(),
                    guid: user.map(|user| user.guid.clone())?,
                    written: fields.clone(),
                    rule: birth.rule,
                    number_by_rule: birth.number_by_rule,
                    record: birth.extension.and(change.extension.clone()),
                    missing: None,
                };
                Some(self.put(link))
            }
            Write::UpdateUser { set, .. } => {
                let mut link = self.0.get(&change.id)?.clone();
                link.key = change.key.clone();
                for (field, value) in set {
                    match value {
                        Some(value) => _ = link.written.insert(*field, value.clone()),
                        None => _ = link.written.remove(field),
                    }
                }
                Some(self.put(link))
            }
            Write::RenumberExtension { from, to } => {
                let mut link =
                    self.0.get(&change.id).filter(|link| link.record.as_ref() == Some(from))?.clone();
                link.record = Some(to.clone());
                Some(self.put(link))
            }
            Write::AddMember { group, .. } => self.member(&change.id, group, true),
            Write::RemoveMember { group, .. } => self.member(&change.id, group, false),
            // The link goes with the last step of the delete, so that a crash in between is finished by the next run.
            Write::DeleteUser { .. } if change.record.is_none() => Some(self.remove(change)),
            Write::DeleteExtension { .. } if change.action == Action::Delete => Some(self.remove(change)),
            Write::DeleteUser { .. } | Write::DeleteExtension { .. } | Write::CreateExtension { .. } => None,
        }
    }

    fn put(&mut self, link: Link) -> LinkChange {
        self.0.insert(link.id.clone(), link.clone());
        LinkChange::Put(Box::new(link))
    }

    fn member(&mut self, id: &RecordId, group: &Text, added: bool) -> Option<LinkChange> {
        let mut link = self.0.get(id)?.clone();
        let groups = groups_of(&link.written).iter().filter(|other| *other != group).cloned();
        match Value::list_of(groups.chain(added.then(|| group.clone()))) {
            Some(groups) => _ = link.written.insert(Field::GroupMembership, groups),
            None => _ = link.written.remove(&Field::GroupMembership),
        }
        Some(self.put(link))
    }

    fn remove(&mut self, change: &Change) -> LinkChange {
        self.0.remove(&change.id);
        LinkChange::Remove {
            id: change.id.clone(),
            name: change.name.clone(),
            number: change.extension.clone(),
        }
    }
}
