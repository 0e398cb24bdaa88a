//! Step 8, apply: a cleared plan, one operation after another, each journalled before it is sent and after its answer.
//!
//! An operation is marked as sent in the transaction that settles the one before it, so that the journal costs one
//! transaction an operation and a crash leaves at most one of which it is not known whether it took place.

use std::collections::BTreeMap;

use rollcall_core::field::{Field, Value};
use rollcall_core::guard::Cleared;
use rollcall_core::memory::Link;
use rollcall_core::ops::{self, Write};
use rollcall_core::order::{Good, Move, goods};
use rollcall_core::phone::PhoneUser;
use rollcall_core::plan::{Action, Change, group_moves};
use rollcall_core::verify::{Outcome, verify};
use rollcall_core::{Diagnostic, RecordId, Text, codes};
use rollcall_edges::clock::Instant;
use rollcall_edges::office::{OfficeError, Taken};
use rollcall_edges::state::{Intent, LinkChange, Settled, Settlement};

use crate::before::Before;
use crate::broken::{Broken, Lost};
use crate::drawing::{Made, draw, waits};
use crate::error::{Class, RunError, handover, office as office_diagnostic};
use crate::known::KnownUsers;
use crate::ledger::Ledger;
use crate::observe::Event;
use crate::settle::{Found, settle};
use crate::taken::stale;
use crate::tools::Tools;

/// How many moves are journalled together before the first of them is sent.
const WINDOW_MOVES: usize = 64;

/// What the plan was made from, and what an earlier attempt has done of it.
pub struct Basis {
    /// The users that stood.
    pub known: KnownUsers,
    /// The job's links.
    pub links: BTreeMap<RecordId, Link>,
    /// What was done before an interruption; nothing in a run that begins.
    pub before: Before,
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

/// Applies a cleared plan under a run id.
///
/// # Errors
/// Only the state's: without a journal, or where another run has taken over, nothing more is sent.
pub async fn apply(
    cleared: Cleared<'_>,
    run: &Text,
    basis: Basis,
    tools: &Tools<'_>,
) -> Result<Applied, RunError> {
    let plan = cleared.plan();
    let Basis { known, links, before } = basis;
    let outcomes = (0..plan.changes.len()).map(|index| before.broken(index).unwrap_or(Outcome::Planned));
    let mut applier = Applier {
        run,
        applied: Applied { outcomes: outcomes.collect(), ..Applied::default() },
        seq: before.next_seq(),
        known,
        ledger: Ledger::new(links),
        before,
        tools,
        sent: None,
        parked: BTreeMap::new(),
        lost_element: None,
        differs: None,
        kept: BTreeMap::new(),
    };
    let mut done = 0;
    for window in plan.order.chunks(WINDOW_MOVES) {
        let planned = applier.intend_window(&plan.changes, window).await?;
        for (step, ops) in window.iter().zip(planned) {
            if !applier.stops() {
                applier.step(&plan.changes, step, ops).await?;
                done += 1;
                tools.observer.event(Event::Applied(done, plan.order.len()));
            }
        }
        if applier.stops() {
            break;
        }
    }
    applier.withdraw().await?;
    Ok(applier.applied)
}

struct Applier<'a> {
    run: &'a Text,
    known: KnownUsers,
    ledger: Ledger,
    before: Before,
    tools: &'a Tools<'a>,
    seq: u32,
    /// The operation that the journal has as sent, since when, and that was not settled yet.
    sent: Option<(u32, Instant)>,
    /// The temporary values that users hold, by the place of their change.
    parked: BTreeMap<usize, Vec<(Field, Value)>>,
    /// Set once an update lost something that nobody planned: no update follows.
    lost_element: Option<Text>,
    /// What of the change's new user is not as it was sent.
    differs: Option<Diagnostic>,
    /// Names and numbers that a change was to free and did not, each with the user who still has it.
    kept: BTreeMap<Good, Text>,
    applied: Applied,
}

