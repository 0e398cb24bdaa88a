//! Step 6, plan: matching, provisioning and comparing in one call that gives a plain value.
//!
//! The same inputs give the same plan, byte for byte. A plan of an incomplete reading changes nothing.

use std::collections::{BTreeMap, BTreeSet};

use crate::adoption::{self, Adoption};
use crate::codes;
use crate::diag::{Diagnostic, Severity};
use crate::diff::{FieldChange, diff};
use crate::drift::Drift;
use crate::elsewhere;
use crate::field::{Field, Value};
use crate::groups::keep_known_groups;
use crate::leavers::{delete, leavers};
use crate::map::{Mapped, Skip};
use crate::memory::{Link, Memory};
use crate::notes::{differing_rule, disabled_strangers, notes};
use crate::order::{Move, order};
use crate::pair::pair;
use crate::phone::{PhoneUser, Standing};
use crate::policy::Policy;
use crate::provision::{Birth, Desired, Provisioned, Stands, provision};
use crate::record::RecordId;
use crate::records::{self, Numbers};
use crate::script::Script;
use crate::settled::{self, Settled};
use crate::text::{Guid, Text, count};
use crate::weak::Tally;
use crate::witness::{Step, Witness};

/// What a change does, in the order in which plans list them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Action {
    /// Makes a phone user.
    Create,
    /// Links a phone user that stands there already.
    Adopt,
    /// Changes an owned user.
    Update,
    /// Deletes an owned user.
    Delete,
    /// Leaves a user alone, with a reason.
    #[default]
    Skip,
}

impl Action {
    /// The word in JSON.
    pub const fn word(self) -> &'static str {
        match self {
            Action::Create => "create",
            Action::Adopt => "adopt",
            Action::Update => "update",
            Action::Delete => "delete",
            Action::Skip => "skip",
        }
    }
}

/// What happens to one user.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Change {
    /// What it does.
    pub action: Action,
    /// Whose record it is.
    pub id: RecordId,
    /// The user identification.
    pub key: Text,
    /// The phone user; `None` until it is made.
    pub guid: Option<Guid>,
    /// The Name: the new one, or the one that stands where it is deleted.
    pub name: Option<Text>,
    /// The extension, likewise.
    pub extension: Option<Text>,
    /// The system, likewise.
    pub system: Option<Text>,
    /// The provisioning rule.
    pub rule: Option<Text>,
    /// Why, for people. Nothing else reads it.
    pub reason: String,
    /// What changes.
    pub fields: Vec<FieldChange>,
    /// What a new user gets besides its fields; of a delete, what it would take to make the user again.
    pub birth: Option<Birth>,
    /// How a user that stood already is taken over.
    pub adoption: Option<Adoption>,
    /// Whether the link ends with this update: the job lets the phone user go, which stays.
    pub unlinks: bool,
    /// The number of the extension record that moves or goes with the user.
    pub record: Option<Text>,
    /// The phone user's fingerprint when the plan was made.
    pub seen: Option<[u8; 16]>,
    /// The reasons of a skip.
    pub why: Vec<Diagnostic>,
}

impl Change {
    /// Gives a changed field.
    pub fn field(&self, field: Field) -> Option<&FieldChange> {
        self.fields.iter().find(|change| change.field == field)
    }

    /// Tells whether somebody who stays loses a value or a group.
    pub fn clears(&self) -> bool {
        matches!(self.action, Action::Update | Action::Adopt)
            && self.fields.iter().any(|change| match (&change.from, &change.to) {
                (Some(_), None) => true,
                (Some(Value::List(from)), Some(Value::List(to))) => {
                    from.iter().any(|group| !to.contains(group))
                }
                _ => false,
            })
    }
}

/// A leaver whose delete is not due yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pending {
    /// The user identification.
    pub key: Text,
    /// The Name, if the phone user still stands.
    pub name: Option<Text>,
    /// Its extension, likewise.
    pub extension: Option<Text>,
    /// Why it is not deleted now.
    pub why: String,
}

impl Pending {
    /// Says when a leaver is deleted that so many complete reads have missed, and whose grace ends then.
    pub fn waits(reads: u32, from: &str) -> String {
        let missed = if reads == 1 { "has" } else { "have" };
        let reads = count(reads, "complete read");
        format!(
            "left the directory, {reads} {missed} missed the user; deleted from {from} on, after one more complete read"
        )
    }
}

