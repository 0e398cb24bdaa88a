//! A write whose answer was lost: it is looked for until it shows or the settle time has passed, and never sent again
//! unless doing it twice is doing it once.

use std::time::Duration;

use rollcall_core::field::{Field, Value, groups_of};
use rollcall_core::ops::Write;
use rollcall_core::phone::PhoneUser;
use rollcall_core::text::fold;
use rollcall_edges::office::{Locator, Office, OfficeError};

use crate::known::KnownUsers;

/// How often it is looked for.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// What the search came to.
#[derive(Debug)]
pub enum Found {
    /// The write took place; the user as it stands, where it is about one.
    Applied(Option<PhoneUser>),
    /// It did not take place, and cannot any more.
    Absent,
    /// It is not known, with the reason.
    Unknown(String),
}

/// How long a write may still come to take place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Patience {
    /// For so many milliseconds: it is under way over a network.
    Within(u64),
    /// Not any more: the process that did it in a file of this machine is gone.
    Over,
}

impl Patience {
    /// Takes the time off that has passed already.
    #[must_use]
    pub const fn less(self, passed_ms: u64) -> Self {
        match self {
            Patience::Within(ms) => Patience::Within(ms.saturating_sub(passed_ms)),
            Patience::Over => Patience::Over,
        }
    }

    const fn ms(self) -> u64 {
        match self {
            Patience::Within(ms) => ms,
            Patience::Over => 0,
        }
    }
}

/// Settles a write whose answer was lost within `settle_ms` milliseconds.
pub async fn settle(
    office: &dyn Office,
    write: &Write,
    known: &KnownUsers,
    settle_ms: u64,
) -> Result<Found, OfficeError> {
    let patience = Patience::Within(settle_ms);
    if write.repeatable() {
        repeat(office, write, deadline(patience)).await
    } else {
        look_for(office, write, known, patience).await
    }
}

/// Looks for a write until it shows or can no longer come; sends nothing.
pub async fn look_for(
    office: &dyn Office,
    write: &Write,
    known: &KnownUsers,
    patience: Patience,
) -> Result<Found, OfficeError> {
    let deadline = deadline(patience);
    let write = &*write.sent();
    loop {
        let last = tokio::time::Instant::now() + LOOK_EVERY > deadline;
        match look(office, write, known).await {
            Ok(Look::Done(user)) => return Ok(Found::Applied(user)),
            Ok(Look::Other(why)) => return Ok(Found::Unknown(why)),
            Ok(Look::Before) if last => return Ok(Found::Absent),
            Ok(Look::Moved) if last => {
                let why =
                    "the answer was lost, and the user holds neither what was sent nor what stood before";
                return Ok(Found::Unknown(why.into()));
            }
            Ok(Look::Nothing) if patience == Patience::Over => return Ok(Found::Absent),
            Ok(Look::Nothing) if last => {
                let seconds = patience.ms() / 1000;
                let why = format!("the answer was lost, and the write did not show within {seconds} s");
                return Ok(Found::Unknown(why));
            }
            Err(error @ (OfficeError::Unreachable { .. } | OfficeError::Unsure(_))) if last => {
                return Err(error);
            }
            Ok(Look::Before | Look::Moved | Look::Nothing)
            | Err(OfficeError::Unreachable { .. } | OfficeError::Unsure(_)) => {}
            Err(other) => return Err(other),
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

fn deadline(patience: Patience) -> tokio::time::Instant {
    tokio::time::Instant::now() + Duration::from_millis(patience.ms())
}

/// Sends a write again that may be sent twice, until it is answered or the time is up.
async fn repeat(
    office: &dyn Office,
    write: &Write,
    deadline: tokio::time::Instant,
) -> Result<Found, OfficeError> {
    loop {
        match office.write(write).await {
            Ok(user) => return Ok(Found::Applied(user)),
            Err(OfficeError::Unreachable { .. } | OfficeError::Unsure(_)) => {}
            Err(other) => return Err(other),
        }
        if tokio::time::Instant::now() + LOOK_EVERY > deadline {
            return Ok(Found::Unknown("the answer was lost, again and again".into()));
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// What one look saw.
enum Look {
    /// It took place.
    Done(Option<PhoneUser>),
    /// Everything stands as before it.
    Before,
    /// The user holds something that is neither what stood before nor what was sent.
    Moved,
    /// A create that does not show.
    Nothing,
    /// Somebody else's work stands in its place.
    Other(String),
}

async fn look(office: &dyn Office, write: &Write, known: &KnownUsers) -> Result<Look, OfficeError> {
    let by_guid = |guid: &rollcall_core::Guid| Locator::Guid(guid.clone());
    let done = |done: bool| if done { Look::Done(None) } else { Look::Before };
    Ok(match write {
        Write::CreateUser { fields, .. } => {
            let Some(name) = fields.get(&Field::Name).and_then(Value::text) else { return Ok(Look::Nothing) };
            let Some(user) = office.find(&Locator::Name(name.into())).await? else {
                return Ok(Look::Nothing);
            };
            // Ours only if it is new and every readable field holds what we sent: somebody else may have been faster.
            let ours = !known.has(&user.guid)
                && fields.iter().all(|(field, value)| holds(&user, *field, Some(value)));
            if ours {
                Look::Done(Some(user))
            } else {
                Look::Other(format!(
                    "the answer was lost, and a user `{name}` stands there that is not what was sent"
                ))
            }
        }
        Write::UpdateUser { guid, expect, set } => match office.find(&by_guid(guid)).await? {
            None => Look::Moved,
            Some(user) if set.iter().all(|(field, value)| holds(&user, *field, value.as_ref())) => {
                Look::Done(Some(user))
            }
            Some(user) if expect.iter().all(|(field, value)| holds(&user, *field, value.as_ref())) => {
                Look::Before
            }
            Some(_) => Look::Moved,
        },
        // The plan makes a record only on a number that has none.
        Write::CreateExtension { number, .. } => match office.extension(number).await? {
            Some(_) => Look::Done(None),
            None => Look::Nothing,
        },
        Write::RenumberExtension { from, to } => {
            match (office.extension(from).await?, office.extension(to).await?) {
                (None, Some(_)) => Look::Done(None),
                (Some(_), None) => Look::Before,
                _ => Look::Moved,
            }
        }
        // Nothing is written to the user, so nothing can have been lost: it is there as it was, or it is not.
        Write::Adopt { guid, expect } => match office.find(&by_guid(guid)).await? {
            Some(user) if expect.iter().all(|(field, value)| holds(&user, *field, value.as_ref())) => {
                Look::Done(Some(user))
            }
            _ => Look::Moved,
        },
        Write::Release { .. } => Look::Done(None),
        Write::AddMember { group, guid } => done(member(office, guid, group).await?),
        Write::RemoveMember { group, guid } => done(!member(office, guid, group).await?),
        Write::DeleteUser { guid } => done(office.find(&by_guid(guid)).await?.is_none()),
        Write::DeleteExtension { number } => done(office.extension(number).await?.is_none()),
    })
}

async fn member(office: &dyn Office, guid: &rollcall_core::Guid, group: &str) -> Result<bool, OfficeError> {
    let user = office.find(&Locator::Guid(guid.clone())).await?;
    Ok(user.is_some_and(|user| groups_of(&user.fields).iter().any(|other| fold(other) == fold(group))))
}

fn holds(user: &PhoneUser, field: Field, value: Option<&Value>) -> bool {
    match user.fields.get(&field) {
        None if field.secret() => true,
        found => found == value,
    }
}
