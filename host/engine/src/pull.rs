//! Step 1, pull: every page lands in the mirror; only a good end moves it.

use rollcall_core::Text;
use rollcall_edges::clock::Instant;
use rollcall_edges::directory::{Coverage, Directory, DirectoryError, Token};
use rollcall_edges::mirror::{Intake, Mirror, Sealed};

use crate::error::RunError;
use crate::observe::{Cancel, Event, Observer};

/// A directory of a job, and where its records go.
pub struct Source<'a> {
    /// Its name within the job.
    pub name: Text,
    /// The directory.
    pub directory: &'a mut dyn Directory,
    /// The digest of the connector's package.
    pub connector: Text,
    /// A digest of everything that decides what its part of the mirror holds: connector, settings, selected attributes.
    pub scope: Vec<u8>,
    /// How often everything is read, where the connector can give what changed; in milliseconds.
    pub full_every_ms: u64,
}

impl Source<'_> {
    /// Tells whether a time is not so long ago that everything has to be read again.
    pub(crate) fn is_recent(&self, time: Instant, now: Instant) -> bool {
        let since = now.0.saturating_sub(time.0);
        u64::try_from(since).is_ok_and(|since| since < self.full_every_ms)
    }
}

/// What the mirror holds of a directory once it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pulled {
    /// How many users.
    pub users: usize,
    /// The mirror's version of it.
    pub version: Text,
    /// Where only what changed was read: when everything was read last.
    pub partly_since: Option<Instant>,
}

impl Pulled {
    fn of(sealed: Sealed, partly_since: Option<Instant>) -> Self {
        Self { users: sealed.users as usize, version: sealed.version, partly_since }
    }
}

/// Why a run ends whose mirror another run moves under it.
pub(crate) const OVERTAKEN: &str = "another run read the directory at the same time; run again";

/// What pulling needs besides the directory.
pub struct Pull<'a> {
    /// The mirror.
    pub mirror: &'a mut dyn Mirror,
    /// Now.
    pub now: Instant,
    /// Who watches.
    pub observer: &'a dyn Observer,
    /// Who may ask to stop.
    pub cancel: &'a Cancel,
    /// How many records have come from other directories already.
    pub pulled: usize,
}

impl Pull<'_> {
    /// Reads a directory into the mirror and gives what that holds of it then. From where the last reading ended,
    /// unless the last one from the beginning is too long ago.
    ///
    /// # Errors
    /// Whatever the directory says, and [`DirectoryError::Incomplete`] where it stops without an end. The mirror is as it
    /// was then.
    pub async fn read(&mut self, source: &mut Source<'_>) -> Result<Pulled, RunError> {
        let before = self.pulled;
        let last = self.mirror.last(&source.name, &source.scope).await?;
        let last = last.filter(|last| source.is_recent(last.full, self.now) && last.token.is_some());
        if let Some(last) = last {
            match self.listing(source, last.token, Intake::Changes).await {
                // The directory no longer knows where the last reading ended: a full one follows.
                Err(RunError::Directory(DirectoryError::TokenExpired)) | Ok(None) => {}
                Ok(Some((sealed, end))) => {
                    return Ok(Pulled::of(sealed, (end == Coverage::Changes).then_some(last.full)));
                }
                Err(error) => return Err(error),
            }
        }
        // Another reading may overtake this one, and then the next, which does not go on from what stands.
        for intake in [Intake::Differences, Intake::Everything] {
            self.pulled = before;
            if let Some((sealed, _)) = self.listing(source, None, intake).await? {
                return Ok(Pulled::of(sealed, None));
            }
        }
        Err(DirectoryError::Incomplete(OVERTAKEN.into()).into())
    }

    /// Reads a listing to its end; `None` where another reading has overtaken it.
    async fn listing(
        &mut self,
        source: &mut Source<'_>,
        since: Option<Token>,
        intake: Intake,
    ) -> Result<Option<(Sealed, Coverage)>, RunError> {
        let full = since.is_none();
        let mut listing = source.directory.open(since).await?;
        self.mirror.begin(&source.name, &source.scope, intake).await?;
        self.goes_on()?;
        let mut page = listing.next().await?;
        loop {
            self.pulled += page.changes.len();
            let (end, token) = (page.end.take(), page.token.take());
            match end {
                // The next page is asked for before this one is merged: the directory works meanwhile.
                None => {
                    let (next, merged) = tokio::join!(listing.next(), self.mirror.merge(page));
                    merged?;
                    page = next?;
                }
                Some(Coverage::Changes) if full => {
                    let message = "the connector ended a full listing with changes only";
                    return Err(DirectoryError::Incomplete(message.into()).into());
                }
                Some(end) => {
                    self.mirror.merge(page).await?;
                    self.observer.event(Event::Pulled(self.pulled));
                    let sealed = self.mirror.seal(end, token, self.now).await?;
                    return Ok(sealed.map(|sealed| (sealed, end)));
                }
            }
            self.observer.event(Event::Pulled(self.pulled));
            self.goes_on()?;
        }
    }

    /// Refuses to go on once somebody has asked to stop.
    fn goes_on(&self) -> Result<(), RunError> {
        self.cancel.signal().map_or(Ok(()), |signal| Err(RunError::Interrupted(signal)))
    }
}