/// Operations that were journalled together, each with its place in the journal.
struct Planned {
    ops: Vec<(u32, Write)>,
    /// The first place behind everything that was journalled with them.
    end: u32,
}

impl Applier<'_> {
    /// Tells whether nothing more may be begun, and notes the signal that says so.
    fn stops(&mut self) -> bool {
        self.applied.signal = self.applied.signal.or(self.tools.cancel.signal());
        self.applied.signal.is_some() || self.applied.stopped.is_some()
    }

    /// Takes back the mark of an operation that is not sent after all.
    async fn withdraw(&mut self) -> Result<(), RunError> {
        match self.sent.take() {
            Some((seq, _)) => Ok(self.tools.state.withdraw(self.run, seq).await?),
            None => Ok(()),
        }
    }

    /// Journals what is known of a window of moves in one transaction. The values that a parked user holds are known
    /// here too, because the parking stands before its change in the order.
    async fn intend_window(&mut self, changes: &[Change], window: &[Move]) -> Result<Vec<Planned>, RunError> {
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
            planned.push(self.number(index, &changes[index], writes, &mut intents)?);
        }
        self.intend(&intents).await?;
        let end = self.seq;
        Ok(planned.into_iter().map(|ops| Planned { ops, end }).collect())
    }

    /// Journals the operations of one change that are known only now.
    async fn intend_more(
        &mut self,
        index: usize,
        change: &Change,
        writes: Vec<Write>,
    ) -> Result<Planned, RunError> {
        let mut intents = Vec::new();
        let ops = self.number(index, change, writes, &mut intents)?;
        self.intend(&intents).await?;
        Ok(Planned { ops, end: self.seq })
    }

    async fn intend(&mut self, intents: &[Intent]) -> Result<(), RunError> {
        if let Some(first) = intents.first() {
            self.withdraw().await?;
            let mark = self.tools.mark();
            self.tools.state.intend(self.run, intents, Some(mark)).await?;
            self.sent = Some((first.seq, mark.at));
        }
        Ok(())
    }

    /// Gives operations their places and draws their codes; what took place before an interruption is left out.
    fn number(
        &mut self,
        index: usize,
        change: &Change,
        writes: Vec<Write>,
        intents: &mut Vec<Intent>,
    ) -> Result<Vec<(u32, Write)>, RunError> {
        let mut planned = Vec::with_capacity(writes.len());
        for write in writes {
            if self.before.took_place(index, &write) {
                continue;
            }
            let write = draw(write, change, self.tools.codes.draw)?;
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
        Ok(planned)
    }

    async fn step(&mut self, changes: &[Change], step: &Move, ops: Planned) -> Result<(), RunError> {
        let index = step.change();
        let change = &changes[index];
        if self.applied.outcomes[index] != Outcome::Planned {
            return self.abandon(&ops.ops, "not sent: an earlier step of the change failed").await;
        }
        if let Some(why) = self.refusal(change) {
            self.abandon(&ops.ops, &why.message).await?;
            self.broke(index, change, Outcome::Failed(why.user(change.key.clone())));
            return Ok(());
        }
        let result = match step {
            Move::Park { .. } => self.all(index, change, ops).await?.map(|_| None),
            Move::Do(_) => self.change(index, change, ops).await?.map(Some),
        };
        match result {
            Ok(Some(())) => self.applied.outcomes[index] = Outcome::Applied,
            Ok(None) | Err(Broken::Signal) => {}
            Err(Broken::Handover(why)) => self.applied.stopped = Some((Class::Error, vec![*why])),
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
        let link = self.ledger.link(&change.id).filter(|_| change.action == Action::Create);
        if link.is_some_and(|link| self.known.has(&link.guid)) {
            let message = "not sent: the person still has the former phone user, because its delete failed";
            return Some(Diagnostic::error(codes::STALE, message));
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

    /// Writes a change and holds what stands afterwards against it.
    async fn change(
        &mut self,
        index: usize,
        change: &Change,
        ops: Planned,
    ) -> Result<Result<(), Broken>, RunError> {
        self.differs = None;
        let mut stands = match self.all(index, change, ops).await? {
            Ok(stands) => stands,
            Err(broken) => return Ok(Err(broken)),
        };
        let made = self.ledger.link(&change.id).filter(|_| change.action == Action::Create);
        if let Some(guid) = made.map(|link| link.guid.clone()) {
            let more = self.intend_more(index, change, ops::memberships(change, &guid)).await?;
            match self.all(index, change, more).await? {
                Ok(last) => stands = last.or(stands),
                Err(broken) => return Ok(Err(broken)),
            }
        }
        let wrong = self.differs.take().or_else(|| stands.and_then(|stands| verify(change, &stands).err()));
        Ok(wrong.map_or(Ok(()), |why| Err(Broken::Change(Outcome::Failed(why)))))
    }

    /// Does operations until one fails; gives the user as the last of them left it.
    async fn all(
        &mut self,
        index: usize,
        change: &Change,
        planned: Planned,
    ) -> Result<Result<Option<PhoneUser>, Broken>, RunError> {
        let mut stands = None;
        let mut made_record = self.before.made_record(index);
        for (at, (seq, write)) in planned.ops.iter().enumerate() {
            if self.stops() {
                return Ok(Err(Broken::Signal));
            }
            // Memberships of a new user are journalled behind everything else of the window and come next.
            let more = matches!(write, Write::CreateUser { .. }) && !group_moves(change).0.is_empty();
            let follows = !more && seq + 1 < planned.end;
            let answer = match stale(self.tools.office, change, write, made_record.is_some()).await {
                Some(why) => Err(self.failed(change, *seq, why).await?),
                None => self.one(change, *seq, write, follows.then_some(seq + 1)).await?,
            };
            match answer {
                Ok(user) => {
                    stands = user.or(stands);
                    if let Write::CreateExtension { number, .. } = write {
                        made_record = Some(number.clone());
                    }
                }
                Err(Broken::Handover(why)) => return Ok(Err(Broken::Handover(why))),
                Err(broken) => {
                    let rest = &planned.ops[at + 1..];
                    self.abandon(rest, "not sent: an earlier step of the change failed").await?;
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
        // Somebody may have given the number, record and all, to another user meanwhile.
        if !matches!(self.tools.office.taken("", Some(&number)).await, Ok(None | Some(Taken::Record(_)))) {
            return Ok(());
        }
        let planned = self.intend_more(index, change, vec![Write::DeleteExtension { number }]).await?;
        for (seq, write) in planned.ops {
            // What fails here is in the journal; the change has failed already.
            let _ = self.one(change, seq, &write, None).await?;
        }
        Ok(())
    }

    async fn abandon(&mut self, ops: &[(u32, Write)], why: &str) -> Result<(), RunError> {
        let settled = Settled::Failed(why.into());
        for (seq, _) in ops {
            self.settle(*seq, &settled, None, None).await?;
        }
        Ok(())
    }

    async fn settle(
        &mut self,
        seq: u32,
        settled: &Settled,
        link: Option<&LinkChange>,
        next: Option<u32>,
    ) -> Result<(), RunError> {
        let generation = self.tools.generation;
        let settlement = Settlement { seq, settled, link, next, generation, recovering: false };
        let now = self.tools.clock.now();
        self.tools.state.settle(self.run, settlement, now).await?;
        self.sent = next.map(|next| (next, now)).or(self.sent.filter(|(sent, _)| *sent != seq));
        Ok(())
    }

    /// Does one operation and settles it; `next` is sent after it where it succeeds.
    async fn one(
        &mut self,
        change: &Change,
        seq: u32,
        write: &Write,
        next: Option<u32>,
    ) -> Result<Result<Option<PhoneUser>, Broken>, RunError> {
        let sent = match self.sent {
            Some((before, sent)) if before == seq => sent,
            _ => {
                self.withdraw().await?;
                let mark = self.tools.mark();
                self.tools.state.start(self.run, seq, mark).await?;
                self.sent = Some((seq, mark.at));
                mark.at
            }
        };
        let answer = match self.tools.office.write(&write.sent()).await {
            Err(OfficeError::Unsure(_)) => self.lost(write).await,
            Err(OfficeError::Differs { message, user }) => {
                let why = Diagnostic::error(codes::OFFICE_UNEXPECTED, message);
                self.differs = Some(why.user(change.key.clone()));
                Ok(Some(*user))
            }
            Err(error) => Err(Lost::Error(error)),
            Ok(user) => Ok(user),
        };
        let error = match answer {
            Ok(user) => {
                let made = Made { run: self.run, key: &change.key, sent, write };
                if let Err(mut why) = self.tools.codes.hand_over(made, false).await {
                    // It stays open in the journal, with its codes; whoever recovers the run hands it over.
                    self.sent = None;
                    let who = change.name.as_ref().unwrap_or(&change.key);
                    why.message = format!("`{who}` was made and not handed over yet: {}", why.message);
                    why.hint = format!("{}; {}", why.hint, waits(self.run));
                    return Ok(Err(Broken::Handover(Box::new(handover(&why)))));
                }
                let link = self.ledger.after(change, write, user.as_ref());
                self.settle(seq, &Settled::Applied, link.as_ref(), next).await?;
                return Ok(Ok(user));
            }
            Err(Lost::Absent) => {
                let message = "the call was lost on its way, and did not take place";
                let why = Diagnostic::error(codes::OFFICE_LOST, message).user(change.key.clone());
                self.settle(seq, &Settled::Failed(message.into()), None, None).await?;
                return Ok(Err(Broken::Change(Outcome::Failed(why))));
            }
            // It stays open in the journal, so that the next run looks for it before it plans anything.
            Err(Lost::Open(message)) => {
                let why = Diagnostic::error(codes::OFFICE_UNSURE, message).user(change.key.clone());
                self.sent = None;
                return Ok(Err(Broken::Run(Outcome::Unknown(why.clone()), Class::Office, Box::new(why))));
            }
            Err(Lost::Error(error)) => error,
        };
        Ok(Err(self.failed(change, seq, error).await?))
    }

    /// Settles an operation that did not take place, or of which it is not known.
    async fn failed(&mut self, change: &Change, seq: u32, error: OfficeError) -> Result<Broken, RunError> {
        let why = office_diagnostic(&error).user(change.key.clone());
        let (settled, outcome) = match &error {
            OfficeError::Unsure(_) => (Settled::Unknown(why.message.clone()), Outcome::Unknown(why.clone())),
            _ => (Settled::Failed(why.message.clone()), Outcome::Failed(why.clone())),
        };
        self.settle(seq, &settled, None, None).await?;
        if matches!(error, OfficeError::Unexpected(_)) {
            self.lost_element = change.name.clone().or(Some(change.key.clone()));
        }
        Ok(match error {
            OfficeError::Unreachable { .. } | OfficeError::Untrusted { .. } => {
                Broken::Run(outcome, Class::Office, Box::new(why))
            }
            OfficeError::Denied(_) => Broken::Run(outcome, Class::Denied, Box::new(why)),
            OfficeError::Damaged(_) => Broken::Run(outcome, Class::Error, Box::new(why)),
            _ => Broken::Change(outcome),
        })
    }

    /// Looks for a write whose answer was lost.
    async fn lost(&self, write: &Write) -> Result<Option<PhoneUser>, Lost> {
        match settle(self.tools.office, write, &self.known, self.tools.settle_ms).await {
            Ok(Found::Applied(user)) => Ok(user),
            Ok(Found::Absent) => Err(Lost::Absent),
            Ok(Found::Unknown(why)) => Err(Lost::Error(OfficeError::Unsure(why))),
            // It may have taken place: whatever the look-up says of itself, the write stays unknown.
            Err(error) => Err(Lost::Open(format!("the answer was lost, and looking for it failed: {error}"))),
        }
    }
}