/// What the pull came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// Whether every user in scope was read.
    pub complete: bool,
    /// How many users each directory gave, by its name within the job. Nothing where no directory was read.
    pub users: BTreeMap<Text, usize>,
}

impl Reading {
    /// A complete reading of which only the number of users matters: no directory's last one is held against it.
    pub fn counted(users: usize) -> Self {
        Self { complete: true, users: [(Text::default(), users)].into() }
    }

    /// Tells whether there are several directories, so that a user's own is to be named.
    pub fn of_several(&self) -> bool {
        self.users.len() > 1
    }

    /// Counts the users of all directories.
    pub fn total(&self) -> usize {
        self.users.values().sum()
    }
}

/// A plan: a value that can be shown, kept, cleared by the guard, and then applied.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// The changes by action, then user identification.
    pub changes: Vec<Change>,
    /// In which order they are written.
    pub order: Vec<Move>,
    /// Owned users for whom nothing changes: user identification, Name and extension.
    pub unchanged: Vec<(Text, Text, Option<Text>)>,
    /// How many more there are, where nobody asked who they are.
    pub unlisted: usize,
    /// Owned users who need not be mapped again while record, link and phone user are as they are.
    pub settled: Settled,
    /// Leavers whose delete is not due yet.
    pub pending: Vec<Pending>,
    /// What concerns no single change, and what somebody should know of one.
    pub diagnostics: Vec<Diagnostic>,
    /// Owned records that the reading lacks.
    pub missing: Vec<RecordId>,
    /// Owned records that the reading has, with their present user identification.
    pub present: Vec<(RecordId, Text)>,
    /// How many users the job owns.
    pub owned: usize,
    /// How many owned users are gone from the phone system although the directory has them.
    pub vanished: usize,
    /// The reading that it comes from.
    pub reading: Reading,
    /// Whether it rests on a complete reading of both sides.
    pub complete: bool,
    /// Whether there is something to apply.
    pub applyable: bool,
    /// Whether users were skipped with errors.
    pub errored: bool,
    /// The run whose inverse this is; such a plan comes from no reading of the directory.
    pub undoes: Option<Text>,
}

impl Plan {
    /// Gives what a run of the plan is called: `undo`, `reprovision` where a person is deleted and made again, else `sync`.
    pub fn kind(&self) -> &'static str {
        let deleted: BTreeSet<&RecordId> = self
            .changes
            .iter()
            .filter(|change| change.action == Action::Delete)
            .map(|change| &change.id)
            .collect();
        let moved = |change: &Change| change.action == Action::Create && deleted.contains(&change.id);
        match self.undoes {
            Some(_) => "undo",
            None if self.changes.iter().any(moved) => "reprovision",
            None => "sync",
        }
    }

    /// Counts the owned users for whom nothing changes.
    pub fn unchanged_users(&self) -> usize {
        self.unchanged.len() + self.unlisted
    }

    /// Counts the changes of an action.
    pub fn count(&self, action: Action) -> usize {
        self.changes.iter().filter(|change| change.action == action).count()
    }

    /// Counts the users that stand and of whom something is written: updates, and adoptions that change a field.
    pub fn updates(&self) -> usize {
        let writes = |change: &&Change| match change.action {
            Action::Update => true,
            Action::Adopt => !change.fields.is_empty(),
            Action::Create | Action::Delete | Action::Skip => false,
        };
        self.changes.iter().filter(writes).count()
    }
}

