//! What the state remembers, turned into facts: whoever is `due` and whatever is `held`, as of now.

use std::collections::BTreeMap;

use rollcall_core::elapsed::{Jump, Tick, span, stretches};
use rollcall_core::guard::Window;
use rollcall_core::memory::{Elsewhere, Link, Memory, Missing};
use rollcall_core::text::fold;
use rollcall_core::{Diagnostic, RecordId, Text, codes};
use rollcall_edges::clock::{Clock, Instant};
use rollcall_edges::state::{Identities, JobState, State};
use rollcall_job::job::{Job, PhoneSystem};

use crate::error::RunError;
use crate::execute::absolute;
use crate::grace::due_from;
use crate::scope::{self, Digests};

/// The moment of a run, against the last one that passed.
#[derive(Clone, Debug, Default)]
pub struct Moment {
    /// The clock.
    pub tick: Tick,
    /// By how much the clock jumped since the job's last run that passed, in milliseconds.
    pub jump_ms: i64,
    /// By how much it jumped since any job's last run that passed on this phone system.
    pub office_jump_ms: i64,
    /// The instant as of which grace counts: after a jump the one of the last run that passed, so that no time passes.
    pub grace_at: Instant,
    /// The instant as of which quarantine counts, likewise.
    pub quarantine_at: Instant,
    /// The parts of the job.
    pub digests: Digests,
    /// The directories of which only what changed was read, with when everything was read last.
    pub partly: BTreeMap<Text, Instant>,
}

impl Moment {
    /// Looks at the clock, and at what it said at the last runs that passed.
    pub async fn look(
        state: &dyn State,
        clock: &dyn Clock,
        known: &JobState,
        office: &str,
        digests: Digests,
    ) -> Result<Self, RunError> {
        let tick = clock.tick();
        let since = |before: Option<&Tick>| {
            let jump = before.map_or(0, |before| tick.jump(before));
            let at = before.filter(|_| jump != 0).map_or(tick.wall_ms, |before| before.wall_ms);
            (jump, Instant(at))
        };
        let (jump_ms, grace_at) = since(known.tick.as_ref());
        let (office_jump_ms, quarantine_at) = since(state.office_tick(office).await?.as_ref());
        let partly = BTreeMap::new();
        Ok(Self { tick, jump_ms, office_jump_ms, grace_at, quarantine_at, digests, partly })
    }

    /// Counts the complete readings of a directory that have missed a user, this one included. One of what changed says
    /// nothing new of whoever was missing before; a whole one since then does, by whichever command it was made.
    pub(crate) fn misses(&self, directory: &Text, missing: Option<Missing>) -> u32 {
        match (missing, self.partly.get(directory)) {
            (None, _) => 1,
            (Some(known), None) => known.reads + 1,
            (Some(known), Some(full)) if full.0 > known.since_ms => known.reads.max(2),
            (Some(known), Some(_)) => known.reads,
        }
    }

    /// Warns of a clock that jumped.
    pub fn warning(&self) -> Option<Diagnostic> {
        let by = if self.jump_ms == 0 { self.office_jump_ms } else { self.jump_ms };
        if by == 0 {
            return None;
        }
        let way = if by > 0 { "ahead of" } else { "behind" };
        let message = format!(
            "the clock is {} {way} the time that has passed since the last run: nothing is deleted and nothing leaves quarantine this time",
            span(by.unsigned_abs())
        );
        let hint = "check the machine's clock; grace and quarantine go on from here, measured in true time";
        Some(Diagnostic::warning(codes::CLOCK_JUMPED, message).hint(hint))
    }

    /// Gives the last jump that matters for a window: the one of now, or the one that an earlier run noticed.
    fn jump(&self, known: &JobState) -> Option<Jump> {
        match self.jump_ms {
            0 => known.jump,
            by_ms => Some(Jump { at_ms: self.tick.wall_ms, by_ms }),
        }
    }
}

/// Reads a job's memory as of `moment`. `directories` and `office` are the identities of the two ends; `window_ms`: over
/// how long the limits hold for the sum.
pub async fn recall(
    state: &dyn State,
    job: &Job,
    known: &JobState,
    (directories, office): (&Identities, &str),
    moment: &Moment,
    window_ms: Option<u64>,
) -> Result<Memory, RunError> {
    let links: BTreeMap<_, _> =
        state.links(&job.name).await?.into_iter().map(|link| (link.id.clone(), link)).collect();
    let due = links
        .values()
        .filter(|link| due(link, job.leavers.grace_ms, moment))
        .map(|link| link.id.clone())
        .collect();
    let changed = scope::changed(&known.parts, &moment.digests);
    let mut memory = Memory {
        grace: span(job.leavers.grace_ms).into(),
        due_from: due_from(&links, job),
        links,
        due,
        baseline: known.baseline(),
        deletes_held: deletes_held(job, known, &changed, moment),
        changed,
        window: window(state, job, moment.tick.wall_ms, moment.jump(known), window_ms).await?,
        ..Memory::default()
    };
    if memory.links.is_empty() {
        memory.same_job = state.same_job(&job.name, &absolute(job)).await?;
    }
    others(&mut memory, state, job, directories, office).await?;
    hold(&mut memory, state, job, office, moment).await?;
    Ok(memory)
}

