//! Leases: one writing run a job and one a phone system, by locks of the operating system.
//!
//! A lock ends with its process, however that ends. Age alone never allows a takeover.

use std::fs::File;
use std::io::{Read as _, Seek as _, Write as _};
use std::path::Path;
use std::time::Duration;

use rollcall_edges::state::{Lease, StateError};
use sha2::{Digest as _, Sha256};

use crate::files;
use crate::limits::{LOCK_NOTE_BYTES_MAX, LOCK_POLL_MS};

/// Two locks; they end when this is dropped.
struct Locks {
    _office: File,
    _job: File,
}

impl Lease for Locks {}

/// Takes the phone system's lock, then the job's, both or none.
pub(crate) async fn take(
    folder: &Path,
    job: &str,
    office: &str,
    wait_ms: u64,
) -> Result<Box<dyn Lease>, StateError> {
    files::folder(folder)?;
    let deadline = tokio::time::Instant::now() + Duration::from_millis(wait_ms);
    loop {
        let (what, holder) = match lock(folder, "office", office)? {
            Ok(office_lock) => match lock(folder, "job", job)? {
                Ok(job_lock) => return Ok(Box::new(Locks { _office: office_lock, _job: job_lock })),
                Err(holder) => (format!("the job `{job}`"), holder),
            },
            Err(holder) => ("the phone system".to_owned(), holder),
        };
        if tokio::time::Instant::now() >= deadline {
            return Err(StateError::Held { what, holder });
        }
        tokio::time::sleep(Duration::from_millis(LOCK_POLL_MS)).await;
    }
}

/// Tries one lock; `Err` inside names who holds it.
fn lock(folder: &Path, kind: &str, name: &str) -> Result<Result<File, String>, StateError> {
    let path = folder.join(format!("{kind}-{}.lock", short(name)));
    let mut file = files::private(&path)?;
    if let Err(error) = file.try_lock() {
        return match error {
            std::fs::TryLockError::WouldBlock => {
                let mut note = vec![0; LOCK_NOTE_BYTES_MAX];
                let read = file.read(&mut note).unwrap_or(0);
                let note = String::from_utf8_lossy(&note[..read]);
                Ok(Err(note.lines().next().unwrap_or("unknown").to_owned()))
            }
            std::fs::TryLockError::Error(error) => Err(files::unusable(&path, &error)),
        };
    }
    let noted =
        file.set_len(0).and_then(|()| file.rewind()).and_then(|()| writeln!(file, "{}", std::process::id()));
    noted.map_err(|error| files::unusable(&path, &error))?;
    Ok(Ok(file))
}

/// Gives a file name for any text.
pub(crate) fn short(name: &str) -> String {
    Sha256::digest(name.as_bytes()).iter().take(12).map(|byte| format!("{byte:02x}")).collect()
}
