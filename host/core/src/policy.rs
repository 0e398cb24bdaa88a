//! What the job file decides about a plan, as plain data.

use std::collections::{BTreeMap, BTreeSet};

use crate::constraint::Reserved;
use crate::field::Field;
use crate::memory::MatchedBy;
use crate::phone::Abilities;
use crate::record::RecordId;
use crate::text::Text;

/// When an existing user's field follows the directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnUpdate {
    /// The directory wins; a value changed by hand is written back.
    Always,
    /// Written while the phone system has none.
    Once,
    /// New only.
    Never,
}

/// What an update does where the directory gives no value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhenEmpty {
    /// Cleared if this job wrote the value and it still stands.
    Clear,
    /// Kept.
    Keep,
}

/// How one mapped field is treated on update.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FieldPolicy {
    /// When it follows the directory.
    pub on_update: OnUpdate,
    /// What happens where the directory gives none.
    pub when_empty: WhenEmpty,
}

impl FieldPolicy {
    /// Gives the contract's default for a field.
    pub fn default_of(field: Field) -> Self {
        Self {
            on_update: if field.updatable() { OnUpdate::Always } else { OnUpdate::Never },
            when_empty: if field == Field::Extension { WhenEmpty::Keep } else { WhenEmpty::Clear },
        }
    }
}

/// What happens to a user whom no provisioning rule matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum WhenNoRule {
    /// Made with the system's defaults.
    #[default]
    Defaults,
    /// Skipped by choice.
    Skip,
    /// Skipped with an error.
    Error,
}

/// Whose number wins where rule and directory both give one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum NumberPrecedence {
    /// The rule's.
    #[default]
    Rule,
    /// The directory's.
    Directory,
}

/// A limit: a number, or a share of the users that the job owns, rounded up.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Limit {
    /// So many.
    Count(u32),
    /// So many per cent.
    Percent(f64),
}

impl Limit {
    /// Gives the limit as a number of users.
    pub fn of(self, owned: usize) -> usize {
        match self {
            Limit::Count(count) => count as usize,
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a share of a count of users"
            )]
            // The small subtraction keeps 5 % of 100 at 5: 100 * 0.05 is a little over 5 in binary.
            Limit::Percent(percent) => (owned as f64 * percent / 100.0 - 1e-9).ceil().max(0.0) as usize,
        }
    }
}

/// The limits of `[guard]`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limits {
    /// Deletes.
    pub max_delete: Limit,
    /// Creates; `None`: no limit.
    pub max_create: Option<Limit>,
    /// Updates; `None`: no limit.
    pub max_update: Option<Limit>,
    /// Users who lose a value or a group.
    pub max_clear: Limit,
    /// The least size of a reading, against the last one that passed.
    pub min_directory: Limit,
    /// Over how many milliseconds the limits hold for the sum; 0: for each run by itself; `None`: the job does not say.
    pub window_ms: Option<u64>,
}

/// The window of a scheduled run whose job does not give one, in milliseconds.
const WINDOW_MS: u64 = 24 * 60 * 60 * 1000;

impl Limits {
    /// Gives the window of a run in milliseconds, where it has one. Unattended runs have one unless the job says no.
    pub fn window(&self, scheduled: bool) -> Option<u64> {
        self.window_ms.or(scheduled.then_some(WINDOW_MS)).filter(|window| *window > 0)
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_delete: Limit::Percent(10.0),
            max_create: None,
            max_update: None,
            max_clear: Limit::Percent(10.0),
            min_directory: Limit::Percent(80.0),
            window_ms: None,
        }
    }
}

/// How users that stand on the phone system already are taken over: `[adopt]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Adopt {
    /// By what they are matched, tried in this order: e-mail, extension, name.
    pub by: Vec<MatchedBy>,
    /// Fields that are left as they stand until the directory's value next changes.
    pub keep: BTreeSet<Field>,
    /// Whether a run that nobody watches adopts too.
    pub unattended: bool,
}

impl Default for Adopt {
    fn default() -> Self {
        Self {
            by: vec![MatchedBy::Email, MatchedBy::Extension, MatchedBy::Name],
            keep: BTreeSet::from([Field::Name, Field::Extension]),
            unattended: false,
        }
    }
}

/// Everything that the job file says about matching, provisioning, planning and guarding.
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    /// The tick New.
    pub new: bool,
    /// The tick Update.
    pub update: bool,
    /// The tick Delete.
    pub delete: bool,
    /// The mapped fields.
    pub fields: BTreeMap<Field, FieldPolicy>,
    /// The codes that are drawn, each with how many digits it has.
    pub random: BTreeMap<Field, u8>,
    /// `[rules] when_no_rule`.
    pub when_no_rule: WhenNoRule,
    /// `[rules] number_precedence`.
    pub number_precedence: NumberPrecedence,
    /// `[numbers] reserved`.
    pub reserved: Reserved,
    /// The place of each directory, by name, where the job states an order; the lowest comes first.
    pub precedence: BTreeMap<Text, u32>,
    /// `[adopt]`; `None`: users that stand already are left alone.
    pub adopt: Option<Adopt>,
    /// Whether somebody watches this run, so that it may adopt without `[adopt] unattended`.
    pub attended: bool,
    /// `[guard]`.
    pub limits: Limits,
    /// What the phone system can be asked to write.
    pub abilities: Abilities,
}

impl Policy {
    /// Gives the one of several records with the same user identification that counts: the only one of the directory that
    /// comes first. `None`: the job states no order, or that directory has several.
    pub fn winner<'a>(&self, ids: &'a [RecordId]) -> Option<&'a RecordId> {
        let rank = |id: &RecordId| self.precedence.get(&id.directory);
        let first = ids.iter().min_by_key(|id| rank(id).copied().unwrap_or(u32::MAX))?;
        rank(first)?;
        ids.iter().all(|id| id == first || id.directory != first.directory).then_some(first)
    }
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            new: false,
            update: false,
            delete: false,
            fields: BTreeMap::new(),
            random: BTreeMap::new(),
            when_no_rule: WhenNoRule::default(),
            number_precedence: NumberPrecedence::default(),
            reserved: Reserved::default(),
            precedence: BTreeMap::new(),
            adopt: None,
            attended: true,
            limits: Limits::default(),
            abilities: Abilities::all(),
        }
    }
}