/// Notes what other jobs own on the phone system, and of whom nobody knows whether a run made them.
pub(crate) async fn others(
    memory: &mut Memory,
    state: &dyn State,
    job: &Job,
    directories: &Identities,
    office: &str,
) -> Result<(), RunError> {
    for (guid, owner) in state.owners(office, Some(&job.name)).await? {
        let elsewhere = Elsewhere { job: owner.job, key: owner.key };
        // The same directory has the same ids, whatever the other job calls it.
        let same = directories.iter().filter(|(_, identity)| owner.directory.as_ref() == Some(*identity));
        for (name, _) in same {
            let id = RecordId { directory: name.clone(), native: owner.id.native.clone() };
            memory.others_records.insert(id, elsewhere.clone());
        }
        memory.elsewhere.insert(guid, elsewhere);
    }
    memory.unsure = state.unsure(office).await?;
    Ok(())
}

/// Notes which names and numbers are in quarantine.
async fn hold(
    memory: &mut Memory,
    state: &dyn State,
    job: &Job,
    office: &str,
    moment: &Moment,
) -> Result<(), RunError> {
    let quarantine = i64::try_from(job.leavers.quarantine_ms).unwrap_or(i64::MAX);
    let since = Instant(moment.quarantine_at.0.saturating_sub(quarantine));
    let mut last: BTreeMap<RecordId, Instant> = BTreeMap::new();
    for held in state.held(office, since).await? {
        if held.is_name {
            memory.held_names.insert(fold(&held.value).into(), held.id);
            continue;
        }
        if last.get(&held.id).is_none_or(|before| *before <= held.since) {
            last.insert(held.id.clone(), held.since);
            memory.former_numbers.insert(held.id.clone(), held.value.clone());
        }
        memory.held_numbers.insert(held.value, held.id);
    }
    Ok(())
}

/// Gives what the job's runs applied in the time that ends at `wall_ms` and is `window_ms` long.
pub(crate) async fn window(
    state: &dyn State,
    job: &Job,
    wall_ms: i64,
    jump: Option<Jump>,
    window_ms: Option<u64>,
) -> Result<Option<Window>, RunError> {
    let Some(window_ms) = window_ms else { return Ok(None) };
    let stretches = stretches(wall_ms, window_ms, jump);
    Ok(Some(Window { length: length(window_ms), spent: state.spent(&job.name, &stretches).await? }))
}

/// Writes a duration as a job file does.
fn length(ms: u64) -> Text {
    let seconds = ms / 1000;
    match () {
        () if seconds.is_multiple_of(3600) => format!("{}h", seconds / 3600),
        () if seconds.is_multiple_of(60) => format!("{}m", seconds / 60),
        () => format!("{seconds}s"),
    }
    .into()
}

/// Tells whether this reading, if it lacks the record too, lets the delete follow: the grace has passed since the first
/// complete reading that lacked it, and this one is at least the second.
fn due(link: &Link, grace_ms: u64, moment: &Moment) -> bool {
    link.missing.is_some_and(|missing| {
        moment.misses(&link.id.directory, Some(missing)) >= 2
            && moment.grace_at.since(Instant(missing.since_ms)) >= grace_ms
    })
}

/// Tells why nothing may be deleted this time.
fn deletes_held(job: &Job, known: &JobState, changed: &[Text], moment: &Moment) -> Option<Diagnostic> {
    let real = matches!(job.phone_system, PhoneSystem::IpOffice(_));
    if let Some(replayed) = job.directories.iter().find(|one| real && one.recording.is_some()) {
        let message = "a recording is replayed, and it deletes nothing on a real IP Office";
        let found = Diagnostic::note(codes::RECORDING_REPLAYED, message).path(&["directory", "recording"]);
        return Some(replayed.placed(found));
    }
    scope::deletes_held(known, changed).or_else(|| moment.warning())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_is_written_as_in_a_job_file() {
        for (ms, expect) in [(86_400_000, "24h"), (5_400_000, "90m"), (90_000, "90s")] {
            assert_eq!(&*length(ms), expect);
        }
    }
}
