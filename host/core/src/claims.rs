//! Who may have which name and which number: everything that stands, is reserved, is held, or was given in this plan.
//!
//! Names compare without regard to case, numbers as they are. A value that its holder gives up in the same plan may be
//! given again, so that two users can swap; [`crate::order`] sees to the order of the writes.

use std::collections::{BTreeMap, BTreeSet};

use crate::codes;
use crate::constraint::{Reserved, emergency_number};
use crate::diag::Diagnostic;
use crate::memory::Memory;
use crate::phone::Standing;
use crate::policy::Policy;
use crate::record::RecordId;
use crate::script::NumberRange;
use crate::text::{Guid, Text, fold};

/// Who has a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Holder {
    /// A phone user, by GUID and name.
    User(Guid, Text),
    /// A hunt group, by name.
    Group(Text),
    /// An extension record that belongs to no user.
    Record,
    /// A user of this plan, by user identification.
    Planned(Text),
    /// Nobody any more: a user of that name is renamed by this plan.
    Freed,
}

/// The names and numbers of the network while a plan is made.
pub(crate) struct Claims<'a> {
    memory: &'a Memory,
    reserved: &'a Reserved,
    /// Whether `[adopt]` is on, and this job's phone users.
    adopts: bool,
    owned: BTreeSet<&'a Guid>,
    names: BTreeMap<String, Holder>,
    /// Every name that stands, whether its holder gives it up or not.
    standing_names: BTreeSet<String>,
    numbers: BTreeMap<Text, Holder>,
    /// Every number that stands, and every number that the directory gives in this run: rules do not allocate these.
    promised: BTreeSet<Text>,
    /// Where the search for a free number of a range goes on: below it everything is taken.
    next: BTreeMap<(u64, u64, usize), u64>,
}

impl<'a> Claims<'a> {
    /// Starts with what stands, less the names and numbers that their holders give up.
    pub(crate) fn new(
        standing: &Standing,
        memory: &'a Memory,
        policy: &'a Policy,
        promised: BTreeSet<Text>,
        vacated_names: &BTreeSet<Guid>,
        vacated_numbers: &BTreeSet<Guid>,
    ) -> Self {
        let mut names = BTreeMap::new();
        let mut numbers = BTreeMap::new();
        for extension in &standing.extensions {
            numbers.insert(extension.number.clone(), Holder::Record);
        }
        for group in &standing.groups {
            names.insert(fold(&group.name), Holder::Group(group.name.clone()));
            if let Some(number) = &group.extension {
                numbers.insert(number.clone(), Holder::Group(group.name.clone()));
            }
        }
        for user in standing.users.values() {
            let holder = Holder::User(user.guid.clone(), user.name().into());
            if !vacated_names.contains(&user.guid) {
                names.insert(fold(user.name()), holder.clone());
            }
            if let Some(number) = user.extension() {
                if vacated_numbers.contains(&user.guid) {
                    numbers.remove(number);
                } else {
                    numbers.insert(number.into(), holder);
                }
            }
        }
        let standing_names = standing.users.values().map(|user| fold(user.name())).collect();
        let owned = memory.links.values().map(|link| &link.guid).collect();
        Self {
            memory,
            reserved: &policy.reserved,
            adopts: policy.adopt.is_some(),
            owned,
            names,
            standing_names,
            numbers,
            promised,
            next: BTreeMap::new(),
        }
    }

    fn words(&self, holder: &Holder) -> String {
        match holder {
            Holder::User(guid, name) => match self.memory.elsewhere.get(guid) {
                Some(owner) => format!("the user `{name}` of the job `{}`", owner.job),
                None if self.owned.contains(guid) => format!("the user `{name}`"),
                None => format!("the user `{name}`, whom no job owns"),
            },
            Holder::Group(name) => format!("the hunt group `{name}`"),
            Holder::Record => "an extension record without a user".into(),
            Holder::Planned(key) => format!("`{key}` in this plan"),
            Holder::Freed => "nobody from now on, and goes into quarantine".into(),
        }
    }

    /// Says what to do about a value that is taken. A user whom nobody owns may be the very person.
    fn hint(&self, holder: &Holder, otherwise: &str) -> String {
        let unowned = matches!(holder, Holder::User(guid, _)
            if !self.owned.contains(guid) && !self.memory.elsewhere.contains_key(guid));
        match (unowned, self.adopts) {
            (false, _) => otherwise.to_owned(),
            (true, true) => format!(
                "if it is this person, tie the two together with `rollcall link JOB USER PHONE_USER`; else {otherwise}"
            ),
            (true, false) => format!("if it is this person, take it over with `[adopt]`; else {otherwise}"),
        }
    }

    /// Closes the names that owned users give up in this plan and that no other owned user has taken: they go into
    /// quarantine, and a new user does not get them.
    pub(crate) fn close_freed_names(&mut self) {
        for name in &self.standing_names {
            self.names.entry(name.clone()).or_insert(Holder::Freed);
        }
    }

