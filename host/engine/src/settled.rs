//! Who need not be mapped again: a mark for each owned user stands for the record, the link and the phone user, as they are,
//! under a job, its rules and a phone system as they are. The marks of those about whom a plan had nothing to do and nothing
//! to say are kept; whoever has one of them at a later run is settled.
//!
//! A mark speaks of contents alone. So it does not matter which run it comes from, what became of that one's plan, or
//! whether a file was put back from a backup: whatever differs makes another mark.

use std::collections::BTreeMap;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use rollcall_core::memory::{Link, Memory};
use rollcall_core::phone::{PhoneUser, Standing};
use rollcall_core::plan::Plan;
use rollcall_core::settled::Settled;
use rollcall_core::{RecordId, Text};
use rollcall_edges::clock::Instant;
use rollcall_edges::mirror::{self, Mirror, RecordDigest};
use sha2::{Digest as _, Sha256};

use crate::error::RunError;

/// What stands for one user on all sides.
type Mark = [u8; 16];

/// The marks of a job's users as they are.
pub(crate) struct Marks {
    now: BTreeMap<RecordId, Mark>,
    /// Those that were kept, each with what is left out for the user.
    kept: BTreeMap<Mark, Arc<[Text]>>,
    /// When everybody was mapped last.
    since: Instant,
    /// The mirror's versions, by directory: the records are those of just these.
    versions: Vec<(Text, Option<Text>)>,
    /// Who was read, in the order of directories and ids.
    read: Vec<RecordId>,
}

impl Marks {
    /// Looks at every owned user. `ground` has taken in what decides a plan for everybody alike; see
    /// [`Ground::fixed`](crate::steady::Ground::fixed). `kept`: the marks that count.
    pub(crate) async fn look(
        mirror: &mut dyn Mirror,
        directories: &[Text],
        memory: &Memory,
        standing: &Standing,
        ground: Sha256,
        kept: mirror::Marks,
    ) -> Result<Self, RunError> {
        let mut marks = Self {
            now: BTreeMap::new(),
            kept: BTreeMap::new(),
            since: kept.since,
            versions: Vec::new(),
            read: Vec::new(),
        };
        for (left_out, these) in kept.by_left_out {
            let left_out: Arc<[Text]> = left_out.into();
            marks.kept.extend(these.as_chunks().0.iter().map(|mark| (*mark, left_out.clone())));
        }
        let ground = ground.chain_update(of_everybody(standing));
        for directory in directories {
            marks.versions.push((directory.clone(), mirror.version(directory).await?));
            for (native, record) in mirror.digests(directory).await? {
                let id = RecordId { directory: directory.clone(), native };
                if let Some(link) = memory.links.get(&id)
                    && let Some(phone) = standing.users.get(&link.guid)
                {
                    marks.now.insert(id.clone(), mark(&ground, &record, link, phone));
                }
                marks.read.push(id);
            }
        }
        Ok(marks)
    }

    /// Gives the users who are as they were when there was nothing to do about them.
    pub(crate) fn settled(&self) -> Settled {
        let known = |(id, mark): (&RecordId, &Mark)| Some((id.clone(), self.kept.get(mark)?.clone()));
        self.now.iter().filter_map(known).collect()
    }

    /// Gives whose records were read and are not settled.
    pub(crate) fn unsettled(&self, settled: &Settled) -> impl Iterator<Item = RecordId> {
        self.read.iter().filter(|id| !settled.contains_key(id)).cloned()
    }

    /// Keeps the marks of those who were settled and of those whom the plan has found to be, unless another reading has
    /// come between: then it is not known which records the plan is of.
    pub(crate) async fn keep(
        self,
        mirror: &mut dyn Mirror,
        settled: &Settled,
        plan: &Plan,
    ) -> Result<(), RunError> {
        for (directory, version) in &self.versions {
            if version.is_none() || mirror.version(directory).await? != *version {
                return Ok(());
            }
        }
        let of = settled.iter().chain(&plan.settled);
        let of = of.filter_map(|(id, left_out)| Some((*self.now.get(id)?, left_out.clone())));
        let marks: BTreeMap<Mark, Arc<[Text]>> = of.collect();
        if marks != self.kept {
            let mut kept = mirror::Marks { since: self.since, by_left_out: BTreeMap::new() };
            for (mark, left_out) in marks {
                kept.by_left_out.entry(left_out.to_vec()).or_default().extend(mark);
            }
            mirror.keep_marks(&kept).await?;
        }
        Ok(())
    }
}

/// Says what of a phone system is the same for everybody, in an order that does not depend on its answers': where a rule's
/// system and a group's spelling are looked up. A group's number is nobody's business here.
fn of_everybody(standing: &Standing) -> String {
    let mut systems: Vec<_> = standing
        .systems
        .iter()
        .map(|system| (&system.name, system.primary, &system.fqdn, &system.lan1, &system.lan2))
        .collect();
    let mut groups: Vec<_> = standing.groups.iter().map(|group| &group.name).collect();
    systems.sort();
    groups.sort();
    format!("{systems:?} {groups:?}")
}

/// Makes a user's mark. Codes are left out: no plan looks at the code of somebody who stands.
fn mark(ground: &Sha256, record: &RecordDigest, link: &Link, phone: &PhoneUser) -> Mark {
    let Link {
        id,
        key,
        guid,
        written,
        kept,
        matched_by,
        rule,
        number_by_rule,
        user_template,
        extension,
        record: own,
        missing,
    } = link;
    let mut feed = Feed(ground.clone());
    (record, phone.fingerprint).hash(&mut feed);
    (id, key, guid, matched_by, rule, number_by_rule, user_template, extension, own, missing).hash(&mut feed);
    for fields in [written, kept] {
        let open = fields.iter().filter(|(field, _)| !field.secret());
        open.clone().count().hash(&mut feed);
        open.for_each(|entry| entry.hash(&mut feed));
    }
    let whole = feed.0.finalize();
    std::array::from_fn(|at| whole[at])
}

/// Lets a digest take in whatever can be hashed.
struct Feed(Sha256);

impl Hasher for Feed {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// A mark is longer than what a hasher gives.
    fn finish(&self) -> u64 {
        let [a, b, c, d, e, f, g, h, ..]: [u8; 32] = self.0.clone().finalize().into();
        u64::from_le_bytes([a, b, c, d, e, f, g, h])
    }
}
