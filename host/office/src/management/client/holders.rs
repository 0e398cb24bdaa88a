//! Who holds which name and number now: a list of all users and extension records that is not older than a limit.
//!
//! No read by name or number is proven (see `find.rs`), so the whole list is asked for. It serves many creates in a
//! row, and this client's own writes are noted in it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use rollcall_core::field::text_of;
use rollcall_core::ops::Write;
use rollcall_core::phone::PhoneUser;
use rollcall_core::text::fold;
use rollcall_core::{Field, Guid, Text};
use rollcall_edges::office::{OfficeError, Taken};
use tokio::time::Instant;

use super::super::wire::{Kind, extension_of};
use super::Client;
use super::call::Ask;
use super::limits::{HOLDERS_AGE, HOLDERS_SHARE};
use crate::model::element;

/// The names and numbers of a phone system at one moment.
pub(super) struct Holders {
    /// When it may no longer be used.
    until: Instant,
    users: BTreeMap<Guid, (Text, Option<Text>)>,
    names: BTreeMap<String, Guid>,
    numbers: BTreeMap<Text, Guid>,
    records: BTreeSet<Text>,
}

impl Holders {
    fn put(&mut self, guid: &Guid, name: Text, number: Option<Text>) {
        self.remove(guid);
        self.names.insert(fold(&name), guid.clone());
        if let Some(number) = &number {
            self.numbers.insert(number.clone(), guid.clone());
        }
        self.users.insert(guid.clone(), (name, number));
    }

    fn remove(&mut self, guid: &Guid) {
        let Some((name, number)) = self.users.remove(guid) else { return };
        self.names.remove(&fold(&name));
        if let Some(number) = number {
            self.numbers.remove(&number);
        }
    }

    fn taken(&self, name: &str, number: Option<&str>) -> Option<Taken> {
        let holder = |guid: &Guid| -> Text {
            let name = self.users.get(guid).map(|(name, _)| &**name).unwrap_or_default();
            format!("the user `{name}`").into()
        };
        if let Some(guid) = self.names.get(&fold(name)) {
            return Some(Taken::Name(holder(guid)));
        }
        let number = number?;
        let user = self.numbers.get(number).map(|guid| Taken::Number(holder(guid)));
        user.or_else(|| self.records.contains(number).then(|| Taken::Record(number.into())))
    }

    /// Notes what a write of this client has done.
    fn wrote(&mut self, write: &Write, user: Option<&PhoneUser>) {
        if let Some(user) = user {
            self.put(&user.guid, user.name().into(), text_of(&user.fields, Field::Extension).map(Text::from));
        }
        match write {
            Write::DeleteUser { guid } => self.remove(guid),
            Write::CreateExtension { number, .. } => _ = self.records.insert(number.clone()),
            Write::RenumberExtension { from, to } => {
                self.records.remove(from);
                self.records.insert(to.clone());
            }
            Write::DeleteExtension { number } => _ = self.records.remove(number),
            Write::CreateUser { .. }
            | Write::UpdateUser { .. }
            | Write::Adopt { .. }
            | Write::Release { .. }
            | Write::AddMember { .. }
            | Write::RemoveMember { .. } => {}
        }
    }
}

impl Client {
    /// Tells who holds a name or number. The answer is as old as [`HOLDERS_AGE`] at most, or as a share of the time
    /// that the listing itself takes allows.
    pub(super) async fn holder(
        &self,
        name: &str,
        number: Option<&str>,
    ) -> Result<Option<Taken>, OfficeError> {
        let mut held = self.holders.lock().await;
        let holders = match held.take() {
            Some(holders) if Instant::now() < holders.until => holders,
            _ => self.list_holders().await?,
        };
        let taken = holders.taken(name, number);
        *held = Some(holders);
        Ok(taken)
    }

    /// Notes a write. One whose outcome is not known makes the list worthless.
    pub(super) async fn note(&self, write: &Write, answer: &Result<Option<PhoneUser>, OfficeError>) {
        let mut held = self.holders.lock().await;
        match answer {
            Ok(user) => {
                if let Some(holders) = held.as_mut() {
                    holders.wrote(write, user.as_ref());
                }
            }
            Err(OfficeError::Stale(_) | OfficeError::Refused(_)) => {}
            Err(_) => *held = None,
        }
    }

    async fn list_holders(&self) -> Result<Holders, OfficeError> {
        let begun = Instant::now();
        let mut holders = Holders {
            until: begun,
            users: BTreeMap::new(),
            names: BTreeMap::new(),
            numbers: BTreeMap::new(),
            records: BTreeSet::new(),
        };
        for home in self.homes().await? {
            for item in self.list(Ask::new("GET", Kind::User, &home)).await? {
                if let (Some(guid), Some(name)) = (item.guid(), item.text(element::NAME)) {
                    let number = item.text(element::EXTENSION).map(Text::from);
                    holders.put(&guid, name.into(), number);
                }
            }
            for item in self.list(Ask::new("GET", Kind::Extension, &home)).await? {
                let record = extension_of(&item, &home.system.name);
                holders.records.extend(record.map(|record| record.number));
            }
        }
        holders.until = begun + age(begun.elapsed());
        Ok(holders)
    }
}

/// How long a list may be used, from when it was asked for: a large phone system takes longer to list than the limit,
/// and must not be listed all the time.
fn age(took: Duration) -> Duration {
    HOLDERS_AGE.max(took * HOLDERS_SHARE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_that_takes_long_may_be_used_longer() {
        for (took, expect) in [(0, 2_000), (100, 2_000), (400, 2_000), (3_000, 15_000)] {
            assert_eq!(age(Duration::from_millis(took)), Duration::from_millis(expect), "{took}");
        }
    }
}
