//! Step 1, pull: every page lands in the mirror; only a good end moves it.

use rollcall_edges::directory::{Coverage, Directory, DirectoryError};
use rollcall_edges::state::Mirror;

use crate::error::RunError;
use crate::observe::{Cancel, Event, Observer};

/// Reads the directory into the mirror and gives how many users it holds then.
///
/// # Errors
/// Whatever the directory says, and [`DirectoryError::Incomplete`] where it stops without an end. The mirror is as it
/// was then.
pub async fn pull(
    directory: &mut dyn Directory,
    mirror: &mut dyn Mirror,
    name: &str,
    scope: &[u8],
    observer: &dyn Observer,
    cancel: &Cancel,
) -> Result<usize, RunError> {
    let since = mirror.token(name, scope).await?;
    let resumed = since.is_some();
    match listing(directory, mirror, name, scope, since, observer, cancel).await {
        // The directory no longer knows where the last reading ended: a full one follows.
        Err(RunError::Directory(DirectoryError::TokenExpired)) if resumed => {
            listing(directory, mirror, name, scope, None, observer, cancel).await
        }
        other => other,
    }
}

async fn listing(
    directory: &mut dyn Directory,
    mirror: &mut dyn Mirror,
    name: &str,
    scope: &[u8],
    since: Option<Vec<u8>>,
    observer: &dyn Observer,
    cancel: &Cancel,
) -> Result<usize, RunError> {
    let full = since.is_none();
    let mut listing = directory.open(since).await?;
    mirror.begin(name, scope).await?;
    let mut pulled = 0;
    loop {
        if let Some(signal) = cancel.signal() {
            return Err(RunError::Interrupted(signal));
        }
        let mut page = listing.next().await?;
        pulled += page.changes.len();
        let (end, token) = (page.end.take(), page.token.take());
        mirror.merge(page).await?;
        observer.event(Event::Pulled(pulled));
        match end {
            None => {}
            Some(Coverage::Changes) if full => {
                let message = "the connector ended a full listing with changes only";
                return Err(DirectoryError::Incomplete(message.into()).into());
            }
            Some(end) => return Ok(mirror.seal(end, token).await? as usize),
        }
    }
}
