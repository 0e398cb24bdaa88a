//! Step 8, apply: a cleared plan, one operation after another, each journalled before it is sent and after its answer.

use std::collections::BTreeMap;

use rollcall_core::field::{Field, Value, groups_of};
use rollcall_core::guard::Cleared;
use rollcall_core::memory::Link;
use rollcall_core::ops::{self, Write};
use rollcall_core::order::{Good, Move, goods};
use rollcall_core::phone::{PhoneUser, Standing};
use rollcall_core::plan::{Action, Change};
use rollcall_core::verify::{Outcome, verify};
use rollcall_core::{Diagnostic, RecordId, Text, codes};
use rollcall_edges::clock::Clock;
use rollcall_edges::office::{Office, OfficeError};
use rollcall_edges::state::{Intent, LinkChange, Settled, State};

use crate::error::{Class, RunError, office as office_diagnostic};
use crate::observe::{Cancel, Event, Observer};
use crate::settle::{Found, settle};

/// How many moves are journalled together before the first of them is sent.
const WINDOW_MOVES: usize = 64;

/// What applying needs of the outside.
pub struct Tools<'a> {
    /// The phone system.
    pub office: &'a dyn Office,
    /// The journal and the ledger.
    pub state: &'a dyn State,
    /// The time.
    pub clock: &'a dyn Clock,
    /// Who watches.
    pub observer: &'a dyn Observer,
    /// Who may ask to stop.
    pub cancel: &'a Cancel,
    /// How long a write whose answer was lost is looked for, in milliseconds.
    pub settle_ms: u64,
}

/// What the apply came to.
#[derive(Debug, Default)]
pub struct Applied {
    /// One outcome for each change.
    pub outcomes: Vec<Outcome>,
    /// Why it stopped before its end.
    pub stopped: Option<(Class, Vec<Diagnostic>)>,
    /// The signal that stopped it.
    pub signal: Option<i32>,
}

/// Applies a cleared plan under a run id. `snapshot` and `links` are what the plan was made from.
///
/// # Errors
/// Only the state's: without a journal nothing more is sent.
pub async fn apply(
    cleared: Cleared<'_>,
    run: &Text,
    snapshot: &Standing,
    links: BTreeMap<RecordId, Link>,
    tools: &Tools<'_>,
) -> Result<Applied, RunError> {
    let plan = cleared.plan();
    let outcomes = vec![Outcome::Planned; plan.changes.len()];
    let mut applier = Applier {
        run,
        snapshot,
        links,
        tools,
        seq: 0,
        parked: BTreeMap::new(),
        lost_element: None,
        kept: BTreeMap::new(),
        applied: Applied { outcomes, ..Applied::default() },
    };
    let mut done = 0;
    for window in plan.order.chunks(WINDOW_MOVES) {
        let planned = applier.intend_window(&plan.changes, window).await?;
        let mut steps = window.iter().zip(planned);
        while let Some((step, ops)) = steps.next() {
            if let Some(signal) = tools.cancel.signal() {
                applier.applied.signal = Some(signal);
                applier.leave(std::iter::once(ops).chain(steps.map(|(_, ops)| ops))).await?;
                return Ok(applier.applied);
            }
            applier.step(&plan.changes, step, ops).await?;
            done += 1;
            tools.observer.event(Event::Applied(done, plan.order.len()));
            if applier.applied.stopped.is_some() {
                applier.leave(steps.map(|(_, ops)| ops)).await?;
                return Ok(applier.applied);
            }
        }
    }
    Ok(applier.applied)
}

struct Applier<'a> {
    run: &'a Text,
    snapshot: &'a Standing,
    links: BTreeMap<RecordId, Link>,
    tools: &'a Tools<'a>,
    seq: u32,
    /// The temporary values that users hold, by the place of their change.
    parked: BTreeMap<usize, Vec<(Field, Value)>>,
    /// Set once an update lost something that nobody planned: no update follows.
    lost_element: Option<Text>,
    /// Names and numbers that a change was to free and did not, each with the user who still has it.
    kept: BTreeMap<Good, Text>,
    applied: Applied,
}

