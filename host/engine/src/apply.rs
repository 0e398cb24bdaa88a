//! Step 8, apply: a cleared plan in waves (see [`rollcall_core::waves`]), each operation journalled before it is sent and
//! after its answer.
//!
//! The operations of a wave that come next are marked as sent in the transaction that settles those before them, so that
//! the journal costs one transaction a round of calls, and a crash leaves at most one round of which it is not known
//! whether it took place.

use std::collections::BTreeMap;

use rollcall_core::guard::Cleared;
use rollcall_core::memory::Link;
use rollcall_core::ops::{self, Write};
use rollcall_core::order::{Good, Move, goods};
use rollcall_core::plan::{Action, Change};
use rollcall_core::verify::Outcome;
use rollcall_core::waves::{AtOnce, waves};
use rollcall_core::{Diagnostic, Field, RecordId, Text, Value, codes};
use rollcall_edges::clock::Instant;
use rollcall_edges::state::{Intent, Settlement};

use crate::before::Before;
use crate::drawing::draw;
use crate::error::{Class, RunError};
use crate::known::KnownUsers;
use crate::ledger::Ledger;
use crate::observe::Event;
use crate::tools::Tools;
use crate::wave::{Doing, Settling};

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
        sent: BTreeMap::new(),
        parked: BTreeMap::new(),
        lost_element: None,
        kept: BTreeMap::new(),
    };
    let mut done = 0;
    for window in plan.order.chunks(WINDOW_MOVES) {
        applier
            .window(&plan.changes, window, |moves| {
                done += moves;
                tools.observer.event(Event::Applied(done, plan.order.len()));
            })
            .await?;
        if applier.stops() {
            break;
        }
    }
    applier.withdraw().await?;
    Ok(applier.applied)
}

/// A plan that is being applied.
pub(crate) struct Applier<'a> {
    pub(crate) run: &'a Text,
    pub(crate) known: KnownUsers,
    pub(crate) ledger: Ledger,
    pub(crate) before: Before,
    pub(crate) tools: &'a Tools<'a>,
    seq: u32,
    /// The operations that the journal has as sent, since when, and that were not settled yet.
    pub(crate) sent: BTreeMap<u32, Instant>,
    /// The temporary values that users hold, by the place of their change.
    parked: BTreeMap<usize, Vec<(Field, Value)>>,
    /// Set once an update lost something that nobody planned: no update follows.
    pub(crate) lost_element: Option<Text>,
    /// Names and numbers that a change was to free and did not, each with the user who still has it.
    kept: BTreeMap<Good, Text>,
    pub(crate) applied: Applied,
}

