//! What the state remembers, turned into facts: whoever is `due` and whatever is `held`, as of now.

use std::collections::BTreeMap;

use rollcall_core::Text;
use rollcall_core::memory::{Link, Memory};
use rollcall_core::text::fold;
use rollcall_edges::clock::Instant;
use rollcall_edges::state::{JobState, State};
use rollcall_job::job::{Job, PhoneSystem};

use crate::error::RunError;

/// Reads a job's memory as of `now`.
pub async fn recall(
    state: &dyn State,
    job: &Job,
    known: &JobState,
    office: &str,
    scope: &[u8],
    now: Instant,
) -> Result<Memory, RunError> {
    let links: BTreeMap<_, _> =
        state.links(&job.name).await?.into_iter().map(|link| (link.id.clone(), link)).collect();
    let due = links
        .values()
        .filter(|link| due(link, job.leavers.grace_ms, now))
        .map(|link| link.id.clone())
        .collect();
    let since = Instant(now.0.saturating_sub(i64::try_from(job.leavers.quarantine_ms).unwrap_or(i64::MAX)));
    let mut memory = Memory {
        links,
        due,
        baseline: known.baseline,
        deletes_held: deletes_held(job, known, scope),
        ..Memory::default()
    };
    for held in state.held(office, since).await? {
        if held.is_name {
            memory.held_names.insert(fold(&held.value).into(), held.id);
        } else {
            memory.held_numbers.insert(held.value, held.id);
        }
    }
    Ok(memory)
}

/// Tells whether this reading, if it lacks the record too, lets the delete follow: the grace has passed since the first
/// complete reading that lacked it, and this one is at least the second.
fn due(link: &Link, grace_ms: u64, now: Instant) -> bool {
    link.missing.is_some_and(|missing| missing.reads >= 1 && now.since(Instant(missing.since_ms)) >= grace_ms)
}

/// Tells why nothing may be deleted this time.
fn deletes_held(job: &Job, known: &JobState, scope: &[u8]) -> Option<Text> {
    if known.scope.as_deref().is_some_and(|before| before != scope) {
        return Some("scope changed: connector, settings or identification differ from the last sync, so nothing is deleted this time".into());
    }
    let real = matches!(job.phone_system, PhoneSystem::IpOffice(_));
    (real && job.directory.recording.is_some()).then(|| {
        "left the directory in a recording, and a recording deletes nothing on a real IP Office".into()
    })
}

/// Gives the digest of what decides whom a directory lists: connector, settings and the identification's expression.
pub fn scope(job: &Job) -> Vec<u8> {
    use sha2::{Digest, Sha256};
    let identification = job.fields.iter().find(|map| map.field == rollcall_core::Field::UserIdentification);
    let settings: BTreeMap<&String, &serde_json::Value> = job.directory.settings.iter().collect();
    let settings = serde_json::to_string(&settings).unwrap_or_default();
    let parts: [&Text; 2] = [&job.directory.connector, &job.directory.name];
    let mut digest = Sha256::new();
    for part in parts
        .iter()
        .map(|text| text.as_bytes())
        .chain([settings.as_bytes(), identification.map(|map| map.expression.as_bytes()).unwrap_or_default()])
    {
        digest.update((part.len() as u64).to_le_bytes());
        digest.update(part);
    }
    digest.finalize().to_vec()
}
