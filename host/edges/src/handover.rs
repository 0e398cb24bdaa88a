//! Where the codes of new users go.

use std::sync::Mutex;

use async_trait::async_trait;
use rollcall_core::field::{Fields, text_of};
use rollcall_core::{Field, Secret, Text};

/// Takes the codes of new users: a file that one person can read, or a command.
///
/// Guarantees: what [`give`](Handover::give) took without an error has arrived (a file: on the disk; a command: it
/// said so). A user may arrive twice after a crash in between, never not at all; a file holds a line that is given
/// `again` once.
#[async_trait]
pub trait Handover: Send + Sync {
    /// Checks, before anything is written to the phone system, that users will be taken.
    async fn ready(&self) -> Result<(), HandoverError>;

    /// Hands a new user over. `again` tells that it may have been handed over before an interruption.
    async fn give(&self, user: &NewUser, again: bool) -> Result<(), HandoverError>;
}

/// Why the codes of a user were not taken. No code stands in it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct HandoverError {
    /// What happened.
    pub message: String,
    /// What to do.
    pub hint: String,
}

/// A user that was made, with the codes that it was made with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewUser {
    /// The user identification.
    pub key: Text,
    /// The run that made it.
    pub run: Text,
    /// When it was made, RFC 3339 in UTC. It is the same whenever the user is handed over, also after an interruption.
    pub time: Text,
    /// Its fields as they were sent.
    pub fields: Fields,
    /// The system that it was made on.
    pub system: Text,
}

impl NewUser {
    /// Gives a field's text.
    pub fn text(&self, field: Field) -> Option<&str> {
        text_of(&self.fields, field)
    }

    /// Gives a code.
    pub fn code(&self, field: Field) -> Option<&Secret> {
        self.fields.get(&field).and_then(rollcall_core::Value::code)
    }
}

/// A handover in memory, for tests.
#[derive(Debug, Default)]
pub struct MemoryHandover {
    given: Mutex<Vec<NewUser>>,
    broken: Mutex<Option<usize>>,
}

impl MemoryHandover {
    /// Takes so many users more and then fails, until it is told otherwise.
    pub fn fail_after(&self, users: Option<usize>) {
        *lock(&self.broken) = users.map(|users| users + self.given().len());
    }

    /// Gives whom it took, in order.
    pub fn given(&self) -> Vec<NewUser> {
        lock(&self.given).clone()
    }

    fn works(&self) -> Result<(), HandoverError> {
        match *lock(&self.broken) {
            Some(most) if lock(&self.given).len() >= most => Err(HandoverError {
                message: "the handover was told to fail".into(),
                hint: "tell it otherwise".into(),
            }),
            _ => Ok(()),
        }
    }
}

#[async_trait]
impl Handover for MemoryHandover {
    async fn ready(&self) -> Result<(), HandoverError> {
        self.works()
    }

    async fn give(&self, user: &NewUser, again: bool) -> Result<(), HandoverError> {
        self.works()?;
        let mut given = lock(&self.given);
        if !(again && given.contains(user)) {
            given.push(user.clone());
        }
        Ok(())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
