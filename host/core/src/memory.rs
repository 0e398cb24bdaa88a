//! What rollcall remembers of a job, read as of one instant. Time has become facts here, so that a plan needs no clock.

use std::collections::{BTreeMap, BTreeSet};

use crate::diag::Diagnostic;
use crate::field::Fields;
use crate::guard::Window;
use crate::record::RecordId;
use crate::text::{Guid, Text};

/// The tie between a directory user and the phone user that this job made or adopted.
#[derive(Clone, Debug, PartialEq)]
pub struct Link {
    /// Whose record it is: the immutable id.
    pub id: RecordId,
    /// The user identification at the last sync.
    pub key: Text,
    /// The phone user.
    pub guid: Guid,
    /// What this job wrote last. A field that it never wrote is absent; groups are those it made the user a member of.
    pub written: Fields,
    /// The provisioning rule that the user was made with.
    pub rule: Option<Text>,
    /// Whether the number came from the rule's range.
    pub number_by_rule: bool,
    /// The number of the extension record that this job made, and so may delete; it moves with the record.
    pub record: Option<Text>,
    /// Since when complete readings lack the record.
    pub missing: Option<Missing>,
}

/// A leaver's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Missing {
    /// When the first complete reading lacked it, in milliseconds since 1970.
    pub since_ms: i64,
    /// How many complete readings have lacked it.
    pub reads: u32,
}

/// Everything that a plan must know besides the directory and the phone system.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    /// The job's links.
    pub links: BTreeMap<RecordId, Link>,
    /// Leavers whose grace has passed and whom this reading would be at least the second to lack.
    pub due: BTreeSet<RecordId>,
    /// The leaver whose grace somebody has ended by name; it is `due` as well.
    pub delete_now: Option<RecordId>,
    /// Names (case-folded) in quarantine, each with the id of whoever freed it and alone may have it back.
    pub held_names: BTreeMap<Text, RecordId>,
    /// Numbers in quarantine, likewise.
    pub held_numbers: BTreeMap<Text, RecordId>,
    /// Of everybody who freed numbers that are in quarantine, the one that was freed last.
    pub former_numbers: BTreeMap<RecordId, Text>,
    /// How many users the last reading that passed the guard had.
    pub baseline: Option<u32>,
    /// Why nothing is deleted this time, whoever is due: the scope changed, the clock jumped, a recording is replayed.
    pub deletes_held: Option<Diagnostic>,
    /// What the job's runs applied within the window of the limits; `None`: the limits hold for each run by itself.
    pub window: Option<Window>,
    /// The parts of the job (`directory.settings.filter`, `provisioning.rhai`) that are not as they were at the last run
    /// that passed.
    pub changed: Vec<Text>,
}
