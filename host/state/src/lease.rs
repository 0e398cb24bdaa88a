//! Leases: one writing run a job and one a phone system, by locks of the operating system.
//!
//! A lock ends with its process, however that ends. Age alone never allows a takeover. Where a lock file was removed
//! while its run was stopped, two runs may believe that they hold it: each lease has a generation, a number in the
//! database that grows with every lease, and the journal lets only the latest one send.

use std::fs::File;
use std::io::{Read as _, Seek as _, Write as _};
use std::path::Path;
use std::time::Duration;

use rollcall_edges::state::{Lease, StateError};
use sha2::{Digest as _, Sha256};

use crate::files;
use crate::limits::{LOCK_NOTE_BYTES_MAX, LOCK_POLL_MS};
use crate::sql;
use crate::store::Store;

/// Two locks; they end when this is dropped.
struct Locks {
    _office: File,
    _job: File,
}

/// Locks with the generation that they were taken under.
struct Held {
    _locks: Locks,
    generation: i64,
}

impl Lease for Held {
    fn generation(&self) -> i64 {
        self.generation
    }
}

impl Store {
    /// Takes the phone system's lock, then the job's, both or none, and begins a generation.
    pub(crate) async fn take_lease(
        &self,
        job: &str,
        office: &str,
        wait_ms: u64,
    ) -> Result<Box<dyn Lease>, StateError> {
        let locks = take(&self.folder.join("locks"), job, office, wait_ms).await?;
        let next = "INSERT INTO lease (office, generation) VALUES (?1, 1) \
                    ON CONFLICT (office) DO UPDATE SET generation = generation + 1 RETURNING generation";
        let generation = self.write(|state| sql::value(state, next, [office]))?;
        Ok(Box::new(Held { _locks: locks, generation }))
    }
}

async fn take(folder: &Path, job: &str, office: &str, wait_ms: u64) -> Result<Locks, StateError> {
    files::folder(folder)?;
    let deadline = tokio::time::Instant::now() + Duration::from_millis(wait_ms);
    loop {
        let (what, holder) = match lock(folder, "office", office)? {
            Ok(office_lock) => match lock(folder, "job", job)? {
                Ok(job_lock) => return Ok(Locks { _office: office_lock, _job: job_lock }),
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

/// Tells who holds a lock now; `None`: nobody does. The lock's file stays as it is.
pub(crate) fn holder(folder: &Path, kind: &str, name: &str) -> Option<String> {
    holder_of(&folder.join(format!("{kind}-{}.lock", short(name))))
}

/// Gives the kinds of all locks that are held now, each with its holder.
pub(crate) fn held(folder: &Path) -> Vec<(String, String)> {
    let mut held: Vec<(String, String)> = std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            Some((name.split_once('-')?.0.to_owned(), holder_of(&entry.path())?))
        })
        .collect();
    held.sort();
    held
}

fn holder_of(path: &Path) -> Option<String> {
    let mut file = File::open(path).ok()?;
    match file.try_lock_shared() {
        Err(std::fs::TryLockError::WouldBlock) => {}
        // It ends with this function: whoever wants it meanwhile asks again soon.
        _ => return None,
    }
    let mut note = vec![0; LOCK_NOTE_BYTES_MAX];
    let read = file.read(&mut note).unwrap_or(0);
    let note = String::from_utf8_lossy(&note[..read]);
    Some(note.lines().next().unwrap_or("unknown").to_owned())
}
