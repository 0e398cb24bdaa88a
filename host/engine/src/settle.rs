//! A write whose answer was lost: it is looked for until it shows or the settle time has passed, and never sent again
//! unless doing it twice is doing it once.

use std::time::Duration;

use rollcall_core::field::{Field, Value};
use rollcall_core::ops::Write;
use rollcall_core::phone::{PhoneUser, Standing};
use rollcall_edges::office::{Locator, Office, OfficeError};

/// How often it is looked for.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// What the search came to.
#[derive(Debug)]
pub enum Found {
    /// The write took place; the user as it stands, where it is about one.
    Applied(Option<PhoneUser>),
    /// It is not known, with the reason.
    Unknown(String),
}

/// Looks for a write whose answer was lost.
pub async fn settle(
    office: &dyn Office,
    write: &Write,
    snapshot: &Standing,
    settle_ms: u64,
) -> Result<Found, OfficeError> {
    let deadline = tokio::time::Instant::now() + Duration::from_millis(settle_ms);
    if write.repeatable() {
        return repeat(office, write, deadline).await;
    }
    loop {
        match look(office, write, snapshot).await {
            Ok(Some(found)) => return Ok(found),
            Ok(None) => {}
            Err(OfficeError::Unreachable { .. } | OfficeError::Unsure(_)) => {}
            Err(other) => return Err(other),
        }
        if tokio::time::Instant::now() + LOOK_EVERY > deadline {
            let seconds = settle_ms / 1000;
            return Ok(Found::Unknown(format!(
                "the answer was lost, and the write did not show within {seconds} s"
            )));
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
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

async fn look(office: &dyn Office, write: &Write, snapshot: &Standing) -> Result<Option<Found>, OfficeError> {
    match write {
        Write::CreateUser { fields, .. } => {
            let Some(name) = fields.get(&Field::Name).and_then(Value::text) else { return Ok(None) };
            let Some(user) = office.find(&Locator::Name(name.into())).await? else { return Ok(None) };
            // Ours only if it is new and every readable field holds what we sent: somebody else may have been faster.
            let ours = !snapshot.users.contains_key(&user.guid)
                && fields.iter().all(|(field, value)| holds(&user, *field, Some(value)));
            Ok(Some(if ours {
                Found::Applied(Some(user))
            } else {
                Found::Unknown(format!(
                    "the answer was lost, and a user `{name}` stands there that is not what was sent"
                ))
            }))
        }
        Write::UpdateUser { guid, set, .. } => {
            let user = office.find(&Locator::Guid(guid.clone())).await?;
            Ok(user
                .filter(|user| set.iter().all(|(field, value)| holds(user, *field, value.as_ref())))
                .map(|user| Found::Applied(Some(user))))
        }
        Write::CreateExtension { number, .. } => {
            let found = office.extension(number).await?;
            Ok(found.map(|_| match snapshot.extension(number) {
                None => Found::Applied(None),
                Some(_) => Found::Unknown(
                    "the answer was lost, and a record of that number stood there before".into(),
                ),
            }))
        }
        Write::RenumberExtension { from, to } => {
            let moved = office.extension(to).await?.is_some() && office.extension(from).await?.is_none();
            Ok(moved.then_some(Found::Applied(None)))
        }
        Write::AddMember { .. }
        | Write::RemoveMember { .. }
        | Write::DeleteUser { .. }
        | Write::DeleteExtension { .. } => Ok(None),
    }
}

fn holds(user: &PhoneUser, field: Field, value: Option<&Value>) -> bool {
    match user.fields.get(&field) {
        None if field.secret() => true,
        found => found == value,
    }
}