    /// Takes the first name that is free, for `id`; one that `id` had before comes first.
    pub(crate) fn take_name(
        &mut self,
        candidates: &[&str],
        id: &RecordId,
        key: &Text,
    ) -> Result<Text, Diagnostic> {
        let mut first: Option<Diagnostic> = None;
        let former = |name: &&str| self.memory.held_names.get(fold(name).as_str()) == Some(id);
        let (own, others): (Vec<&str>, Vec<&str>) = candidates.iter().copied().partition(former);
        for name in own.into_iter().chain(others) {
            match self.name_refusal(name, id) {
                None => {
                    self.names.insert(fold(name), Holder::Planned(key.clone()));
                    return Ok(name.into());
                }
                Some(why) => _ = first.get_or_insert(why),
            }
        }
        Err(first
            .unwrap_or_else(|| Diagnostic::error(codes::USER_MISSING, "the user has no value for `name`")))
    }

    fn name_refusal(&self, name: &str, id: &RecordId) -> Option<Diagnostic> {
        let folded = fold(name);
        if let Some(holder) = self.names.get(&folded) {
            let message = format!("the name `{name}` belongs to {}", self.words(holder));
            let hint = self.hint(holder, "give candidates with `names::phone_name(user)`");
            return Some(Diagnostic::error(codes::NAME_TAKEN, message).hint(hint));
        }
        let held = self.memory.held_names.get(folded.as_str()).filter(|whose| *whose != id)?;
        let message = format!("the name `{name}` was freed by `{}` and is in quarantine", held.native);
        Some(Diagnostic::error(codes::NAME_TAKEN, message).hint("`[leavers] quarantine` says for how long"))
    }

    /// Takes the first number that the directory gives and that is free. Quarantine does not bind the directory.
    pub(crate) fn take_given(&mut self, candidates: &[&str], key: &Text) -> Result<Text, Diagnostic> {
        const ELSE: &str = "mend the number in the directory, or on the phone system";
        let mut first: Option<Diagnostic> = None;
        for &number in candidates {
            let (why, hint) = match self.numbers.get(number) {
                Some(Holder::Record) | None if !self.reserved.contains(number) => {
                    let number = Text::from(number);
                    self.numbers.insert(number.clone(), Holder::Planned(key.clone()));
                    return Ok(number);
                }
                Some(holder) if *holder != Holder::Record => {
                    let why = format!("the extension `{number}` belongs to {}", self.words(holder));
                    (why, self.hint(holder, ELSE))
                }
                _ => {
                    let why = format!("the extension `{number}` is reserved by `[numbers] reserved`");
                    (why, "give another number, or take it out of `[numbers] reserved`".to_owned())
                }
            };
            first.get_or_insert_with(|| Diagnostic::error(codes::NUMBER_TAKEN, why).hint(hint));
        }
        Err(first.unwrap_or_else(|| {
            Diagnostic::error(codes::USER_MISSING, "the user has no value for `extension`")
        }))
    }

    /// Allocates the lowest free number of a rule's range; the former number of the same person comes first.
    pub(crate) fn allocate(
        &mut self,
        range: NumberRange,
        rule: &str,
        id: &RecordId,
        key: &Text,
    ) -> Result<Text, Diagnostic> {
        let former = self.memory.former_numbers.get(id).cloned();
        if let Some(number) = former.filter(|number| inside(range, number) && self.allocatable(number, id)) {
            self.numbers.insert(number.clone(), Holder::Planned(key.clone()));
            return Ok(number);
        }
        let slot = (range.first, range.last, range.width);
        let from = self.next.get(&slot).copied().unwrap_or(range.first);
        let found =
            NumberRange { first: from, ..range }.numbers().find(|number| self.allocatable(number, id));
        let Some(number) = found.map(Text::from) else {
            self.next.insert(slot, range.last.saturating_add(1));
            let message = format!(
                "the rule `{rule}` has no free number left between {:0width$} and {:0width$}",
                range.first,
                range.last,
                width = range.width
            );
            return Err(Diagnostic::error(codes::RANGE_EXHAUSTED, message)
                .hint("widen the range, or wait until quarantined numbers are free again"));
        };
        // Whatever lies below is taken or held for the whole plan: whom a number is held for has been asked for it above.
        self.next.insert(slot, number.parse::<u64>().unwrap_or(from));
        self.numbers.insert(number.clone(), Holder::Planned(key.clone()));
        Ok(number)
    }

    fn allocatable(&self, number: &str, id: &RecordId) -> bool {
        !self.numbers.contains_key(number)
            && !self.promised.contains(number)
            && !self.reserved.contains(number)
            && !emergency_number(number)
            && self.memory.held_numbers.get(number).is_none_or(|whose| whose == id)
    }

    /// Tells whether nobody has or gets a name: good for a temporary one.
    pub(crate) fn name_unknown(&self, name: &str) -> bool {
        !self.names.contains_key(&fold(name))
            && !self.standing_names.contains(&fold(name))
            && !self.memory.held_names.contains_key(fold(name).as_str())
    }

    /// Tells whether nobody has or gets a number: good for a temporary one.
    pub(crate) fn number_unknown(&self, number: &str) -> bool {
        !self.numbers.contains_key(number)
            && !self.promised.contains(number)
            && !self.reserved.contains(number)
            && !emergency_number(number)
            && !self.memory.held_numbers.contains_key(number)
    }

    /// Gives back what a user took who is skipped after all.
    pub(crate) fn give_back(&mut self, name: Option<&str>, number: Option<&str>) {
        if let Some(name) = name {
            self.names.remove(&fold(name));
        }
        if let Some(number) = number {
            self.numbers.remove(number);
        }
    }
}

fn inside(range: NumberRange, number: &str) -> bool {
    number.len() == range.width
        && number.parse::<u64>().is_ok_and(|n| (range.first..=range.last).contains(&n))
}
