//! What an operation that took place does to the job's links.

use std::collections::BTreeMap;

use rollcall_core::adoption;
use rollcall_core::field::{Field, Value, groups_of};
use rollcall_core::memory::Link;
use rollcall_core::ops::Write;
use rollcall_core::phone::PhoneUser;
use rollcall_core::plan::{Action, Change};
use rollcall_core::text::fold;
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
                    written: birth.written.unwrap_or_else(|| {
                        fields.iter().map(|(field, value)| (*field, value.remembered())).collect()
                    }),
                    // Of an adopted user that is made again it is known what was left as it stood.
                    kept: change.adoption.as_ref().map(|was| was.kept.clone()).unwrap_or_default(),
                    matched_by: change.adoption.as_ref().map(|was| was.by),
                    rule: birth.rule,
                    number_by_rule: birth.number_by_rule,
                    user_template: birth.user_template,
                    record: birth.extension.as_ref().and(change.extension.clone()),
                    extension: birth.extension,
                    missing: None,
                };
                Some(self.made(link))
            }
            Write::Adopt { .. } => adoption::link(change).map(|link| self.made(link)),
            Write::Release { .. } => {
                self.0.remove(&change.id);
                let (id, guid) = (change.id.clone(), change.guid.clone());
                Some(LinkChange::Remove { id, guid, name: None, number: None })
            }
            Write::UpdateUser { set, .. } => {
                let mut link = self.0.get(&change.id)?.clone();
                link.key = change.key.clone();
                for (field, value) in set {
                    link.kept.remove(field);
                    match value {
                        Some(value) => _ = link.written.insert(*field, value.clone()),
                        None => _ = link.written.remove(field),
                    }
                }
                let freed = |field| freed(change, set, field);
                let (name, number) = (freed(Field::Name), freed(Field::Extension));
                self.0.insert(link.id.clone(), link.clone());
                Some(LinkChange::Moved { link: Box::new(link), name, number })
            }
            Write::RenumberExtension { from, to } => {
                let mut link =
                    self.0.get(&change.id).filter(|link| link.record.as_ref() == Some(from))?.clone();
                link.record = Some(to.clone());
                Some(self.put(link))
            }
            // Of a user that is made again the link knows already which groups are this job's.
            Write::AddMember { .. } if again(change) => None,
            Write::AddMember { group, .. } => self.member(&change.id, group, true),
            Write::RemoveMember { group, .. } => self.member(&change.id, group, false),
            // The link goes with the last step of the delete, so that a crash in between is finished by the next run.
            Write::DeleteUser { .. } if change.record.is_none() => Some(self.remove(change)),
            // Its name is free on the phone system from here on, and must be nobody else's all the same.
            Write::DeleteUser { .. } => {
                let link = Box::new(self.0.get(&change.id)?.clone());
                Some(LinkChange::Moved { link, name: change.name.clone(), number: change.extension.clone() })
            }
            Write::DeleteExtension { .. } if change.action == Action::Delete => Some(self.remove(change)),
            Write::DeleteExtension { .. } | Write::CreateExtension { .. } => None,
        }
    }

    fn made(&mut self, link: Link) -> LinkChange {
        self.0.insert(link.id.clone(), link.clone());
        LinkChange::Made(Box::new(link))
    }

    fn put(&mut self, link: Link) -> LinkChange {
        self.0.insert(link.id.clone(), link.clone());
        LinkChange::Put(Box::new(link))
    }

    fn member(&mut self, id: &RecordId, group: &Text, added: bool) -> Option<LinkChange> {
        let mut link = self.0.get(id)?.clone();
        link.kept.remove(&Field::GroupMembership);
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
            guid: change.guid.clone(),
            name: change.name.clone(),
            number: change.extension.clone(),
        }
    }
}

/// Tells whether a change makes a user again whose link says what this job wrote.
fn again(change: &Change) -> bool {
    change.action == Action::Create && change.birth.as_ref().is_some_and(|birth| birth.written.is_some())
}

/// Gives the name or number that an update gives up for good: what stood when the plan was made, once the planned one is
/// written. A temporary value is neither.
fn freed(change: &Change, set: &[(Field, Option<Value>)], field: Field) -> Option<Text> {
    let planned = change.field(field)?;
    set.iter().find(|(other, value)| *other == field && *value == planned.to)?;
    let text = |value: &Option<Value>| value.as_ref().and_then(Value::text).map(fold);
    let from = planned.from.as_ref().and_then(Value::text)?;
    // Another case of the same name is the same name.
    (text(&planned.from) != text(&planned.to)).then(|| from.into())
}

#[cfg(test)]
mod tests {
    use rollcall_core::diff::FieldChange;

    use super::*;

    #[test]
    fn what_an_update_gives_up_is_freed_once_the_planned_value_is_written() {
        let name = |text: &str| Some(Value::from(text));
        let check = |from: Option<Value>, to: Option<Value>, set: Option<Value>, expect: Option<&str>| {
            let field = FieldChange { field: Field::Name, from, to, drift: false };
            let change = Change { fields: vec![field], ..change() };
            assert_eq!(freed(&change, &[(Field::Name, set)], Field::Name).as_deref(), expect);
        };
        check(name("Anna"), name("Bert"), name("Bert"), Some("Anna"));
        check(name("Anna"), name("Bert"), name("moving 1"), None);
        check(name("Anna"), name("ANNA"), name("ANNA"), None);
        check(None, name("Bert"), name("Bert"), None);
        check(name("Anna"), None, None, Some("Anna"));
        assert_eq!(freed(&change(), &[(Field::Name, name("Bert"))], Field::Name), None);
    }

    fn change() -> Change {
        Change {
            action: Action::Update,
            id: RecordId { directory: "test".into(), native: "1".into() },
            key: "1".into(),
            ..Change::default()
        }
    }
}