/// Makes the plan.
pub fn plan(
    mapped: Vec<Mapped>,
    reading: Reading,
    standing: &Standing,
    memory: &Memory,
    script: &dyn Script,
    policy: &Policy,
    witness: &mut dyn Witness,
) -> Plan {
    let (owned, unlisted) = (memory.links.len(), memory.settled.len());
    let mut plan = Plan { owned, unlisted, complete: reading.complete, reading, ..Plan::default() };
    remember(&mut plan, &mapped, memory, standing);
    let pairings = pair(mapped, memory, standing, policy);
    for pairing in &pairings {
        witness.saw(Step::Matched(pairing));
    }
    let deletes = leavers(&mut plan, &pairings, memory, script, policy);
    let numbers = Numbers::of(standing);
    let (provisioned, claims) = provision(pairings, standing, memory, policy, &deletes);
    let Provisioned { desired, skipped, left } = provisioned;
    let mut held_back = 0;
    let mut drift = Drift::of(memory);
    let mut unknown_groups: BTreeSet<Text> =
        memory.settled.values().flat_map(|names| names.iter().cloned()).collect();
    let mut weak = Tally::default();
    for (mut desired, owner) in desired {
        let strange = keep_known_groups(&mut desired, standing);
        witness.saw(Step::Provisioned(&desired));
        let said = |plan: &Plan, drift: &Drift| (plan.diagnostics.len(), drift.stays());
        let before = said(&plan, &drift);
        plan.diagnostics.append(&mut desired.draft.notes.clone());
        plan.diagnostics.append(&mut desired.notes.clone());
        match owner {
            None => {
                weak.count(&desired);
                plan.changes.push(create(desired, policy));
            }
            Some(Stands { link, phone, adopted: Some(by) }) => {
                rename_warning(&mut plan, &desired, phone);
                plan.changes.push(adoption::change(&desired, by, &link, phone, policy, &numbers));
            }
            Some(Stands { link, phone, adopted: None }) => {
                match update(&mut plan, &desired, &link, phone, policy, &numbers, &mut drift) {
                    Update::Written => {}
                    Update::HeldBack => held_back += 1,
                    Update::Nothing => {
                        if said(&plan, &drift) == before && settled::alone(&desired, &link, phone) {
                            plan.settled.insert(desired.draft.id, strange.as_slice().into());
                        }
                    }
                }
            }
        }
        unknown_groups.extend(strange);
    }
    plan.changes.extend(
        left.into_iter()
            .filter(|(link, _)| deletes.contains(&link.guid))
            .map(|(link, phone)| delete(link, phone, &numbers, memory.delete_now.as_ref() == Some(&link.id))),
    );
    let (idle, skipped): (Vec<Skip>, Vec<Skip>) =
        skipped.into_iter().partition(|skip| disabled_stranger(skip, memory));
    plan.changes.extend(skipped.into_iter().map(skip));
    plan.changes.sort_by(|a, b| (a.action, &a.key, &a.id).cmp(&(b.action, &b.key, &b.id)));
    notes(&mut plan, policy, held_back, &unknown_groups);
    disabled_strangers(&mut plan, idle.len());
    plan.diagnostics.extend(elsewhere::warning(&plan, memory));
    plan.diagnostics.extend(drift.notes());
    plan.diagnostics.extend(weak.warnings());
    records::settle(&mut plan.changes, &numbers);
    plan.order = order(&mut plan.changes, &claims);
    for change in &plan.changes {
        witness.saw(Step::Planned(change));
    }
    plan.diagnostics.sort_by(|a, b| {
        (a.severity, a.code, &a.user, &a.message).cmp(&(b.severity, b.code, &b.user, &b.message))
    });
    plan.errored = plan
        .changes
        .iter()
        .any(|c| c.action == Action::Skip && c.why.iter().any(|d| d.severity == Severity::Error));
    if !plan.complete {
        plan.order.clear();
    }
    plan.applyable = !plan.order.is_empty();
    plan
}

/// Notes which owned records were read, and which phone users are gone.
fn remember(plan: &mut Plan, mapped: &[Mapped], memory: &Memory, standing: &Standing) {
    let mut read: BTreeMap<&RecordId, Option<&Text>> = BTreeMap::new();
    for mapped in mapped {
        let key = match mapped {
            Mapped::Draft(draft) => Some(&draft.key),
            Mapped::Skipped(_) => None,
        };
        read.insert(mapped.id(), key);
    }
    for link in memory.links.values() {
        match read.get(&link.id) {
            Some(key) => {
                plan.present.push((link.id.clone(), key.unwrap_or(&link.key).clone()));
                plan.vanished += usize::from(!standing.users.contains_key(&link.guid));
            }
            None if memory.settled.contains_key(&link.id) => {}
            // A leaver who is gone may be a delete that was cut off before its last call.
            None => plan.missing.push(link.id.clone()),
        }
    }
}

