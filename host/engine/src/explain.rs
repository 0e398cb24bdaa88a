//! One user's whole way, for a person who asks why.

use std::sync::Arc;

use rollcall_core::field::Value;
use rollcall_core::map::Mapped;
use rollcall_core::memory::Link;
use rollcall_core::phone::PhoneUser;
use rollcall_core::plan::Change;
use rollcall_core::provision::Desired;
use rollcall_core::text::fold;
use rollcall_core::witness::{Step, Witness};
use rollcall_core::{Cell, Diagnostic, Field, Record, RecordId, Text};

use crate::delete_now::is_key;
use crate::error::RunError;
use crate::mapping::Interest;
use crate::prepare::prepare;
use crate::run::{Options, Parts};

/// Everything that is known of one user.
#[derive(Debug, Default)]
pub struct Explained {
    /// Whose record it is.
    pub id: Option<RecordId>,
    /// The user identification, once it is known.
    pub key: Option<Text>,
    /// As the directory gave it; `None` for a leaver.
    pub record: Option<Record>,
    /// As the expressions made it.
    pub mapped: Option<Mapped>,
    /// The link, if this job owns a phone user for it.
    pub link: Option<Link>,
    /// The phone user as it stands.
    pub stands: Option<PhoneUser>,
    /// As it should be.
    pub desired: Option<Desired>,
    /// As the plan has it; `None` where nothing changes.
    pub change: Option<Change>,
    /// Why nothing changes, for a leaver whose delete is not due.
    pub pending: Option<String>,
    /// What the plan says of this user.
    pub diagnostics: Vec<Diagnostic>,
}

/// Finds users by user identification, name, extension, e-mail or login name, and explains each.
///
/// # Errors
/// As for a preview.
pub async fn explain(parts: Parts<'_>, wanted: &str) -> Result<Vec<Explained>, RunError> {
    let wanted = fold(wanted.trim());
    let links = parts.state.links(&parts.job.name).await?;
    let standing = parts.office.read().await?;
    let by_phone: Vec<RecordId> = links
        .iter()
        .filter(|link| {
            let phone = standing.users.get(&link.guid);
            is_key(link, &wanted) || phone.is_some_and(|phone| is_phone(phone, &wanted))
        })
        .map(|link| link.id.clone())
        .collect();
    let interest: Interest = {
        let (wanted, by_phone) = (wanted.clone(), by_phone.clone());
        Arc::new(move |record, mapped| {
            by_phone.contains(&record.id) || is_record(record, &wanted) || is_mapped(mapped, &wanted)
        })
    };
    let mut collector = Collector::default();
    let prepared = prepare(parts, &Options::default(), Some(interest), &mut collector).await?;
    let mut ids: Vec<RecordId> =
        prepared.seen.iter().map(|(record, _)| record.id.clone()).chain(by_phone).collect();
    // A user of the plan may only now have the name or number that was asked for.
    let planned =
        collector.changes.iter().filter(|change| is_change(change, &wanted)).map(|change| change.id.clone());
    ids.extend(planned);
    ids.sort();
    ids.dedup();
    let explained = ids.into_iter().map(|id| {
        let link = prepared.memory.links.get(&id).cloned();
        let seen = prepared.seen.iter().find(|(record, _)| record.id == id).cloned();
        let (record, mapped) = seen.unzip();
        let change = collector.changes.iter().find(|change| change.id == id).cloned();
        let desired = collector.desired.iter().find(|desired| desired.draft.id == id).cloned();
        let key =
            desired.as_ref().map(|desired| &desired.draft.key).or(change.as_ref().map(|change| &change.key));
        let key = key.or(link.as_ref().map(|link| &link.key)).cloned();
        let pending = prepared.plan.pending.iter().find(|pending| key.as_ref() == Some(&pending.key));
        let about = |diagnostic: &&Diagnostic| diagnostic.user.is_some() && diagnostic.user == key;
        Explained {
            stands: link.as_ref().and_then(|link| prepared.standing.users.get(&link.guid)).cloned(),
            pending: pending.map(|pending| pending.why.clone()),
            diagnostics: prepared.plan.diagnostics.iter().filter(about).cloned().collect(),
            id: Some(id),
            key,
            record,
            mapped,
            link,
            desired,
            change,
        }
    });
    Ok(explained.collect())
}

/// Keeps what passes.
#[derive(Default)]
struct Collector {
    desired: Vec<Desired>,
    changes: Vec<Change>,
}

impl Witness for Collector {
    fn saw(&mut self, step: Step<'_>) {
        match step {
            Step::Provisioned(desired) => self.desired.push(desired.clone()),
            Step::Planned(change) => self.changes.push(change.clone()),
            Step::Pulled(_) | Step::Mapped(_) | Step::Matched(_) => {}
        }
    }
}

/// Tells whether somebody named a record by its id, or by an attribute that names people.
pub(crate) fn is_record(record: &Record, wanted: &str) -> bool {
    record.id.is_called(wanted)
        || record.iter().any(|(name, cell)| {
            let naming = [
                "mail",
                "userPrincipalName",
                "sAMAccountName",
                "uid",
                "login",
                "userName",
                "displayName",
                "email",
            ];
            naming.contains(&&**name) && matches!(cell, Cell::Text(text) if fold(text) == wanted)
        })
}

pub(crate) fn is_mapped(mapped: &Mapped, wanted: &str) -> bool {
    match mapped {
        Mapped::Skipped(skip) => {
            fold(&skip.key) == wanted || skip.name.as_deref().is_some_and(|name| fold(name) == wanted)
        }
        Mapped::Draft(draft) => {
            let first =
                |field| draft.fields.get(&field).and_then(|values| values.first()).and_then(Value::text);
            fold(&draft.key) == wanted
                || [Field::Name, Field::FullName, Field::Email, Field::Extension]
                    .into_iter()
                    .any(|field| first(field).is_some_and(|text| fold(text) == wanted))
        }
    }
}

pub(crate) fn is_phone(phone: &PhoneUser, wanted: &str) -> bool {
    [Field::Name, Field::FullName, Field::Email, Field::Extension].into_iter().any(|field| {
        rollcall_core::field::text_of(&phone.fields, field).is_some_and(|text| fold(text) == wanted)
    })
}

fn is_change(change: &Change, wanted: &str) -> bool {
    [Some(&change.key), change.name.as_ref(), change.extension.as_ref()]
        .into_iter()
        .flatten()
        .any(|text| fold(text) == wanted)
}