impl Applier<'_> {
    /// Tells whether nothing more may be begun, and notes the signal that says so.
    pub(crate) fn stops(&mut self) -> bool {
        self.applied.signal = self.applied.signal.or(self.tools.cancel.signal());
        self.applied.signal.is_some() || self.applied.stopped.is_some()
    }

    /// Journals a window of moves in one transaction, and does it wave by wave.
    async fn window(
        &mut self,
        changes: &[Change],
        window: &[Move],
        mut done: impl FnMut(usize),
    ) -> Result<(), RunError> {
        // Whoever is handed over is settled before the next one is made: nobody is to get a code twice.
        let at_once = match self.tools.codes.handover {
            Some(_) => AtOnce::ONE,
            None => self.tools.office.at_once(),
        };
        let waves = waves(changes, window, at_once);
        let mut intents = Vec::new();
        let mut planned = Vec::with_capacity(waves.len());
        for wave in &waves {
            planned.push(self.plan_wave(changes, wave, &mut intents)?);
        }
        self.intend(&intents, planned.first().map(|wave| firsts(wave)).unwrap_or_default()).await?;
        let mut planned = planned.into_iter().peekable();
        while let Some(wave) = planned.next() {
            if self.stops() {
                break;
            }
            let moves = wave.len();
            self.wave(wave, planned.peek().map(|next| firsts(next)).unwrap_or_default()).await?;
            done(moves);
        }
        Ok(())
    }

    /// Gives each move of a wave its operations. The values that a parked user holds are known here, because the parking
    /// stands before its change in the order.
    fn plan_wave<'p>(
        &mut self,
        changes: &'p [Change],
        wave: &[Move],
        intents: &mut Vec<Intent>,
    ) -> Result<Vec<Doing<'p>>, RunError> {
        let mut planned = Vec::with_capacity(wave.len());
        for step in wave {
            let index = step.change();
            let change = &changes[index];
            let parked = self.parked.entry(index).or_default();
            let writes = match step {
                Move::Do(_) => ops::writes(change, parked),
                Move::Park { field, value, .. } => {
                    parked.push((*field, Value::Text(value.clone())));
                    ops::park(change, *field, value)
                }
            };
            let ops = self.number(index, change, writes, intents)?;
            planned.push(Doing::new(step, change, ops, self.before.made_record(index)));
        }
        Ok(planned)
    }

    /// Gives operations their places and draws their codes; what took place before an interruption is left out.
    pub(crate) fn number(
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

    /// Journals operations, of which `send` are sent now.
    pub(crate) async fn intend(&mut self, intents: &[Intent], send: Vec<u32>) -> Result<(), RunError> {
        let mark = self.tools.mark();
        if !intents.is_empty() {
            self.tools.state.intend(self.run, intents, &send, mark).await?;
            self.sent.extend(send.into_iter().map(|seq| (seq, mark.at)));
        }
        Ok(())
    }

    /// Marks operations as sent that are not yet.
    pub(crate) async fn start(&mut self, seqs: &[u32]) -> Result<(), RunError> {
        let new: Vec<u32> = seqs.iter().copied().filter(|seq| !self.sent.contains_key(seq)).collect();
        if !new.is_empty() {
            let mark = self.tools.mark();
            self.tools.state.start(self.run, &new, mark).await?;
            self.sent.extend(new.into_iter().map(|seq| (seq, mark.at)));
        }
        Ok(())
    }

    /// Takes back the marks of operations that are not sent after all, all of them.
    async fn withdraw(&mut self) -> Result<(), RunError> {
        let seqs: Vec<u32> = self.sent.keys().copied().collect();
        self.unsend(&seqs).await
    }

    /// Takes back the marks of operations that were not sent.
    pub(crate) async fn unsend(&mut self, seqs: &[u32]) -> Result<(), RunError> {
        if !seqs.is_empty() {
            self.tools.state.withdraw(self.run, seqs).await?;
            for seq in seqs {
                self.sent.remove(seq);
            }
        }
        Ok(())
    }

    /// Settles operations, and marks as sent what comes `next`, unless nothing may.
    pub(crate) async fn settle(&mut self, settling: Settling, mut next: Vec<u32>) -> Result<(), RunError> {
        if self.stops() {
            next.clear();
        }
        next.retain(|seq| !self.sent.contains_key(seq));
        if settling.is_empty() && next.is_empty() {
            return Ok(());
        }
        let settlements: Vec<Settlement<'_>> = settling
            .iter()
            .map(|(seq, settled, link)| Settlement {
                seq: *seq,
                settled,
                link: link.as_ref(),
                recovering: false,
            })
            .collect();
        let mark = self.tools.mark();
        self.tools.state.settle(self.run, &settlements, &next, mark).await?;
        for (seq, ..) in &settling {
            self.sent.remove(seq);
        }
        self.sent.extend(next.into_iter().map(|seq| (seq, mark.at)));
        Ok(())
    }

    /// Tells why a change must not be sent after what went wrong before it.
    pub(crate) fn refusal(&self, change: &Change) -> Option<Diagnostic> {
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
    pub(crate) fn broke(&mut self, index: usize, change: &Change, outcome: Outcome) {
        let holder = change.name.clone().unwrap_or_else(|| change.key.clone());
        self.kept.extend(goods(change).0.into_iter().map(|good| (good, holder.clone())));
        self.applied.outcomes[index] = outcome;
    }
}

/// Gives the first operation of each move.
fn firsts(wave: &[Doing<'_>]) -> Vec<u32> {
    wave.iter().filter_map(Doing::next).collect()
}