/// Tells whether a skip is of a disabled account for which nobody has a telephone: there may be many, and nothing is to be
/// said of each.
fn disabled_stranger(skip: &Skip, memory: &Memory) -> bool {
    skip.why.iter().all(|why| why.code == codes::ACCOUNT_DISABLED) && !memory.links.contains_key(&skip.id)
}

pub(crate) fn create(desired: Desired, policy: &Policy) -> Change {
    let fields: Vec<FieldChange> = desired
        .fields
        .iter()
        .filter(|(field, _)| policy.abilities.writes(**field))
        .map(|(field, value)| FieldChange {
            field: *field,
            from: None,
            to: Some(value.clone()),
            drift: false,
        })
        .collect();
    let text = |field| crate::field::text_of(&desired.fields, field).map(Text::from);
    let rule = desired.birth.as_ref().and_then(|birth| birth.rule.clone());
    Change {
        action: Action::Create,
        name: text(Field::Name),
        extension: text(Field::Extension),
        reason: rule.as_ref().map_or("new in the directory; no provisioning rule".into(), |rule| {
            format!("new in the directory; provisioning rule `{rule}`")
        }),
        rule,
        id: desired.draft.id,
        key: desired.draft.key,
        guid: None,
        system: Some(desired.system),
        fields,
        birth: desired.birth,
        adoption: None,
        unlinks: false,
        record: None,
        seen: None,
        why: Vec::new(),
    }
}

/// What there was to do about an owned user.
enum Update {
    /// Something, and the plan does it.
    Written,
    /// Something, and the tick is off.
    HeldBack,
    /// Nothing.
    Nothing,
}

/// Adds the update of an owned user, or counts it as unchanged.
fn update(
    plan: &mut Plan,
    desired: &Desired,
    link: &Link,
    phone: &PhoneUser,
    policy: &Policy,
    numbers: &Numbers<'_>,
    drift: &mut Drift,
) -> Update {
    differing_rule(plan, desired, link, phone, numbers.standing);
    let fields = diff(desired, phone, link, policy);
    let record = records::of_update(&fields, link, phone, numbers).filter(|_| policy.abilities.extensions);
    if policy.update {
        drift.written_back(&fields);
        drift.kept(desired, phone, link, &fields, policy);
    }
    let nothing = fields.is_empty() && record.is_none();
    if nothing || !policy.update {
        plan.unchanged.push((
            desired.draft.key.clone(),
            phone.name().into(),
            phone.extension().map(Text::from),
        ));
        return if nothing { Update::Nothing } else { Update::HeldBack };
    }
    rename_warning(plan, desired, phone);
    let text = |field| crate::field::text_of(&desired.fields, field).map(Text::from);
    plan.changes.push(Change {
        action: Action::Update,
        id: desired.draft.id.clone(),
        key: desired.draft.key.clone(),
        guid: Some(phone.guid.clone()),
        name: text(Field::Name),
        extension: text(Field::Extension),
        system: Some(phone.system.clone()),
        rule: link.rule.clone(),
        reason: match &record {
            Some(record) if fields.is_empty() => {
                format!("the user's extension record was left behind on the number {record}")
            }
            _ => drift.reason(&fields, link),
        },
        fields,
        birth: None,
        adoption: None,
        unlinks: false,
        record,
        seen: Some(phone.fingerprint),
        why: Vec::new(),
    });
    Update::Written
}

/// Warns where a user that stands gets another name.
fn rename_warning(plan: &mut Plan, desired: &Desired, phone: &PhoneUser) {
    if crate::field::text_of(&desired.fields, Field::Name).is_some_and(|name| name != phone.name()) {
        let message = format!("the voicemail box follows the name: `{}` gets a new one", phone.name());
        plan.diagnostics.push(Diagnostic::warning(codes::RENAME, message).user(desired.draft.key.clone()));
    }
}

pub(crate) fn skip(skip: Skip) -> Change {
    let reasons: Vec<&str> = skip.why.iter().map(|why| why.message.as_str()).collect();
    Change {
        action: Action::Skip,
        reason: reasons.join("; "),
        id: skip.id,
        key: skip.key,
        guid: None,
        name: skip.name,
        extension: None,
        system: None,
        rule: None,
        fields: Vec::new(),
        birth: None,
        adoption: None,
        unlinks: false,
        record: None,
        seen: None,
        why: skip.why,
    }
}
