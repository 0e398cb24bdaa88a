//! What rollcall remembers of a job, read as of one instant. Time has become facts here, so that a plan needs no clock.

use std::collections::{BTreeMap, BTreeSet};

use crate::diag::Diagnostic;
use crate::field::{Field, Fields, Value};
use crate::guard::Window;
use crate::record::RecordId;
use crate::script::ExtensionKind;
use crate::settled::Settled;
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
    /// What this job wrote last, and what it found as the directory gives it when it adopted the user. Any other field
    /// is absent; groups are those it made the user a member of.
    pub written: Fields,
    /// Fields of an adopted user that are left as they stand, each with what the directory gave at the adoption: while it
    /// gives just that, nothing is written.
    pub kept: Fields,
    /// How the phone user was matched; `None`: this job made it.
    pub matched_by: Option<MatchedBy>,
    /// The provisioning rule that the user was made with.
    pub rule: Option<Text>,
    /// Whether the number came from the rule's range.
    pub number_by_rule: bool,
    /// The user template that this job made the user from.
    pub user_template: Option<Text>,
    /// What this job made the extension record from.
    pub extension: Option<ExtensionKind>,
    /// The number of the extension record that this job made, and so may delete; it moves with the record.
    pub record: Option<Text>,
    /// Since when complete readings lack the record.
    pub missing: Option<Missing>,
}

impl Link {
    /// Tells whether a field of an adopted user stays as it stands, because the directory still gives what it gave then.
    pub fn keeps(&self, field: Field, given: Option<&Value>) -> bool {
        given.is_some() && self.kept.get(&field) == given
    }
}

/// How a phone user that stood already came to its directory user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MatchedBy {
    /// By the equal e-mail address.
    Email,
    /// By the equal extension.
    Extension,
    /// By the equal name.
    Name,
    /// By hand: `rollcall link`.
    Hand,
    /// By a file: `rollcall links import`.
    Import,
}

impl MatchedBy {
    /// Every way.
    pub const ALL: [MatchedBy; 5] =
        [MatchedBy::Email, MatchedBy::Extension, MatchedBy::Name, MatchedBy::Hand, MatchedBy::Import];

    /// The word in JSON, in files and in the state.
    pub const fn word(self) -> &'static str {
        match self {
            MatchedBy::Email => "email",
            MatchedBy::Extension => "extension",
            MatchedBy::Name => "name",
            MatchedBy::Hand => "hand",
            MatchedBy::Import => "import",
        }
    }

    /// Finds a way by its word.
    pub fn by_word(word: &str) -> Option<MatchedBy> {
        MatchedBy::ALL.into_iter().find(|by| by.word() == word)
    }

    /// Gives the field that is compared; none where somebody decided.
    pub const fn field(self) -> Option<Field> {
        match self {
            MatchedBy::Email => Some(Field::Email),
            MatchedBy::Extension => Some(Field::Extension),
            MatchedBy::Name => Some(Field::Name),
            MatchedBy::Hand | MatchedBy::Import => None,
        }
    }
}

/// A phone user that another job owns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Elsewhere {
    /// The job.
    pub job: Text,
    /// The user identification there.
    pub key: Text,
}

/// A name and a number that an interrupted run may have given to a user of which it is not known whether it was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unsure {
    /// The run.
    pub run: Text,
    /// The name.
    pub name: Option<Text>,
    /// The number.
    pub extension: Option<Text>,
}

/// A leaver's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
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
    /// Owned users whose records were read and are not mapped, because there is nothing to do about them; see
    /// [`settled`](crate::settled).
    pub settled: Settled,
    /// Leavers whose grace has passed and whom this reading would be at least the second to lack.
    pub due: BTreeSet<RecordId>,
    /// The job's grace, for people: `7 days`.
    pub grace: Text,
    /// When the grace of each leaver that is known as one ends, for people: `2026-12-03 14:00 UTC`.
    pub due_from: BTreeMap<RecordId, Text>,
    /// The leaver whose grace somebody has ended by name; it is `due` as well.
    pub delete_now: Option<RecordId>,
    /// Names (case-folded) in quarantine, each with the id of whoever freed it and alone may have it back.
    pub held_names: BTreeMap<Text, RecordId>,
    /// Numbers in quarantine, likewise.
    pub held_numbers: BTreeMap<Text, RecordId>,
    /// Of everybody who freed numbers that are in quarantine, the one that was freed last.
    pub former_numbers: BTreeMap<RecordId, Text>,
    /// Phone users that other jobs own, by GUID.
    pub elsewhere: BTreeMap<Guid, Elsewhere>,
    /// Records of the job's very directories that another job on this phone system owns a user for.
    pub others_records: BTreeMap<RecordId, Elsewhere>,
    /// The job that this one is or was by another name, where it owns nobody.
    pub same_job: Option<Text>,
    /// Users that an interrupted run of any job is not sure to have made.
    pub unsure: Vec<Unsure>,
    /// How many users the last reading that passed the guard had, by directory.
    pub baseline: BTreeMap<Text, u32>,
    /// Why nothing is deleted this time, whoever is due: the scope changed, the clock jumped, a recording is replayed.
    pub deletes_held: Option<Diagnostic>,
    /// What the job's runs applied within the window of the limits; `None`: the limits hold for each run by itself.
    pub window: Option<Window>,
    /// The parts of the job (`directory.settings.filter`, `provisioning.rhai`) that are not as they were at the last run
    /// that passed.
    pub changed: Vec<Text>,
}
