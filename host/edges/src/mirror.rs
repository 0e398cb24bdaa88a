//! What is kept of a directory between runs.

use std::collections::BTreeMap;

use async_trait::async_trait;
use rollcall_core::{Record, RecordId, Text};

use crate::clock::Instant;
use crate::directory::{Coverage, Page, Token};
use crate::state::StateError;

/// A listing that ended well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastListing {
    /// Where the next one may begin; `None`: at the beginning.
    pub token: Option<Token>,
    /// When the last one ended that covered everything.
    pub full: Instant,
}

/// What of a listing goes into the mirror before it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Intake {
    /// It names everybody, most of them as they stand: they are noted, and only who differs is taken in.
    Differences,
    /// It names everybody, and everybody is taken in: nothing that another reading does matters.
    Everything,
    /// It names who has changed since the last listing.
    Changes,
}

/// What the mirror holds of a directory once a listing is sealed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sealed {
    /// How many records.
    pub users: u32,
    /// As [`Mirror::version`] gives it.
    pub version: Text,
}

/// The marks of users for whom there is nothing to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Marks {
    /// When everybody was mapped last: whoever is marked was, then or since.
    pub since: Instant,
    /// The marks, one behind the other, by the hunt groups that are left out for each user.
    pub by_left_out: BTreeMap<Vec<Text>, Vec<u8>>,
}

/// A digest of a record: its id within the directory, attributes and values.
pub type RecordDigest = [u8; 16];

/// The directory's last known records, merged by id. It is a cache: lose it, and the next run reads everything.
///
/// Token and records move together, once the listing has ended well. A listing that is begun and not sealed leaves
/// the mirror as it was.
#[async_trait]
pub trait Mirror: Send {
    /// Gives the last sealed listing, if it was made with the same `scope` (a digest of connector, settings and selected
    /// attributes).
    async fn last(&mut self, directory: &str, scope: &[u8]) -> Result<Option<LastListing>, StateError>;

    /// Begins a listing of one directory.
    async fn begin(&mut self, directory: &str, scope: &[u8], intake: Intake) -> Result<(), StateError>;

    /// Merges a page; the last change of an id wins. Unknown ids of `Gone` are ignored.
    async fn merge(&mut self, page: Page) -> Result<(), StateError>;

    /// Ends the listing well. `Everything` sweeps what this listing did not name.
    ///
    /// `None`: the mirror is as it was, and the directory has to be read again from its beginning. Another reading has
    /// ended meanwhile, and moved what this one goes on from. A listing that took in everything is never told so.
    async fn seal(
        &mut self,
        end: Coverage,
        token: Option<Token>,
        now: Instant,
    ) -> Result<Option<Sealed>, StateError>;

    /// Gives up to `limit` records of a directory with ids greater than `after`, in order of id.
    async fn records(
        &mut self,
        directory: &str,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<Record>, StateError>;

    /// Gives what is another one after every listing that changed a record of a directory, or was made with another scope.
    /// `None` before the first.
    async fn version(&mut self, directory: &str) -> Result<Option<Text>, StateError>;

    /// Gives the id of every record of a directory, in their order, with a digest of it: equal digests, equal records.
    async fn digests(&mut self, directory: &str) -> Result<Vec<(Text, RecordDigest)>, StateError>;

    /// Gives the records of a directory that have one of `natives`, in their order; unknown ones are left out.
    async fn chosen(&mut self, directory: &str, natives: &[Text]) -> Result<Vec<Record>, StateError>;

    /// Gives what [`Mirror::keep_marks`] was given last; `None` before, or where there was none of anybody.
    async fn marks(&mut self) -> Result<Option<Marks>, StateError>;

    /// Keeps marks in the place of the former ones.
    async fn keep_marks(&mut self, marks: &Marks) -> Result<(), StateError>;

    /// Tells whether the last reading has a record.
    async fn has(&mut self, id: &RecordId) -> Result<bool, StateError>;
}