/// An operation with its place in the journal.
type Planned = (u32, Write);

/// Why a change did not go through.
enum Broken {
    /// Its outcome; the run goes on.
    Change(Outcome),
    /// The run stops here.
    Run(Outcome, Class, Box<Diagnostic>),
}

impl Applier<'_> {
    /// Journals what is known of a window of moves in one transaction. The values that a parked user holds are known
    /// here too, because the parking stands before its change in the order.
    async fn intend_window(
        &mut self,
        changes: &[Change],
        window: &[Move],
    ) -> Result<Vec<Vec<Planned>>, RunError> {
        let (mut intents, mut planned) = (Vec::new(), Vec::new());
        for step in window {
            let (index, writes) = match step {
                Move::Do(index) => {
                    let parked = self.parked.get(index).map(Vec::as_slice).unwrap_or_default();
                    (*index, ops::writes(&changes[*index], parked))
                }
                Move::Park { change, field, value } => {
                    let writes = ops::park(&changes[*change], *field, value);
                    self.parked.entry(*change).or_default().push((*field, Value::Text(value.clone())));
                    (*change, writes)
                }
            };
            planned.push(self.number(index, &changes[index], writes, &mut intents));
        }
        self.tools.state.intend(self.run, &intents).await?;
        Ok(planned)
    }

    fn number(
        &mut self,
        index: usize,
        change: &Change,
        writes: Vec<Write>,
        intents: &mut Vec<Intent>,
    ) -> Vec<Planned> {
        let mut planned = Vec::with_capacity(writes.len());
        for write in writes {
            intents.push(Intent {
                seq: self.seq,
                change: u32::try_from(index).unwrap_or(u32::MAX),
                id: Some(change.id.clone()),
                key: change.key.clone(),
                write: write.clone(),
            });
            planned.push((self.seq, write));
            self.seq += 1;
        }
        planned
    }

    async fn step(&mut self, changes: &[Change], step: &Move, ops: Vec<Planned>) -> Result<(), RunError> {
        let index = match step {
            Move::Do(index) | Move::Park { change: index, .. } => *index,
        };
        let change = &changes[index];
        if self.applied.outcomes[index] != Outcome::Planned {
            return self.abandon(&ops, "not sent: an earlier step of the change failed").await;
        }
        if let Some(why) = self.refusal(change) {
            self.abandon(&ops, &why.message).await?;
            self.broke(index, change, Outcome::Failed(why.user(change.key.clone())));
            return Ok(());
        }
        let result = match step {
            Move::Park { .. } => self.all(index, change, ops).await?.map(|_| None),
            Move::Do(_) => self.change(index, change, ops).await?.map(Some),
        };
        match result {
            Ok(Some(())) => self.applied.outcomes[index] = Outcome::Applied,
            Ok(None) => {}
            Err(Broken::Change(outcome)) => self.broke(index, change, outcome),
            Err(Broken::Run(outcome, class, why)) => {
                self.broke(index, change, outcome);
                self.applied.stopped = Some((class, vec![*why]));
            }
        }
        Ok(())
    }

    /// Tells why a change must not be sent after what went wrong before it.
    fn refusal(&self, change: &Change) -> Option<Diagnostic> {
        if let Some(name) = self.lost_element.as_ref().filter(|_| change.action == Action::Update) {
            let message = format!(
                "not sent: the update of `{name}` changed more than was planned, so updates have stopped"
            );
            return Some(Diagnostic::error(codes::OFFICE_UNEXPECTED, message));
        }
        let (_, takes) = goods(change);
        let (taken, holder) = takes.iter().find_map(|good| Some((good, self.kept.get(good)?)))?;
        let message = format!("not sent: `{holder}` still has `{}`, because its own change failed", taken.1);
        Some(
            Diagnostic::error(codes::STALE, message).hint("run again: the plan is made from what stands now"),
        )
    }

    /// Notes that a change failed: whatever it was to free may still stand.
    fn broke(&mut self, index: usize, change: &Change, outcome: Outcome) {
        let holder = change.name.clone().unwrap_or_else(|| change.key.clone());
        self.kept.extend(goods(change).0.into_iter().map(|good| (good, holder.clone())));
        self.applied.outcomes[index] = outcome;
    }

    /// Settles what was journalled and is not sent any more.
    async fn leave(&self, rest: impl Iterator<Item = Vec<Planned>> + Send) -> Result<(), RunError> {
        for ops in rest {
            self.abandon(&ops, "not sent: the run stopped before").await?;
        }
        Ok(())
    }

    /// Writes a change and holds what stands afterwards against it.
    async fn change(
        &mut self,
        index: usize,
        change: &Change,
        ops: Vec<Planned>,
    ) -> Result<Result<(), Broken>, RunError> {
        let mut stands = match self.all(index, change, ops).await? {
            Ok(stands) => stands,
            Err(broken) => return Ok(Err(broken)),
        };
        if change.action == Action::Create
            && let Some(guid) = stands.as_ref().map(|user| user.guid.clone())
        {
            let mut intents = Vec::new();
            let ops = self.number(index, change, ops::memberships(change, &guid), &mut intents);
            self.tools.state.intend(self.run, &intents).await?;
            match self.all(index, change, ops).await? {
                Ok(last) => stands = last.or(stands),
                Err(broken) => return Ok(Err(broken)),
            }
        }
        let wrong = stands.and_then(|stands| verify(change, &stands).err());
        Ok(wrong.map_or(Ok(()), |why| Err(Broken::Change(Outcome::Failed(why)))))
    }

    /// Does operations until one fails; gives the user as the last of them left it.
    async fn all(
        &mut self,
        index: usize,
        change: &Change,
        ops: Vec<Planned>,
    ) -> Result<Result<Option<PhoneUser>, Broken>, RunError> {
        let mut stands = None;
        let mut made_record = None;
        for (at, (seq, write)) in ops.iter().enumerate() {
            match self.one(change, *seq, write).await? {
                Ok(user) => {
                    stands = user.or(stands);
                    if let Write::CreateExtension { number, .. } = write {
                        made_record = Some(number.clone());
                    }
                }
                Err(broken) => {
                    self.abandon(&ops[at + 1..], "not sent: an earlier step of the change failed").await?;
                    // A user that was refused leaves no extension record behind.
                    if let (Write::CreateUser { .. }, Some(number), Broken::Change(Outcome::Failed(_))) =
                        (write, made_record, &broken)
                    {
                        self.take_back(index, change, number).await?;
                    }
                    return Ok(Err(broken));
                }
            }
        }
        Ok(Ok(stands))
    }

    async fn take_back(&mut self, index: usize, change: &Change, number: Text) -> Result<(), RunError> {
        let mut intents = Vec::new();
        let ops = self.number(index, change, vec![Write::DeleteExtension { number }], &mut intents);
        self.tools.state.intend(self.run, &intents).await?;
        for (seq, write) in ops {
            // What fails here is in the journal; the change has failed already.
            let _ = self.one(change, seq, &write).await?;
        }
        Ok(())
    }

    async fn abandon(&self, ops: &[Planned], why: &str) -> Result<(), RunError> {
        for (seq, _) in ops {
            self.tools
                .state
                .settle(self.run, *seq, &Settled::Failed(why.into()), None, self.tools.clock.now())
                .await?;
        }
        Ok(())
    }

    /// Does one operation and settles it.
    async fn one(
        &mut self,
        change: &Change,
        seq: u32,
        write: &Write,
    ) -> Result<Result<Option<PhoneUser>, Broken>, RunError> {
        let answer = match self.tools.office.write(write).await {
            Err(OfficeError::Unsure(_)) => {
                match settle(self.tools.office, write, self.snapshot, self.tools.settle_ms).await {
                    Ok(Found::Applied(user)) => Ok(user),
                    Ok(Found::Unknown(why)) => Err(OfficeError::Unsure(why)),
                    Err(error) => {
                        // It may have taken place: whatever the look-up says of itself, the write stays unknown.
                        Err(OfficeError::Unsure(format!(
                            "the answer was lost, and looking for it failed: {error}"
                        )))
                    }
                }
            }
            answer => answer,
        };
        let now = self.tools.clock.now();
        match answer {
            Ok(user) => {
                let link = self.link_after(change, write, user.as_ref());
                self.tools.state.settle(self.run, seq, &Settled::Applied, link.as_ref(), now).await?;
                Ok(Ok(user))
            }
            Err(error) => {
                let why = office_diagnostic(&error).user(change.key.clone());
                let (settled, outcome) = match &error {
                    OfficeError::Unsure(_) => {
                        (Settled::Unknown(why.message.clone()), Outcome::Unknown(why.clone()))
                    }
                    _ => (Settled::Failed(why.message.clone()), Outcome::Failed(why.clone())),
                };
                self.tools.state.settle(self.run, seq, &settled, None, now).await?;
                if matches!(error, OfficeError::Unexpected(_)) {
                    self.lost_element = change.name.clone().or(Some(change.key.clone()));
                }
                Ok(Err(match error {
                    OfficeError::Unreachable { .. } | OfficeError::Untrusted { .. } => {
                        Broken::Run(outcome, Class::Office, Box::new(why))
                    }
                    OfficeError::Denied(_) => Broken::Run(outcome, Class::Denied, Box::new(why)),
                    OfficeError::Damaged(_) => Broken::Run(outcome, Class::Error, Box::new(why)),
                    _ => Broken::Change(outcome),
                }))
            }
        }
    }

    /// Gives what an operation that took place does to the link.
    fn link_after(&mut self, change: &Change, write: &Write, user: Option<&PhoneUser>) -> Option<LinkChange> {
        match write {
            Write::CreateUser { fields, .. } => {
                let birth = change.birth.clone().unwrap_or_default();
                let link = Link {
                    id: change.id.clone(),
                    key: change.key.clone(),
                    guid: user.map(|user| user.guid.clone())?,
                    written: fields.clone(),
                    rule: birth.rule,
                    number_by_rule: birth.number_by_rule,
                    record: birth.extension.and(change.extension.clone()),
                    missing: None,
                };
                Some(self.put(link))
            }
            Write::UpdateUser { set, .. } => {
                let mut link = self.links.get(&change.id)?.clone();
                link.key = change.key.clone();
                for (field, value) in set {
                    match value {
                        Some(value) => _ = link.written.insert(*field, value.clone()),
                        None => _ = link.written.remove(field),
                    }
                }
                Some(self.put(link))
            }
            Write::RenumberExtension { from, to } => {
                let mut link =
                    self.links.get(&change.id).filter(|link| link.record.as_ref() == Some(from))?.clone();
                link.record = Some(to.clone());
                Some(self.put(link))
            }
            Write::AddMember { group, .. } => self.member(&change.id, group, true),
            Write::RemoveMember { group, .. } => self.member(&change.id, group, false),
            // The link goes with the last step of the delete, so that a crash in between is finished by the next run.
            Write::DeleteUser { .. } if change.record.is_none() => Some(self.remove(change)),
            Write::DeleteExtension { .. } if change.action == Action::Delete => Some(self.remove(change)),
            Write::DeleteUser { .. } | Write::DeleteExtension { .. } | Write::CreateExtension { .. } => None,
        }
    }

    fn put(&mut self, link: Link) -> LinkChange {
        self.links.insert(link.id.clone(), link.clone());
        LinkChange::Put(Box::new(link))
    }

    fn member(&mut self, id: &RecordId, group: &Text, added: bool) -> Option<LinkChange> {
        let mut link = self.links.get(id)?.clone();
        let groups = groups_of(&link.written).iter().filter(|other| *other != group).cloned();
        match Value::list_of(groups.chain(added.then(|| group.clone()))) {
            Some(groups) => _ = link.written.insert(Field::GroupMembership, groups),
            None => _ = link.written.remove(&Field::GroupMembership),
        }
        Some(self.put(link))
    }

    fn remove(&mut self, change: &Change) -> LinkChange {
        self.links.remove(&change.id);
        LinkChange::Remove {
            id: change.id.clone(),
            name: change.name.clone(),
            number: change.extension.clone(),
        }
    }
}
