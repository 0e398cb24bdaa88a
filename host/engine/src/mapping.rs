//! Step 2, map, over records of the mirror: batches on plain threads, one result in the order of ids.

use std::collections::BTreeSet;
use std::sync::Arc;

use rollcall_core::map::{Mapped, map};
use rollcall_core::policy::Policy;
use rollcall_core::script::Script;
use rollcall_core::{Record, RecordId, Text};
use rollcall_edges::mirror::Mirror;
use tokio::task::JoinSet;

use crate::error::RunError;
use crate::observe::{Event, Observer};

/// How many records travel together.
const BATCH_RECORDS: u32 = 1_000;

/// Whom `explain` wants to see.
pub type Interest = Arc<dyn Fn(&Record, &Mapped) -> bool + Send + Sync>;

/// What mapping needs besides the records.
#[derive(Clone)]
pub struct Mapping {
    /// The operator's expressions and rules.
    pub script: Arc<dyn Script>,
    /// The job's policy.
    pub policy: Arc<Policy>,
    /// The records that the job owns a phone user for.
    pub linked: Arc<BTreeSet<RecordId>>,
    /// Whose records are kept for a witness; nobody's in a run.
    pub interest: Option<Interest>,
}

/// Everything that was mapped, and the records that somebody wanted to see.
#[derive(Default)]
pub struct AllMapped {
    /// By directory, in the order of ids.
    pub mapped: Vec<Mapped>,
    /// With what became of each.
    pub seen: Vec<(Record, Mapped)>,
}

/// Whose records of a directory are mapped.
#[derive(Clone, Debug)]
pub enum Whom {
    /// Everybody's.
    Everybody,
    /// Those with one of these ids.
    These(Vec<Text>),
}

/// A directory's records, as they travel.
struct Batches<'a> {
    directory: &'a Text,
    whom: &'a Whom,
    after: Option<Text>,
    asked: usize,
}

impl Batches<'_> {
    /// Gives the next ones; `None` behind the last.
    async fn next(&mut self, mirror: &mut dyn Mirror) -> Result<Option<Vec<Record>>, RunError> {
        match self.whom {
            Whom::Everybody => {
                let records = mirror.records(self.directory, self.after.as_deref(), BATCH_RECORDS).await?;
                self.after = records.last().map(|last| last.id.native.clone());
                Ok(Some(records).filter(|records| !records.is_empty()))
            }
            Whom::These(natives) => {
                let Some(few) = natives.chunks(BATCH_RECORDS as usize).nth(self.asked) else {
                    return Ok(None);
                };
                self.asked += 1;
                Ok(Some(mirror.chosen(self.directory, few).await?))
            }
        }
    }
}

/// Maps records that the mirror has of some directories.
pub async fn map_all(
    mirror: &mut dyn Mirror,
    wanted: &[(Text, Whom)],
    mapping: &Mapping,
    observer: &dyn Observer,
) -> Result<AllMapped, RunError> {
    let workers = std::thread::available_parallelism().map_or(2, usize::from);
    let mut running: JoinSet<(usize, AllMapped)> = JoinSet::new();
    let mut batches: Vec<(usize, AllMapped)> = Vec::new();
    let (mut number, mut done) = (0, 0);
    for (directory, whom) in wanted {
        let mut records = Batches { directory, whom, after: None, asked: 0 };
        while let Some(records) = records.next(mirror).await? {
            done += records.len();
            if running.len() >= workers {
                batches.extend(running.join_next().await.transpose().map_err(broken)?);
            }
            let mapping = mapping.clone();
            running.spawn_blocking(move || (number, batch(records, &mapping)));
            number += 1;
            observer.event(Event::Mapped(done));
        }
    }
    while let Some(result) = running.join_next().await {
        batches.push(result.map_err(broken)?);
    }
    batches.sort_by_key(|(number, _)| *number);
    let mut all = AllMapped::default();
    for (_, mut batch) in batches {
        all.mapped.append(&mut batch.mapped);
        all.seen.append(&mut batch.seen);
    }
    Ok(all)
}

fn batch(records: Vec<Record>, mapping: &Mapping) -> AllMapped {
    let mut out = AllMapped::default();
    for record in records {
        let linked = mapping.linked.contains(&record.id);
        let mapped = map(&record, &*mapping.script, &mapping.policy, linked);
        if mapping.interest.as_ref().is_some_and(|interest| interest(&record, &mapped)) {
            out.seen.push((record, mapped.clone()));
        }
        out.mapped.push(mapped);
    }
    out
}

fn broken(error: tokio::task::JoinError) -> RunError {
    RunError::Internal(format!("a mapping thread broke: {error}"))
}
