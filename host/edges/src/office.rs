//! The phone system's side.

use std::borrow::Cow;

use async_trait::async_trait;
use rollcall_core::ops::Write;
use rollcall_core::phone::{Abilities, Extension, PhoneUser, Standing};
use rollcall_core::{Diagnostic, Guid, Text};

/// A phone system: the embedded office, or a real IP Office behind its Management API.
///
/// Guarantees: [`read`](Office::read) is one view of every system, or an error, or names in `unreached` what is
/// missing. [`write`](Office::write) does the whole call or nothing; it never repeats a call by itself. An answer
/// [`OfficeError::Unsure`] means that the call may have taken place, now or later: ask [`find`](Office::find).
/// Not guaranteed: that nobody else writes at the same time.
#[async_trait]
pub trait Office: Send + Sync {
    /// Gives which phone system this is, the same for as long as it lives.
    async fn identity(&self) -> Result<Text, OfficeError>;

    /// Gives what it can be asked to write.
    async fn abilities(&self) -> Result<Abilities, OfficeError>;

    /// Gives what is another one after every change of what a read tells, and of nothing else. `None`: only a read tells.
    async fn version(&self) -> Result<Option<Text>, OfficeError> {
        Ok(None)
    }

    /// Reads everything.
    async fn read(&self) -> Result<Standing, OfficeError>;

    /// Reads one user afresh.
    async fn find(&self, who: &Locator) -> Result<Option<PhoneUser>, OfficeError>;

    /// Does one call. Gives the user as it stands after it; `None` where the call is about no user or deletes one.
    async fn write(&self, write: &Write) -> Result<Option<PhoneUser>, OfficeError>;

    /// Does calls in their order as if each were sent alone: each is whole or did not take place, and what one makes is
    /// there for those behind it. One result each, in the same order, given once everything that is told as done has
    /// reached the disk.
    ///
    /// After a refused or stale call it goes on. Any other error ends it: that error is the last result, and the calls
    /// behind it were not sent. Only then are the results fewer than the calls. Several calls may be told as
    /// [`OfficeError::Unsure`] because they share one way to the disk.
    ///
    /// Whoever is killed while it waits has no result, and looks for each of the calls as it would for one: those that
    /// took place, if any did, were the first ones of those that are not refused.
    async fn write_all(&self, writes: &[Cow<'_, Write>]) -> Vec<Result<Option<PhoneUser>, OfficeError>> {
        let mut results = Vec::with_capacity(writes.len());
        for write in writes {
            let result = self.write(write).await;
            let ends = result.as_ref().is_err_and(OfficeError::ends);
            results.push(result);
            if ends {
                break;
            }
        }
        results
    }

    /// Reads the extension record of a number afresh.
    async fn extension(&self, number: &str) -> Result<Option<Extension>, OfficeError>;

    /// Tells who holds a name (without regard to case) or a number now: a user or a hunt group by either, or an
    /// extension record by its number. A user or group is told before an extension record.
    ///
    /// The answer may be as old as the implementation says; this office's own writes are in it.
    async fn taken(&self, name: &str, number: Option<&str>) -> Result<Option<Taken>, OfficeError>;

    /// What somebody should know before the first write, such as elements that reads hide.
    async fn warnings(&self) -> Result<Vec<Diagnostic>, OfficeError> {
        Ok(Vec::new())
    }

    /// Ends the session, if there is one.
    async fn close(&self) {}
}

/// Which user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Locator {
    /// By its immutable name.
    Guid(Guid),
    /// By the name that a plan made unique.
    Name(Text),
}

/// Who holds a name or number that a new user was to get, in words: "the user `Anna Berg`".
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Taken {
    /// The name belongs to a user or hunt group.
    Name(Text),
    /// The number belongs to a user or hunt group.
    Number(Text),
    /// The number has an extension record, and neither user nor hunt group.
    Record(Text),
}

/// Why a call to the phone system did not succeed.
#[derive(Clone, Debug, thiserror::Error)]
pub enum OfficeError {
    /// It cannot be reached, or a read failed half-way (14).
    #[error("{message}")]
    Unreachable {
        /// What happened.
        message: String,
        /// What to do.
        hint: Option<String>,
    },
    /// The certificate is not trusted (14). No password was sent.
    #[error("the certificate of the phone system is not trusted: its SHA-256 fingerprint is {fingerprint}")]
    Untrusted {
        /// Lower-case hexadecimal SHA-256 of the certificate's DER form.
        fingerprint: String,
    },
    /// The credential or a right was refused (4).
    #[error("{0}")]
    Denied(String),
    /// The user holds something else than the plan saw: nothing was written.
    #[error("{0}")]
    Stale(String),
    /// The phone system said no, with its reason: nothing was written.
    #[error("{0}")]
    Refused(String),
    /// Written, and what stands now differs from what was asked in something that nobody planned: stop updating.
    #[error("{0}")]
    Unexpected(String),
    /// A user was made, and something of it is not as it was sent. It is ours all the same.
    #[error("{message}")]
    Differs {
        /// What differs.
        message: String,
        /// The user as it stands.
        user: Box<PhoneUser>,
    },
    /// The answer was lost: the call may have taken place.
    #[error("{0}")]
    Unsure(String),
    /// The file or the answer is damaged (1).
    #[error("{0}")]
    Damaged(String),
}

impl OfficeError {
    /// Tells whether calls behind this one are no longer sent (see [`Office::write_all`]): not where the office has only
    /// said no to this one.
    pub fn ends(&self) -> bool {
        !matches!(self, Self::Stale(_) | Self::Refused(_))
    }
}
